"""Packs: quick rows share tasks, slow ones do not."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence

import pytest

from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.running.executors.losses import WorkerDied
from gitexp.evaluation.running.executors.packs import Packs
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.runs.rows import ResultRow
from tests.evaluation.systems import run


def item_of(number: int) -> WorkItem:
    return WorkItem(position=number, sample=Sample(id=str(number), input=number))


class Workers:
    """Workers whose rows take so many seconds, by what they say; `sizes` tells of their tasks."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.sizes: list[int] = []
        self.stuck: set[int] = set()
        self.let_go = asyncio.Event()

    async def send(self, items: Sequence[WorkItem]) -> list[bytes]:
        self.sizes.append(len(items))
        await asyncio.sleep(0)
        if self.stuck & {item.position for item in items}:
            await self.let_go.wait()
        if any(item.position < 0 for item in items):
            raise WorkerDied("it died")
        return [pickle.dumps(self._made(item)) for item in items]

    def _made(self, item: WorkItem) -> Made:
        row = ResultRow(sample=item.sample.id, status="passed", duration_seconds=self.seconds)
        return Made(row=row)


async def warmed(workers: Workers) -> Packs:
    """Return packs that have seen enough rows to know how long they take."""
    packs = Packs(workers.send, workers=2)
    for number in range(30):
        await packs.made(item_of(number))
    workers.sizes.clear()
    return packs


@pytest.mark.parametrize("seconds, sizes", [(0.001, [3, 3, 3, 3]), (0.2, [1] * 12)])
def test_quick_rows_share_tasks_and_slow_ones_do_not(seconds: float, sizes: list[int]) -> None:
    async def main() -> None:
        workers = Workers(seconds)
        packs = await warmed(workers)
        rows = await asyncio.gather(*(packs.made(item_of(n)) for n in range(12)))
        assert [made.row.sample for made in rows] == [str(n) for n in range(12)]
        assert workers.sizes == sizes

    run(main())


def test_tasks_that_never_end_hold_up_no_others() -> None:
    async def main() -> None:
        workers = Workers(0.001)
        packs = await warmed(workers)
        workers.stuck = {0, 1, 2, 3}
        held = [asyncio.ensure_future(packs.made(item_of(n))) for n in range(4)]
        while len(workers.sizes) < 4:
            await asyncio.sleep(0)
        others = await asyncio.gather(*(packs.made(item_of(n)) for n in range(4, 8)))
        assert [made.row.sample for made in others] == ["4", "5", "6", "7"]
        assert not any(one.done() for one in held)
        workers.let_go.set()
        await asyncio.gather(*held)

    run(main())


def test_all_rows_of_a_worker_that_died_learn_of_it() -> None:
    async def main() -> None:
        packs = await warmed(Workers(0.001))
        asked = [packs.made(item_of(n)) for n in (-1, 1, 2, 3, 4)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(one, WorkerDied) for one in found] == [True, False, False, False, True]

    run(main())
