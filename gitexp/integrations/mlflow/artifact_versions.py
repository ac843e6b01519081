"""Versions of artifacts: MLflow overwrites an artifact by logging it again, gitexp keeps it.

Each later content of a path is an artifact of its own, `mlflow-versions/N/PATH`. MLflow is shown
the newest under PATH, and none is lost.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

from gitexp.errors import InvalidInput
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.kept import stage_bytes, stage_file
from gitexp.runs.artifacts.paths import Catalogue
from gitexp.runs.artifacts.source_files import open_source
from gitexp.runs.run import Run
from gitexp.store.lfs.streams import hash_file

VERSIONS = "mlflow-versions"

_VERSION = re.compile(rf"{VERSIONS}/(\d+)/(.+)\Z")


class ArtifactShelf:
    """The artifacts of a run, to put more of them there."""

    def __init__(self, workspace: Workspace, run: Run) -> None:
        self._workspace = workspace
        self._run = run
        # Every staging looks through what the run has; that is done here once for all of them.
        self._bare = replace(run, artifacts=())
        self._catalogue = Catalogue(run.artifacts)
        self._current = current_artifacts(run)
        self._added: list[Artifact] = []

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """What was there and what was put there, sorted by path."""
        return tuple(sorted((*self._run.artifacts, *self._added), key=lambda one: one.path))

    def put(self, path: str, file: Path) -> Artifact:
        """Return a file as an artifact: the known one where it is the same, else a later version.

        Raises:
            InvalidInput: the path is not safe, or one that is chosen here.
            Conflict: the path is in another artifact's way.
        """
        path = unicodedata.normalize("NFC", path)
        if path.startswith(f"{VERSIONS}/"):
            raise InvalidInput(
                f"{path!r} is a path that gitexp chooses itself", hint="Use another."
            )
        newest = self._current.get(path)
        if newest is None:
            return self._staged(path, path, 0, file)
        number, known = newest
        with open_source(file) as content:
            if hash_file(content) == (known.pointer.oid, known.size):
                return known
        return self._staged(path, f"{VERSIONS}/{number + 1}/{path}", number + 1, file)

    def _staged(self, path: str, target: str, number: int, file: Path) -> Artifact:
        self._catalogue.check(target)
        directory, _, name = target.rpartition("/")
        if name == unicodedata.normalize("NFC", file.name):
            artifact = stage_file(self._workspace, self._bare, file, directory or None)
        else:  # a link, under the name of what it leads to
            artifact = stage_bytes(self._workspace, self._bare, file.read_bytes(), target)
        self._catalogue.admit(artifact)
        self._current[path] = (number, artifact)
        self._added.append(artifact)
        return artifact


def current_artifacts(run: Run) -> dict[str, tuple[int, Artifact]]:
    """Return the newest version of every path: its number and what it is."""
    newest: dict[str, tuple[int, Artifact]] = {}
    for artifact in run.artifacts:
        found = _VERSION.match(artifact.path)
        path, number = (found[2], int(found[1])) if found else (artifact.path, 0)
        if path not in newest or newest[path][0] < number:
            newest[path] = (number, artifact)
    return newest
