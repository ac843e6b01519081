"""`gitexp git-setup`."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.tables import columns

if TYPE_CHECKING:
    from gitexp.repository import Repository
    from gitexp.review.git_setup import GitSetup


@command(
    "git-setup",
    examples=["gitexp git-setup", "gitexp git-setup --shared", "gitexp git-setup --remove"],
)
@click.option(
    "--shared", is_flag=True, help="Write .gitattributes, to commit, and not for this clone alone"
)
@click.option("--remove", is_flag=True, help="Take away what an earlier call wrote")
@output_options
def git_setup_command(output: Output, shared: bool, remove: bool) -> None:
    """Let git diff and git merge understand the files

    `git diff`, `git log -p` and `git show` compare values and samples, and merges are made key by
    key. Git's settings are those of this clone; nobody else's change.
    """
    from gitexp.review.git_setup import take_back

    repository = output.session.repository
    if remove:
        done = take_back(repository.workspace)
    else:
        done = set_up_git(repository, shared=shared)
    entry = {
        "set_up": not remove,
        "changed": done.changed,
        "attributes": str(done.attributes),
        "settings": dict(done.settings),
    }
    fields = one_row(entry, columns(set_up="flag", changed="flag", attributes="text"))
    output.entry(entry, fields, quiet=str(done.attributes))
    if shared and not remove:
        output.session.say(f"next: git add {done.attributes.name} && git commit")


def set_up_git(repository: Repository, *, shared: bool = False) -> GitSetup:
    """Let git call this program in a clone, by its name where that is on the PATH."""
    from gitexp.review.git_setup import set_up

    path = repository.workspace.surroundings.environ.get("PATH")
    named = shutil.which("gitexp", path=path) is not None
    program = ["gitexp"] if named else [sys.executable, "-m", "gitexp"]
    return set_up(repository.workspace, program=program, shared=shared)
