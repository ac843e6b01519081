"""Runs of MLflow as runs of gitexp."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gitexp.errors import GitexpError, InvalidInput
from gitexp.experiments.headers import Header
from gitexp.ids import RunId, new_run_id
from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.artifact_versions import ArtifactShelf
from gitexp.integrations.mlflow.moments import moment_of
from gitexp.integrations.mlflow.sources import SourceModel, SourceRun
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.source_files import files_below
from gitexp.runs.metrics import MetricPoint, NamedPoint, plain_number, take_in, whole_number
from gitexp.runs.references import CodeReference
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run, RunStatus

_COMMIT, _DIRTY, _BRANCH = (f"mlflow.source.git.{part}" for part in ("commit", "dirty", "branch"))
_ENDINGS: Mapping[str, RunStatus] = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
_UNFINISHED = Failure(
    type="Unfinished", message="MLflow did not know how the run ended when it was imported"
)

Started = Callable[[str], "int | None"]
"""Tells when the run with an id of MLflow began; None where there is no such run."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A run of MLflow as gitexp has it.

    Attributes:
        run: the run, its artifacts staged.
        points: every value of its metrics.
        problems: what could not be brought in.
    """

    run: Run
    points: Sequence[NamedPoint]
    problems: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Import:
    """What an import works on.

    Attributes:
        header: the experiment that takes the runs in.
        deleted: whether the experiment is deleted in MLflow, and its runs with it.
        started: when a run of MLflow began.
        artifacts: whether artifacts are brought in.
    """

    workspace: Workspace
    header: Header
    deleted: bool
    started: Started
    artifacts: bool = True


def imported_id(run_id: str, started: int | None) -> RunId:
    """Return the id that a run of MLflow has in gitexp: the same one in every import."""
    bits = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:5], "big")
    return new_run_id(_moment(started), lambda _: bits)


def _moment(millis: int | None) -> datetime:
    """Return a moment that a run id can begin with; what is none becomes 1970."""
    try:
        return moment_of(max(millis or 0, 0))
    except InvalidInput:
        return moment_of(0)


def fingerprint(source: SourceRun, models: Sequence[SourceModel], *, artifacts: bool = True) -> str:
    """Return what changes whenever something of a run does, its files by size and time.

    Args:
        artifacts: whether they count.
    """
    files = [source.artifacts, *(model.artifacts for model in models)] if artifacts else []
    told = [{**vars(source), "artifacts": None}, [{**vars(m), "artifacts": None} for m in models]]
    there = [listed for place in files if (listed := _listed(place))]
    text = json.dumps([told, there], sort_keys=True, default=str)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _listed(directory: Path | None) -> list[Any]:
    if directory is None:
        return []
    try:
        found = [(name, path.stat()) for name, path in files_below(directory)]
    except (GitexpError, OSError):
        return []
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]


def converted(
    work: Import,
    source: SourceRun,
    models: Sequence[SourceModel],
    *,
    known: Sequence[Artifact] = (),
) -> Converted:
    """Return a run of MLflow as gitexp has it, with the models that it made.

    Args:
        known: the artifacts that are here from an earlier import.

    Raises:
        InvalidInput: a step or a time needs more than 64 bits.
    """
    points = [_point(point) for point in source.metrics]
    latest: dict[str, MetricPoint] = {}
    take_in(latest, points)
    run = replace(
        _plain(work, source),
        tags=_tags(work, source, models),
        metrics=latest,
        params=dict(source.params),
        inputs=tuple(source.inputs),
    )
    run = _ended(run, source, points)
    if source.deleted or work.deleted:
        run = replace(run, lifecycle="deleted", deleted_by="experiment" if work.deleted else "run")
    kept, problems = _artifacts(work, replace(run, artifacts=tuple(known)), source, models)
    later = _later_tags(source, run, kept)
    complete = work.artifacts and not problems
    later[tags.IMPORTED] = fingerprint(source, models, artifacts=complete)
    run = replace(run, artifacts=kept, tags={**run.tags, **later})
    return Converted(run=run, points=points, problems=problems)


def _later_tags(source: SourceRun, run: Run, artifacts: Sequence[Artifact]) -> dict[str, str]:
    """Return the tags that say what became of a run."""
    found = {}
    if source.status not in _ENDINGS:
        found[tags.STATUS] = source.status
    if run.lifecycle == "deleted":
        found[tags.DELETED] = "true"
    if source.artifact_uri and source.artifacts is None and not artifacts:
        found[tags.ARTIFACT_URI] = source.artifact_uri
    return found


def _point(point: tuple[str, float, int, int]) -> NamedPoint:
    name, value, step, timestamp = point
    return name, MetricPoint(value, whole_number("step", step), whole_number("time", timestamp))


def _plain(work: Import, source: SourceRun) -> Run:
    began = _moment(source.started)
    parent = source.tags.get(tags.PARENT)
    commit = source.tags.get(_COMMIT, "")
    is_hash = len(commit) in (40, 64) and all(letter in "0123456789abcdef" for letter in commit)
    dirty = {"true": True, "false": False}.get(source.tags.get(_DIRTY, "").lower())
    return Run(
        id=imported_id(source.id, source.started),
        experiment=work.header.name,
        experiment_id=work.header.id,
        project=work.workspace.project_id,
        name=source.tags.get(tags.RUN_NAME) or source.name,
        description=source.tags.get(tags.NOTE, ""),
        created_at=began,
        started_at=began,
        code=CodeReference(
            commit=commit if is_hash else None,
            dirty=dirty,
            branch=source.tags.get(_BRANCH) or None,
        ),
        who=source.user or source.tags.get(tags.OWNER) or "unknown",
        parent=_mapped(work, parent) if parent else None,
    )


def _mapped(work: Import, run_id: str) -> RunId | None:
    """Return the id in gitexp of a run that is imported too."""
    started = work.started(run_id)
    return imported_id(run_id, started) if started is not None else None


def _tags(work: Import, source: SourceRun, models: Sequence[SourceModel]) -> dict[str, str]:
    found = {**source.tags, tags.RUN_ID: source.id, tags.USER: source.user}
    found.setdefault(tags.RUN_NAME, source.name)
    parent = _mapped(work, source.tags.get(tags.PARENT, ""))
    if parent:
        found[tags.PARENT] = parent
    links = {
        "inputs": list(source.models_in),
        "outputs": [list(one) for one in source.models_out],
    }
    if models or any(links.values()):
        found[tags.MODELS] = tags.dumped({kind: ids for kind, ids in links.items() if ids})
    for model in models:
        found |= _model_tags(work, model)
    return found


def _model_tags(work: Import, model: SourceModel) -> dict[str, str]:
    description = {
        "name": model.name,
        "type": model.type,
        "run": (_mapped(work, model.run) or model.run) if model.run else None,
        "status": model.status,
        "status_message": model.status_message,
        "created": model.created,
        "updated": model.updated,
        "params": dict(model.params),
        "tags": dict(model.tags),
        **({"deleted": True} if model.deleted else {}),
    }
    rows = [
        [key, plain_number(value), step, at, name, digest, _mapped(work, run) or run]
        for key, value, step, at, name, digest, run in model.metrics
    ]
    metrics = tags.model_metrics(model.id, rows) if rows else {}
    return {tags.MODEL + model.id: tags.dumped(description), **metrics}


def _ended(run: Run, source: SourceRun, points: Sequence[NamedPoint]) -> Run:
    """Return a run as it ended; one that goes on in MLflow ended when it last logged something."""
    began = run.started_at or run.created_at
    last = max((point.timestamp for _, point in points), default=0)
    ended = _moment(source.ended) if source.ended is not None else max(began, _moment(last))
    status = _ENDINGS.get(source.status, "killed")
    return replace(
        run,
        status=status,
        ended_at=ended,
        duration_seconds=max(0.0, (ended - began).total_seconds()),
        error=None if source.status in _ENDINGS else _UNFINISHED,
    )


def _artifacts(
    work: Import, run: Run, source: SourceRun, models: Sequence[SourceModel]
) -> tuple[tuple[Artifact, ...], list[str]]:
    """Return the artifacts of a run, known ones too, and what could not be made one."""
    places = [("", source.artifacts)]
    places += [(f"{tags.MODELS_DIRECTORY}/{model.id}/", model.artifacts) for model in models]
    shelf = ArtifactShelf(work.workspace, run)
    problems: list[str] = []
    for prefix, directory in places:
        if directory is not None and work.artifacts:
            problems += _shelved(shelf, prefix, directory, source)
    return shelf.artifacts, problems


def _shelved(shelf: ArtifactShelf, prefix: str, directory: Path, source: SourceRun) -> list[str]:
    """Put the files of a directory among the artifacts; returns what could not be put there."""
    problems: list[str] = []
    try:
        files = list(files_below(directory))
    except GitexpError as exc:
        return [f"artifacts of run {source.id}: {exc.message}"]
    for name, file in files:
        try:
            shelf.put(prefix + name, file)
        except GitexpError as exc:
            problems.append(f"artifact {name} of run {source.id}: {exc.message}")
    return problems
