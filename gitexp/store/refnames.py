"""Names of references: the rules of `git check-ref-format`, and what file systems add to them."""

from __future__ import annotations

import re
from functools import lru_cache

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_LONGEST_PART = 250
"""Bytes in one part of a name: file systems take 255, of which a lock file needs five."""


@lru_cache(maxsize=4096)
def ref_name_fault(name: str) -> str | None:
    """Return why a text cannot be the full name of a reference, or None when it can.

    A full name begins with `refs/`; `HEAD` is none, because nothing here writes through it.
    """
    if not name.startswith("refs/"):
        return "it must begin with 'refs/'"
    if found := _FORBIDDEN.search(name):
        return f"it must not contain {found[0]!r}"
    for text in ("..", "@{"):
        if text in name:
            return f"it must not contain {text!r}"
    if name.endswith("."):
        return "it must not end with '.'"
    return next(filter(None, map(_part_fault, name.split("/"))), None)


def _part_fault(part: str) -> str | None:
    if not part:
        return "no part of it may be empty"
    if part.startswith("."):
        return "no part of it may begin with '.'"
    if part.endswith(".lock"):
        return "no part of it may end with '.lock'"
    try:
        length = len(part.encode("utf-8"))
    except UnicodeEncodeError:
        return "it must be valid text"
    if length > _LONGEST_PART:
        return f"no part of it may be longer than {_LONGEST_PART} bytes"
    return None
