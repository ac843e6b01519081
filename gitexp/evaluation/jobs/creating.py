"""Creating jobs: everything is resolved, checked and pinned before a job waits in its queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gitexp.clock import iso
from gitexp.documents.problems import ProblemCollector
from gitexp.errors import InvalidInput, NotAllowed
from gitexp.evaluation.datasets.loading import load
from gitexp.evaluation.jobs import inputs
from gitexp.evaluation.jobs.commands import variables_of, words_of
from gitexp.evaluation.jobs.entrypoints import EVALUATION, Entrypoint, load_entrypoint
from gitexp.evaluation.jobs.queue import get_job
from gitexp.evaluation.jobs.states import Job, with_change
from gitexp.evaluation.jobs.values import FILE, artifacts_of, dataset_of, resolved
from gitexp.evaluation.running.planning import make_plan, project_directory
from gitexp.evaluation.running.requests import EvaluationRequest, request_of
from gitexp.experiments.headers import Header
from gitexp.experiments.versions import latest_version
from gitexp.ids import RunId, new_run_id
from gitexp.project.definition import Project
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.journals import create_journal
from gitexp.runs.keys import check_tags
from gitexp.runs.run import Run
from gitexp.runs.tracking.origins import (
    Values,
    checked,
    circumstances_for,
    new_run,
    runnable,
    values_of,
)
from gitexp.runs.tracking.starting import milliseconds_now


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What somebody asks to be done through an entrypoint.

    Attributes:
        queue: one of the entrypoint's; its first one when empty.
        values: of the entrypoint's parameters.
        texts: values as they were typed, read by the types of the parameters.
        dataset: a name; the entrypoint's default when empty.
        artifacts: `RUN/PATH` by the names that the entrypoint has for them.
        evaluation: how its samples are worked on, where the entrypoint says otherwise or nothing:
            `selection`, `repeats`, `seed`, `limits`, `concurrency`.
        version: a revision of the experiment.
        timeout: the seconds of one attempt; the entrypoint's when None.
        max_attempts: how often it is begun when workers die; the entrypoint's when None.
        defer_until: it does not begin before.
        after: a job that has to finish before it begins.
    """

    experiment: str
    entrypoint: str
    queue: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    dataset: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    version: str = "latest"
    name: str = ""
    description: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    max_attempts: int | None = None
    defer_until: datetime | None = None
    after: str = ""


def create_job(workspace: Workspace, request: JobRequest) -> Job:
    """Return a new job, which waits in its queue.

    All values are resolved and stored, and everything that the job uses is pinned by digest and
    by the commit of the code; what changes afterwards does not change the job.

    Raises:
        NotFound: there is no such experiment, version, entrypoint, dataset, workflow or job.
        NotAllowed: the experiment does not declare the entrypoint, or the entrypoint the queue.
        InvalidDocuments: every missing, unknown and mistyped value; or what is wrong in files.
    """
    directory = project_directory(workspace)
    header = runnable(workspace, request.experiment)
    _require_declared(header, request.entrypoint)
    entrypoint = load_entrypoint(directory, request.entrypoint, root=workspace.root)
    project = current_project(workspace)
    standing = _values(workspace, request, {}).complete
    given = _resolved(workspace, entrypoint, project, request, standing)
    record = _record(workspace, entrypoint, given, request)
    own = {k: v for k, v in given.values.items() if k not in project.slots}
    slots = {k: v for k, v in given.values.items() if k in project.slots}
    if entrypoint.command:
        run = _program(workspace, directory, header, request, slots, own, given, record)
    else:
        asked = _evaluation(entrypoint, request, slots, own, given)
        run = make_plan(workspace, asked, job=record).run
    enqueue(workspace, run)
    return Job(run=run)


def enqueue(workspace: Workspace, run: Run) -> None:
    """Put a run that has not begun into its queue: a journal that no process holds.

    Raises:
        NotAllowed: the repository is in memory.
        StoreError: it cannot be written.
    """
    if workspace.store.private_dir is None:
        raise NotAllowed(
            "a queue needs a repository on disk", hint="Make one with `gitexp init DIRECTORY`."
        )
    first = {"run": run.to_dict(), "at": milliseconds_now(workspace)}
    create_journal(workspace, run.id, first).close()


