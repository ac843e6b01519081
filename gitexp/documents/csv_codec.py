"""Datasets as CSV: one sample a row, its cells text.

The columns are `id`, `input`, `expected`, `weight`, and `input.KEY`, `expected.KEY`,
`metadata.KEY` for mappings. An empty cell is left out, except for `input`, where it is the empty
text.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.limits import MAX_PROBLEMS
from gitexp.documents.parsed import ParsedDocument, Position
from gitexp.documents.problems import ProblemCollector, place_of, shown
from gitexp.documents.texts import decode, raw_character_problems
from gitexp.documents.values import Path
from gitexp.documents.wording import counted, unknown_key

_COLUMN = re.compile(r"(?:id|input|expected|weight|(?:input|expected|metadata)\..+)\Z", re.DOTALL)
_KNOWN = ("id", "input", "expected", "weight", "input.KEY", "expected.KEY", "metadata.KEY")


def parse_csv(data: bytes | str, *, file: str) -> ParsedDocument:
    """Return the samples of a CSV file and the lines on which they stand.

    Raises:
        InvalidDocuments: every problem that could be found, each with its line.
    """
    text = decode(data, file=file, max_bytes=max(len(data), 1))
    table = _Table(file=file)
    table.problems.extend(raw_character_problems(text, file))
    table.problems.raise_if_any()
    rows = _rows(text, table)
    _, header = next(rows, (1, []))
    table.check_header(header)
    table.problems.raise_if_any()
    for line, cells in rows:
        table.add(line, header, cells)
        if len(table.problems.problems) >= MAX_PROBLEMS:
            break
    table.problems.raise_if_any()
    return ParsedDocument(value=table.samples, positions=table.lines)


def _rows(text: str, table: _Table) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as exc:
            table.problems.add(table.file, "", f"not CSV: {exc}", line=line)
            return
        if cells is None:
            return
        if cells:
            yield line, cells


@dataclass
class _Table:
    file: str
    samples: list[dict[str, Any]] = field(default_factory=list)
    lines: dict[Path, Position] = field(default_factory=dict)
    problems: ProblemCollector = field(default_factory=ProblemCollector)

    def check_header(self, header: Sequence[str]) -> None:
        if not header:
            self.problems.add(self.file, "", "the file is empty; expected a line of column names")
        for position, column in enumerate(header):
            message = _column_fault(column, header[:position])
            if message:
                self.problems.add(self.file, "", message, line=1)

    def add(self, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
        if len(cells) != len(header):
            expected = counted(len(header), "column")
            message = f"the row has {counted(len(cells), 'cell')} for {expected}"
            self.problems.add(self.file, "", message, line=line)
            return
        sample: dict[str, Any] = {}
        for column, cell in zip(header, cells, strict=True):
            self._set(sample, column, cell, line)
        self.lines[(len(self.samples),)] = (line, 1)
        self.samples.append(sample)

    def _set(self, sample: dict[str, Any], column: str, cell: str, line: int) -> None:
        if not cell and column != "input":
            return
        owner, _, key = column.partition(".")
        if key:
            sample.setdefault(owner, {})[key] = cell
        else:
            sample[column] = self._weight(cell, line) if column == "weight" else cell

    def _weight(self, cell: str, line: int) -> float:
        try:
            weight = float(cell)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            place = place_of((len(self.samples), "weight"))
            self.problems.add(self.file, place, f"{shown(cell)} is not a number", line=line)
        return weight


def _column_fault(column: str, before: Sequence[str]) -> str | None:
    if column in before:
        return f"the column {shown(column)} is repeated"
    if not _COLUMN.match(column):
        return unknown_key(column, _KNOWN).replace("key", "column", 1)
    owner = column.partition(".")[0]
    rival = next((other for other in before if other.partition(".")[0] == owner), column)
    if ("." in rival) != ("." in column):
        return f"the columns {shown(rival)} and {shown(column)} exclude each other"
    return None
