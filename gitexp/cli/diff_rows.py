"""Comparisons as rows: one for each thing that differs, wherever it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gitexp.cli.changes import change_text
from gitexp.cli.plain import json_line
from gitexp.cli.tables import value_text

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

LONG_TEXT = 60

MOST_FILES = 20
"""How many of the files are listed that gitexp gives no meaning."""

Cells = tuple[str, str, str]
"""What is shown before, after, and of the change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that differs.

    Attributes:
        section: what it is a part of, such as `parameter` or `slot`.
        name: the experiment, slot, environment, document or dataset.
        place: where in it; a parameter's name and what is inside of it.
        shown: the cells, where they are not the values; a row without a place has no values.
    """

    section: str
    name: str
    place: str
    kind: str
    before: Any = None
    after: Any = None
    shown: Cells | None = None

    @property
    def is_long(self) -> bool:
        """Whether it is about a text that does not fit into a cell."""
        return self.shown is None and any(map(_is_long, (self.before, self.after)))

    @property
    def cells(self) -> Cells:
        """The texts of the cells for before, after and the change."""
        if self.shown is not None:
            return self.shown
        if self.is_long:
            return _extent(self.before), _extent(self.after), "see below"
        before, after = self._texts()
        return before, after, change_text(self.before, self.after)

    def _texts(self) -> tuple[str, str]:
        before, after = value_text(self.before), value_text(self.after)
        if before == after or any(map(_reads_as_json, (self.before, self.after))):
            before, after = json_line(self.before), json_line(self.after)
        # Null is a value: only the side on which there is none has an empty cell.
        return ("" if self.kind == "added" else before, "" if self.kind == "removed" else after)

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


def _extent(value: Any) -> str:
    if value is None:
        return ""
    lines = len(value_text(value).splitlines())
    return f"({lines} line{'s' if lines != 1 else ''})"


def _reads_as_json(value: Any) -> bool:
    """Return whether a text reads as something else: a number, true, a list."""
    if not isinstance(value, str):
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


def rows_of(diff: ProjectDiff) -> list[Row]:
    """Return everything that differs: the definition, experiments, documents, datasets, files."""
    return list(_rows(diff))


def _rows(diff: ProjectDiff) -> Iterator[Row]:
    if diff.of_values:
        for parameter in diff.changes:
            yield from _parameter_rows("", parameter)
        return
    yield from (_path_row("project", "", change) for change in diff.settings)
    for section, entries in (("slot", diff.slots), ("environment", diff.environments)):
        for entry in entries:
            yield from _entry_rows(section, entry)
    for experiment in diff.experiments:
        yield from _experiment_rows(experiment)
    for document in diff.documents:
        yield from _document_rows(document)
    for dataset in diff.datasets:
        yield from _dataset_rows(dataset)
    yield from (_whole("file", file.path, file.kind) for file in diff.files[:MOST_FILES])


def _whole(section: str, name: str, kind: str, shown: Cells = ("", "", "")) -> Row:
    """Return the row of something that came, went or changed as a whole."""
    return Row(section=section, name=name, place="", kind=kind, shown=shown)


def _path_row(section: str, name: str, change: PathChange, place: str | None = None) -> Row:
    return Row(
        section=section,
        name=name,
        place=change.place if place is None else place,
        kind=change.kind,
        before=change.before,
        after=change.after,
    )


def _parameter_rows(name: str, change: ParameterChange) -> Iterator[Row]:
    """Yield a row for a parameter, or one for each place that differs inside of it."""
    for part in change.places:
        joint = "" if part.place.startswith("[") else "."
        yield _path_row("parameter", name, part, f"{change.name}{joint}{part.place}")
    if change.places:
        return
    row = Row(
        section="parameter",
        name=name,
        place=change.name,
        kind=change.kind,
        before=change.before,
        after=change.after,
    )
    if change.secret and change.kind == "changed":
        row = replace(row, shown=(change.before, change.after, "another variable"))
    elif change.by_default and change.kind == "changed" and not row.is_long:
        before, after, text = row.cells
        row = replace(row, shown=(before, after, f"{text}, by default" if text else "by default"))
    yield row


def _entry_rows(section: str, entry: EntryDiff) -> Iterator[Row]:
    if entry.kind != "changed":
        yield _whole(section, entry.name, entry.kind)
    if entry.kind != "removed":
        yield from (_path_row(section, entry.name, change) for change in entry.changes)


def _experiment_rows(found: ExperimentDiff) -> Iterator[Row]:
    if found.kind != "changed":
        yield _whole("experiment", found.name, found.kind)
    elif found.former_name:
        yield _whole("experiment", found.name, "renamed", (found.former_name, found.name, ""))
    elif found.problems and not (found.header or found.parameters):
        yield _whole("experiment", found.name, "changed", ("", "", "not valid"))
    if found.kind == "removed":
        return
    for change in found.header if found.kind == "changed" else ():
        if not (found.former_name and change.place == "name"):
            yield _path_row("header", found.name, change)
    for parameter in found.parameters:
        yield from _parameter_rows(found.name, parameter)


def _document_rows(found: DocumentDiff) -> Iterator[Row]:
    if found.kind != "changed":
        yield _whole(found.type, found.name, found.kind)
    elif not found.changes:
        yield _whole(found.type, found.name, found.kind, ("", "", "cannot be read"))
    if found.kind != "removed":
        yield from (_path_row(found.type, found.name, change) for change in found.changes)


def _dataset_rows(found: DatasetDiff) -> Iterator[Row]:
    before = _amount(found.samples_before, found.digest_before)
    after = _amount(found.samples_after, found.digest_after)
    yield _whole("dataset", found.name, found.kind, (before, after, _counts(found)))
    for sample in found.samples if found.kind == "changed" else ():
        yield from _sample_rows(found.name, sample)


def _amount(samples: int | None, digest: str | None) -> str:
    if samples is not None:
        return f"{samples} sample{'s' if samples != 1 else ''}"
    return digest[:17] if digest else ""


def _counts(found: DatasetDiff) -> str:
    if found.kind != "changed":
        return ""
    counts = (("added", found.added), ("removed", found.removed), ("changed", found.changed))
    said = ", ".join(f"{count} {word}" for word, count in counts if count)
    return said or ("cannot be read" if found.problem else "other bytes" if found.large else "")


def _sample_rows(dataset: str, sample: SampleDiff) -> Iterator[Row]:
    if sample.kind == "changed":
        for change in sample.changes:
            yield _path_row("sample", dataset, change, f"{sample.id}: {change.place}")
    else:
        row = _whole("sample", dataset, sample.kind)
        yield replace(row, place=sample.id)
