"""What a running evaluation has done already, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from gitexp.evaluation.running.making import WorkItem
from gitexp.runs.rows import ResultRow


def encoded_row(row: ResultRow) -> bytes:
    """Return a row as the JSON of a line.

    Half a surrogate pair, which may stand in what an evaluator says, becomes a question mark.
    """
    text = json.dumps(row.to_dict(), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


class Done:
    """Which passes over which samples are done, in a byte for each; errors are not."""

    def __init__(self, repeats: int, rows: Iterable[ResultRow] = ()) -> None:
        self._repeats = repeats
        self._marks = bytearray()
        for row in rows:
            if row.position is not None and row.status != "error":
                self._add(row.position, row.repeat)

    def _add(self, position: int, repeat: int) -> None:
        at = position * self._repeats + repeat
        if at >= len(self._marks):
            self._marks.extend(bytes(at + 1 - len(self._marks)))
        self._marks[at] = 1

    def __contains__(self, item: WorkItem) -> bool:
        at = item.position * self._repeats + item.repeat
        return at < len(self._marks) and self._marks[at] == 1

    def missing(self, items: Iterable[WorkItem]) -> Iterator[WorkItem]:
        """Yield those that are not done."""
        return (item for item in items if item not in self)
