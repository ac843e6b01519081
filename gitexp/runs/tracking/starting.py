"""Tracking: begin a run, go on with one, add to one that is over."""

from __future__ import annotations

import atexit
import contextlib
import sys
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents import layout
from gitexp.errors import GitexpError, NotAllowed, NotFound
from gitexp.experiments.homes import Home, get_home
from gitexp.experiments.versions import latest_at
from gitexp.ids import RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.events import Event, folded
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.journals import create_journal, open_journal
from gitexp.runs.keys import check_tags
from gitexp.runs.recording import closing, ledger
from gitexp.runs.recording.places import is_run_id
from gitexp.runs.recording.segments import new_segment
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run, RunStatus
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.endings import failure_of, stop_command
from gitexp.runs.tracking.origins import (
    Values,
    checked,
    circumstances_for,
    new_run,
    runnable_at,
    values_at,
    values_of,
)

LEASE = 24 * 3600.0
"""Seconds without an event after which a run that no process holds counts as over."""

_FORGOTTEN = Failure(
    type="Killed", message="the program ended without ending the run: end it, or use `with`"
)


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """What a run begins with.

    Attributes:
        version: a revision of the experiment; None takes the latest one, if there is any.
        overrides: values that replace the version's for this run alone.
        parent: the run that this one is a part of.
        retry_of: a run whose work this one does again.
        held: whether the run lives no longer than this process; else it has a lease.
        lease: seconds without an event after which a run that is not held counts as over.
        scheduled: it does not run yet; `ActiveRun.begin` begins it.
    """

    experiment: str
    version: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    retry_of: str | None = None
    held: bool = True
    lease: float = LEASE
    scheduled: bool = False


def start_run(workspace: Workspace, new: NewRun) -> ActiveRun:
    """Return a new run that goes on, visible to readers on this machine from now on.

    Runs that other processes left behind are recorded first.

    Raises:
        NotFound: there is no such experiment, version, parent or run to retry.
        NotAllowed: the experiment is deleted.
        InvalidInput, InvalidDocuments: a value, a tag or a name is wrong.
        StoreError: the journal cannot be made.
    """
    closing.reap_if_possible(workspace)
    run = _planned(workspace, new)
    if not new.scheduled:
        run = run.started(run.created_at)
    first: dict[str, Any] = {"run": run.to_dict(), "at": milliseconds_now(workspace)}
    if not new.held:
        first["lease"] = new.lease
    return begin(workspace, run, first, held=new.held)


def begin(workspace: Workspace, run: Run, first: Event, *, held: bool) -> ActiveRun:
    """Return a run that goes on, its journal begun with its first event."""
    journal = create_journal(workspace, run.id, first)
    active = ActiveRun(workspace, journal, run)
    if held:
        _left_open.add(active)
        return active
    if journal.path is None:
        raise NotAllowed(
            "a run without a process of its own needs a repository on disk",
            hint="Begin it in the process that runs it.",
        )
    journal.close()
    return open_run(workspace, run.id)


def _planned(workspace: Workspace, new: NewRun) -> Run:
    home = get_home(workspace, new.experiment)
    header = runnable_at(workspace, home)
    values = _values(workspace, new, home)
    found = circumstances_for(workspace, values)
    run = new_run(
        workspace,
        header,
        values,
        name=new.name,
        description=new.description,
        tags=check_tags(new.tags),
        code=found.code,
        machine=found.machine,
        **_relatives(workspace, new),
    )
    return checked(run)


def _values(workspace: Workspace, new: NewRun, home: Home) -> Values:
    if new.version not in (None, "", "latest"):
        return values_of(workspace, new.experiment, new.version, new.overrides)
    latest = latest_at(workspace, home.tip, home.name)
    if latest is not None:
        return values_at(workspace, latest, new.overrides)
    if new.version or new.overrides:
        raise NotFound(
            f"experiment {new.experiment!r} has no version yet",
            hint=f"Save one: `gitexp commit {new.experiment} --set SLOT=VALUE`.",
        )
    return Values(version=None)


def _relatives(workspace: Workspace, new: NewRun) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if new.parent is not None:
        fields["parent"] = find_run(workspace, new.parent).id
    if new.retry_of is not None:
        earlier = find_run(workspace, new.retry_of)
        fields |= {"retry_of": earlier.retry_of or earlier.id, "attempt": earlier.attempt + 1}
    return fields


def find_run(workspace: Workspace, run_id: str) -> Run:
    """Return a run of the project, whether it goes on here or is recorded.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: there is no such run here.
    """
    for run in journals.live(workspace, parse_run_id(run_id)):
        return run
    return ledger.get(workspace, run_id)


def resolve_run_id(workspace: Workspace, text: str) -> RunId:
    """Return the id of the run whose id a text is or begins.

    Raises:
        NotFound: there is no such run here.
        InvalidInput: several runs begin so.
    """
    if is_run_id(text):
        return RunId(text)
    from gitexp.runs.searching import resolve

    return resolve(workspace, text)


def open_run(workspace: Workspace, run_id: str) -> ActiveRun:
    """Return a run that goes on on this machine, to log to it from this process as well.

    Raises:
        NotFound: there is no such run here.
        NotAllowed: it is over.
    """
    found = going_on(workspace, parse_run_id(run_id))
    if found is not None:
        return found
    closing.settle(workspace, RunId(run_id))
    run = ledger.get(workspace, run_id)
    where = "is over" if run.is_over else "goes on on another machine"
    raise NotAllowed(
        f"run {run_id} {where}: nothing can be added to it here",
        hint="Start another run; a run's tags can still be changed with `gitexp run tag`.",
    )


