"""How comparisons are shown: a row for each thing that differs, texts word by word, results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitexp.cli.changes import change_text
from gitexp.cli.plain import json_line
from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table, percent, tenths, value_text

if TYPE_CHECKING:
    from gitexp.review.diffing.model import (
        DatasetDiff,
        DocumentDiff,
        EntryDiff,
        ExperimentDiff,
        ParameterChange,
        PathChange,
        ProjectDiff,
        SampleDiff,
    )
    from gitexp.review.diffing.results import Interval, MeasureDiff

LONG_TEXT = 60

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


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that differs.

    Attributes:
        section: what it is a part of, such as `parameter` or `slot`.
        name: the experiment, slot, environment, document or dataset.
        place: where in it; a parameter's name and what is inside of it.
        shown: the cells for before, after and the change, where they are not the values.
    """

    section: str
    name: str
    place: str
    kind: str
    before: Any = None
    after: Any = None
    shown: tuple[str, str, str] | None = None

    @property
    def is_long(self) -> bool:
        """Whether it is about a text that does not fit into a cell."""
        return self.shown is None and any(map(_is_long, (self.before, self.after)))

    def cells(self) -> dict[str, Any]:
        """Return the row of a table."""
        before, after, change = self.shown or _shown(self)
        return {
            **self.to_dict(),
            "shown_before": before,
            "shown_after": after,
            "shown_change": change,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the row as data."""
        numbers = all(_is_number(value) for value in (self.before, self.after))
        return {
            "section": self.section,
            "name": self.name,
            "place": self.place,
            "kind": self.kind,
            "before": self.before,
            "after": self.after,
            "delta": self.after - self.before if numbers else None,
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_long(value: Any) -> bool:
    return isinstance(value, str) and ("\n" in value.rstrip("\n") or len(value) > LONG_TEXT)


def _shown(row: Row) -> tuple[str, str, str]:
    if row.is_long:
        return _extent(row.before), _extent(row.after), "see below"
    before, after = (None if side is None else value_text(side) for side in (row.before, row.after))
    if row.kind == "changed" and (before == after or _reads_as_json(row.before, row.after)):
        before, after = json_line(row.before), json_line(row.after)
    # Null is a value: only the side on which there is none has an empty cell.
    before = "" if row.kind == "added" else "null" if before is None else before
    after = "" if row.kind == "removed" else "null" if after is None else after
    return before, after, change_text(row.before, row.after)


def _reads_as_json(*values: Any) -> bool:
    """Return whether a text among values reads as something else: a number, true, a list."""
    return any(isinstance(value, str) and _is_json(value) for value in values)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _extent(value: Any) -> str:
    if value is None:
        return ""
    lines = len(str(value).splitlines())
    return f"({lines} line{'s' if lines != 1 else ''})"


# --- tables -----------------------------------------------------------------------------------


def difference_table(diff: ProjectDiff) -> Table:
    """Return a row for each thing that differs; long texts are left to `text_lines`."""
    columns = _OF_VALUES if diff.of_values else _OF_PROJECTS
    rows = [row.cells() for row in rows_of(diff)]
    if diff.of_values:
        rows = [{**row, "name": row["place"]} for row in rows]
    return Table(columns=columns, rows=rows, note="" if rows else "no differences")


def names_of(diff: ProjectDiff) -> list[str]:
    """Return what differs by its name: parameters, or `SECTION NAME` in a whole project."""
    if diff.of_values:
        return [change.name for change in diff.changes]
    parts = {"parameter": "experiment", "header": "experiment", "sample": "dataset"}
    found = (f"{parts.get(row.section, row.section)} {row.name}" for row in rows_of(diff))
    return list(dict.fromkeys(found))


def rows_of(diff: ProjectDiff) -> list[Row]:
    """Return everything that differs: the definition, experiments, documents, datasets, files."""
    if diff.of_values:
        return [row for change in diff.changes for row in _parameter_rows("", change)]
    rows: list[Row] = []
    rows += (_path_row("project", "", change) for change in diff.settings)
    rows += (row for entry in diff.slots for row in _entry_rows("slot", entry))
    rows += (row for entry in diff.environments for row in _entry_rows("environment", entry))
    rows += (row for found in diff.experiments for row in _experiment_rows(found))
    rows += (row for found in diff.documents for row in _document_rows(found))
    rows += (row for found in diff.datasets for row in _dataset_rows(found))
    rows += (Row(section="file", name=file.path, place="", kind=file.kind) for file in diff.files)
    return [_without_values(row) if row.section == "file" else row for row in rows]


def _without_values(row: Row) -> Row:
    return Row(section=row.section, name=row.name, place="", kind=row.kind, shown=("", "", ""))


def _path_row(section: str, name: str, change: PathChange) -> Row:
    return Row(
        section=section,
        name=name,
        place=change.place,
        kind=change.kind,
        before=change.before,
        after=change.after,
    )


def _parameter_rows(name: str, change: ParameterChange) -> Iterator[Row]:
    """Yield a row for a parameter, or one for each place that differs inside of it."""
    section = "parameter"
    for part in change.places:
        joint = "" if part.place.startswith("[") else "."
        place = f"{change.name}{joint}{part.place}" if part.place else change.name
        yield Row(
            section=section,
            name=name,
            place=place,
            kind=part.kind,
            before=part.before,
            after=part.after,
        )
    if not change.places:
        note = "another default" if change.by_default else ""
        note = "another variable" if change.secret and change.kind == "changed" else note
        row = Row(
            section=section,
            name=name,
            place=change.name,
            kind=change.kind,
            before=change.before,
            after=change.after,
        )
        yield _noted(row, note)


def _noted(row: Row, note: str) -> Row:
    """Return a row whose last cell says something more."""
    if not note or row.is_long:
        return row
    before, after, change = _shown(row)
    change = f"{change}, {note}" if change else note
    if row.before == row.after:
        before, after = str(row.before), str(row.after)
    return Row(
        section=row.section,
        name=row.name,
        place=row.place,
        kind=row.kind,
        before=row.before,
        after=row.after,
        shown=(before, after, change),
    )


def _entry_rows(section: str, entry: EntryDiff) -> Iterator[Row]:
    if entry.kind != "changed":
        yield _standing(section, entry.name, entry.kind)
    if entry.kind != "removed":
        yield from (_path_row(section, entry.name, change) for change in entry.changes)


def _standing(section: str, name: str, kind: str, *cells: str) -> Row:
    """Return the row of something that came, went or was renamed as a whole."""
    shown = (*cells, "", "", "")[:3]
    return Row(
        section=section, name=name, place="", kind=kind, shown=(shown[0], shown[1], shown[2])
    )


def _experiment_rows(found: ExperimentDiff) -> Iterator[Row]:
    if found.kind != "changed":
        yield _standing("experiment", found.name, found.kind)
    elif found.former_name:
        yield _standing("experiment", found.name, "renamed", found.former_name, found.name)
    if found.kind == "removed":
        return
    for change in found.header:
        if found.kind == "changed" and not (found.former_name and change.place == "name"):
            yield _path_row("header", found.name, change)
    for parameter in found.parameters:
        yield from _parameter_rows(found.name, parameter)
    if found.problems and not (found.header or found.parameters):
        yield _standing("experiment", found.name, found.kind, "", "", "not valid")


def _document_rows(found: DocumentDiff) -> Iterator[Row]:
    if found.kind != "changed":
        yield _standing(found.type, found.name, found.kind)
    if found.kind == "removed":
        return
    yield from (_path_row(found.type, found.name, change) for change in found.changes)
    if found.kind == "changed" and not found.changes:
        yield _standing(found.type, found.name, found.kind, "", "", "cannot be read")


def _dataset_rows(found: DatasetDiff) -> Iterator[Row]:
    yield _standing(
        "dataset",
        found.name,
        found.kind,
        _amount(found.samples_before, found.digest_before),
        _amount(found.samples_after, found.digest_after),
        _counts(found),
    )
    if found.kind == "changed":
        yield from (row for sample in found.samples for row in _sample_rows(found.name, sample))


def _amount(samples: int | None, digest: str | None) -> str:
    if samples is not None:
        return f"{samples} sample{'s' if samples != 1 else ''}"
    return digest[:17] if digest else ""


def _counts(found: DatasetDiff) -> str:
    counts = (("added", found.added), ("removed", found.removed), ("changed", found.changed))
    said = ", ".join(f"{count} {word}" for word, count in counts if count)
    if found.kind != "changed":
        return ""
    return said or ("other bytes" if found.large else "cannot be read" if found.problem else "")


def _sample_rows(dataset: str, sample: SampleDiff) -> Iterator[Row]:
    if sample.kind != "changed":
        yield _standing("sample", dataset, sample.kind, *_sides_of(sample))
        return
    for change in sample.changes:
        row = _path_row("sample", dataset, change)
        yield Row(
            section="sample",
            name=dataset,
            place=f"{sample.id}: {change.place}",
            kind=row.kind,
            before=row.before,
            after=row.after,
        )


def _sides_of(sample: SampleDiff) -> tuple[str, str]:
    return (sample.id, "") if sample.kind == "removed" else ("", sample.id)


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
