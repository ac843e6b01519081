"""`gitexp score RUN`: score recorded outputs again, or record what people say of them."""

from __future__ import annotations

import json
from typing import Any

import click

from gitexp.cli.evaluating import shown
from gitexp.cli.files import bytes_of
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.progress import progress_bar
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.run_views import stats_summary


@command(
    "score",
    examples=[
        "gitexp score 20261121T131502-k3f9q2x7 --evaluator polite",
        "gitexp score 20261121T131502 --evaluator reviewer --sample q17 --value 4",
        "gitexp score 20261121T131502 --evaluator reviewer --from reviews.csv",
    ],
)
@run_argument()
@click.option(
    "--evaluator",
    "evaluators",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Add this evaluator, or redo it; may be repeated",
)
@click.option("--sample", metavar="ID", help="Record what a person says of this sample")
@click.option("--repeat", type=click.IntRange(min=0), default=0, metavar="N", help="Of this pass")
@click.option("--value", metavar="SCORE", help="The person's score: a number, true, or a label")
@click.option("--passed/--failed", default=None, help="The person's own verdict")
@click.option("--reason", default="", metavar="TEXT", help="Why")
@click.option(
    "--from",
    "table",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Record judgements of a CSV or JSONL file: sample, value, passed, reason, repeat",
)
@click.option("--concurrency", type=click.IntRange(min=1), default=15, metavar="N", help="At once")
@output_options
def score_command(
    output: Output,
    run: str,
    evaluators: tuple[str, ...],
    sample: str | None,
    repeat: int,
    value: str | None,
    passed: bool | None,
    reason: str,
    table: str | None,
    concurrency: int,
) -> None:
    """Score the recorded outputs of a run

    The system under test is not asked again. With `--sample` or `--from`, what people say is
    recorded for an evaluator of the type human.
    """
    from gitexp.evaluation.running.judgements import read_judgements
    from gitexp.evaluation.running.rescoring import Judgement, judge, rescore

    session = output.session
    workspace, run_id = session.repository.workspace, run_id_of(session, run)
    if sample is None and table is None:
        with progress_bar(session, f"scoring {run_id}") as report:
            found = rescore(workspace, run_id, evaluators, concurrency=concurrency, progress=report)
    else:
        if len(evaluators) > 1:
            raise UsageFault("what people say is recorded for one evaluator at a time")
        if table is not None:
            judgements = read_judgements(bytes_of(session, table), table)
        elif value is None:
            raise UsageFault("which score?", hint="Give it: `--value 4`.")
        else:
            assert sample is not None
            judgements = [
                Judgement(
                    sample=sample,
                    repeat=repeat,
                    value=_plain(value),
                    passed=passed,
                    reason=reason,
                )
            ]
        found = judge(workspace, run_id, evaluators[0], judgements)
    session.say(f"scored: {stats_summary(found.stats)}")
    shown(output, found)


def _plain(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (bool, int, float)) else text
