"""Who is who in a dataset, in little memory: ids of samples, and the digest over all of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from gitexp.evaluation.datasets.sample import derived_id
from gitexp.ids import Digest

_DIGEST_BYTES = hashlib.sha256().digest_size
_LIKE_DERIVED = re.compile(r"s[0-9a-f]{12}(?:-[0-9]+)?\Z")
_LONG = 64


class SetDigest:
    """The digest over the digests of samples, in whatever order they come.

    They are kept in 256 strings of bytes by their first one, so that they are sorted in parts: it
    takes 32 bytes a sample and nothing beside.
    """

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._parts = [bytearray() for _ in range(256)]
        self.count = 0
        for digest in digests:
            self.add(digest)

    def add(self, digest: bytes) -> None:
        """Count one sample in."""
        self._parts[digest[0]] += digest
        self.count += 1

    def digest(self) -> Digest:
        """Return the digest of what was added so far."""
        found = hashlib.sha256()
        for part in self._parts:
            starts = range(0, len(part), _DIGEST_BYTES)
            found.update(b"".join(sorted(bytes(part[at : at + _DIGEST_BYTES]) for at in starts)))
        return Digest(f"sha256:{found.hexdigest()}")


class Numbering:
    """Gives the rows of one pass over a dataset their ids.

    Args:
        reserved: explicit ids that a derived one must not take.
        repeated: the derived ids that come more than once or are reserved; None where that is
            still to be found out.
    """

    def __init__(
        self, reserved: Container[str] = (), repeated: Container[str] | None = None
    ) -> None:
        self._reserved = reserved
        self._repeated = repeated
        self._last: dict[str, int] = {}

    def id_of(self, row: Mapping[str, Any]) -> str:
        """Return the id of the next row."""
        if "id" in row:
            return str(row["id"])
        derived = derived_id(row)
        if self._repeated is not None and derived not in self._repeated:
            return derived
        number = self._last.get(derived, 0) + 1
        while _numbered(derived, number) in self._reserved:
            number += 1
        self._last[derived] = number
        return _numbered(derived, number)

    @property
    def any(self) -> bool:
        """Whether any id was derived."""
        return bool(self._last)

    def repeated(self, reserved: Iterable[str]) -> frozenset[str]:
        """Return the derived ids that came more than once, or that an explicit one may take."""
        several = {derived for derived, last in self._last.items() if last > 1}
        taken = {known.partition("-")[0] for known in reserved}
        return frozenset(several | (taken & self._last.keys()))


def _numbered(derived: str, number: int) -> str:
    return derived if number == 1 else f"{derived}-{number}"


class ExplicitIds:
    """The explicit ids of a dataset, each with the line on which it came first."""

    def __init__(self) -> None:
        self._lines: dict[str | bytes, int] = {}
        self.like_derived: set[str] = set()

    def earlier(self, sample_id: str, line: int) -> int | None:
        """Return the line on which an id stood already; None for a new one, which is kept."""
        key = _key(sample_id)
        if key in self._lines:
            return self._lines[key]
        self._lines[key] = line
        if _LIKE_DERIVED.match(sample_id):
            self.like_derived.add(sample_id)
        return None


def _key(sample_id: str) -> str | bytes:
    if len(sample_id) <= _LONG:
        return sample_id
    return hashlib.sha256(sample_id.encode("utf-8", "surrogatepass")).digest()
