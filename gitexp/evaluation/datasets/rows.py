"""Rows of a dataset's file as they are read: values, their lines, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Literal, NamedTuple, get_args

from gitexp.documents.problems import Problem
from gitexp.documents.texts import decode
from gitexp.errors import InvalidDocuments

Format = Literal["jsonl", "csv", "yaml", "parquet"]
"""How the rows of a dataset are written down."""

FORMATS: tuple[Format, ...] = get_args(Format)

MAX_ROW_BYTES = 16 * 2**20
"""The longest line and the longest cell that is read."""

_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Row(NamedTuple):
    """One row.

    Attributes:
        line: where it begins, from 1; in Parquet, which has no lines, its number.
        problems: what kept it from being read; then it has no value.
    """

    line: int
    value: Any
    problems: Sequence[Problem] = ()


def text_lines(file: BinaryIO, title: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers, none of them longer than `MAX_ROW_BYTES`.

    Raises:
        InvalidDocuments: a line is longer, or the file is in another encoding than UTF-8.
    """
    number = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        if number == 1:
            line = _without_mark(line, title)
        if len(line) > MAX_ROW_BYTES:
            message = f"the line has more than the {MAX_ROW_BYTES} bytes that are read"
            raise unreadable(title, message, line=number, hint="Split it, or write fewer bytes.")
        yield number, line


def decoded(line: bytes, number: int, title: str) -> str:
    """Return a line as text.

    Raises:
        InvalidDocuments: it is no UTF-8.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return decode(line, file=title, max_bytes=len(line))
    except InvalidDocuments as exc:
        raise InvalidDocuments(at_line(exc.problems, number), hint=exc.hint) from exc


def at_line(problems: Sequence[Problem], number: int) -> list[Problem]:
    """Return problems of a line as those of its file."""
    from dataclasses import replace

    return [replace(problem, line=number) for problem in problems]


def unreadable(
    title: str, message: str, *, line: int | None = None, hint: str | None = None
) -> InvalidDocuments:
    """Return the error for a file whose reading ends here."""
    return InvalidDocuments([Problem(file=title, message=message, line=line)], hint=hint)


def _without_mark(line: bytes, title: str) -> bytes:
    encoding = _OTHER_ENCODINGS.get(line[:2])
    if encoding is not None:
        raise unreadable(
            title, f"the file is {encoding} and not UTF-8", line=1, hint="Save the file as UTF-8."
        )
    return line.removeprefix(_BOM)
