"""What an evaluation will do, all of it resolved and checked before anything is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitexp.documents.canonical import digest_of
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidInput, NotAllowed
from gitexp.evaluation.datasets.loading import Dataset, load
from gitexp.evaluation.endpoints.functions import Endpoint, load_endpoint
from gitexp.evaluation.evaluators.matching import DEFAULT_EVALUATOR, Evaluator, load_evaluators
from gitexp.experiments.headers import Header
from gitexp.project.workspace import Workspace
from gitexp.runs import texts
from gitexp.runs.circumstances import circumstances_of
from gitexp.runs.masking import secrets_among
from gitexp.runs.run import DatasetReference, Run
from gitexp.runs.tracking.origins import Values, checked, new_run, runnable, values_of

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
    header = runnable(workspace, request.experiment)
    values = values_of(workspace, request.experiment, request.version, request.overrides)
    names = request.evaluators or header.evaluators or (DEFAULT_EVALUATOR,)
    dataset = load(directory, request.dataset, root=workspace.root).first(request.limit)
    plan = Plan(
        run=checked(_run(workspace, request, header, values, dataset)),
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


def _run(
    workspace: Workspace, request: RunRequest, header: Header, values: Values, dataset: Dataset
) -> Run:
    environ = workspace.surroundings.environ
    secrets = secrets_among(values.complete, values.types, environ)
    found = circumstances_of(workspace, secrets=secrets)
    for text in found.texts.values():
        texts.keep(workspace, text)
    return new_run(
        workspace,
        header,
        values,
        name=request.name,
        description=request.description,
        dataset=DatasetReference(
            name=dataset.name,
            path=dataset.path,
            digest=dataset.digest,
            samples=len(dataset.samples),
        ),
        code=found.code,
        machine=found.machine,
        tags=request.tags,
    )


def _parameters(workspace: Workspace, header: Header, values: Values) -> Parameters:
    version = values.version
    assert version is not None  # a revision was resolved
    return Parameters(
        values.complete,
        types=values.types,
        provenance=Provenance(
            experiment=header.name,
            experiment_id=header.id,
            version=version.version,
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
