"""Calls of synchronous functions from an event loop, a thread for each call in flight.

The threads are daemons: a call that never returns cannot keep the process from ending. A thread
whose call was given up is left to itself, and another takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from queue import SimpleQueue
from typing import Any

_Task = tuple["asyncio.Future[Any]", Callable[[], Any]]


class CallEnded(Exception):
    """A call ended by what is not meant to be caught, such as `SystemExit`; `reason` holds it."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class CallTimeout(Exception):
    """A call did not answer in time."""


class CallThreads:
    """Threads of one event loop that run calls; as many as calls were ever in flight at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: list[_Worker] = []

    async def call(self, function: Callable[[], Any]) -> Any:
        """Return what a call returns, or raise what it raises; cancelling gives it up."""
        worker = self._idle.pop() if self._idle else _Worker(self._loop)
        result: asyncio.Future[Any] = self._loop.create_future()
        worker.tasks.put((result, function))
        try:
            return await result
        finally:
            if result.cancelled():
                worker.stop()
            else:
                self._idle.append(worker)

    def close(self) -> None:
        """Let the idle threads end."""
        while self._idle:
            self._idle.pop().stop()


class _Worker:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._loop = loop
        threading.Thread(target=self._work, name="gitexp-call", daemon=True).start()

    def stop(self) -> None:
        """End the thread once its present call has returned."""
        self.tasks.put(None)

    def _work(self) -> None:
        while (task := self.tasks.get()) is not None:
            future, function = task
            settle: Callable[[Any], None] = future.set_result
            try:
                outcome = function()
            except BaseException as exc:  # `sys.exit()` in a call is that call's failure
                settle, outcome = future.set_exception, _as_exception(exc)
            # The loop is closed when the run was broken off before this call returned.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_settle, settle, future, outcome)


def _as_exception(exc: BaseException) -> Exception:
    """Return an exception that a future can hold and that ends nothing but its call."""
    if isinstance(exc, StopIteration) or not isinstance(exc, Exception):
        return CallEnded(exc)
    return exc


def _settle(settle: Callable[[Any], None], future: asyncio.Future[Any], outcome: Any) -> None:
    if not future.done():
        settle(outcome)


async def contained(call: Awaitable[Any]) -> Any:
    """Return what a call gives; what would end the event loop ends only the call."""
    try:
        return await call
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as exc:
        raise CallEnded(exc) from exc


async def within(seconds: float | None, call: Coroutine[Any, Any, Any]) -> Any:
    """Return what a call gives within a time; a call that takes longer is given up.

    It is a task of its own, so that a call that cancels itself cancels nothing else.

    Raises:
        CallTimeout: the time was over.
        CallEnded: the call was cancelled by its own code.
    """
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.add_done_callback(_ignore)
            task.cancel()
    if not task.done():
        raise CallTimeout(f"no answer within {seconds:g} s")
    if task.cancelled():
        raise CallEnded(asyncio.CancelledError("the call cancelled itself"))
    return task.result()


def _ignore(task: asyncio.Task[Any]) -> None:
    """Look at how a task ended that nobody waits for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
