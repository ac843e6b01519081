"""The runs of a project as MLflow writes to them: no transition is forbidden, none is final.

While a run goes on, everything goes to its journal. What is added to a run that is over is
recorded beside its record, and one that is set running again has a journal again; so gitexp's own
rule, that a record is never changed, holds for these runs too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlflow.exceptions import MlflowException

from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.errors import NotAllowed, NotFound
from gitexp.experiments.headers import Header
from gitexp.ids import RunId, parse_run_id
from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.entities import text_of
from gitexp.integrations.mlflow.journaling import OpenJournal, OpenJournals
from gitexp.integrations.mlflow.moments import millis_of, moment_of
from gitexp.integrations.mlflow.refusals import invalid, missing
from gitexp.project.workspace import Workspace
from gitexp.runs import texts
from gitexp.runs.artifacts.kept import contents_of
from gitexp.runs.circumstances import circumstances_of
from gitexp.runs.events import Event, folded
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.journals import create_journal
from gitexp.runs.metrics import NamedPoint
from gitexp.runs.recording import closing, ledger, places
from gitexp.runs.recording.segments import new_segment
from gitexp.runs.references import CodeReference
from gitexp.runs.run import TERMINAL, Run, RunStatus
from gitexp.runs.tracking import resuming, starting
from gitexp.runs.tracking.origins import Values, new_run, values_of

_COMMIT = "mlflow.source.git.commit"
_ATTEMPTS = 5
_MOST_REMEMBERED = 100_000

Finder = Callable[[str], RunId | None]
"""Finds the run that was imported from MLflow under an id."""


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """What MLflow says of a run that begins.

    Attributes:
        experiment: its experiment, which is not deleted.
        user: who runs it, as MLflow tells; empty where it does not.
        started: milliseconds since 1970; None stands for now.
    """

    experiment: Header
    name: str
    user: str = ""
    started: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Runs:
    """The runs of a project.

    Args:
        local: whether the runs are those of this process. A server's runs are those of its
            clients: they outlive it, and say themselves what they are made with.
        reading: held by whoever reads more of the project than an open journal.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        local: bool,
        imported: Finder,
        reading: AbstractContextManager[Any],
    ) -> None:
        self._workspace = workspace
        self._reading = reading
        self._local = local
        self._imported = imported
        self._journals = OpenJournals(workspace)
        self._places: dict[RunId, str] = {}

    # --- beginning ------------------------------------------------------------------------

    def begin(self, new: NewRun) -> Run:
        """Return a new run that goes on."""
        closing.reap(self._workspace)
        run = self._planned(new)
        first: dict[str, Any] = {"run": run.to_dict(), "at": self._now()}
        if not self._local:
            first["lease"] = starting.LEASE
        journal = create_journal(self._workspace, run.id, first)
        if self._local or journal.path is None:
            self._journals.keep(run.id, journal)
        else:
            journal.close()
        return run

    def _planned(self, new: NewRun) -> Run:
        given = {tags.RUN_NAME: new.name, **new.tags, tags.USER: new.user}
        run = new_run(
            self._workspace,
            new.experiment,
            self._values(new),
            name=new.name,
            description=given.get(tags.NOTE, ""),
            tags=given,
            parent=self._parent(given),
            **self._circumstances(given),
        )
        started = run.created_at if new.started is None else moment_of(new.started)
        return run.started(started)

    def _values(self, new: NewRun) -> Values:
        """Return the values of the version that a tag names.

        Which values a program uses that knows nothing of gitexp cannot be known.
        """
        version = new.tags.get(tags.VERSION)
        if not version:
            return Values(version=None)
        return values_of(self._workspace, new.experiment.name, version, {})

    def _parent(self, given: Mapping[str, str]) -> RunId | None:
        parent = given.get(tags.PARENT, "")
        return RunId(parent) if places.is_run_id(parent) else None

    def _circumstances(self, given: Mapping[str, str]) -> dict[str, Any]:
        if not self._local:
            commit = given.get(_COMMIT, "")
            known = len(commit) in (40, 64) and all(c in "0123456789abcdef" for c in commit)
            return {"code": CodeReference(commit=commit if known else None)}
        found = circumstances_of(self._workspace)
        for text in found.texts.values():
            texts.keep(self._workspace, text)
        return {"code": found.code, "machine": found.machine}

    # --- reading --------------------------------------------------------------------------

    def get(self, run_id: str) -> Run:
        """Return a run as it stands now.

        Raises:
            MlflowException: there is no such run here.
        """
        found = self._id(run_id)
        try:
            run = self._near(found) or starting.find_run(self._workspace, found)
        except NotFound as exc:
            raise _not_found(run_id) from exc
        self.remember(run)
        return run

    def remember(self, run: Run) -> None:
        """Remember where a run is, so that it is not looked for in every experiment."""
        if len(self._places) > _MOST_REMEMBERED:
            self._places.clear()
        self._places[run.id] = run.experiment

    def _near(self, run_id: RunId) -> Run | None:
        """Return a run that goes on, or one that is where it was found last; else None."""
        for run in journals.live(self._workspace, run_id):
            return run
        experiment = self._places.get(run_id)
        if experiment is None:
            return None
        ledgers = places.ledgers_of(self._workspace, experiment)
        return ledger.run_at(self._workspace, ledgers, run_id)

    def points(self, run_id: str, metric: str) -> list[NamedPoint]:
        """Return every value of one metric of a run.

        Raises:
            MlflowException: there is no such run here.
        """
        try:
            return ledger.points_of_run(self._workspace, self._id(run_id), metric)
        except NotFound as exc:
            raise _not_found(run_id) from exc

    def _id(self, run_id: str) -> RunId:
        if places.is_run_id(run_id):
            return parse_run_id(run_id)
        found = self._imported(run_id)
        if found is None:
            raise _not_found(run_id)
        return found

    # --- adding ---------------------------------------------------------------------------

    def add(self, run_id: str, event: Event, *, even_deleted: bool = False) -> None:
        """Add something to a run, all of it or nothing.

        Raises:
            MlflowException: there is no such run, it is deleted, or a param has another value.
        """
        found = self._id(run_id)
        event = {**event, "at": self._now()}
        for _ in range(_ATTEMPTS):
            opened = self._journals.find(found)
            if opened is None:
                break
            try:
                self._append(found, opened, event, even_deleted)
            except NotAllowed:
                continue  # it ended meanwhile
            return
        with self._reading:
            self._add_beside(found, event, even_deleted)

    def _append(self, run_id: RunId, opened: OpenJournal, event: Event, even_deleted: bool) -> None:
        def check() -> None:
            _refuse_deleted(run_id, opened.deleted and not even_deleted)
            refuse_changed(opened.params, event.get("params", {}), run_id)

        if "params" in event:
            opened.append_checked(event, check)
        else:
            opened.append(event, check)

    def _add_beside(self, run_id: RunId, event: Event, even_deleted: bool = False) -> None:
        run = self.get(run_id)
        _refuse_deleted(run_id, run.lifecycle == "deleted" and not even_deleted)
        refuse_changed(run.params, event.get("params", {}), run_id)
        if "artifacts" in event:
            self._record_artifacts(run, event)
        elif not _says_nothing_new(run, event):
            starting.amend(self._workspace, run_id, event)

    def _record_artifacts(self, run: Run, event: Event) -> None:
        """Record an event of a run that is over, and the files that it names."""
        closing.settle(self._workspace, run.id)
        name = closing.name_now(self._workspace, run)
        known = ledger.segments_of(self._workspace, run.id)
        path = layout.segment_path(run.id, new_segment(self._workspace, after=known))
        files = contents_of(self._workspace, folded(run, [event]))
        ledger.write(
            self._workspace,
            name,
            {path: closing.dump_events([event]), **files},
            message=f"run {name}: artifacts of {run.id}",
        )

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            MlflowException: the run has no such tag, or is deleted.
        """
        run = self.get(run_id)
        _refuse_deleted(run.id, run.lifecycle == "deleted")
        if key not in run.tags:
            raise missing(f"No tag with name: {key} in run with id {run_id}")
        told = {"set": {"description": None}} if key == tags.NOTE else {}
        self.add(run.id, {"tags": {key: None}, **told})

    # --- ending, going on, deleting ---------------------------------------------------------

    def update(
        self, run_id: str, *, status: RunStatus | None, ended: int | None, name: str | None
    ) -> Run:
        """Return a run with another status, end or name.

        Raises:
            MlflowException: there is no such run, or it is deleted.
        """
        run = self.get(run_id)
        _refuse_deleted(run.id, run.lifecycle == "deleted")
        at = moment_of(ended) if ended is not None else None
        event: dict[str, Any] = {"set": {}}
        if name:
            event = {"set": {"name": name}, "tags": {tags.RUN_NAME: name}}
        if status in TERMINAL and not run.is_over:
            return self._end(run, status, at or self._moment(), event)
        if status is not None and status not in TERMINAL and run.is_over:
            self._go_on(run.id)
        event["set"] |= self._fields(run, status, at)
        if event["set"]:
            self.add(run.id, event)
        return self.get(run.id)

    def _fields(self, run: Run, status: RunStatus | None, at: datetime | None) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if status is not None and (status != run.status or run.error):
            fields = {"status": status, "error": None}
        if at is not None and at != run.ended_at:
            fields["ended_at"] = iso(at)
            if run.is_over:
                fields["duration_seconds"] = _seconds(run, at)
        return fields

    def _end(self, run: Run, status: RunStatus, at: datetime, more: Event) -> Run:
        fields = closing.ending_fields(status, at, _seconds(run, at))
        ending = {**more, "set": {**more["set"], **fields}, "at": self._now()}
        opened = self._journals.find(run.id)
        if opened is None:
            self._add_beside(run.id, ending)
            return self.get(run.id)
        try:
            return closing.close(self._workspace, opened.journal, ending)
        except NotAllowed:
            return self.update(run.id, status=status, ended=millis_of(at), name=None)
        finally:
            self._journals.forget(run.id)

    def _go_on(self, run_id: RunId) -> None:
        self._journals.forget(run_id)
        resuming.resume_run(self._workspace, run_id).close()

    def delete(self, run_id: str) -> None:
        """Mark a run deleted, whether it goes on or not; doing it twice changes nothing."""
        run = self.get(run_id)
        if run.lifecycle != "deleted" or run.deleted_by != "run":
            fields = {"lifecycle": "deleted", "deleted_by": "run"}
            starting.amend(self._workspace, run.id, {"set": fields})

    def restore(self, run_id: str) -> None:
        """Bring a deleted run back; one that is not deleted stays as it is."""
        run = self.get(run_id)
        if run.lifecycle == "deleted":
            fields = {"lifecycle": "active", "deleted_by": None}
            starting.amend(self._workspace, run.id, {"set": fields})

    def _moment(self) -> datetime:
        return self._workspace.surroundings.clock.now()

    def _now(self) -> int:
        return millis_of(self._moment())


def _seconds(run: Run, at: datetime) -> float:
    began = run.started_at or run.created_at
    return max(0.0, (at - began).total_seconds())


def _not_found(run_id: str) -> MlflowException:
    return missing(f"Run with id={run_id} not found")


def _refuse_deleted(run_id: str, deleted: bool) -> None:
    if deleted:
        raise invalid(f"The run {run_id} must be in the 'active' state. Current state is deleted.")


def refuse_changed(known: Mapping[str, Any], params: Mapping[str, Any], run_id: str) -> None:
    """Raise an error when params have other values than those that were logged, as texts.

    Raises:
        MlflowException: one has; all of them are named.
    """
    changed = [
        {"key": key, "old_value": text_of(known[key]), "new_value": text_of(value)}
        for key, value in params.items()
        if key in known and text_of(known[key]) != text_of(value)
    ]
    if not changed:
        return
    if len(params) == 1:
        (only,) = changed
        raise invalid(
            f"Changing param values is not allowed. Param with key='{only['key']}' was already "
            f"logged with value='{only['old_value']}' for run ID='{run_id}'. Attempted logging "
            f"new value '{only['new_value']}'."
        )
    raise invalid(
        f"Changing param values is not allowed. Params were already logged='{changed}' for run "
        f"ID='{run_id}'."
    )


def _says_nothing_new(run: Run, event: Event) -> bool:
    """Return whether all that an event says of params and tags is known."""
    if set(event) - {"params", "tags", "at"}:
        return False
    old = {key: run.tags.get(key) for key in event.get("tags", {})}
    same_tags: bool = old == event.get("tags", {})
    return same_tags and event.get("params", {}).keys() <= run.params.keys()
