"""How comparisons are shown: a row for each thing that differs, texts word by word, results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.diff_rows import MOST_FILES, Row, rows_of
from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table, percent, tenths, value_text

if TYPE_CHECKING:
    from gitexp.review.diffing.model import DatasetDiff, ExperimentDiff, ProjectDiff
    from gitexp.review.diffing.results import Interval, MeasureDiff

_BESIDE = (
    Column(key="kind", title="kind"),
    Column(key="shown_before", title="before", kind="value", data_key="before"),
    Column(key="shown_after", title="after", kind="value", data_key="after"),
    Column(key="shown_change", title="change", data_key="delta"),
)
_OF_VALUES = (Column(key="name", title="parameter", kind="code"), *_BESIDE)
_OF_PROJECTS = (
    Column(key="section", title="what"),
    Column(key="name", title="name", kind="code"),
    Column(key="place", title="place", kind="code"),
    *_BESIDE,
)
_RESULTS = (
    Column(key="experiment", title="experiment", kind="code", optional=True),
    Column(key="dataset", title="dataset", kind="code", optional=True),
    Column(key="name", title="result", kind="code"),
    Column(key="before", title="before", kind="number"),
    Column(key="after", title="after", kind="number"),
    Column(key="difference", title="difference", kind="number"),
    Column(key="interval", title="interval", optional=True),
    Column(key="p_value", title="p", kind="number", optional=True, spare=2),
    Column(key="pairs", title="pairs", kind="number", optional=True, spare=1),
    Column(key="verdict", title="verdict", optional=True),
)


def difference_table(diff: ProjectDiff) -> Table:
    """Return a row for each thing that differs; long texts are left to `text_lines`."""
    columns = _OF_VALUES if diff.of_values else _OF_PROJECTS
    rows = [_cells(row, diff.of_values) for row in rows_of(diff)]
    return Table(columns=columns, rows=rows, note="" if rows else "no differences")


def _cells(row: Row, of_values: bool) -> dict[str, Any]:
    before, after, change = row.cells
    cells = {"shown_before": before, "shown_after": after, "shown_change": change}
    return row.to_dict() | ({"name": row.place} if of_values else {}) | cells


def names_of(diff: ProjectDiff) -> list[str]:
    """Return what differs by its name: parameters, or `SECTION NAME` in a whole project."""
    if diff.of_values:
        return [change.name for change in diff.changes]
    parts = {"parameter": "experiment", "header": "experiment", "sample": "dataset"}
    found = (f"{parts.get(row.section, row.section)} {row.name}" for row in rows_of(diff))
    return list(dict.fromkeys(found))


# --- texts ------------------------------------------------------------------------------------


def text_lines(diff: ProjectDiff) -> list[tuple[str, list[str]]]:
    """Return each long text that differs: what it is called, and its lines with their signs."""
    from gitexp.review.diffing.words import word_lines

    found = []
    for row in rows_of(diff):
        if row.is_long:
            name = " ".join(filter(None, [row.name, row.place])) or row.section
            lines = word_lines(_text(row.before), _text(row.after))
            found.append((name, [line.sign + line.text for line in lines]))
    return found


def _text(value: Any) -> str:
    return "" if value is None else value_text(value)


# --- results ----------------------------------------------------------------------------------


def results_table(diff: ProjectDiff) -> Table:
    """Return a row for each result of the values that differ, both sides beside each other."""
    several = len(diff.experiments) > 1
    rows = [
        {
            **_result_row(measure),
            "experiment": experiment.name if several or not diff.of_values else None,
            "dataset": results.dataset,
        }
        for experiment in diff.experiments
        for results in experiment.results
        for measure in results.measures
    ]
    return Table(columns=_RESULTS, rows=rows)


def _result_row(measure: MeasureDiff) -> Mapping[str, Any]:
    ratio = measure.kind == "stats"
    arrow = {"maximize": " ↑", "minimize": " ↓"}.get(measure.direction or "", "")
    return {
        "name": visible(measure.name) + arrow,
        "before": _number(measure.before, measure.interval_before, ratio),
        "after": _number(measure.after, measure.interval_after, ratio),
        "difference": _difference(measure.difference, ratio),
        "interval": _range(measure.interval, ratio),
        "p_value": _p_text(measure.p_value),
        "pairs": measure.pairs or None,
        "verdict": measure.verdict,
    }


def _number(value: float | None, interval: Interval | None, ratio: bool) -> str:
    if value is None:
        return ""
    if not ratio:
        return f"{value:.4g}" + (f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else "")
    if interval is None:
        return percent(value)
    return f"{percent(value)} ({tenths(100 * interval[0])}–{tenths(100 * interval[1])})"


def _difference(value: float | None, ratio: bool) -> str:
    if value is None:
        return ""
    if not value:
        return "0"
    return f"{tenths(100 * value, sign=True)} points" if ratio else f"{value:+.4g}"


def _range(interval: Interval | None, ratio: bool) -> str:
    if interval is None:
        return ""
    if ratio:
        return " to ".join(tenths(100 * end, sign=True) for end in interval)
    return f"{interval[0]:+.3g} to {interval[1]:+.3g}"


def _p_text(p_value: float | None) -> str | None:
    if p_value is None:
        return None
    return "<0.0001" if p_value < 0.0001 else f"{p_value:.4f}"


def notes_of(diff: ProjectDiff) -> Iterable[str]:
    """Yield what a reader has to know, a line each."""
    yield from diff.notes
    for experiment in diff.experiments:
        yield from (f"{experiment.name}: {problem}" for problem in experiment.problems)
        yield from _notes_of_results(experiment)
    for document in diff.documents:
        if document.problem:
            yield f"{document.path} is compared as a text: {document.problem}"
    for dataset in diff.datasets:
        yield from _notes_of_dataset(dataset)
    if len(diff.files) > MOST_FILES:
        yield f"{len(diff.files) - MOST_FILES} more files differ; `git diff --stat` lists them"


def _notes_of_results(experiment: ExperimentDiff) -> Iterator[str]:
    for results in experiment.results:
        over = f" over {results.dataset}" if results.dataset else ""
        for run, side in ((results.before, "before"), (results.after, "after")):
            if run is None:
                yield f"{experiment.name}: no finished run{over} with the values {side}"
        yield from (f"{experiment.name}{over}: {note}" for note in results.notes)


def _notes_of_dataset(dataset: DatasetDiff) -> Iterator[str]:
    if dataset.problem:
        yield f"dataset {dataset.name} is not compared sample by sample: {dataset.problem}"
    elif dataset.large:
        yield f"dataset {dataset.name} is a large file, of which the digests alone are compared"
    if dataset.left_out:
        yield f"dataset {dataset.name}: {dataset.left_out} more samples differ"


def lines_for_people(lines: Sequence[str]) -> str:
    """Return lines such that nothing in them is obeyed by a terminal."""
    return "".join(visible(line, keep="\t") + "\n" for line in lines)
