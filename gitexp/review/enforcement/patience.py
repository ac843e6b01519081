"""How long a push may keep the server busy: what takes longer is refused, and can be split."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from gitexp.errors import InvalidInput
from gitexp.store.disk import DiskStore
from gitexp.surroundings import Surroundings

SETTING = "gitexp.hookTimeout"
DEFAULT = 600
"""After how many seconds a push is refused where the server's setting says nothing."""


class OutOfTime(BaseException):
    """Judging a push took too long. It is no error of one reference, so nothing goes on."""


@contextlib.contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Return a block that ends with `OutOfTime` where it takes longer.

    Where there are no such clocks, as outside of the main thread, it takes as long as it takes.
    """
    can = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not can:
        yield
        return
    before = signal.signal(signal.SIGALRM, _raise)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def patience(directory: Path, surroundings: Surroundings) -> int:
    """Return how many seconds the server in a directory takes to judge a push.

    Raises:
        InvalidInput: the setting is no number of seconds.
    """
    with DiskStore.open(directory, environ=surroundings.environ) as store:
        text = store.config(SETTING)
    if text is None:
        return DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text)):
        raise InvalidInput(
            f"{SETTING} is {text!r}, and must be a number of seconds",
            hint=f"The keeper of the server sets it: `git config {SETTING} {DEFAULT}`.",
        )
    return int(text)


def _raise(number: int, frame: FrameType | None) -> None:
    raise OutOfTime
