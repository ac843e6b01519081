"""Watching a program that may wait for a server for ever, and ending it.

What a program writes, its progress too, goes to files; as long as they grow it is at work. So a
long transfer is never cut, and a server that accepts a connection and says nothing is given up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PATIENCE = 60.0
"""Seconds without a sign of life after which a remote is given up."""

_PATIENCE_WITH_A_USER = 180.0
_LOOKS = 10
_LONGEST_PAUSE = 1.0
_GRACE = 5.0
_STRONGEST = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How long a program may be silent.

    Attributes:
        patience: in seconds.
        until_heard: whether only the first sign of life is waited for; what comes after it may
            take its time in silence, such as a hook or a filter.
        grace: seconds in which a program that was asked to end may do so before it is killed.
    """

    patience: float
    until_heard: bool = False
    grace: float = _GRACE


def patience_for(patience: float, *, interactive: bool) -> float:
    """Return how long to wait; somebody may be looking for a password meanwhile."""
    return max(patience, _PATIENCE_WITH_A_USER) if interactive else patience


@contextlib.contextmanager
def watching(
    watch: Watch | None, process: subprocess.Popen[bytes], files: Sequence[int]
) -> Iterator[threading.Event]:
    """Watch a running program; yield what is set when it was ended because it was silent."""
    over, gave_up = threading.Event(), threading.Event()
    if watch is None:
        yield gave_up
        return

    def give_up() -> None:
        if _falls_silent(watch, files, over):
            gave_up.set()
            _signal(process, signal.SIGTERM)
            if not over.wait(watch.grace):
                _signal(process, _STRONGEST)

    watcher = threading.Thread(target=give_up, name="gitexp-watch", daemon=True)
    watcher.start()
    try:
        yield gave_up
    finally:
        over.set()
        watcher.join()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and those it started, and wait until it is gone."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _signal(process, _STRONGEST)
        process.wait()


def _falls_silent(watch: Watch, files: Sequence[int], over: threading.Event) -> bool:
    """Return whether a program was silent for too long before it was over."""
    pause = min(watch.patience / _LOOKS, _LONGEST_PAUSE)
    size, heard = 0, time.monotonic()
    while not over.wait(pause):
        now, written = time.monotonic(), sum(os.fstat(file).st_size for file in files)
        if written != size:
            if watch.until_heard:
                return False
            size, heard = written, now
        elif now - heard >= watch.patience:
            return True
    return False


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix" and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
