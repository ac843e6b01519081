"""Fingerprints: one digest for every setting that changes a metric's number, and for no other.

The settings are listed here one by one. What is inactive, such as the tuning of a method that is
not used, is left out, so that it splits no history. Moments are written in UTC, lengths of time
in microseconds, and numbers with 12 significant digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitexp.abtests.amounts import Size
from gitexp.abtests.data.opening import described
from gitexp.abtests.data.relations import span
from gitexp.abtests.definition import AbTest
from gitexp.abtests.metrics import Metric, Rows
from gitexp.abtests.sources import Conditions, Source
from gitexp.clock import iso
from gitexp.documents.canonical import canonical_json

VERSION = 1
"""What the settings mean; a change of how numbers are made changes every fingerprint."""

_DIGITS = 12
_CUT = ("mean", "ratio")
_ADJUSTED = ("mean", "proportion", "ratio")


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What tells a metric's results from those under other settings.

    Attributes:
        value: the digest of all settings, 64 hexadecimal digits.
        data: the digest of those that change the statistics of a day.
        settings: the settings themselves.
    """

    value: str
    data: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, test: AbTest, metric: Metric) -> Fingerprint:
        """Return the fingerprint of a metric of a test."""
        data, judgement = _data(test, metric), _judgement(test, metric)
        settings = plain({"version": VERSION, "data": data, "judgement": judgement})
        return cls(
            value=_digest(settings),
            data=_digest({"version": VERSION, "data": settings["data"]}),
            settings=settings,
        )

    def __str__(self) -> str:
        return self.value


def is_sound(document: Mapping[str, Any]) -> bool:
    """Return whether the settings of a document are those that its fingerprint was made of."""
    return _digest(document["settings"]) == str(document["fingerprint"])


def _data(test: AbTest, metric: Metric) -> dict[str, Any]:
    """Return the settings that change the statistics of a day."""
    source = test.data.of_metric(metric.key)
    return {
        "started_at": test.started_at,
        "frozen_at": test.frozen_at,
        "timezone": test.data.timezone,
        "variants": [variant.key for variant in test.variants],
        "exposure": {
            "event": test.exposure.event,
            "where": _conditions(test.exposure.where),
            "multiple": test.exposure.multiple,
        },
        "exposures": _source(test.data.exposures),
        "source": _source(source),
        "metric": _measured(metric),
    }


def _measured(metric: Metric) -> dict[str, Any]:
    """Return what decides which numbers units have, with what is inactive left out."""
    kind, outliers = metric.type, metric.outliers if metric.type in _CUT else None
    retention = metric.retention if kind == "retention" else None
    starts = kind == "retention" and metric.start is not None
    return {
        "type": kind,
        "rows": _rows(metric.rows, counted=kind == "retention"),
        "denominator": _rows(metric.denominator) if kind == "ratio" else None,
        "threshold": metric.threshold if kind == "proportion" else None,
        "start": _rows(metric.start, counted=True) if starts else None,
        "retention": retention and [span(retention.begin), span(retention.end)],
        "level": metric.level if kind == "quantile" else None,
        "outliers": outliers
        and {
            "lower": outliers.lower,
            "upper": outliers.upper,
            "lower_percentile": outliers.lower_percentile,
            "upper_percentile": outliers.upper_percentile,
        },
        "window": metric.window and span(metric.window) if kind != "retention" or starts else None,
        "lookback": metric.lookback and span(metric.lookback) if kind in _ADJUSTED else None,
    }


def _rows(rows: Rows | None, *, counted: bool = False) -> dict[str, Any] | None:
    if rows is None:
        return None
    return {
        "event": rows.event,
        "where": _conditions(rows.where),
        "value": "" if counted else rows.value,
        "aggregation": None if counted else rows.aggregation,
    }


def _conditions(conditions: Conditions) -> dict[str, Any]:
    """Return conditions, of which it does not matter in which order the values stand."""
    return {
        column: sorted(cells, key=lambda cell: (type(cell).__name__, str(cell)))
        for column, cells in conditions.items()
    }


def _source(source: Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    return {**described(source), "where": _conditions(source.where)}


def _judgement(test: AbTest, metric: Metric) -> dict[str, Any]:
    """Return the settings that change how statistics are judged.

    A correction for several questions is none of them: it is made over all metrics together, and
    the course of one metric shows its own results.
    """
    said = test.statistics
    bayesian = said.method == "bayesian"
    return {
        "method": said.method,
        "confidence": said.confidence,
        "difference": said.difference,
        "alternative": None if bayesian else said.alternative,
        "prior": {"mean": said.prior.mean, "sd": said.prior.sd}
        if bayesian and said.prior
        else None,
        "tuning": said.tuning if said.method == "sequential" else None,
        "goal": metric.goal,
        "guardrail": metric.guardrail and _size(metric.guardrail),
        "minimum": test.minimum.sample_size,
    }


def _size(size: Size) -> dict[str, Any]:
    return {"value": size.value, "relative": size.relative}


def plain(value: Any) -> Any:
    """Return a setting as JSON data in one form: what is empty is left out of mappings."""
    if isinstance(value, Mapping):
        made = {key: plain(inner) for key, inner in value.items()}
        return {key: inner for key, inner in made.items() if inner not in (None, "", [], {})}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return iso(value)
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> int | float:
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()
