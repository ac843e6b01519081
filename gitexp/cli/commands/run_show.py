"""`gitexp run show`."""

from __future__ import annotations

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument
from gitexp.cli.run_listing import shown_run
from gitexp.cli.run_page import run_page


@command(
    "show",
    examples=[
        "gitexp run show 20261121T131502-k3fgq2x7",
        "gitexp run show 20261121T1315",
        "gitexp run show 20261121T1315 --format json",
    ],
)
@run_argument()
@output_options
def show_command(output: Output, run: str) -> None:
    """Show a run

    RUN is a run id or a beginning that no other run has. Metrics are shown as they are now;
    `gitexp run history` shows how they came there.
    """
    from gitexp.runs.searching import find_run

    found = find_run(output.session.repository.workspace, run)
    document = found.to_dict()
    output.entry(document, shown_run(output, document), quiet=found.id, text=run_page(document))
