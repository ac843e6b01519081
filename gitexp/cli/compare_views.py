"""How a comparison of runs is shown: side by side, or a row for each run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from gitexp.cli.changes import change_text
from gitexp.cli.pairing_views import paired_fields
from gitexp.cli.plain import json_line
from gitexp.cli.rendering import cut, lay_out, text_width
from gitexp.cli.safety import visible
from gitexp.cli.tables import SHORT_HASH, Column, Table, percent, tenths, value_text
from gitexp.documents.problems import MISSING
from gitexp.results.comparisons import Change, Comparison, Measure, Parameter
from gitexp.results.pairings import Pairing
from gitexp.runs.metrics import plain_number

SIDE_BY_SIDE = 5
"""So many runs fit beside each other; more get a row each."""

_GAP = 2
_LABEL = 10
_TAIL = 8
_FULL = 24
_PARAMETER = 16
_CONTEXT = 6
_LAST = 1000
_ALWAYS = 2


@dataclass(frozen=True, kw_only=True)
class _Marks:
    """What is written behind the best value, and behind a measure that has a direction."""

    best: str
    maximize: str
    minimize: str

    def title(self, measure: Measure) -> str:
        """Return the words for a measure."""
        name = "pass rate" if measure.kind == "stats" else visible(measure.name)
        return name + (getattr(self, measure.direction) if measure.direction else "")


_SIGNS = _Marks(best=" *", maximize=" ↑", minimize=" ↓")
_WORDS = _Marks(best=" (best)", maximize=" (more is better)", minimize=" (less is better)")


def comparison_table(comparison: Comparison, *, width: int | None, in_words: bool = False) -> Table:
    """Return the table for people; runs beside each other where they fit into the width.

    Args:
        width: how wide it may be; None for as wide as it needs to be.
        in_words: whether marks are spelled out, for a table that is read without its note.
    """
    marks = _WORDS if in_words else _SIGNS
    if len(comparison.runs) <= SIDE_BY_SIDE:
        lines = _lines(comparison, marks)
        widths = _widths(comparison, lines, width)
        if widths is not None:
            return _side_by_side(comparison, lines, widths)
    table = _row_by_row(comparison, marks, cell=None if width is None else _PARAMETER)
    return table if width is None else _with_missing_columns(table, width)


def _with_missing_columns(table: Table, width: int) -> Table:
    """Return the table with a note that says how many columns a terminal has no room for."""
    count = len(table.for_people().columns) - len(lay_out(table, width=width).columns)
    if not count:
        return table
    columns = "1 column has" if count == 1 else f"{count} columns have"
    note = f"{columns} no room; choose with --metric NAME, or use --format md"
    return replace(table, note="\n".join(filter(None, [table.note, note])))


def comparison_data(comparison: Comparison, pairings: Sequence[Pairing] = ()) -> Table:
    """Return a row for each run with every value in full, for programs."""
    rows = [
        {key: _datum(key, item) for key, item in row.items()} for row in _rows(comparison, pairings)
    ]
    return Table(columns=[Column(key=key, title=key, kind="value") for key in rows[0]], rows=rows)


def comparison_items(
    comparison: Comparison, pairings: Sequence[Pairing] = ()
) -> list[dict[str, Any]]:
    """Return the rows as JSON has them; a parameter that a run does not have is left out."""
    return [
        {key: item for key, item in row.items() if item is not MISSING}
        for row in _rows(comparison, pairings)
    ]


def _rows(comparison: Comparison, pairings: Sequence[Pairing]) -> list[dict[str, Any]]:
    """Return a row for each run, and how it compares with the baseline row by row."""
    paired = {pairing.run: paired_fields(pairing) for pairing in pairings}
    keys = dict.fromkeys(key for fields in paired.values() for key in fields)
    return [{**row, **keys, **paired.get(row["id"], {})} for row in comparison.rows()]


def _datum(key: str, item: Any) -> Any:
    """Return a cell for a spreadsheet; a parameter that is null is told from one that is not."""
    if item is MISSING:
        return None
    return "null" if item is None and key.startswith(("params.", "parameters.")) else item


# --- what both tables say ---------------------------------------------------------------------


def warnings(comparison: Comparison) -> list[str]:
    """Return what a reader of the numbers has to know."""
    if all(measure.kind == "metrics" for measure in comparison.measures):
        consequence = ""
    else:
        consequence = "; their pass rates and scores are not compared"
    others = _ids(comparison, [same is False for same in comparison.same_samples])
    partial = _ids(comparison, [run.status != "finished" for run in comparison.runs])
    found = [f"not the same samples as the baseline: {others}{consequence}"] if others else []
    if partial and consequence:
        found.append(f"not finished: {partial}{consequence}")
    return found


def _ids(comparison: Comparison, chosen: Sequence[bool]) -> str:
    pairs = zip(comparison.runs, chosen, strict=True)
    return ", ".join(run.id for run, wanted in pairs if wanted)


def _legend(comparison: Comparison) -> str:
    words = []
    if any(any(measure.best) for measure in comparison.measures):
        words.append("* best")
    if any(measure.direction for measure in comparison.measures):
        words.append("↑ more is better, ↓ less is better")
    return "; ".join(words)


def _numbers(measure: Measure, marks: _Marks) -> list[str]:
    """Return the values with their marks."""
    ratio = measure.kind == "stats"
    return [
        "" if value is None else _digits(value, ratio=ratio) + (marks.best if best else "")
        for value, best in zip(measure.values, measure.best, strict=True)
    ]


def _digits(value: float, *, ratio: bool) -> str:
    if not math.isfinite(value):
        return str(plain_number(value))
    return percent(value) if ratio else f"{value:.6g}"


def _absolute(change: Change | None, *, ratio: bool) -> str:
    if change is None:
        return ""
    if not math.isfinite(change.absolute):
        return str(plain_number(change.absolute))
    return f"{tenths(100 * change.absolute, sign=True)} points" if ratio else _signed(change)


def _signed(change: Change) -> str:
    return f"{change.absolute:+.4g}" if change.absolute else "0"


def _relative(change: Change | None) -> str:
    if change is None or change.relative is None:
        return ""
    if not math.isfinite(change.relative):
        return str(plain_number(change.relative))
    share = 100 * change.relative
    return f"{tenths(share, sign=True)} %" if abs(share) < 1e6 else f"{share:+.2g} %"


def _texts(parameter: Parameter) -> list[str]:
    """Return the cells of a parameter: nothing for none, and never one text for two values."""
    values = parameter.values
    texts = ["" if value is MISSING else value_text(value) for value in values]
    ambiguous = any(
        isinstance(value, str) and (not text or _is_json(text))
        for value, text in zip(values, texts, strict=True)
    )
    if ambiguous:
        texts = ["" if value is MISSING else json_line(value) for value in values]
    return [visible(text) for text in texts]


def _is_json(text: str) -> bool:
    """Return whether a text reads as another value: a number, true, a list."""
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


# --- side by side -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line of the table: the words at its left, and a cell for each column.

    Attributes:
        whole: whether its cells are numbers, half of which would mislead.
    """

    label: str
    cells: Sequence[str]
    whole: bool = False


