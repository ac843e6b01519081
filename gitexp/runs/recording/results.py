"""The rows of runs: how they are recorded beside a run, and what all that is recorded says.

Rows stand in `results.jsonl` of the run, in the order of its dataset. What came later, from an
evaluation that was gone on with or scored again, and what was shared before the run ended, stands
in `results/NAME.jsonl`, named like the segment of events that belongs to it. A later line for a
sample and repeat replaces the earlier one; a line that was only scored again replaces its scores.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, groupby
from typing import Any

from gitexp.documents import layout
from gitexp.documents.limits import MAX_DEPTH
from gitexp.ids import RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.files import paths_of
from gitexp.runs.journalling.side_files import ROWS, Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.later_lines import LaterLines
from gitexp.runs.recording.places import (
    MAX_BESIDE_BYTES,
    Place,
    all_ledgers,
    entry_beside,
    find,
    lines_of_pieces,
)
from gitexp.runs.recording.segments import segments_at
from gitexp.runs.rows import ResultRow, Score, status_of
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally, tally_of
from gitexp.store.model import TreeEntry
from gitexp.store.streamed import StreamedBlob

_REPEATS = 2**32
_LAST = 2**62
_END = 2**64
_MARK = b'{"checkpoint":'
_BEGIN = re.compile(
    rb'\{"sample":"[^"\\]*(?:\\.[^"\\]*)*","repeat":([0-9]+),"status":"[a-z]+","position":([0-9]+)[,}]'
)
"""How the rows of evaluations begin, see `ResultRow.to_dict`."""

_DEPTH = 4
"""How deep the output of a task stands in a row."""


def mark_checkpoint(sides: Sides, name: str) -> None:
    """Say that the rows of a journal up to here belong to a checkpoint."""
    if sides.size(ROWS):
        sides.append(ROWS, _MARK + json.dumps(name).encode() + b"}")


def unmarked(sides: Sides) -> bool:
    """Return whether there are rows since the last checkpoint."""
    last = deque((payload for _, payload in sides.payloads(ROWS)), maxlen=1)
    return bool(last) and not last[0].startswith(_MARK)


# --- recording ------------------------------------------------------------------------------


def recorded_rows(
    sides: Sides, *, tally: Tally | None = None, hash_length: int = 40
) -> tuple[StreamedBlob, Tally]:
    """Return the rows of a journal as the lines of a file, in order, and what they add up to.

    Args:
        tally: what they add up to, where they were counted already.
    """
    in_order = sides.in_order(ROWS, _number)
    if tally is None:
        tally = tally_of(ResultRow.from_dict(json.loads(payload)) for payload in in_order())
    lines = StreamedBlob(
        lambda: (payload + b"\n" for payload in in_order()), hash_length=hash_length
    )
    return lines, tally


def _number(payload: bytes) -> int | None:
    if begin := _BEGIN.match(payload):
        return _place(int(begin[2]), int(begin[1]))
    return None if payload.startswith(_MARK) else _order_of(json.loads(payload))


def recorded_parts(
    run_id: RunId,
    sides: Sides,
    known: Sequence[str],
    last: str,
    *,
    is_recorded: Callable[[str], bool],
    hash_length: int = 40,
) -> dict[str, StreamedBlob]:
    """Return the rows of a journal as files by their paths, a part for each checkpoint.

    Args:
        known: the checkpoints that the journal names.
        last: the name for what no checkpoint holds; empty to leave that out.
        is_recorded: says of a path whether that part is left out.
    """
    parts = (
        (layout.results_part_path(run_id, name), start, end)
        for name, start, end in _parts(sides, known, last)
    )
    return {
        path: StreamedBlob(partial(_lines, sides, start, end), hash_length=hash_length)
        for path, start, end in parts
        if not is_recorded(path)
    }


def _parts(sides: Sides, known: Sequence[str], last: str) -> Iterator[tuple[str, int, int]]:
    """Yield the names of the parts that hold rows, and between which places these begin."""
    start, end = 0, 0
    for place, payload in sides.payloads(ROWS):
        if not payload.startswith(_MARK):
            end = place + 1
        elif (name := json.loads(payload)["checkpoint"]) in known and end > start:
            yield name, start, end
            start = end = place
    if last and end > start:
        yield last, start, end


def _lines(sides: Sides, start: int, end: int) -> Iterator[bytes]:
    """Yield the rows that begin between two places, as lines."""
    for place, payload in sides.payloads(ROWS, start=start):
        if place >= end:
            return
        if not payload.startswith(_MARK):
            yield payload + b"\n"


def last_finished(sides: Sides) -> datetime | None:
    """Return when the row was finished that was appended last; None where there is none."""
    last = None
    for _, payload in sides.payloads(ROWS):
        last = last if payload.startswith(_MARK) else payload
    row = ResultRow.from_dict(json.loads(last)) if last else None
    if row is None or row.started_at is None:
        return None
    return row.started_at + timedelta(seconds=row.duration_seconds or 0.0)


def totals_of(rows: Iterable[ResultRow]) -> dict[str, Any]:
    """Return the fields of a run's document that are counted over its rows."""
    return tally_of(rows).totals()


# --- reading --------------------------------------------------------------------------------


