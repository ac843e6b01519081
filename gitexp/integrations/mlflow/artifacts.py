"""Artifacts of runs and of logged models, as MLflow puts and gets them."""

from __future__ import annotations

import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository, verify_artifact_path

from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.addresses import place_of, split_artifact_address
from gitexp.integrations.mlflow.artifact_versions import ArtifactShelf, current_artifacts
from gitexp.integrations.mlflow.model_shelf import ModelShelf
from gitexp.integrations.mlflow.projects import open_project
from gitexp.integrations.mlflow.refusals import invalid, missing, speaks_mlflow
from gitexp.integrations.mlflow.tracked import Tracked
from gitexp.runs.artifacts.kept import open_artifact
from gitexp.runs.artifacts.source_files import files_below
from gitexp.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A path among the artifacts of a run.

    Attributes:
        top: the directory among them that MLflow takes for the top.
        path: below the top; empty for the top itself.
    """

    run: Run
    top: str
    path: str


@speaks_mlflow
class GitexpArtifacts(ArtifactRepository):
    """The artifacts below an address: those of one run or model, or of a whole project."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        """Name where the artifacts are; nothing is opened before it is used."""
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        self._address, self._inside = split_artifact_address(artifact_uri)

    @contextmanager
    def _place(self, path: str | None) -> Iterator[tuple[Tracked, _Place]]:
        """Yield the project and what a path stands for, which no other thread reads meanwhile."""
        whole = unicodedata.normalize("NFC", _joined(self._inside, (path or "").strip("/")))
        found = place_of(whole)
        if found is None:
            raise invalid(
                f"{whole!r} names no artifacts: they stand below EXPERIMENT/RUN/artifacts"
            )
        project = open_project(self._address)
        with project.reading:
            tracked = Tracked(project, None)
            if found.model:
                run = ModelShelf(tracked).holder(found.model)
                top = f"{tags.MODELS_DIRECTORY}/{found.model}"
            else:
                run, top = tracked.runs.get(found.run), ""
            yield tracked, _Place(run=run, top=top, path=found.inside)

    # --- putting --------------------------------------------------------------------------

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Keep a file below a directory of the artifacts."""
        verify_artifact_path(artifact_path)
        with self._place(artifact_path) as (tracked, place):
            path = _joined(place.path, os.path.basename(local_file))
            self._keep(tracked, place, [(path, Path(local_file))])

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Keep all files below a directory."""
        verify_artifact_path(artifact_path)
        with self._place(artifact_path) as (tracked, place):
            files = [(_joined(place.path, n), file) for n, file in files_below(Path(local_dir))]
            self._keep(tracked, place, files)

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Keep what a stream holds."""
        with tempfile.TemporaryDirectory(prefix="gitexp-") as directory:
            file = Path(directory, os.path.basename(artifact_file_name))
            with file.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
            self.log_artifact(str(file), artifact_path)

    def _keep(self, tracked: Tracked, place: _Place, files: Sequence[tuple[str, Path]]) -> None:
        shelf = ArtifactShelf(tracked.workspace, place.run)
        added = [shelf.put(_joined(place.top, path), file).to_dict() for path, file in files]
        if added:
            tracked.runs.add(place.run.id, {"artifacts": added}, even_deleted=bool(place.top))

    # --- getting --------------------------------------------------------------------------

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Return the files and directories right below a path; none below a file."""
        with self._place(path) as (_, place):
            found = _below(place)
        start = (path or "").strip("/")
        return [
            FileInfo(_joined(start, name), size is None, size)
            for name, size in sorted(found.items())
        ]

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with self._place(remote_file_path) as (tracked, place):
            newest = current_artifacts(place.run).get(_joined(place.top, place.path))
            if newest is None:
                raise missing(f"No such artifact: '{remote_file_path}'")
            path = newest[1].path
            with (
                open_artifact(tracked.workspace, place.run, path) as content,
                open(local_path, "wb") as file,
            ):
                shutil.copyfileobj(content, file)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Refuse: what was recorded stays in the history."""
        raise invalid(
            "gitexp keeps artifacts: what was recorded stays in the history of its branch"
        )


def _below(place: _Place) -> dict[str, int | None]:
    """Return the names right below a path, with the size of each file."""
    start = _joined(place.top, place.path)
    found: dict[str, int | None] = {}
    for path, (_, artifact) in current_artifacts(place.run).items():
        if start and not path.startswith(f"{start}/"):
            continue
        name, slash, _rest = path[len(start) + 1 if start else 0 :].partition("/")
        if start or name != tags.MODELS_DIRECTORY:
            found[name] = None if slash else artifact.size
    return found


def _joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory and name else directory or name
