"""Where samples are worked on: in this process, or by workers that are other threads or processes.

An executor is an asynchronous context that yields what makes a row of an item. How many items are
in flight is up to the run; results come back to the process of the run, which alone records them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.running.window import Answer


def executor_of(plan: Plan, surroundings: Surroundings) -> AbstractAsyncContextManager[Answer]:
    """Return the executor that a plan asks for.

    Raises:
        InvalidInput: what it needs is not installed, or cannot be reached.
    """
    return _local(plan, surroundings)


@asynccontextmanager
async def _local(plan: Plan, surroundings: Surroundings) -> AsyncIterator[Answer]:
    import asyncio

    from gitexp.evaluation.running.calls import CallThreads
    from gitexp.evaluation.running.opening import opened

    threads = CallThreads(asyncio.get_running_loop())
    try:
        async with opened(
            plan.recipe,
            plan.parts,
            environ=surroundings.environ,
            threads=threads,
            clock=surroundings.clock,
            random_bits=surroundings.random_bits,
        ) as maker:
            yield maker.made
    finally:
        threads.close()