def rows_of(
    workspace: Workspace, run_id: str, *, beside: Sides | None = None
) -> Iterator[ResultRow]:
    """Yield the rows of a run in the order of its dataset, those of one that goes on here too.

    Args:
        beside: what stands beside a journal that is not among those on disk.

    Raises:
        InvalidInput: the text is no run id.
        NotFound: no such run is known here.
        StoreError: a row is damaged; the message names its line.
    """
    known = parse_run_id(run_id)
    live = [beside] if beside is not None else [Sides(path) for path in paths_of(workspace, known)]
    with LaterLines() as later:
        # Read in this order, a run that is recorded meanwhile is seen twice, not missed.
        for payload in chain.from_iterable(map(_kept, live)):
            later.add(_order_of(json.loads(payload)), payload)
        going_on = len(later)
        places = find(workspace.store, all_ledgers(workspace), known)
        if not places and not live:
            places = ledger.places_of(workspace, known)
        for line, data in _added_lines(workspace, known, places):
            later.add(_order_of(data), line)
        later.sort(last=going_on)
        yield from _joined(_first(workspace, known, places), later)


def _joined(first: Iterable[ResultRow], later: LaterLines) -> Iterator[ResultRow]:
    """Yield the rows of the first file as later lines make them, new ones between them."""
    for order, rows in groupby(first, key=order_of):
        for _, lines in later.take(below=order):
            yield from _folded((), lines)
        yield from _folded(rows, [line for _, lines in later.take(order + 1) for line in lines])
    for _, lines in later.take(below=_END):
        yield from _folded((), lines)


def _folded(rows: Iterable[ResultRow], lines: Iterable[bytes]) -> Iterable[ResultRow]:
    """Return rows of one place as later lines make them."""
    if not lines:
        return rows
    found = {row.key: row for row in rows}
    for line in lines:
        later = ResultRow.from_dict(json.loads(line))
        if later.key in found:
            found[later.key] = updated(found[later.key], later)
        elif not later.rescored:
            found[later.key] = later
    return found.values()


def order_of(row: ResultRow) -> int:
    """Return a number that grows from row to row of a run."""
    return _place(row.position, row.repeat)


def _order_of(data: Mapping[str, Any]) -> int:
    return _place(data.get("position"), data["repeat"])


def _place(position: int | None, repeat: int) -> int:
    """Return the place of a row among all rows of a run: by its position, then by its repeat."""
    place = _LAST if position is None else position * _REPEATS
    return min(place, _LAST) + min(repeat, _REPEATS - 1)


def updated(row: ResultRow, later: ResultRow) -> ResultRow:
    """Return a row as a later line for the same sample and repeat makes it."""
    if not later.rescored:
        return later
    return replace(row, scores={**row.scores, **later.scores}, status=later.status)


def rescored(run: Run, row: ResultRow, scores: Mapping[str, Score]) -> ResultRow:
    """Return the line that gives a row more or other scores, and the status of all it has then.

    Where evaluation workflows score the run, their scores alone decide.
    """
    every = {**row.scores, **scores}
    deciding = run.evaluation.get("evaluator_workflows") or every
    status = status_of({name: every[name] for name in deciding if name in every}, error=row.error)
    return ResultRow(
        sample=row.sample,
        repeat=row.repeat,
        position=row.position,
        status=status,
        scores=scores,
        rescored=True,
    )


def _first(workspace: Workspace, run_id: RunId, places: Sequence[Place]) -> Iterator[ResultRow]:
    found = entry_beside(workspace.store, places, layout.RESULTS_FILE)
    if found is not None:
        place, entry = found
        name = place.name_of(layout.results_path(run_id))
        for _, data in _lines_in(workspace, entry, name):
            yield ResultRow.from_dict(data)


def _added_lines(
    workspace: Workspace, run_id: RunId, places: Sequence[Place]
) -> Iterator[tuple[bytes, Any]]:
    """Yield the lines of all later parts, and what they say."""
    parts = segments_at(workspace.store, places, layout.RESULTS_DIR)
    for name in sorted(parts):
        place, entry = parts[name]
        path = place.name_of(layout.results_part_path(run_id, name))
        yield from _lines_in(workspace, entry, path)


def _kept(sides: Sides) -> Iterator[bytes]:
    """Yield the rows beside a journal, as they were finished."""
    return (payload for _, payload in sides.payloads(ROWS) if not payload.startswith(_MARK))


def rows_beside(sides: Sides, *, start: int = 0) -> Iterator[tuple[int, ResultRow]]:
    """Yield the rows beside a journal, as they were finished, each with the place of its line.

    Args:
        start: the place from which to read.
    """
    for place, payload in sides.payloads(ROWS, start=start):
        if not payload.startswith(_MARK):
            yield place, ResultRow.from_dict(json.loads(payload))


def _lines_in(workspace: Workspace, entry: TreeEntry, file: str) -> Iterator[tuple[bytes, Any]]:
    pieces = workspace.store.pieces(entry.id)
    for number, line in enumerate(lines_of_pieces(pieces), start=1):
        if line.strip():
            yield line, _checked(line, f"{file}:{number}")


def _checked(line: bytes, place: str) -> Any:
    """Return a row; input and outputs in it may each be as large and deep as a document."""
    deepest = MAX_DEPTH + _DEPTH
    return ledger.checked("result", line, place, max_bytes=MAX_BESIDE_BYTES, max_depth=deepest)
