"""The ledger: the branch that keeps an experiment's runs, a file for each run.

A run's files are written once, by one writer, under a path that follows from the run's id. So
two ledgers of one experiment join by union, and recording a run twice changes nothing. What was
recorded on this machine is on the local branch, what others shared is on the tracking branch of
the shared remote; readers see both as one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import Any

from gitexp.documents import layout, schemas
from gitexp.documents.json_codec import dump_json, dump_jsonl, parse_json
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.problems import Problem
from gitexp.errors import Conflict, InvalidDocuments, InvalidInput, NotFound, StoreError
from gitexp.ids import Name, ObjectId, RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.rows import ResultRow
from gitexp.runs.run import Run
from gitexp.runs.tallies import count_rows, evaluator_metrics
from gitexp.store.model import Signature, TreeEntry, TreeId
from gitexp.store.objects import hash_object
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, entry_at, list_dir, tree_of

MAX_RUN_BYTES = 10 * 2**20
"""The largest record of a run that is read."""

MAX_RESULTS_BYTES = 512 * 2**20
"""The largest `results.jsonl` that is read."""

_SECOND = len("20261121T131502")

_READING = "1"
"""Changes when the same bytes may be read as something else, and so makes old entries unused."""

_TAMPERED = (
    "Records are written once and never changed by gitexp; see what changed the branch with "
    "`git log`."
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run as it goes into the ledger.

    Attributes:
        run: the run, which is over.
        files: what stands beside it, by name, such as `results.jsonl`.
    """

    run: Run
    files: Mapping[str, bytes] = field(default_factory=dict)

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of every file by its path on the runs branch."""
        directory = layout.run_dir(self.run.id)
        beside = {f"{directory}/{name}": data for name, data in self.files.items() if data}
        return {layout.run_path(self.run.id): dump_json(self.run.to_dict()), **beside}


def record_of(run: Run, rows: Sequence[ResultRow]) -> Record:
    """Return the record of a run that is over: its totals counted from its rows, and the rows."""
    counted = replace(run, stats=count_rows(rows), metrics=evaluator_metrics(rows))
    results = dump_jsonl(row.to_dict() for row in rows)
    return Record(run=counted, files={layout.RESULTS_FILE: results})


# --- writing --------------------------------------------------------------------------------


def append(
    workspace: Workspace,
    experiment: str,
    records: Sequence[Record],
    *,
    author: Signature | None = None,
) -> ObjectId | None:
    """Return the commit that records runs that ended together, or None when all were recorded.

    The commit goes on top of the local runs branch, or of the shared one where there is no local
    one yet. The cost does not depend on how many runs are there.

    Args:
        author: who made the runs; whoever is at work now by default.

    Raises:
        Conflict: a run with one of these ids is recorded with other content.
    """
    branch = layout.runs_branch(Name(workspace.project_id), Name(experiment))
    contents: dict[str, bytes] = {}
    for record in records:
        contents |= record.contents()

    def work(tx: Transaction) -> ObjectId | None:
        local = tx.ref(branch)
        parent = local or tx.ref(workspace.tracking(branch))
        base = tree_of(tx, parent) if parent else None
        new = _not_yet_there(tx, branch, base, contents)
        if not new:
            return None
        commit = tx.commit(
            tree=tx.tree(base, new),
            parents=[parent] if parent else [],
            message=_message(experiment, records),
            author=author or workspace.signature(),
        )
        tx.set_ref(branch, old=local, new=commit, message="gitexp: record a run")
        return commit

    return transact(workspace.store, work)


def _not_yet_there(
    tx: Transaction, branch: str, base: TreeId | None, contents: Mapping[str, bytes]
) -> dict[str, bytes]:
    new: dict[str, bytes] = {}
    for path, data in contents.items():
        entry = entry_at(tx, base, path) if base else None
        if entry is None:
            new[path] = data
        elif entry.id != hash_object("blob", data, hash_length=tx.hash_length):
            raise Conflict(
                f"{layout.branch_name(branch)} holds another {path} already",
                hint="A recorded run is never changed. Run it again, which makes a new run.",
            )
    return new


def _message(experiment: str, records: Sequence[Record]) -> str:
    lines = [f"{record.run.id} {record.run.status}" for record in records]
    if len(lines) == 1:
        return f"run {experiment}: {lines[0]}"
    return f"run {experiment}: {len(lines)} runs\n\n" + "\n".join(lines)


# --- reading --------------------------------------------------------------------------------


def read(workspace: Workspace, experiment: str, *, limit: int | None = None) -> list[Run]:
    """Return the runs of an experiment, newest first, those shared by others among them.

    With a limit, only the days that hold the newest runs are looked into.

    Raises:
        StoreError: a record is damaged or is not what its path says; the message names it.
        Conflict: one run is recorded with two contents.
    """
    places = _newest_first(workspace, experiment)
    # An id tells the second; within one, the record tells which run was made first.
    seconds = groupby(places, key=lambda place: place.run_id[:_SECOND])
    runs = (run for _, group in seconds for run in _by_moment(workspace, group))
    return list(islice(runs, limit))


def _by_moment(workspace: Workspace, places: Iterable[_Place]) -> list[Run]:
    runs = [_load(workspace, place) for place in places]
    return sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True)


def get(workspace: Workspace, run_id: str) -> Run:
    """Return a run of the project by its id.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: no such run is recorded here.
    """
    return _load(workspace, _find(workspace, parse_run_id(run_id)))


def has(workspace: Workspace, experiment: str, run_id: RunId) -> bool:
    """Return whether a run is recorded here."""
    path = layout.run_path(run_id)
    return any(
        entry_at(workspace.store, tree, path) is not None
        for _, tree in _ledgers(workspace, experiment)
    )


def results_of(workspace: Workspace, run_id: str) -> Iterator[ResultRow]:
    """Yield the rows of a run, in the order of its dataset; none when it has no rows.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: no such run is recorded here.
        StoreError: a row is damaged; the message names its line.
    """
    place = _find(workspace, parse_run_id(run_id))
    path = layout.results_path(place.run_id)
    data = blob_at(workspace.store, place.tree, path, limit=MAX_RESULTS_BYTES)
    file = f"{place.branch}:{path}"
    for number, line in enumerate((data or b"").splitlines(), start=1):
        if line.strip():
            yield _row(line, f"{file}:{number}")


def _row(line: bytes, file: str) -> ResultRow:
    return ResultRow.from_dict(_checked("result", line, file))


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a run is recorded."""

    run_id: RunId
    branch: str
    tree: TreeId
    entry: TreeEntry

    @property
    def file(self) -> str:
        """The record's name in messages, which `git show` understands too."""
        return f"{self.branch}:{layout.run_path(self.run_id)}"


