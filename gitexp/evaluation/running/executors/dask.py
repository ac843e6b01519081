"""The executor `dask`: workers of Dask distributed, on this machine or on many.

Without a scheduler's address a cluster of this machine's cores is started, and closed afterwards.
Every row is a task of its own, unless rows are quick; what it gives is fetched and let go at once,
so that nothing of value stands on a worker. Rows whose worker dies are made again by another.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from gitexp.errors import GitexpError, InvalidInput
from gitexp.evaluation.running.executors.losses import WorkerDied, made_by_any
from gitexp.evaluation.running.executors.packs import Packs
from gitexp.evaluation.running.executors.processes import cores
from gitexp.evaluation.running.executors.workers import WorkOrder, unpacked
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.running.window import Answer

_CONNECT_SECONDS = 5
_WORKER_SECONDS = 30
"""Seconds to wait for the first worker of a scheduler."""


@asynccontextmanager
async def dask(plan: Plan, surroundings: Surroundings) -> AsyncIterator[Answer]:
    """Yield what makes rows with workers of Dask.

    Raises:
        InvalidInput: the scheduler cannot be reached, or has no workers that can be used.
        GitexpError: a worker cannot open what it is to work with.
    """
    async with _client(plan, surroundings) as client:
        name = f"gitexp-{plan.run.id}"
        async with _ordered(client, name, plan):
            rows = _Rows(client, name, workers=len(await client.nthreads()))
            yield lambda item: made_by_any(item, rows.ask, surroundings.clock)


@asynccontextmanager
async def _client(plan: Plan, surroundings: Surroundings) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        address: Any = plan.request.scheduler
        if not address:
            address = await _started(_cluster(plan, surroundings), stack)
        client = await _connected(address, is_own=not plan.request.scheduler)
        stack.push_async_callback(_let_go, client)
        yield client


async def _let_go(client: Any) -> None:
    """Close a client; where its scheduler is gone, that fails at times, and keeps from nothing."""
    with contextlib.suppress(Exception):
        await client.close()


async def _started(cluster: Any, stack: AsyncExitStack) -> Any:
    """Return a cluster of our own that runs until the stack is left."""
    try:
        return await stack.enter_async_context(cluster)
    except (OSError, RuntimeError) as exc:
        raise GitexpError(
            f"no cluster of Dask can be started on this machine: {exc}",
            hint='In a script, begin the run below `if __name__ == "__main__":`, as worker '
            "processes of Dask read the script again; `--executor processes` does without.",
        ) from exc


async def _connected(address: Any, *, is_own: bool) -> Any:
    """Return a client of a cluster of our own, or of the scheduler at an address."""
    from distributed import Client

    try:
        return await Client(
            address,
            asynchronous=True,
            set_as_default=False,
            direct_to_workers=is_own,  # elsewhere only the scheduler may be reachable
            timeout=_CONNECT_SECONDS,
        )
    except (OSError, ValueError) as exc:
        raise InvalidInput(
            f"the scheduler at {address} cannot be reached: {exc}",
            hint="Give its address as `--scheduler tcp://HOST:PORT`.",
        ) from exc


def _cluster(plan: Plan, surroundings: Surroundings) -> Any:
    """Return a cluster of this machine: as many processes as cores, threads for all rows."""
    import logging

    from distributed import LocalCluster

    rows = min(plan.request.concurrency, max(1, plan.total))
    workers = min(rows, cores())
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=-(-rows // workers),
        host="127.0.0.1",
        security=True,  # else whoever is on this machine could hand it work
        dashboard_address="127.0.0.1:0",  # its server listens even without a dashboard
        worker_dashboard_address=None,
        memory_limit=0,
        silence_logs=logging.CRITICAL,
        scheduler_kwargs={"allowed_failures": 0, "dashboard": False},
        env=dict(surroundings.environ),
        asynchronous=True,
    )


@asynccontextmanager
async def _ordered(client: Any, name: str, plan: Plan) -> AsyncIterator[None]:
    """Have all workers know the order, for as long as the block lasts."""
    from gitexp.evaluation.running.executors.dask_workers import OrderPlugin, prepare

    order = WorkOrder(recipe=plan.recipe).packed()
    is_own = not plan.request.scheduler
    try:
        await client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        await client.register_plugin(OrderPlugin(name, order, is_own=is_own))
        await client.run(prepare, name)
    except GitexpError:
        raise
    except Exception as exc:  # a worker without gitexp, a scheduler without workers, and so on
        raise InvalidInput(
            f"the workers of {plan.request.scheduler or 'the cluster'} cannot be used: "
            f"{type(exc).__name__}: {exc}",
            hint="Every worker needs the same gitexp, and the project at the same path.",
        ) from exc
    try:
        yield
    finally:
        if not is_own:
            # Where the scheduler is gone, the workers have nobody to take the order from.
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.unregister_worker_plugin(name), _CONNECT_SECONDS)


class _Rows:
    """Rows that workers of Dask make."""

    def __init__(self, client: Any, name: str, *, workers: int) -> None:
        self._client = client
        self._name = name
        self._numbers = count()
        self._packs = Packs(self._sent, workers=max(1, workers))
        self._one = asyncio.Lock()

    async def ask(self, item: WorkItem, alone: bool) -> Made:
        """Return what a worker makes of an item.

        Of those that may kill workers only one is worked on at a time; so what dies beside it is
        no such item, and lives through its own turn.

        Raises:
            WorkerDied: the worker died.
            GitexpError: the scheduler is gone.
        """
        if not alone:
            return await self._packs.made(item)
        async with self._one:
            [data] = await self._sent([item])
            return unpacked(data)

    async def _sent(self, items: Sequence[WorkItem]) -> Sequence[bytes]:
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        from gitexp.evaluation.running.executors.dask_workers import work

        future = self._client.submit(
            work,
            self._name,
            pickle.dumps(items),
            key=f"{self._name}-{next(self._numbers)}",
            pure=False,
            retries=0,
        )
        try:
            answers: Sequence[bytes] = await future
        except KilledWorker as exc:
            times = getattr(exc, "allowed_failures", 0) + 1
            raise WorkerDied("nothing is known", times=times) from exc
        except (CancelledError, CommClosedError) as exc:
            raise GitexpError(
                "the scheduler of Dask gave up a row, or is gone",
                hint="Go on with the run when it is back: `gitexp run resume`.",
            ) from exc
        finally:
            future.release()
        return answers
