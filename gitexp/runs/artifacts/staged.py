"""Making artifacts: a path is checked, the bytes are put where they are safe, and counted."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from gitexp.errors import InvalidInput
from gitexp.experiments.catalog import known_experiments
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts import locations
from gitexp.runs.artifacts.artifact import Artifact, Storage
from gitexp.runs.artifacts.large_files import objects_here
from gitexp.runs.artifacts.paths import Catalogue, artifact_path
from gitexp.runs.artifacts.source_files import files_below, open_source, unreadable
from gitexp.runs.artifacts.staging import staging_of
from gitexp.runs.run import Run
from gitexp.store.lfs.pointers import POINTER_LIMIT, Pointer, parse_pointer
from gitexp.store.lfs.streams import hash_file, pieces_of

DEFAULT_THRESHOLD = 1 << 20
"""Artifacts with more bytes are large, unless `gitexp.lfsThreshold` says otherwise."""

_THRESHOLD_KEY = "gitexp.lfsThreshold"
_SIZE = re.compile(r"([0-9]{1,12})([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

Opener = Callable[[], IO[bytes]]


def stage_file(
    workspace: Workspace, run: Run, source: Path, directory: str | None = None
) -> Artifact:
    """Return a file as an artifact of a run; its bytes are safe.

    Args:
        directory: where it goes among the artifacts; the top by default.

    Raises:
        NotFound: there is no such file.
        InvalidInput: its path is not safe, or it is no file.
        Conflict: the path is in another artifact's way, or has other content already.
        StoreError, RemoteError: its bytes cannot be kept.
    """
    path = _below(directory, source.name)
    return _Stager(workspace, run).add(path, lambda: open_source(source))


def stage_bytes(workspace: Workspace, run: Run, data: bytes, artifact_file: str) -> Artifact:
    """Return bytes as an artifact of a run; raises as `stage_file`."""
    return _Stager(workspace, run).add(artifact_path(artifact_file), lambda: io.BytesIO(data))


def stage_directory(
    workspace: Workspace, run: Run, source: Path, directory: str | None = None
) -> tuple[Artifact, ...]:
    """Return all files below a directory as artifacts of a run; raises as `stage_file`.

    Every path is checked before the first file is read.
    """
    found = [(_below(directory, name), path) for name, path in files_below(source)]
    _check_together(run, [path for path, _ in found])
    stager = _Stager(workspace, run)
    return tuple(stager.add(path, _opener(file)) for path, file in found)


def _opener(path: Path) -> Opener:
    return lambda: open_source(path)


def _below(directory: str | None, name: str) -> str:
    return artifact_path(directory, name) if directory else artifact_path(name)


def _check_together(run: Run, paths: Iterable[str]) -> None:
    catalogue = Catalogue(run.artifacts)
    for path in paths:
        catalogue.check(path)
        if catalogue.get(path) is None:
            catalogue.admit(Artifact.of(path, "", 0))


class _Stager:
    """Adds artifacts to what a run has."""

    def __init__(self, workspace: Workspace, run: Run) -> None:
        self._workspace = workspace
        self._run = run
        self._catalogue = Catalogue(run.artifacts)
        self._threshold = threshold(workspace)

    def add(self, path: str, opened: Opener) -> Artifact:
        """Return an artifact, once its bytes are safe; the known one where it is there already."""
        self._catalogue.check(path)
        artifact = self._kept(path, opened)
        self._catalogue.admit(artifact)
        return self._catalogue.get(path) or artifact

    def _kept(self, path: str, opened: Opener) -> Artifact:
        with opened() as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            location = location_of(self._workspace, self._run) if size > self._threshold else ""
            if not location:
                return self._staged(path, file)
        return self._sent(path, opened, location)

    def _staged(self, path: str, file: IO[bytes]) -> Artifact:
        pointer = staging_of(self._workspace).add(_read(file, path))
        return Artifact.of(path, pointer.oid, pointer.size, self._storage(pointer))

    def _storage(self, pointer: Pointer) -> Storage:
        if objects_here(self._workspace) is None:
            return "git"
        large = pointer.size > self._threshold or self._looks_like_a_pointer(pointer)
        return "lfs" if large else "git"

    def _looks_like_a_pointer(self, pointer: Pointer) -> bool:
        if pointer.size >= POINTER_LIMIT:
            return False
        file = staging_of(self._workspace).open(pointer)
        assert file is not None  # it was staged just now
        with file:
            return parse_pointer(file.read()) is not None

    def _sent(self, path: str, opened: Opener, location: str) -> Artifact:
        url = locations.file_url(location, self._run.id, path)
        known = self._catalogue.get(path)
        if known is not None and known.location == url:
            with opened() as file:
                oid, length = hash_file(file)
            pointer = Pointer(oid=oid, size=length)
        else:
            pointer = locations.put(url, opened)
        return Artifact.of(path, pointer.oid, pointer.size, "location", location=url)


def location_of(workspace: Workspace, run: Run) -> str:
    """Return where the experiment of a run wants its large artifacts; empty for this repository."""
    for _, header in known_experiments(workspace):
        if header.id == run.experiment_id:
            return header.artifact_location
    return ""


def threshold(workspace: Workspace) -> int:
    """Return the most bytes that a small artifact has: `gitexp.lfsThreshold`, as Git writes sizes.

    Raises:
        InvalidInput: the setting is no size.
    """
    text = workspace.store.config(_THRESHOLD_KEY)
    if text is None:
        return DEFAULT_THRESHOLD
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(
            f"{_THRESHOLD_KEY} is {text!r}, which is no size",
            hint=f"Set it with `git config {_THRESHOLD_KEY} 1m`, or remove it.",
        )
    return int(found[1]) * _UNITS[found[2].lower()]


def _read(file: IO[bytes], path: str) -> Iterator[bytes]:
    with _readable(path):
        yield from pieces_of(file)


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise unreadable(Path(path), exc) from exc
