"""`gitexp entrypoint` and its verbs."""

from __future__ import annotations

import click

from gitexp.cli.catalogue import ENTRYPOINT_COMMANDS
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import LazyGroup, command, group
from gitexp.cli.job_views import entrypoint_row, entrypoint_table, entrypoints_of
from gitexp.cli.output import Output, output_options
from gitexp.cli.plain import plain
from gitexp.cli.tables import Column, Table

_PROBLEM_COLUMNS = (
    Column(key="file", title="file", kind="code"),
    Column(key="line", title="line", kind="number", optional=True),
    Column(key="place", title="place", kind="code", optional=True),
    Column(key="message", title="problem"),
)


@group("entrypoint", sections=ENTRYPOINT_COMMANDS, cls=LazyGroup)
@click.pass_context
def entrypoint_command(context: click.Context) -> None:
    """List, show and check entrypoints

    An entrypoint is a file in entrypoints/: what jobs do, with which parameters and inputs.
    Without a command, those of the project are listed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_command)


@command("list", examples=["gitexp entrypoint list", "gitexp entrypoint list --format json"])
@output_options
def list_command(output: Output) -> None:
    """List entrypoints"""
    entrypoints = entrypoints_of(output.session)
    found = entrypoints.all()
    output.listing(
        [one.to_dict() for one in found],
        entrypoint_table(found),
        ids=[one.name for one in found],
    )


@command(
    "show",
    examples=["gitexp entrypoint show nightly", "gitexp entrypoint show nightly --format json"],
)
@click.argument("entrypoint", metavar="NAME")
@output_options
def show_command(output: Output, entrypoint: str) -> None:
    """Show an entrypoint"""
    from gitexp.documents.yaml_writer import dump_yaml

    found = entrypoints_of(output.session).get(entrypoint)
    digest = entrypoint_row(found)["digest"]
    text = f"# entrypoints/{found.name}.yaml\n# {digest}\n{dump_yaml(found.definition).decode()}"
    output.entry(found.to_dict(), entrypoint_table([found]), quiet=found.name, text=text)


@command("validate", examples=["gitexp entrypoint validate", "gitexp entrypoint validate nightly"])
@click.argument("names", metavar="[NAME]...", nargs=-1)
@output_options
def validate_command(output: Output, names: tuple[str, ...]) -> None:
    """Check the files of entrypoints

    All of them by default. Exits with 3 when something is wrong in one of them.
    """
    from gitexp.documents.problems import Problem
    from gitexp.errors import InvalidDocuments

    entrypoints = entrypoints_of(output.session)
    problems: list[Problem] = []
    for name in names or entrypoints.names():
        try:
            entrypoints.get(name)
        except InvalidDocuments as exc:
            problems += exc.problems
    rows = [plain(one) for one in problems]
    table = Table(columns=_PROBLEM_COLUMNS, rows=rows, note="" if rows else "nothing is wrong")
    output.listing(rows, table, ids=[str(one) for one in problems])
    if problems:
        raise AnswerIsNo
