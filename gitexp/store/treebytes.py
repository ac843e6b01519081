"""Trees between bytes and entries, as Git writes them.

Every tree is checked when it is read: that it is whole, names nothing twice, and nothing that could
lead out of its directory. Names and modes are only made into entries for those who ask for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product

from gitexp.errors import DamagedObject, InvalidInput, StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_GITLINK,
    MODE_LINK,
    MODE_TREE,
    RawObject,
    TreeEntry,
)

_MODES = frozenset({MODE_FILE, MODE_EXECUTABLE, MODE_LINK, MODE_GITLINK, MODE_TREE})
_ENTRY = {
    width: re.compile(rb"([0-7]{5,7}) ([^\0]+)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)
}
_SMALL = 1 << 15
_GIT = [bytes(name) for name in product(b".", b"gG", b"iI", b"tT")]
_FORBIDDEN = frozenset([b".", b"..", *_GIT])
"""The names that `entry_name_fault` refuses, but for those with a separator."""

_Row = tuple[bytes, bytes, bytes]
"""Mode, name and binary id of an entry, as they are written."""


def parse_tree(raw: RawObject) -> list[TreeEntry]:
    """Return the entries of a tree in Git's order; names that are no UTF-8 survive a round trip.

    Raises:
        StoreError: the object is no tree.
        DamagedObject: it is malformed, names an entry twice, or has a name that could lead out
            of its directory or into `.git`.
    """
    return [_tree_entry(fields) for fields in _checked_rows(raw).values()]


def find_entry(raw: RawObject, name: str) -> TreeEntry | None:
    """Return the entry of a tree with this name, or None; cheaper than parsing all of a tree.

    Raises:
        StoreError: the object is no tree.
        DamagedObject: it is malformed, or names an entry twice.
    """
    fields = _rows(raw).get(name.encode("utf-8", "surrogateescape"))
    return _tree_entry(fields) if fields is not None else None


def find_entries(raw: RawObject, names: Iterable[str]) -> dict[str, TreeEntry]:
    """Return those entries of a tree that have one of these names; raises as `parse_tree`."""
    rows = _checked_rows(raw)
    found = ((name, rows.get(name.encode("utf-8", "surrogateescape"))) for name in names)
    return {name: _tree_entry(fields) for name, fields in found if fields is not None}


def replace_entries(raw: RawObject, changes: Mapping[str, TreeEntry | None]) -> bytes:
    """Return the bytes of a tree with some entries put into it, or removed where there is None.

    They are those that `encode_tree` would return, at a small part of its cost for what stays.

    Raises:
        StoreError, DamagedObject: as for `parse_tree`.
        InvalidInput: a name or mode cannot stand in a tree.
    """
    rows = _checked_rows(raw)
    touched = {name.encode("utf-8", "surrogateescape") for name in changes}
    modes = {mode: b"%o" % _canonical_mode(mode) for mode in {row[0] for row in rows.values()}}
    encoded = [
        (name + b"/" if modes[mode] == b"40000" else name, b"%s %s\0%s" % (modes[mode], name, id))
        for mode, name, id in rows.values()
        if name not in touched
    ]
    new = [entry for entry in changes.values() if entry is not None]
    encoded += [(_sort_key(entry), _encode_entry(entry)) for entry in new]
    return b"".join([data for _, data in sorted(encoded)])


def _checked_rows(raw: RawObject) -> Mapping[bytes, _Row]:
    """Return the rows of a tree that has no name that could lead elsewhere."""
    rows = _rows(raw)
    if not rows.keys().isdisjoint(_FORBIDDEN) or b"/" in b"".join(rows):
        names = [name.decode("utf-8", "surrogateescape") for name in rows]
        name, fault = next((n, fault) for n in names if (fault := entry_name_fault(n)))
        raise DamagedObject(f"the tree {raw.id} has an entry named {name!r}: {fault}")
    return rows


def _rows(raw: RawObject) -> Mapping[bytes, _Row]:
    """Return mode, name and binary id of each entry, by its name."""
    # One change of a tree looks at each of its directories several times.
    return _rows_of_small(raw) if len(raw.data) <= _SMALL else _parsed_rows(raw)


def _parsed_rows(raw: RawObject) -> Mapping[bytes, _Row]:
    if raw.kind != "tree":
        raise StoreError(f"object {raw.id} is a {raw.kind}, not a tree")
    width = len(raw.id) // 2
    found: list[_Row] = _ENTRY[width].findall(raw.data)
    # `findall` skips what does not match; the lengths only add up when nothing was skipped.
    length = sum([len(mode) + len(name) + width + 2 for mode, name, _ in found])
    if length != len(raw.data):
        raise DamagedObject(f"the tree {raw.id} is malformed")
    rows = {row[1]: row for row in found}
    if len(rows) != len(found):
        raise DamagedObject(f"the tree {raw.id} names an entry twice")
    return rows


_rows_of_small = lru_cache(maxsize=16)(_parsed_rows)


def _tree_entry(fields: _Row) -> TreeEntry:
    mode, name, digest = fields
    return TreeEntry(
        name=name.decode("utf-8", "surrogateescape"),
        mode=_canonical_mode(mode),
        id=ObjectId(digest.hex()),
    )


@lru_cache(maxsize=64)
def _canonical_mode(digits: bytes) -> int:
    """Return the mode as Git reads it: old versions wrote others for files."""
    mode = int(digits, 8)
    kind = mode & 0o170000
    if kind == 0o100000:
        return MODE_EXECUTABLE if mode & 0o100 else MODE_FILE
    return kind if kind in (MODE_LINK, MODE_TREE) else MODE_GITLINK


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the bytes of a tree, its entries in Git's order.

    Raises:
        InvalidInput: a name or mode cannot stand in a tree, or a name is there twice.
    """
    encoded = sorted((_sort_key(entry), _encode_entry(entry)) for entry in entries)
    names = [key.rstrip(b"/") for key, _ in encoded]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"a tree cannot name {twice.decode('utf-8', 'replace')!r} twice")
    return b"".join(data for _, data in encoded)


def _sort_key(entry: TreeEntry) -> bytes:
    """Git compares a directory's name as if a slash followed it."""
    name = entry.name.encode("utf-8", "surrogateescape")
    return name + b"/" if entry.is_tree else name


def _encode_entry(entry: TreeEntry) -> bytes:
    if fault := entry_name_fault(entry.name):
        raise InvalidInput(f"{entry.name!r} cannot be a name in a tree: {fault}")
    if entry.mode not in _MODES:
        raise InvalidInput(f"{entry.mode:o} is no mode of a tree's entry ({entry.name!r})")
    name = entry.name.encode("utf-8", "surrogateescape")
    return b"%o %s\0" % (entry.mode, name) + bytes.fromhex(entry.id)


def entry_name_fault(name: str) -> str | None:
    """Return why a name cannot stand in any tree, or None when it can."""
    if name in ("", ".", ".."):
        return "it is empty, '.' or '..'"
    if "/" in name or "\0" in name:
        return "it contains '/' or NUL"
    if len(name) == 4 and name.lower() == ".git":
        return "it is the name of Git's own directory"
    return None
