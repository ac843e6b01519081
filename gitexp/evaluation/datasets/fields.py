"""Which column of a table, or which key of a row, is which part of a sample.

Without anything said, columns have the names of the parts (`id`, `input`, `expected`, `output`,
`split`, `weight`), or `input.KEY`, `expected.KEY`, `output.KEY`, `metadata.KEY` where the part is a
mapping. Of a table that has no `input` column, every column of another name is a key of the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from gitexp.documents.limits import MAX_PROBLEMS
from gitexp.documents.problems import MISSING, Problem, shown
from gitexp.documents.wording import unknown_key
from gitexp.errors import InvalidDocuments

PARTS = ("id", "input", "expected", "output", "metadata", "split", "weight")
"""The parts of a sample that a row gives."""

MAX_COLUMNS = 10_000
"""The most columns that a table may have."""

_MAPPINGS = ("input", "expected", "output", "metadata")
_SINGLE = tuple(part for part in PARTS if part != "metadata")
_KNOWN = (*_SINGLE, *(f"{part}.KEY" for part in _MAPPINGS))
_DOTTED = re.compile(rf"(?:{'|'.join(_MAPPINGS)})\..+\Z", re.DOTALL)

Columns = str | Sequence[str] | Mapping[str, str]
"""A column; several, each by its own name; or columns by the names that they get."""


class Cell(NamedTuple):
    """Where the value of a column goes: to a part of the sample, or to a key of that part."""

    part: str
    key: str | None
    column: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How rows become those of samples.

    Attributes:
        cells: where each value goes.
        is_absent: says of a value whether it stands for none; an input is never absent.
    """

    cells: Sequence[Cell]
    is_absent: Callable[[Any], bool]

    def arranged(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row of a sample."""
        row: dict[str, Any] = {}
        for part, key, column in self.cells:
            value = record.get(column, MISSING)
            if value is MISSING or (part != "input" and self.is_absent(value)):
                continue
            if key is None:
                row[part] = value
            else:
                row.setdefault(part, {})[key] = value
        return row


def is_null(value: Any) -> bool:
    """Return whether a value is null."""
    return value is None


def named_cells(fields: Mapping[str, Columns]) -> list[Cell]:
    """Return where the columns go that a description names."""
    return [cell for part, columns in fields.items() for cell in _cells_of(part, columns)]


def _cells_of(part: str, columns: Columns) -> Iterator[Cell]:
    if isinstance(columns, str):
        yield Cell(part, None, columns)
    elif isinstance(columns, Mapping):
        yield from (Cell(part, key, column) for key, column in columns.items())
    else:
        yield from (Cell(part, column, column) for column in columns)


def table_cells(
    columns: Sequence[str], fields: Mapping[str, Columns] | None, title: str
) -> list[Cell]:
    """Return where the columns of a table go.

    Raises:
        InvalidDocuments: a column is repeated, unknown or missing, or two exclude each other.
    """
    if len(columns) > MAX_COLUMNS:
        message = f"{len(columns)} columns are more than the {MAX_COLUMNS} that are read"
        raise InvalidDocuments([Problem(file=title, message=message, line=1)])
    problems = list(_repeated(columns))
    if fields:
        cells = named_cells(fields)
        problems += _missing(cells, columns)
    else:
        cells, faults = _own_cells(columns)
        problems += faults
    if problems:
        shown_ones = problems[:MAX_PROBLEMS]
        raise InvalidDocuments([Problem(file=title, message=m, line=1) for m in shown_ones])
    return cells


def _repeated(columns: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for column in columns:
        if column in seen:
            yield f"the column {shown(column)} is repeated"
        seen.add(column)


def _missing(cells: Sequence[Cell], columns: Sequence[str]) -> Iterator[str]:
    for cell in cells:
        if cell.column not in columns:
            listed = ", ".join(map(shown, columns))
            yield f"there is no column {shown(cell.column)}, the {cell.part}; there are {listed}"


def _own_cells(columns: Sequence[str]) -> tuple[list[Cell], list[str]]:
    """Return where columns go by their own names, and what is wrong with those names."""
    has_input = any(column == "input" or column.startswith("input.") for column in columns)
    cells: dict[str, Cell] = {}
    firsts: dict[str, Cell] = {}
    faults = []
    for column in columns:
        cell = _own_cell(column)
        if cell is None and column and not has_input and not _is_slip(column):
            cell = Cell("input", column, column)
        fault = _excluded(cell, firsts) if cell is not None else _unknown(column)
        if fault:
            faults.append(fault)
        elif cell is not None:
            cells.setdefault(column, cell)
    return list(cells.values()), faults


def _own_cell(column: str) -> Cell | None:
    if column in PARTS:
        return Cell(column, None, column)
    if not _DOTTED.match(column):
        return None
    part, _, key = column.partition(".")
    return Cell(part, key, column)


def _is_slip(column: str) -> bool:
    """Return whether a column is probably meant to be one of ours."""
    part, dot, _ = column.partition(".")
    return bool(get_close_matches(part if dot else column, PARTS, n=1, cutoff=0.8))


def _unknown(column: str) -> str:
    if not column:
        return "a column has no name"
    return unknown_key(column, _KNOWN).replace("key", "column", 1)


def _excluded(cell: Cell, firsts: dict[str, Cell]) -> str | None:
    """Return why a column cannot stand beside the first one of the same part."""
    first = firsts.setdefault(cell.part, cell)
    if (first.key is None) == (cell.key is None):
        return None
    return f"the columns {shown(first.column)} and {shown(cell.column)} exclude each other"
