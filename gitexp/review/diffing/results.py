"""How the results of two sets of values differ: plain values, without any reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.experiments.headers import Direction
from gitexp.ids import RunId

MeasureKind = Literal["stats", "scores", "metrics"]
Verdict = Literal["better", "worse", "unclear"]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class RunBrief:
    """A run whose results are compared.

    Attributes:
        created_at: when it was made, as ISO 8601 text in UTC.
        total, passed, failed, errors: its rows; all 0 for a run that is no evaluation.
    """

    id: RunId
    experiment: str
    version: str | None
    digest: str | None
    status: str
    created_at: str
    total: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunBrief:
        """Return what `to_dict` gave."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class MeasureDiff:
    """A number by which runs are judged, on both sides.

    Attributes:
        kind: `stats` for the pass rate, `scores` for the mean of an evaluator, `metrics` for a
            metric that was logged.
        direction: which values are better; None where nobody has said.
        before, after: None where a side has none. Where `paired`, they are the means over the
            rows that both sides have.
        interval_before, interval_after: 95 % intervals of each side by itself.
        difference: what it rose by; None where the two do not compare.
        interval, p_value: of the difference, where it is paired.
        pairs: how many rows were compared; 0 where it is not paired.
        verdict: None where nobody has said which values are better, or they do not compare.
    """

    name: str
    kind: MeasureKind
    direction: Direction | None = None
    before: float | None = None
    after: float | None = None
    interval_before: Interval | None = None
    interval_after: Interval | None = None
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    pairs: int = 0
    verdict: Verdict | None = None

    @property
    def paired(self) -> bool:
        """Whether it was compared row by row."""
        return self.pairs > 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MeasureDiff:
        """Return what `to_dict` gave."""
        given = {name: value for name, value in data.items() if name != "paired"}
        for name in ("interval_before", "interval_after", "interval"):
            given[name] = tuple(given[name]) if given[name] else None
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return the measure as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"paired": self.paired}


@dataclass(frozen=True, kw_only=True)
class ResultsDiff:
    """How the newest runs of two sets of values differ, over one dataset or without any.

    Attributes:
        dataset: the dataset's name; None for runs that are no evaluations.
        before, after: the runs; None where there is none with these very values.
        same_samples: whether both were over the same samples; None where that is not known.
        notes: what a reader of the numbers has to know, a line each.
    """

    dataset: str | None
    before: RunBrief | None
    after: RunBrief | None
    same_samples: bool | None = None
    measures: tuple[MeasureDiff, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ResultsDiff:
        """Return what `to_dict` gave."""
        return cls(
            dataset=data["dataset"],
            before=RunBrief.from_dict(data["before"]) if data["before"] else None,
            after=RunBrief.from_dict(data["after"]) if data["after"] else None,
            same_samples=data["same_samples"],
            measures=tuple(map(MeasureDiff.from_dict, data["measures"])),
            notes=tuple(data["notes"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON data."""
        return {
            "dataset": self.dataset,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
            "same_samples": self.same_samples,
            "measures": [measure.to_dict() for measure in self.measures],
            "notes": list(self.notes),
        }
