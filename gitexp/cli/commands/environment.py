"""The verbs of `gitexp env`, except those that read values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.arguments import (
    bypass_option,
    environment_argument,
    reason_option,
    side_argument,
    yes_option,
)
from gitexp.cli.commands.diff import exit_code_option, show_diff
from gitexp.cli.environment_views import (
    environment_entry,
    environment_fields,
    environment_table,
    history_items,
    history_table,
)
from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.session import Session
from gitexp.cli.tables import Column, Table
from gitexp.cli.terminal import write_out
from gitexp.cli.views import show_binding

if TYPE_CHECKING:
    from gitexp.environments.states import EnvironmentState


@command("list", examples=["gitexp env list", "gitexp env list --format json"])
@output_options
def list_command(output: Output) -> None:
    """List environments"""
    states = output.session.repository.environments.list()
    problems = [state.problem for state in states]
    items = _with_problems([environment_entry(state) for state in states], problems)
    table = _problem_column(environment_table(items), problems)
    output.listing(items, table, ids=[state.name for state in states])
    _warn_of_broken(output.session, states)


@command(
    "create",
    examples=["gitexp env create staging --description 'Before every release'"],
)
@click.argument("name", metavar="NAME")
@click.option("--description", metavar="TEXT", help="Say what it is for")
@output_options
def create_command(output: Output, name: str, description: str | None) -> None:
    """Declare an environment

    It is written to gitexp.yaml and committed; a promotion then makes a version live in it.
    """
    state = output.session.repository.environments.create(name, description=description)
    entry = environment_entry(state)
    output.entry(entry, environment_fields(entry), quiet=state.name)


@command("show", examples=["gitexp env show production"])
@environment_argument()
@output_options
def show_command(output: Output, environment: str) -> None:
    """Show what is live in an environment"""
    state = output.session.repository.environments.get(environment)
    (entry,) = _with_problems([environment_entry(state)], [state.problem])
    fields = _problem_column(environment_fields(entry), [state.problem])
    output.entry(entry, fields, quiet=entry["version"] or "")
    _warn_of_broken(output.session, [state])


@command(
    "history",
    examples=["gitexp env history production", "gitexp env history production --limit 5"],
)
@environment_argument()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Show only the newest N")
@output_options
def history_command(output: Output, environment: str, limit: int | None) -> None:
    """List the promotions of an environment

    Newest first: who made what live, when and why, and which values changed.
    """
    entries = output.session.repository.environments.history(environment, limit=limit)
    problems = [entry.problem for entry in entries]
    items = _with_problems(history_items(entries), problems)
    table = _problem_column(history_table(entries), problems)
    output.listing(items, table, ids=[entry.commit for entry in entries])


@command(
    "diff",
    examples=["gitexp env diff staging production", "gitexp env diff production tone@latest"],
)
@side_argument("a")
@side_argument("b")
@exit_code_option
@output_options
def diff_command(output: Output, a: str, b: str, exit_code: bool) -> None:
    """Compare two environments, or one with a version"""
    repository = output.session.repository
    declared = repository.project.environments
    sides = [f"env:{side}" if side in declared else side for side in (a, b)]
    diff = repository.diff(*sides)
    show_diff(output, diff)
    if exit_code and diff.changes:
        raise AnswerIsNo


@command(
    "rollback",
    examples=[
        "gitexp env rollback production -m 'Answers got too short'",
        "gitexp env rollback production --to 9c01d7e",
    ],
)
@environment_argument()
@click.option("--to", metavar="COMMIT", help="Go back to this commit of the environment")
@reason_option
@bypass_option
@output_options
def rollback_command(
    output: Output, environment: str, to: str | None, reason: str | None, bypass: str | None
) -> None:
    """Make the previous version live again"""
    environments = output.session.repository.environments
    binding = environments.rollback(environment, reason=reason, to=to, bypass=bypass)
    show_binding(output, binding)


@command("unbind", examples=["gitexp env unbind staging --yes -m 'Replaced by preview'"])
@environment_argument()
@reason_option
@bypass_option
@yes_option
@output_options
def unbind_command(
    output: Output, environment: str, reason: str | None, bypass: str | None, yes: bool
) -> None:
    """Take an environment out of use

    Readers get an error from then on; the history stays.
    """
    output.session.confirm(f"Leave {environment} without a version?", yes=yes)
    environments = output.session.repository.environments
    binding = environments.unbind(environment, reason=reason, bypass=bypass)
    show_binding(output, binding)


@command("lock", examples=["gitexp env lock production", "gitexp env lock staging production"])
@environment_argument("environments", nargs=-1, metavar="[ENVIRONMENT]...")
@click.pass_context
def lock_command(context: click.Context, environments: tuple[str, ...]) -> None:
    """Pin environments in gitexp.lock

    The file names commit, version and digests of each environment, so that
    `gitexp env get --locked` reads exactly these values, and `gitexp flag evaluate --locked` these
    flags. Without ENVIRONMENT, all are pinned where anything is live. Commit the file.
    """
    found = context.obj.repository.environments
    path = found.lock(*environments)
    write_out(context.obj.terminal.line(str(path)) + "\n")
    if not environments:
        _warn_of_broken(context.obj, found.list())


def _with_problems(
    items: Sequence[dict[str, Any]], problems: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Return the items, each with its problem."""
    return [item | {"problem": text} for item, text in zip(items, problems, strict=True)]


def _problem_column(table: Table, problems: Sequence[str | None]) -> Table:
    """Return the table with a column that says which rows are broken, where some are."""
    column = Column(key="broken", title="problem", data_key="problem", optional=True)
    rows = [
        dict(row) | {"problem": text, "broken": f"broken: {text}" if text else None}
        for row, text in zip(table.rows, problems, strict=True)
    ]
    return replace(table, columns=[*table.columns, column], rows=rows)


def _warn_of_broken(session: Session, states: Sequence[EnvironmentState]) -> None:
    for state in states:
        if state.problem:
            session.warn(f"environment {state.name!r} is broken: {state.problem}")
