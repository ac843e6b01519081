"""`gitexp push`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitexp.cli.arguments import experiment_argument
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.views import ref_change_table

if TYPE_CHECKING:
    from gitexp.repository import Repository


@command("push", examples=["gitexp push", "gitexp push tone"])
@experiment_argument("experiments", nargs=-1, metavar="[EXPERIMENT]...")
@output_options
def push_command(output: Output, experiments: tuple[str, ...]) -> None:
    """Send new versions of shared experiments, and runs

    A private experiment stays private; `gitexp share` sends it for the first time.
    """
    repository = output.session.repository
    # Where nothing is shared yet, a push asks for no remote, and would claim success.
    repository.workspace.remote()
    pushed = repository.push(experiments).pushed
    private = _private(repository, experiments or repository.experiments.names())
    nothing = "nothing new to send" if private else "everything is on the shared remote already"
    output.listing(
        pushed, ref_change_table(pushed, nothing=nothing), ids=[change.ref for change in pushed]
    )
    if private:
        output.session.say(
            f"still private: {', '.join(private)}; `gitexp share EXPERIMENT` sends it"
        )


def _private(repository: Repository, names: Sequence[str]) -> list[str]:
    return [name for name in names if repository.experiments.get(name).visibility == "private"]
