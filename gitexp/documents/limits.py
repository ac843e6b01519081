"""Bounds of a document, and the characters that it must not hold raw."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

MAX_YAML_BYTES = 2**20
"""The largest YAML text that is read or written."""

MAX_JSON_BYTES = 10 * 2**20
"""The largest JSON text, or line of JSON Lines, that is read or written."""

MAX_DEPTH = 64
"""How deep mappings and lists may be nested in each other."""

MAX_INTEGER_DIGITS = 4300
"""The longest integer in decimal digits: what Python converts from and to text."""

MAX_PROBLEMS = 100
"""How many problems of one file are gathered before its reader gives up."""

_SHOWS_NOTHING = (
    r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff"
)

DECEPTIVE = rf"[\x00-\x1f{_SHOWS_NOTHING}]"
"""The pattern of `deceptive`."""


# Compiling such a set of characters takes about a millisecond, so it waits for the first text that
# needs it; one that is printable throughout has none of them.


@cache
def _pattern(characters: str) -> re.Pattern[str]:
    return re.compile(characters)


def forbidden(text: str) -> re.Match[str] | None:
    """Return the first character that no text of a YAML document holds, not even escaped."""
    if text.isprintable():
        return None
    return _pattern(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]").search(text)


def deceptive(text: str) -> re.Match[str] | None:
    """Return the first character that a text in quotes holds as an escape alone."""
    return None if text.isprintable() else _pattern(DECEPTIVE).search(text)


def without_invisible(text: str, escape: Callable[[re.Match[str]], str]) -> str:
    """Return a text whose invisible characters are replaced.

    They show nothing, end a line for some readers, or change the writing direction. They are
    listed here, and not asked of `unicodedata`, whose answers change with the version of Python:
    the same values must give the same bytes everywhere.
    """
    return text if text.isprintable() else _pattern(f"[{_SHOWS_NOTHING}]").sub(escape, text)
