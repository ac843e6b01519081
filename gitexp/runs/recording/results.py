"""The rows of runs: how they are recorded beside a run, and what all that is recorded says.

Rows stand in `results.jsonl` of the run, in the order of its dataset. What came later, from an
evaluation that was gone on with or scored again, and what was shared before the run ended, stands
in `results/NAME.jsonl`, named like the segment of events that belongs to it. A later line for a
sample and repeat replaces the earlier one; a line that was only scored again replaces its scores.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from gitexp.documents import layout
from gitexp.documents.limits import MAX_DEPTH
from gitexp.ids import RunId, parse_run_id
from gitexp.project.workspace import Workspace
from gitexp.runs.journalling.files import paths_of
from gitexp.runs.journalling.side_files import ROWS, Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.places import MAX_BESIDE_BYTES, Place, all_ledgers, find
from gitexp.runs.recording.segments import segments_at
from gitexp.runs.rows import ResultRow, RowKey
from gitexp.runs.tallies import Tally, tally_of

_REPEATS = 2**32
_LAST = 2**62
_MARK = b'{"checkpoint":'
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


def recorded_rows(sides: Sides) -> tuple[bytes, Tally]:
    """Return the rows of a journal as the lines of a file, in order, and what they add up to."""
    tally, lines = Tally(), BytesIO()
    for payload in sides.in_order(ROWS, _number):
        tally.add(ResultRow.from_dict(json.loads(payload)))
        lines.write(payload + b"\n")
    return lines.getvalue(), tally


def _number(payload: bytes) -> int | None:
    return None if payload.startswith(_MARK) else _order_of(json.loads(payload))


def recorded_parts(
    run_id: RunId, sides: Sides, known: Sequence[str], last: str
) -> dict[str, bytes]:
    """Return the rows of a journal as files by their paths, a part for each checkpoint.

    Args:
        known: the checkpoints that the journal names.
        last: the name for what no checkpoint holds; empty to leave that out.
    """
    return {
        layout.results_part_path(run_id, name): b"".join(line + b"\n" for line in lines)
        for name, lines in _parts(sides, known, last)
    }


def _parts(sides: Sides, known: Sequence[str], last: str) -> Iterator[tuple[str, list[bytes]]]:
    lines: list[bytes] = []
    for _, payload in sides.payloads(ROWS):
        name = json.loads(payload)["checkpoint"] if payload.startswith(_MARK) else None
        if name is None:
            lines.append(payload)
        elif name in known and lines:
            yield name, lines
            lines = []
    if last and lines:
        yield last, lines


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
    # Read in this order, a run that is recorded meanwhile is seen twice, not missed.
    going_on = [row for sides in live for row in _kept(sides)]
    places = find(workspace.store, all_ledgers(workspace), known)
    if not places and not live:
        places = ledger.places_of(workspace, known)
    later = _later(workspace, known, places, going_on)
    return _joined(_first(workspace, known, places), later)


def _joined(first: Iterable[ResultRow], later: dict[RowKey, ResultRow]) -> Iterator[ResultRow]:
    """Yield the rows of the first file as later lines make them, new ones between them."""
    left = dict(later)
    new = deque(sorted(later.values(), key=_order))
    for row in first:
        while new and _order(new[0]) < _order(row):
            yield from _added(new.popleft(), left)
        change = left.pop(row.key, None)
        yield row if change is None else updated(row, change)
    for row in new:
        yield from _added(row, left)


def _added(row: ResultRow, left: dict[RowKey, ResultRow]) -> Iterator[ResultRow]:
    if left.pop(row.key, None) is not None and not row.rescored:
        yield row


def _order(row: ResultRow) -> int:
    return _place(row.position, row.repeat)


def _order_of(data: Mapping[str, Any]) -> int:
    return _place(data.get("position"), data["repeat"])


def _place(position: int | None, repeat: int) -> int:
    """Return the place of a row among all rows of a run: by its position, then by its repeat."""
    return (_LAST if position is None else position * _REPEATS) + repeat


def updated(row: ResultRow, later: ResultRow) -> ResultRow:
    """Return a row as a later line for the same sample and repeat makes it."""
    if not later.rescored:
        return later
    return replace(row, scores={**row.scores, **later.scores}, status=later.status)


def _first(workspace: Workspace, run_id: RunId, places: Sequence[Place]) -> Iterator[ResultRow]:
    if places:
        place, data = ledger.file_beside(workspace, places, layout.RESULTS_FILE)
        yield from _rows_in(data, place.name_of(layout.results_path(run_id)))


def _later(
    workspace: Workspace, run_id: RunId, places: Sequence[Place], going_on: Iterable[ResultRow]
) -> dict[RowKey, ResultRow]:
    found: dict[RowKey, ResultRow] = {}
    parts = segments_at(workspace.store, places, layout.RESULTS_DIR)
    for name in sorted(parts):
        place, entry = parts[name]
        data = workspace.store.read(entry.id, limit=MAX_BESIDE_BYTES).data
        for row in _rows_in(data, place.name_of(layout.results_part_path(run_id, name))):
            _take(found, row)
    for row in going_on:
        _take(found, row)
    return found


def _kept(sides: Sides) -> Iterator[ResultRow]:
    """Yield the rows beside a journal, as they were finished."""
    for _, payload in sides.payloads(ROWS):
        if not payload.startswith(_MARK):
            yield ResultRow.from_dict(json.loads(payload))


def _take(found: dict[RowKey, ResultRow], row: ResultRow) -> None:
    earlier = found.get(row.key)
    found[row.key] = row if earlier is None else updated(earlier, row)


def _rows_in(data: bytes, file: str) -> Iterator[ResultRow]:
    for number, line in enumerate(BytesIO(data), start=1):
        if line.strip():
            yield ResultRow.from_dict(_checked(line, f"{file}:{number}"))


def _checked(line: bytes, place: str) -> Any:
    """Return a row; input and outputs in it may each be as large and deep as a document."""
    deepest = MAX_DEPTH + _DEPTH
    return ledger.checked("result", line, place, max_bytes=MAX_BESIDE_BYTES, max_depth=deepest)
