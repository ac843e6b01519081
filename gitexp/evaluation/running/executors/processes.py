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
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gitexp.errors import GitexpError
from gitexp.evaluation.endpoints.processes import Ends, ending
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

_REST_SECONDS = 0.5
"""Seconds in which what a dead worker said last is read."""


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

    try:
        await pool.start()
        yield lambda item: made_by_any(item, pool.ask, surroundings.clock)
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
        starting = [asyncio.ensure_future(place.worker()) for place in self._places]
        try:
            await asyncio.gather(*starting)
        finally:
            for one in starting:
                one.cancel()
            await asyncio.gather(*starting, return_exceptions=True)

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

    def __init__(self, transport: asyncio.SubprocessTransport, ends: Ends) -> None:
        assert ends.stdin is not None  # both ends have a pipe
        assert ends.stdout is not None
        self._transport = transport
        self._exited = ends.exited
        self._stdin, self._stdout = ends.stdin, ends.stdout
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._attending = asyncio.ensure_future(self._attend())

    @classmethod
    async def started(cls, environ: Mapping[str, str]) -> _Worker:
        """Return a worker that was started and knows nothing yet.

        Raises:
            GitexpError: it cannot be started.
        """
        loop = asyncio.get_running_loop()
        path = json.dumps([str(place) for place in sys.path])
        try:
            transport, ends = await loop.subprocess_exec(
                lambda: Ends(2**16, loop),
                *(sys.executable, "-c", _SERVE, path),
                stderr=None,
                env=environ,
                start_new_session=os.name == "posix",
            )
        except (OSError, ValueError) as exc:
            raise GitexpError(f"a worker process cannot be started: {exc}") from exc
        return cls(transport, ends)

    @property
    def is_over(self) -> bool:
        """Whether it answers nothing any more."""
        return self._attending.done()

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
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            if not self.is_over:
                # What cannot be written was not read: the worker is dying, as will be seen soon.
                with contextlib.suppress(OSError, RuntimeError):
                    self._stdin.write(frame)
                    await self._stdin.drain()
                return await waiting
        except EOFError:
            pass
        finally:
            del self._waiting[number]
        raise WorkerDied(ending(self._transport.get_returncode() or 0)[1])

    async def _attend(self) -> None:
        """Hand out answers until it is over; who still waits for one learns of that."""
        reading = asyncio.ensure_future(self._read())
        try:
            await self._exited.wait()
            # What it said last is still in the pipe, which others that it started may hold.
            await asyncio.wait({reading}, timeout=_REST_SECONDS)
        finally:
            reading.cancel()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(EOFError("the worker is gone"))

    async def _read(self) -> None:
        with contextlib.suppress(EOFError):
            while True:
                number, data = await received(self._stdout)
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(data)

    async def close(self) -> None:
        """Let it end, or end it, and with it whatever it started and left in its session."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self._exited.wait(), _END_SECONDS)
        except asyncio.TimeoutError:
            pass
        finally:
            self._kill()
            self._transport.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._transport.get_pid(), signal.SIGKILL)
            elif not self._exited.is_set():
                self._transport.kill()
