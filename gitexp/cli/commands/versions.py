"""`gitexp versions`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import version_table


@command("versions", examples=["gitexp versions tone", "gitexp versions tone --format json"])
@experiment_argument()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show only the newest N")
@output_options
def versions_command(output: Output, experiment: str, limit: int | None) -> None:
    """List the versions of an experiment

    Tables, and ids with --quiet, show the newest first; the other formats go from the oldest to
    the newest.
    """
    versions = output.session.experiment(experiment).versions()
    versions = versions[-limit:] if limit else versions
    newest_first = output.format == "table" or output.quiet
    shown = versions[::-1] if newest_first else versions
    output.listing(shown, version_table(shown), ids=[version.version for version in shown])
