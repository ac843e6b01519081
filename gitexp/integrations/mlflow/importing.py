"""Bringing in what MLflow tracked: all of it, at most once.

A run's id follows from its start and its id in MLflow, so it is the same in every import. A run
that is here already is left alone, unless it changed in MLflow since: then what is new is recorded
beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.errors import GitexpError, InvalidDocuments
from gitexp.experiments.headers import Header
from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.converting import Converted, Import, converted, fingerprint
from gitexp.integrations.mlflow.differences import difference
from gitexp.integrations.mlflow.imported_experiments import taking
from gitexp.integrations.mlflow.sources import (
    Source,
    SourceExperiment,
    SourceModel,
    SourceRun,
    is_remote,
    open_source,
)
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.kept import contents_of
from gitexp.runs.recording import closing, ledger
from gitexp.runs.recording.records import Content, record_of
from gitexp.runs.recording.segments import new_segment
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from gitexp.runs.tracking.origins import checked

_WRITTEN_TOGETHER = 32 * 2**20
"""How many bytes of records go into one commit: the more, the fewer trees are written anew."""


@dataclass(kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        experiments: by name in gitexp, those that took runs in.
        created: those of them that are new.
        added, changed, unchanged: how many runs are new, changed since, or were here already.
        artifacts: how many artifacts came with them.
        elsewhere: how many runs have their artifacts at an address that is not read from here.
        left_out: how much there is of what gitexp has no place for, by what it is.
        problems: what could not be brought in, and why.
    """

    experiments: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    artifacts: int = 0
    elsewhere: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return dict(vars(self))


def import_mlflow(
    workspace: Workspace, address: str, *, base: Path, artifacts: bool = True
) -> ImportReport:
    """Return what came in from a tracking directory or an SQLite database of MLflow.

    Args:
        base: the directory that relative paths start from.
        artifacts: whether artifacts that can be read are copied into the project.

    Raises:
        NotFound: there is nothing of MLflow.
        InvalidInput: it is another kind of address, or a damaged database.
    """
    source, report = open_source(address, base=base), ImportReport()
    try:
        for experiment in source.experiments():
            _Importer(workspace, source, report, artifacts=artifacts).run(experiment)
        report.left_out = dict(source.left_out())
        report.problems += source.problems()
    finally:
        source.close()
    return report


class _Importer:
    """Brings one experiment in."""

    def __init__(
        self, workspace: Workspace, source: Source, report: ImportReport, *, artifacts: bool
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._report = report
        self._artifacts = artifacts
        self._waiting: dict[str, Content] = {}
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
        taken = taking(self._workspace, experiment)
        header = taken.header
        self._report.problems += taken.problems
        self._report.created += [header.name] if taken.is_new else []
        work = Import(
            workspace=self._workspace,
            header=header,
            deleted=experiment.deleted,
            started=lambda run_id: self._source.started(experiment, run_id),
            artifacts=self._artifacts,
        )
        added = self._report.added
        self._all(work, chain([first] if first else [], runs), models)
        self._write(header.name)
        self._report.experiments.append(header.name)
        if header.lifecycle == "deleted" and not experiment.deleted and self._report.added > added:
            self._report.problems.append(_hidden(header.name))

    def _all(self, work: Import, runs: Iterable[SourceRun], models: Sequence[SourceModel]) -> None:
        known = _known(self._workspace, work.header)
        by_run = _by_run(models)
        for source in runs:
            self._one(work, source, by_run.pop(source.id, []), known)
        for orphans in by_run.values():
            for model in orphans:
                self._one(work, _holder(model), [model], known)

    def _one(
        self,
        work: Import,
        source: SourceRun,
        models: list[SourceModel],
        known: Mapping[str, Mapping[str, Any]],
    ) -> None:
        if source.artifacts is None and is_remote(source.artifact_uri):
            self._report.elsewhere += 1
        old = known.get(source.id)
        if old and old["tags"].get(tags.IMPORTED) in _fingerprints(work, source, models):
            self._report.unchanged += 1
            return
        run = Run.from_dict(old) if old else None
        made = self._made(work, source, models, run.artifacts if run else ())
        if made is None:
            return
        self._report.problems += made.problems
        if run:
            self._change(work, run, made)
        else:
            self._record(made)
        if self._waiting_bytes > _WRITTEN_TOGETHER:
            self._write(work.header.name)

    def _made(
        self,
        work: Import,
        source: SourceRun,
        models: Sequence[SourceModel],
        known: Sequence[Artifact],
    ) -> Converted | None:
        """Return a run as gitexp has it, or None, with what is wrong with it noted."""
        try:
            made = converted(work, source, models, known=known)
            checked(made.run)
        except GitexpError as exc:
            reason = exc.problems[0] if isinstance(exc, InvalidDocuments) else exc.message
            self._report.problems.append(f"run {source.id}: {reason}")
            return None
        return made

    def _write(self, experiment: str) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        if waiting:
            message = f"run {experiment}: import {self._count} runs of MLflow"
            ledger.write(self._workspace, experiment, waiting, message=message)
            self._count = 0

    def _record(self, made: Converted) -> None:
        """Have a new run written together with others."""
        run = made.run
        files = contents_of(self._workspace, run)
        contents = record_of(run, (), made.points, texts=files).contents()
        self._waiting |= contents
        self._waiting_bytes += sum(map(len, contents.values()))
        self._count += 1
        self._report.added += 1
        self._report.artifacts += len(run.artifacts)

    def _change(self, work: Import, old: Run, made: Converted) -> None:
        """Record what is new of a run beside it."""
        event = difference(old, ledger.points_of_run(self._workspace, old.id), made)
        if not event:
            self._report.unchanged += 1
            return
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


def _hidden(name: str) -> str:
    return (
        f"experiment {name} is deleted here, so its runs are hidden; "
        f"`gitexp experiment restore {name}` brings them back"
    )


def _fingerprints(work: Import, source: SourceRun, models: Sequence[SourceModel]) -> set[str]:
    """Return the digests that say of an imported run that it has all that is asked for."""
    whole = fingerprint(source, models)
    return {whole} if work.artifacts else {whole, fingerprint(source, models, artifacts=False)}


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
        tags={tags.HOLDER: "true"},
    )
