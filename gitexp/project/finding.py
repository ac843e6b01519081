"""Finding the projects of a commit, in whichever directories they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.model import TreeId
from gitexp.store.protocol import Remote, Store

_SEARCHED_DEPTH = 3
_MOST_PROJECTS = 1000


def project_ids(store: Store, cache: DerivedCache, commit: ObjectId | None) -> dict[str, str]:
    """Return the ids of a commit's projects by directory, without those that cannot be read."""
    found, _ = definitions(store, cache, commit)
    return {root: definition["id"] for root, definition in found.items()}


def definitions(
    store: Store, cache: DerivedCache, commit: ObjectId | None
) -> tuple[dict[str, Mapping[str, Any]], list[InvalidInput]]:
    """Return the definitions of a commit by directory, and what is wrong with the others."""
    from gitexp.project.reading import read_document
    from gitexp.store.trees import tree_of

    found: dict[str, Mapping[str, Any]] = {}
    broken: list[InvalidInput] = []
    if commit is None:
        return found, broken
    bootstrap = Workspace(store=store, project_id=Name(""), open_remote=_no_remote, cache=cache)
    tree = tree_of(store, commit)
    roots = _Roots(store).below(tree, _SEARCHED_DEPTH)
    if len(roots) > _MOST_PROJECTS:
        broken.append(InvalidInput(f"more than {_MOST_PROJECTS} directories hold a gitexp.yaml"))
        return found, broken
    for root in roots:
        path = layout.join(root, layout.PROJECT_FILE)
        try:
            found[root] = read_document(bootstrap, tree, path, "project") or {}
        except InvalidInput as exc:
            broken.append(exc)
    return found, broken


def _no_remote(name_or_url: str) -> Remote:
    raise NotFound(f"no remote {name_or_url!r} is asked here")


class _Roots:
    """Finds directories that hold a definition; the same directory is looked into once.

    A few nested directories can name billions of others, so no more is listed than is allowed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[TreeId, int], list[str]] = {}

    def below(self, tree: TreeId, depth: int) -> list[str]:
        """Return the directories of a tree, itself first, down to a depth."""
        known = self._known.get((tree, depth))
        if known is None:
            known = self._known[tree, depth] = self._look(tree, depth)
        return known

    def _look(self, tree: TreeId, depth: int) -> list[str]:
        from gitexp.store.trees import read_tree

        entries = read_tree(self._store, tree)
        is_root = any(e.name == layout.PROJECT_FILE and e.is_file for e in entries)
        found = [""] if is_root else []
        for entry in entries if depth else ():
            if entry.is_tree:
                inner = self.below(TreeId(entry.id), depth - 1)
                found += [layout.join(entry.name, path) for path in inner]
            if len(found) > _MOST_PROJECTS:
                break
        return found
