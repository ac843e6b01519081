"""`gitexp run start|log|end|checkpoint`: a run that a script tracks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from gitexp.cli.arguments import experiment_argument, tags_of, versionless
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import (
    metrics_of,
    new_run_of,
    new_run_options,
    params_of,
    push_option,
    run_argument,
    run_id_of,
    tag_option,
)
from gitexp.cli.run_views import run_table
from gitexp.cli.session import Session

_DAY = 24 * 3600.0


@command(
    "start",
    examples=[
        "run=$(gitexp run start tone --name nightly)",
        "gitexp run start tone --version latest~1 --set temperature=0.9",
    ],
)
@experiment_argument(callback=versionless)
@new_run_options
@click.option(
    "--lease",
    type=click.FloatRange(min=1),
    default=_DAY,
    metavar="SECONDS",
    help="Count it as over when nothing was logged for so long  [default: a day]",
)
@output_options
def start_command(output: Output, experiment: str, lease: float, **chosen: Any) -> None:
    """Begin a run and print its id

    Log to it with `gitexp run log` and end it with `gitexp run end`, from any process.
    """
    from gitexp.runs.tracking.starting import start_run

    session = output.session
    new = replace(new_run_of(session, experiment, **chosen), held=False, lease=lease)
    active = start_run(session.repository.workspace, new)
    run = active.snapshot()
    active.close()
    output.entry(run.to_dict(), run_table([run.to_dict()]), quiet=run.id, text=f"{run.id}\n")


@command(
    "log",
    examples=[
        "gitexp run log $run --metric loss=0.3 --metric accuracy=0.9 --step 10",
        "gitexp run log $run --param optimizer=adam --tag team=chat --artifact model.bin",
        "python train.py | gitexp run log $run --jsonl -",
    ],
)
@run_argument(required=False)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Log a metric; may be repeated",
)
@click.option("--step", type=int, default=0, metavar="N", help="The step of the metrics")
@click.option("--timestamp", type=int, metavar="MS", help="Their time, in ms since 1970")
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="Log a param; may be repeated"
)
@tag_option
@click.option(
    "--artifact", "artifacts", multiple=True, metavar="PATH", help="Keep a file or directory"
)
@click.option("--artifact-path", metavar="DIR", help="Keep it below this path of the artifacts")
@click.option(
    "--jsonl",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help='Log a line at a time, as {"metrics": {...}, "step": 1}; - reads standard input',
)
@click.pass_obj
def log_command(
    session: Session,
    run: str | None,
    metrics: tuple[str, ...],
    step: int,
    timestamp: int | None,
    params: tuple[str, ...],
    tags: tuple[str, ...],
    artifacts: tuple[str, ...],
    artifact_path: str | None,
    jsonl: Any,
) -> None:
    """Log metrics, params, tags and artifacts to a run

    What one call gives is logged together or not at all; without anything it says that the run
    goes on. RUN is taken from GITEXP_RUN_ID where it is not given.
    """
    active = session.repository.runs.open(run_id_of(session, run))
    active.log_batch(
        metrics=metrics_of(metrics),
        params=params_of(params),
        tags=tags_of(tags),
        step=step,
        timestamp=timestamp,
    )
    for path in artifacts:
        source = session.directory / path
        keep = active.log_artifacts if source.is_dir() else active.log_artifact
        keep(source, artifact_path)
    for batch in _batches(jsonl):
        active.log_batch(**batch)
    if not (metrics or params or tags or artifacts or jsonl):
        active.heartbeat()


def _batches(lines: Any) -> Iterator[dict[str, Any]]:
    known = {"metrics", "params", "tags", "step", "timestamp"}
    for number, line in enumerate(lines or (), start=1):
        if not line.strip():
            continue
        try:
            batch = json.loads(line)
        except ValueError as exc:
            raise UsageFault(f"--jsonl line {number} is no JSON: {exc}") from None
        if not isinstance(batch, dict) or set(batch) - known:
            raise UsageFault(
                f"--jsonl line {number} is no batch",
                hint=f"A line is a JSON object with {', '.join(sorted(known))}.",
            )
        yield batch


@command("end", examples=["gitexp run end $run", "gitexp run end $run --status failed --push"])
@run_argument(required=False)
@click.option(
    "--status",
    type=click.Choice(["finished", "failed", "killed"]),
    default="finished",
    metavar="finished|failed|killed",
    help="How it ended  [default: finished]",
)
@click.option("--error", metavar="TEXT", help="Say why it failed")
@push_option
@output_options
def end_command(
    output: Output, run: str | None, status: Any, error: str | None, push: bool
) -> None:
    """End a run and record it"""
    from gitexp.runs.rows import Failure

    session = output.session
    active = session.repository.runs.open(run_id_of(session, run))
    failure = Failure(type="Failed", message=error) if error else None
    ended = active.end(status, error=failure)
    if push:
        session.repository.push_runs([ended.experiment])
    document = ended.to_dict()
    output.entry(document, run_table([document]), quiet=ended.id, text=f"{ended.id}\n")


@command("checkpoint", examples=["gitexp run checkpoint $run --push"])
@run_argument(required=False)
@push_option
@click.pass_obj
def checkpoint_command(session: Session, run: str | None, push: bool) -> None:
    """Record what a run logged so far

    Others see it, once it is pushed, while the run goes on.
    """
    active = session.repository.runs.open(run_id_of(session, run))
    if not active.checkpoint(push=push):
        session.say("nothing was logged since the last checkpoint")
