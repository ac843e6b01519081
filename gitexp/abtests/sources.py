"""Where the rows of an A/B test come from, as its document says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Cell = str | int | float | bool | None
"""What a cell is compared with; None stands for an empty one."""

Conditions = Mapping[str, tuple[Cell, ...]]
"""The values of each column that a row may have."""

SourceKind = Literal["file", "url", "sql", "table", "runs"]
Format = Literal["csv", "parquet", "jsonl"]
Column = Literal["unit", "time", "variant", "event", "value", "covariate", "stratum"]

_KINDS: tuple[SourceKind, ...] = ("file", "url", "sql", "table", "runs")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows of files, of a query, of a table or of runs.

    Attributes:
        kind: which of them.
        places: the files of the project, or the addresses.
        text: the query, or the table.
        experiments: the experiments whose runs they are; empty for the test's own.
        filter: only runs that it fits.
        format: what the files are; None goes by their suffix.
        files: the files that a query names, by the name that it has for each.
        attach: the databases that a query or a table names, by the name of each.
        columns: the column of each thing, where it is not named like the thing.
        where: only rows that these fit.
        timezone: the zone of times that name none; empty for that of the data.
    """

    kind: SourceKind
    places: tuple[str, ...] = ()
    text: str = ""
    experiments: tuple[str, ...] = ()
    filter: str = ""
    format: Format | None = None
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attach: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Conditions = field(default_factory=dict)
    timezone: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Source:
        """Return the source that a checked document describes."""
        kind = next(kind for kind in _KINDS if kind in data)
        runs: Mapping[str, Any] = data.get("runs", {})
        return cls(
            kind=kind,
            places=listed(data[kind]) if kind in ("file", "url") else (),
            text=data[kind] if kind in ("sql", "table") else "",
            experiments=tuple(runs.get("experiments", ())),
            filter=runs.get("filter", ""),
            format=data.get("format"),
            files={name: listed(files) for name, files in data.get("files", {}).items()},
            attach=dict(data.get("attach", {})),
            columns=dict(data.get("columns", {})),
            where=conditions(data.get("where", {})),
            timezone=data.get("timezone", ""),
        )

    def column(self, thing: Column) -> str:
        """Return the name of the column of a thing, which is the thing's own by default."""
        return self.columns.get(thing, thing)


@dataclass(frozen=True, kw_only=True)
class Data:
    """The sources of a test.

    Attributes:
        exposures: who saw which variant, and when; None where nobody said.
        events: the rows of metrics that have no source of their own.
        metrics: the sources of those that have one, by key.
        timezone: the zone in which days begin.
    """

    exposures: Source | None = None
    events: Source | None = None
    metrics: Mapping[str, Source] = field(default_factory=dict)
    timezone: str = "UTC"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Data:
        """Return the sources that a checked document describes."""
        return cls(
            exposures=_source(data.get("exposures")),
            events=_source(data.get("events")),
            metrics={key: Source.from_dict(one) for key, one in data.get("metrics", {}).items()},
            timezone=data.get("timezone", "UTC"),
        )

    def of_metric(self, key: str) -> Source | None:
        """Return the source of a metric; None where it has none."""
        return self.metrics.get(key, self.events)


def _source(data: Mapping[str, Any] | None) -> Source | None:
    return None if data is None else Source.from_dict(data)


def listed(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return one text or several as several."""
    return (value,) if isinstance(value, str) else tuple(value)


def conditions(data: Mapping[str, Any]) -> Conditions:
    """Return conditions in which every column has a list of values."""
    return {
        column: tuple(wanted) if isinstance(wanted, list) else (wanted,)
        for column, wanted in data.items()
    }
