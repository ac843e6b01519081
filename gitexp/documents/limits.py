"""Bounds of a document, and the characters that it must not hold raw."""

from __future__ import annotations

import re

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

FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that no text of a YAML document holds, not even escaped."""

_SHOWS_NOTHING = (
    r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff"
)

INVISIBLE = re.compile(f"[{_SHOWS_NOTHING}]")
"""Characters that show nothing, end a line for some readers, or change the writing direction.

Listed here, and not asked of `unicodedata`, whose answers change with the version of Python: the
same values must give the same bytes everywhere.
"""

DECEPTIVE = re.compile(rf"[\x00-\x1f{_SHOWS_NOTHING}]")
"""Characters that a text in quotes holds as escapes alone."""
