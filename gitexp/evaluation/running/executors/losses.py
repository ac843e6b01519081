"""Rows whose worker died: they are made by another one, unless it is they that kill workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from gitexp.clock import Clock
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.runs.rows import Failure, ResultRow

WORKER_LOST = "WorkerLost"
"""The type of the failure of a row that killed its workers."""

MOST_DEATHS = 3
"""How many workers may die over a row."""

_SHARED = 2
"""How many deaths a row may have been near to before it is worked on without company."""


class WorkerDied(Exception):
    """The worker that had an item died.

    Attributes:
        times: how many workers did.
    """

    def __init__(self, message: str, *, times: int = 1) -> None:
        super().__init__(message)
        self.times = times


async def made_by_any(
    item: WorkItem, ask: Callable[[WorkItem, bool], Awaitable[Made]], clock: Clock
) -> Made:
    """Return what some worker makes of an item.

    It is given to another worker when its worker died. A worker has several items in flight, of
    which any may have killed it; so one that was there twice is given to a worker alone, and is
    an error when that dies as well.

    Args:
        ask: gives an item to a worker, to one that has no other item where told so; it raises
            `WorkerDied`.
    """
    started, began, deaths = clock.now(), clock.monotonic(), 0
    while True:
        alone = deaths >= _SHARED
        try:
            return await ask(item, alone)
        except WorkerDied as exc:
            deaths += exc.times
            if alone and deaths >= MOST_DEATHS:
                message = (
                    f"{deaths} workers died while they worked on this sample; of the last, {exc}"
                )
                return _lost(item, message, started, clock.monotonic() - began)


def _lost(item: WorkItem, message: str, started: datetime, seconds: float) -> Made:
    sample = item.sample
    row = ResultRow(
        sample=sample.id,
        repeat=item.repeat,
        position=item.position,
        status="error",
        input=sample.input,
        expected=sample.expected,
        error=Failure(type=WORKER_LOST, message=message),
        started_at=started,
        duration_seconds=round(seconds, 6),
        metadata=sample.metadata,
        weight=sample.weight,
    )
    return Made(row=row)
