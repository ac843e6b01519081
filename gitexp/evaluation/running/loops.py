"""An event loop in a thread of its own, which the thread that waits for it may break off.

In its own thread it also works where a loop runs already, as in a notebook, and Ctrl-C reaches
the thread that waits and not some place in the middle of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from gitexp.runs.tracking.interrupts import Terminated

_GRACE = 5.0
"""Seconds that a cancelled loop has to come to its end before it is left to itself."""

_PATIENCE = 10.0
"""Seconds that what is in flight has to finish when the process is told to end."""

_PATIENCE_AFTER_CTRL_C = 60.0
"""The same after Ctrl-C, which a person can press again."""

_LOOK = 0.5
"""Seconds between looks for signals where waiting is not interrupted by them (Windows)."""


def run_in_thread(
    main: Callable[[], Coroutine[Any, Any, None]], *, stop: Callable[[], None] | None = None
) -> None:
    """Run a coroutine to its end in a new event loop; raise what it raises.

    When the waiting is interrupted by an exception, the coroutine is asked to come to an end, and
    has a minute for that after Ctrl-C, and 10 seconds after anything else; then, or at a second
    interruption, it is cancelled, as at the first where nothing can ask it. The exception goes on.

    Args:
        stop: asks the coroutine to come to an end; called in this thread.
    """
    runner = LoopThread(main)
    try:
        _wait(runner)
    except BaseException as exc:
        if stop is not None:
            stop()
            by_hand = isinstance(exc, KeyboardInterrupt)
            with contextlib.suppress(KeyboardInterrupt, Terminated):
                _wait(runner, _PATIENCE_AFTER_CTRL_C if by_hand else _PATIENCE)
        if not runner.done.is_set():
            runner.cancel()
            runner.done.wait(_GRACE)
        raise
    if runner.error is not None:
        raise runner.error


def _wait(runner: LoopThread, seconds: float | None = None) -> None:
    looks = itertools.count() if seconds is None else range(round(seconds / _LOOK))
    for _ in looks:
        if runner.done.wait(_LOOK):
            return


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: that of uvloop where it is installed, which takes half the time."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class LoopThread:
    """A coroutine that runs to its end in a new event loop, in a thread of its own.

    Attributes:
        done: set when it has come to its end.
        error: what ended it; None when nothing did.
    """

    def __init__(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.done = threading.Event()
        self.error: BaseException | None = None
        self._loop = new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._main = main
        threading.Thread(target=self._work, name="gitexp-run", daemon=True).start()

    def cancel(self) -> None:
        """Cancel the coroutine, unless it is over."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:
            return

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _work(self) -> None:
        try:
            self._task = self._loop.create_task(self._main())
            self._loop.run_until_complete(self._task)
        except BaseException as exc:
            self.error = exc
        finally:
            self._close()
            self.done.set()

    def _close(self) -> None:
        """End what calls that were given up left behind; what does not end is left to itself."""
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
