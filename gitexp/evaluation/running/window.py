"""The window: so many samples in flight at once, the next one begun as soon as one is finished.

A batch is the unit in which samples are loaded and finished rows are made durable, never a barrier
that waits for the slowest of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field

from gitexp.evaluation.running.making import Made, WorkItem

_SYNC_SECONDS = 1.0

Answer = Callable[[WorkItem], Awaitable[Made]]


@dataclass(kw_only=True)
class Window:
    """A sliding window over what is to be done.

    Attributes:
        items: what is to be done, in order; loaded as it is needed.
        finished: takes an item and what was made of it, as soon as it is there.
        sync: makes finished rows durable; called in a thread after every batch and every second.
        look: called after that, in the event loop.
        stopping: set to begin nothing more; what is in flight is finished.
    """

    items: Iterator[WorkItem]
    concurrency: int
    batch_size: int
    finished: Callable[[WorkItem, Made], None]
    sync: Callable[[], None]
    look: Callable[[], None]
    stopping: bool = field(default=False)
    _since_sync: int = field(default=0, init=False)
    _due: asyncio.Event = field(init=False)

    def stop(self) -> None:
        """Begin nothing more; may be called from another thread."""
        self.stopping = True

    async def work(self, answer: Answer) -> None:
        """Answer every item; raise what `finished`, `sync` or `look` raises."""
        self._due = asyncio.Event()
        slots = [self._slot(answer) for _ in range(self.concurrency)]
        await _together(slots, beside=self._keep_safe(), stop=self.stop)
        self.sync()
        self.look()

    async def _slot(self, answer: Answer) -> None:
        while not self.stopping:
            item = next(self.items, None)
            if item is None:
                return
            self.finished(item, await answer(item))
            self._since_sync += 1
            if self._since_sync >= self.batch_size:
                self._since_sync = 0
                self._due.set()

    async def _keep_safe(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # Not `asyncio.wait_for`: before Python 3.12 it loses a cancellation that comes just
            # when what it waits for is there, and this would go on for ever.
            timer = loop.call_later(_SYNC_SECONDS, self._due.set)
            try:
                await self._due.wait()
            finally:
                timer.cancel()
            self._due.clear()
            await loop.run_in_executor(None, self.sync)
            self.look()


async def _together(
    slots: Sequence[Coroutine[None, None, None]],
    *,
    beside: Coroutine[None, None, None],
    stop: Callable[[], None],
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
        # A call may lose its cancellation, as in `asyncio.wait_for` before Python 3.12: its slot
        # then has to find that nothing more is begun.
        stop()
        for task in (*working, attending):
            task.cancel()
        await asyncio.gather(*working, attending, return_exceptions=True)
