"""What an evaluation will do, all of it resolved and checked before anything is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gitexp.documents.canonical import digest_of
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import Conflict, NotAllowed
from gitexp.evaluation.datasets.loading import Dataset, load
from gitexp.evaluation.datasets.selecting import Selection
from gitexp.evaluation.evaluators.loading import DEFAULT_EVALUATOR
from gitexp.evaluation.running.executors import require_executor
from gitexp.evaluation.running.making import WorkItem
from gitexp.evaluation.running.opening import Parts, Recipe, parts_of
from gitexp.evaluation.running.requests import EvaluationRequest
from gitexp.evaluation.workflows.loading import inline_workflow, load_workflow
from gitexp.evaluation.workflows.tasks import Workflow, single_endpoint
from gitexp.experiments.headers import Header
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.references import CodeReference, Reference
from gitexp.runs.run import Run
from gitexp.runs.tracking.origins import (
    Values,
    checked,
    circumstances_for,
    new_run,
    runnable,
    values_of,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An evaluation, resolved.

    Attributes:
        run: the run; not begun, unless the plan goes on with one.
        recipe: what rows are made with.
        parts: the endpoints and evaluators of the recipe.
    """

    run: Run
    request: EvaluationRequest
    dataset: Dataset
    recipe: Recipe
    parts: Parts

    @property
    def total(self) -> int:
        """How many rows there will be."""
        return self.dataset.count * self.request.repeats

    def items(self) -> Iterator[WorkItem]:
        """Yield what is to be done, sample by sample, as the dataset is read."""
        for position, sample in enumerate(self.dataset):
            for repeat in range(self.request.repeats):
                yield WorkItem(position=position, sample=sample, repeat=repeat)


def make_plan(
    workspace: Workspace, request: EvaluationRequest, *, run_id: RunId | None = None, **fields: Any
) -> Plan:
    """Return what a request comes to; nothing is called and nothing is written.

    Args:
        run_id: the id of the run, where it was given to somebody already.
        fields: more fields of the run, such as its parent.

    Raises:
        NotFound: there is no such experiment, version, dataset, workflow, endpoint or evaluator.
        NotAllowed: the experiment is deleted, or the repository has no working tree.
        InvalidDocuments: a file, an override or a tag is wrong; all its problems at once.
        InvalidInput: there is no such executor here.
    """
    require_executor(request)
    directory = project_directory(workspace)
    header = runnable(workspace, request.experiment)
    values = _values(workspace, request)
    request = _with_evaluators(request, header)
    parameters = _parameters(workspace, header, values)
    workflow = _workflow(directory, request, workspace.root)
    recipe = _recipe(workspace, directory, request, workflow, parameters)
    parts = parts_of(recipe)
    dataset = _dataset(workspace, directory, request)
    run = _run(workspace, request, header, values, dataset, id=run_id, **fields)
    return Plan(
        run=checked(_with_references(run, request, workflow, parts)),
        request=request,
        dataset=dataset,
        recipe=_pinned(recipe, parts),
        parts=parts,
    )


def plan_again(workspace: Workspace, run: Run) -> Plan:
    """Return how an evaluation that was broken off goes on: with just what it began with.

    Raises:
        NotAllowed: the run is no evaluation.
        NotFound: something that it used is gone.
        Conflict: something that it used is not what it was.
    """
    if not run.evaluation:
        raise NotAllowed(
            f"run {run.id} is no evaluation, so it cannot be gone on with here",
            hint="Only runs of `gitexp run evaluate` can be resumed.",
        )
    request = EvaluationRequest.from_record(
        run.evaluation,
        experiment=run.experiment,
        version=run.version or "latest",
        overrides=run.overrides,
        name=run.name,
        description=run.description,
        tags=run.tags,
    )
    directory = project_directory(workspace)
    header = runnable(workspace, request.experiment)
    values = _values(workspace, request)
    workflow = _workflow(directory, request, workspace.root)
    recipe = _recipe(
        workspace, directory, request, workflow, _parameters(workspace, header, values)
    )
    parts = parts_of(recipe)
    dataset = _dataset(workspace, directory, request)
    now = _with_references(run, request, workflow, parts)
    _require_same(run, replace(now, dataset=dataset.reference))
    return Plan(
        run=run, request=request, dataset=dataset, recipe=_pinned(recipe, parts), parts=parts
    )


