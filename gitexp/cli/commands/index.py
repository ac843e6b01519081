"""`gitexp index` and its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.failures import AnswerIsNo
from gitexp.cli.groups import Entry, LazyGroup, command, entries, group
from gitexp.cli.output import Output, one_row, output_options
from gitexp.cli.tables import Column

if TYPE_CHECKING:
    from gitexp.runs.index.verifying import IndexStatus

INDEX_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("index", status="Show whether the index is up to date"),
        **entries("index", rebuild="Build the index again"),
        **entries("index", verify="Compare the index with a new one"),
    }
}

_STATUS = (
    Column(key="state", title="state"),
    Column(key="runs", title="runs", kind="number"),
    Column(key="branches", title="branches", kind="number"),
    Column(key="behind", title="behind", kind="names", optional=True),
    Column(key="unreadable", title="unreadable", kind="number", optional=True),
    Column(key="bytes", title="bytes", kind="number"),
    Column(key="path", title="file"),
)
_VERIFICATION = (
    Column(key="same", title="same", kind="flag"),
    Column(key="runs", title="runs", kind="number"),
    Column(key="branches", title="branches", kind="number"),
    Column(key="bytes", title="bytes", kind="number"),
    Column(key="differences", title="differences", kind="value", optional=True),
)


@group("index", sections=INDEX_COMMANDS, cls=LazyGroup)
@click.pass_context
def index_command(context: click.Context) -> None:
    """Check or rebuild the index of runs

    The index makes searching quick. It is derived from the runs branches and follows them by
    itself; deleting it loses nothing. Without a command, its status is shown.
    """
    if context.invoked_subcommand is None:
        context.invoke(status_command)


@command("status", examples=["gitexp index status", "gitexp index status --format json"])
@output_options
def status_command(output: Output) -> None:
    """Show whether the index is up to date

    Nothing is changed. An index that is behind, missing, outdated or damaged is brought up to
    date by the next command that reads runs.
    """
    from gitexp.runs.index.verifying import status

    _show(output, status(output.session.repository.workspace))


@command("rebuild", examples=["gitexp index rebuild"])
@output_options
def rebuild_command(output: Output) -> None:
    """Build the index again"""
    from gitexp.runs.index.verifying import rebuild

    _show(output, rebuild(output.session.repository.workspace))


def _show(output: Output, found: IndexStatus) -> None:
    item: dict[str, Any] = {
        "state": found.state,
        "runs": found.runs,
        "unreadable": found.unreadable,
        "branches": found.branches,
        "behind": list(found.behind),
        "bytes": found.bytes,
        "path": str(found.path) if found.path else None,
    }
    output.entry(item, one_row(item, _STATUS), quiet=found.state)


@command("verify", examples=["gitexp index verify", "gitexp index verify --quiet"])
@output_options
def verify_command(output: Output) -> None:
    """Compare the index with a new one

    Exits with 3 when they differ, and says where; `gitexp index rebuild` then puts it right.
    """
    from gitexp.runs.index.verifying import verify

    found = verify(output.session.repository.workspace)
    item = {
        "same": not found.differences,
        "runs": found.runs,
        "branches": found.branches,
        "bytes": found.bytes,
        "differences": list(found.differences),
    }
    shown = item | {"differences": "\n".join(found.differences)}
    output.entry(item, one_row(shown, _VERIFICATION), quiet="\n".join(found.differences))
    if found.differences:
        raise AnswerIsNo
