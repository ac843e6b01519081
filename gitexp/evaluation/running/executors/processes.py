"""The executor `processes`: worker processes, so that code of the project uses all cores.

There are as many as the machine has cores, at most one for each row in flight; each works on
several rows at once where there are more rows. They are started afresh, with the environment of
the run and in a session of their own, so that Ctrl-C reaches the run alone. A worker that dies
loses nothing: another takes its place, and the rows that it had are made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gitexp.errors import GitexpError
from gitexp.evaluation.endpoints.processes import ending
from gitexp.evaluation.running.executors.frames import framed, received
from gitexp.evaluation.running.executors.losses import MOST_DEATHS, WorkerDied, made_by_any
from gitexp.evaluation.running.executors.workers import WorkOrder, unpacked
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.running.planning import Plan
    from gitexp.evaluation.running.window import Answer

_SERVE = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop())
from gitexp.evaluation.running.executors.serving import serve
serve()
"""

_END_SECONDS = 5.0
"""Seconds that a worker has to end before it is killed."""


@asynccontextmanager
async def processes(plan: Plan, surroundings: Surroundings) -> AsyncIterator[Answer]:
    """Yield what makes rows in worker processes.

    Raises:
        GitexpError: a worker cannot be started, or cannot open what it is to work with.
    """
    pool = _Pool(
        WorkOrder(recipe=plan.recipe).packed(),
        surroundings.environ,
        count=min(plan.request.concurrency, max(1, plan.total), cores()),
    )

    def answer(item: WorkItem) -> asyncio.Future[Made]:
        return asyncio.ensure_future(made_by_any(item, pool.ask, surroundings.clock))

    try:
        await pool.start()
        yield answer
    finally:
        await pool.close()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Pool:
    """Places for workers, and one more for rows that are worked on without company."""

    def __init__(self, order: bytes, environ: Mapping[str, str], *, count: int) -> None:
        self._places = [_Place(order, environ) for _ in range(count)]
        self._apart = _Place(order, environ)
        self._one = asyncio.Lock()

    async def start(self) -> None:
        """Start all workers; raise what one of them cannot open."""
        await asyncio.gather(*(place.worker() for place in self._places))

    async def ask(self, item: WorkItem, alone: bool) -> Made:
        """Return what a worker makes of an item.

        Raises:
            WorkerDied: the worker died.
        """
        if alone:
            async with self._one:
                return await self._apart.made(item)
        return await min(self._places, key=lambda place: place.in_flight).made(item)

    async def close(self) -> None:
        """End all workers."""
        places = (*self._places, self._apart)
        await asyncio.gather(*(place.close() for place in places))


class _Place:
    """A worker, and after its death another one.

    Attributes:
        in_flight: how many items it works on.
    """

    def __init__(self, order: bytes, environ: Mapping[str, str]) -> None:
        self.in_flight = 0
        self._order = order
        self._environ = environ
        self._worker: _Worker | None = None
        self._starting = asyncio.Lock()

    async def made(self, item: WorkItem) -> Made:
        """Return what the worker makes of an item; see `_Pool.ask`."""
        self.in_flight += 1
        try:
            return await (await self.worker()).made(item)
        finally:
            self.in_flight -= 1

    async def worker(self) -> _Worker:
        """Return a worker that is alive.

        Raises:
            GitexpError: it cannot be started, or cannot open its order.
        """
        async with self._starting:
            for _ in range(MOST_DEATHS):
                if self._worker is not None and not self._worker.is_over:
                    return self._worker
                await self.close()
                self._worker = await _Worker.started(self._environ)
                try:
                    await self._worker.open(self._order)
                except WorkerDied as exc:
                    last = exc
            raise GitexpError(
                f"{MOST_DEATHS} worker processes died before they could work; of the last, {last}",
                hint="Run it with `--executor local` to see what its code does.",
            )

    async def close(self) -> None:
        """End the worker that there is."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()


class _Worker:
    """A worker process, seen from the run."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # both ends have a pipe
        assert process.stdout is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def started(cls, environ: Mapping[str, str]) -> _Worker:
        """Return a worker that was started and knows nothing yet.

        Raises:
            GitexpError: it cannot be started.
        """
        path = json.dumps([str(place) for place in sys.path])
        words = [sys.executable, "-c", _SERVE, path]
        try:
            process = await asyncio.create_subprocess_exec(
                *words, stdin=PIPE, stdout=PIPE, env=environ, start_new_session=os.name == "posix"
            )
        except OSError as exc:
            raise GitexpError(f"a worker process cannot be started: {exc.strerror}") from exc
        return cls(process)

    @property
    def is_over(self) -> bool:
        """Whether it answers nothing any more."""
        return self._reading.done()

    async def open(self, order: bytes) -> None:
        """Have it open its order; raise what it raises."""
        data = await self._asked(framed(order), next(self._numbers))
        if data:
            unpacked(data)

    async def made(self, item: WorkItem) -> Made:
        """Return what it makes of an item.

        Raises:
            WorkerDied: it died.
        """
        number = next(self._numbers)
        return unpacked(await self._asked(framed((number, item)), number))

    async def _asked(self, frame: bytes, number: int) -> bytes:
        if self.is_over:
            raise await self._death()
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            self._stdin.write(frame)
            with contextlib.suppress(ConnectionError):
                await self._stdin.drain()
            return await waiting
        except EOFError as exc:
            raise await self._death() from exc
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        """Hand out answers until there are no more; who still waits for one learns of that."""
        try:
            while True:
                number, data = await received(self._stdout)
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(data)
        except EOFError:
            return
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(EOFError("the worker is gone"))

    async def _death(self) -> WorkerDied:
        return WorkerDied(ending(await self._process.wait())[1])

    async def close(self) -> None:
        """Let it end, or end it."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        finally:
            self._reading.cancel()
