"""`gitexp init`."""

from __future__ import annotations

import click

from gitexp.cli.arguments import existing_directory
from gitexp.cli.groups import command
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.tables import columns


@command(
    "init",
    examples=[
        "gitexp init",
        "gitexp init chatbot --project bot",
    ],
)
@click.argument("directory", required=False, metavar="[DIR]", type=click.Path(file_okay=False))
@click.option(
    "--project", metavar="ID", help="Set the project's id  [default: the directory's name]"
)
@click.option("--name", metavar="TEXT", help="Set the project's name for people")
@output_options
def init_command(
    output: Output, directory: str | None, project: str | None, name: str | None
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
    if not repository.created:
        session.say("this is a project already; nothing was changed")
    else:
        session.say(
            "next: declare parameters in gitexp.yaml, commit it, `gitexp experiment create`"
        )
    entry = {
        "project": repository.project.id,
        "directory": str(repository.root_directory),
        "created": repository.created,
    }
    fields = one_row(entry, columns(project="code", directory="text"))
    output.entry(entry, fields, quiet=repository.project.id)
