"""Rows of Parquet, a few hundred at a time, as plain values."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

from gitexp.documents.problems import Problem
from gitexp.errors import InvalidInput
from gitexp.evaluation.datasets.fields import Columns, Layout, is_null, table_cells
from gitexp.evaluation.datasets.rows import Row, unreadable

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_AT_ONCE = 128
_BUFFER = 1 << 16


def parquet_rows(file: BinaryIO, title: str, fields: Mapping[str, Columns] | None) -> Iterator[Row]:
    """Yield the rows of a Parquet file; null is no value, and so is a number that is none.

    Dates and times become ISO-8601 texts, and decimals numbers: integers where their type has no
    digits after the point, else floating-point numbers.

    Raises:
        InvalidInput: pyarrow is not installed.
        InvalidDocuments: it is no Parquet file, or its columns are not those of a dataset.
    """
    parquet = _library(title)
    with _translated(title):
        table = parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        columns = list(table.schema_arrow.names)
    cells = table_cells(columns, fields, title)
    layout = Layout(cells=cells, is_absent=is_null)
    wanted = list(dict.fromkeys(cell.column for cell in cells))
    for number, record in enumerate(_records(table, wanted, title), start=1):
        yield _row(number, layout.arranged(record), title)


def _library(title: str) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as exc:
        raise InvalidInput(
            f"{title} is Parquet, which is read by pyarrow, and that is not installed",
            hint="Install it: `pip install 'gitexp[eval]'`.",
        ) from exc
    return parquet


def _records(table: ParquetFile, columns: list[str], title: str) -> Iterator[dict[str, Any]]:
    batches = table.iter_batches(batch_size=_AT_ONCE, columns=columns, use_threads=False)
    while True:
        with _translated(title):
            batch = next(batches, None)
            records = batch.to_pylist() if batch is not None else []
        if batch is None:
            return
        yield from records


@contextlib.contextmanager
def _translated(title: str) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, ValueError, OSError, OverflowError) as exc:
        # Some of what a damaged file brings about has no other name in pyarrow.
        reason = " ".join(str(exc).split())[:200]
        raise unreadable(title, f"not Parquet: {reason}") from exc


def _row(number: int, record: dict[str, Any], title: str) -> Row:
    try:
        return Row(number, {key: _plain(value) for key, value in record.items()})
    except _NoPlainForm as exc:
        message = f"a value of type {exc} cannot be part of a sample"
        return Row(number, None, [Problem(file=title, message=message, line=number)])


class _NoPlainForm(Exception):
    """A value that JSON has no form for."""


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _converted(value)


def _converted(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(timezone.utc)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    raise _NoPlainForm(type(value).__name__)
