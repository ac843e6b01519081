"""Bringing in what MLflow tracked: all of it, at most once.

A run's id follows from its start and its id in MLflow, so it is the same in every import. A run
that is here already is left alone, unless it changed in MLflow since: then what is new is recorded
beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from gitexp.documents import layout
from gitexp.errors import AlreadyExists, GitexpError, InvalidDocuments
from gitexp.experiments import lifecycle
from gitexp.experiments.catalog import known_experiments
from gitexp.experiments.headers import Header
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.integrations.mlflow import converting, names, tags
from gitexp.integrations.mlflow.converting import Converted, Import
from gitexp.integrations.mlflow.experiment_tags import (
    CREATED_TAG,
    FORMER_LOCATION_TAG,
    SOURCE_TAG,
    UPDATED_TAG,
)
from gitexp.integrations.mlflow.sources import (
    Source,
    SourceExperiment,
    SourceModel,
    SourceRun,
    open_source,
)
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.kept import contents_of
from gitexp.runs.events import Event
from gitexp.runs.metrics import NamedPoint, plain_number
from gitexp.runs.recording import closing, ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.recording.segments import new_segment
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from gitexp.runs.tracking.origins import checked

_BATCH = 500
_WRITTEN_TOGETHER = 32 * 2**20
"""How many bytes of records go into one commit: the more, the fewer trees are written anew."""

T = TypeVar("T")


@dataclass(kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        experiments: by name in gitexp, those that took runs in.
        created: those of them that are new.
        added, changed, unchanged: how many runs are new, changed since, or were here already.
        artifacts: how many artifacts came with them.
        left_out: how much there is of what gitexp has no place for, by what it is.
        problems: what could not be brought in, and why.
    """

    experiments: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    artifacts: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return dict(vars(self))


Progress = Callable[[ImportReport], None]


