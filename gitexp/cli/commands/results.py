"""`gitexp results`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import UsageFault, command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_listing import export_option
from gitexp.cli.run_views import group_result_table, run_hint, run_table, version_result_table
from gitexp.cli.safety import csv_text

_PAGE = 100
_KINDS = ("run", "version", "dataset", "day")


def _known_grouping(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if text in _KINDS or (text.startswith("tag:") and text != "tag:"):
        return text
    raise UsageFault(
        f"--by {text!r} is nothing that results are grouped by",
        hint=f"Use {', '.join(_KINDS)} or tag:NAME.",
    )


@command(
    "results",
    examples=[
        "gitexp results tone",
        "gitexp results tone --by version",
        'gitexp results tone --by tag:team --filter "created_at >= 2026-11-01"',
        "gitexp results tone --by version --dataset questions --format md",
    ],
)
@experiment_argument()
@click.option(
    "--by",
    "group_by",
    default="run",
    callback=_known_grouping,
    metavar="run|version|dataset|day|tag:NAME",
    help="Choose what a line stands for  [default: run]",
)
@click.option("--dataset", metavar="NAME", help="Count only runs over this dataset")
@click.option("--filter", default="", metavar="EXPR", help="Count only runs that fit")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Count only the newest N runs  [default: all; {_PAGE} by run]",
)
@export_option
@output_options
def results_command(
    output: Output,
    experiment: str,
    group_by: str,
    dataset: str | None,
    filter: str,
    limit: int | None,
    export_to: str | None,
) -> None:
    """Compare results by run, version, dataset, tag or day

    By version, the pass rate comes with its 95 % interval, the change against the parent version
    in percentage points, and the parameters that changed. FILE with --output is .parquet or .csv.
    """
    from gitexp.results.exports import check_export, export

    session = output.session
    chosen = session.experiment(experiment)
    target = session.directory / export_to if export_to else None
    if target is not None:
        check_export(target)
    found = chosen.results(group_by=group_by, dataset=dataset, filter=filter, limit=limit)
    items = found["items"]
    if any(len(item.get("datasets", ())) > 1 for item in items):
        session.say("these add up several datasets; choose one with --dataset NAME")
    if target is not None:
        from gitexp.results.tables import results_frame

        export(results_frame(items, group_by=group_by), target, cell=csv_text)
        session.say(f"results written to {target}")
        return
    if group_by == "run" and limit is None and len(items) == _PAGE:
        session.say(f"these are the newest {_PAGE} runs; --limit N shows more")
    note = "no such runs" if filter.strip() or dataset else f"no runs yet; {run_hint(experiment)}"
    table = {"run": run_table, "version": version_result_table}.get(group_by, group_result_table)
    key = {"run": "id", "version": "version", "dataset": "dataset", "day": "day"}
    ids = [item[key.get(group_by, "value")] for item in items]
    shown = table(items, note="" if items else note)
    output.listing(items, shown, ids=[i for i in ids if i], document=found)
