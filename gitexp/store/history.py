"""Ancestry: merge bases, who descends from whom, and what lies between two points of history.

Walks go by commit time, newest first, because that looks at little more than what differs
between two recent points. Times only choose the order: every answer holds for clocks that ran
wrong, too.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator

from gitexp.errors import MissingObject
from gitexp.ids import ObjectId
from gitexp.store.model import Commit
from gitexp.store.objects import commit_links
from gitexp.store.protocol import Store
from gitexp.store.trees import MAX_TREE_BYTES, read_commit

_LEFT, _RIGHT, _BELOW = 1, 2, 4
_BOTH = _LEFT | _RIGHT


def merge_base(store: Store, a: ObjectId, b: ObjectId) -> ObjectId | None:
    """Return the best common ancestor of two commits, or None for unrelated ones.

    Raises:
        MissingObject, DamagedObject: history cannot be read; see `History`.
    """
    return History(store).merge_base(a, b)


def is_ancestor(store: Store, ancestor: ObjectId, descendant: ObjectId) -> bool:
    """Return whether a commit is another one, or can be reached from it.

    Raises:
        MissingObject, DamagedObject: history cannot be read; see `History`.
    """
    return History(store).is_ancestor(ancestor, descendant)


def ahead_behind(store: Store, ours: ObjectId, theirs: ObjectId) -> tuple[int, int]:
    """Return how many commits only our side has, and how many only theirs.

    Raises:
        MissingObject, DamagedObject: history cannot be read; see `History`.
    """
    return History(store).ahead_behind(ours, theirs)


def commits_between(store: Store, tip: ObjectId, exclude: Collection[ObjectId]) -> list[Commit]:
    """Return the commits that can be reached from `tip` and from none of `exclude`.

    Children come before their parents, and newer commits before older ones where that leaves
    a choice.

    Raises:
        MissingObject, DamagedObject: history cannot be read; see `History`.
    """
    return History(store).commits_between(tip, exclude)


def first_parent(store: Store, tip: ObjectId, *, limit: int | None = None) -> Iterator[Commit]:
    """Return a commit, its first parent, that one's first parent and so on, at most `limit`.

    Raises:
        MissingObject, DamagedObject: history cannot be read; see `History`.
    """
    return History(store).first_parent(tip, limit=limit)


class History:
    """The ancestry of commits in a store, each commit parsed once for all questions.

    In a shallow clone the parents of some commits are missing. A walk that comes to one raises
    `MissingObject`, because an answer would be a guess; with `tolerate_shallow` it takes history
    to begin there, and `cut` tells whether that happened.

    Attributes:
        cut: the commits whose missing parents were passed over.
    """

    def __init__(self, store: Store, *, tolerate_shallow: bool = False) -> None:
        self._store = store
        self._tolerate_shallow = tolerate_shallow
        self._links: dict[ObjectId, tuple[tuple[ObjectId, ...], int]] = {}
        self.cut: set[ObjectId] = set()

    def parents(self, commit: ObjectId) -> tuple[ObjectId, ...]:
        """Return the parents of a commit that are here."""
        found = self._read_links(commit)[0]
        return tuple(parent for parent in found if self._is_here(parent, commit))

    def first_parent(self, tip: ObjectId, *, limit: int | None = None) -> Iterator[Commit]:
        """Return the first-parent line that begins at a commit, at most `limit` commits."""
        following: ObjectId | None = tip
        while following is not None and (limit is None or limit > 0):
            commit = self._read(following)
            yield commit
            limit = None if limit is None else limit - 1
            first = commit.parents[:1]
            following = first[0] if first and self._is_here(first[0], commit.id) else None

    def is_ancestor(self, ancestor: ObjectId, descendant: ObjectId) -> bool:
        """Return whether a commit is another one, or can be reached from it."""
        ancestor, descendant = self._tips([ancestor, descendant])
        painted = self._paint([ancestor], [descendant], goal=ancestor)
        return bool(painted[ancestor] & _RIGHT)

    def merge_base(self, a: ObjectId, b: ObjectId) -> ObjectId | None:
        """Return the best common ancestor of two commits, or None for unrelated ones.

        Of several best ones it is the newest, and of several newest ones the one whose id
        sorts first, whichever commit is named first.
        """
        left, right = self._tips([a, b])
        bases = self._best(self._paint([left], [right]))
        return min(bases, key=self._newest_first, default=None)

    def ahead_behind(self, ours: ObjectId, theirs: ObjectId) -> tuple[int, int]:
        """Return how many commits only our side has, and how many only theirs."""
        left, right = self._tips([ours, theirs])
        painted = self._paint([left], [right])
        bases = self._best(painted)
        return len(self._only(_LEFT, painted, bases)), len(self._only(_RIGHT, painted, bases))

    def commits_between(self, tip: ObjectId, exclude: Iterable[ObjectId]) -> list[Commit]:
        """Return the commits that only `tip` reaches, children before their parents."""
        return [self._read(commit) for commit in self.ids_between(tip, exclude)]

    def ids_between(self, tip: ObjectId, exclude: Iterable[ObjectId]) -> list[ObjectId]:
        """Return the ids of `commits_between`, at a small part of its cost."""
        painted = self._paint(self._tips([tip]), self._tips(exclude))
        return self._children_first(self._only(_LEFT, painted, self._best(painted)))

    # Reading.

    def _tips(self, commits: Iterable[ObjectId]) -> list[ObjectId]:
        """Return the commits where walks begin, tags followed."""
        return [self._read(commit).id for commit in commits]

    def _read(self, commit: ObjectId) -> Commit:
        try:
            return read_commit(self._store, commit)
        except MissingObject as exc:
            raise self._explained(exc, commit) from exc

    def _read_links(self, commit: ObjectId) -> tuple[tuple[ObjectId, ...], int]:
        links = self._links.get(commit)
        if links is None:
            try:
                raw = self._store.read(commit, limit=MAX_TREE_BYTES)
            except MissingObject as exc:
                raise self._explained(exc, commit) from exc
            links = self._links[commit] = commit_links(raw)
        return links

    def _is_here(self, parent: ObjectId, child: ObjectId) -> bool:
        """Return whether to walk on to a parent; without `tolerate_shallow` it must be there."""
        if not self._tolerate_shallow or parent in self._links or self._store.has(parent):
            return True
        if not self._store.is_shallow():
            return True
        self.cut.add(child)
        return False

    def _explained(self, exc: MissingObject, commit: ObjectId) -> MissingObject:
        if not self._store.is_shallow():
            return exc
        return MissingObject(
            f"commit {commit} is not here: this clone is shallow, its history is cut off",
            hint="Run `git fetch --unshallow` to bring the rest of the history here.",
        )

    def _newest_first(self, commit: ObjectId) -> tuple[int, ObjectId]:
        return -self._read_links(commit)[1], commit

    # Walking.

    def _paint(
        self,
        left: Iterable[ObjectId],
        right: Iterable[ObjectId],
        *,
        goal: ObjectId | None = None,
    ) -> dict[ObjectId, int]:
        """Return from which side each visited commit is reached, and what lies below both.

        A commit with both sides passes `_BELOW` on to its parents. The walk ends when nothing
        else is left to pass on (or when `goal` is reached from the right), so every commit
        that both sides reach first is among those with both sides and without `_BELOW`.
        """
        front = _Front(self._newest_first)
        for commits, side in ((left, _LEFT), (right, _RIGHT)):
            for commit in commits:
                front.paint(commit, side)
        while front.undecided and not (goal and front.painted[goal] & _RIGHT):
            commit, sides = front.pop()
            passed_on = sides | _BELOW if sides & _BOTH == _BOTH else sides
            for parent in self.parents(commit):
                front.paint(parent, passed_on)
        return front.painted

    def _best(self, painted: dict[ObjectId, int]) -> set[ObjectId]:
        """Return the common ancestors that are no ancestors of another one."""
        found = [commit for commit, sides in painted.items() if sides == _BOTH]
        # With wrong clocks, the walk may end before `_BELOW` came to an older candidate.
        return {
            commit
            for commit in found
            if not any(self.is_ancestor(commit, other) for other in found if other != commit)
        }

    def _only(
        self, side: int, painted: dict[ObjectId, int], bases: Collection[ObjectId]
    ) -> set[ObjectId]:
        """Return the commits that truly only one side reaches.

        With wrong clocks, the walk may end before the other side came to a commit. A commit
        from which a base is reached is safe: a common one would be a better base. Any other
        one is common exactly when it is an ancestor of a base, and safe makes its children so.
        """
        alone = {commit for commit, sides in painted.items() if sides == side}
        if not bases:
            return alone
        safe = set(bases)
        for commit in reversed(self._children_first(alone)):
            reaches_safe = any(parent in safe for parent in self.parents(commit))
            if reaches_safe or not any(self.is_ancestor(commit, base) for base in bases):
                safe.add(commit)
        return safe.intersection(alone)

    def _children_first(self, commits: Collection[ObjectId]) -> list[ObjectId]:
        """Return commits so that children come before their parents, newest first."""
        waiting = dict.fromkeys(commits, 0)
        for commit in commits:
            for parent in self.parents(commit):
                if parent in waiting:
                    waiting[parent] += 1
        ready = [self._newest_first(commit) for commit, count in waiting.items() if not count]
        heapq.heapify(ready)
        ordered = []
        while ready:
            _, commit = heapq.heappop(ready)
            ordered.append(commit)
            for parent in self.parents(commit):
                if parent in waiting:
                    waiting[parent] -= 1
                    if not waiting[parent]:
                        heapq.heappush(ready, self._newest_first(parent))
        return ordered


class _Front:
    """The edge of a walk: painted commits that did not pass their paint on yet, newest first."""

    def __init__(self, order: Callable[[ObjectId], tuple[int, ObjectId]]) -> None:
        self.painted: dict[ObjectId, int] = {}
        self.undecided: set[ObjectId] = set()
        self._waiting: set[ObjectId] = set()
        self._heap: list[tuple[int, ObjectId]] = []
        self._order = order

    def paint(self, commit: ObjectId, sides: int) -> None:
        """Add paint to a commit; new paint makes it wait to be popped (again)."""
        before = self.painted.get(commit, 0)
        after = before | sides
        if after == before:
            return
        self.painted[commit] = after
        if commit not in self._waiting:
            self._waiting.add(commit)
            heapq.heappush(self._heap, self._order(commit))
        (self.undecided.discard if after & _BELOW else self.undecided.add)(commit)

    def pop(self) -> tuple[ObjectId, int]:
        """Return the newest waiting commit and its paint."""
        _, commit = heapq.heappop(self._heap)
        self._waiting.discard(commit)
        self.undecided.discard(commit)
        return commit, self.painted[commit]
