"""Taking hold of the journal of a run that no process holds, such as a job that waits."""

from __future__ import annotations

import os
from pathlib import Path

from gitexp.runs.journalling import gates
from gitexp.runs.journalling.files import is_current, unreadable
from gitexp.runs.journalling.journals import Journal
from gitexp.store.filelocks import lock_file_now

_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def hold_journal(path: Path) -> Journal | None:
    """Return a journal that this process holds from now on; None where that cannot be.

    It cannot while another process holds it, be it for the moment of a look, and when the run is
    over. Once it is held, nobody else begins the run, changes it as its holder, or takes it for
    one that was left behind.

    Raises:
        StoreError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, PermissionError):
        return None
    except OSError as exc:
        raise unreadable(path, exc) from exc
    try:
        if lock_file_now(descriptor) and is_current(path, descriptor) and not gates.is_shut(path):
            return Journal(path.stem, path, descriptor, held=True, gate=gates.make_gate(path))
    except OSError as exc:
        os.close(descriptor)
        raise unreadable(path, exc) from exc
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
