"""Everything that rows are made with, opened for the time of a run.

A recipe is plain data, so that a worker in another process opens it just as the run's own process
does: files are read there from the project's directory, and secrets come from the environment that
the worker has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.clock import Clock, Timeline
from gitexp.environments.parameters import Parameters
from gitexp.errors import Conflict
from gitexp.evaluation.answers import Caller
from gitexp.evaluation.endpoints.loading import Endpoint, load_endpoint
from gitexp.evaluation.evaluators.scoring import Scoring, load_scoring
from gitexp.evaluation.running.making import RowMaker
from gitexp.evaluation.workflows.tasks import TransformTask, Workflow, all_tasks
from gitexp.evaluation.workflows.work import OpenedWorkflow, Transform, templates_of
from gitexp.ids import Randomness
from gitexp.runs.masking import secrets_of

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.opening import Recorded
    from gitexp.evaluation.running.calls import CallThreads


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What rows are made with, as plain data.

    Attributes:
        directory: the project's directory in the working tree.
        root: the project's place in its repository.
        parameters: the values; secrets are not among them.
        endpoints, evaluators: the digest of each by its name, as the run records them.
        seed: what random choices depend on.
        retries, timeout: what replaces the endpoints' own, where it is not None.
        cache: the directory of the cache of responses; None without one.
        tracing: whether what happens for a sample is noted for its spans.
    """

    directory: Path
    root: str
    workflow: Workflow
    parameters: Parameters
    endpoints: Mapping[str, str]
    evaluators: Mapping[str, str]
    evaluator_workflows: tuple[str, ...] = ()
    seed: int | None = None
    retries: int | None = None
    timeout: float | None = None
    cache: Path | None = None
    tracing: bool = False


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The files that a recipe names, read and found to be what it says."""

    endpoints: Mapping[str, Endpoint]
    scoring: Scoring


def parts_of(recipe: Recipe) -> Parts:
    """Return the endpoints and evaluators of a recipe, as the working tree has them.

    Raises:
        NotFound, InvalidDocuments: one of them is missing or wrong.
        InvalidInput: a template of the workflow is wrong.
        Conflict: one of them is not what the recipe says.
    """
    templates_of(recipe.workflow)
    directory, root = recipe.directory, recipe.root
    endpoints = {name: load_endpoint(directory, name, root=root) for name in recipe.endpoints}
    scoring = load_scoring(
        directory, recipe.evaluators, workflows=recipe.evaluator_workflows, root=root
    )
    for what, known, found in (
        ("endpoint", recipe.endpoints, {e.name: e.digest for e in endpoints.values()}),
        ("evaluator", recipe.evaluators, {e.name: e.digest for e in scoring.evaluators}),
    ):
        for name, digest in known.items():
            if digest and found.get(name) != digest:
                raise Conflict(
                    f"{what} {name!r} is not what it was when the run began",
                    hint="Put its file back as it was, or begin a new run.",
                )
    return Parts(endpoints=endpoints, scoring=scoring)


@asynccontextmanager
async def opened(
    recipe: Recipe,
    parts: Parts,
    *,
    environ: Mapping[str, str],
    threads: CallThreads,
    clock: Clock,
    random_bits: Randomness,
    recorded: Recorded | None = None,
) -> AsyncIterator[RowMaker]:
    """Yield what makes the rows of a recipe.

    Args:
        recorded: finds the rows of a run that an endpoint replays.

    Raises:
        InvalidInput: a function cannot be imported, or a library is not installed.
        NotFound: a secret that is needed is not set.
    """
    from gitexp.evaluation.evaluators.evaluator import opened as opened_evaluators

    parameters = recipe.parameters
    now = Timeline(clock).nanoseconds
    async with AsyncExitStack() as stack:
        given: dict[str, Any] = {
            "directory": recipe.directory,
            "parameters": parameters,
            "environ": environ,
            "threads": threads,
        }
        asked = {**given, "clock": clock, "recorded": recorded}
        callers = {
            name: await _caller(recipe, endpoint, asked, random_bits, stack)
            for name, endpoint in parts.endpoints.items()
        }
        new_id = _ids(random_bits) if recipe.tracing else None
        workflow = OpenedWorkflow(
            recipe.workflow,
            callers,
            _transforms(recipe, threads, stack),
            now=now,
            step_ids=(lambda: new_id(8)) if new_id else None,
        )
        evaluators = await stack.enter_async_context(
            opened_evaluators(parts.scoring.evaluators, **given)
        )
        yield RowMaker(
            workflow=workflow,
            evaluators=evaluators,
            parameters=parameters,
            now=now,
            scoring=parts.scoring,
            secrets=secrets_of(parameters),
            seed=recipe.seed,
            new_id=new_id,
            has_tasks=not recipe.workflow.is_single,
        )


async def _caller(
    recipe: Recipe,
    endpoint: Endpoint,
    given: Mapping[str, Any],
    random_bits: Randomness,
    stack: AsyncExitStack,
) -> Caller:
    from gitexp.evaluation.endpoints.opening import open_caller
    from gitexp.evaluation.running.patience import patient

    if recipe.timeout is not None:
        endpoint = replace(endpoint, timeout=recipe.timeout)
    if recipe.retries is not None:
        endpoint = replace(endpoint, retry=replace(endpoint.retry, attempts=recipe.retries + 1))
    caller = await stack.enter_async_context(open_caller(endpoint, **given))
    return patient(
        caller, endpoint, cache=recipe.cache, clock=given["clock"], random_bits=random_bits
    )


def _transforms(
    recipe: Recipe, threads: CallThreads, stack: AsyncExitStack
) -> dict[str, Transform]:
    """Return the functions of the workflow's transforms by how they are named."""
    named = [
        task.callable
        for task in all_tasks(recipe.workflow.tasks)
        if isinstance(task, TransformTask) and task.callable
    ]
    if not named:
        return {}
    from gitexp.evaluation.endpoints.functions import imported_function

    functions = ExitStack()
    stack.callback(functions.close)
    return {
        name: _asynchronous(
            functions.enter_context(imported_function(name, recipe.directory)), threads
        )
        for name in dict.fromkeys(named)
    }


def _asynchronous(function: Callable[..., Any], threads: CallThreads) -> Transform:
    import copy

    from gitexp.evaluation.endpoints.functions import asker
    from gitexp.evaluation.running.outputs import plain_output

    async def transform(given: Any, parameters: Mapping[str, Any]) -> Any:
        ask: Callable[[Any], Coroutine[Any, Any, Any]] = asker(function, parameters, threads)
        return plain_output(await ask(copy.deepcopy(given)))

    return transform


def _ids(random_bits: Randomness) -> Callable[[int], str]:
    """Return what makes ids of so many bytes, none of them zero, without a system call for each."""
    from random import Random

    bits = Random(random_bits(256)).getrandbits

    def new_id(size: int) -> str:
        return (bits(size * 8) or 1).to_bytes(size, "big").hex()

    return new_id
