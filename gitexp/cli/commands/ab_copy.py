"""`gitexp ab duplicate`."""

from __future__ import annotations

import click

from gitexp.cli.ab_views import show_ab
from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options


@command(
    "duplicate",
    examples=[
        "gitexp ab duplicate tone",
        "gitexp ab duplicate tone tone-again --flag tone-2",
        "gitexp ab duplicate tone --into ../shop",
    ],
)
@experiment_argument()
@click.argument("name", metavar="[NAME]", required=False, default="")
@click.option("--title", default="", metavar="TEXT", help="Give the copy a name for people")
@click.option(
    "--flag", default="", metavar="KEY", help="Let the copy use this flag  [default: the same]"
)
@click.option("--into", metavar="DIR", help="Make the copy in the project there")
@output_options
def duplicate_command(
    output: Output, experiment: str, name: str, title: str, flag: str, into: str | None
) -> None:
    """Copy an A/B test as a new draft

    The copy is an experiment of its own, called NAME-copy unless it is named, with the variants,
    metrics, statistics, data and values of the first. In another project it keeps its name, and
    leaves values and conditions of the flag behind.
    """
    session = output.session
    found = session.experiment(experiment)
    if into is None:
        made = found.ab_test.duplicate(name, title=title, flag=flag)
    else:
        there = session.repository_at(into)
        made = there.experiments.copy_ab_test(found, name, title=title, flag=flag)
    show_ab(output, made.ab_test)
