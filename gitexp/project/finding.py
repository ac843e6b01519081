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
    for root in _definition_roots(store, tree, "", _SEARCHED_DEPTH):
        path = layout.join(root, layout.PROJECT_FILE)
        try:
            found[root] = read_document(bootstrap, tree, path, "project") or {}
        except InvalidInput as exc:
            broken.append(exc)
    return found, broken


def _no_remote(name_or_url: str) -> Remote:
    raise NotFound(f"no remote {name_or_url!r} is asked here")


def _definition_roots(store: Store, tree: TreeId, path: str, depth: int) -> list[str]:
    """Return the directories of a tree, down to a small depth, that hold a definition."""
    from gitexp.store.trees import entry_at, list_dir

    here = entry_at(store, tree, layout.join(path, layout.PROJECT_FILE))
    roots = [path] if here is not None and here.is_file else []
    for entry in list_dir(store, tree, path) if depth else ():
        if entry.is_tree:
            roots += _definition_roots(store, tree, layout.join(path, entry.name), depth - 1)
    return roots
