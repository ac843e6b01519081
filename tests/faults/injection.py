"""Making system calls fail: the functions of `os`, at the border of the process."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

CALLS = (
    "open",
    "read",
    "write",
    "fsync",
    "ftruncate",
    "replace",
    "rename",
    "link",
    "symlink",
    "unlink",
    "mkdir",
    "rmdir",
    "utime",
    "listdir",
)
NEEDING_SPACE = frozenset({"open", "write", "fsync", "link", "symlink", "mkdir", "replace"})


@dataclass
class Fault:
    """One fault, at the n-th call.

    Attributes:
        at: the number of the call, from 1; 0 for none.
        code: the error, or None for a write that takes only a part of its bytes.
        lasting: whether all later calls that need space fail as well.
        kills: whether the process dies right before the call, as by `kill -9`.
        calls: the names of the calls so far.
    """

    at: int
    code: int | None
    lasting: bool = False
    kills: bool = False
    calls: list[str] = field(default_factory=list)

    @property
    def happened(self) -> bool:
        """Whether the call that was to fail has been made."""
        return 0 < self.at <= len(self.calls)

    def strikes(self, name: str) -> bool:
        """Count one call, and return whether it is to fail."""
        self.calls.append(name)
        if len(self.calls) == self.at:
            return True
        return self.lasting and self.happened and name in NEEDING_SPACE


@contextmanager
def injected(fault: Fault) -> Iterator[Fault]:
    """Let calls fail as a fault says."""
    with_faults = [
        patch.object(os, name, _wrapped(name, getattr(os, name), fault)) for name in CALLS
    ]
    for one in with_faults:
        one.start()
    try:
        yield fault
    finally:
        for one in with_faults:
            one.stop()


def _wrapped(name: str, real: Callable[..., Any], fault: Fault) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        if not fault.strikes(name):
            return real(*arguments, **options)
        if fault.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.code is not None:
            path = arguments[0] if isinstance(arguments[0], (str, bytes)) else None
            raise OSError(fault.code, os.strerror(fault.code), path)
        if name == "write" and len(arguments[1]) > 1:
            return real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        return real(*arguments, **options)

    return call


_INTERRUPTIBLE = ["open", "read", "write", "fsync"]

KINDS = {
    "no space": Fault(at=0, code=errno.ENOSPC, calls=sorted(NEEDING_SPACE)),
    "disk full from then on": Fault(
        at=0, code=errno.ENOSPC, lasting=True, calls=sorted(NEEDING_SPACE)
    ),
    "input/output error": Fault(at=0, code=errno.EIO, calls=list(CALLS)),
    "interrupted": Fault(at=0, code=errno.EINTR, calls=_INTERRUPTIBLE),
    "short write": Fault(at=0, code=None, calls=["write"]),
}
"""Kinds of faults; `calls` names the calls that can fail in this way."""
