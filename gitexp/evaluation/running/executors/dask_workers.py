"""A worker of Dask, seen from inside: it keeps the orders of runs, and opens each of them once.

Only what works with Dask imports this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import threading
from typing import Any

from distributed import WorkerPlugin

from gitexp.errors import GitexpError
from gitexp.evaluation.running.executors.workers import Bench, WorkOrder, packed
from gitexp.surroundings import Surroundings

_ORDERS: dict[str, bytes] = {}
_BENCHES: dict[str, Bench] = {}
_OPENING = threading.Lock()


class OrderPlugin(WorkerPlugin):
    """Gives an order to every worker that there is and that will be, and takes it back.

    Attributes:
        name: what the order goes by.
        is_own: whether the workers were started for this run alone; then Ctrl-C is none of their
            business, and what the project's code prints is talk.
    """

    def __init__(self, name: str, order: bytes, *, is_own: bool) -> None:
        self.name = name
        self.is_own = is_own
        self._order = order

    def setup(self, worker: Any) -> None:
        """Keep the order."""
        _ORDERS[self.name] = self._order
        if self.is_own:
            with contextlib.suppress(OSError, AttributeError):
                os.dup2(2, 1)
                os.setsid()

    def teardown(self, worker: Any) -> None:
        """Forget the order, and close what was opened for it."""
        _ORDERS.pop(self.name, None)
        bench = _BENCHES.pop(self.name, None)
        if bench is not None:
            bench.end()


async def prepare(name: str) -> None:
    """Open an order in this worker; raise what keeps it from that."""
    await asyncio.to_thread(_bench, name)


def work(name: str, items: bytes) -> list[bytes]:
    """Return what was made of items, each for `unpacked`."""
    bench = _bench(name)
    begun = [bench.begin(item) for item in pickle.loads(items)]
    return [packed(one) for one in begun]


def _bench(name: str) -> Bench:
    with _OPENING:
        if name not in _BENCHES:
            order = _ORDERS.get(name)
            if order is None:
                raise GitexpError(f"the worker was not told of {name}")
            _BENCHES[name] = WorkOrder.opened(order, Surroundings.of_process())
        return _BENCHES[name]
