"""`gitexp results`."""

from __future__ import annotations

from typing import Literal

import click

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_views import run_hint, run_table, version_result_table

_PAGE = 100


@command(
    "results",
    examples=[
        "gitexp results tone",
        "gitexp results tone --by version",
        "gitexp results tone --by version --dataset questions --format md",
    ],
)
@experiment_argument()
@click.option(
    "--by",
    "group_by",
    type=click.Choice(["run", "version"]),
    default="run",
    metavar="run|version",
    help="Choose what a line stands for  [default: run]",
)
@click.option("--dataset", metavar="NAME", help="Count only runs over this dataset")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_PAGE,
    metavar="N",
    help=f"Count only the newest N runs  [default: {_PAGE}]",
)
@output_options
def results_command(
    output: Output,
    experiment: str,
    group_by: Literal["run", "version"],
    dataset: str | None,
    limit: int,
) -> None:
    """Compare results by run or by version

    By version, the pass rate comes with its 95 % interval, the change against the parent version
    in percentage points, and the parameters that changed.
    """
    results = output.session.experiment(experiment).results(
        group_by=group_by, limit=limit, dataset=dataset
    )
    items = results["items"]
    if any(len(item.get("datasets", ())) > 1 for item in items):
        output.session.say("these add up several datasets; choose one with --dataset NAME")
    note = "" if items else f"no runs yet; {run_hint(experiment)}"
    table = run_table if group_by == "run" else version_result_table
    key = "id" if group_by == "run" else "version"
    ids = [item[key] for item in items if item[key]]
    output.listing(items, table(items, note=note), ids=ids, document=results)
