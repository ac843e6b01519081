"""`gitexp init`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.arguments import existing_directory
from gitexp.cli.groups import command
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.tables import columns

if TYPE_CHECKING:
    from gitexp.repository import Repository


@command(
    "init",
    examples=[
        "gitexp init",
        "gitexp init chatbot --project bot",
        "gitexp init --git-config",
    ],
)
@click.argument("directory", required=False, metavar="[DIR]", type=click.Path(file_okay=False))
@click.option(
    "--project", metavar="ID", help="Set the project's id  [default: the directory's name]"
)
@click.option("--name", metavar="TEXT", help="Set the project's name for people")
@click.option(
    "--git-config",
    is_flag=True,
    help="Let git diff and git merge understand the files, as `gitexp git-setup` does",
)
@output_options
def init_command(
    output: Output, directory: str | None, project: str | None, name: str | None, git_config: bool
) -> None:
    """Make a directory a project

    A repository is created where there is none. gitexp.yaml is written and committed; nothing
    that is there already is touched, and a second call changes nothing.
    """
    from gitexp.repository import Repository

    session = output.session
    place = existing_directory(session, directory)
    session.refuse_another_repository(place)
    repository = Repository.init(
        place, project=project, name=name, surroundings=session.surroundings
    )
    if git_config:
        from gitexp.cli.commands.git_setup import set_up_git

        set_up_git(repository)
    if not repository.created:
        session.say("this is a project already; nothing was changed")
    else:
        session.say(
            "next: declare parameters in gitexp.yaml, commit it, `gitexp experiment create`"
        )
        _offer_git_setup(output, repository)
    entry = {
        "project": repository.project.id,
        "directory": str(repository.root_directory),
        "created": repository.created,
    }
    fields = one_row(entry, columns(project="code", directory="text"))
    output.entry(entry, fields, quiet=repository.project.id)


def _offer_git_setup(output: Output, repository: Repository) -> None:
    """Say how git itself comes to understand the files, where it does not yet."""
    from gitexp.review.git_setup import is_set_up

    if not is_set_up(repository.workspace):
        output.session.say("`gitexp git-setup` lets git diff and git merge understand the files")
