"""A worker process of the executor `processes`, seen from inside; the run starts it.

What the code of the project prints is talk, so it goes to stderr.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from functools import partial
from typing import BinaryIO

from gitexp.evaluation.running.executors.frames import framed, read
from gitexp.evaluation.running.executors.workers import Bench, WorkOrder, packed, packed_error
from gitexp.evaluation.running.making import Made
from gitexp.surroundings import Surroundings

_END_SECONDS = 4.0
"""Seconds after which a worker ends whatever its threads still do."""


def serve() -> None:
    """Make rows until the input ends."""
    source, sink = _ends()
    try:
        bench = WorkOrder.opened(read(source), Surroundings.of_process())
    except EOFError:
        return
    except BaseException as exc:
        _send(sink, 0, packed_error(exc))
        return
    _send(sink, 0, b"")
    try:
        while True:
            number, item = read(source)
            bench.begin(item).add_done_callback(partial(_answer, sink, number))
    except EOFError:
        _end(bench)


def _ends() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes of the run, and give the process others for its own input and output."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _answer(sink: BinaryIO, number: int, done: Future[Made]) -> None:
    _send(sink, number, packed(done))


_SENDING = threading.Lock()


def _send(sink: BinaryIO, number: int, data: bytes) -> None:
    rest = memoryview(framed((number, data)))
    with _SENDING:
        try:
            while rest:
                rest = rest[sink.write(rest) :]
        except OSError:  # the run is gone; the input ends as well
            return


def _end(bench: Bench) -> None:
    """Close what is open, and see to it that the process ends."""
    last = threading.Timer(_END_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    bench.close()
