"""The executor `threads`: as many threads as there are rows in flight, each with its own loop.

For code that is quick but bears no other work in its event loop, and for libraries that keep
something for each loop or thread. Modules of the project are imported once, and shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gitexp.evaluation.endpoints.functions import project_code
from gitexp.evaluation.running.executors.workers import Bench
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.opening import Recorded
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.running.window import Answer


@asynccontextmanager
async def threads(
    plan: Plan, surroundings: Surroundings, recorded: Recorded | None
) -> AsyncIterator[Answer]:
    """Yield what makes rows in threads, which are begun as they are needed."""
    pool = _Pool(lambda: Bench(plan.recipe, plan.parts, surroundings, recorded))
    with project_code(plan.recipe.directory):
        try:
            await pool.another()
            yield pool.answer
        finally:
            await asyncio.to_thread(pool.close)


class _Pool:
    def __init__(self, new_bench: Callable[[], Bench]) -> None:
        self._new_bench = new_bench
        self._benches: list[Bench] = []
        self._idle: list[Bench] = []
        self._opening = asyncio.Lock()

    async def answer(self, item: WorkItem) -> Made:
        """Return what an idle thread makes of an item; there is one for each in flight."""
        if not self._idle:
            await self.another()
        bench = self._idle.pop()
        try:
            return await asyncio.wrap_future(bench.begin(item))
        finally:
            self._idle.append(bench)

    async def another(self) -> None:
        """Begin another thread; one after the other, as they import the same modules."""
        async with self._opening:
            bench = self._new_bench()
            self._benches.append(bench)
            await asyncio.wrap_future(bench.ready)
            self._idle.append(bench)

    def close(self) -> None:
        """End all threads."""
        for bench in self._benches:
            bench.end()
        for bench in self._benches:
            bench.close()