def _lines(comparison: Comparison, marks: _Marks) -> list[_Line]:
    lines = _facts(comparison)
    lines += [_parameter_line(comparison, parameter) for parameter in comparison.parameters]
    for measure in comparison.measures:
        lines += _measure_lines(comparison, measure, marks)
    return lines


def _has_change_column(comparison: Comparison) -> bool:
    return len(comparison.runs) == 2


def _facts(comparison: Comparison) -> list[_Line]:
    runs = comparison.runs
    experiments = [run.experiment for run in runs]
    facts: dict[str, list[str]] = {
        "name": [run.name for run in runs],
        "experiment": experiments if len(set(experiments)) > 1 else [],
        "status": [run.status for run in runs],
        "version": [(run.version or "")[:SHORT_HASH] for run in runs],
        "code": [(run.code.commit or "")[:SHORT_HASH] for run in runs],
        "uncommitted": ["yes" if run.code.dirty else "" for run in runs],
        "dataset": [run.dataset.name if run.dataset else "" for run in runs],
        "samples": ["other" if same is False else "" for same in comparison.same_samples],
    }
    # Facts have no change; where that has a column of its own, it stays empty.
    beyond = [""] if _has_change_column(comparison) else []
    return [
        _Line(label=name, cells=[*map(visible, cells), *beyond])
        for name, cells in facts.items()
        if any(cells)
    ]


def _parameter_line(comparison: Comparison, parameter: Parameter) -> _Line:
    cells = _texts(parameter)
    if _has_change_column(comparison):
        base = comparison.baseline
        cells.append(change_text(parameter.values[base], parameter.values[1 - base]))
    return _Line(label=visible(parameter.name), cells=cells)


def _measure_lines(comparison: Comparison, measure: Measure, marks: _Marks) -> list[_Line]:
    label, cells = marks.title(measure), _numbers(measure, marks)
    ratio = measure.kind == "stats"
    absolute = [_absolute(change, ratio=ratio) for change in measure.changes]
    relative = ["" if ratio else _relative(change) for change in measure.changes]
    if _has_change_column(comparison):
        other = 1 - comparison.baseline
        share = f" ({relative[other]})" if relative[other] else ""
        return [_Line(label=label, cells=[*cells, absolute[other] + share], whole=True)]
    lines = [_Line(label=label, cells=cells, whole=True)]
    for word, changes in (("  change", absolute), ("  in %", relative)):
        if any(changes):
            lines.append(_Line(label=word, cells=changes, whole=True))
    return lines


def _side_by_side(comparison: Comparison, lines: Sequence[_Line], widths: Sequence[int]) -> Table:
    """Return the table whose columns, the words at the left first, have these widths."""
    ids = [str(run.id) for run in comparison.runs]
    titles = ids if all(wide >= len(ids[0]) for wide in widths[1:][: len(ids)]) else _tails(ids)
    titles += ["change"] if _has_change_column(comparison) else []
    columns = [Column(key="label", title="run")]
    columns += [Column(key=str(number), title=title) for number, title in enumerate(titles)]
    rows = []
    for line in lines:
        cells = line.cells if line.whole else _apart(line.cells, widths[1:])
        row = {str(n): cut(c, w) for n, (c, w) in enumerate(zip(cells, widths[1:], strict=True))}
        rows.append({"label": cut(line.label, widths[0]), **row})
    return Table(columns=columns, rows=rows, note=_legend(comparison))


