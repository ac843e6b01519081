"""Bringing the index up to the tips of the runs branches, by the difference between trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitexp.documents import layout
from gitexp.errors import Conflict, DamagedObject, MissingObject, StoreError
from gitexp.ids import Name, ObjectId, RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.index.documents import Found, document_of
from gitexp.runs.index.entries import Entry, entry_of
from gitexp.runs.index.schema import create, create_indexes, drop_indexes
from gitexp.runs.index.writing import Known, Writer
from gitexp.runs.recording.changes import ChangedRun, changed_runs, is_run
from gitexp.runs.recording.places import TAMPERED, Ledger
from gitexp.store.model import TreeId
from gitexp.store.trees import tree_of

if TYPE_CHECKING:
    import sqlite3

_AT_ONCE = 2000

T = TypeVar("T")


class Branch(NamedTuple):
    """A runs branch as the index has seen it."""

    number: int
    ref: str
    experiment: str
    tip: str
    tree: TreeId

    @property
    def name(self) -> str:
        """Its name in messages, which Git understands too."""
        return self.ref.removeprefix(layout.BRANCHES).removeprefix("refs/remotes/")


_Standing = tuple[Branch, Found]


def tips_of(workspace: Workspace) -> dict[str, ObjectId]:
    """Return the runs branches of the project with their tips, local ones first."""
    prefix = layout.runs_branches(Name(workspace.project_id))
    store = workspace.store
    return {**store.refs(prefix), **store.refs(workspace.tracking(prefix))}


def seen_branches(connection: sqlite3.Connection) -> dict[str, Branch]:
    """Return the branches as the index has seen them, by their references."""
    rows = connection.execute("SELECT branch, ref, experiment, tip, tree FROM branches")
    return {row[1]: Branch(*row) for row in rows}


def is_current(workspace: Workspace, connection: sqlite3.Connection) -> bool:
    """Return whether the index has seen the tips of all branches."""
    seen = seen_branches(connection).values()
    return {branch.ref: branch.tip for branch in seen} == tips_of(workspace)


def follow(workspace: Workspace, connection: sqlite3.Connection) -> None:
    """Bring the index up to the tips; the caller holds a transaction that may write.

    Records that cannot be read and runs with two contents are remembered as problems, which
    whoever asks for runs of that experiment is told.

    Raises:
        MissingObject, DamagedObject: something of a branch is not here, or damaged.
    """
    is_new = not seen_branches(connection)
    if is_new:
        # Names that branches left behind, which are all gone, are no names of these runs.
        create(connection)
        drop_indexes(connection)
    _Update(workspace, connection).run()
    if is_new:
        create_indexes(connection)


class _Update:
    """One update in progress."""

    def __init__(self, workspace: Workspace, connection: sqlite3.Connection) -> None:
        self._workspace = workspace
        self._connection = connection
        self._writer = Writer(connection)
        self._seen = seen_branches(connection)
        self._branches = {branch.number: branch for branch in self._seen.values()}
        self._is_empty = not self._seen

    def run(self) -> None:
        tips = tips_of(self._workspace)
        gone = [branch for ref, branch in self._seen.items() if ref not in tips]
        # What moved to another branch is seen there before it is missed here.
        for ref, tip in tips.items():
            if ref not in self._seen or self._seen[ref].tip != tip:
                self._move(ref, tip)
        for branch in gone:
            self._leave(branch)
        self._writer.flush()

    def _move(self, ref: str, tip: ObjectId) -> None:
        old = self._seen.get(ref)
        number = old.number if old else max(self._branches, default=0) + 1
        experiment, tree = ref.rsplit("/", 1)[1], tree_of(self._workspace.store, tip)
        branch = Branch(number, ref, experiment, tip, tree)
        self._branches[number] = branch
        self._connection.execute("INSERT OR REPLACE INTO branches VALUES (?, ?, ?, ?, ?)", branch)
        for changed in _batches(self._changed(branch, old), _AT_ONCE):
            self._settle(branch, {change.id: change for change in changed})
        self._is_empty = False

    def _changed(self, branch: Branch, old: Branch | None) -> Iterable[ChangedRun]:
        store = self._workspace.store
        if old is None:
            return changed_runs(store, None, branch.tree)
        try:
            return list(changed_runs(store, old.tree, branch.tree))
        except (MissingObject, DamagedObject):
            # What a branch pointed at before it was forced elsewhere may be gone.
            return self._replaced(branch)

    def _replaced(self, branch: Branch) -> list[ChangedRun]:
        held = self._connection.execute("SELECT run FROM places WHERE branch = ?", (branch.number,))
        gone = {run_id: ChangedRun(run_id, None, None) for (run_id,) in held}
        now = {run.id: run for run in changed_runs(self._workspace.store, None, branch.tree)}
        return list((gone | now).values())

    def _leave(self, branch: Branch) -> None:
        held = self._connection.execute("SELECT run FROM places WHERE branch = ?", (branch.number,))
        runs = [ChangedRun(run_id, None, None) for (run_id,) in held]
        for batch in _batches(runs, _AT_ONCE):
            self._settle(branch, {run.id: run for run in batch})
        self._connection.execute("DELETE FROM branches WHERE branch = ?", (branch.number,))

    # --- runs -----------------------------------------------------------------------------

    def _settle(self, branch: Branch, changed: Mapping[str, ChangedRun]) -> None:
        """Take in how some runs stand in a branch now."""
        places = self._places(branch, changed)
        known = {} if self._is_empty else self._writer.known(changed)
        self._write_places(branch, changed.values())
        for run_id in changed:
            self._take_in(run_id, places.get(run_id, []), known.get(run_id))

    def _places(
        self, branch: Branch, changed: Mapping[str, ChangedRun]
    ) -> dict[str, list[_Standing]]:
        """Return where runs stand, in the order of the branches."""
        places: dict[str, list[_Standing]] = {}
        held = () if self._is_empty else self._writer.places(changed)
        for run_id, number, record, beside in held:
            if number != branch.number:
                other = self._branches[number]
                places.setdefault(run_id, []).append((other, _found(other, record, beside)))
        for run in changed.values():
            if not run.is_gone:
                here = (branch, _found(branch, run.record, run.beside))
                places.setdefault(run.id, []).append(here)
        for standing in places.values():
            standing.sort(key=_local_first)
        return places

    def _write_places(self, branch: Branch, changed: Iterable[ChangedRun]) -> None:
        gone, here = [], []
        for run in changed:
            if run.is_gone:
                gone.append((run.id, branch.number))
            else:
                here.append((run.id, branch.number, run.record, run.beside))
        execute = self._connection.executemany
        execute("DELETE FROM places WHERE run = ? AND branch = ?", gone)
        execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", here)

    def _take_in(self, run_id: str, places: list[_Standing], known: Known | None) -> None:
        """Make the index hold a run as it stands in some places, or forget it."""
        self._writer.solve(run_id)
        if not places:
            self._writer.forget(known)
            return
        state, experiment = _state(places), places[0][0].experiment
        if known is not None and known[1] == state:
            if known[2] != experiment:
                self._writer.move(known[0], experiment)
            return
        self._writer.forget(known)
        try:
            entry = self._entry(run_id, places)
        except (MissingObject, DamagedObject):
            raise
        except (StoreError, Conflict) as exc:
            self._writer.tell(run_id, {branch.experiment for branch, _ in places}, exc)
        else:
            self._writer.add(entry, state, experiment)

    def _entry(self, run_id: str, places: list[_Standing]) -> Entry:
        branch = places[0][0].name
        if not is_run(run_id):
            raise StoreError(f"{branch}:{run_id} is no record of a run", hint=TAMPERED)
        try:
            return entry_of(document_of(self._workspace, run_id, [found for _, found in places]))
        except (ArithmeticError, ValueError) as exc:
            # Its schema allows more than there is: the 30th of February, numbers without end.
            file = f"{branch}:{layout.run_path(RunId(run_id))}"
            raise StoreError(f"{file} cannot be a run: {exc}", hint=TAMPERED) from exc


def _local_first(standing: _Standing) -> tuple[bool, str]:
    ref = standing[0].ref
    return not ref.startswith(layout.BRANCHES), ref


def _found(branch: Branch, record: ObjectId | None, beside: ObjectId | None) -> Found:
    return Found(Ledger(branch=branch.name, tree=branch.tree), record, beside)


def _state(places: list[_Standing]) -> str:
    """Return what the content of a run follows from."""
    parts = {f"{found.record or ''}:{found.beside or ''}" for _, found in places}
    return " ".join(sorted(parts))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
