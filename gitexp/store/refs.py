"""References in files: loose ones, `packed-refs`, symbolic ones, and those of one worktree.

Reading takes no lock. A loose file is looked at before `packed-refs`, so a reference that
`git pack-refs` moves in between is found in one of the two. One reference costs one `open` or one
search in `packed-refs`, not a reading of all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.store.files import read_error, read_file
from gitexp.store.model import Head
from gitexp.store.refnames import ref_name_fault

_LONGEST_SYMBOLIC_CHAIN = 5
_OWN_PREFIXES = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_PSEUDO = re.compile(r"[A-Z][A-Z_]*\Z")
_HEX = frozenset(b"0123456789abcdef")
_BRANCHES = "refs/heads/"


class RefFiles:
    """The references of one worktree of a repository."""

    def __init__(self, *, git_dir: Path, common_dir: Path, hash_length: int) -> None:
        self.git_dir = str(git_dir)
        self.common_dir = str(common_dir)
        self._hash_length = hash_length

    def read(self, name: str) -> ObjectId | None:
        """Return what a reference points at, symbolic ones followed, or None.

        Raises:
            StoreError: its file is damaged, or symbolic references lead in a circle.
        """
        return self._value(*self._followed(name))

    def resolve(self, name: str) -> str:
        """Return the name at the end of a chain of symbolic references.

        Raises:
            StoreError: a file is damaged, or the chain leads in a circle.
        """
        return self._followed(name)[0]

    def _followed(self, name: str) -> tuple[str, bytes | None]:
        """Return the name at the end of a chain of symbolic references, and what its file holds."""
        seen = name
        for _ in range(_LONGEST_SYMBOLIC_CHAIN):
            found = self._loose(seen)
            target = _target(found)
            if target is None:
                return seen, found
            if fault := _name_fault(target):
                raise StoreError(f"{seen} points at {target!r}, which is no reference: {fault}")
            seen = target
        raise StoreError(
            f"the symbolic reference {name!r} leads in a circle",
            hint=f"`git symbolic-ref {name} refs/heads/BRANCH` sets it anew.",
        )

    def value(self, name: str) -> ObjectId | None:
        """Return what a reference that is not symbolic points at, or None."""
        return self._value(name, self._loose(name))

    def _value(self, name: str, found: bytes | None) -> ObjectId | None:
        return self.packed_value(name) if found is None else self._parse(name, found)

    def path(self, name: str) -> str:
        """Return the path of a reference's own file."""
        return f"{self._top(name)}{os.sep}{name.replace('/', os.sep)}"

    def under(self, prefix: str) -> dict[str, ObjectId]:
        """Return the references whose full names begin with `prefix`, sorted by name.

        Raises:
            StoreError: the file of one of them is damaged.
        """
        found: dict[str, ObjectId] = {}
        for name in self._loose_names(prefix):
            value = self.read(name)
            if value is not None:
                found[name] = value
        for name, value in self.packed(prefix):
            found.setdefault(name, value)
        return dict(sorted(found.items()))

    def head(self) -> Head:
        """Return where HEAD points."""
        data = self._loose("HEAD")
        target = _target(data)
        if target is None:
            return Head(branch=None, commit=self._parse("HEAD", data) if data else None)
        short = target[len(_BRANCHES) :] if target.startswith(_BRANCHES) else target
        return Head(branch=short, commit=self.read(target))

    # packed-refs.

    @property
    def packed_path(self) -> str:
        """The path of `packed-refs`."""
        return os.path.join(self.common_dir, "packed-refs")

    def packed_data(self) -> bytes:
        """Return the bytes of `packed-refs`, none when there is no such file."""
        return _content(self.packed_path) or b""

    def packed_value(self, name: str) -> ObjectId | None:
        """Return the value of one reference in `packed-refs`, or None."""
        data = self.packed_data()
        needle = b" " + os.fsencode(name) + b"\n"
        at = data.find(needle)
        while at >= 0:
            begin = at - self._hash_length
            if begin == 0 or data[begin - 1 : begin] == b"\n":
                return self._parse(name, data[begin:at], self.packed_path)
            at = data.find(needle, at + 1)
        return None

    def packed(self, prefix: str) -> Iterator[tuple[str, ObjectId]]:
        """Yield the references in `packed-refs` whose names begin with `prefix`."""
        data = self.packed_data()
        needle = b" " + os.fsencode(prefix)
        at = data.find(needle)
        while at >= 0:
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            begin = at - self._hash_length
            if begin == 0 or (begin > 0 and data[begin - 1 : begin] == b"\n"):
                name = os.fsdecode(data[at + 1 : end])
                if name.startswith("refs/"):
                    yield name, self._parse(name, data[begin:at], self.packed_path)
            at = data.find(needle, end)

    # Loose files.

    def _top(self, name: str) -> str:
        own = not name.startswith("refs/") or name.startswith(_OWN_PREFIXES)
        return self.git_dir if own else self.common_dir

    def _loose(self, name: str) -> bytes | None:
        if _name_fault(name):
            return None
        data = _content(self.path(name))
        if data is not None and not data.strip():
            raise self._damage(name, self.path(name), "it is empty")
        return data

    def _parse(self, name: str, data: bytes, path: str | None = None) -> ObjectId:
        value, rest = data[: self._hash_length], data[self._hash_length :]
        if len(value) != self._hash_length or not _HEX.issuperset(value) or rest[:1].strip():
            raise self._damage(name, path or self.path(name), "it holds no object id")
        return ObjectId(value.decode("ascii"))

    def _damage(self, name: str, path: str, why: str) -> StoreError:
        return StoreError(
            f"the reference {name} is damaged: {why} ({path})",
            hint=f"`git reflog show {name}` lists where it stood; "
            f"delete the file and set it anew with `git update-ref {name} COMMIT`.",
        )

    def _loose_names(self, prefix: str) -> Iterator[str]:
        base = prefix.rpartition("/")[0] or "refs"
        if base != "refs" and ref_name_fault(base):
            return
        for top in dict.fromkeys((self.common_dir, self.git_dir)):
            for name in _walk(os.path.join(top, *base.split("/")), base):
                if name.startswith(prefix) and self._top(name) == top and not _name_fault(name):
                    yield name


def _walk(directory: str, name: str) -> Iterator[str]:
    try:
        with os.scandir(directory) as entries:
            found = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as exc:
        raise read_error(exc, directory) from exc
    for entry in found:
        if entry.is_dir():
            yield from _walk(entry.path, f"{name}/{entry.name}")
        else:
            yield f"{name}/{entry.name}"


def _target(data: bytes | None) -> str | None:
    """Return where a symbolic reference points, or None when it is not symbolic."""
    if data is None or not data.startswith(b"ref:"):
        return None
    return os.fsdecode(data[4:].strip())


def _name_fault(name: str) -> str | None:
    return None if _PSEUDO.match(name) else ref_name_fault(name)


def _content(path: str) -> bytes | None:
    try:
        return read_file(path)
    except IsADirectoryError:
        return None
    except OSError as exc:
        raise read_error(exc, path) from exc
