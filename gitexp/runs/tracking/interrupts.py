"""Being told to stop: Ctrl-C and SIGTERM end a run truthfully before they end the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
    if threading.current_thread() is not threading.main_thread() or _is_left_alone():
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


def _is_left_alone() -> bool:
    return signal.getsignal(signal.SIGTERM) in (signal.SIG_IGN, None)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
