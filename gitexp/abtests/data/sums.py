"""Sums: what is kept of a metric at the end of a day, and what results are judged from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from gitexp.abtests.metrics import MetricType
from gitexp.errors import InvalidInput
from gitexp.stats.moments import Moments
from gitexp.stats.quantiles import Quantile
from gitexp.stats.samples import Mean, Proportion, Ratio

Group = Proportion | Mean | Ratio | Quantile


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The statistic of the units of one variant and one stratum.

    Attributes:
        count: the units that have a value.
        left_out: the units that have none, and so are no part of the statistic.
        successes: of a proportion without covariates.
        means, products: of the values of a unit, then of its covariates; see `Moments`.
        quantile: level, point, low, high and step, from which a quantile is made.
    """

    count: int
    left_out: int = 0
    successes: int | None = None
    means: tuple[float, ...] = ()
    products: tuple[tuple[float, ...], ...] = ()
    quantile: Mapping[str, float] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cell:
        """Return the cell that a checked document describes."""
        return cls(
            count=data["count"],
            left_out=data.get("left_out", 0),
            successes=data.get("successes"),
            means=tuple(data.get("means", ())),
            products=tuple(map(tuple, data.get("products", ()))),
            quantile=data.get("quantile"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return its document."""
        data: dict[str, Any] = {"count": self.count}
        if self.left_out:
            data["left_out"] = self.left_out
        if self.successes is not None:
            data["successes"] = self.successes
        if self.means:
            data |= {"means": list(self.means), "products": [list(row) for row in self.products]}
        if self.quantile is not None:
            data["quantile"] = dict(self.quantile)
        return data

    def __add__(self, other: Cell) -> Cell:
        if self.quantile is not None or other.quantile is not None:
            raise InvalidInput("quantiles do not add")
        count, left_out = self.count + other.count, self.left_out + other.left_out
        if self.successes is not None and other.successes is not None:
            successes = self.successes + other.successes
            return Cell(count=count, left_out=left_out, successes=successes)
        moments = self.moments + other.moments
        return Cell(count=count, left_out=left_out, means=moments.means, products=moments.products)

    @property
    def moments(self) -> Moments:
        """The moments of the values and the covariates."""
        return Moments(count=self.count, means=self.means, products=self.products)

    def group(self, kind: MetricType) -> Group:
        """Return the statistic to judge.

        Raises:
            InvalidInput: the numbers contradict each other, or there is no estimate.
        """
        if self.quantile is not None:
            return _quantile(self.count, self.quantile)
        if kind == "quantile":
            raise InvalidInput(
                f"{self.count} values are too few for this quantile",
                hint="Take a level nearer to the middle, or wait for more values.",
            )
        if self.successes is not None:
            return Proportion(count=self.count, successes=self.successes)
        moments = self.moments
        return Ratio(moments=moments) if kind in ("ratio", "retention") else Mean(moments=moments)


@dataclass(frozen=True, kw_only=True)
class Exposures:
    """Who is a part of the test.

    Attributes:
        units: by the key of each variant, how many count.
        multiple: how many saw several variants.
        unknown: rows whose variant is none of the test's.
        unusable: rows without a unit.
        rows: all rows that were looked at.
    """

    units: Mapping[str, int]
    multiple: int = 0
    unknown: int = 0
    unusable: int = 0
    rows: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Exposures:
        """Return what a checked document describes."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return its document."""
        return {
            "units": dict(self.units),
            "multiple": self.multiple,
            "unknown": self.unknown,
            "unusable": self.unusable,
            "rows": self.rows,
        }

    @property
    def total(self) -> int:
        """How many units count."""
        return sum(self.units.values())


@dataclass(frozen=True, kw_only=True)
class MetricSums:
    """What there is of a metric at a moment.

    Attributes:
        cells: by variant and stratum; a test without strata has one, which has no name.
        totals: by variant, over all strata; quantiles do not add, so these are not added up.
    """

    cells: Mapping[tuple[str, str], Cell]
    totals: Mapping[str, Cell] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Mapping[tuple[str, str], Cell]) -> MetricSums:
        """Return sums whose totals are added up."""
        variants = dict.fromkeys(variant for variant, _ in cells)
        return cls(
            cells=cells,
            totals={
                variant: _added(cell for (of, _), cell in cells.items() if of == variant)
                for variant in variants
            },
        )

    @classmethod
    def from_list(cls, data: Sequence[Mapping[str, Any]]) -> MetricSums:
        """Return the sums that a checked document describes."""
        totals = {one["variant"]: Cell.from_dict(one) for one in data if "stratum" not in one}
        cells = {
            (one["variant"], one["stratum"]): Cell.from_dict(one)
            for one in data
            if "stratum" in one
        }
        return cls(
            cells=cells or {(name, ""): cell for name, cell in totals.items()}, totals=totals
        )

    def to_list(self) -> list[dict[str, Any]]:
        """Return their document: the totals, then the strata where there are any."""
        whole = [{"variant": name, **cell.to_dict()} for name, cell in self.totals.items()]
        return whole + [
            {"variant": name, "stratum": stratum, **cell.to_dict()}
            for (name, stratum), cell in self.cells.items()
            if self.strata
        ]

    @property
    def strata(self) -> list[str]:
        """The names of the strata; none where there is only the whole."""
        names = list(dict.fromkeys(stratum for _, stratum in self.cells))
        return [] if names == [""] else names


def _added(cells: Iterable[Cell]) -> Cell:
    return reduce(lambda one, other: one + other, cells)


def _quantile(count: int, found: Mapping[str, float]) -> Quantile:
    return Quantile.of(
        level=found["level"],
        count=count,
        point=found["point"],
        bounds=(found["low"], found["high"]),
        step=found["step"],
    )
