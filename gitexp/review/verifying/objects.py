"""Whether everything that a branch needs can be read, and is what its name says.

Every commit is compared with its first parent, so what it brought is read once, and what cannot
be read is named with the commit and the path that brought it.
"""

from __future__ import annotations

import contextlib
from typing import Any

from gitexp.ids import ObjectId
from gitexp.review.verifying.examination import (
    READ_ERRORS,
    Branch,
    Examination,
)
from gitexp.store.model import MODE_GITLINK, TreeEntry, TreeId
from gitexp.store.objects import tree_and_parents
from gitexp.store.trees import MAX_TREE_BYTES, MAX_TREE_DEPTH, read_tree


def check_objects(look: Examination, branches: list[Branch]) -> None:
    """Note the objects of branches that are missing or damaged, each once."""
    reader = _Reader(look)
    for branch in branches:
        look.since_then("objects", branch, reader.branch)


class _Reader:
    """Reads objects, none of them twice."""

    def __init__(self, look: Examination) -> None:
        self._look = look
        self._seen: set[ObjectId] = set()
        self._partial = _is_partial(look)

    def branch(self, branch: Branch, since: ObjectId | None) -> None:
        """Read what a branch brought since a commit."""
        if since is not None:
            with contextlib.suppress(*READ_ERRORS):
                for commit in self._look.commits(branch, since):
                    self._commit(branch, commit, [])
                return
        waiting = [branch.tip]
        while waiting:
            self._commit(branch, waiting.pop(), waiting)

    def _commit(self, branch: Branch, commit: ObjectId, waiting: list[ObjectId]) -> None:
        """Read a commit and what it holds; its parents wait, where it was not read before."""
        if commit in self._seen:
            return
        self._seen.add(commit)
        where = {"branch": branch.name, "commit": commit}
        with self._look.reading("objects", object=commit, **where):
            links = tree_and_parents(self._look.store.read(commit, limit=MAX_TREE_BYTES))
            self._look.looked_at["commits"] += 1
            parents = self._look.history.parents(commit)
            before = self._tree_of(parents[0]) if parents else None
            self._tree(links.tree, before, where, "")
            waiting.extend(parents)

    def _tree_of(self, commit: ObjectId) -> TreeId | None:
        """Return the tree of a parent; None where it cannot be read, which is told elsewhere."""
        try:
            return tree_and_parents(self._look.store.read(commit, limit=MAX_TREE_BYTES)).tree
        except READ_ERRORS:
            return None

    def _tree(
        self, tree: TreeId, before: TreeId | None, where: dict[str, Any], path: str, depth: int = 0
    ) -> None:
        """Read what a directory holds that it did not hold before."""
        tree_id = ObjectId(tree)
        if tree == before or tree_id in self._seen or depth > MAX_TREE_DEPTH:
            return
        self._seen.add(tree_id)
        if self._left_out(tree_id):
            return
        entries: list[TreeEntry] = []
        with self._look.reading("objects", **where, path=path, object=tree_id):
            entries = read_tree(self._look.store, tree)
            self._look.looked_at["objects"] += 1
        known = self._known(before)
        for entry in entries:
            was = known.get(entry.name)
            if was == entry:
                continue
            below = f"{path}/{entry.name}" if path else entry.name
            if entry.is_tree:
                inside = TreeId(was.id) if was is not None and was.is_tree else None
                self._tree(TreeId(entry.id), inside, where, below, depth + 1)
            elif entry.mode != MODE_GITLINK:
                self._blob(entry.id, where, below)

    def _known(self, tree: TreeId | None) -> dict[str, TreeEntry]:
        if tree is None or self._left_out(ObjectId(tree)):
            return {}
        try:
            return {entry.name: entry for entry in read_tree(self._look.store, tree)}
        except READ_ERRORS:
            return {}

    def _blob(self, blob: ObjectId, where: dict[str, Any], path: str) -> None:
        if blob in self._seen or self._left_out(blob):
            return
        self._seen.add(blob)
        with self._look.reading("objects", **where, path=path, object=blob):
            self._look.store.pieces(blob)
            self._look.looked_at["objects"] += 1

    def _left_out(self, object_id: ObjectId) -> bool:
        """Return whether a partial clone left an object out; reading it would fetch it."""
        return self._partial and not self._look.is_here(object_id)


def _is_partial(look: Examination) -> bool:
    config = look.store.config
    return bool(
        config("extensions.partialclone") or config(f"remote.{look.workspace.remote_name}.promisor")
    )
