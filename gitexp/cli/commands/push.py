"""`gitexp push`."""

from __future__ import annotations

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import ref_change_table


@command("push", examples=["gitexp push", "gitexp push tone"])
@experiment_argument("experiments", nargs=-1, metavar="[EXPERIMENT]...")
@output_options
def push_command(output: Output, experiments: tuple[str, ...]) -> None:
    """Send new versions of shared experiments, and runs

    A private experiment stays private; `gitexp share` sends it for the first time.
    """
    pushed = output.session.repository.push(experiments).pushed
    table = ref_change_table(pushed, nothing="everything is on the shared remote already")
    output.listing(pushed, table, ids=[change.ref for change in pushed])
