"""`gitexp clone`."""

from __future__ import annotations

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.tables import columns


@command(
    "clone",
    examples=[
        "gitexp clone git@example.org:team/bot.git",
        "gitexp clone https://example.org/team/bot.git chatbot",
    ],
)
@click.argument("url", metavar="URL")
@click.argument("directory", required=False, metavar="[DIR]", type=click.Path())
@output_options
def clone_command(output: Output, url: str, directory: str | None) -> None:
    """Copy a project from a remote repository"""
    from gitexp.repository import Repository

    session = output.session
    target = session.directory / directory if directory else None
    repository = Repository.clone(url, target, surroundings=session.surroundings)
    entry = {"project": repository.project.id, "directory": str(repository.root_directory)}
    fields = one_row(entry, columns(project="code", directory="text"))
    output.entry(entry, fields, quiet=str(repository.root_directory))
