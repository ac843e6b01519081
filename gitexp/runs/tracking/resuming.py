"""Runs that were over and go on again; what is added is recorded beside their records."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from gitexp.clock import iso
from gitexp.errors import NotAllowed, RepositoryBusy
from gitexp.ids import RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.journals import Journal, create_journal, open_journal
from gitexp.runs.journalling.side_files import ROWS
from gitexp.runs.recording import closing, ledger
from gitexp.runs.recording.segments import made_at, new_segment
from gitexp.runs.run import Run
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.starting import LEASE, going_on, milliseconds_now, refuse_deleted

_PAUSES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)

T = TypeVar("T")


def resume_run(workspace: Workspace, run_id: str, *, lease: float = LEASE) -> ActiveRun:
    """Return a run that was over and goes on again, without a process of its own.

    This is for programs that were written for trackers whose runs can be reopened. Where it goes
    on already, because another one was faster, it is that.

    Raises:
        NotFound: there is no such run here.
        NotAllowed: it is deleted.
        RepositoryBusy: another process is ending it and does not get done with that.
    """

    def begun() -> ActiveRun:
        run, journal = _begin_again(workspace, known, lease=lease)
        path = journal.path
        assert path is not None
        journal.close()
        reopened = open_journal(path)
        assert reopened is not None
        return ActiveRun(workspace, reopened, run)

    known = parse_run_id(run_id)
    return _settled(workspace, known, lambda active: active, begun)


@contextlib.contextmanager
def go_on_with(
    workspace: Workspace, run_id: str, *, force: bool = False
) -> Iterator[tuple[Run, Journal]]:
    """Hold a run that was over and goes on again in this process; yields it and its journal.

    Where the block fails without having ended the run, it is over again: as it was, or with the
    rows that were kept meanwhile, which `reap` records.

    Args:
        force: go on even where it is not known to be over elsewhere.

    Raises:
        NotFound: there is no such run here.
        NotAllowed: it is deleted, or goes on already, here or elsewhere.
        RepositoryBusy: another process is ending it and does not get done with that.
    """
    known = parse_run_id(run_id)
    before, journal = _settled(
        workspace, known, _refuse_going_on, lambda: _begun_here(workspace, known, force=force)
    )
    try:
        yield before, journal
    except BaseException:
        if journal.is_open:
            _leave(journal)
        raise


def _leave(journal: Journal) -> None:
    """Let go of a journal that was not ended, and remove it where no row stands beside it."""
    if journal.sides.size(ROWS):
        journal.sides.close()
        journal.close()
    else:
        journal.discard()


def _begun_here(workspace: Workspace, run_id: RunId, *, force: bool) -> tuple[Run, Journal]:
    if not force:
        _refuse_elsewhere(workspace, run_id)
    return _begin_again(workspace, run_id, lease=None)


def _refuse_elsewhere(workspace: Workspace, run_id: RunId) -> None:
    """Raise `NotAllowed` where others shared lately that a run goes on with them."""
    run = ledger.get(workspace, run_id)
    if run.is_over:
        return
    shared = made_at(max(ledger.segments_of(workspace, run_id)))
    until = shared + timedelta(seconds=LEASE)
    if workspace.surroundings.clock.now() < until:
        raise NotAllowed(
            f"run {run_id} goes on elsewhere: {run.who} began it on {run.machine.platform} at "
            f"{iso(run.created_at)}, and what it had done was last shared at {iso(shared)}",
            hint="Wait for its end and fetch that: `gitexp fetch`. It counts as over at "
            f"{iso(until)}; where you know that it is dead: `gitexp run resume {run_id} --force`.",
        )


def _refuse_going_on(active: ActiveRun) -> tuple[Run, Journal]:
    active.close()
    raise NotAllowed(
        f"run {active.id} goes on already",
        hint=f"See how far it is: `gitexp run watch {active.id}`.",
    )


def _settled(
    workspace: Workspace,
    run_id: RunId,
    found: Callable[[ActiveRun], T],
    begin: Callable[[], T],
) -> T:
    """Return what is made of a run: one that goes on, or one that is over and recorded."""
    for pause in _PAUSES:
        settled = closing.settle(workspace, run_id)
        with workspace.store.exclusive():
            active = going_on(workspace, run_id)
            if active is not None:
                return found(active)
            # What ended in the meantime is recorded first: the run goes on from there.
            if settled.issuperset(journals.paths_of(workspace, run_id)):
                return begin()
        time.sleep(pause)
    raise RepositoryBusy(
        f"another process has been ending run {run_id} for {sum(_PAUSES):g} s",
        hint="Wait until it has finished and try again.",
    )


def _begin_again(
    workspace: Workspace, run_id: RunId, *, lease: float | None
) -> tuple[Run, Journal]:
    run = ledger.get(workspace, run_id)
    refuse_deleted(run)
    segment = new_segment(workspace, after=ledger.segments_of(workspace, run_id))
    again = replace(run, status="running", ended_at=None, duration_seconds=None, error=None)
    first = {"run": again.to_dict(), "segment": segment, "at": milliseconds_now(workspace)}
    if lease is not None:
        first["lease"] = lease
    journal = create_journal(workspace, f"{run.id}+{segment}", first)
    journal.append({"set": {"status": "running", "ended_at": None, "error": None}})
    return again, journal