def import_mlflow(
    workspace: Workspace,
    address: str,
    *,
    base: Path,
    artifacts: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Return what came in from a tracking directory or an SQLite database of MLflow.

    Args:
        base: the directory that relative paths start from.
        artifacts: whether artifacts that can be read are copied into the project.
        progress: told of every batch.

    Raises:
        NotFound: there is nothing of MLflow.
        InvalidInput: it is another kind of address.
    """
    source, report = open_source(address, base=base), ImportReport()
    try:
        for experiment in source.experiments():
            _Importer(workspace, source, report, progress, artifacts=artifacts).run(experiment)
        report.left_out = dict(source.left_out())
        report.problems += source.problems()
    finally:
        source.close()
    return report


class _Importer:
    """Brings one experiment in."""

    def __init__(
        self,
        workspace: Workspace,
        source: Source,
        report: ImportReport,
        progress: Progress | None,
        *,
        artifacts: bool,
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._report = report
        self._progress = progress
        self._artifacts = artifacts
        self._waiting: dict[str, bytes] = {}
        self._waiting_bytes = 0
        self._count = 0

    def run(self, experiment: SourceExperiment) -> None:
        """Bring an experiment in; one without runs and tags that MLflow itself made is left out."""
        models = self._source.models(experiment)
        runs = self._source.runs(experiment)
        first = next(runs, None)
        untouched = experiment.id == "0" and not experiment.tags and not models
        if first is None and untouched:
            return
        header = self._header(experiment)
        work = Import(
            workspace=self._workspace,
            header=header,
            deleted=experiment.deleted,
            started=lambda run_id: self._source.started(experiment, run_id),
            artifacts=self._artifacts,
        )
        known = _known(self._workspace, header)
        every = _chained(first, runs)
        by_run = _by_run(models)
        for batch in _batches(every, _BATCH):
            pairs = [(run, by_run.pop(run.id, [])) for run in batch]
            self._batch(work, pairs, known)
        orphans = [(_holder(model), [model]) for each in by_run.values() for model in each]
        self._batch(work, orphans, known, holders=True)
        self._write(header.name)
        self._report.experiments.append(header.name)

    def _batch(
        self,
        work: Import,
        pairs: Sequence[tuple[SourceRun, list[SourceModel]]],
        known: Mapping[str, Mapping[str, Any]],
        *,
        holders: bool = False,
    ) -> None:
        for source, models in pairs:
            old = known.get(source.id)
            if old and old["tags"].get(tags.IMPORTED) == converting.fingerprint(source, models):
                self._report.unchanged += 1
                continue
            made = converting.converted(work, source, models)
            made = _as_holder(made) if holders else made
            self._report.problems += made.problems
            if old:
                self._change(work, Run.from_dict(old), made)
            else:
                self._record(made)
        if self._waiting_bytes > _WRITTEN_TOGETHER:
            self._write(work.header.name)
        if self._progress is not None:
            self._progress(self._report)

    def _write(self, experiment: str) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        if waiting:
            message = f"run {experiment}: import {self._count} runs of MLflow"
            ledger.write(self._workspace, experiment, waiting, message=message)
            self._count = 0

    def _record(self, made: Converted) -> None:
        """Have a new run written with others, or note what is wrong with it."""
        try:
            run = checked(made.run)
            files = contents_of(self._workspace, run)
        except GitexpError as exc:
            reason = exc.problems[0] if isinstance(exc, InvalidDocuments) else exc.message
            self._report.problems.append(f"run {made.run.tags[tags.RUN_ID]}: {reason}")
            return
        contents = record_of(run, (), made.points, texts=files).contents()
        self._waiting |= contents
        self._waiting_bytes += sum(map(len, contents.values()))
        self._count += 1
        self._report.added += 1
        self._report.artifacts += len(run.artifacts)

    def _change(self, work: Import, old: Run, made: Converted) -> None:
        """Record what is new of a run beside it."""
        points = ledger.points_of_run(self._workspace, old.id)
        event = _difference(old, points, made)
        name = work.header.name
        segments = ledger.segments_of(self._workspace, old.id)
        path = layout.segment_path(old.id, new_segment(self._workspace, after=segments))
        with_files = replace(old, artifacts=made.run.artifacts)
        files = contents_of(self._workspace, with_files) if "artifacts" in event else {}
        ledger.write(
            self._workspace,
            name,
            {path: closing.dump_events([event]), **files},
            message=f"run {name}: import what changed of {old.id}",
        )
        self._report.changed += 1
        self._report.artifacts += len(event.get("artifacts", ()))

    # --- the experiment ---------------------------------------------------------------------

    def _header(self, experiment: SourceExperiment) -> Header:
        """Return the experiment that takes runs in: a known one, one of that name, or a new one."""
        headers = [header for _, header in known_experiments(self._workspace)]
        origin = f"{experiment.id}@{experiment.created or experiment.name}"
        for header in headers:
            if header.tags.get(SOURCE_TAG) == origin:
                return header
        for header in headers:
            if names.mlflow_name(header) == experiment.name:
                return header
        taken = {names.number_of(header) for header in headers}
        return self._new(experiment, {SOURCE_TAG: origin}, taken)

    def _new(self, experiment: SourceExperiment, more: dict[str, str], taken: set[int]) -> Header:
        kept = {**experiment.tags, **more}
        if experiment.artifact_location:
            kept[FORMER_LOCATION_TAG] = experiment.artifact_location
        if experiment.id.isdecimal() and int(experiment.id) not in taken:
            kept[names.NUMBER_TAG] = experiment.id
        for tag, moment in ((CREATED_TAG, experiment.created), (UPDATED_TAG, experiment.updated)):
            if moment is not None:
                kept[tag] = str(moment)
        for candidate in names.candidates(experiment.name):
            if candidate != experiment.name:
                kept[names.NAME_TAG] = experiment.name
            try:
                header = lifecycle.create(self._workspace, NewExperiment(name=candidate, tags=kept))
            except AlreadyExists:
                continue
            self._report.created.append(header.name)
            return self._deleted(header) if experiment.deleted else header
        raise AssertionError("there is always another name")

    def _deleted(self, header: Header) -> Header:
        return lifecycle.change_header(
            self._workspace,
            header.name,
            lambda before: before.having(lifecycle="deleted"),
            message=f"{header.name}: deleted in MLflow",
        )


def _known(workspace: Workspace, header: Header) -> dict[str, dict[str, Any]]:
    """Return the documents of the runs that were imported before, by their ids in MLflow."""
    query = RunQuery(
        filter=f"tags.`{tags.RUN_ID}` IS NOT NULL",
        experiments=(header.name,),
        limit=None,
        lifecycle="all",
    )
    return {
        document["tags"][tags.RUN_ID]: document for document in search(workspace, query).documents
    }


def _by_run(models: Sequence[SourceModel]) -> dict[str, list[SourceModel]]:
    found: dict[str, list[SourceModel]] = {}
    for model in models:
        found.setdefault(model.run or model.id, []).append(model)
    return found


def _holder(model: SourceModel) -> SourceRun:
    """Return a run for a model that no run made, or one that is gone."""
    return SourceRun(
        id=model.id,
        name=model.name,
        status="FINISHED",
        started=model.created,
        ended=model.created,
        deleted=model.deleted,
    )


def _as_holder(made: Converted) -> Converted:
    return replace(made, run=replace(made.run, tags={**made.run.tags, tags.HOLDER: "true"}))


def _difference(old: Run, points: Sequence[NamedPoint], made: Converted) -> Event:
    """Return the event that adds what an imported run has in MLflow now and not here."""
    new, there = made.run, {(name, *_comparable(point)) for name, point in points}
    known = {artifact.path for artifact in old.artifacts}
    gone = {key: None for key in (tags.STATUS,) if key in old.tags and key not in new.tags}
    fields = {
        "metrics": [
            [name, plain_number(point.value), point.step, point.timestamp]
            for name, point in made.points
            if (name, *_comparable(point)) not in there
        ],
        "params": {k: v for k, v in new.params.items() if k not in old.params},
        "tags": {**{k: v for k, v in new.tags.items() if old.tags.get(k) != v}, **gone},
        "inputs": [dict(given) for given in new.inputs if given not in old.inputs],
        "artifacts": [a.to_dict() for a in new.artifacts if a.path not in known],
        "set": _changed_fields(old, new),
    }
    return {kind: value for kind, value in fields.items() if value}


def _comparable(point: Any) -> tuple[Any, ...]:
    return repr(point.value), point.step, point.timestamp


_FIELDS = ("status", "name", "description", "ended_at", "duration_seconds")


def _changed_fields(old: Run, new: Run) -> dict[str, Any]:
    before, after = old.to_dict(), new.to_dict()
    fields = {key: after.get(key) for key in _FIELDS if before.get(key) != after.get(key)}
    if before.get("error") != after.get("error"):
        fields["error"] = after.get("error")
    if new.lifecycle == "deleted" and old.lifecycle != "deleted":
        fields |= {"lifecycle": "deleted", "deleted_by": new.deleted_by}
    return fields


def _chained(first: T | None, rest: Iterator[T]) -> Iterator[T]:
    if first is not None:
        yield first
        yield from rest


def _batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch
