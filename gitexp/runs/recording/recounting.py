"""Totals of runs that came to have more rows or scores in two clones at once.

Each of the clones counted what it knew. When they join, the totals are counted anew over all rows
and recorded behind what both added, with what the scores of both come to: the scores that are made
of others, and the verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitexp.documents import layout
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.contents import encoded
from gitexp.runs.journalling.side_files import Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.changes import ChangedRun, changed_runs, is_run
from gitexp.runs.recording.places import all_ledgers, find
from gitexp.runs.recording.results import rescored, rows_of, totals_of, updated
from gitexp.runs.recording.segments import dump_events, events_in, new_segment, segments_at
from gitexp.runs.rows import ResultRow, Score
from gitexp.runs.run import Run
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store
from gitexp.store.trees import entry_at, list_dir


def recounted(workspace: Workspace, base: TreeId, ours: TreeId, theirs: TreeId) -> dict[str, bytes]:
    """Return segments by path, for every run to which both sides added rows or scores.

    Args:
        base: the tree of the ledger from which both went on.

    Raises:
        StoreError: rows of such a run are damaged.
    """
    store, files = workspace.store, dict[str, bytes]()
    here, there = (
        {run.id: run for run in changed_runs(store, base, side)} for side in (ours, theirs)
    )
    for run_id in sorted(here.keys() & there.keys()):
        if is_run(run_id) and _differ(store, here[run_id], there[run_id]):
            files |= _segment(workspace, RunId(run_id))
    return files


def _differ(store: Store, one: ChangedRun, other: ChangedRun) -> bool:
    """Return whether each side has rows that the other one has not."""
    parts, others = _parts(store, one), _parts(store, other)
    return bool(parts - others and others - parts)


def _parts(store: Store, run: ChangedRun) -> set[str]:
    rows = entry_at(store, TreeId(run.beside), layout.RESULTS_DIR) if run.beside else None
    if rows is None or not rows.is_tree:
        return set()
    return {entry.name for entry in list_dir(store, TreeId(rows.id), "")}


def _segment(workspace: Workspace, run_id: RunId) -> dict[str, bytes]:
    run, lines = ledger.get(workspace, run_id), list[bytes]()
    combine = _combining(workspace, run)

    def rows() -> Iterator[ResultRow]:
        # What goes on here beside it is counted when that is recorded.
        for row in rows_of(workspace, run_id, beside=Sides(None)):
            line = _judged_again(run, row, combine(row))
            if line is not None:
                lines.append(encoded(line.to_dict()) + b"\n")
            yield row if line is None else updated(row, line)

    event = {
        "set": totals_of(rows()) | _evaluators(workspace, run_id),
        "at": int(workspace.surroundings.clock.now().timestamp() * 1000),
    }
    name = new_segment(workspace, after=ledger.segments_of(workspace, run_id))
    part = {layout.results_part_path(run_id, name): b"".join(lines)} if lines else {}
    return {layout.segment_path(run_id, name): dump_events([event]), **part}


def _combining(workspace: Workspace, run: Run) -> Callable[[ResultRow], Mapping[str, Score]]:
    if workspace.recombine is None or not run.evaluation.get("evaluator_workflows"):
        return lambda row: {}
    return workspace.recombine(workspace, run)


def _judged_again(run: Run, row: ResultRow, combined: Mapping[str, Score]) -> ResultRow | None:
    """Return the line that gives a row what all its scores come to; None where it has that."""
    line = rescored(run, row, combined)
    return line if run.evaluation and updated(row, line) != row else None


def _evaluators(workspace: Workspace, run_id: RunId) -> dict[str, Any]:
    """Return what is to be set of the evaluators: all that either side named, each as last."""
    places = find(workspace.store, all_ledgers(workspace), run_id)
    segments = segments_at(workspace.store, places)
    found: dict[str, Any] = {}
    in_order = [segments[name] for name in sorted(segments)]
    for event in events_in(workspace, in_order, holding=b'"evaluators":'):
        for one in event.get("set", {}).get("evaluators") or ():
            found[one["name"]] = one
    return {"evaluators": list(found.values())} if found else {}
