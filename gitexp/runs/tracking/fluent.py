"""The active run: what `gitexp.log_metrics` and its like log to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import pairwise
from typing import TYPE_CHECKING

from gitexp.errors import NotAllowed

if TYPE_CHECKING:
    from gitexp.runs.tracking.active import ActiveRun

_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("gitexp_active_runs", default=())
_everywhere: list[ActiveRun] = []
_lock = threading.Lock()


@contextlib.contextmanager
def active(run: ActiveRun) -> Iterator[None]:
    """Make a run the active one in this block, and in threads that begin in it."""
    token = _stack.set((*_stack.get(), run))
    with _lock:
        _everywhere.append(run)
    try:
        yield
    finally:
        with _lock:
            _everywhere.remove(run)
        with contextlib.suppress(ValueError):  # the block was left in another context
            _stack.reset(token)


def active_run() -> ActiveRun | None:
    """Return the run whose block the caller is in, or None.

    In a thread that knows none of its own it is the innermost run of the process.

    Raises:
        NotAllowed: several runs are active in other threads, and none in this one.
    """
    own = _stack.get()
    if own:
        return own[-1]
    with _lock:
        running = list(_everywhere)
    if len({run.id for run in running}) > 1 and not _is_nested(running):
        raise NotAllowed(
            f"{len(running)} runs are active in this process, and none of them in this thread",
            hint="Pass the run to the thread and log to it: run.log_metrics(...).",
        )
    return running[-1] if running else None


def _is_nested(runs: list[ActiveRun]) -> bool:
    """Return whether each run was begun inside the one before."""
    return all(inner.parent == outer.id for outer, inner in pairwise(runs))
