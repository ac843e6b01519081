"""Gates: who may append to a journal, and whether anybody still may.

A gate is a file beside a journal. Whoever appends without being the holder of the journal locks it
meanwhile, and so does whoever ends the run, who shuts it before the last event. The size of the
file says it: 0 is open, 1 is shut, and more is the length of the journal that counts. A gate is
made after its journal and removed before it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gitexp.store.filelocks import lock_file, unlock_file
from gitexp.store.files import write_errors

SUFFIX = ".gate"

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_locked: set[int] = set()


def _leave() -> None:
    """Let go of gates that another thread held when this process was forked."""
    for descriptor in _locked:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _locked.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)


def make_gate(journal: Path) -> int:
    """Return the gate of a new journal, open.

    Raises:
        OSError: it cannot be made.
    """
    return os.open(journal.with_suffix(SUFFIX), _FLAGS | os.O_CREAT, 0o666)


@contextlib.contextmanager
def gate_of(journal: Path, *, create: bool = False) -> Iterator[int | None]:
    """Hold the gate of a journal; yields its descriptor, or None where there is no gate.

    Raises:
        StoreError: it cannot be opened or locked.
    """
    descriptor = _opened(journal, create)
    if descriptor is None:
        yield None
        return
    process = os.getpid()
    _locked.add(descriptor)
    try:
        lock_file(descriptor)
        yield descriptor
    finally:
        if os.getpid() == process:
            _locked.discard(descriptor)
            # A process that was forked meanwhile has it open too, and would keep it locked.
            with contextlib.suppress(OSError):
                unlock_file(descriptor)
            os.close(descriptor)


def _opened(journal: Path, create: bool) -> int | None:
    flags = _FLAGS | (os.O_CREAT if create else 0)
    with write_errors("nothing was logged"):
        try:
            return os.open(journal.with_suffix(SUFFIX), flags, 0o666)
        except FileNotFoundError:
            return None


@contextlib.contextmanager
def shut(gate: int, length: int = 1, *, for_good: bool = False) -> Iterator[None]:
    """Shut a gate that is held, for good unless the block fails.

    Args:
        length: how much of the journal counts, once that is known.
        for_good: it stays shut even then.

    Raises:
        StoreError: that cannot be done.
    """
    with write_errors("the run goes on"):
        before = max(os.fstat(gate).st_size, int(for_good))
        os.ftruncate(gate, length)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(gate, before)
        raise


def is_open(gate: int) -> bool:
    """Return whether a gate is open."""
    return os.lseek(gate, 0, os.SEEK_END) == 0


def is_shut(journal: Path) -> bool:
    """Return whether nothing can be appended to a journal any more.

    Raises:
        OSError: nobody can say.
    """
    try:
        return os.stat(journal.with_suffix(SUFFIX)).st_size > 0
    except FileNotFoundError:
        return True


def counted(journal: Path, length: int) -> int:
    """Return how much of the length of a journal counts: what came after its end was refused.

    Raises:
        OSError: nobody can say.
    """
    try:
        size = os.stat(journal.with_suffix(SUFFIX)).st_size
    except FileNotFoundError:
        return length
    return min(size, length) if size > 1 else length
