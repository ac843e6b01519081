"""What a running evaluation has done already, and what is missing."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator

from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.running.making import WorkItem
from gitexp.runs.rows import ResultRow

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encoded_row(row: ResultRow) -> bytes:
    """Return a row as the JSON of a line.

    Half a surrogate pair, which may stand in what an evaluator says, becomes a question mark.
    """
    return _encode(row.to_dict()).encode("utf-8", "replace")


class Done:
    """Which passes over which samples are done, in some bytes for each; errors are not."""

    def __init__(self, repeats: int, rows: Iterable[ResultRow] = ()) -> None:
        self._repeats = repeats
        self._marks = bytearray()
        self._samples = array("q")
        for row in rows:
            if row.position is not None and row.repeat < repeats:
                self._add(row, row.position)

    def _add(self, row: ResultRow, position: int) -> None:
        new = position + 1 - len(self._samples)
        if new > 0:
            self._samples.frombytes(bytes(new * self._samples.itemsize))
            self._marks.extend(bytes(new * self._repeats))
        self._samples[position] = _told_by(row.sample)
        self._marks[position * self._repeats + row.repeat] = row.status != "error"

    def __contains__(self, item: WorkItem) -> bool:
        at = item.position * self._repeats + item.repeat
        return at < len(self._marks) and self._marks[at] == 1

    def missing(self, items: Iterable[WorkItem]) -> Iterator[WorkItem]:
        """Yield those that are not done."""
        return (item for item in items if item not in self) if self._marks else iter(items)

    def fits(self, samples: Iterable[Sample]) -> bool:
        """Return whether samples stand where they stood when their rows were made."""
        return all(
            not known or known == _told_by(sample.id)
            for known, sample in zip(self._samples, samples, strict=False)
        )


def _told_by(sample: str) -> int:
    """Return a number, not 0, that tells a sample from others."""
    return hash(sample) or 1
