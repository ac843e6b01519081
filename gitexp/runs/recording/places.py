"""Where runs stand in the trees of a ledger, newest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from gitexp.documents import layout
from gitexp.errors import InvalidInput, StoreError
from gitexp.ids import Name, ObjectId, RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir, tree_of

TAMPERED = (
    "Records are written once and never changed by gitexp; see what changed the branch with "
    "`git log`."
)

MAX_BESIDE_BYTES = 512 * 2**20
"""The largest file beside a record that is read at once."""

_LEVELS = 4  # year, month, day, minute


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """One tree of records: where it was found, and the tree."""

    branch: str
    tree: TreeId


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run stands in one ledger.

    Attributes:
        record: its record, or None when it has only segments so far.
        beside: the directory of what stands beside the record, or None.
    """

    run_id: RunId
    ledger: Ledger
    record: TreeEntry | None = None
    beside: TreeEntry | None = None

    @property
    def file(self) -> str:
        """The record's name in messages, which `git show` understands too."""
        return f"{self.ledger.branch}:{layout.run_path(self.run_id)}"

    def name_of(self, path: str) -> str:
        """Return the name in messages of a file of this ledger."""
        return f"{self.ledger.branch}:{path}"


def ledgers_of(workspace: Workspace, experiment: str) -> list[Ledger]:
    """Return the distinct trees of the local and the shared runs branch."""
    branch = layout.runs_branch(Name(workspace.project_id), Name(experiment))
    refs = [branch, workspace.tracking(branch)]
    tips = {ref: tip for ref in refs if (tip := workspace.store.ref(ref)) is not None}
    return _ledgers(workspace.store, tips)


def all_ledgers(workspace: Workspace) -> list[Ledger]:
    """Return the distinct trees of all runs branches of the project, here and shared."""
    prefix = layout.runs_branches(Name(workspace.project_id))
    store = workspace.store
    return _ledgers(store, store.refs(prefix) | store.refs(workspace.tracking(prefix)))


def _ledgers(store: Store, tips: Mapping[str, ObjectId]) -> list[Ledger]:
    found: dict[TreeId, str] = {}
    for ref, tip in tips.items():
        found.setdefault(tree_of(store, tip), _short(ref))
    return [Ledger(branch=branch, tree=tree) for tree, branch in found.items()]


def _short(ref: str) -> str:
    return ref.removeprefix(layout.BRANCHES).removeprefix("refs/remotes/")


def newest_first(store: Store, ledgers: Iterable[Ledger]) -> Iterator[list[Place]]:
    """Yield the places of every run that any of the ledgers holds, newest first.

    Directories are read when they are reached.

    Raises:
        StoreError: a file stands where a record should, and is none.
    """
    each = [_places(store, ledger) for ledger in ledgers]
    merged = heapq.merge(*each, key=lambda place: place.run_id, reverse=True)
    for _, places in groupby(merged, key=lambda place: place.run_id):
        yield list(places)


def find(store: Store, ledgers: Iterable[Ledger], run_id: RunId) -> list[Place]:
    """Return the places of one run."""
    found = [_place_of(store, ledger, run_id) for ledger in ledgers]
    return [place for place in found if place is not None]


def entry_beside(
    store: Store, places: Iterable[Place], name: str
) -> tuple[Place, TreeEntry] | None:
    """Return a file that stands beside a record, and where; None where there is none."""
    for place in places:
        if place.beside is not None:
            entry = entry_at(store, TreeId(place.beside.id), name)
            if entry is not None and entry.is_file:
                return place, entry
    return None


def lines_of_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines, without their ends, of what comes in pieces.

    Raises:
        StoreError: a line is longer than any that is recorded.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > MAX_BESIDE_BYTES:
            raise StoreError(f"a line is longer than {MAX_BESIDE_BYTES} bytes", hint=TAMPERED)
    if rest:
        yield rest


def _place_of(store: Store, ledger: Ledger, run_id: RunId) -> Place | None:
    minute, _, name = layout.run_dir(run_id).rpartition("/")
    directory = entry_at(store, ledger.tree, minute)
    if directory is None or not directory.is_tree:
        return None
    record, beside = (
        entry_at(store, TreeId(directory.id), entry) for entry in (f"{name}.json", name)
    )
    if record is None and beside is None:
        return None
    return Place(run_id=run_id, ledger=ledger, record=record, beside=beside)


def _places(store: Store, ledger: Ledger) -> Iterator[Place]:
    for path, directory in _minutes(store, ledger.tree):
        found: dict[RunId, dict[str, TreeEntry]] = {}
        for entry in list_dir(store, directory, ""):
            run_id, part = _told(entry, f"{path}/{entry.name}", ledger)
            found.setdefault(run_id, {})[part] = entry
        for run_id in sorted(found, reverse=True):
            parts = found[run_id]
            yield Place(
                run_id=run_id,
                ledger=ledger,
                record=parts.get("record"),
                beside=parts.get("beside"),
            )


def _told(entry: TreeEntry, path: str, ledger: Ledger) -> tuple[RunId, str]:
    run_id = RunId(entry.name.removesuffix(".json"))
    if is_run_id(run_id):
        if layout.run_path(run_id) == path and entry.is_file:
            return run_id, "record"
        if layout.run_dir(run_id) == path and entry.is_tree:
            return run_id, "beside"
    raise StoreError(f"{ledger.branch}:{path} is no record of a run", hint=TAMPERED)


def is_run_id(text: str) -> bool:
    """Return whether a text is a run id."""
    try:
        parse_run_id(text)
    except InvalidInput:
        return False
    return True


def _minutes(store: Store, tree: TreeId) -> Iterator[tuple[str, TreeId]]:
    """Yield path and tree of every minute that has runs, newest first."""
    top = entry_at(store, tree, layout.RUNS_DIR)
    if top is not None and top.is_tree:
        yield from _directories(store, layout.RUNS_DIR, TreeId(top.id), levels=_LEVELS)


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
