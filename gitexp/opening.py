"""Finding a project: from a directory to a repository and the project in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.errors import InvalidDocuments, NotFound
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.disk import DiskStore
from gitexp.store.protocol import Remote, RemoteOpener
from gitexp.surroundings import Surroundings

_INIT_HINT = "Make one here with `gitexp init`."
_SEARCHED_DEPTH = 3


def open_workspace(
    directory: Path, *, project: str | None, surroundings: Surroundings, lenient: bool = False
) -> Workspace:
    """Return the project around a directory, or in a bare repository.

    Args:
        project: the id of the project, needed in a bare repository that holds several.
        lenient: open a working tree whose definition is not valid too, as only validating can.

    Raises:
        NotFound: there is no repository, or no project in it.
    """
    store = DiskStore.discover(directory, environ=surroundings.environ)
    cache = DerivedCache(store.private_dir)
    if store.worktree is None:
        root, definition = _project_in_tree(store, cache, project)
        return _workspace(store, cache, root, None, definition, surroundings)
    found = _project_directory(directory.resolve(), store.worktree.resolve(), store)
    try:
        definition = _definition(found / layout.PROJECT_FILE, cache)
    except InvalidDocuments:
        if not lenient:
            raise
        definition = {"id": "invalid"}
    if project not in (None, definition["id"]):
        raise NotFound(f"this directory belongs to project {definition['id']!r}, not {project!r}")
    root = found.relative_to(store.worktree.resolve()).as_posix()
    return _workspace(store, cache, "" if root == "." else root, found, definition, surroundings)


def _workspace(
    store: DiskStore,
    cache: DerivedCache,
    root: str,
    directory: Path | None,
    definition: Mapping[str, Any],
    surroundings: Surroundings,
) -> Workspace:
    return Workspace(
        store=store,
        root=root,
        directory=directory,
        project_id=Name(definition["id"]),
        trunk=definition.get("trunk", "main"),
        remote_name=definition.get("remote", "origin"),
        open_remote=remote_opener(store, surroundings),
        surroundings=surroundings,
        cache=cache,
    )


def remote_opener(store: DiskStore, surroundings: Surroundings) -> RemoteOpener:
    """Return what opens a repository's remotes."""

    def open_one(name_or_url: str) -> Remote:
        from gitexp.store.remotes import open_remote

        return open_remote(
            store, name_or_url, environ=surroundings.environ, interactive=surroundings.interactive
        )

    return open_one


def _project_directory(directory: Path, top: Path, store: DiskStore) -> Path:
    """Return the nearest directory upwards that holds a definition, inside the repository."""
    for candidate in (directory, *directory.parents):
        if (candidate / layout.PROJECT_FILE).is_file():
            return candidate
        if candidate == top:
            break
    head = store.head()
    if head.commit is None and store.refs("refs/"):
        raise NotFound(
            f"nothing is checked out in {top}: HEAD names {head.branch!r}, which does not exist",
            hint="Check a branch out with `git switch main`.",
        )
    raise NotFound(
        f"no {layout.PROJECT_FILE} in {directory} or above it, up to {top}", hint=_INIT_HINT
    )


def _definition(path: Path, cache: DerivedCache) -> Mapping[str, Any]:
    """Return the checked definition of the working tree, parsed once for each content."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise NotFound(f"{path} cannot be read: {exc.strerror}") from exc
    key = f"definition/1/{hashlib.sha256(data).hexdigest()}"
    known = cache.get(key)
    if known is None:
        from gitexp.documents import schemas

        known = schemas.load("project", data, file=path.name)
        cache.put(key, known)
    return known  # type: ignore[no-any-return]


def _project_in_tree(
    store: DiskStore, cache: DerivedCache, wanted: str | None
) -> tuple[str, Mapping[str, Any]]:
    """Return the directory and definition of a project in the tree of a bare repository's HEAD."""
    from gitexp.project.reading import read_document
    from gitexp.store.trees import tree_of

    head = store.head().commit
    if head is None:
        raise NotFound("this bare repository has no commit on its HEAD", hint=_INIT_HINT)
    bootstrap = Workspace(
        store=store,
        project_id=Name(""),
        open_remote=remote_opener(store, Surroundings()),
        cache=cache,
    )
    tree = tree_of(store, head)
    found = {}
    for root in _roots(store, head, "", _SEARCHED_DEPTH):
        path = layout.join(root, layout.PROJECT_FILE)
        found[root] = read_document(bootstrap, tree, path, "project")
    fitting = {r: d for r, d in found.items() if d and wanted in (None, d["id"])}
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    ids = ", ".join(sorted(d["id"] for d in found.values() if d))
    raise NotFound(
        f"this bare repository holds no project {wanted!r}" if wanted else "which project?",
        hint=f"It holds: {ids}. Name one." if ids else _INIT_HINT,
    )


def _roots(store: DiskStore, commit: Any, path: str, depth: int) -> list[str]:
    from gitexp.store.trees import entry_at, list_dir, tree_of

    tree = tree_of(store, commit)
    here = entry_at(store, tree, layout.join(path, layout.PROJECT_FILE))
    roots = [path] if here is not None and here.is_file else []
    if depth:
        for entry in list_dir(store, tree, path):
            if entry.is_tree:
                roots += _roots(store, commit, layout.join(path, entry.name), depth - 1)
    return roots
