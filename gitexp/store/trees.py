"""Trees by path: looking up, listing, walking, comparing and merging them, over any store.

Paths are relative to the tree and separated by '/'; the empty path is the tree itself. Symbolic
links and submodules are never followed. Equal trees have equal ids, so comparing and merging
look only into directories that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

from gitexp.errors import DamagedObject, InvalidInput, StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import MODE_TREE, Commit, MergedTree, RawObject, TreeEntry, TreeId
from gitexp.store.objects import parse_commit, tag_target, tree_and_parents
from gitexp.store.protocol import MAX_DOCUMENT_BYTES, Store
from gitexp.store.treebytes import entry_name_fault, find_entry, parse_tree

if TYPE_CHECKING:
    from gitexp.store.transaction import Transaction

MAX_TREE_BYTES = 64 * 2**20
"""The largest tree, commit or tag that is read."""

MAX_TREE_DEPTH = 256
"""The deepest nesting of directories that is walked."""

MAX_WALKED_ENTRIES = 2_000_000
"""The most entries that one walk looks at: a few nested trees can name billions of files."""

_LONGEST_TAG_CHAIN = 16

T = TypeVar("T")


class Unmerged(Enum):
    """What a merge of one file returns when it finds no answer."""

    UNMERGED = "unmerged"


UNMERGED: Final = Unmerged.UNMERGED

Combine = Callable[[str, "bytes | None", "bytes | None", "bytes | None"], "bytes | Unmerged | None"]
"""Merges one file: called with path, base, ours and theirs (None where it is absent), it returns
the merged content, None to remove the file, or UNMERGED."""

Change = tuple[str, "TreeEntry | None", "TreeEntry | None"]
"""A path with its old and its new entry; None where there is none."""


# --- reading --------------------------------------------------------------------------------


def read_commit(store: Store, object_id: ObjectId) -> Commit:
    """Return the commit with this id, or the one that an annotated tag with this id names.

    Raises:
        MissingObject, DamagedObject: it cannot be read.
        StoreError: the object is no commit.
    """
    return parse_commit(peel(store, object_id))


def read_tree(store: Store, tree_id: TreeId) -> list[TreeEntry]:
    """Return the entries of a tree, in Git's order.

    Raises:
        MissingObject, DamagedObject: it cannot be read.
        StoreError: the object is no tree.
    """
    return parse_tree(store.read(ObjectId(tree_id), limit=MAX_TREE_BYTES))


def tree_of(store: Store, object_id: ObjectId) -> TreeId:
    """Return the tree of a commit or of what a tag names; a tree is its own.

    Raises:
        MissingObject, DamagedObject: it cannot be read.
        StoreError: the object is a blob.
    """
    raw = peel(store, object_id)
    return TreeId(raw.id) if raw.kind == "tree" else tree_and_parents(raw).tree


def peel(store: Store, object_id: ObjectId) -> RawObject:
    """Return the object with this id, or the one behind the annotated tags that lead on from it.

    Raises:
        MissingObject, DamagedObject: it cannot be read.
    """
    for _ in range(_LONGEST_TAG_CHAIN):
        raw = store.read(object_id, limit=MAX_TREE_BYTES)
        if raw.kind != "tag":
            return raw
        object_id = tag_target(raw)
    raise StoreError(f"more than {_LONGEST_TAG_CHAIN} tags lead on from tag {object_id}")


def entry_at(store: Store, tree_id: TreeId, path: str) -> TreeEntry | None:
    """Return the entry at a path, or None when there is none; "" is the tree itself.

    Raises:
        InvalidInput: the path is malformed, such as `/a`, `a//b` or `a/../b`.
        MissingObject, DamagedObject: a directory on the way cannot be read.
    """
    reached, entry = _follow(store, tree_id, path)
    return entry if reached == path else None


def _follow(store: Store, tree_id: TreeId, path: str) -> tuple[str, TreeEntry | None]:
    """Return how far a path leads and the entry there: a prefix of it when no directory."""
    entry: TreeEntry | None = TreeEntry(name="", mode=MODE_TREE, id=ObjectId(tree_id))
    reached = ""
    for name in split_path(path):
        if entry is None or not entry.is_tree:
            return reached, entry
        entry = find_entry(store.read(entry.id, limit=MAX_TREE_BYTES), name)
        reached = join_path(reached, name)
    return reached, entry


def list_dir(store: Store, tree_id: TreeId, path: str) -> list[TreeEntry]:
    """Return the entries of the directory at a path; none when there is no directory.

    Raises:
        InvalidInput: the path is malformed.
        MissingObject, DamagedObject: a directory on the way cannot be read.
    """
    entry = entry_at(store, tree_id, path)
    return read_tree(store, TreeId(entry.id)) if entry is not None and entry.is_tree else []


def blob_at(
    store: Store, tree_id: TreeId, path: str, *, limit: int = MAX_DOCUMENT_BYTES
) -> bytes | None:
    """Return the content of the file at a path, or None when there is none.

    Raises:
        InvalidInput: a symbolic link or submodule stands at the path or on the way to it, a
            directory stands at the path, or the file is larger than `limit` bytes.
        MissingObject, DamagedObject: it cannot be read.
    """
    reached, entry = _follow(store, tree_id, path)
    if entry is None or (reached != path and entry.is_file):
        return None
    return blob_of(store, entry, reached, limit=limit)


def blob_of(store: Store, entry: TreeEntry, path: str, *, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
    """Return the content of the file that an entry, which stands at a path, names.

    Raises:
        InvalidInput: it names no file, or one that is larger than `limit` bytes.
        MissingObject, DamagedObject: it cannot be read.
    """
    if not entry.is_file:
        raise InvalidInput(
            f"{path or 'the root'} is a {_kind_of(entry)}, not a file",
            hint="Put a regular file there; links and submodules are never followed.",
        )
    try:
        raw = store.read(entry.id, limit=limit)
    except InvalidInput as exc:
        raise InvalidInput(
            f"{path} is larger than {limit} bytes",
            hint="Keep documents small, and store large data as a dataset or an artifact.",
        ) from exc
    if raw.kind != "blob":
        raise DamagedObject(f"the tree's entry {path} says file, and {raw.id} is a {raw.kind}")
    return raw.data


def _kind_of(entry: TreeEntry) -> str:
    if entry.is_tree:
        return "directory"
    return "submodule" if entry.mode == 0o160000 else "symbolic link"


def split_path(path: str) -> list[str]:
    """Return the names that make up a path; none for the empty path.

    Raises:
        InvalidInput: a name in it is empty, `.`, `..` or `.git`, or there are too many.
    """
    names = path.split("/") if path else []
    for name in names:
        if fault := entry_name_fault(name):
            raise InvalidInput(f"{path!r} is not a usable path: {name!r} in it: {fault}")
    if len(names) > MAX_TREE_DEPTH:
        raise InvalidInput(f"{path[:80]!r}... is nested deeper than {MAX_TREE_DEPTH} directories")
    return names


def join_path(directory: str, name: str) -> str:
    """Return the path of a name in a directory."""
    return f"{directory}/{name}" if directory else name


# --- walking and comparing ------------------------------------------------------------------


def walk_files(store: Store, tree_id: TreeId, path: str = "") -> Iterator[tuple[str, TreeEntry]]:
    """Return every entry below a path that is no directory, with its full path, sorted.

    Symbolic links and submodules are among them: `entry.is_file` tells them apart.

    Raises:
        StoreError: the tree is nested too deep or holds too many entries.
        MissingObject, DamagedObject: a directory cannot be read.
    """
    start = entry_at(store, tree_id, path)
    if start is not None and start.is_tree:
        for found, _, entry in _Comparison(store).trees(path, None, TreeId(start.id)):
            if entry is not None:
                yield found, entry


def changed_paths(store: Store, old: TreeId | None, new: TreeId | None) -> Iterator[Change]:
    """Return the files that differ between two trees, sorted by path; None is the empty tree.

    A file that became a directory is one file removed and the directory's files added.

    Raises:
        StoreError: a tree is nested too deep or holds too many entries.
        MissingObject, DamagedObject: a directory that differs cannot be read.
    """
    return _Comparison(store).trees("", old, new)


class _Comparison:
    """One walk over two trees at once, which counts what it looks at."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = 0

    def trees(
        self, path: str, old: TreeId | None, new: TreeId | None, depth: int = 0
    ) -> Iterator[Change]:
        if old == new:
            return
        _check_depth(path, depth)
        before, after = self._entries(old), self._entries(new)
        for key in sorted(before.keys() | after.keys()):
            was, now = before.get(key), after.get(key)
            if was != now:
                yield from self._entry(join_path(path, key.rstrip("/")), was, now, depth)

    def _entry(
        self, path: str, was: TreeEntry | None, now: TreeEntry | None, depth: int
    ) -> Iterator[Change]:
        if (was or now).is_tree:  # type: ignore[union-attr]
            yield from self.trees(path, _tree_id(was), _tree_id(now), depth + 1)
        else:
            yield path, was, now

    def _entries(self, tree_id: TreeId | None) -> dict[str, TreeEntry]:
        """Return entries by the key that Git sorts by, which tells a file from a directory."""
        entries = read_tree(self._store, tree_id) if tree_id else []
        self._seen += len(entries)
        if self._seen > MAX_WALKED_ENTRIES:
            raise StoreError(f"the tree holds more than {MAX_WALKED_ENTRIES:,} entries")
        return {entry.name + "/" if entry.is_tree else entry.name: entry for entry in entries}


