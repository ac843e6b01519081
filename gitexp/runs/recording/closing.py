"""From a journal to the ledger: how a run is recorded when it ends, or when its process is gone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.errors import GitexpError
from gitexp.experiments.headers import listed_header
from gitexp.experiments.homes import all_homes, find_home
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.events import Event
from gitexp.runs.journalling import gates, journals
from gitexp.runs.journalling.journals import Contents, Journal, Standing
from gitexp.runs.journalling.side_files import ROWS, Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.filing import new_record, new_segment_files
from gitexp.runs.recording.filing import shared_files as shared_files
from gitexp.runs.recording.results import last_finished, rows_of, totals_of
from gitexp.runs.recording.segments import dump_events as dump_events
from gitexp.runs.recording.segments import last_segment
from gitexp.runs.recording.spans import archived_spans
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally
from gitexp.store.filelocks import lock_file_now, unlock_file
from gitexp.store.files import read_all
from gitexp.store.model import Signature

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOT_CLOSED = Failure(
    type="Killed", message="the process ended without closing the run; what it logged is here"
)
_SILENT = Failure(
    type="Killed", message="nothing was logged for longer than the run's lease; it counts as over"
)


def close(
    workspace: Workspace,
    journal: Journal,
    ending: Event | Callable[[], Event],
    *,
    tally: Tally | None = None,
) -> Run:
    """Return a run, recorded with its last event, its journal gone.

    Args:
        ending: the event, or what returns it when nobody else can add to the run any more.
        tally: what all rows beside the journal add up to, where they were counted already.

    Raises:
        NotAllowed: it is over already.
        StoreError: its end cannot be written, and it goes on; or it cannot be recorded now, and
            its journal stays and is recorded by `reap`.
    """
    try:
        contents = journals.contents_or_error(journal.end(ending), journal.name)
        run = record(workspace, contents, journal.sides, tally)
    except BaseException:
        if not journal.is_open:
            journal.close()
        raise
    journal.discard()
    if run.artifacts:
        _tidy(workspace)
    return run


def _tidy(workspace: Workspace) -> None:
    """Remove staged artifacts that no run waits for."""
    from gitexp.runs.artifacts.staging import discard_stale

    discard_stale(workspace)


def record(
    workspace: Workspace, contents: Contents, sides: Sides, tally: Tally | None = None
) -> Run:
    """Return the run of a journal, written to the ledger; doing it twice changes nothing."""
    return _record(workspace, contents, name_now(workspace, contents.run), sides, tally=tally)


def _record(
    workspace: Workspace,
    contents: Contents,
    experiment: str,
    sides: Sides,
    author: Signature | None = None,
    tally: Tally | None = None,
) -> Run:
    # What an evaluation said of its totals while it went on is less than all of them.
    if contents.segment is not None and (sides.size(ROWS) or contents.run.evaluation):
        rows = rows_of(workspace, contents.run.id, beside=sides)
        contents.add({"set": totals_of(rows)})
    archive = archived_spans(workspace, contents.state.run(), sides, contents.segment or "")
    if archive is not None:
        contents.add({"artifacts": [archive.to_dict()]})
    run = contents.state.run()
    files = shared_files(workspace, contents, experiment, sides)
    if contents.segment is None:
        run, new = new_record(workspace, run, contents, sides, tally)
    else:
        new = new_segment_files(workspace, contents, experiment, sides)
    files |= new
    message = f"run {experiment}: {run.id} {run.status}"
    ledger.write(workspace, experiment, files, message=message, author=author)
    return run


def name_now(workspace: Workspace, run: Run) -> str:
    """Return the name under which a run is recorded: that of its experiment, as it is now.

    The id of its experiment stands for the name where that is gone and another one has its name.
    """
    home = find_home(workspace, run.experiment)
    if home is not None and listed_header(workspace, home).id == run.experiment_id:
        return run.experiment
    for other in all_homes(workspace):
        if listed_header(workspace, other).id == run.experiment_id:
            return other.name
    return run.experiment if home is None else run.experiment_id


# --- what was left behind -------------------------------------------------------------------


def reap(workspace: Workspace) -> list[Run]:
    """Return the runs of this project that nobody continues, now recorded with all they logged.

    They are killed runs, unless a run had ended and its process died before it was recorded. A
    run without a process of its own is one of them when its lease has run out.

    It costs nothing where no journal was left behind.

    Raises:
        StoreError: a run cannot be recorded; its journal stays.
    """
    found: list[Run] = []
    refusals: list[GitexpError] = []
    for path in journals.paths_of(workspace):
        try:
            run = _reap_one(workspace, path)
        except GitexpError as exc:
            refusals.append(exc)  # one that cannot be recorded keeps none of the others waiting
        else:
            found += [run] if run is not None else []
    journals.sweep(workspace)
    if found:
        _tidy(workspace)
    if refusals:
        raise refusals[0]
    return found


def left_behind(workspace: Workspace) -> list[Run]:
    """Return the runs that `reap` would record, as far as they got; nothing is written.

    Raises:
        StoreError: a journal cannot be read.
    """
    found: list[Run] = []
    for path in journals.paths_of(workspace):
        with _left(path) as descriptor:
            if descriptor is None:
                continue
            standing = journals.standing_at(workspace, path)
            if standing is None or standing.run.project != workspace.project_id:
                continue
            if not _goes_on(workspace, standing, _seen(path, descriptor, Sides(path))):
                found.append(standing.run)
    return found


def settle(workspace: Workspace, run_id: RunId) -> set[Path]:
    """Return the journals of a run that are recorded: it ended, or nobody continues it.

    Those that another process is about to remove, having recorded them itself, are among them.

    Raises:
        StoreError: one cannot be recorded.
    """
    settled: set[Path] = set()
    for path in journals.paths_of(workspace, run_id):
        _reap_one(workspace, path)
        data = journals.read_journal(path) if gates.is_shut(path) else None
        contents = journals.contents_of(data or b"")
        if contents is None or contents.run.project != workspace.project_id:
            continue
        if contents.state.run().is_over:
            _record_once(workspace, contents, Sides(path))
            settled.add(path)
    return settled


def reap_if_possible(workspace: Workspace) -> None:
    """Record what was left behind, where that can be done now.

    Where it cannot, as on a full disk, nobody is kept from reading or from beginning a run: what
    was left stays in its journal and is read from there, and `reap` says why.
    """
    with contextlib.suppress(GitexpError):
        reap(workspace)


def _reap_one(workspace: Workspace, path: Path) -> Run | None:
    with _left(path) as descriptor:
        if descriptor is None:
            return None
        sides = Sides(path)
        with gates.gate_of(path, create=True) as gate:
            assert gate is not None
            seen = _seen(path, descriptor, sides)
            standing = journals.standing_at(workspace, path) if gates.is_open(gate) else None
            if standing is not None and _goes_on(workspace, standing, seen):
                return None
            data = _all_of(path, descriptor)
            contents = journals.contents_of(data)
            if contents is None:
                # A process that died before its first event was on the disk left an empty one.
                _put_aside(path, data, sides, is_known=False)
                return None
            if contents.run.project != workspace.project_id:
                return None
            is_over = contents.state.run().is_over
            # Shut, so that nothing is added once it may be recorded, even if this process dies.
            with gates.shut(gate, len(data), for_good=is_over):
                if not is_over:
                    contents.add(_ending_by_now(contents, seen, sides))
                run = _record_once(workspace, contents, sides)
            _put_aside(path, data, sides)
    return run


def _record_once(workspace: Workspace, ended: Contents, sides: Sides) -> Run | None:
    """Return the run of a journal, now recorded; None where only its journal was left of it."""
    name = name_now(workspace, ended.run)
    if _is_recorded(workspace, ended, name):
        return None
    return _record(workspace, ended, name, sides, author=_author(ended))


def _is_recorded(workspace: Workspace, ended: Contents, experiment: str) -> bool:
    """Return whether the end of a journal is recorded: what is counted may differ by now."""
    run_id = ended.run.id
    if ended.segment is None:
        return ledger.has(workspace, experiment, run_id)
    last = layout.segment_path(run_id, last_segment(ended))
    return ledger.recorded_files(workspace, experiment, run_id)(last)


def _all_of(path: Path, descriptor: int) -> bytes:
    try:
        data = read_all(descriptor)
        return data[: gates.counted(path, len(data))]
    except OSError as exc:
        raise journals.unreadable(path, exc) from exc


def _seen(path: Path, descriptor: int, sides: Sides) -> datetime:
    """Return when something was last appended to a journal or to its rows."""
    try:
        latest = max(os.fstat(descriptor).st_mtime, sides.changed(ROWS))
    except OSError as exc:
        raise journals.unreadable(path, exc) from exc
    return datetime.fromtimestamp(latest, timezone.utc)


def _goes_on(workspace: Workspace, standing: Standing, seen: datetime) -> bool:
    """Return whether a run that no process holds is not over: its lease has not run out.

    A job that nobody has begun yet needs neither a process nor a lease.

    Args:
        seen: when something was last appended.
    """
    if standing.run.status == "scheduled" and standing.run.job:
        return True
    if standing.lease is None or standing.run.is_over:
        return False
    silent = workspace.surroundings.clock.now() - seen
    return silent.total_seconds() < standing.lease


def _ending_by_now(contents: Contents, seen: datetime, sides: Sides) -> Event:
    """Return what ends a run that nobody continues.

    Args:
        seen: when something was last appended.
    """
    run = contents.state.run()
    began = run.started_at or run.created_at
    ended = max(began, min(_last_moment(contents, began, sides), seen))
    error = _NOT_CLOSED if contents.lease is None else _SILENT
    return {"set": ending_fields("killed", ended, (ended - began).total_seconds(), error=error)}


def ending_fields(
    status: str,
    at: datetime,
    duration_seconds: float,
    *,
    error: Failure | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the fields of an event that ends a run."""
    fields = {"status": status, "ended_at": iso(at), "duration_seconds": duration_seconds}
    return {**fields, **({"error": error.to_dict()} if error else {}), **more}


