"""Files as canonical text, for `git diff`: a line for each value, with its whole place.

Comments, order, quoting and layout leave no trace in it, so that a difference of two such texts
is a difference of what they say. A file that cannot be read is given as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.documents.problems import place_of
from gitexp.documents.values import Path
from gitexp.documents.yaml_writer import is_plain, quoted, scalar_text
from gitexp.errors import GitexpError

MAX_BYTES = 64 * 2**20
"""A larger file is given as it is."""

_ROWS = (".jsonl", ".ndjson", ".csv", ".parquet")
_BINDING = frozenset({"project", "environment", "action", "version"})
_INDENT = "    "


class _AsItIs(Exception):
    """The file is none of ours, or cannot be read."""


def readable(data: bytes, name: str) -> bytes:
    """Return a file as canonical text, or as it is where it cannot be read.

    Args:
        name: the file's name, whose end says what it is.
    """
    if len(data) > MAX_BYTES:
        return data
    try:
        lines = list(_rows(data, name) if name.endswith(_ROWS) else _document(data, name))
    except (_AsItIs, GitexpError, ValueError, RecursionError):
        return data
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _document(data: bytes, name: str) -> Iterator[str]:
    value = _parsed(data, name)
    if name.endswith("environment.yaml") and not (
        isinstance(value, Mapping) and value.keys() >= _BINDING
    ):
        raise _AsItIs  # another program's file of the same name
    if isinstance(value, list):
        for number, row in enumerate(value, start=1):
            yield from _row(row, number)
    else:
        yield from _lines((), value)


def _parsed(data: bytes, name: str) -> Any:
    if name.endswith(".json"):
        from gitexp.documents.json_codec import parse_json

        return parse_json(data, file=name).value
    from gitexp.documents.yaml_reader import parse_yaml

    value = parse_yaml(data, file=name).value
    if not isinstance(value, (Mapping, list)):
        raise _AsItIs  # a pointer to a large file, or no document at all
    return value


def _lines(path: Path, value: Any) -> Iterator[str]:
    """Yield a line for each value, those of a mapping in the order of their keys."""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _lines((*path, key), value[key])
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _lines((*path, number), item)
    elif isinstance(value, str) and "\n" in value:
        yield f"{place_of(path)}: {'|' if value.endswith(chr(10)) else '|-'}"
        yield from (_INDENT + _harmless(line) for line in value.removesuffix("\n").split("\n"))
    elif path or value not in ({}, []):
        yield f"{place_of(path)}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if is_plain(value) and value.isprintable() else quoted(value)
    if isinstance(value, Mapping):
        return "{}"
    return "[]" if isinstance(value, list) else scalar_text(value)


def _harmless(line: str) -> str:
    from gitexp.review.reporting.escaping import visible

    return visible(line, keep="\t")


# --- rows -------------------------------------------------------------------------------------


def _rows(data: bytes, name: str) -> Iterator[str]:
    from gitexp.store.lfs.pointers import parse_pointer

    if parse_pointer(data) is not None:
        raise _AsItIs
    for number, row in enumerate(_read(data, name), start=1):
        yield from _row(row, number)


def _read(data: bytes, name: str) -> Iterator[Any]:
    from gitexp.evaluation.datasets.csv_rows import csv_rows
    from gitexp.evaluation.datasets.json_rows import json_rows
    from gitexp.evaluation.datasets.parquet_rows import parquet_rows

    readers = {".csv": csv_rows, ".parquet": parquet_rows}
    reader = next((read for end, read in readers.items() if name.endswith(end)), json_rows)
    for row in reader(io.BytesIO(data), name, None):
        if row.problems:
            raise _AsItIs
        yield row.value


def _row(row: Any, number: int) -> Iterator[str]:
    """Yield the lines of a row, under what tells it from others."""
    if not isinstance(row, Mapping):
        yield f"- {_scalar(row) if not isinstance(row, list) else _json(row)}"
        return
    yield f"- {_title(row)}"
    rest = {key: value for key, value in row.items() if key != "id"}
    yield from (f"  {line}" for line in _lines((), rest))


def _title(row: Mapping[str, Any]) -> str:
    """Return the id of a row: its own, or one that follows from what it says."""
    from gitexp.documents.canonical import digest_of
    from gitexp.evaluation.datasets.sample import derived_id

    if isinstance(row.get("id"), str):
        return f"id: {_scalar(row['id'])}"
    if "input" in row:
        return f"sample {derived_id(row)}"
    return f"row {digest_of(dict(row)).partition(':')[2][:12]}"


def _json(value: Any) -> str:
    from gitexp.documents.canonical import canonical_json

    return canonical_json(value).decode()