def _tails(ids: Sequence[str]) -> list[str]:
    """Return the random ends of run ids, which tell runs apart in little room."""
    return [run_id[-_TAIL:] for run_id in ids]


def _widths(comparison: Comparison, lines: Sequence[_Line], width: int | None) -> list[int] | None:
    """Return the widths of all columns, or None where the numbers alone need more room.

    Every column gets what it must have; what is left goes to the narrowest that want more.
    """
    labels = [text_width(line.label) for line in lines]
    columns = list(zip(*(line.cells for line in lines), strict=True))
    wanted = [max(labels), *(max(map(text_width, column)) for column in columns)]
    # The columns of the runs would like to be as wide as an id.
    for number in range(1, len(comparison.runs) + 1):
        wanted[number] = max(_FULL, wanted[number])
    if width is None:
        return wanted
    least = [min(max(labels), _LABEL)] + [_least(lines, i) for i in range(len(columns))]
    left = width - sum(least) - _GAP * len(columns)
    if left < 0:
        return None
    while left and (hungry := [i for i, wide in enumerate(least) if wide < wanted[i]]):
        least[min(hungry, key=least.__getitem__)] += 1
        left -= 1
    return least


def _least(lines: Sequence[_Line], number: int) -> int:
    return max([_TAIL, *(text_width(line.cells[number]) for line in lines if line.whole)])


def _apart(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return texts without the beginning that they share, as far as they are too wide with it."""
    texts = [cell for cell in cells if cell]
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    beyond = max(text_width(cell) - wide for cell, wide in zip(cells, widths, strict=True))
    left_out = min(len(list(same)) - _CONTEXT, beyond + 1)
    if beyond <= 0 or left_out <= 0 or len(texts) < 2:
        return list(cells)
    return [f"…{cell[left_out:]}" if cell else "" for cell in cells]


# --- a row for each run -----------------------------------------------------------------------


def _row_by_row(comparison: Comparison, marks: _Marks, *, cell: int | None) -> Table:
    """Return a row for each run; with a width of cells, texts begin just before they differ."""
    columns = [
        Column(key="id", title="run", kind="id"),
        Column(key="name", title="name", optional=True, spare=_LAST + 2),
        Column(key="status", title="status", optional=True, spare=_LAST + 1),
        Column(key="samples", title="samples", optional=True),
    ]
    rows = _run_cells(comparison)
    for number, parameter in enumerate(comparison.parameters, start=1):
        columns.append(Column(key=parameter.field, title=visible(parameter.name), spare=number))
        texts = _texts(parameter)
        _put(rows, parameter.field, texts if cell is None else _apart(texts, [cell] * len(texts)))
    for number, measure in enumerate(comparison.measures):
        spare = 0 if number < _ALWAYS else _LAST // 2 + number
        columns += _measure_columns(measure, marks, spare)
        ratio = measure.kind == "stats"
        _put(rows, measure.field, _aligned(measure, marks))
        _put(rows, f"{measure.field}.change", [_absolute(c, ratio=ratio) for c in measure.changes])
        relative = ["" if ratio else _relative(change) for change in measure.changes]
        _put(rows, f"{measure.field}.relative", relative)
    return Table(columns=columns, rows=rows, note=_legend(comparison))


def _run_cells(comparison: Comparison) -> list[dict[str, Any]]:
    all_finished = all(run.status == "finished" for run in comparison.runs)
    return [
        {
            "id": run.id,
            "name": run.name,
            "status": "" if all_finished else run.status,
            "samples": "other" if same is False else "",
        }
        for run, same in zip(comparison.runs, comparison.same_samples, strict=True)
    ]


def _measure_columns(measure: Measure, marks: _Marks, spare: int) -> list[Column]:
    """Return the columns of a measure; how it changed goes first where there is no room."""
    field = measure.field
    given: dict[str, Any] = {"kind": "number", "optional": True}
    return [
        Column(key=field, title=marks.title(measure), kind="number", spare=spare),
        Column(key=f"{field}.change", title="change", spare=_LAST + 3, **given),
        Column(key=f"{field}.relative", title="in %", spare=_LAST + 4, **given),
    ]


def _aligned(measure: Measure, marks: _Marks) -> list[str]:
    """Return the values of a column; blanks make up for the mark of the best one."""
    room = " " * len(marks.best) if any(measure.best) else ""
    return [
        text + room if text and not best else text
        for text, best in zip(_numbers(measure, marks), measure.best, strict=True)
    ]


def _put(rows: Sequence[dict[str, Any]], key: str, texts: Iterable[str]) -> None:
    for row, text in zip(rows, texts, strict=True):
        row[key] = text