def going_on(workspace: Workspace, run_id: RunId) -> ActiveRun | None:
    """Return a run that goes on on this machine, to log to it; None where it does not."""
    for path in journals.paths_of(workspace, run_id):
        journal = open_journal(path)
        if journal is None:
            continue
        try:
            run = journals.run_at_first(journal.read())
        except NotAllowed:  # recorded a moment ago
            run = None
        if run is not None and run.project == workspace.project_id:
            return ActiveRun(workspace, journal, run)
        journal.close()
    return None


def amend(workspace: Workspace, run_id: str, event: Event) -> Run:
    """Return a run with something added: to its journal while it goes on here, else beside it.

    Raises:
        NotFound: there is no such run here.
    """
    event = {**event, "at": milliseconds_now(workspace)}
    known = parse_run_id(run_id)
    if _added_to_journal(workspace, known, event):
        return find_run(workspace, run_id)
    closing.settle(workspace, known)
    run = ledger.get(workspace, run_id)
    add_segments(workspace, [run], event)
    return folded(run, [event])


def _added_to_journal(workspace: Workspace, run_id: RunId, event: Event) -> bool:
    for path in journals.paths_of(workspace, run_id):
        journal = open_journal(path)
        if journal is not None:
            with contextlib.suppress(NotAllowed), contextlib.closing(journal):  # it ended meanwhile
                journal.append(event)
                return True
    return False


def add_segments(workspace: Workspace, runs: list[Run], event: Event) -> None:
    """Record the same event beside several runs of one experiment, in one commit."""
    if not runs:
        return
    name = closing.name_now(workspace, runs[0])
    line = closing.dump_events([event])
    # The names of one run's segments are looked at, so that they stand in their order.
    known = ledger.segments_of(workspace, runs[0].id) if len(runs) == 1 else ()
    files = {layout.segment_path(run.id, new_segment(workspace, after=known)): line for run in runs}
    what = ", ".join(sorted(key for key in event if key != "at"))
    message = f"run {name}: {what} of " + (runs[0].id if len(runs) == 1 else f"{len(runs)} runs")
    ledger.write(workspace, name, files, message=message)


def set_tags(workspace: Workspace, run_id: str, tags: Mapping[str, Any]) -> Run:
    """Set tags of a run, which may be over; returns the run.

    Raises:
        NotAllowed: it is deleted.
    """
    refuse_deleted(find_run(workspace, run_id))
    return amend(workspace, run_id, {"tags": check_tags(tags)})


def delete_tags(workspace: Workspace, run_id: str, names: list[str]) -> Run:
    """Remove tags of a run, which may be over; returns the run.

    Raises:
        NotFound: it has no such tag.
    """
    run = find_run(workspace, run_id)
    missing = [name for name in names if name not in run.tags]
    if missing:
        raise NotFound(f"run {run_id} has no tag {missing[0]!r}", hint="See `gitexp run show`.")
    return amend(workspace, run_id, {"tags": dict.fromkeys(names)})


def delete_run(workspace: Workspace, run_id: str) -> Run:
    """Mark a run deleted, which hides it until it is restored; doing it twice changes nothing.

    Raises:
        NotAllowed: it still goes on.
    """
    run = find_run(workspace, run_id)
    if not run.is_over:
        raise NotAllowed(
            f"run {run_id} still goes on", hint=f"End it first: `{stop_command(run)}`."
        )
    if run.lifecycle == "deleted" and run.deleted_by == "run":
        return run
    return amend(workspace, run_id, {"set": {"lifecycle": "deleted", "deleted_by": "run"}})


def restore_run(workspace: Workspace, run_id: str) -> Run:
    """Bring a deleted run back.

    Raises:
        NotAllowed: it is not deleted.
    """
    run = find_run(workspace, run_id)
    if run.lifecycle != "deleted":
        raise NotAllowed(f"run {run_id} is not deleted", hint="See `gitexp run list --deleted`.")
    return amend(workspace, run_id, {"set": {"lifecycle": "active", "deleted_by": None}})


def refuse_deleted(run: Run) -> None:
    """Raise `NotAllowed` when a run is deleted."""
    if run.lifecycle == "deleted":
        raise NotAllowed(
            f"run {run.id} is deleted",
            hint=f"Bring it back with `gitexp run restore {run.id}`.",
        )


def milliseconds_now(workspace: Workspace) -> int:
    """Return the present moment in milliseconds since 1970."""
    return int(workspace.surroundings.clock.now().timestamp() * 1000)


# --- runs that the program forgot -----------------------------------------------------------

_left_open: weakref.WeakSet[ActiveRun] = weakref.WeakSet()


@atexit.register
def _end_forgotten() -> None:
    """End the runs that this process began and did not end, as far as is known how."""
    raised = getattr(sys, "last_value", None)
    for run in list(_left_open):
        if not run.is_mine:
            continue
        status: RunStatus = "failed" if raised is not None else "killed"
        try:
            run.end(status, error=failure_of(raised) if raised is not None else _FORGOTTEN)
        except GitexpError:
            continue  # it is over, or its journal stays for the next command
