"""Where a dataset stands: a file of the project, a large file of Git LFS, or somewhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitexp.documents import layout
from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.evaluation.datasets.content import Content, bytes_content, file_content, unreadable_file
from gitexp.evaluation.datasets.descriptions import Description, format_of, read_description
from gitexp.evaluation.datasets.fetching import pinned
from gitexp.evaluation.datasets.rows import Format
from gitexp.evaluation.files import find_project_file, read_project_file
from gitexp.ids import Name, ObjectId, parse_name
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.large_files import fetch_object, objects_here
from gitexp.store.lfs.pointers import POINTER_LIMIT, Pointer, parse_pointer
from gitexp.store.protocol import MAX_DOCUMENT_BYTES
from gitexp.store.trees import blob_at, tree_of

MAX_REVISION_BYTES = 256 * 2**20
"""The largest dataset that is read from a revision, where it is held in memory."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a dataset stands.

    Attributes:
        path: its file, relative to the repository.
        description: of a dataset that has one.
    """

    path: str
    content: Content
    description: Description | None = None

    @property
    def splits(self) -> Mapping[str, str]:
        """Filters that the description gives names to."""
        return self.description.splits if self.description else {}


def dataset_name(name: str) -> Name:
    """Return the checked name of a dataset.

    Raises:
        InvalidInput: it is none.
    """
    checked = parse_name(name, "dataset name")
    if checked.endswith(layout.DESCRIPTION_SUFFIX.removesuffix(".yaml")):
        raise InvalidInput(
            f"{name!r} is not a usable dataset name: it ends like the name of a description",
            hint="Leave out `.dataset`.",
        )
    return checked


def find(
    directory: Path, name: str, *, root: str = "", workspace: Workspace | None = None
) -> Place:
    """Return where a dataset of the working tree stands; what is elsewhere is brought here.

    Raises:
        NotFound, InvalidInput, InvalidDocuments, DamagedObject, RemoteError: as `load` says.
    """
    checked = dataset_name(name)
    what = f"dataset {name!r}"
    found = find_project_file(directory, layout.dataset_paths("", checked), what=what)
    path = layout.join(root, found)
    if not found.endswith(layout.DESCRIPTION_SUFFIX):
        return Place(path=path, content=_content(directory, found, path, workspace))
    data = read_project_file(directory, [found], what=what).data
    said = read_description(data, file=path)
    return Place(path=path, content=_described(directory, said, root, workspace), description=said)


def _described(
    directory: Path, said: Description, root: str, workspace: Workspace | None
) -> Content:
    """Return the content that a description speaks of."""
    if said.url:
        return _remote(said, workspace)
    found = find_project_file(directory, [said.path], what=f"file {said.path}")
    title = layout.join(root, found)
    return _content(directory, found, title, workspace, said)


def _content(
    directory: Path,
    path: str,
    title: str,
    workspace: Workspace | None,
    said: Description | None = None,
) -> Content:
    file = directory / path
    pointer = _pointer_in(file, title)
    if pointer is not None:
        return _large(pointer, title, workspace, said or Description(path=path))
    return file_content(
        file,
        title,
        _form(said or Description(path=path)),
        fields=said.fields if said else None,
        sha256=said.sha256 if said else None,
    )


def _form(said: Description) -> Format:
    form = said.form
    if form is None:
        raise InvalidInput(f"{said.source} does not say how its rows are written down")
    return form


def _pointer_in(file: Path, title: str) -> Pointer | None:
    try:
        if file.stat().st_size >= POINTER_LIMIT:
            return None
        return parse_pointer(file.read_bytes())
    except OSError as exc:
        raise unreadable_file(title, exc) from exc


def _large(pointer: Pointer, title: str, workspace: Workspace | None, said: Description) -> Content:
    """Return the content of a large file, fetched from the shared remote if it is not here."""
    objects = objects_here(workspace) if workspace is not None else None
    if workspace is None or objects is None:
        raise NotFound(
            f"{title} is a pointer of Git LFS, and its bytes are not there",
            hint="Bring them with `git lfs pull`.",
        )
    path = objects.find(pointer)
    if path is None:
        path = _fetched(workspace, pointer, title)
    sha256 = said.sha256 or pointer.oid
    return file_content(path, title, _form(said), fields=said.fields or None, sha256=sha256)


def _fetched(workspace: Workspace, pointer: Pointer, title: str) -> Path:
    if not workspace.has_remote:
        raise NotFound(
            f"{title} is a pointer of Git LFS, its bytes are not here, and there is no shared "
            f"remote {workspace.remote_name!r} to bring them from",
            hint="Bring them with `git lfs pull REMOTE`.",
        )
    try:
        return fetch_object(workspace, pointer)
    except GitexpError as exc:
        exc.message = f"{title} cannot be fetched: {exc.message}"
        exc.args = (exc.message,)
        raise


def _remote(said: Description, workspace: Workspace | None) -> Content:
    if workspace is None:
        raise InvalidInput(
            f"{said.url} can only be fetched within a repository",
            hint="Open the project with `Repository.open()`.",
        )
    sha256 = said.sha256 or ""
    path = pinned(workspace, said.url, sha256)
    return file_content(path, said.url, _form(said), fields=said.fields or None, sha256=sha256)


# --- revisions and single files ---------------------------------------------------------------


def find_at(workspace: Workspace, name: str, commit: ObjectId, revision: str) -> Place:
    """Return where a dataset stands in a revision; it is read from Git, not checked out.

    Raises:
        NotFound: the revision has no dataset of that name.
        InvalidInput, InvalidDocuments, DamagedObject, RemoteError: as `load` says.
    """
    checked = dataset_name(name)
    for path in layout.dataset_paths(workspace.root, checked):
        data = _blob(workspace, commit, path)
        if data is not None:
            return _place_at(workspace, commit, revision, path, data)
    raise NotFound(
        f"no dataset {name!r} in {revision}",
        hint="`gitexp dataset list` shows those of the working tree.",
    )


def _place_at(
    workspace: Workspace, commit: ObjectId, revision: str, path: str, data: bytes
) -> Place:
    if not path.endswith(layout.DESCRIPTION_SUFFIX):
        said = Description(path=path)
        return Place(path=path, content=_stored(workspace, data, f"{revision}:{path}", said))
    said = read_description(data, file=f"{revision}:{path}")
    if said.url:
        return Place(path=path, content=_remote(said, workspace), description=said)
    inner = layout.join(workspace.root, said.path)
    found = _blob(workspace, commit, inner)
    if found is None:
        raise NotFound(f"no file {inner} in {revision}", hint=f"{path} names it.")
    content = _stored(workspace, found, f"{revision}:{inner}", said)
    return Place(path=path, content=content, description=said)


def _stored(workspace: Workspace, data: bytes, title: str, said: Description) -> Content:
    pointer = parse_pointer(data)
    if pointer is not None:
        return _large(pointer, title, workspace, said)
    fields, sha256 = said.fields or None, said.sha256
    return bytes_content(data, title, _form(said), fields=fields, sha256=sha256)


def _blob(workspace: Workspace, commit: ObjectId, path: str) -> bytes | None:
    is_description = path.endswith(layout.DESCRIPTION_SUFFIX)
    limit = MAX_DOCUMENT_BYTES if is_description else MAX_REVISION_BYTES
    return blob_at(workspace.store, tree_of(workspace.store, commit), path, limit=limit)


def file_place(workspace: Workspace, file: Path, title: str) -> Place:
    """Return the place of a file that somebody names, which may be anywhere on this machine.

    Raises:
        NotFound: it does not exist.
        InvalidInput: it is no regular file, cannot be read, or its name says no format.
    """
    if not file.exists():
        raise NotFound(f"{title} does not exist", hint="Name a dataset or a file.")
    if not file.is_file():
        raise InvalidInput(f"{title} is no regular file")
    if format_of(file.name) is None:
        raise InvalidInput(
            f"the name of {title} does not say how its rows are written down",
            hint="Let it end with .jsonl, .csv, .yaml or .parquet.",
        )
    said = Description(path=file.name)
    pointer = _pointer_in(file, title)
    if pointer is not None:
        return Place(path=title, content=_large(pointer, title, workspace, said))
    return Place(path=title, content=file_content(file, title, _form(said)))
