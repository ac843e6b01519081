"""Writing objects so that they are still there after the power was cut.

A few objects become files of their own: all are written, all fsynced, all renamed, and then each
directory is fsynced once, so a file system with a journal commits it about once for all of them.
Many objects become one pack, its index renamed last, which makes it visible.

An object that is there already is written again unless a copy was read in full and found intact;
then that copy is made durable, because Git does not fsync what it writes, and young, because a
running `git prune` removes what nothing has named for a while.

One that is told to remove what is young too takes away whatever no reference named when it looked.
What is gone once the references have moved is written again. While `git gc` is at work, which may
remove more later, everything becomes a pack, because `git prune` removes none, nor `git repack` one
that it did not find at its beginning, or found with a `.keep` file beside it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from gitexp.store.files import create_file, make_directories, replace_file, sync_directory
from gitexp.store.model import NewObject
from gitexp.store.objectfiles import ObjectFiles, loose_path
from gitexp.store.pending import Pending
from gitexp.store.sharing import PRIVATE, Sharing
from gitexp.store.upkeep import gc_is_running

MOST_LOOSE = 8
"""The most objects of one write that get files of their own."""

DRAFT = "draft-"
"""How the names of files begin that are still written, all of them in the directory of packs.

`git prune` that removes what is young takes away every `tmp_` file, though somebody writes it.
"""

_MODE = 0o444
_ATTEMPTS = 5
_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_LEVEL = 1
_LARGE_OFFSET = 1 << 31
_PART = 1 << 18


class ObjectWriter:
    """Writes the objects of one repository."""

    def __init__(self, objects: ObjectFiles, *, sharing: Sharing = PRIVATE) -> None:
        self._objects = objects
        self._sharing = sharing
        self._exposed: list[NewObject] = []

    def write(self, objects: Sequence[NewObject], pending: Pending) -> None:
        """Make objects durable; a pack is kept from `git repack` until `pending` is closed.

        Raises:
            OSError: they could not be written; nothing names those that were.
        """
        wanted = {raw.id: raw for raw in objects}
        # What is here already may be on the list of what goes, like everything that is new.
        listed = gc_is_running(self._objects.path)
        here = set() if listed else self._objects.renewed(list(wanted))
        missing = [raw for raw in wanted.values() if raw.id not in here]
        packed = {raw.id for raw in missing} if listed or len(missing) > MOST_LOOSE else set()
        self._exposed = [raw for raw in wanted.values() if raw.id not in packed]
        if packed:
            self._write_pack(missing, pending)
        elif missing:
            self._write_loose(missing, pending)
        self._objects.keep(missing)

    def restore(self, pending: Pending) -> None:
        """Write again what a prune removed since `write` or may remove yet.

        It belongs after the references moved: a prune that begins later removes nothing.

        Raises:
            OSError: they could not be written.
        """
        if self._exposed and gc_is_running(self._objects.path):
            self._write_pack(self._exposed, pending)
            return
        for _ in range(_ATTEMPTS):
            gone = self._objects.gone([raw.id for raw in self._exposed])
            if not gone:
                return
            self._write_loose([raw for raw in self._exposed if raw.id in gone], pending)
        raise FileNotFoundError(
            2, "objects vanish as often as they are written", self._objects.path
        )

    def _write_loose(self, objects: Sequence[NewObject], pending: Pending) -> None:
        top = self._objects.path
        directory = os.path.join(top, "pack")
        drafts = [_draft(directory, f"{pending.token}-{n}") for n in range(len(objects))]
        pending.temporary(*drafts)
        make_directories(directory)
        for raw, draft in zip(objects, drafts, strict=True):
            create_file(draft, _loose(raw), mode=_MODE)
            self._sharing.adjust(draft)
        directories: dict[str, None] = {}
        for raw, draft in zip(objects, drafts, strict=True):
            directories.update(dict.fromkeys(self._place(draft, loose_path(top, raw.id))))
        for directory in directories:
            # One that a prune emptied and removed is made again by `restore`.
            with contextlib.suppress(FileNotFoundError):
                sync_directory(directory)

    def _place(self, draft: str, path: str) -> list[str]:
        """Give a file its name; return the directories to fsync."""
        directory = os.path.dirname(path)
        changed = [directory]
        for _ in range(_ATTEMPTS):
            try:
                replace_file(draft, path)
            except FileNotFoundError:
                # Not made yet, or empty for a moment and removed by `git gc`.
                for made in make_directories(directory):
                    self._sharing.adjust(made)
                    changed.append(os.path.dirname(made))
            else:
                return changed
        raise FileNotFoundError(2, "vanishes as often as it is made", directory)

    def _write_pack(self, objects: Sequence[NewObject], pending: Pending) -> None:
        directory = os.path.join(self._objects.path, "pack")
        entries = _Entries(objects, self._objects.hash_length)
        draft = _draft(directory, f"{pending.token}-pack")
        draft_index = _draft(directory, f"{pending.token}-idx")
        pending.temporary(draft, draft_index)
        make_directories(directory)
        create_file(draft, entries.pack(), mode=_MODE)
        create_file(draft_index, [entries.index()], mode=_MODE)
        stem = _free_stem(os.path.join(directory, "pack-"), entries.checksum)
        pending.temporary(f"{stem}.keep")
        create_file(f"{stem}.keep", (), sync=False)
        for source, target in ((draft, f"{stem}.pack"), (draft_index, f"{stem}.idx")):
            self._sharing.adjust(source)
            replace_file(source, target)
        sync_directory(directory)


def _draft(directory: str, name: str) -> str:
    return os.path.join(directory, DRAFT + name)


def _free_stem(beginning: str, checksum: bytes) -> str:
    """Return the usual name for a pack; another where one is there, which may be about to go."""
    usual = beginning + checksum.hex()
    taken = os.path.exists(f"{usual}.pack") or os.path.exists(f"{usual}.keep")
    return beginning + secrets.token_hex(len(checksum)) if taken else usual


class _Entries:
    """The entries of one pack, as they are written.

    Attributes:
        checksum: the hash of the pack's bytes, once they were all produced.
    """

    def __init__(self, objects: Sequence[NewObject], hash_length: int) -> None:
        self._objects = objects
        self._new_hash = functools.partial(
            hashlib.sha256 if hash_length == 64 else hashlib.sha1, usedforsecurity=False
        )
        self._rows: list[tuple[bytes, int, int]] = []
        self.checksum = b""

    def pack(self) -> Iterator[bytes]:
        """Yield the bytes of the pack."""
        header = b"PACK" + struct.pack(">II", 2, len(self._objects))
        hasher, offset = self._new_hash(header), len(header)
        yield header
        for raw in self._objects:
            start, crc = offset, 0
            for part in _deflated(raw.pieces(), begin=_entry_header(raw)):
                crc = zlib.crc32(part, crc)
                hasher.update(part)
                offset += len(part)
                yield part
            self._rows.append((bytes.fromhex(raw.id), crc, start))
        self.checksum = hasher.digest()
        yield self.checksum

    def index(self) -> bytes:
        """Return the index, version 2, of the pack that was produced."""
        rows = sorted(self._rows)
        large = [offset for _, _, offset in rows if offset >= _LARGE_OFFSET]
        places = {offset: _LARGE_OFFSET | n for n, offset in enumerate(large)}
        body = b"".join(
            [
                b"\377tOc" + struct.pack(">I", 2),
                struct.pack(">256I", *_fanout([name for name, _, _ in rows])),
                *(name for name, _, _ in rows),
                *(struct.pack(">I", crc) for _, crc, _ in rows),
                *(struct.pack(">I", places.get(offset, offset)) for _, _, offset in rows),
                *(struct.pack(">Q", offset) for offset in large),
                self.checksum,
            ]
        )
        return body + self._new_hash(body).digest()


def _fanout(names: Sequence[bytes]) -> list[int]:
    """Return for each first byte how many names begin with it or a smaller one."""
    counts = [0] * 256
    for name in names:
        counts[name[0]] += 1
    total = 0
    for byte in range(256):
        total += counts[byte]
        counts[byte] = total
    return counts


def _header(raw: NewObject) -> bytes:
    return b"%s %d\0" % (raw.kind.encode(), raw.size)


def _loose(raw: NewObject) -> Iterator[bytes]:
    """Yield the content of a loose object's file; put together first, it would be there twice."""
    return _deflated(chain([_header(raw)], raw.pieces()))


def _deflated(pieces: Iterable[bytes], *, begin: bytes = b"") -> Iterator[bytes]:
    """Yield what stands before pieces, and the pieces compressed; a small object in one part."""
    packer = zlib.compressobj(_LEVEL)
    parts, size = [begin], 0
    for piece in pieces:
        parts.append(packer.compress(piece))
        size += len(parts[-1])
        if size > _PART:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join([*parts, packer.flush()])


def _entry_header(raw: NewObject) -> bytes:
    """Return type and size: four bits of the size, then seven at a time, least first."""
    size = raw.size
    byte, size = _TYPES[raw.kind] << 4 | size & 15, size >> 4
    encoded = bytearray()
    while size:
        encoded.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    encoded.append(byte)
    return bytes(encoded)