def _tree_id(entry: TreeEntry | None) -> TreeId | None:
    return TreeId(entry.id) if entry is not None and entry.is_tree else None


def _check_depth(path: str, depth: int) -> None:
    if depth > MAX_TREE_DEPTH:
        raise StoreError(f"{path[:80]}... is nested deeper than {MAX_TREE_DEPTH} directories")


# --- merging --------------------------------------------------------------------------------


def merge_trees(
    tx: Transaction,
    base: TreeId | None,
    ours: TreeId,
    theirs: TreeId,
    *,
    combine: Combine | None = None,
) -> MergedTree:
    """Return the three-way merge of two trees, or the paths at which they conflict.

    What one side left as it was follows the other side, and what both changed alike stays so.
    Any other file is for `combine` to decide, and is a conflict without it. So are symbolic
    links and submodules that both changed, files too large to be documents, and a file on one
    side where the other has a directory.

    Raises:
        MissingObject, DamagedObject: a directory or file that both sides changed cannot be read.
    """
    merge = _Merge(tx, combine or _never)
    tree = merge.trees("", (base, ours, theirs))
    if merge.conflicts:
        return MergedTree(tree=None, conflicts=tuple(sorted(merge.conflicts)))
    return MergedTree(tree=tree or tx.directory(()))


