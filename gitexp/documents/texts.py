"""Bytes to text: UTF-8 alone, within a bound, without characters that deceive a reader."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitexp.documents.problems import Problem
from gitexp.documents.values import character_name
from gitexp.errors import InvalidDocuments

BOM = "\ufeff"

_RAW_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]|\r(?!\n)"
)


def decode(data: bytes | str, *, file: str, max_bytes: int) -> str:
    """Return the text of a document, a byte order mark left out.

    Raises:
        InvalidDocuments: it is larger than `max_bytes`, or not UTF-8.
    """
    _require_size(data, file, max_bytes)
    if isinstance(data, str):
        return data.removeprefix(BOM)
    try:
        return data.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as exc:
        raise InvalidDocuments(
            [
                Problem(
                    file=file,
                    message=f"byte 0x{data[exc.start]:02x} is not UTF-8 text",
                    line=data.count(b"\n", 0, exc.start) + 1,
                )
            ],
            hint="Save the file as UTF-8.",
        ) from exc


def _require_size(data: bytes | str, file: str, max_bytes: int) -> None:
    size = len(data)
    if size > max_bytes:
        unit = "bytes" if isinstance(data, bytes) else "characters"
        message = f"{size} {unit} are more than the {max_bytes} that a document may have"
        raise InvalidDocuments(
            [Problem(file=file, message=message)], hint="Split it, or keep large texts elsewhere."
        )


def raw_character_problems(text: str, file: str) -> Iterator[Problem]:
    """Yield a problem for each character that may not stand in a text as itself."""
    for found in _RAW_FORBIDDEN.finditer(text):
        line, column = line_and_column(text, found.start())
        yield Problem(file=file, message=_message(found.group()), line=line, column=column)


def _message(character: str) -> str:
    if character == "\r":
        return "a carriage return without a line feed is not a line end"
    if character in "\u2028\u2029\ufeff":
        code = f"\\u{ord(character):04x}"
        return f'the invisible character U+{ord(character):04X} must be written as "{code}"'
    return f"{character_name(character)} is not allowed"


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column, both from 1, of an offset in a text."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1
