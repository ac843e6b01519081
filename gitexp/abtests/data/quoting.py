"""Names and values inside SQL: quoted, so that what people write stays data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitexp.abtests.sources import Cell, Conditions
from gitexp.errors import InvalidInput


def identifier(name: str) -> str:
    """Return a name as SQL has it.

    Raises:
        InvalidInput: it holds a character that no name can hold.
    """
    _check(name)
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL has it.

    Raises:
        InvalidInput: it holds a character that no text can hold.
    """
    _check(text)
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Return a list of texts as SQL has it."""
    return "[" + ", ".join(map(literal, texts)) + "]"


def fits(conditions: Conditions, types: Mapping[str, str], *, title: str) -> list[str]:
    """Return what a row has to fulfil, a predicate for each column.

    Args:
        types: the type of each column of the rows.
        title: what the rows are called in messages.

    Raises:
        InvalidInput: there is no such column.
    """
    return [_fits(column, cells, types, title) for column, cells in conditions.items()]


def _fits(column: str, cells: Iterable[Cell], types: Mapping[str, str], title: str) -> str:
    if column not in types:
        raise missing_column(column, types, title)
    name = identifier(column)
    return "(" + " OR ".join(_equals(name, types[column], cell) for cell in cells) + ")"


def _equals(name: str, kind: str, cell: Cell) -> str:
    if cell is None:
        return f"{name} IS NULL"
    if isinstance(cell, bool):
        return f"coalesce(TRY_CAST({name} AS BOOLEAN) = {str(cell).upper()}, FALSE)"
    if isinstance(cell, str):
        # A cast would keep the reader from skipping what cannot fit.
        text = name if kind == "VARCHAR" else f"CAST({name} AS VARCHAR)"
        return f"coalesce({text} = {literal(cell)}, FALSE)"
    return f"coalesce(TRY_CAST({name} AS DOUBLE) = {float(cell)!r}, FALSE)"


def missing_column(column: str, types: Mapping[str, str], title: str) -> InvalidInput:
    """Return the error for a column that rows do not have."""
    return InvalidInput(
        f"{title} has no column {column!r}; it has {', '.join(map(repr, types)) or 'none'}",
        hint="Name the column of each thing below `columns` of the source in ab-test.yaml.",
    )


def _check(text: str) -> None:
    if "\0" in text:
        raise InvalidInput(f"{text!r} holds a NUL character")
