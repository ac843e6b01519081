"""The index, Git's list of what is staged: versions 2 to 4, read and written as a whole.

Entries that are not changed keep every bit of theirs. Of the extensions only the record of
resolved conflicts is kept; the others are caches that describe the old content, and Git makes
them again.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import MODE_GITLINK

_STAT = struct.Struct(">10I")
_EXTENDED = 0x4000
_LONGEST_NAME = 0xFFF
_INTENT_TO_ADD = 0x2000
_SKIP_WORKTREE = 0x4000
_KEPT_EXTENSIONS = frozenset({b"REUC"})
_WORD = 0xFFFFFFFF

Key = tuple[bytes, int]
"""Path and stage; Git sorts entries by it."""


class FileStat(NamedTuple):
    """What the index remembers of a file, to notice changes without reading it."""

    ctime: int
    ctime_ns: int
    mtime: int
    mtime_ns: int
    dev: int
    ino: int
    mode: int
    uid: int
    gid: int
    size: int

    @classmethod
    def of(cls, found: os.stat_result, mode: int) -> FileStat:
        """Return it for a file on disk, with the mode that Git gives it."""
        ctime, ctime_ns = divmod(found.st_ctime_ns, 10**9)
        mtime, mtime_ns = divmod(found.st_mtime_ns, 10**9)
        numbers = (ctime, ctime_ns, mtime, mtime_ns, found.st_dev, found.st_ino, mode)
        owner = (found.st_uid, found.st_gid, found.st_size)
        return cls(*(number & _WORD for number in (*numbers, *owner)))

    def is_of_same_file(self, later: FileStat) -> bool:
        """Return whether a file still has its content, though it may have got another name."""
        return self._replace(ctime=later.ctime, ctime_ns=later.ctime_ns) == later


NO_FILE = FileStat(*([0] * 10))


@dataclass(frozen=True, kw_only=True)
class IndexEntry:
    """One entry.

    Attributes:
        flags: assume-unchanged, stage and length, as stored.
        extended: skip-worktree and intent-to-add, as stored.
    """

    stat: FileStat
    id: ObjectId
    flags: int = 0
    extended: int = 0

    @property
    def mode(self) -> int:
        """The mode as in a tree."""
        return self.stat.mode

    @property
    def is_intent(self) -> bool:
        """Whether it only announces a file (`git add --intent-to-add`)."""
        return bool(self.extended & _INTENT_TO_ADD)

    @property
    def skips_worktree(self) -> bool:
        """Whether a sparse checkout leaves the file out."""
        return bool(self.extended & _SKIP_WORKTREE)

    def replaced(self, stat: FileStat, object_id: ObjectId) -> IndexEntry:
        """Return the entry for other content at the same path."""
        return replace(self, stat=stat, id=object_id, extended=self.extended & _SKIP_WORKTREE)


def new_entry(stat: FileStat, object_id: ObjectId, *, skips_worktree: bool = False) -> IndexEntry:
    """Return an entry for a path that had none."""
    extended = _SKIP_WORKTREE if skips_worktree else 0
    return IndexEntry(stat=stat, id=object_id, extended=extended)


class Index:
    """The entries of an index, by path and stage."""

    def __init__(self, *, hash_length: int) -> None:
        self.entries: dict[Key, IndexEntry] = {}
        self._width = hash_length // 2
        self._version = 2
        self._extensions: list[tuple[bytes, bytes]] = []
        self._unhashed = False

    @classmethod
    def parse(cls, data: bytes, *, hash_length: int, path: str) -> Index:
        """Return the index in a file's bytes.

        Raises:
            StoreError: it is damaged, or has a form that is not supported.
        """
        index = cls(hash_length=hash_length)
        try:
            index._parse(data, path)
        except (struct.error, ValueError, IndexError) as exc:
            raise _damaged(path, str(exc)) from exc
        return index

    def stages(self, path: bytes) -> list[IndexEntry]:
        """Return the entries of a path: one, none, or those of an unresolved conflict."""
        found = (self.entries.get((path, stage)) for stage in range(4))
        return [entry for entry in found if entry is not None]

    def staged(self, path: bytes) -> IndexEntry | None:
        """Return the ordinary entry of a path, or None."""
        return self.entries.get((path, 0))

    def put(self, path: bytes, entry: IndexEntry | None) -> None:
        """Replace what a path has by one entry, or by none."""
        for stage in range(4):
            self.entries.pop((path, stage), None)
        if entry is not None:
            self.entries[path, 0] = entry

    def distrust(self, written_ns: int) -> None:
        """Let Git read again what may have changed unnoticed.

        A file changed in the same tick of the clock as the old index was written keeps its
        size and time; the new index is younger, so Git would trust them from now on.
        """
        for key, entry in self.entries.items():
            stat = entry.stat
            if stat.mtime * 10**9 + stat.mtime_ns >= written_ns and stat.mode != MODE_GITLINK:
                self.entries[key] = replace(entry, stat=stat._replace(size=0))

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        rows = sorted(self.entries.items())
        version = max(self._version, 3) if any(e.extended for _, e in rows) else self._version
        parts = [b"DIRC" + struct.pack(">II", version, len(rows))]
        previous = b""
        for (path, stage), entry in rows:
            parts.append(self._encode_entry(path, stage, entry, version, previous))
            previous = path
        for signature, body in self._extensions:
            parts.append(signature + struct.pack(">I", len(body)) + body)
        body = b"".join(parts)
        return body + (bytes(self._width) if self._unhashed else self._hash(body))

    def _parse(self, data: bytes, path: str) -> None:
        end = len(data) - self._width
        magic, version, count = struct.unpack_from(">4sII", data)
        if magic != b"DIRC" or version not in (2, 3, 4):
            raise _unsupported(path, f"version {version}")
        self._unhashed = not any(data[end:])
        if not self._unhashed and self._hash(data[:end]) != data[end:]:
            raise _damaged(path, "its checksum is wrong")
        self._version, at, name = version, 12, b""
        for _ in range(count):
            name, stage, entry, at = self._parse_entry(data, at, name)
            if entry.mode == 0o040000:
                raise _unsupported(path, "a sparse index", "git sparse-checkout reapply")
            self.entries[name, stage] = entry
        for signature, body in _extensions(data, at, end):
            if signature == b"link":
                raise _unsupported(path, "a split index", "git update-index --no-split-index")
            if signature[:1].islower() and signature != b"sdir":
                raise _unsupported(path, f"the extension {signature.decode('ascii', 'replace')}")
            if signature in _KEPT_EXTENSIONS:
                self._extensions.append((signature, body))

    def _parse_entry(
        self, data: bytes, at: int, previous: bytes
    ) -> tuple[bytes, int, IndexEntry, int]:
        """Return path, stage and entry, and the position of the next one."""
        start = at
        stat = FileStat(*_STAT.unpack_from(data, at))
        at += _STAT.size
        object_id = ObjectId(data[at : at + self._width].hex())
        at += self._width
        (flags,) = struct.unpack_from(">H", data, at)
        at, extended = at + 2, 0
        if flags & _EXTENDED:
            (extended,) = struct.unpack_from(">H", data, at)
            at += 2
        if self._version == 4:
            strip, at = _parse_offset(data, at)
            end = data.index(b"\0", at)
            name, at = previous[: len(previous) - strip] + data[at:end], end + 1
        else:
            end = data.index(b"\0", at)
            name, at = data[at:end], start + _padded(end - start)
        entry = IndexEntry(stat=stat, id=object_id, flags=flags, extended=extended)
        return name, flags >> 12 & 3, entry, at

    def _encode_entry(
        self, path: bytes, stage: int, entry: IndexEntry, version: int, previous: bytes
    ) -> bytes:
        flags = entry.flags & 0x8000 | stage << 12 | min(len(path), _LONGEST_NAME)
        head = _STAT.pack(*entry.stat) + bytes.fromhex(entry.id)
        if entry.extended:
            head += struct.pack(">HH", flags | _EXTENDED, entry.extended)
        else:
            head += struct.pack(">H", flags)
        if version == 4:
            common = _common_length(previous, path)
            return head + _encode_offset(len(previous) - common) + path[common:] + b"\0"
        plain = head + path
        return plain + bytes(_padded(len(plain)) - len(plain))

    def _hash(self, data: bytes) -> bytes:
        if self._width == 32:
            return hashlib.sha256(data).digest()
        return hashlib.sha1(data, usedforsecurity=False).digest()


def _common_length(one: bytes, other: bytes) -> int:
    """Return how many bytes two names begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _padded(length: int) -> int:
    """Return a length with one to eight zero bytes added, up to a multiple of eight."""
    return (length + 8) & ~7


def _extensions(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while at < end:
        signature, size = struct.unpack_from(">4sI", data, at)
        if at + 8 + size > end:
            raise ValueError("an extension is cut short")
        yield signature, data[at + 8 : at + 8 + size]
        at += 8 + size


def _parse_offset(data: bytes, at: int) -> tuple[int, int]:
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = (value + 1 << 7) | (data[at] & 0x7F)
    return value, at + 1


def _encode_offset(value: int) -> bytes:
    encoded = [value & 0x7F]
    while value := value >> 7:
        value -= 1
        encoded.append(0x80 | value & 0x7F)
    return bytes(reversed(encoded))


def _damaged(path: str, why: str) -> StoreError:
    return StoreError(
        f"the index {path} is damaged: {why}",
        hint=f"`rm {path}` and `git reset` make it anew; files are not touched.",
    )


def _unsupported(
    path: str, what: str, command: str = "git update-index --index-version 2"
) -> StoreError:
    return StoreError(
        f"the index {path} uses {what}, which is not supported",
        hint=f"`{command}` turns it into an ordinary one.",
    )