def _never(path: str, *sides: bytes | None) -> Unmerged:
    return UNMERGED


class _Merge:
    """One merge in progress: where it writes to, and the conflicts so far.

    `sides` are always base, ours and theirs, None where there is nothing.
    """

    def __init__(self, tx: Transaction, combine: Combine) -> None:
        self._tx = tx
        self._combine = combine
        self.conflicts: set[str] = set()

    def trees(self, path: str, sides: Sequence[TreeId | None], depth: int = 0) -> TreeId | None:
        """Return the merged directory, None when it is empty or holds a conflict."""
        picked = _pick(sides)
        if not isinstance(picked, Unmerged):
            return picked
        _check_depth(path, depth)
        listings = [self._entries(tree_id) for tree_id in sides]
        merged = []
        for name in sorted(set().union(*listings)):
            found = [listing.get(name) for listing in listings]
            merged.append(self._entry(join_path(path, name), found, depth))
        kept = [entry for entry in merged if entry is not None]
        return self._tx.directory(kept) if kept and not self.conflicts else None

    def _entries(self, tree_id: TreeId | None) -> dict[str, TreeEntry]:
        return {entry.name: entry for entry in read_tree(self._tx, tree_id)} if tree_id else {}

    def _entry(self, path: str, sides: Sequence[TreeEntry | None], depth: int) -> TreeEntry | None:
        picked = _pick(sides)
        if not isinstance(picked, Unmerged):
            return picked
        file = self._file(path, [None if e is None or e.is_tree else e for e in sides])
        tree = self.trees(path, [_tree_id(e) for e in sides], depth + 1)
        if tree is None:
            return file
        if file is not None:
            self.conflicts.add(path)
        return TreeEntry(name=path.rpartition("/")[2], mode=MODE_TREE, id=ObjectId(tree))

    def _file(self, path: str, sides: Sequence[TreeEntry | None]) -> TreeEntry | None:
        picked = _pick(sides)
        if isinstance(picked, Unmerged):
            picked = self._changed_file(path, sides)
        if isinstance(picked, Unmerged):
            self.conflicts.add(path)
            return None
        return picked

    def _changed_file(
        self, path: str, sides: Sequence[TreeEntry | None]
    ) -> TreeEntry | Unmerged | None:
        """Merge a file's mode and its content, each for itself; one side may have removed it."""
        if any(side is not None and not side.is_file for side in sides):
            return UNMERGED
        modes = [side.mode for side in sides[1:] if side is not None]
        mode = modes[0] if len(modes) == 1 else _pick([_mode(side) for side in sides])
        content = UNMERGED if isinstance(mode, Unmerged) else self._content(path, sides)
        if isinstance(content, Unmerged) or isinstance(mode, Unmerged):
            return UNMERGED
        if mode is None or content is None:
            return None
        return TreeEntry(name=path.rpartition("/")[2], mode=mode, id=content)

    def _content(self, path: str, sides: Sequence[TreeEntry | None]) -> ObjectId | Unmerged | None:
        picked = _pick([None if side is None else side.id for side in sides])
        if not isinstance(picked, Unmerged):
            return picked
        try:
            base, ours, theirs = (self._bytes(path, side) for side in sides)
        except InvalidInput:
            return UNMERGED
        answer = self._combine(path, base, ours, theirs)
        return self._tx.blob(answer) if isinstance(answer, bytes) else answer

    def _bytes(self, path: str, side: TreeEntry | None) -> bytes | None:
        return None if side is None else blob_of(self._tx, side, path, limit=MAX_DOCUMENT_BYTES)


def _mode(entry: TreeEntry | None) -> int | None:
    return None if entry is None else entry.mode


def _pick(sides: Sequence[T]) -> T | Unmerged:
    """Return what a three-way merge takes without looking inside, or UNMERGED."""
    base, ours, theirs = sides
    if ours == theirs or base == theirs:
        return ours
    return theirs if base == ours else UNMERGED
