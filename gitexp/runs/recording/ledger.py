"""The ledger: the branch that keeps an experiment's runs, a file for each run.

A run's files are written once, by one writer, under a path that follows from the run's id. So
two ledgers of one experiment join by union, and recording a run twice changes nothing. What was
recorded on this machine is on the local branch, what others shared is on the tracking branch of
the shared remote; readers see both as one.

What comes to a run before or after its record is a segment: a file of events of its own, which is
never changed either. A run that goes on elsewhere has segments and no record yet. A run is the
fold of its record and of the segments that the record has not taken in, in the order of their
names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, islice, repeat
from json.encoder import encode_basestring
from typing import Any, TypeVar

from gitexp.documents import layout, schemas
from gitexp.documents.json_codec import parse_json
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.limits import MAX_DEPTH, MAX_JSON_BYTES
from gitexp.documents.problems import Problem
from gitexp.errors import Conflict, InvalidDocuments, NotFound, StoreError
from gitexp.ids import Name, ObjectId, RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.events import folded, points_of
from gitexp.runs.journalling import journals
from gitexp.runs.metrics import MetricPoint, NamedPoint, in_order, load_history, load_points
from gitexp.runs.recording.places import (
    MAX_BESIDE_BYTES,
    TAMPERED,
    Ledger,
    Place,
    all_ledgers,
    entry_beside,
    find,
    ledgers_of,
    newest_first,
)
from gitexp.runs.recording.records import Content, Record, blob_of, record_of
from gitexp.runs.recording.segments import Segment, events_in, segments_at
from gitexp.runs.run import Run
from gitexp.store.model import MODE_FILE, Signature, TreeEntry, TreeId
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import entry_at, tree_of

__all__ = ["Record", "append", "get", "has", "metric_history", "read", "record_of"]

MAX_RUN_BYTES = 10 * 2**20
"""The largest record of a run that is read."""

_SECOND = len("20261121T131502")

T = TypeVar("T")

_READING = "2"
"""Changes when the same bytes may be read as something else, and so makes old entries unused."""


# --- writing --------------------------------------------------------------------------------


def append(
    workspace: Workspace,
    experiment: str,
    records: Sequence[Record],
    *,
    author: Signature | None = None,
) -> ObjectId | None:
    """Return the commit that records runs that ended together, or None when all were recorded.

    See `write`.
    """
    contents: dict[str, Content] = {}
    for record in records:
        contents |= record.contents()
    message = _message(experiment, [f"{record.run.id} {record.run.status}" for record in records])
    return write(workspace, experiment, contents, message=message, author=author)


def write(
    workspace: Workspace,
    experiment: str,
    contents: Mapping[str, Content],
    *,
    message: str,
    author: Signature | None = None,
) -> ObjectId | None:
    """Return the commit that adds files to an experiment's ledger, or None when all were there.

    The commit goes on top of the local runs branch, or of the shared one where there is no local
    one yet. The cost does not depend on how many runs are there.

    Args:
        author: who made the runs; whoever is at work now by default.

    Raises:
        Conflict: one of the files is there with other content.
    """
    branch = layout.runs_branch(Name(workspace.project_id), Name(experiment))

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
            message=message,
            author=author or workspace.signature(),
            sign=workspace.commit_sign(needed=False),
        )
        tx.set_ref(branch, old=local, new=commit, message="gitexp: record a run")
        return commit

    return transact(workspace.store, work)


def _not_yet_there(
    tx: Transaction, branch: str, base: TreeId | None, contents: Mapping[str, Content]
) -> dict[str, TreeEntry]:
    new: dict[str, TreeEntry] = {}
    for path, content in contents.items():
        entry = entry_at(tx, base, path) if base else None
        blob = blob_of(content, tx.hash_length)
        if entry is None:
            tx.apply([blob], ())
            new[path] = TreeEntry(name="", mode=MODE_FILE, id=blob.id)
        elif entry.id != blob.id:
            raise Conflict(
                f"{layout.branch_name(branch)} holds another {path} already",
                hint="A recorded run is never changed. Run it again, which makes a new run.",
            )
    return new


def _message(experiment: str, lines: Sequence[str]) -> str:
    if len(lines) == 1:
        return f"run {experiment}: {lines[0]}"
    return f"run {experiment}: {len(lines)} runs\n\n" + "\n".join(lines)


# --- reading --------------------------------------------------------------------------------


def read(workspace: Workspace, experiment: str, *, limit: int | None = None) -> list[Run]:
    """Return the runs of an experiment, newest first, those shared by others among them.

    With a limit, only the minutes that hold the newest runs are looked into.

    Raises:
        StoreError: a record is damaged or is not what its path says; the message names it.
        Conflict: one run is recorded with two contents.
    """
    each = newest_first(workspace.store, ledgers_of(workspace, experiment))
    # An id tells the second; within one, the record tells which run was made first.
    seconds = groupby(each, key=lambda places: places[0].run_id[:_SECOND])
    runs = (run for _, group in seconds for run in _by_moment(workspace, group))
    return list(islice(runs, limit))


def _by_moment(workspace: Workspace, group: Iterable[list[Place]]) -> list[Run]:
    runs = [run_from(workspace, places) for places in group]
    return sorted(runs, key=lambda run: (run.created_at, run.id), reverse=True)


def get(workspace: Workspace, run_id: str) -> Run:
    """Return a run of the project by its id.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: no such run is recorded here.
    """
    return run_from(workspace, places_of(workspace, run_id))


def has(workspace: Workspace, experiment: str, run_id: RunId) -> bool:
    """Return whether a run is recorded here."""
    places = find(workspace.store, ledgers_of(workspace, experiment), run_id)
    return any(place.record is not None for place in places)


def recorded_files(workspace: Workspace, experiment: str, run_id: RunId) -> Callable[[str], bool]:
    """Return what says of a path whether such a file is recorded beside a run."""
    places = find(workspace.store, ledgers_of(workspace, experiment), run_id)
    beside = [TreeId(place.beside.id) for place in places if place.beside is not None]
    directory = f"{layout.run_dir(run_id)}/"

    def is_recorded(path: str) -> bool:
        below = path.removeprefix(directory)
        return any(entry_at(workspace.store, tree, below) is not None for tree in beside)

    return is_recorded


def places_of(workspace: Workspace, run_id: str) -> list[Place]:
    """Return where a run of the project stands, at least once.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: no such run is recorded here.
    """
    places = find(workspace.store, all_ledgers(workspace), parse_run_id(run_id))
    if not places:
        raise NotFound(
            f"no run {run_id} is recorded here",
            hint="It may not be here yet: `gitexp fetch`.",
        )
    return places


def run_at(workspace: Workspace, ledgers: Sequence[Ledger], run_id: RunId) -> Run | None:
    """Return a run as some ledgers have it, or None when they do not."""
    places = find(workspace.store, ledgers, run_id)
    return run_from(workspace, places) if places else None


def run_from(workspace: Workspace, places: Sequence[Place]) -> Run:
    """Return a run from all the places where it stands: its record and its segments, folded.

    Raises:
        StoreError: something of it is damaged; the message names it.
        Conflict: it is recorded with two contents.
    """
    recorded = [place for place in places if place.record is not None]
    for other in recorded[1:]:
        if other.record is not None and recorded[0].record != other.record:
            raise _two_contents(recorded[0], other)
    segments = segments_at(workspace.store, places)
    if recorded:
        run = _recorded(workspace, recorded[0])
        new = [segments[name] for name in sorted(segments) if name not in run.segments]
        return _folded(workspace, run, recorded[0], new) if new else run
    return _going_on(workspace, places[0], [segments[name] for name in sorted(segments)])


def _going_on(workspace: Workspace, place: Place, segments: Sequence[Segment]) -> Run:
    """Return a run that goes on elsewhere, from what was shared of it so far."""
    # Somebody else's clock may have put a tag of theirs before it.
    beginning = events_in(workspace, segments, holding=b'"run":')
    first = next((event["run"] for event in beginning if "run" in event), None)
    if first is None:
        path = layout.run_dir(place.run_id)
        raise StoreError(f"{place.name_of(path)} is no part of a run", hint=TAMPERED)
    return _folded(workspace, first, place, segments)


def _folded(
    workspace: Workspace, run: Run | Mapping[str, Any], place: Place, segments: Sequence[Segment]
) -> Run:
    """Return what a run, or the run of a document, became by its segments."""
    try:
        began = run if isinstance(run, Run) else Run.from_dict(run)
        return folded(began, events_in(workspace, segments))
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        directory = place.name_of(layout.events_dir(place.run_id))
        what = f"{type(exc).__name__}: {exc}"
        raise StoreError(f"{directory} holds what is no event: {what}", hint=TAMPERED) from exc


def _two_contents(one: Place, other: Place) -> Conflict:
    return Conflict(
        f"{one.file} and {other.file} are different",
        hint=f"One of them was changed by hand; compare them with `git diff {one.file} "
        f"{other.file}` and put the right one on both branches.",
    )


def segments_of(workspace: Workspace, run_id: str) -> list[str]:
    """Return the names of all segments of a run that are here, in their order.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: no such run is recorded here.
    """
    return sorted(segments_at(workspace.store, places_of(workspace, run_id)))


def file_beside(workspace: Workspace, places: Sequence[Place], name: str) -> tuple[Place, bytes]:
    """Return a file that stands beside a record, empty where there is none."""
    found = entry_beside(workspace.store, places, name)
    if found is None:
        return places[0], b""
    return found[0], workspace.store.read(found[1].id, limit=MAX_BESIDE_BYTES).data


def metric_history(workspace: Workspace, run_id: str, metric: str) -> list[MetricPoint]:
    """Return the points of one metric of a run, by step and time; see `points_of_run`."""
    places, added = _points_added(workspace, run_id, metric)
    recorded = _lines(workspace, places, lambda data: load_history(data, metric))
    if not added:
        return recorded  # in order, as every record is
    return [point for _, point in in_order([*zip(repeat(metric), recorded), *added])]


def points_of_run(workspace: Workspace, run_id: str, metric: str | None = None) -> list[NamedPoint]:
    """Return the points of a run that is recorded or goes on here, or only those of one metric.

    They are sorted by metric, step and time, and otherwise in the order in which they were
    logged; a point that was logged twice is there once.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: there is no such run here.
        StoreError: a line is damaged.
    """
    if metric is not None:
        return [(metric, point) for point in metric_history(workspace, run_id, metric)]
    places, added = _points_added(workspace, run_id)
    recorded = _lines(workspace, places, load_points)
    return in_order(recorded + added) if added else recorded


def _points_added(
    workspace: Workspace, run_id: str, metric: str | None = None
) -> tuple[list[Place], list[NamedPoint]]:
    """Return where a run stands, and its points that stand beside its record or in a journal."""
    holding = b'"metrics":' if metric is None else f"[{encode_basestring(metric)},".encode()
    known = parse_run_id(run_id)
    # In this order a run that ends meanwhile is seen twice, not missed.
    goes_on = bool(journals.paths_of(workspace, known))
    events = list(journals.events_of(workspace, known, holding=holding))
    places = find(workspace.store, all_ledgers(workspace), known)
    if not places and not goes_on:
        places = places_of(workspace, run_id)
    segments = segments_at(workspace.store, places)
    shared = events_in(workspace, [segments[name] for name in sorted(segments)], holding=holding)
    points = [point for event in (*shared, *events) for point in points_of(event)]
    return places, [point for point in points if metric in (None, point[0])]


def _lines(
    workspace: Workspace, places: Sequence[Place], load: Callable[[bytes], list[T]]
) -> list[T]:
    if not places:
        return []
    place, data = file_beside(workspace, places, layout.METRICS_FILE)
    try:
        return load(data)
    except (ValueError, KeyError, TypeError) as exc:
        file = place.name_of(layout.metrics_path(place.run_id))
        raise StoreError(f"{file} is damaged: {exc}", hint=TAMPERED) from exc


def _recorded(workspace: Workspace, place: Place) -> Run:
    assert place.record is not None
    key = f"run/{_READING}/{place.record.id}"
    known = workspace.cache.get(key)
    if known is None:
        # By its id: looking it up by path would read the whole directory for every run.
        data = workspace.store.read(place.record.id, limit=MAX_RUN_BYTES).data
        known = checked("run", data, place.file)
        workspace.cache.put(key, known)
    if known["id"] != place.run_id:
        message = f"{place.file} is the record of another run: {known['id']}"
        raise StoreError(message, hint=TAMPERED)
    return Run.from_dict(known)


def checked(
    kind: DocumentKind,
    data: bytes,
    file: str,
    *,
    max_bytes: int = MAX_JSON_BYTES,
    max_depth: int = MAX_DEPTH,
) -> Any:
    """Return the value of a document of a ledger.

    Args:
        max_bytes, max_depth: the largest, and the deepest nested one, that is read.

    Raises:
        StoreError: it is damaged; the message names it.
    """
    try:
        document = parse_json(data, file=file, max_bytes=max_bytes, max_depth=max_depth)
        problems = schemas.check(kind, document, file=file)
    except InvalidDocuments as exc:
        raise _unreadable(exc.problems[0]) from exc
    if problems:
        raise _unreadable(problems[0])
    return document.value


def _unreadable(problem: Problem) -> StoreError:
    return StoreError(f"the record of a run cannot be read: {problem}", hint=TAMPERED)