@dataclass(frozen=True, kw_only=True)
class _Given:
    """The values and inputs of a job, resolved."""

    values: Mapping[str, Any]
    dataset: str
    artifacts: Mapping[str, Mapping[str, Any]]


def _require_declared(header: Header, entrypoint: str) -> None:
    if entrypoint in header.entrypoints:
        return
    declared = ", ".join(header.entrypoints) or "none"
    raise NotAllowed(
        f"experiment {header.name!r} does not declare entrypoint {entrypoint!r}: "
        f"it declares {declared}",
        hint=f"Declare it: `gitexp experiment update {header.name} --entrypoint {entrypoint}`.",
    )


def _resolved(
    workspace: Workspace,
    entrypoint: Entrypoint,
    project: Project,
    request: JobRequest,
    standing: Mapping[str, Any],
) -> _Given:
    found = ProblemCollector()
    values = resolved(entrypoint, project, request.values, request.texts, standing, found)
    dataset = dataset_of(entrypoint, request.dataset, found)
    for name in request.evaluation:
        if entrypoint.command:
            message = f"entrypoint {entrypoint.name!r} runs a program, not an evaluation"
            found.add(FILE, name, message)
        elif name not in EVALUATION:
            found.add(FILE, name, f"not known; there are {', '.join(EVALUATION)}")
    asked = artifacts_of(entrypoint, request.artifacts, found)
    artifacts = inputs.pinned(workspace, asked, found)
    found.raise_if_any(hint=f"See `gitexp entrypoint show {entrypoint.name}`.")
    return _Given(values=values, dataset=dataset, artifacts=artifacts)


def _record(
    workspace: Workspace, entrypoint: Entrypoint, given: _Given, request: JobRequest
) -> dict[str, Any]:
    """Return what the run records of its job, which waits from now on."""
    attempts = entrypoint.max_attempts if request.max_attempts is None else request.max_attempts
    if attempts < 1:
        raise InvalidInput(f"max_attempts is {attempts}; it must be at least 1")
    timeout = entrypoint.timeout if request.timeout is None else request.timeout
    if timeout <= 0:
        raise InvalidInput(f"a timeout of {timeout:g} s is not longer than nothing")
    record: dict[str, Any] = {
        "entrypoint": entrypoint.reference.to_dict(),
        "queue": _queue(entrypoint, request.queue),
        "values": dict(given.values),
        "timeout": timeout,
        "max_attempts": attempts,
    }
    asked_for = {
        "dataset": given.dataset,
        "artifacts": {name: dict(one) for name, one in given.artifacts.items()},
    }
    if any(asked_for.values()):
        record["inputs"] = {name: value for name, value in asked_for.items() if value}
    if entrypoint.command:
        record["command"] = list(entrypoint.command)
    return _waiting(workspace, record, request)


def _waiting(
    workspace: Workspace, record: Mapping[str, Any], request: JobRequest
) -> dict[str, Any]:
    now = workspace.surroundings.clock.now()
    who = str(workspace.signature())
    queued = with_change(record, "queued", at=now, by=who)
    fields = deferral(workspace, request.defer_until, request.after)
    return with_change(queued, "deferred", at=now, by=who, **fields) if fields else queued


def deferral(workspace: Workspace, until: datetime | None, after: str) -> dict[str, Any]:
    """Return the fields of a record that say what a job waits for.

    Raises:
        NotFound: there is no such job to wait for.
        InvalidInput: the moment has no offset from UTC.
    """
    if until is not None and until.tzinfo is None:
        raise InvalidInput(
            f"{until.isoformat()} has no offset from UTC",
            hint="Write it as 2026-01-31T06:00:00Z, or with an offset such as +01:00.",
        )
    fields = {
        "defer_until": iso(until) if until is not None else None,
        "after": str(get_job(workspace, after).id) if after else None,
    }
    return {name: value for name, value in fields.items() if value}


