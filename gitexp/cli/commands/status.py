"""`gitexp status`."""

from __future__ import annotations

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.status_page import status_page, status_table


@command("status", examples=["gitexp status", "gitexp status --format json"])
@output_options
def status_command(output: Output) -> None:
    """Show what is private, shared, ahead or behind

    What is known of the shared remote is what the last fetch, push or share saw there.
    """
    status = output.session.repository.status()
    if output.format == "table" and not output.quiet:
        output.text(status_page(status))
    else:
        names = [experiment.name for experiment in status.experiments]
        output.listing(status.experiments, status_table(status), ids=names, document=status)
