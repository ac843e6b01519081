"""What a worker has: its order, the bench it works at, and how it wraps up what it made."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitexp import __version__
from gitexp.errors import Conflict, GitexpError
from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.running.executors.local import opened_here
from gitexp.evaluation.running.loops import LoopThread
from gitexp.evaluation.running.making import Made, RowMaker, SampleTrace, WorkItem
from gitexp.evaluation.running.opening import Parts, Recipe, parts_of
from gitexp.evaluation.tracing.spans import kind_of
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.opening import Recorded
    from gitexp.evaluation.workflows.work import Step

_GRACE = 3.0
"""Seconds that an opened recipe has to be closed."""


@dataclass(frozen=True, kw_only=True)
class WorkOrder:
    """What a worker in another process is told: a recipe, and which gitexp wrote it.

    Secrets are not part of it: a worker takes them from its own environment.
    """

    recipe: Recipe
    gitexp: str = __version__

    def packed(self) -> bytes:
        """Return the order as bytes that `opened` reads."""
        return pickle.dumps(self)

    @staticmethod
    def opened(data: bytes, surroundings: Surroundings) -> Bench:
        """Return the bench of an order, in the process of a worker.

        Raises:
            Conflict: the worker has another gitexp, or other files than the order says.
            GitexpError: the recipe cannot be opened here.
        """
        order: WorkOrder = pickle.loads(data)
        if order.gitexp != __version__:
            raise Conflict(
                f"the worker has gitexp {__version__}, and the run has {order.gitexp}",
                hint="Install the same version on both.",
            )
        bench = Bench(order.recipe, parts_of(order.recipe), surroundings)
        bench.ready.result()
        return bench


class Bench:
    """A recipe, opened in an event loop that has a thread of its own.

    Attributes:
        ready: done when the recipe is open; it holds the error where it cannot be opened.
    """

    def __init__(
        self,
        recipe: Recipe,
        parts: Parts,
        surroundings: Surroundings,
        recorded: Recorded | None = None,
    ) -> None:
        self.ready: Future[None] = Future()
        self._opened = opened_here(recipe, parts, surroundings, recorded)
        self._loop: asyncio.AbstractEventLoop
        self._maker: RowMaker
        self._thread = LoopThread(self._main)

    def begin(self, item: WorkItem) -> Future[Made]:
        """Return the row that will have been made of an item."""
        return asyncio.run_coroutine_threadsafe(self._maker.made(item), self._loop)

    def close(self, seconds: float = _GRACE) -> None:
        """Close the recipe; after a time it is left to itself."""
        self.end()
        self._thread.done.wait(seconds)

    def end(self) -> None:
        """Begin to close the recipe."""
        self._thread.cancel()

    async def _main(self) -> None:
        try:
            async with self._opened as maker:
                self._loop, self._maker = asyncio.get_running_loop(), maker
                self.ready.set_result(None)
                await self._loop.create_future()
        except BaseException as exc:
            if not self.ready.done():
                self.ready.set_exception(exc)
            raise


# --- from one process to another -------------------------------------------------------------


def packed(done: Future[Made]) -> bytes:
    """Return what became of an item as bytes that `unpacked` reads.

    What has no such form is a failure of the worker, as it would be one of the run.
    """
    try:
        return pickle.dumps(_portable(done.result()))
    except BaseException as exc:
        return packed_error(exc)


def packed_error(exc: BaseException) -> bytes:
    """Return an exception as bytes that `unpacked` raises.

    One that the process of the run may not know, or may not catch, is told in words.
    """
    if isinstance(exc, GitexpError):
        return pickle.dumps(exc)
    return pickle.dumps(RuntimeError(f"a worker broke: {type(exc).__name__}: {exc}"))


def unpacked(data: bytes) -> Made:
    """Return what a worker made.

    Raises:
        GitexpError, RuntimeError: what the worker raised instead.
    """
    found: Made | Exception = pickle.loads(data)
    if isinstance(found, Exception):
        raise found
    return found


def _portable(made: Made) -> Made:
    """Return a row whose trace holds no exceptions of the system under test's own classes."""
    trace = made.trace
    if trace is None or all(step.error is None for step in trace.steps):
        return made
    return replace(made, trace=_plain_trace(trace))


def _plain_trace(trace: SampleTrace) -> SampleTrace:
    return replace(trace, steps=[_plain_step(step) for step in trace.steps])


def _plain_step(step: Step) -> Step:
    if step.error is None:
        return step
    return replace(step, error=CallFailed(str(step.error), kind=kind_of(step.error)))
