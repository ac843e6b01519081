"""Rows of CSV, one after the other: cells are text, always."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from gitexp.documents.problems import Problem, shown
from gitexp.documents.values import character_name
from gitexp.documents.wording import counted
from gitexp.evaluation.datasets.fields import Columns, Layout, table_cells
from gitexp.evaluation.datasets.rows import MAX_ROW_BYTES, Row, decoded, text_lines, unreadable

_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_NOT_CSV = "Quote cells that hold commas, quotes or line ends; write a quote in a cell twice."


def csv_rows(file: BinaryIO, title: str, fields: Mapping[str, Columns] | None) -> Iterator[Row]:
    """Yield the rows of a CSV file whose first line names the columns.

    An empty cell is left out, except for the input, where it is the empty text.

    Raises:
        InvalidDocuments: the names of the columns are wrong, or what follows is no CSV.
    """
    table = _records(file, title)
    line, header = next(table, (1, []))
    if not header:
        message = "the file is empty; expected a line of column names"
        raise unreadable(title, message, hint="Name at least the column `input`.")
    _require_commas(header, title)
    cells = table_cells(header, fields, title)
    layout = Layout(cells=cells, is_absent=_is_empty)
    for line, found in table:
        if len(found) == len(header):
            record = layout.arranged(dict(zip(header, found, strict=True)))
            yield _weighed(Row(line, record), title)
        else:
            columns = counted(len(header), "column")
            message = f"the row has {counted(len(found), 'cell')} for {columns}"
            yield Row(line, None, [Problem(file=title, message=message, line=line)])


def _require_commas(header: Sequence[str], title: str) -> None:
    """Refuse what spreadsheets of some countries write, which would be read as a single column."""
    sign = next((sign for sign in ";\t|" if sign in header[0]), None)
    if len(header) == 1 and sign is not None:
        message = f"the columns are separated by {shown(sign)}, and expected are commas"
        raise unreadable(title, message, line=1, hint="Save the file with commas between cells.")


def _is_empty(cell: str) -> bool:
    return not cell


def _records(file: BinaryIO, title: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each record and the line on which it begins."""
    # The limit is one of the process. It is raised and never lowered: another reader may be busy.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
    reader = csv.reader(_texts(file, title), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            found = next(reader, None)
        except csv.Error as exc:
            raise unreadable(title, f"not CSV: {_reason(exc)}", line=line, hint=_NOT_CSV) from exc
        if found is None:
            return
        if found:
            yield line, found


def _reason(exc: csv.Error) -> str:
    if "field limit" in str(exc):
        return f"a cell has more than {MAX_ROW_BYTES} characters; is its quote never closed?"
    if "unexpected end of data" in str(exc):
        return "the file ends inside a cell; its quote is never closed"
    return str(exc)


def _texts(file: BinaryIO, title: str) -> Iterator[str]:
    for number, line in text_lines(file, title):
        text = decoded(line, number, title)
        if not _body(text).isprintable() and (found := _REFUSED.search(text)):
            raise unreadable(title, _refusal(found.group()), line=number)
        yield text


def _body(text: str) -> str:
    """Return a line without its end."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _refusal(character: str) -> str:
    if character == "\r":
        return "a carriage return without a line feed is not a line end"
    return f"{character_name(character)} is not allowed"


def _weighed(row: Row, title: str) -> Row:
    """Return a row whose weight is a number."""
    if "weight" not in row.value:
        return row
    cell: Any = row.value["weight"]
    try:
        weight = float(cell)
    except ValueError:
        weight = math.nan
    if math.isfinite(weight):
        return Row(row.line, {**row.value, "weight": weight})
    message = f"{shown(cell)} is not a number"
    problem = Problem(file=title, place="weight", message=message, line=row.line)
    return Row(row.line, None, [problem])
