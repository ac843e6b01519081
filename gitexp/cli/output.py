"""The output options, defined once, and the one way from a result to standard output."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click

from gitexp.cli.plain import json_line, json_text
from gitexp.cli.rendering import csv_table, drawn_table, markdown_table, plain_table
from gitexp.cli.safety import visible
from gitexp.cli.session import Session, current_session
from gitexp.cli.tables import Column, Table, read
from gitexp.cli.terminal import write_out

Format = Literal["table", "json", "jsonl", "csv", "md"]
FORMATS: tuple[Format, ...] = ("table", "json", "jsonl", "csv", "md")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where a command's answer goes, and in which form.

    Attributes:
        format: the form that `--format` asks for.
        quiet: whether only ids are wanted.
        paging: whether a long table may go through a pager.
    """

    session: Session
    format: Format = "table"
    quiet: bool = False
    paging: bool = True

    def listing(
        self,
        items: Sequence[Any],
        table: Table,
        *,
        ids: Sequence[str],
        document: Any = None,
    ) -> None:
        """Write several things.

        Args:
            items: the things, as JSON has them.
            table: the same things for people, for CSV and for Markdown.
            ids: what `--quiet` prints, a line each.
            document: what `--format json` prints, where it is more than the list of items.
        """
        if self.quiet:
            self.lines(ids)
        elif self.format == "json":
            self.data(json_text(list(items) if document is None else document))
        elif self.format == "jsonl":
            self.data("".join(json_line(item) + "\n" for item in items))
        else:
            self.table(table)

    def entry(self, entry: Any, fields: Table, *, quiet: str, text: str | None = None) -> None:
        """Write one thing.

        Args:
            entry: the thing, as JSON has it.
            fields: a table of one row: a line for each column where people read.
            quiet: what `--quiet` prints.
            text: what people read instead of the fields.
        """
        if self.format == "table" and not self.quiet:
            self.text(text if text is not None else field_lines(fields))
        else:
            self.listing([entry], fields, ids=[quiet], document=entry)

    def table(self, table: Table) -> None:
        """Write a table in the form asked for."""
        if self.format == "csv":
            self.data(csv_table(table))
        elif self.format == "md":
            self.data(markdown_table(table))
        elif not table.rows:
            self.session.say(table.note or "nothing to show")
        else:
            self.text(self._drawn(table), styled=True)
            if table.note:
                self.session.say(table.note)

    def _drawn(self, table: Table) -> str:
        terminal = self.session.terminal
        if terminal.styled:
            return drawn_table(table, width=terminal.width, environ=self.session.environ)
        return plain_table(table, width=terminal.width if terminal.output else None)

    def text(self, text: str, *, styled: bool = False) -> None:
        """Write text for people, through a pager where it is long and there is a terminal.

        Text that is `styled` was made safe before its colours were put in.
        """
        terminal = self.session.terminal
        if not (styled and terminal.styled):
            text = terminal.text(text)
        if not self._paged(text):
            write_out(text)

    def _paged(self, text: str) -> bool:
        terminal = self.session.terminal
        if not (self.paging and terminal.output) or text.count("\n") < terminal.height:
            return False
        from gitexp.cli.pager import page, pager_command

        command = pager_command(self.session.environ, self.session.git_config)
        return command is not None and page(text, command, self.session.environ)

    def data(self, text: str) -> None:
        """Write data: exact where a program reads it, harmless where a terminal does."""
        terminal = self.session.terminal
        write_out(visible(text, keep="\n\t\r") if terminal.output else text)

    def lines(self, lines: Sequence[str]) -> None:
        """Write a line for each text that is not empty."""
        write_out("".join(self.session.terminal.line(line) + "\n" for line in lines if line))


def one_row(row: Mapping[str, Any], columns: Sequence[Column]) -> Table:
    """Return the table of a single thing."""
    return Table(columns=columns, rows=[row])


def field_lines(fields: Table) -> str:
    """Return a line with title and text for every field that has a text."""
    row = fields.rows[0]
    width = max(len(column.title) for column in fields.columns) + 2
    lines = []
    for column in fields.columns:
        text = visible(read(row.get(column.key), column.kind), keep="\n\t")
        if text:
            indented = text.rstrip("\n").replace("\n", "\n" + " " * width)
            lines.append(f"{column.title:<{width}}{indented}\n")
    return "".join(lines)


def output_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--format`, `--quiet` and `--no-pager`, and its function an `Output`."""

    @functools.wraps(function)
    def with_output(*, output_format: Format, quiet: bool, pager: bool, **arguments: Any) -> None:
        session = current_session()
        output = Output(
            session=session, format=output_format, quiet=quiet, paging=pager and session.paging
        )
        function(output, **arguments)

    for option in reversed(_OPTIONS):
        with_output = option(with_output)
    return with_output


_OPTIONS = (
    click.option(
        "--format",
        "output_format",
        type=click.Choice(FORMATS),
        default="table",
        metavar="table|json|jsonl|csv|md",
        help="Choose the form of the output  [default: table]",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print ids only"),
    click.option(
        "--pager/--no-pager", default=True, help="Show long tables in a pager on a terminal"
    ),
)
