"""Documents of a project as they stand in any commit, parsed once for each distinct content."""

from __future__ import annotations

from typing import Any

from gitexp.documents import layout
from gitexp.errors import NotFound
from gitexp.project.definition import Project
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import blob_of, entry_at, tree_of

_READING = "2"
"""Changes when the same bytes may be read as something else, and so makes old entries unused."""


def read_document(
    workspace: Workspace, tree: TreeId, path: str, kind: str, *, reader: Store | None = None
) -> Any | None:
    """Return the checked value of a document in a tree, or None where there is none.

    Raises:
        InvalidDocuments: it breaks its schema.
        InvalidInput: a symbolic link, a directory or a submodule stands in its place.
    """
    store = reader or workspace.store
    entry = entry_at(store, tree, path)
    if entry is None:
        return None
    return document_of(store, entry, path, kind, cache=workspace.cache)


def document_of(
    store: Store, entry: TreeEntry, path: str, kind: str, *, cache: DerivedCache | None
) -> Any:
    """Return the checked value of the document that an entry, which stands at a path, names.

    Raises:
        InvalidDocuments: it breaks its schema; the message names the path.
        InvalidInput: the entry is a symbolic link, a directory or a submodule.
    """
    known = cache.get(_key(kind, entry)) if cache and entry.is_file else None
    if known is None:
        from gitexp.documents import schemas

        known = schemas.load(kind, blob_of(store, entry, path), file=path)  # type: ignore[arg-type]
        if cache:
            cache.put(_key(kind, entry), known)
    return known


def remember_document(
    workspace: Workspace, tree: TreeId, path: str, kind: str, value: Any, *, reader: Store
) -> None:
    """Note what a document that was just written holds, so that nobody has to parse it."""
    entry = entry_at(reader, tree, path)
    if entry is not None:
        workspace.cache.put(_key(kind, entry), value)


def _key(kind: str, entry: TreeEntry) -> str:
    return f"{kind}/{_READING}/{entry.id}"


def project_at(workspace: Workspace, tree: TreeId, *, reader: Store | None = None) -> Project:
    """Return the project definition of a tree.

    Raises:
        NotFound: the tree holds no `gitexp.yaml` at the project's place.
        InvalidDocuments: the definition is not valid.
    """
    path = layout.join(workspace.root, layout.PROJECT_FILE)
    entry = entry_at(reader or workspace.store, tree, path)
    if entry is None:
        raise NotFound(
            f"{path} is not in this revision",
            hint=f"Commit it on {workspace.trunk}, where experiments begin.",
        )
    return workspace.cache.memo(
        f"project/{entry.id}", lambda: _project(workspace, tree, path, entry, reader)
    )


def _project(
    workspace: Workspace, tree: TreeId, path: str, entry: TreeEntry, reader: Store | None
) -> Project:
    """Return the definition, held to what its schema cannot see once for each content."""
    data = read_document(workspace, tree, path, "project", reader=reader) or {}
    sound = f"sound/{_READING}/{entry.id}"
    if workspace.cache.get(sound):
        return Project.trusted(data)
    project = Project.from_dict(data, file=path)
    workspace.cache.put(sound, True)
    return project


def current_project(workspace: Workspace, *, reader: Store | None = None) -> Project:
    """Return the project definition at the tip of the trunk.

    Raises:
        NotFound: the trunk does not exist or holds no definition.
    """
    store = reader or workspace.store
    tip = workspace.trunk_tip(store)
    if tip is None:
        raise NotFound(
            f"the trunk {workspace.trunk!r} has no commit",
            hint="Fetch it with `git fetch`, or name the right branch as `trunk` in gitexp.yaml.",
        )
    return project_at(workspace, tree_of(store, tip), reader=store)
