"""The history of one file: the commits that changed it, by the commit graph and never by a clock.

A commit changes a file when it holds it with another content than each of its parents has. What
was found is cached by the commit's id, and a later commit is walked only down to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitexp.errors import MissingObject
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.history import is_ancestor
from gitexp.store.objects import CommitLinks, tree_and_parents
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A commit that wrote a file.

    Attributes:
        commit: its id.
        path: where the file stands in that commit.
        blob: what it holds.
        aliases: other commits that wrote the same on lines of history that run side by side, as
            the commits of a branch and their squash do.
    """

    commit: ObjectId
    path: str
    blob: ObjectId
    aliases: tuple[ObjectId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileHistory:
    """The changes of a file that are reachable from a commit, ancestors before descendants.

    Attributes:
        changes: every change, those of lines that were joined first-parent line first.
        joined: whether lines of history were joined on the way.
        cut: whether the clone is shallow, so that older changes may not be here.
    """

    changes: tuple[FileChange, ...]
    joined: bool = False
    cut: bool = False


def file_history(
    workspace: Workspace,
    tip: ObjectId,
    paths: Sequence[str],
    *,
    until_absent: bool = False,
    reader: Store | None = None,
) -> FileHistory:
    """Return the history of a file, which stood at one of several paths in the course of time.

    Args:
        until_absent: whether a line of history is followed back only as far as the file is there,
            so that a file that was removed and came back begins there.

    Raises:
        MissingObject, DamagedObject: history cannot be read; a shallow clone is no error.
    """
    mode = "present" if until_absent else "whole"
    cache, start = workspace.cache, f"file-history/1/{mode}/" + "\n".join(paths)
    known = cache.get(f"{start}/{tip}")
    if known is not None:
        return _from_json(known)
    last = cache.get(f"{start}/tip")
    base = cache.get(f"{start}/{last}") if last else None
    stop = last if base else None
    walk = _Walk(reader or workspace.store, paths, stop=stop, until_absent=until_absent)
    found = walk.run(tip, _from_json(base) if base else FileHistory(changes=()))
    if not found.cut:
        cache.put(f"{start}/{tip}", _to_json(found))
        cache.put(f"{start}/tip", tip)
    return found


def folded(store: Store, history: FileHistory) -> tuple[FileChange, ...]:
    """Return the changes, those of the same content on parallel lines as one with aliases."""
    if not history.joined:
        return history.changes
    kept: list[FileChange] = []
    for change in history.changes:
        place = next((i for i, one in enumerate(kept) if _is_twin(store, one, change)), None)
        if place is None:
            kept.append(change)
        else:
            aliases = (*kept[place].aliases, change.commit)
            kept[place] = replace(kept[place], aliases=aliases)
    return tuple(kept)


def _is_twin(store: Store, known: FileChange, later: FileChange) -> bool:
    return known.blob == later.blob and not any(
        is_ancestor(store, commit, later.commit) for commit in (known.commit, *known.aliases)
    )


def _to_json(history: FileHistory) -> Any:
    changes = [(change.commit, change.path, change.blob) for change in history.changes]
    return {"changes": changes, "joined": history.joined}


def _from_json(data: Any) -> FileHistory:
    changes = tuple(FileChange(commit=c, path=p, blob=b) for c, p, b in data["changes"])
    return FileHistory(changes=changes, joined=data["joined"])


class _Walk:
    """One walk over history, down to a commit below which all is known."""

    def __init__(
        self, store: Store, paths: Sequence[str], *, stop: ObjectId | None, until_absent: bool
    ) -> None:
        self.store = store
        self.paths = paths
        self.stop = stop
        self.until_absent = until_absent
        self.cut = False
        self.joined = False
        self.links: dict[ObjectId, CommitLinks | None] = {}
        self.files: dict[ObjectId, tuple[str, ObjectId] | None] = {}

    def run(self, tip: ObjectId, base: FileHistory) -> FileHistory:
        """Return the history of a commit; `base` is that of the commit to stop at."""
        found: dict[ObjectId, FileChange] = {}
        for commit in self._ancestors_first(tip):
            if commit.id == self.stop:
                found |= {change.commit: change for change in base.changes}
                self.joined = self.joined or base.joined
            elif change := self._change(commit):
                found.setdefault(commit.id, change)
        return FileHistory(changes=tuple(found.values()), joined=self.joined, cut=self.cut)

    def _change(self, commit: CommitLinks) -> FileChange | None:
        here = self._file(commit)
        parents = [self._link(parent) for parent in commit.parents]
        self.joined = self.joined or len(parents) > 1
        before = [self._file(parent) for parent in parents if parent is not None]
        if here is None or any(one is not None and one[1] == here[1] for one in before):
            return None
        if len(before) < len(parents):
            return None  # a parent that is not here may hold the same
        return FileChange(commit=commit.id, path=here[0], blob=here[1])

    def _file(self, commit: CommitLinks) -> tuple[str, ObjectId] | None:
        """Return where the file stands in a commit and what it holds; None where there is none."""
        if commit.id not in self.files:
            found = ((path, entry_at(self.store, commit.tree, path)) for path in self.paths)
            self.files[commit.id] = next(
                ((path, entry.id) for path, entry in found if entry is not None), None
            )
        return self.files[commit.id]

    def _link(self, commit: ObjectId) -> CommitLinks | None:
        """Return a commit; None where a shallow clone ends."""
        if commit not in self.links:
            try:
                self.links[commit] = tree_and_parents(self.store.read(commit))
            except MissingObject:
                if not self.store.is_shallow():
                    raise
                self.cut = True
                self.links[commit] = None
        return self.links[commit]

    def _ends_at(self, commit: CommitLinks) -> bool:
        """Return whether nothing below a commit is looked at."""
        if commit.id == self.stop:
            return True
        return self.until_absent and self._file(commit) is None

    def _ancestors_first(self, tip: ObjectId) -> Iterator[CommitLinks]:
        """Yield the commits below one, parents before children, first parents first."""
        stack: list[tuple[ObjectId, int]] = [(tip, 0)]
        done: set[ObjectId] = set()
        while stack:
            commit_id, position = stack.pop()
            commit = None if commit_id in done else self._link(commit_id)
            if commit is None:
                continue
            if position < len(commit.parents) and not self._ends_at(commit):
                stack.append((commit_id, position + 1))
                stack.append((commit.parents[position], 0))
                continue
            done.add(commit_id)
            yield commit
