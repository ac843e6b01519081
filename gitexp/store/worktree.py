"""Working trees that follow a branch: what is checked out moves along, and edits are never lost.

When a branch is checked out, in the main working tree or in a linked one, then moving it alone
would leave index and files behind, and the next `git commit` there would undo the move. So the
paths that differ between the old tip and the new one are moved too, and only those.

First it is made sure that nothing is overwritten. For each such path the index entry and the file
must be what the old tip says, or already what the new one says; anything else, also an untracked
file in the way, is uncommitted work and refuses the whole write. New contents are written beside
their places, and the new index beside the old one
under Git's `index.lock`. Only then, as steps of the pending work
(see `pending`), the files are renamed into place, the index follows, and the references last: a
process killed in between leaves files that are ahead of the branch, never behind it, and whoever
writes next brings the branch along.

Symbolic links are never followed: a path below one is not in the working tree. Line endings are
those that Git would write (see `attributes`); a file whose stored state says that it was not
touched since Git wrote it counts as unedited whatever filters it has. Paths outside of a sparse
checkout are moved in the index alone, submodules too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput, NotAllowed, UncommittedWork
from gitexp.ids import ObjectId
from gitexp.store.attributes import Attributes, Conversion
from gitexp.store.checkouts import Checkout
from gitexp.store.files import (
    create_file,
    is_real_directory,
    lstat_or_none,
    read_file,
    replace_file,
)
from gitexp.store.gitconfig import GitConfig
from gitexp.store.gitindex import NO_FILE, FileStat, Index, IndexEntry, new_entry
from gitexp.store.model import MODE_EXECUTABLE, MODE_GITLINK, MODE_LINK, RefUpdate, TreeEntry
from gitexp.store.objects import hash_object
from gitexp.store.pending import Pending
from gitexp.store.safe_names import disguise_fault
from gitexp.store.sparse import SparseCheckout
from gitexp.store.steps import fingerprint
from gitexp.store.trees import changed_paths, tree_of

if TYPE_CHECKING:
    from gitexp.store.protocol import Store

_SHOWN = 10
_DRAFT = ".gitexp-"
_FINAL = "-final"


@dataclass(frozen=True, kw_only=True)
class _Change:
    """What happens to one path: old and new entry of the tree."""

    path: str
    old: TreeEntry | None
    new: TreeEntry | None

    @property
    def name(self) -> bytes:
        return os.fsencode(self.path)


class Following:
    """One working tree that follows its branch in one write."""

    def __init__(self, checkout: Checkout, store: Store, config: GitConfig) -> None:
        self._checkout = checkout
        self._config = config
        self._store = store
        self._top = checkout.worktree
        self._index_path = os.path.join(checkout.git_dir, "index")
        self._file_modes = config.get_bool("core.filemode", True)
        self._links = config.get_bool("core.symlinks", True)
        self._real: dict[str, bool] = {}
        self._written: list[tuple[bytes, str]] = []

    def prepare(self, update: RefUpdate, pending: Pending) -> None:
        """Make sure that nothing is overwritten, write what is new, and plan the steps.

        Raises:
            UncommittedWork: a path that would change holds something else than the old tip.
            NotAllowed: the branch is to be deleted, or a path needs a filter that Git has to run.
            InvalidInput: a path of the new tip must not be in a working tree.
        """
        changes = self._changes(update.old, update.new)
        if changes and update.new is None:
            raise NotAllowed(
                f"{update.ref} is checked out in {self._top}",
                hint="Check out another branch there with `git switch BRANCH`, then try again.",
            )
        never_filled = update.old is not None and lstat_or_none(self._index_path) is None
        if not changes or never_filled:
            return
        held = pending.lock(self._index_path + ".lock")
        self._attributes = Attributes(self._top, self._checkout.common_dir, self._config)
        self._sparse = SparseCheckout(self._checkout.git_dir, self._config)
        self._index, self._index_time = self._read_index()
        self._dropped = {change.path for change in changes if change.new is None}
        self._refuse_edits(changes)
        self._index.distrust(self._index_time)
        for number, change in enumerate(sorted(changes, key=lambda c: c.new is not None)):
            self._plan(change, f"{_DRAFT}{pending.token}-{number}", pending)
        ready = f"{self._index_path}{_DRAFT}{pending.token}"
        pending.temporary(ready, ready + _FINAL)
        create_file(ready, [self._index.encode()])
        pending.after_files(lambda: self._note_times(ready))
        pending.guarded("install", held, ready, self._index_path)

    def _changes(self, old: ObjectId | None, new: ObjectId | None) -> list[_Change]:
        before = tree_of(self._store, old) if old else None
        after = tree_of(self._store, new) if new else None
        changes = [
            _Change(path=path, old=was, new=now)
            for path, was, now in changed_paths(self._store, before, after)
        ]
        for change in changes:
            _check_path(change.path)
        return changes

    def _read_index(self) -> tuple[Index, int]:
        """Return the index, and when it was written."""
        length = self._store.hash_length
        found = lstat_or_none(self._index_path)
        data = read_file(self._index_path)
        if found is None or data is None:
            return Index(hash_length=length), 1 << 62
        return Index.parse(data, hash_length=length, path=self._index_path), found.st_mtime_ns

    # Is it safe?

    def _refuse_edits(self, changes: Sequence[_Change]) -> None:
        edited = [change.path for change in changes if not self._is_safe(change)]
        if edited:
            rest = len(edited) - _SHOWN
            shown = ", ".join(edited[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
            raise UncommittedWork(
                f"not committed in {self._top}: {shown}",
                hint="Commit it, or set it aside with `git stash --include-untracked`, "
                "and run the command again.",
            )

    def _is_safe(self, change: _Change) -> bool:
        entries = self._index.stages(change.name)
        if not (_is_staged(entries, change.old) or _is_staged(entries, change.new)):
            return False
        if self._stays_out(change):
            return True
        if change.new is not None and self._is_obstructed(change.path):
            return False
        return self._stands(change, change.old) or self._stands(change, change.new)

    def _is_obstructed(self, path: str) -> bool:
        """Return whether a file or a link that stays is where a directory must be."""
        parent = path.rpartition("/")[0]
        while parent and not self._is_real(parent):
            if parent not in self._dropped and os.path.lexists(self._file(parent)):
                return True
            parent = parent.rpartition("/")[0]
        return False

    def _stays_out(self, change: _Change) -> bool:
        """Return whether only the index follows: submodules, and what a sparse checkout omits."""
        if any(e is not None and e.mode == MODE_GITLINK for e in (change.old, change.new)):
            return True
        entry = self._index.staged(change.name)
        if entry is not None:
            return entry.skips_worktree
        return self._sparse.leaves_out(change.path)

    def _stands(self, change: _Change, entry: TreeEntry | None) -> bool:
        """Return whether the file at a path is what a tree says."""
        path = self._file(change.path)
        found = self._found(change.path)
        is_directory = found is not None and stat.S_ISDIR(found.st_mode)
        if entry is None:
            # A directory gives way when nothing is left in it but what is dropped as well.
            return found is None or (is_directory and self._empties(change.path))
        if found is None or is_directory:
            return False
        if entry.mode == MODE_LINK and self._links:
            return stat.S_ISLNK(found.st_mode) and self._is_blob(
                os.fsencode(os.readlink(path)), entry
            )
        if not stat.S_ISREG(found.st_mode) or not self._has_mode(found, entry):
            return False
        return self._is_untouched(change, found, entry) or self._has_content(change.path, entry)

    def _found(self, path: str) -> os.stat_result | None:
        """Return what is at a path, None also below a file or a symbolic link."""
        parent = path.rpartition("/")[0]
        return lstat_or_none(self._file(path)) if self._is_real(parent) else None

    def _is_real(self, directory: str) -> bool:
        """Return whether a path leads through directories alone."""
        if not directory:
            return True
        if directory not in self._real:
            above = directory.rpartition("/")[0]
            self._real[directory] = self._is_real(above) and is_real_directory(
                self._file(directory)
            )
        return self._real[directory]

    def _empties(self, directory: str) -> bool:
        """Return whether all files below a directory are dropped in this very write."""
        for parent, names, files in os.walk(self._file(directory)):
            links = [name for name in names if os.path.islink(os.path.join(parent, name))]
            for name in (*files, *links):
                path = os.path.relpath(os.path.join(parent, name), self._top)
                if path.replace(os.sep, "/") not in self._dropped:
                    return False
        return True

    def _has_mode(self, found: os.stat_result, entry: TreeEntry) -> bool:
        if not self._file_modes or entry.mode == MODE_LINK:
            return True
        return bool(found.st_mode & stat.S_IXUSR) == (entry.mode == MODE_EXECUTABLE)

    def _is_untouched(self, change: _Change, found: os.stat_result, entry: TreeEntry) -> bool:
        """Return whether the index knows that a file has this content, whatever filters it has."""
        staged = self._index.staged(change.name)
        if staged is None or (staged.id, staged.mode) != (entry.id, entry.mode):
            return False
        now = FileStat.of(found, staged.mode)
        written = now.mtime * 10**9 + now.mtime_ns
        return staged.stat == now and written < self._index_time

    def _has_content(self, path: str, entry: TreeEntry) -> bool:
        data = read_file(self._file(path)) or b""
        if self._is_blob(data, entry):
            return True
        plain = self._conversion(path).to_blob(data)
        return plain != data and self._is_blob(plain, entry)

    def _is_blob(self, data: bytes, entry: TreeEntry) -> bool:
        return hash_object("blob", data, hash_length=self._store.hash_length) == entry.id

    # What is to be done.

    def _plan(self, change: _Change, draft: str, pending: Pending) -> None:
        path, target = change.name, self._file(change.path)
        staged = self._index.staged(path)
        if change.new is None:
            if not self._stays_out(change) and not self._stands(change, None):
                pending.step("drop", target, fingerprint(target), self._top)
            self._index.put(path, None)
        elif self._stays_out(change):
            self._index.put(path, _outside(staged, change.new))
        else:
            source = target
            if not self._stands(change, change.new):
                source = os.path.join(self._room(change.path), draft)
                self._write(change, source, pending)
                pending.step("move", source, target, self._expected(change), self._top)
            file = FileStat.of(os.lstat(source), _index_mode(change.new.mode))
            self._index.put(path, _inside(staged, file, change.new.id))
            self._written.append((path, target))

    def _note_times(self, ready: str) -> None:
        """Put the times of the files into the index that is ready, now that they have their names.

        Renaming a file changes one of them, and Git would read every such file once more. What
        somebody wrote there in the meantime is not noted, and so stays visible as an edit. Like
        Git's own this file is not fsynced: what a power cut may cost is the list of what is staged.
        """
        for path, target in self._written:
            entry, found = self._index.staged(path), lstat_or_none(target)
            if entry is not None and found is not None:
                now = FileStat.of(found, entry.mode)
                if entry.stat.is_of_same_file(now):
                    self._index.put(path, entry.replaced(now, entry.id))
        create_file(ready + _FINAL, [self._index.encode()], sync=False)
        replace_file(ready + _FINAL, ready)

    def _expected(self, change: _Change) -> str:
        found = self._found(change.path)
        return "-" if found is None else fingerprint(self._file(change.path))

    def _room(self, path: str) -> str:
        """Return the nearest directory above a path that is there."""
        parent = path.rpartition("/")[0]
        while not self._is_real(parent):
            parent = parent.rpartition("/")[0]
        return self._file(parent)

    def _write(self, change: _Change, draft: str, pending: Pending) -> None:
        entry = change.new
        assert entry is not None
        data = self._store.read(entry.id).data
        pending.temporary(draft)
        if entry.mode == MODE_LINK and self._links:
            os.symlink(os.fsdecode(data), draft)
            return
        conversion = self._conversion(change.path)
        if conversion.foreign:
            raise NotAllowed(
                f"{change.path} has the attribute {conversion.foreign}, which only Git can apply",
                hint="Check out another branch, so that this one is moved without its files.",
            )
        mode = 0o777 if entry.mode == MODE_EXECUTABLE else 0o666
        create_file(draft, [conversion.to_worktree(data)], mode=mode)

    def _conversion(self, path: str) -> Conversion:
        return self._attributes.conversion(path)

    def _file(self, path: str) -> str:
        return os.path.join(self._top, *path.split("/")) if path else self._top


def _is_staged(entries: Sequence[IndexEntry], wanted: TreeEntry | None) -> bool:
    """Return whether the index has exactly what a tree says."""
    if wanted is None or not entries:
        return wanted is None and not entries
    only = entries[0]
    same = (only.mode, only.id) == (_index_mode(wanted.mode), wanted.id)
    return len(entries) == 1 and same and not only.is_intent and not only.flags & 0x3000


def _inside(staged: IndexEntry | None, file: FileStat, object_id: ObjectId) -> IndexEntry:
    return staged.replaced(file, object_id) if staged else new_entry(file, object_id)


def _outside(staged: IndexEntry | None, entry: TreeEntry) -> IndexEntry:
    """Return the index entry of a path that is not in the working tree."""
    file = NO_FILE._replace(mode=_index_mode(entry.mode))
    if staged is not None:
        return staged.replaced(file, entry.id)
    return new_entry(file, entry.id, skips_worktree=entry.mode != MODE_GITLINK)


def _index_mode(mode: int) -> int:
    """Return a mode as the index has it; old trees know one more for plain files."""
    return 0o100644 if mode == 0o100664 else mode


def _check_path(path: str) -> None:
    for name in path.split("/"):
        fault = disguise_fault(name)
        if fault or name in ("", ".", "..") or name.lower() == ".git":
            raise InvalidInput(
                f"{path!r} must not be in a working tree: {fault or 'it leads out of it'}",
                hint="Check out another branch, so that this one is moved without its files.",
            )
