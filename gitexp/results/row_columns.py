"""What is compared of the rows of a run: numbers in columns, and none of their texts."""

from __future__ import annotations

import hashlib
import math
import sys
from array import array
from collections.abc import Iterable

from gitexp.documents.canonical import canonical_plain_json
from gitexp.documents.problems import MISSING
from gitexp.runs.rows import ResultRow, RowKey, Score

_NOTHING = math.nan
_LARGEST = sys.float_info.max


class Columns:
    """The rows of one run by sample and repeat; NaN stands for what a row does not have.

    Attributes:
        numbers: the place of each row in the columns.
        passes: whether rows passed; none where they could not be scored.
        values: by evaluator, the numbers it gave.
        verdicts: by evaluator, whether rows passed.
        are_verdicts: whether an evaluator's values are its verdicts.
    """

    def __init__(self) -> None:
        self.numbers: dict[RowKey, int] = {}
        self.weights = array("d")
        self.passes = array("d")
        self.values: dict[str, array[float]] = {}
        self.verdicts: dict[str, array[float]] = {}
        self.are_verdicts: dict[str, bool] = {}
        self._contents: list[bytes] = []

    @classmethod
    def of(cls, rows: Iterable[ResultRow], *, contents: bool) -> Columns:
        found = cls()
        for row in rows:
            found._add(row)
            if contents:
                found._contents.append(_content_of(row))
        for column in [*found.values.values(), *found.verdicts.values()]:
            _fill(column, len(found.numbers))
        return found

    def content(self, key: RowKey) -> bytes:
        """Return the digest of what a row asks and expects."""
        return self._contents[self.numbers[key]]

    def _add(self, row: ResultRow) -> None:
        number = len(self.numbers)
        self.numbers[row.key] = number
        self.weights.append(row.weight)
        self.passes.append(_NOTHING if row.status == "unscored" else row.status == "passed")
        for name, score in row.scores.items():
            value, verdict = _number(score), _verdict(score)
            is_verdict = score.value is score.passed or value != value
            self.are_verdicts[name] = self.are_verdicts.get(name, True) and is_verdict
            _put(self.values, name, number, value)
            _put(self.verdicts, name, number, verdict)


def _number(score: Score) -> float:
    value = score.value
    if not isinstance(value, (int, float)) or not -_LARGEST <= value <= _LARGEST:
        return _NOTHING
    return float(value)


def _verdict(score: Score) -> float:
    return _NOTHING if score.passed is None or score.error else float(score.passed)


def _put(columns: dict[str, array[float]], name: str, number: int, value: float) -> None:
    column = columns.get(name)
    if column is None:
        column = columns[name] = array("d")
    _fill(column, number)
    column.append(value)


def _fill(column: array[float], length: int) -> None:
    column.extend([_NOTHING] * (length - len(column)))


def _content_of(row: ResultRow) -> bytes:
    parts = [None if part is MISSING else part for part in (row.input, row.expected)]
    return hashlib.sha256(canonical_plain_json(parts)).digest()[:16]
