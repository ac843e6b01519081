"""MLflow's tracking directory: a directory an experiment, a directory a run, a file a metric.

What a file says of ids is not trusted: an id is the name of the directory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gitexp.documents.yaml_reader import parse_yaml
from gitexp.errors import GitexpError
from gitexp.integrations.mlflow.sources import (
    MODEL_STATUSES,
    STATUSES,
    Point,
    SourceExperiment,
    SourceModel,
    SourceRun,
    local_directory,
)
from gitexp.runs.artifacts.source_files import unreadable

_META = "meta.yaml"
_TRASH = ".trash"
_NO_RUNS = frozenset({"tags", "datasets", "traces", "models"})

T = TypeVar("T")


def is_tracking_directory(path: Path) -> bool:
    """Return whether MLflow keeps experiments there."""
    if (path / _TRASH).is_dir():
        return True
    return path.is_dir() and any(_has_meta(one) for one in path.iterdir())


class FilesSource:
    """A tracking directory.

    Raises:
        InvalidInput: it cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._places = {place.name: place for place in _experiments_below(root)}
        self._problems: list[str] = []

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def problems(self) -> Sequence[str]:
        """Return what could not be read so far."""
        return self._problems

    def left_out(self) -> Mapping[str, int]:
        """Return how many traces and registered models there are."""
        registry = self._root / "models"
        found = {
            "traces": sum(len(self._inside(place / "traces")) for place in self._places.values()),
            "registered models": len(self._inside(registry)),
        }
        return {what: count for what, count in found.items() if count}

    # --- experiments ----------------------------------------------------------------------

    def experiments(self) -> list[SourceExperiment]:
        """Return the experiments, deleted ones too."""
        found = [self._tried(place, self._experiment) for place in self._places.values()]
        return [experiment for experiment in found if experiment is not None]

    def _experiment(self, place: Path) -> SourceExperiment:
        meta = _meta(place)
        trashed = place.parent.name == _TRASH
        return SourceExperiment(
            id=place.name,
            name=str(meta["name"]),
            artifact_location=str(meta.get("artifact_location") or ""),
            deleted=trashed or meta.get("lifecycle_stage") == "deleted",
            created=_whole(meta.get("creation_time")),
            updated=_whole(meta.get("last_update_time")),
            tags=_texts(place / "tags"),
        )

    def _tried(self, place: Path, read: Callable[[Path], T]) -> T | None:
        """Return what is read at a place, or None, with the problem noted."""
        try:
            return read(place)
        except (GitexpError, OSError, ValueError, LookupError, TypeError, AttributeError) as exc:
            reason = exc.message if isinstance(exc, GitexpError) else f"{type(exc).__name__}: {exc}"
            self._problems.append(f"{place.relative_to(self._root)} cannot be read: {reason}")
            return None

    def _inside(self, directory: Path) -> list[str]:
        return self._tried(directory, _names) or []

    # --- runs -----------------------------------------------------------------------------

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield the runs of an experiment, deleted ones too."""
        top = self._places[experiment.id]
        for name in self._inside(top):
            if name not in _NO_RUNS and _has_meta(top / name):
                run = self._tried(top / name, self._run)
                if run is not None:
                    yield run

    def started(self, experiment: SourceExperiment, run_id: str) -> int | None:
        """Return when a run began, 0 where that was not noted; None without such a run."""
        place = self._places[experiment.id] / run_id
        if not run_id or "/" in run_id or run_id in _NO_RUNS or not _has_meta(place):
            return None
        return self._tried(place, lambda there: _whole(_meta(there).get("start_time"))) or 0

    def _run(self, place: Path) -> SourceRun:
        meta = _meta(place)
        uri = str(meta.get("artifact_uri") or "")
        models_in, inputs = self._inputs(place)
        return SourceRun(
            id=place.name,
            name=str(meta.get("run_name") or meta.get("name") or ""),
            user=str(meta.get("user_id") or ""),
            status=STATUSES[meta.get("status") or 1],
            started=_whole(meta.get("start_time")),
            ended=_whole(meta.get("end_time")),
            deleted=meta.get("lifecycle_stage") == "deleted",
            artifact_uri=uri,
            artifacts=self._artifacts(place, uri),
            params=_texts(place / "params"),
            tags={**_former_tags(meta), **_texts(place / "tags")},
            metrics=[
                point for file, name in _files(place / "metrics") for point in _points(file, name)
            ],
            inputs=inputs,
            models_in=models_in,
            models_out=self._outputs(place),
        )

    def _artifacts(self, place: Path, uri: str) -> Path | None:
        """Return where artifacts are: beside what they belong to, wherever that was moved."""
        beside = place / "artifacts"
        return beside if beside.is_dir() else local_directory(uri, base=self._root.parent)

    def _inputs(self, place: Path) -> tuple[list[str], list[dict[str, Any]]]:
        models: list[str] = []
        datasets: list[dict[str, Any]] = []
        for name in _names(place / "inputs"):
            said = _meta(place / "inputs" / name)
            source, kind = str(said["source_id"]), str(said["source_type"])
            if kind.upper().startswith("MODEL"):
                models.append(source)
            else:
                datasets.append(_dataset(place.parent, source, said.get("tags")))
        return models, datasets

    def _outputs(self, place: Path) -> list[tuple[str, int]]:
        found = [_meta(place / "outputs" / name) for name in _names(place / "outputs")]
        return [(str(said["destination_id"]), int(said.get("step") or 0)) for said in found]

    # --- models ---------------------------------------------------------------------------

    def models(self, experiment: SourceExperiment) -> list[SourceModel]:
        """Return the logged models of an experiment, deleted ones too."""
        top = self._places[experiment.id] / "models"
        places = [top / name for name in self._inside(top) if _has_meta(top / name)]
        found = [self._tried(place, self._model) for place in places]
        return [model for model in found if model is not None]

    def _model(self, place: Path) -> SourceModel:
        meta = _meta(place)
        location = str(meta.get("artifact_location") or "")
        return SourceModel(
            id=place.name,
            name=str(meta["name"]),
            type=meta.get("model_type"),
            run=str(meta.get("source_run_id") or ""),
            status=MODEL_STATUSES[meta.get("status") or 0],
            status_message=meta.get("status_message"),
            created=int(meta["creation_timestamp"]),
            updated=int(meta["last_updated_timestamp"]),
            deleted=meta.get("lifecycle_stage") == "deleted",
            artifact_location=location,
            artifacts=self._artifacts(place, location),
            params=_texts(place / "params"),
            tags=_texts(place / "tags"),
            metrics=[row for file, name in _files(place / "metrics") for row in _rows(file, name)],
        )


def _experiments_below(root: Path) -> list[Path]:
    tops = (root, root / _TRASH)
    try:
        found = [top / name for top in tops for name in _names(top)]
    except OSError as exc:
        raise unreadable(root, exc) from exc
    return [place for place in found if _has_meta(place) and place.name != "models"]


def _has_meta(place: Path) -> bool:
    """Return whether something of MLflow is there; reading it says why it cannot be read."""
    try:
        return stat.S_ISREG(os.stat(place / _META).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _meta(place: Path) -> dict[str, Any]:
    file = place / _META
    value = parse_yaml(file.read_bytes(), file=file.name).value
    if not isinstance(value, dict):
        raise ValueError(f"{file.name} is no mapping")
    return value


def _files(directory: Path, prefix: str = "") -> Iterator[tuple[Path, str]]:
    """Yield every file below a directory with the key that its path is."""
    for name in _names(directory):
        path = directory / name
        if path.is_dir():
            yield from _files(path, f"{prefix}{name}/")
        else:
            yield path, prefix + name


def _texts(directory: Path) -> dict[str, str]:
    # With line breaks as they were written.
    return {key: file.read_bytes().decode("utf-8") for file, key in _files(directory)}


def _lines(file: Path) -> list[list[str]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.split(" ") for line in lines if line.strip()]


def _points(file: Path, name: str) -> Iterator[Point]:
    """Yield the values in a file: time, value, step, and perhaps a dataset."""
    for parts in _lines(file):
        yield name, float(parts[1]), int(parts[2]) if len(parts) > 2 else 0, int(parts[0])


def _rows(file: Path, name: str) -> Iterator[tuple[Any, ...]]:
    """Yield the values of a model in a file: time, value, step, run, and perhaps a dataset."""
    for parts in _lines(file):
        # The name of a dataset may have blanks, its digest has none.
        dataset = (" ".join(parts[4:-1]), parts[-1]) if len(parts) > 5 else (None, None)
        yield name, float(parts[1]), int(parts[2]), int(parts[0]), *dataset, parts[3]


def _dataset(experiment: Path, dataset_id: str, tags: Any) -> dict[str, Any]:
    if "/" in dataset_id or dataset_id.startswith("."):
        raise ValueError(f"{dataset_id!r} is no id of a dataset")
    said = _meta(experiment / "datasets" / dataset_id)
    fields = ("name", "digest", "source_type", "source", "schema", "profile")
    known = {key: str(said[key]) for key in fields if said.get(key) is not None}
    texts = {str(key): str(value) for key, value in (tags or {}).items()}
    return {**known, **({"tags": texts} if texts else {})}


def _former_tags(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return what old versions of MLflow noted in fields and newer ones in tags."""
    fields = {
        "mlflow.source.name": meta.get("source_name"),
        "mlflow.source.git.commit": meta.get("source_version"),
        "mlflow.project.entryPoint": meta.get("entry_point_name"),
    }
    return {key: str(value) for key, value in fields.items() if value}
