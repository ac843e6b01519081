"""Where samples are worked on: in this process, or by workers that are other threads or processes.

An executor is an asynchronous context that yields what makes a row of an item. How many items are
in flight is up to the run; results come back to the process of the run, which alone records them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.opening import Recorded
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.running.requests import EvaluationRequest
    from gitexp.evaluation.running.window import Answer

__all__ = ["executor_of", "require_executor"]

_DASK = ("distributed", "cryptography")


def require_executor(request: EvaluationRequest) -> None:
    """Refuse a request whose executor cannot be had here; nothing is started or connected.

    Raises:
        InvalidInput: Dask is not installed, or a scheduler is given to another executor.
    """
    if request.scheduler and request.executor != "dask":
        raise InvalidInput(
            f"a scheduler is given, and the executor {request.executor!r} has none",
            hint="Use `--executor dask` with it.",
        )
    if request.executor == "dask" and not all(map(find_spec, _DASK)):
        raise InvalidInput(
            "the executor 'dask' needs Dask, which is not installed",
            hint="Install it: `pip install 'gitexp[dask]'`.",
        )


@asynccontextmanager
async def executor_of(
    plan: Plan, surroundings: Surroundings, *, recorded: Recorded | None = None
) -> AsyncIterator[Answer]:
    """Yield the executor that a plan asks for.

    Args:
        recorded: finds the rows of a run that an endpoint replays; of no use to workers in other
            processes, which refuse such an endpoint.

    Raises:
        InvalidInput: what it needs is not installed, or cannot be reached.
        GitexpError: a worker cannot open what it is to work with.
    """
    from gitexp.evaluation.running.executors.limits import limited

    require_executor(plan.request)
    async with _opened(plan, surroundings, recorded) as answer:
        if plan.request.executor == "local":
            yield answer
        else:
            yield limited(answer, plan.recipe.workflow, plan.parts, surroundings.clock)


def _opened(
    plan: Plan, surroundings: Surroundings, recorded: Recorded | None
) -> AbstractAsyncContextManager[Answer]:
    name = plan.request.executor
    if name == "threads":
        from gitexp.evaluation.running.executors.threads import threads

        return threads(plan, surroundings, recorded)
    if name == "processes":
        from gitexp.evaluation.running.executors.processes import processes

        return processes(plan, surroundings)
    if name == "dask":
        from gitexp.evaluation.running.executors.dask import dask

        return dask(plan, surroundings)
    from gitexp.evaluation.running.executors.local import local

    return local(plan, surroundings, recorded)
