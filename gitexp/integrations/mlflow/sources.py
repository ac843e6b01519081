"""What MLflow has of experiments, runs and models, wherever it keeps them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from gitexp.errors import InvalidInput, NotFound

STATUSES = ("", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
"""The status of a run by MLflow's number for it."""

MODEL_STATUSES = ("UNSPECIFIED", "PENDING", "READY", "FAILED")

Point = tuple[str, float, int, int]
"""Metric, value, step and time of one value."""


@dataclass(frozen=True, kw_only=True)
class SourceExperiment:
    """An experiment.

    Attributes:
        artifact_location: where MLflow puts the artifacts of its runs.
        created, updated: milliseconds since 1970, or None where MLflow did not note them.
    """

    id: str
    name: str
    artifact_location: str = ""
    deleted: bool = False
    created: int | None = None
    updated: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SourceRun:
    """A run.

    Attributes:
        status: as MLflow says it, in capitals.
        started, ended, deleted_at: milliseconds since 1970.
        artifact_uri: where MLflow says that its artifacts are.
        artifacts: where they are, when that can be read here.
        inputs: datasets as gitexp records them.
        models_in, models_out: the ids of models, the latter with the step.
    """

    id: str
    name: str = ""
    user: str = ""
    status: str = "RUNNING"
    started: int | None = None
    ended: int | None = None
    deleted: bool = False
    artifact_uri: str = ""
    artifacts: Path | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[Point] = ()
    inputs: Sequence[Mapping[str, Any]] = ()
    models_in: Sequence[str] = ()
    models_out: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, kw_only=True)
class SourceModel:
    """A logged model.

    Attributes:
        run: the run that made it, or empty.
        metrics: key, value, step, time, dataset name, dataset digest and run of each value.
    """

    id: str
    name: str
    type: str | None = None
    run: str = ""
    status: str = "READY"
    status_message: str | None = None
    created: int = 0
    updated: int = 0
    deleted: bool = False
    artifact_location: str = ""
    artifacts: Path | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[tuple[Any, ...]] = ()


class Source(Protocol):
    """Where MLflow keeps what it tracked."""

    def experiments(self) -> list[SourceExperiment]:
        """Return the experiments, deleted ones too."""
        ...

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield the runs of an experiment, deleted ones too."""
        ...

    def started(self, experiment: SourceExperiment, run_id: str) -> int | None:
        """Return when a run of an experiment began, 0 where that was not noted.

        None stands for a run that is not there.
        """
        ...

    def models(self, experiment: SourceExperiment) -> list[SourceModel]:
        """Return the logged models of an experiment, deleted ones too."""
        ...

    def left_out(self) -> Mapping[str, int]:
        """Return how much there is of what gitexp has no place for, by what it is."""
        ...

    def problems(self) -> Sequence[str]:
        """Return what could not be read so far."""
        ...

    def close(self) -> None:
        """Let go of open files."""
        ...


def open_source(address: str, *, base: Path) -> Source:
    """Return what is at a path or an address: a directory of files, or an SQLite database.

    Args:
        base: the directory that relative paths start from.

    Raises:
        NotFound: there is nothing there, or nothing of MLflow.
        InvalidInput: it is another kind of address.
    """
    path = base / _path_of(address)
    if path.is_file():
        return _database(path)
    if not path.is_dir():
        raise NotFound(
            f"there is no tracking directory or database of MLflow at {path}",
            hint="Name a directory such as `mlruns`, or a file such as `mlflow.db`.",
        )
    for place in (path, path / "mlruns"):
        from gitexp.integrations.mlflow.files_source import FilesSource, is_tracking_directory

        if is_tracking_directory(place):
            return FilesSource(place)
    if (path / "mlflow.db").is_file():
        return _database(path / "mlflow.db")
    raise NotFound(
        f"{path} holds nothing that MLflow tracked",
        hint="A tracking directory has a directory with a `meta.yaml` for each experiment.",
    )


def _database(path: Path) -> Source:
    from gitexp.integrations.mlflow.database_source import DatabaseSource

    return DatabaseSource(path)


def _path_of(address: str) -> str:
    scheme, colon, rest = address.partition("://")
    if not colon:
        return address
    if scheme == "file":
        return unquote(urlsplit(address).path)
    if scheme == "sqlite":
        return rest.removeprefix("/").partition("?")[0]
    raise InvalidInput(
        f"cannot import from {scheme} addresses: {address!r}",
        hint="Give a tracking directory or an SQLite database; MLflow can copy others into one.",
    )


def is_remote(uri: str) -> bool:
    """Return whether an address of artifacts names no place of this machine."""
    scheme, colon, _ = uri.partition("://")
    return bool(colon) and scheme != "file"


def local_directory(uri: str, *, base: Path) -> Path | None:
    """Return the directory that an address of artifacts names, where it is here; else None.

    Args:
        base: the directory that relative paths start from.
    """
    if not uri or is_remote(uri):
        return None
    path = base / (unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
    # Unlike the method of a path it says no to what cannot be looked at.
    return path if os.path.isdir(path) else None
