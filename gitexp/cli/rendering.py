"""A table as text: aligned, drawn on a terminal, CSV and Markdown."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitexp.cli.safety import csv_text, markdown_code, markdown_text, visible
from gitexp.cli.tables import FLEXIBLE, RIGHT_ALIGNED, Column, Kind, Table

_GAP = "  "
_NARROW = 12
_NARROWEST = 4
_CODE_KINDS: frozenset[Kind] = frozenset({"code", "id", "hash", "digest", "names", "value"})
_OWN_KINDS: frozenset[Kind] = frozenset(
    {"number", "percent", "range", "points", "time", "duration", "latency"}
)
_MEASURES = _OWN_KINDS | {"flag"}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A table that is ready to be set: columns, lines of safe cells (the titles first), widths."""

    columns: Sequence[Column]
    lines: Sequence[Sequence[str]]
    widths: Sequence[int]


def lay_out(table: Table, *, width: int | None = None) -> Layout:
    """Return the layout for people; with a width, columns are left out and cells cut to fit."""
    table = table.for_people()
    lines = [[column.title for column in table.columns]]
    lines += [[visible(cell) for cell in row] for row in table.cells()]
    kept = list(range(len(table.columns)))
    widths = [max(text_width(line[i]) for line in lines) for i in kept]
    if width is not None:
        kept = _affordable(table.columns, widths, width)
    shown = [table.columns[i] for i in kept]
    room = None if width is None else width - len(_GAP) * (len(kept) - 1)
    return Layout(
        columns=shown,
        lines=[[line[i] for i in kept] for line in lines],
        widths=fit(shown, [widths[i] for i in kept], room),
    )


def _affordable(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the positions of the columns that stay on a terminal of this width.

    Where all that can be spared is gone, measures go too, the last first: half a number would
    mislead, and a row without its id or hash cannot be named.
    """
    kept = list(range(len(columns)))
    while (spare := [i for i in kept if columns[i].spare]) and _too_wide(
        columns, widths, kept, width, least=_NARROW
    ):
        kept.remove(max(spare, key=lambda i: columns[i].spare))
    while (measures := [i for i in kept if columns[i].kind in _MEASURES]) and _too_wide(
        columns, widths, kept, width, least=_NARROWEST
    ):
        kept.remove(measures[-1])
    return kept


def _too_wide(
    columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], width: int, *, least: int
) -> bool:
    """Return whether these columns do not fit, even with the flexible ones at their least."""
    needed = sum(min(widths[i], least) if columns[i].kind in FLEXIBLE else widths[i] for i in kept)
    return needed + len(_GAP) * (len(kept) - 1) > width


def fit(columns: Sequence[Column], widths: Sequence[int], room: int | None) -> list[int]:
    """Return widths that need no more than the room where flexible columns can give it.

    The widest gives first, down to what is least; a table that still does not fit stays too wide.
    """
    giving = [i for i, column in enumerate(columns) if column.kind in FLEXIBLE]
    fitted = _narrowed(list(widths), giving, room, least=_NARROW)
    return _narrowed(fitted, giving, room, least=_NARROWEST)


def _narrowed(fitted: list[int], giving: list[int], room: int | None, *, least: int) -> list[int]:
    while room is not None and giving and sum(fitted) > room:
        widest = max(giving, key=fitted.__getitem__)
        if fitted[widest] <= least:
            break
        second = max((fitted[i] for i in giving if i != widest), default=0)
        goal = max(second, fitted[widest] - (sum(fitted) - room), least)
        fitted[widest] = min(goal, fitted[widest] - 1)
    return fitted


def plain_table(table: Table, *, width: int | None = None) -> str:
    """Return aligned text, one line a row; cells are cut only to fit a given width."""
    layout = lay_out(table, width=width)
    return "".join(_aligned(line, layout.widths, layout.columns) + "\n" for line in layout.lines)


def _aligned(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    parts = []
    for cell, width, column in zip(cells, widths, columns, strict=True):
        cell = cut(cell, width)
        space = " " * (width - text_width(cell))
        parts.append(space + cell if column.kind in RIGHT_ALIGNED else cell + space)
    return _GAP.join(parts).rstrip()


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return the text, with its end replaced by an ellipsis where it is wider than the width."""
    if text_width(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _character_width(character)
        if used >= width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def drawn_table(table: Table, *, width: int, environ: Mapping[str, str]) -> str:
    """Return the table with colours for a terminal of this width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    layout = lay_out(table, width=width)
    grid = Grid(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    for column, wide in zip(layout.columns, layout.widths, strict=True):
        grid.add_column(
            Text(column.title),
            justify="right" if column.kind in RIGHT_ALIGNED else "left",
            style=_STYLES.get(column.kind, ""),
            overflow="ellipsis",
            no_wrap=True,
            width=wide,
        )
    for line in layout.lines[1:]:
        grid.add_row(*map(Text, line))
    # A table that cannot fit runs over the edge whole; the console would cut ids and hashes.
    needed = sum(layout.widths) + len(_GAP) * (len(layout.widths) - 1)
    out = io.StringIO()
    Console(
        file=out,
        force_terminal=True,
        width=max(width, needed),
        _environ=dict(environ),
        legacy_windows=False,
    ).print(grid)
    return out.getvalue()


_STYLES: dict[Kind, str] = {
    "hash": "yellow",
    "digest": "dim",
    "code": "bold",
    "id": "bold",
    "time": "dim",
}


def csv_table(table: Table) -> str:
    """Return the table as RFC 4180 has it, values in full, formulas neutralised."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(csv_text(column.data_key or column.key) for column in table.columns)
    for row in table.data():
        writer.writerow(csv_text(item) if isinstance(item, str) else item for item in row)
    return out.getvalue()


def markdown_table(table: Table) -> str:
    """Return the table in GitHub's Markdown; no cell can link, mention, or leave its cell."""
    table = table.for_people()
    rule = ["--:" if column.kind in RIGHT_ALIGNED else "---" for column in table.columns]
    rows = [[column.title for column in table.columns], rule]
    for cells in table.cells():
        rows.append([_markdown(c, cell) for c, cell in zip(table.columns, cells, strict=True)])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _markdown(column: Column, cell: str) -> str:
    if column.kind in _OWN_KINDS:
        return cell
    return markdown_code(cell) if column.kind in _CODE_KINDS else markdown_text(cell)
