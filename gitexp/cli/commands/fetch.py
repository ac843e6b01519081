"""`gitexp fetch`."""

from __future__ import annotations

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import ref_change_table


@command("fetch", examples=["gitexp fetch"])
@output_options
def fetch_command(output: Output) -> None:
    """Bring in what others have shared

    Experiments, environments and runs of the shared remote become visible here. Your own versions
    stay as they are; `gitexp pull` joins them.
    """
    changed = output.session.repository.fetch().changed
    table = ref_change_table(changed, nothing="nothing new on the shared remote")
    output.listing(changed, table, ids=[change.ref for change in changed])
