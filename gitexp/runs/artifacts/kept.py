"""Artifacts: files that a run made, kept with it.

While the run goes on, their bytes are staged, safe before the call returns. When it is recorded,
small ones stand beside the record in `artifacts/`, and for a large one the pointer of Git LFS in
`lfs/`: a directory of its own, because Git LFS wants every file there to be a pointer. The file
`.gitattributes` at the top of the branch says so. A small file that would be taken for a pointer is
kept as a large one.

Where the experiment names an artifact location, large ones go there instead.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from gitexp.documents import layout
from gitexp.documents.problems import shown
from gitexp.errors import Conflict, DamagedObject, MissingObject, NotFound, StoreError
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts import downloads, large_files, locations
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.paths import Catalogue, artifact_path_fault
from gitexp.runs.artifacts.staged import (
    location_of,
    stage_bytes,
    stage_directory,
    stage_file,
)
from gitexp.runs.artifacts.staging import discard_stale, staging_of
from gitexp.runs.recording import places
from gitexp.runs.recording.places import Place
from gitexp.runs.run import Run
from gitexp.store.lfs.streams import hash_file
from gitexp.store.model import TreeId
from gitexp.store.trees import entry_at

__all__ = [
    "contents_of",
    "discard_stale",
    "download",
    "list_artifacts",
    "open_artifact",
    "stage_bytes",
    "stage_directory",
    "stage_file",
]


def contents_of(workspace: Workspace, run: Run) -> dict[str, bytes]:
    """Return the bytes of the files that keep a run's artifacts, by path on the runs branch.

    What is recorded already is left out where its bytes are not staged any more. Large ones are
    among the objects of Git LFS when this returns.

    Raises:
        MissingObject: an artifact is neither staged nor recorded.
        DamagedObject: its staged bytes are damaged.
        StoreError: a large one cannot be placed.
    """
    contents: dict[str, bytes] = {}
    beside = _Beside(workspace, run)
    for artifact in run.artifacts:
        if artifact.stored == "git":
            data = _staged(workspace, artifact)
            if data is not None:
                contents[_path_of(run, artifact)] = data
            elif not beside.has(artifact):
                raise _lost(run, artifact)
        elif artifact.stored == "lfs":
            if not large_files.place(workspace, artifact.pointer) and not beside.has(artifact):
                raise _lost(run, artifact)
            contents[_path_of(run, artifact)] = artifact.pointer.to_bytes()
            contents[large_files.ATTRIBUTES_FILE] = large_files.ATTRIBUTES
    return contents


def list_artifacts(run: Run, path: str | None = None) -> list[Artifact]:
    """Return the artifacts of a run, or the one with a path, or those below it; sorted by path.

    Raises:
        NotFound: the run has no artifact with that path or below it.
    """
    artifacts = sorted(run.artifacts, key=lambda artifact: artifact.path)
    if path is None:
        return artifacts
    path = path.rstrip("/")
    found = [a for a in artifacts if a.path == path or a.path.startswith(f"{path}/")]
    if not found:
        raise _no_artifact(run, path)
    return found


def open_artifact(workspace: Workspace, run: Run, path: str) -> IO[bytes]:
    """Return an artifact of a run, opened for reading; all of its bytes were checked.

    A large one that is not here is brought from the shared remote.

    Raises:
        NotFound: the run has no such artifact, or nobody has its bytes.
        MissingObject: its bytes are not here, and there is no shared remote.
        DamagedObject: its bytes are damaged.
        RemoteError: the remote or the artifact location cannot be used.
    """
    artifact = Catalogue(run.artifacts).get(path)
    if artifact is None:
        raise _no_artifact(run, path)
    return _opened(workspace, run, artifact)


def download(workspace: Workspace, run: Run, path: str | None, to: Path) -> list[Path]:
    """Return the files that artifacts were written to: one of a run, those below a path, or all.

    They stand below the directory `to` under their full paths. All places are looked at before
    the first file is written; a file that is there with the same bytes stays as it is.

    Raises:
        AlreadyExists: something else is in the place of one of them; nothing was written.
        StoreError: a recorded path is not safe, or a file cannot be written.
        NotFound, MissingObject, DamagedObject, RemoteError: as for `open_artifact`.
    """
    artifacts = list_artifacts(run, path)
    _check_recorded(run)
    to = to.resolve()
    wanted = [a for a in artifacts if not downloads.is_written(to, a.path, a.pointer)]
    downloads.make_directory(to)
    for artifact in wanted:
        with _opened(workspace, run, artifact) as content:
            downloads.write(to, artifact.path, content, artifact.pointer)
    return [to.joinpath(*artifact.path.split("/")) for artifact in artifacts]


def _opened(workspace: Workspace, run: Run, artifact: Artifact) -> IO[bytes]:
    if artifact.stored == "lfs":
        return large_files.open_object(workspace, artifact.pointer)
    if artifact.stored == "location":
        return _opened_elsewhere(workspace, run, artifact)
    data = _Beside(workspace, run).read(artifact)
    if data is None:
        data = _staged(workspace, artifact)
    if data is None:
        raise _lost(run, artifact)
    if hash_file(io.BytesIO(data)) != (artifact.pointer.oid, artifact.size):
        raise DamagedObject(
            f"the artifact {shown(artifact.path)} of run {run.id} is not what the run recorded",
            hint="See what changed the runs branch with `git log`.",
        )
    return io.BytesIO(data)


def _opened_elsewhere(workspace: Workspace, run: Run, artifact: Artifact) -> IO[bytes]:
    """Return an artifact from where it was put, else from where its experiment keeps them now."""
    try:
        return locations.open_at(artifact.location, artifact.pointer)
    except NotFound:
        now = location_of(workspace, run)
        url = locations.file_url(now, run.id, artifact.path) if now else artifact.location
        if url == artifact.location:
            raise
    return locations.open_at(url, artifact.pointer)


class _Beside:
    """What stands beside a run's record, looked up when it is first asked for."""

    def __init__(self, workspace: Workspace, run: Run) -> None:
        self._workspace = workspace
        self._run = run
        self._places: Sequence[Place] | None = None

    def has(self, artifact: Artifact) -> bool:
        """Return whether the file of an artifact is recorded."""
        return self._find(artifact) is not None or artifact.size == 0

    def read(self, artifact: Artifact) -> bytes | None:
        """Return the bytes that are recorded for a small artifact, or None.

        Raises:
            InvalidInput: they are more than the artifact has.
        """
        found = self._find(artifact)
        if found is None:
            return b"" if artifact.size == 0 else None
        return self._workspace.store.read(found, limit=max(artifact.size, 1)).data

    def _find(self, artifact: Artifact) -> ObjectId | None:
        if self._places is None:
            ledgers = places.all_ledgers(self._workspace)
            self._places = places.find(self._workspace.store, ledgers, self._run.id)
        for place in self._places:
            if place.beside is not None:
                path = f"{_directory_of(artifact)}/{artifact.path}"
                entry = entry_at(self._workspace.store, TreeId(place.beside.id), path)
                if entry is not None and entry.is_file:
                    return entry.id
        return None


