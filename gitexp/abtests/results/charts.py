"""Charts of results: a forest of differences, and the course of one, before anybody draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from gitexp.abtests.results.judging import VariantResult
from gitexp.abtests.results.model import Results, difference_text
from gitexp.abtests.results.timeseries import TimeSeries
from gitexp.errors import InvalidInput, NotFound
from gitexp.results.curves import Curve, LineChart, printable

_LONGEST = 48


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A difference with its interval; a bound that is None is infinite."""

    label: str
    value: float
    low: float | None
    high: float | None
    verdict: str
    text: str

    @property
    def ends(self) -> list[float]:
        """The numbers that have to be seen."""
        return [x for x in (self.low, self.value, self.high) if x is not None]


@dataclass(frozen=True, kw_only=True)
class Forest:
    """The differences of all metrics and variants.

    Attributes:
        relative: whether they are shares of the control.
        notes: what is missing, and why.
    """

    title: str
    x_label: str
    relative: bool
    bars: tuple[Bar, ...]
    notes: tuple[str, ...] = ()

    @property
    def span(self) -> tuple[float, float]:
        """The least and the greatest number of an axis on which all of it can be seen, 0 too."""
        ends = [0.0, *(end for bar in self.bars for end in bar.ends)]
        low, high = min(ends), max(ends)
        room = 0.05 * (high - low) or 1.0
        return low - room, high + room


def forest(results: Results) -> Forest:
    """Return the forest of results.

    Raises:
        InvalidInput: there is no difference to draw.
    """
    bars: list[Bar] = []
    notes: list[str] = []
    for metric in results.metrics:
        if metric.error:
            notes.append(f"{printable(metric.name)}: {metric.error}")
        for each in metric.variants[1:]:
            label = _label(metric.name, each.variant)
            if each.difference is None:
                notes.append(f"{label}: {each.error}")
            else:
                bars.append(_bar(label, each))
    if not bars:
        raise InvalidInput(
            "there is no difference to draw",
            hint=f"`gitexp ab results {results.experiment}` says why.",
        )
    relative = all(
        each.relative for metric in results.metrics for each in metric.variants if each.difference
    )
    unit = "in % of the control" if relative else "in the unit of each metric"
    return Forest(
        title=printable(results.experiment),
        x_label=f"difference {unit}, with {_confidence(results.confidence)} intervals",
        relative=relative,
        bars=tuple(bars),
        notes=tuple(notes),
    )


def _confidence(confidence: float) -> str:
    return f"{100 * confidence:.6g} %"


def _label(metric: str, variant: str) -> str:
    text = f"{printable(metric)}: {printable(variant)}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _bar(label: str, each: VariantResult) -> Bar:
    assert each.difference is not None
    return Bar(
        label=label,
        value=each.difference,
        low=each.low,
        high=each.high,
        verdict=each.verdict or "undecided",
        text=difference_text(each),
    )


@dataclass(frozen=True, kw_only=True)
class Course:
    """The course of the difference of one variant, day by day.

    Attributes:
        days: seconds since 1970 at which a day is drawn, with its result, for those that are there.
    """

    title: str
    y_label: str
    relative: bool
    variant: str
    days: tuple[tuple[float, VariantResult], ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> LineChart:
        """Return it as a chart of three lines, for where areas cannot be drawn."""
        scale = 100.0 if self.relative else 1.0
        named = {
            "difference": [(x, r.difference) for x, r in self.days],
            "upper bound": [(x, r.high) for x, r in self.days],
            "lower bound": [(x, r.low) for x, r in self.days],
        }
        curves = [
            Curve(label=name, lines=tuple(_stretches(dots, scale))) for name, dots in named.items()
        ]
        shown = tuple(curve for curve in curves if curve.lines)
        return LineChart(title=self.title, y_label=self.y_label, x="time", curves=shown)


def _stretches(
    dots: list[tuple[float, float | None]], scale: float
) -> Iterator[tuple[tuple[float, float], ...]]:
    line = tuple((x, scale * y) for x, y in dots if y is not None and math.isfinite(y))
    if line:
        yield line


def courses(series: TimeSeries, variant: str | None = None) -> list[Course]:
    """Return the course of each variant, or of one, that has any day.

    Raises:
        NotFound: no day has such a variant beside the control.
        InvalidInput: no day has a difference to draw.
    """
    treatments: dict[str, list[tuple[float, VariantResult]]] = {}
    for day, result in series.days.items():
        for each in result.variants[1:] if result is not None else ():
            drawn = treatments.setdefault(each.variant, [])
            if each.difference is not None:
                drawn.append((_place_of(day), each))
    if variant is not None and treatments and variant not in treatments:
        raise NotFound(
            f"metric {series.metric!r} has no course of {variant!r} against the control",
            hint=f"There are: {', '.join(treatments)}.",
        )
    found = {name: days for name, days in treatments.items() if days and variant in (None, name)}
    if not found:
        raise InvalidInput(
            f"no day of {series.metric!r} has a difference to draw",
            hint=f"`gitexp ab timeseries {series.experiment} {series.metric}` says why.",
        )
    return [_course(series, name, days) for name, days in found.items()]


def _course(series: TimeSeries, variant: str, days: list[tuple[float, VariantResult]]) -> Course:
    relative = all(each.relative for _, each in days)
    metric = printable(series.metric)
    notes = [f"{day}: {error}" for day, error in series.errors.items()]
    if series.history:
        notes.append(f"history: made with other settings, {series.fingerprint[:16]}")
    return Course(
        title=f"{metric}: {printable(variant)} against the control",
        y_label="difference in %" if relative else "difference",
        relative=relative,
        variant=variant,
        days=tuple(days),
        notes=tuple(notes),
    )


def _place_of(day: str) -> float:
    # Axes of time are drawn in UTC, and a day stands above its own date whatever its zone.
    return datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp()
