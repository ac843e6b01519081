"""`gitexp ab duplicate`."""

from __future__ import annotations

import click

from gitexp.cli.ab_views import show_ab
from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options


@command(
    "duplicate",
    examples=["gitexp ab duplicate tone", "gitexp ab duplicate tone tone-again --flag tone-2"],
)
@experiment_argument()
@click.argument("name", metavar="[NAME]", required=False, default="")
@click.option("--title", default="", metavar="TEXT", help="Give the copy a name for people")
@click.option(
    "--flag", default="", metavar="KEY", help="Let the copy use this flag  [default: the same]"
)
@output_options
def duplicate_command(output: Output, experiment: str, name: str, title: str, flag: str) -> None:
    """Copy an A/B test as a new draft

    The copy is an experiment of its own, called NAME-copy unless it is named, with the variants,
    metrics, statistics, data and values of the first.
    """
    found = output.session.experiment(experiment).ab_test
    show_ab(output, found.duplicate(name, title=title, flag=flag).ab_test)
