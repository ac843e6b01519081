"""Datasets, samples and their differences, as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.output import one_row
from gitexp.cli.tables import Column, Table, value_text

if TYPE_CHECKING:
    from gitexp.evaluation.datasets.comparing import DatasetDiff, SampleChange
    from gitexp.evaluation.datasets.loading import Dataset

ENTRIES = (
    Column(key="name", title="name", kind="code"),
    Column(key="format", title="format"),
    Column(key="storage", title="storage"),
    Column(key="bytes", title="bytes", kind="number"),
    Column(key="digest", title="pinned", kind="digest", optional=True, spare=2),
    Column(key="source", title="source", kind="code", optional=True, spare=3),
    Column(key="description", title="description", optional=True, spare=4),
    Column(key="problem", title="problem", optional=True),
)
_SUMMARY = (
    Column(key="name", title="name", kind="code"),
    Column(key="path", title="path", kind="code"),
    Column(key="samples", title="samples", kind="number"),
    Column(key="shown_splits", title="splits", data_key="splits", optional=True),
    Column(key="named_splits", title="named splits", kind="value", optional=True),
    Column(key="digest", title="digest", kind="id"),
)
_SAMPLES = (
    Column(key="id", title="id", kind="id"),
    Column(key="input", title="input", kind="value"),
    Column(key="expected", title="expected", kind="value", optional=True),
    Column(key="output", title="output", kind="value", optional=True),
    Column(key="metadata", title="metadata", kind="value", optional=True, spare=1),
    Column(key="weight", title="weight", kind="number", optional=True, spare=2),
)
_CHANGES = (
    Column(key="id", title="id", kind="id"),
    Column(key="kind", title="kind"),
    Column(key="fields", title="fields", kind="names", optional=True),
    Column(key="before", title="before", kind="value"),
    Column(key="after", title="after", kind="value"),
)


def dataset_item(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as JSON has it."""
    item: dict[str, Any] = {
        "name": dataset.name,
        "path": dataset.path,
        "samples": dataset.count,
        "splits": dict(sorted(dataset.splits.items())),
        "digest": dataset.digest,
    }
    return {**item, "named_splits": dict(dataset.named_splits)} if dataset.named_splits else item


def summary(item: Mapping[str, Any]) -> Table:
    """Return the table of one dataset."""
    splits = ", ".join(f"{name} {count}" for name, count in item["splits"].items())
    return one_row({**item, "shown_splits": splits}, _SUMMARY)


def sample_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each sample."""
    return Table(columns=_SAMPLES, rows=rows, note="" if rows else "no samples")


def diff_table(diff: DatasetDiff) -> Table:
    """Return a row for each sample that differs, with what changed in it."""
    counts = ", ".join(f"{diff.count(kind)} {kind}" for kind in ("added", "removed", "changed"))
    note = f"{counts}, {diff.same} the same" if diff.changes else "no differences"
    return Table(columns=_CHANGES, rows=[_change(change) for change in diff.changes], note=note)


def _change(change: SampleChange) -> dict[str, Any]:
    return {
        "id": change.id,
        "kind": change.kind,
        "fields": list(change.fields),
        "before": _told(change.before, change.fields),
        "after": _told(change.after, change.fields),
    }


def _told(row: Mapping[str, Any] | None, fields: Sequence[str]) -> str | None:
    """Return what changed in a row: one value as it is, several by their names."""
    if row is None:
        return None
    if not fields:
        return value_text(row["input"])
    values = {field: _value(row, field) for field in fields}
    [first, *others] = values.values()
    return value_text(values if others else first) if any(values.values()) or others else ""


def _value(row: Mapping[str, Any], field: str) -> Any:
    part, dot, key = field.partition(".")
    value = row.get(part)
    return value.get(key) if dot and isinstance(value, Mapping) else value
