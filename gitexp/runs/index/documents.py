"""Documents of runs, read from the ledger for the index, each one once."""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from gitexp.documents import layout, schemas
from gitexp.documents.conformance import Test, quick_test
from gitexp.documents.json_codec import parse_json
from gitexp.errors import InvalidDocuments
from gitexp.ids import ObjectId, RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.keys import MAX_KEY
from gitexp.runs.recording import ledger
from gitexp.runs.recording.places import Ledger, Place
from gitexp.store.model import MODE_FILE, MODE_TREE, TreeEntry
from gitexp.store.treebytes import find_entry

_MOST_KNOWN = 10_000
_LARGEST_KNOWN = 2048
_TABLE_KEYWORDS = frozenset(
    [
        *("$schema", "$id", "$defs", "title", "description"),
        *("type", "properties", "required", "additionalProperties"),
    ]
)


_POINT = frozenset(["value", "step", "timestamp"])


class Found(NamedTuple):
    """Where a run stands in one ledger, by object ids."""

    ledger: Ledger
    record: ObjectId | None
    beside: ObjectId | None


def document_of(workspace: Workspace, run_id: str, places: Sequence[Found]) -> dict[str, Any]:
    """Return the document of a run: its record with all its segments folded in.

    Nearly every run is a record without segments, which needs no `Run` to be made.

    Raises:
        StoreError: something of it is damaged; the message names it.
        Conflict: it is recorded with two contents.
    """
    records = {place.record for place in places}
    if len(records) == 1 and not any(_has_segments(workspace, place) for place in places):
        document = _plain_record(workspace, places[0].record)
        if document is not None and document["id"] == run_id:
            return document
    return ledger.run_from(workspace, [_place(RunId(run_id), found) for found in places]).to_dict()


def _has_segments(workspace: Workspace, place: Found) -> bool:
    if place.beside is None:
        return False
    directory = workspace.store.read(place.beside, limit=ledger.MAX_RUN_BYTES)
    return find_entry(directory, layout.EVENTS_DIR) is not None


def _plain_record(workspace: Workspace, record: ObjectId | None) -> dict[str, Any] | None:
    """Return a record that is certainly right, or None for the ledger to judge."""
    if record is None:
        return None
    data = workspace.store.read(record, limit=ledger.MAX_RUN_BYTES).data
    try:
        document = parse_json(data, file="").value
    except InvalidDocuments:
        return None
    return document if _is_record(document) else None


def _place(run_id: RunId, found: Found) -> Place:
    record, beside = found.record, found.beside
    return Place(
        run_id=run_id,
        ledger=found.ledger,
        record=TreeEntry(name=f"{run_id}.json", mode=MODE_FILE, id=record) if record else None,
        beside=TreeEntry(name=run_id, mode=MODE_TREE, id=beside) if beside else None,
    )


# --- a quick yes for many records that have much in common ----------------------------------


def _is_record(document: Any) -> bool:
    return isinstance(document, dict) and _record_test()(document)


class _RecordTest:
    """Says whether a mapping is certainly a record, and remembers the parts that were right.

    Runs of one experiment share most parts: parameters, code, dataset, platform. Looking a part
    up by its bytes takes a small part of the time that testing it takes.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        definitions = {"$defs": schema.get("$defs", {})}
        self._tests = {
            name: quick_test({**definitions, **part}, trusted=True)
            for name, part in schema["properties"].items()
        }
        self._required = frozenset(schema["required"])
        self._known: set[tuple[str, bytes]] = set()

    def __call__(self, document: Any) -> bool:
        if not self._required <= document.keys() <= self._tests.keys():
            return False
        return all(self._is_right(name, part) for name, part in document.items())

    def _is_right(self, name: str, part: Any) -> bool:
        if name == "metrics" and _are_points(part):
            return True
        # Version 2 writes a value the same way wherever its parts are in memory.
        known = (name, marshal.dumps(part, 2))
        if known in self._known:
            return True
        if not self._tests[name](part):
            return False
        if len(known[1]) <= _LARGEST_KNOWN:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known.add(known)
        return True


def _are_points(metrics: Any) -> bool:
    """Return a quick yes for metrics as gitexp writes them, which no two runs have in common."""
    return isinstance(metrics, dict) and all(
        0 < len(name) <= MAX_KEY
        and type(point) is dict
        and point.keys() == _POINT
        and type(point["value"]) in (float, int)
        and type(point["step"]) is int
        and type(point["timestamp"]) is int
        for name, point in metrics.items()
    )


@cache
def _record_test() -> Test:
    schema = schemas.schema_of("run")
    is_table = schema.keys() <= _TABLE_KEYWORDS and schema.get("additionalProperties") is False
    return _RecordTest(schema) if is_table else quick_test(schema, trusted=True)
