"""Large artifacts on their way between this repository and the shared remote."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

from gitexp.documents import layout
from gitexp.errors import DamagedObject, InvalidInput, MissingObject
from gitexp.ids import ObjectId, RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.staging import Staging, staging_of
from gitexp.runs.recording.changes import changed_runs, is_run
from gitexp.store.disk import DiskStore
from gitexp.store.lfs.objects import LfsObjects, missing, objects_in
from gitexp.store.lfs.pointers import POINTER_LIMIT, Pointer, parse_pointer
from gitexp.store.model import PushUpdate, TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import changed_paths, entry_at, tree_of

LFS_DIR = "lfs"
"""Beside a run's record, where the pointers of its large artifacts stand."""

ATTRIBUTES_FILE = ".gitattributes"

ATTRIBUTES = f"/runs/*/*/*/*/*/{LFS_DIR}/** filter=lfs diff=lfs merge=lfs -text\n".encode()
"""What tells Git LFS which files are pointers: those of one directory beside a run's record.

It stands at the top of a branch that has any, the same bytes on every branch, so that ledgers
join by union, and one look tells that a branch has none.
"""


def objects_here(workspace: Workspace) -> LfsObjects | None:
    """Return the LFS objects of a repository on disk; None for one in memory."""
    store = workspace.store
    if not isinstance(store, DiskStore):
        return None
    return objects_in(store, workspace.surroundings.environ)


def place(workspace: Workspace, pointer: Pointer) -> bool:
    """Return whether an object is among the LFS objects, moved there from the staging area.

    Raises:
        StoreError: it cannot be written.
        DamagedObject: it is staged, and damaged.
    """
    objects = objects_here(workspace)
    if objects is None:
        return False
    staged = staging_of(workspace).path(pointer)
    if staged is not None:
        objects.place(staged, pointer)
    return staged is not None or objects.is_sound(pointer)


def open_object(workspace: Workspace, pointer: Pointer) -> IO[bytes]:
    """Return an object, all of its bytes checked, brought from the shared remote if need be.

    Raises:
        MissingObject: it is not here, and there is no shared remote.
        DamagedObject: it is here and damaged, and nobody else has it.
        NotFound, RemoteError: it is not here, and the remote does not give it.
    """
    objects, staging = objects_here(workspace), staging_of(workspace)
    try:
        return _opened(objects, staging, pointer)
    except (MissingObject, DamagedObject):
        if objects is None or not workspace.has_remote:
            raise
    fetch_object(workspace, pointer)
    return objects.open(pointer)


def fetch_object(workspace: Workspace, pointer: Pointer) -> Path:
    """Return where an object is, brought from the shared remote and checked.

    Raises:
        NotFound: the remote does not have it, or is not configured.
        RemoteError: the remote cannot be used.
        DamagedObject: other bytes came; nothing was kept.
    """
    store = workspace.store
    if not isinstance(store, DiskStore):
        raise missing(pointer)
    from gitexp.store.lfs.transfers import download

    return download(
        store,
        workspace.remote_name,
        pointer,
        environ=workspace.surroundings.environ,
        interactive=workspace.surroundings.interactive,
    )


def share_objects(workspace: Workspace, updates: Sequence[PushUpdate]) -> list[Pointer]:
    """Return the objects that were sent so that a push of runs branches leaves none behind.

    It belongs before the push: then a reference is on the remote only when what it needs is.

    Raises:
        NotFound: an object is neither here nor there.
        RemoteError: the remote cannot be used, or refused an object.
    """
    store = workspace.store
    if not isinstance(store, DiskStore):
        return []
    wanted: dict[str, Pointer] = {}
    for update in updates:
        if update.new is not None:
            base = tree_of(store, update.old) if update.old else None
            for pointer in pointers_between(store, base, tree_of(store, update.new)):
                wanted[pointer.oid] = pointer
    return send_objects(workspace, list(wanted.values()))


def send_objects(workspace: Workspace, pointers: Collection[Pointer]) -> list[Pointer]:
    """Return those of the objects that the shared remote did not have, and that were sent.

    Raises:
        NotFound: an object is neither here nor there.
        RemoteError: the remote cannot be used, or refused an object.
    """
    store, objects = workspace.store, objects_here(workspace)
    if not pointers or objects is None or not isinstance(store, DiskStore):
        return []
    from gitexp.store.lfs.transfers import upload

    return upload(
        store,
        workspace.remote_name,
        pointers,
        opened=_opener(objects, staging_of(workspace)),
        environ=workspace.surroundings.environ,
        interactive=workspace.surroundings.interactive,
    )


def pointers_between(store: Store, old: TreeId | None, new: TreeId) -> Iterator[Pointer]:
    """Yield the pointers of large artifacts that a tree of a runs branch has and an old has not.

    Directories that both have are not looked into, nor is anything but pointers.
    """
    if entry_at(store, new, ATTRIBUTES_FILE) is None:
        return
    for run in changed_runs(store, old, new):
        now = _child(store, run.beside, LFS_DIR) if is_run(run.id) else None
        if now is not None:
            was = (
                entry_at(store, old, f"{layout.run_dir(RunId(run.id))}/{LFS_DIR}") if old else None
            )
            yield from _pointers(store, _tree(was), now)


def _pointers(store: Store, old: TreeId | None, new: TreeId) -> Iterator[Pointer]:
    for _, _, entry in changed_paths(store, old, new):
        if entry is not None and entry.is_file and (found := _pointer(store, entry)) is not None:
            yield found


def _pointer(store: Store, entry: TreeEntry) -> Pointer | None:
    try:
        data = store.read(entry.id, limit=POINTER_LIMIT).data
    except InvalidInput:
        return None  # too large for one: the file itself is in Git, and goes with the branch
    return parse_pointer(data)


def _child(store: Store, tree: ObjectId | None, name: str) -> TreeId | None:
    return _tree(entry_at(store, TreeId(tree), name)) if tree else None


def _tree(entry: TreeEntry | None) -> TreeId | None:
    return TreeId(entry.id) if entry is not None and entry.is_tree else None


def _opened(objects: LfsObjects | None, staging: Staging, pointer: Pointer) -> IO[bytes]:
    """Return an object from wherever it is here; what is staged may outlive what was placed."""
    failure: MissingObject | DamagedObject = missing(pointer)
    if objects is not None:
        try:
            return objects.open(pointer)
        except (MissingObject, DamagedObject) as exc:
            failure = exc
    staged = staging.open(pointer)
    if staged is None:
        raise failure
    return staged


def _opener(objects: LfsObjects, staging: Staging) -> Callable[[Pointer], IO[bytes] | None]:
    def opened(pointer: Pointer) -> IO[bytes] | None:
        try:
            return _opened(objects, staging, pointer)
        except MissingObject:
            return None

    return opened
