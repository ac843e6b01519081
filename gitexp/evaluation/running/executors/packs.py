"""Rows that are over quickly, given to workers together.

A task of Dask costs some milliseconds of work, however little it does. Rows that take longer than
that go one by one; quicker ones that come while workers are busy share tasks. A task is over when
all its rows are, which for quick rows is soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gitexp.evaluation.running.executors.workers import unpacked
from gitexp.evaluation.running.making import Made, WorkItem

Send = Callable[[Sequence[WorkItem]], Awaitable[Sequence[bytes]]]
"""Returns what workers made of items, for `unpacked`."""

_QUICK_SECONDS = 0.05
_WAIT_SECONDS = 0.004
_TASKS = 2
"""Tasks of several rows for each worker, so that it has the next one when one is over."""

_SHARE = 0.1
"""How much a row counts in the mean of how long rows take."""


class Packs:
    """Gives items to workers: each for itself, or together where they are quick.

    Args:
        workers: how many workers there are.
    """

    def __init__(self, send: Send, *, workers: int) -> None:
        self._send = send
        self._workers = workers
        self._seconds = 2 * _QUICK_SECONDS
        self._waiting: list[tuple[WorkItem, asyncio.Future[bytes]]] = []
        self._sending: set[asyncio.Future[None]] = set()

    async def made(self, item: WorkItem) -> Made:
        """Return what a worker makes of an item; raise what `send` raises."""
        if self._seconds > _QUICK_SECONDS:
            [data] = await self._send([item])
        else:
            data = await self._together(item)
        made = unpacked(data)
        self._seconds += _SHARE * ((made.row.duration_seconds or 0.0) - self._seconds)
        return made

    def _together(self, item: WorkItem) -> asyncio.Future[bytes]:
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, waiting))
        if len(self._waiting) == 1:
            self._later(_WAIT_SECONDS)
        return waiting

    def _later(self, seconds: float, *, anyway: bool = False) -> None:
        asyncio.get_running_loop().call_later(seconds, self._send_waiting, anyway)

    def _send_waiting(self, anyway: bool) -> None:
        """Send what waits to workers that are idle, or to any when it has waited for long."""
        free = 1 if anyway else _TASKS * self._workers - len(self._sending)
        if free <= 0:
            self._later(_QUICK_SECONDS, anyway=True)
            return
        waiting, self._waiting = self._waiting, []
        packs = min(free, len(waiting))
        for number in range(packs):
            sending = asyncio.ensure_future(self._send_pack(waiting[number::packs]))
            self._sending.add(sending)
            sending.add_done_callback(self._sent)

    def _sent(self, sending: asyncio.Future[None]) -> None:
        self._sending.discard(sending)
        if self._waiting:
            self._later(_WAIT_SECONDS)

    async def _send_pack(self, pack: list[tuple[WorkItem, asyncio.Future[bytes]]]) -> None:
        try:
            answers = await self._send([item for item, _ in pack])
        except BaseException as exc:
            self._fail(pack, exc)
            return
        for (_, waiting), data in zip(pack, answers, strict=True):
            if not waiting.done():
                waiting.set_result(data)

    def _fail(self, pack: list[tuple[WorkItem, asyncio.Future[bytes]]], exc: BaseException) -> None:
        for _, waiting in pack:
            if waiting.done():
                continue
            if isinstance(exc, Exception):
                waiting.set_exception(exc)
            else:
                waiting.cancel()
