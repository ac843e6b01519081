"""The window: so many samples in flight at once, the next one begun as soon as one is finished.

A batch is the unit in which finished rows are made durable, never a barrier that waits for the
slowest of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.running.calls import CallThreads
from gitexp.runs.rows import ResultRow

_SYNC_SECONDS = 1.0

Answer = Callable[[Sample], Awaitable[ResultRow]]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A sliding window over samples.

    Attributes:
        finished: takes a sample's position and its row, as soon as it is there.
        sync: makes finished rows durable; called after every batch and every second.
    """

    samples: Sequence[Sample]
    concurrency: int
    batch_size: int
    finished: Callable[[int, ResultRow], None]
    sync: Callable[[], None]

    async def work(self, answering: Callable[[CallThreads], Answer]) -> None:
        """Answer every sample; raise what `finished` or `sync` raises."""
        threads = CallThreads(asyncio.get_running_loop())
        answer = answering(threads)
        waiting = iter(enumerate(self.samples))

        async def slot() -> None:
            for position, sample in waiting:
                self.finished(position, await answer(sample))
                if (position + 1) % self.batch_size == 0:
                    self.sync()

        slots = min(self.concurrency, len(self.samples))
        try:
            await _together([slot() for _ in range(slots)], beside=self._sync_every_second())
        finally:
            threads.close()
        self.sync()

    async def _sync_every_second(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_SECONDS)
            self.sync()


async def _together(
    slots: Sequence[Coroutine[Any, Any, None]], *, beside: Coroutine[Any, Any, None]
) -> None:
    """Wait until all slots are empty; when one of them breaks, or `beside`, all are cancelled."""
    working = [asyncio.ensure_future(slot) for slot in slots]
    attending = asyncio.ensure_future(beside)
    pending: set[asyncio.Future[None]] = set(working)
    try:
        while pending:
            done, _ = await asyncio.wait({*pending, attending}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            pending -= done
    finally:
        for task in (*working, attending):
            task.cancel()
        await asyncio.gather(*working, attending, return_exceptions=True)
