"""`gitexp runs`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_views import run_hint, run_table

_PAGE = 100


@command("runs", examples=["gitexp runs tone", "gitexp runs tone --limit 5 --format json"])
@experiment_argument()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_PAGE,
    metavar="N",
    help=f"Show only the newest N  [default: {_PAGE}]",
)
@output_options
def runs_command(output: Output, experiment: str, limit: int) -> None:
    """List the runs of an experiment

    Newest first. `gitexp run` makes one, `gitexp results` compares them.
    """
    runs = output.session.experiment(experiment).runs(limit=limit)
    items = [run.to_dict() for run in runs]
    table = run_table(items, note="" if items else f"no runs yet; {run_hint(experiment)}")
    output.listing(items, table, ids=[run.id for run in runs])
