"""The metrics of an A/B test, as its document says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from gitexp.abtests.amounts import Size, duration
from gitexp.abtests.sources import Conditions, conditions

MetricType = Literal["mean", "proportion", "ratio", "retention", "quantile"]
Goal = Literal["increase", "decrease"]
Aggregation = Literal["sum", "count", "mean", "min", "max", "unique"]
Role = Literal["primary", "secondary"]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Which rows of a source count, and what those of a unit become.

    Attributes:
        event: only rows whose event this is; empty for all.
        where: only rows that these fit.
        value: the column of the number; empty for that of the source.
        aggregation: what the rows of a unit become. None is their sum, and their number where
            they have no value; of a proportion their greatest.
    """

    event: str = ""
    where: Conditions = field(default_factory=dict)
    value: str = ""
    aggregation: Aggregation | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rows:
        """Return the rows that a checked document describes; other keys are passed over."""
        return cls(
            event=data.get("event", ""),
            where=conditions(data.get("where", {})),
            value=data.get("value", ""),
            aggregation=data.get("aggregation"),
        )


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """The values of units that are cut off, over all variants together.

    Attributes:
        lower, upper: the least and the greatest value that count.
        lower_percentile, upper_percentile: the percentiles of all units that are these.
    """

    lower: float | None = None
    upper: float | None = None
    lower_percentile: float | None = None
    upper_percentile: float | None = None


@dataclass(frozen=True, kw_only=True)
class Retention:
    """When a unit has to come back, counted from its start; the end is not included."""

    begin: timedelta = timedelta()
    end: timedelta


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        key: the stable id.
        name: the name for people; the key where the document has none.
        role: whether it decides or explains.
        goal: whether more of it is better, or less.
        guardrail: how much worse it may get at most; None for a metric that is no guardrail.
        rows: what counts; of a ratio, the numerator; of retention, what coming back is.
        denominator: of a ratio, what is divided by.
        threshold: of a proportion, the number from which on a unit is a success; None for any.
        start: of retention, the rows that begin it; None for the exposure.
        retention: of retention, when a unit has to come back.
        level: of a quantile, the share of units below it.
        window: how long after its exposure the rows of a unit count; None until the end.
        lookback: how long before its exposure the rows of a unit are a covariate; None for none.
    """

    key: str
    type: MetricType
    role: Role = "primary"
    name: str = ""
    description: str = ""
    goal: Goal = "increase"
    guardrail: Size | None = None
    rows: Rows = field(default_factory=Rows)
    denominator: Rows | None = None
    threshold: float | None = None
    start: Rows | None = None
    retention: Retention | None = None
    level: float | None = None
    outliers: Outliers | None = None
    window: timedelta | None = None
    lookback: timedelta | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, role: Role = "primary") -> Metric:
        """Return the metric that a checked document describes."""
        guardrail, covariate = data.get("guardrail"), data.get("covariate")
        outliers = data.get("outliers")
        return cls(
            key=data["key"],
            type=data["type"],
            role=role,
            name=data.get("name", data["key"]),
            description=data.get("description", ""),
            goal=data.get("goal", "increase"),
            guardrail=Size.of(guardrail["margin"]) if guardrail else None,
            rows=Rows.from_dict(data),
            denominator=_rows(data.get("denominator")),
            threshold=data.get("threshold"),
            start=_rows(data.get("start")),
            retention=_retention(data.get("retention")),
            level=data.get("level"),
            outliers=Outliers(**outliers) if outliers else None,
            window=_duration(data.get("window")),
            lookback=_duration(covariate["lookback"]) if covariate else None,
        )


def _rows(data: Mapping[str, Any] | None) -> Rows | None:
    return None if data is None else Rows.from_dict(data)


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else duration(text)


def _retention(data: Mapping[str, Any] | None) -> Retention | None:
    if data is None:
        return None
    return Retention(begin=duration(data.get("from", "0d")), end=duration(data["to"]))
