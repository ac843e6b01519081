"""What an evaluation will do, all of it resolved and checked before anything is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitexp.documents import schemas
from gitexp.documents.canonical import digest_of
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.values import same
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidDocuments, InvalidInput, NotAllowed
from gitexp.evaluation.datasets import Dataset, load
from gitexp.evaluation.endpoints import Endpoint, load_endpoint
from gitexp.evaluation.evaluators import DEFAULT_EVALUATOR, Evaluator, load_evaluators
from gitexp.experiments.headers import Header, read_header
from gitexp.experiments.versions import Version, resolve_version
from gitexp.ids import new_run_id
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.runs.circumstances import code_reference, machine_of
from gitexp.runs.run import DatasetReference, Run
from gitexp.store.trees import tree_of

CONCURRENCY = 15
"""Calls in flight at once, unless a request says otherwise."""

BATCH_SIZE = 100
"""Rows after which the journal is made durable at the latest, unless a request says otherwise."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What somebody asks to be run.

    Attributes:
        dataset, endpoint: names of files of the working tree.
        evaluators: names; those of the experiment's header when empty, else `exact-match`.
        version: a revision of the experiment.
        overrides: values that replace the version's for this run alone.
        concurrency: how many samples are in flight at once.
        batch_size: rows after which the journal is made durable at the latest.
        limit: take only the first samples.
    """

    experiment: str
    dataset: str
    endpoint: str
    evaluators: tuple[str, ...] = ()
    version: str = "latest"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = CONCURRENCY
    batch_size: int = BATCH_SIZE
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An evaluation, resolved.

    Attributes:
        run: the run, not begun.
        parameters: what the system under test is given.
        directory: the project's directory in the working tree.
    """

    run: Run
    request: RunRequest
    directory: Path
    dataset: Dataset
    endpoint: Endpoint
    evaluators: tuple[Evaluator, ...]
    parameters: Parameters


@dataclass(frozen=True, kw_only=True)
class _Values:
    """The values of a run: complete, and those of them that differ from the version's."""

    version: Version
    complete: Mapping[str, Any]
    overrides: Mapping[str, Any]
    types: Mapping[str, str]


def make_plan(workspace: Workspace, request: RunRequest) -> Plan:
    """Return what a request comes to; nothing is called and nothing is written.

    Raises:
        NotFound: there is no such experiment, version, dataset, endpoint or evaluator.
        NotAllowed: the experiment is deleted, or the repository has no working tree.
        InvalidDocuments: a file, an override or a tag is wrong; all its problems at once.
        InvalidInput: a number of the request is below 1.
    """
    _check_numbers(request)
    directory = _directory(workspace)
    header = _runnable(read_header(workspace, request.experiment))
    values = _values(workspace, request)
    names = request.evaluators or header.evaluators or (DEFAULT_EVALUATOR,)
    dataset = load(directory, request.dataset, root=workspace.root).first(request.limit)
    plan = Plan(
        run=_checked(_run(workspace, request, header, values, dataset)),
        request=request,
        directory=directory,
        dataset=dataset,
        endpoint=load_endpoint(directory, request.endpoint, root=workspace.root),
        evaluators=load_evaluators(directory, names, root=workspace.root),
        parameters=_parameters(workspace, header, values),
    )
    return _with_references(plan)


def _check_numbers(request: RunRequest) -> None:
    for name in ("concurrency", "batch_size", "limit"):
        number = getattr(request, name)
        if number is not None and number < 1:
            raise InvalidInput(f"{name} is {number}; it must be at least 1")


def _directory(workspace: Workspace) -> Path:
    if workspace.directory is None:
        raise NotAllowed(
            "a run needs a working tree, and this repository is bare",
            hint="Run it in a clone: `gitexp clone URL`.",
        )
    return workspace.directory


def _runnable(header: Header) -> Header:
    if header.lifecycle == "deleted":
        raise NotAllowed(
            f"experiment {header.name!r} is deleted",
            hint=f"Bring it back with `gitexp experiment restore {header.name}`.",
        )
    return header


def _values(workspace: Workspace, request: RunRequest) -> _Values:
    version = resolve_version(workspace, request.experiment, request.version).checked()
    project = project_at(workspace, tree_of(workspace.store, version.version))
    complete = project.resolve({**version.values, **request.overrides}, file="parameters")
    changed = {
        name: complete[name]
        for name in request.overrides
        if name not in version.values or not same(complete[name], version.values[name])
    }
    return _Values(version=version, complete=complete, overrides=changed, types=project.types())


def _run(
    workspace: Workspace, request: RunRequest, header: Header, values: _Values, dataset: Dataset
) -> Run:
    now = workspace.surroundings.clock.now()
    return Run(
        id=new_run_id(now, workspace.surroundings.random_bits),
        experiment=request.experiment,
        experiment_id=header.id,
        project=workspace.project_id,
        version=values.version.version,
        digest=digest_of(values.complete),
        name=request.name,
        description=request.description,
        created_at=now,
        parameters=values.complete,
        overrides=values.overrides,
        dataset=DatasetReference(
            name=dataset.name,
            path=dataset.path,
            digest=dataset.digest,
            samples=len(dataset.samples),
        ),
        code=code_reference(workspace),
        who=str(workspace.signature()),
        machine=machine_of(workspace.surroundings.argv),
        tags=request.tags,
    )


def _checked(run: Run) -> Run:
    """Return the run, when its record could be read back."""
    document = ParsedDocument(value=run.to_dict())
    problems = schemas.check("run", document, file="run")
    if problems:
        raise InvalidDocuments(problems)
    return run


def _parameters(workspace: Workspace, header: Header, values: _Values) -> Parameters:
    return Parameters(
        values.complete,
        types=values.types,
        provenance=Provenance(
            experiment=header.name,
            experiment_id=header.id,
            version=values.version.version,
            digest=digest_of(values.complete),
            source="version",
        ),
        environ=workspace.surroundings.environ,
    )


def _with_references(plan: Plan) -> Plan:
    run = replace(
        plan.run,
        endpoint=plan.endpoint.reference,
        evaluators=tuple(evaluator.reference for evaluator in plan.evaluators),
    )
    return replace(plan, run=run)