def _last_moment(contents: Contents, began: datetime, sides: Sides) -> datetime:
    """Return when the last event was, as far as the events say."""
    state = contents.state
    moments = [began]
    moments += [finished] if (finished := last_finished(sides)) else []
    with contextlib.suppress(OverflowError, ValueError, OSError):
        moments.append(datetime.fromtimestamp(state.latest / 1000, timezone.utc))
    return max(moments)


def _author(contents: Contents) -> Signature | None:
    """Return whoever started the run: closing it needs no identity of its own."""
    run = contents.state.run()
    name, _, email = run.who.rpartition(" <")
    if not name or run.ended_at is None:
        return None
    return Signature(name=name, email=email.removesuffix(">"), when=run.ended_at)


@contextlib.contextmanager
def _left(path: Path) -> Iterator[int | None]:
    """Yield the descriptor of a journal that no process holds; None for any other."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, PermissionError):
        yield None
        return
    except OSError as exc:
        raise journals.unreadable(path, exc) from exc
    try:
        free = lock_file_now(descriptor) and journals.is_current(path, descriptor)
        yield descriptor if free else None
    finally:
        # A process that was forked meanwhile has it open too, and would keep it locked.
        with contextlib.suppress(OSError):
            unlock_file(descriptor)
        os.close(descriptor)


def _put_aside(path: Path, data: bytes, sides: Sides, *, is_known: bool = True) -> None:
    """Remove a journal, or keep it where something in it is for a person to look at.

    Args:
        is_known: whether it is known of which run it is.
    """
    if journals.is_damaged(data) or not (is_known or next(journals.entries(data), None) is None):
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(".damaged"))
    sides.put_aside_damaged()
    journals.remove(path)
