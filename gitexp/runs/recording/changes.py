"""Which runs differ between two trees of a runs branch, found without reading the runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gitexp.documents import layout
from gitexp.ids import RUN_ID_PATTERN, ObjectId, RunId
from gitexp.store.model import TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, read_tree

_RUN_ID = re.compile(RUN_ID_PATTERN[:-1] + r"\Z")
_LEVELS = layout.run_dir(RunId("20261121T131502-k3fgq2x7")).count("/") - 1


class ChangedRun(NamedTuple):
    """A run that differs, as it stands in the new tree.

    Attributes:
        id: the run's id; for a file that is no part of any run, its path.
        record: the id of its record; None when it has none.
        beside: the id of the directory of what stands beside the record; None when it has none.
    """

    id: str
    record: ObjectId | None
    beside: ObjectId | None

    @property
    def is_gone(self) -> bool:
        """Whether the new tree holds nothing of it."""
        return self.record is None and self.beside is None


def changed_runs(store: Store, old: TreeId | None, new: TreeId | None) -> Iterator[ChangedRun]:
    """Yield the runs that differ between two trees of a runs branch, oldest first.

    Only directories that differ are read, and none of a run. None is the empty tree.

    Raises:
        MissingObject, DamagedObject: a directory cannot be read.
    """
    before, after = _runs_directory(store, old), _runs_directory(store, new)
    yield from _changed(store, layout.RUNS_DIR, before, after, _LEVELS)


def is_run(changed_id: str) -> bool:
    """Return whether a `ChangedRun.id` is a run's id, and no path."""
    return _RUN_ID.match(changed_id) is not None


def _runs_directory(store: Store, tree: TreeId | None) -> TreeEntry | None:
    return entry_at(store, tree, layout.RUNS_DIR) if tree is not None else None


def _changed(
    store: Store, path: str, old: TreeEntry | None, new: TreeEntry | None, levels: int
) -> Iterator[ChangedRun]:
    if old == new:
        return
    before, after = _entries(store, old), _entries(store, new)
    differing = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    if not levels:
        yield from _runs_in(path, differing, before, after)
        return
    for name in differing:
        yield from _changed(store, f"{path}/{name}", before.get(name), after.get(name), levels - 1)


def _entries(store: Store, directory: TreeEntry | None) -> dict[str, TreeEntry]:
    if directory is None or not directory.is_tree:
        return {}
    return {entry.name: entry for entry in read_tree(store, TreeId(directory.id))}


def _runs_in(
    path: str,
    differing: list[str],
    before: dict[str, TreeEntry],
    after: dict[str, TreeEntry],
) -> Iterator[ChangedRun]:
    run_ids: dict[str, None] = {}
    for name in differing:
        parts = [entry for entry in (before.get(name), after.get(name)) if entry is not None]
        if any(_is_part(path, entry) for entry in parts):
            run_ids[name.removesuffix(".json")] = None
        if any(not _is_part(path, entry) for entry in parts):
            stray = after.get(name)
            is_stray = stray is not None and not _is_part(path, stray)
            yield ChangedRun(f"{path}/{name}", stray.id if stray and is_stray else None, None)
    for run_id in run_ids:
        record, beside = (_part(path, after.get(n)) for n in (f"{run_id}.json", run_id))
        yield ChangedRun(run_id, record, beside)


def _part(path: str, entry: TreeEntry | None) -> ObjectId | None:
    return entry.id if entry is not None and _is_part(path, entry) else None


def _is_part(path: str, entry: TreeEntry) -> bool:
    """Return whether an entry is the record of a run, or the directory of what is beside it."""
    run_id = entry.name.removesuffix(".json")
    fits = entry.is_tree if entry.name == run_id else entry.is_file
    return fits and is_run(run_id) and layout.run_dir(RunId(run_id)) == f"{path}/{run_id}"
