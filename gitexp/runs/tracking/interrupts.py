"""Being told to stop: Ctrl-C and SIGTERM end a run truthfully before they end the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Terminated(BaseException):
    """The process was told to end, by SIGTERM; like `KeyboardInterrupt`, it is no `Exception`."""


@contextmanager
def termination_raised() -> Iterator[None]:
    """Raise `Terminated` in the main thread when SIGTERM arrives, and hand the signal on after.

    Whoever handled the signal before handles it when the block is left, by default by ending the
    process. In another thread, and where SIGTERM is ignored, nothing changes.

    Raises:
        SystemExit: SIGTERM arrived, and whoever handled it before let the process go on.
    """
    if not _is_main_thread() or _is_left_alone(signal.SIGTERM):
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    except Terminated:
        signal.signal(signal.SIGTERM, before)
        signal.raise_signal(signal.SIGTERM)
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is left, so that what it begins is also noted.

    In another thread nothing changes, since signals do not interrupt it.
    """
    arrived: list[int] = []
    before: dict[int, Any] = {}
    try:
        if _is_main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if not _is_left_alone(number):
                    before[number] = signal.signal(number, lambda n, frame: arrived.append(n))
        yield
    finally:
        for number in reversed(before):  # Ctrl-C last, since it may come again at once
            signal.signal(number, before[number])
        _deliver(arrived)


def _deliver(numbers: Sequence[int]) -> None:
    """Let signals arrive, each of them whatever the one before it raises."""
    if numbers:
        try:
            signal.raise_signal(numbers[0])
        finally:
            _deliver(numbers[1:])


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_left_alone(number: int) -> bool:
    return signal.getsignal(number) in (signal.SIG_IGN, None)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
