"""The thread that makes journals safe from a power cut, a second after something was appended."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from typing import Protocol

from gitexp.errors import StoreError

_INTERVAL = 1.0

_lock = threading.Lock()
_waiting: list[Syncable] = []
_all: weakref.WeakSet[Syncable] = weakref.WeakSet()
_thread: threading.Thread | None = None
_generation = 0


class Syncable(Protocol):
    """What can be made safe."""

    def sync(self) -> None:
        """Make what was appended so far durable."""
        ...

    def forked(self) -> None:
        """Take note that this process is a forked one."""
        ...


def generation() -> int:
    """Return a number that is another one in a process that was forked from this one."""
    return _generation


def remember(journal: Syncable) -> None:
    """Tell a journal, from now on, when the process is forked."""
    _all.add(journal)


def sync_soon(journal: Syncable) -> None:
    """Have a journal made safe within a second, in the background."""
    global _thread
    with _lock:
        _waiting.append(journal)
        if _thread is None:
            _thread = threading.Thread(target=_work, name="gitexp-sync", daemon=True)
            _thread.start()


def _work() -> None:
    global _thread
    pause = threading.Event()
    while True:
        pause.wait(_INTERVAL)
        with _lock:
            due = _waiting[:]
            _waiting.clear()
            if not due:
                _thread = None
                return
        _sync(due)


def _sync(due: list[Syncable]) -> None:
    for journal in due:
        # A failing disk shows itself to whoever appends next; there is nobody here to tell.
        with contextlib.suppress(StoreError, OSError):
            journal.sync()


@atexit.register
def _sync_rest() -> None:
    """Make safe what was appended in the last second of this process."""
    with _lock:
        due = _waiting[:]
        _waiting.clear()
    _sync(due)


def _forked() -> None:
    global _lock, _thread, _generation
    _lock = threading.Lock()
    _waiting.clear()
    _thread = None
    _generation += 1
    for journal in _all:
        journal.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
