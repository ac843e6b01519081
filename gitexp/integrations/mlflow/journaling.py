"""Open journals: what many calls add to the runs that go on, without reading them anew each time.

MLflow names a run with every call and keeps no handle of it, so the journals that this process
appends to stay open here. Other processes append too; what they added is read from where the last
look ended. A run may also end elsewhere: then its journal has lost its name, and is let go.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitexp.errors import NotAllowed
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.contents import encoded, line_of
from gitexp.runs.journalling.journals import Journal

_MOST_OPEN = 200


class OpenJournal:
    """A journal and what it says of params and life-cycle.

    Attributes:
        params: the params that were logged so far.
        deleted: whether the run is marked deleted.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.params: dict[str, Any] = {}
        self.deleted = False
        self._read_to = 0
        self._lock = threading.Lock()

    def append(self, event: Mapping[str, Any], check: Callable[[], None]) -> None:
        """Append an event, unless a check raises that looks at what is known now.

        Raises:
            NotAllowed: the run ended, here or elsewhere.
        """
        with self._lock:
            self._look()
            check()
            payload = encoded(event)
            self.journal.write(payload)
            self._pass_over(event, len(line_of(payload)))

    def _pass_over(self, event: Mapping[str, Any], length: int) -> None:
        """Count what was just appended as read, unless somebody else appended meanwhile."""
        path = self.journal.path
        if path is not None and _size(path) == self._read_to + length:
            self._read_to += length
            self._learn(event)

    def append_checked(self, event: Mapping[str, Any], check: Callable[[], None]) -> None:
        """Append an event as `append` does, with nobody else appending after the check."""
        with self._lock:

            def look(_: bytes | None) -> None:
                self._look()
                check()

            self.journal.append_checked(event, look)

    def close(self) -> None:
        """Let go of the journal and leave it where it is."""
        with self._lock:
            self.journal.close()

    def _look(self) -> None:
        path = self.journal.path
        if path is None:
            self._take(self.journal.read()[self._read_to :])
            return
        size = _size(path)
        if size is None:
            raise NotAllowed(f"run {self.journal.name} is over")
        if size != self._read_to:
            with path.open("rb") as file:
                file.seek(self._read_to)
                self._take(file.read())

    def _take(self, data: bytes) -> None:
        # A line that is being written just now is read the next time.
        whole = data[: data.rfind(b"\n") + 1]
        for event in journals.entries(whole):
            self._learn(event)
        self._read_to += len(whole)

    def _learn(self, event: Mapping[str, Any]) -> None:
        for key, value in (event.get("run") or event).get("params", {}).items():
            self.params.setdefault(key, value)
        told = event.get("run") or event.get("set") or {}
        if "run" in event or "lifecycle" in told:
            self.deleted = told.get("lifecycle") == "deleted"


class OpenJournals:
    """The journals that this process has open, at most a few hundred of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._open: OrderedDict[str, OpenJournal] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, run_id: str, journal: Journal) -> OpenJournal:
        """Return a journal of a run, kept open; the one that is open already where there is one."""
        with self._lock:
            known = self._open.get(run_id)
            if known is None or not known.journal.is_open:
                known = self._open[run_id] = OpenJournal(journal)
                self._let_go_of_some()
        if known.journal is not journal:
            journal.close()
        return known

    def _let_go_of_some(self) -> None:
        """Close those that were used longest ago; one that this process holds cannot be let go."""
        excess = len(self._open) - _MOST_OPEN
        idle = [name for name, known in self._open.items() if not known.journal.is_held]
        for name in idle[: max(excess, 0)]:
            self._open.pop(name).close()

    def find(self, run_id: RunId) -> OpenJournal | None:
        """Return the journal of a run that goes on on this machine, or None."""
        with self._lock:
            opened = self._open.get(run_id)
            if opened is not None:
                self._open.move_to_end(run_id)
        if opened is not None and opened.journal.is_open and _has_name(opened.journal):
            return opened
        self.forget(run_id)
        for path in journals.paths_of(self._workspace, run_id):
            journal = journals.open_journal(path)
            if journal is not None:
                return self.keep(run_id, journal)
        return None

    def forget(self, run_id: str) -> None:
        """Let go of the journal of a run: it is over."""
        with self._lock:
            opened = self._open.pop(run_id, None)
        if opened is not None and opened.journal.is_open:
            opened.close()


def _size(path: Path) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _has_name(journal: Journal) -> bool:
    return journal.path is None or journal.path.exists()