def _ledgers(workspace: Workspace, experiment: str) -> list[tuple[str, TreeId]]:
    """Return the distinct trees of the local and the shared runs branch."""
    branch = layout.runs_branch(Name(workspace.project_id), Name(experiment))
    return _trees_of(workspace, [branch, workspace.tracking(branch)])


def _trees_of(workspace: Workspace, refs: Iterable[str]) -> list[tuple[str, TreeId]]:
    found: dict[TreeId, str] = {}
    for ref in refs:
        tip = workspace.store.ref(ref)
        if tip is not None:
            found.setdefault(tree_of(workspace.store, tip), _short(ref))
    return [(branch, tree) for tree, branch in found.items()]


def _short(ref: str) -> str:
    return ref.removeprefix(layout.BRANCHES).removeprefix("refs/remotes/")


def _newest_first(workspace: Workspace, experiment: str) -> Iterator[_Place]:
    ledgers = [
        _places(workspace.store, branch, tree) for branch, tree in _ledgers(workspace, experiment)
    ]
    last: _Place | None = None
    for place in heapq.merge(*ledgers, key=lambda place: place.run_id, reverse=True):
        if last is None or place.run_id != last.run_id:
            yield place
            last = place
        elif place.entry.id != last.entry.id:
            raise _two_contents(last, place)