def _queue(entrypoint: Entrypoint, queue: str) -> str:
    if queue and queue not in entrypoint.queues:
        raise NotAllowed(
            f"entrypoint {entrypoint.name!r} has no queue {queue!r}",
            hint=f"Its queues are: {', '.join(entrypoint.queues)}.",
        )
    return queue or entrypoint.queues[0]


# --- what is to be done ----------------------------------------------------------------------


def _evaluation(
    entrypoint: Entrypoint,
    request: JobRequest,
    overrides: Mapping[str, Any],
    arguments: Mapping[str, Any],
    given: _Given,
) -> EvaluationRequest:
    return request_of(
        {
            "experiment": request.experiment,
            "dataset": given.dataset,
            "workflow": entrypoint.workflow,
            "evaluators": entrypoint.evaluators,
            "evaluator_workflows": entrypoint.evaluator_workflows,
            "version": request.version,
            "overrides": overrides,
            "arguments": arguments,
            "name": request.name,
            "description": request.description,
            "tags": check_tags(request.tags),
            **_worked_on(entrypoint.evaluation, request.evaluation),
        }
    )


def _worked_on(usual: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return how samples are worked on: as asked, else as the entrypoint says."""
    found = {**usual, **asked}
    for part in ("selection", "limits"):
        found[part] = {**usual.get(part, {}), **asked.get(part, {})}
    if "sample" in found["selection"] and "seed" in found:
        found["selection"].setdefault("seed", found["seed"])
    return found


def _program(
    workspace: Workspace,
    directory: Path,
    header: Header,
    request: JobRequest,
    overrides: Mapping[str, Any],
    arguments: Mapping[str, Any],
    given: _Given,
    record: Mapping[str, Any],
) -> Run:
    """Return a run of a program that has not begun."""
    values = _values(workspace, request, overrides)
    values = replace(values, complete={**values.complete, **arguments})
    dataset = (
        load(directory, given.dataset, root=workspace.root, workspace=workspace)
        if given.dataset
        else None
    )
    found = circumstances_for(workspace, values)
    run = new_run(
        workspace,
        header,
        values,
        name=request.name,
        description=request.description,
        tags=check_tags(request.tags),
        dataset=dataset and dataset.reference,
        code=found.code,
        machine=found.machine,
        job=record,
    )
    _check_words(run, given)
    return checked(run)


def _check_words(run: Run, given: _Given) -> None:
    """Refuse a command whose templates name what the job does not have."""
    dataset = run.dataset.to_dict() if run.dataset is not None else None
    variables = variables_of(
        parameters=run.parameters,
        dataset=dataset,
        artifacts=dict.fromkeys(given.artifacts, "artifact"),
        run_id=run.id,
    )
    words_of(run.job["command"], run.job["entrypoint"]["name"], variables)


def _values(workspace: Workspace, request: JobRequest, overrides: Mapping[str, Any]) -> Values:
    is_latest = request.version in ("", "latest")
    if is_latest and not overrides and latest_version(workspace, request.experiment) is None:
        return Values(version=None)
    return values_of(workspace, request.experiment, request.version or "latest", overrides)


# --- doing a job again -----------------------------------------------------------------------


_OF_ONE_ATTEMPT = ("changes", "next", "defer_until", "after")


def another_attempt(workspace: Workspace, job: Job) -> Run:
    """Return a run that does the work of a job again, with all that it was created with."""
    now = workspace.surroundings.clock.now()
    run = job.run
    kept = {key: value for key, value in run.job.items() if key not in _OF_ONE_ATTEMPT}
    return Run(
        id=RunId(new_run_id(now, workspace.surroundings.random_bits)),
        experiment=run.experiment,
        experiment_id=run.experiment_id,
        project=run.project,
        version=run.version,
        digest=run.digest,
        name=run.name,
        description=run.description,
        created_at=now,
        parameters=run.parameters,
        overrides=run.overrides,
        dataset=run.dataset,
        endpoint=run.endpoint,
        evaluators=run.evaluators,
        workflow=run.workflow,
        evaluation=run.evaluation,
        job=kept,
        code=run.code,
        who=str(workspace.signature()),
        machine=run.machine,
        tags=run.tags,
        parent=run.parent,
        attempt=run.attempt + 1,
        retry_of=job.id,
    )
