"""Time for tests of what waits: sleeping in an event loop moves a clock on and takes no time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")


class WaitingClock:
    """Seconds that pass only while everybody sleeps; `slept` says for how long each time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def monotonic(self) -> float:
        """Return the seconds so far."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._numbers), future))
        await future

    async def until(self, main: Awaitable[T]) -> T:
        """Return what something gives; whenever nothing else is ready, the next sleeper wakes."""
        task = asyncio.ensure_future(main)
        idle = 0
        while not task.done():
            await _once()
            idle += 1
            if idle > 20 and self._sleepers:
                self.seconds, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    future.set_result(None)
                idle = 0
        return await task


async def _once() -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future


@contextmanager
def waiting() -> Iterator[WaitingClock]:
    """Yield a clock that moves on with every `asyncio.sleep`."""
    clock = WaitingClock()
    with patch.object(asyncio, "sleep", clock.sleep):
        yield clock


def in_no_time(main: Any, clock: WaitingClock) -> Any:
    """Return what a coroutine gives that sleeps by a clock."""
    return asyncio.run(clock.until(main))