def _two_contents(one: _Place, other: _Place) -> Conflict:
    return Conflict(
        f"{one.file} and {other.file} are different",
        hint=f"One of them was changed by hand; compare them with `git diff {one.file} "
        f"{other.file}` and put the right one on both branches.",
    )


def _places(store: Store, branch: str, tree: TreeId) -> Iterator[_Place]:
    """Yield the runs of one branch, newest first, a day at a time."""
    for day, directory in _days(store, tree):
        for entry in reversed(list_dir(store, directory, "")):
            if entry.name.endswith(".json"):
                yield _place(branch, tree, f"{day}/{entry.name}", entry)


def _days(store: Store, tree: TreeId) -> Iterator[tuple[str, TreeId]]:
    """Yield the path and the tree of every day, newest first; each is read when it is asked for."""
    top = entry_at(store, tree, layout.RUNS_DIR)
    if top is not None and top.is_tree:
        yield from _directories(store, layout.RUNS_DIR, TreeId(top.id), levels=3)


def _directories(
    store: Store, path: str, tree: TreeId, *, levels: int
) -> Iterator[tuple[str, TreeId]]:
    if not levels:
        yield path, tree
        return
    for entry in reversed(list_dir(store, tree, "")):
        if entry.is_tree:
            below = f"{path}/{entry.name}"
            yield from _directories(store, below, TreeId(entry.id), levels=levels - 1)


def _place(branch: str, tree: TreeId, path: str, entry: TreeEntry) -> _Place:
    run_id = RunId(entry.name.removesuffix(".json"))
    if _is_run_id(run_id) and layout.run_path(run_id) == path and entry.is_file:
        return _Place(run_id=run_id, branch=branch, tree=tree, entry=entry)
    raise StoreError(f"{branch}:{path} is no record of a run", hint=_TAMPERED)


def _is_run_id(text: str) -> bool:
    try:
        parse_run_id(text)
    except InvalidInput:
        return False
    return True


def _find(workspace: Workspace, run_id: RunId) -> _Place:
    path = layout.run_path(run_id)
    prefix = layout.runs_branches(Name(workspace.project_id))
    refs = [*workspace.store.refs(prefix), *workspace.store.refs(workspace.tracking(prefix))]
    for branch, tree in _trees_of(workspace, refs):
        entry = entry_at(workspace.store, tree, path)
        if entry is not None:
            return _Place(run_id=run_id, branch=branch, tree=tree, entry=entry)
    raise NotFound(
        f"no run {run_id} is recorded here",
        hint="It may not be here yet: `gitexp fetch`.",
    )


def _load(workspace: Workspace, place: _Place) -> Run:
    key = f"run/{_READING}/{place.entry.id}"
    known = workspace.cache.get(key)
    if known is None:
        # By its id: looking it up by path would read the whole day's directory for every run.
        data = workspace.store.read(place.entry.id, limit=MAX_RUN_BYTES).data
        known = _checked("run", data, place.file)
        workspace.cache.put(key, known)
    if known["id"] != place.run_id:
        message = f"{place.file} is the record of another run: {known['id']}"
        raise StoreError(message, hint=_TAMPERED)
    return Run.from_dict(known)


def _checked(kind: DocumentKind, data: bytes, file: str) -> Any:
    try:
        document = parse_json(data, file=file)
        problems = schemas.check(kind, document, file=file)
    except InvalidDocuments as exc:
        raise _unreadable(exc.problems[0]) from exc
    if problems:
        raise _unreadable(problems[0])
    return document.value


def _unreadable(problem: Problem) -> StoreError:
    return StoreError(f"the record of a run cannot be read: {problem}", hint=_TAMPERED)
