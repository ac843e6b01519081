"""The executor `local`: everything in the event loop of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.opening import Recorded
    from gitexp.evaluation.running.making import RowMaker
    from gitexp.evaluation.running.opening import Parts, Recipe
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.running.window import Answer


@asynccontextmanager
async def local(
    plan: Plan, surroundings: Surroundings, recorded: Recorded | None
) -> AsyncIterator[Answer]:
    """Yield what makes rows in the running event loop."""
    async with opened_here(plan.recipe, plan.parts, surroundings, recorded) as maker:
        yield maker.made


@asynccontextmanager
async def opened_here(
    recipe: Recipe, parts: Parts, surroundings: Surroundings, recorded: Recorded | None = None
) -> AsyncIterator[RowMaker]:
    """Yield what makes the rows of a recipe in the running event loop; see `opened`."""
    import asyncio

    from gitexp.evaluation.running.calls import CallThreads
    from gitexp.evaluation.running.opening import opened

    threads = CallThreads(asyncio.get_running_loop())
    try:
        async with opened(
            recipe,
            parts,
            environ=surroundings.environ,
            threads=threads,
            clock=surroundings.clock,
            random_bits=surroundings.random_bits,
            recorded=recorded,
        ) as maker:
            yield maker
    finally:
        threads.close()
