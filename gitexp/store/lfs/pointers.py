"""Pointer files: the few lines that stand in a tree for a large file.

The format is the specification's version 1 (docs/spec.md of Git LFS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gitexp.errors import InvalidInput

POINTER_LIMIT = 1024
"""A blob of as many bytes or more is no pointer, whatever it says."""

_VERSION = "https://git-lfs.github.com/spec/v1"
_VERSIONS = frozenset([_VERSION, "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"])
_KEYS = ("version", "oid", "size")
_EXTENSION = re.compile(r"ext-\d-\w+")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_OID = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"\+?[0-9]{1,19}")


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """What a pointer file says.

    Attributes:
        oid: the SHA-256 of the bytes as 64 hexadecimal digits.
        size: how many bytes they are.
    """

    oid: str
    size: int

    def to_bytes(self) -> bytes:
        """Return the one valid encoding."""
        return f"version {_VERSION}\noid sha256:{self.oid}\nsize {self.size}\n".encode()


def check_oid(oid: str) -> str:
    """Return an object id that is safe in a path.

    Raises:
        InvalidInput: it is not 64 hexadecimal digits in lower case.
    """
    if not _OID.fullmatch(oid):
        raise InvalidInput(f"{oid[:80]!r} is no id of a Git LFS object")
    return oid


def parse_pointer(data: bytes) -> Pointer | None:
    """Return the pointer that a blob is, or None when it is something else.

    It is as generous as Git LFS: older versions, extensions and blank lines are accepted. So
    what is None here, `git lfs` leaves alone as well.
    """
    if len(data) >= POINTER_LIMIT:
        return None
    try:
        values = dict(_pairs(data.decode("utf-8").strip()))
    except (UnicodeDecodeError, ValueError):
        return None
    oid = _HASH.fullmatch(values.get("oid", ""))
    size = values.get("size", "")
    if values.get("version") not in _VERSIONS or oid is None or not _SIZE.fullmatch(size):
        return None
    return Pointer(oid=oid[1], size=int(size))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    expected = iter(_KEYS)
    for line in filter(None, (line.rstrip("\r") for line in text.split("\n"))):
        key, space, value = line.partition(" ")
        if not space:
            raise ValueError(line)
        if not _EXTENSION.match(key):
            if key != next(expected, None):
                raise ValueError(key)
            yield key, value
