"""`gitexp blame`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import experiment_argument, versionless
from gitexp.cli.groups import command
from gitexp.cli.log_views import blame_table
from gitexp.cli.output import Output, output_options


@command(
    "blame",
    examples=["gitexp blame tone", "gitexp blame tone --version env:production --format json"],
)
@experiment_argument(callback=versionless)
@click.option(
    "--version",
    "revision",
    metavar="REVISION",
    default="latest",
    help="Take this version  [default: the latest]",
)
@output_options
def blame_command(output: Output, experiment: str, revision: str) -> None:
    """Say who set each value, when and why, and where it is live

    Each value goes back to the version since which it has not changed. Nothing is asked of the
    remote: bring it over with `gitexp fetch`.
    """
    found = output.session.experiment(experiment).blame(revision)
    items = [parameter.to_dict() for parameter in found.parameters]
    ids = [parameter.version for parameter in found.parameters]
    output.listing(items, blame_table(found), ids=ids, document=found.to_dict())
    for note in found.notes:
        output.session.warn(note)