def _staged(workspace: Workspace, artifact: Artifact) -> bytes | None:
    file = staging_of(workspace).open(artifact.pointer)
    if file is None:
        return None
    with file:
        return file.read()


def _directory_of(artifact: Artifact) -> str:
    return large_files.LFS_DIR if artifact.stored == "lfs" else layout.ARTIFACTS_DIR


def _path_of(run: Run, artifact: Artifact) -> str:
    return f"{layout.run_dir(run.id)}/{_directory_of(artifact)}/{artifact.path}"


def _check_recorded(run: Run) -> None:
    """Refuse artifacts whose paths are not safe to write: the record may be anybody's."""
    catalogue = Catalogue()
    for artifact in run.artifacts:
        fault = artifact_path_fault(artifact.path)
        try:
            if not fault:
                catalogue.admit(artifact)
        except Conflict as exc:
            fault = exc.message
        if fault:
            raise StoreError(
                f"run {run.id} records the artifact {shown(artifact.path)}, which is not safe to "
                f"write: {fault}",
                hint="See who recorded it with `git log`.",
            )


def _no_artifact(run: Run, path: str) -> NotFound:
    known = [artifact.path for artifact in run.artifacts]
    close = difflib.get_close_matches(path, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return NotFound(
        f"run {run.id} has no artifact {shown(path)}",
        hint=f"{hint}`gitexp run artifacts {run.id}` lists them.",
    )


def _lost(run: Run, artifact: Artifact) -> MissingObject:
    return MissingObject(
        f"the artifact {shown(artifact.path)} of run {run.id} is not in this repository",
        hint="It may be where the run was made; there, `gitexp run sync` shares it.",
    )