def _require_same(before: Run, now: Run) -> None:
    pairs = [
        ("dataset", before.dataset, now.dataset),
        ("workflow", before.workflow, now.workflow),
        ("endpoint", before.endpoint, now.endpoint),
        *(
            (f"evaluator {one.name!r}", one, other)
            for one, other in zip(before.evaluators, now.evaluators, strict=False)
        ),
    ]
    for what, one, other in pairs:
        if one is not None and other is not None and one.digest != other.digest:
            raise Conflict(
                f"the {what} is not what it was when run {before.id} began",
                hint="Put the file back as it was, or begin a new run.",
            )


def project_directory(workspace: Workspace) -> Path:
    """Return the project's directory in the working tree.

    Raises:
        NotAllowed: the repository is bare.
    """
    if workspace.directory is None:
        raise NotAllowed(
            "a run needs a working tree, and this repository is bare",
            hint="Run it in a clone: `gitexp clone URL`.",
        )
    return workspace.directory


def _values(workspace: Workspace, request: EvaluationRequest) -> Values:
    values = values_of(workspace, request.experiment, request.version, request.overrides)
    return replace(values, complete={**values.complete, **request.arguments})


def _with_evaluators(request: EvaluationRequest, header: Header) -> EvaluationRequest:
    if request.evaluator_workflows:
        return request
    names = request.evaluators or header.evaluators or (DEFAULT_EVALUATOR,)
    return replace(request, evaluators=tuple(dict.fromkeys(names)))


def _workflow(directory: Path, request: EvaluationRequest, root: str) -> Workflow:
    if isinstance(request.workflow, str) and request.workflow:
        return load_workflow(directory, request.workflow, root=root)
    if request.workflow:
        return inline_workflow(request.workflow)
    return single_endpoint(request.endpoint)


def _dataset(workspace: Workspace, directory: Path, request: EvaluationRequest) -> Dataset:
    dataset = load(directory, request.dataset, root=workspace.root, workspace=workspace)
    return dataset.select(Selection(**request.selection)) if request.selection else dataset


def _recipe(
    workspace: Workspace,
    directory: Path,
    request: EvaluationRequest,
    workflow: Workflow,
    parameters: Parameters,
) -> Recipe:
    private = workspace.store.private_dir
    return Recipe(
        directory=directory,
        root=workspace.root,
        workflow=workflow,
        parameters=parameters,
        endpoints=dict.fromkeys(workflow.endpoints, ""),
        evaluators=dict.fromkeys(request.evaluators, ""),
        evaluator_workflows=request.evaluator_workflows,
        seed=request.seed,
        retries=request.retries,
        timeout=request.timeout,
        cache=private / "responses" if request.cache and private is not None else None,
        tracing=request.enable_tracing,
    )


def _pinned(recipe: Recipe, parts: Parts) -> Recipe:
    """Return the recipe with the digests that every worker has to find."""
    digests = {one.name: one.digest for one in parts.scoring.evaluators}
    return replace(
        recipe,
        endpoints={name: one.digest for name, one in parts.endpoints.items()},
        evaluators={name: digests[name] for name in recipe.evaluators if name in digests},
    )


def _with_references(run: Run, request: EvaluationRequest, workflow: Workflow, parts: Parts) -> Run:
    endpoints = [one.reference for one in parts.endpoints.values()]
    return replace(
        run,
        endpoint=endpoints[0] if len(endpoints) == 1 else None,
        workflow=_workflow_reference(workflow, endpoints) if request.workflow else None,
        evaluators=parts.scoring.references,
    )


def _workflow_reference(workflow: Workflow, endpoints: list[Reference]) -> Reference:
    """Return the reference of a workflow, whose digest covers the endpoints that it asks."""
    digest = digest_of([workflow.reference.digest, *[one.to_dict() for one in endpoints]])
    return Reference(name=workflow.name, digest=digest)


def _run(
    workspace: Workspace,
    request: EvaluationRequest,
    header: Header,
    values: Values,
    dataset: Dataset,
    **fields: Any,
) -> Run:
    found = circumstances_for(workspace, values)
    return new_run(
        workspace,
        header,
        values,
        name=request.name,
        description=request.description,
        dataset=dataset.reference,
        code=_code(request, values, found.code),
        machine=found.machine,
        tags=request.tags,
        evaluation={**request.recorded(), "rows": dataset.count * request.repeats},
        **fields,
    )


def _code(request: EvaluationRequest, values: Values, found: CodeReference) -> CodeReference:
    """Return the code that a run uses: that of the version itself where it is asked for."""
    if not request.exact or values.version is None:
        return found
    return CodeReference(commit=values.version.version, dirty=False)


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
