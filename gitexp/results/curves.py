"""Charts as a model: what is drawn of which run, before anybody decides how.

`plots` draws them as a picture, `terminal_plots` as text. Labels are made harmless here, since
they come from people and end in terminals and in XML.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from gitexp.errors import InvalidInput
from gitexp.results.comparisons import Comparison, Measure, missing_measure
from gitexp.results.ticks import day_of
from gitexp.runs.metrics import MetricPoint, plain_number
from gitexp.runs.run import Run

XAxis = Literal["step", "time", "relative"]
Dot = tuple[float, float]
"""A place in a chart: x and y."""

X_LABELS: dict[XAxis, str] = {
    "step": "step",
    "time": "time (UTC)",
    "relative": "seconds since the run began",
}
LONGEST_LABEL = 40
MOST_PANELS = 12


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One run's values of a metric.

    Attributes:
        lines: its stretches without a gap, each of one point or more.
        raw: the same before they were smoothed; empty where nothing was.
    """

    label: str
    lines: tuple[tuple[Dot, ...], ...]
    raw: tuple[tuple[Dot, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """A metric over the course of one run or several.

    Attributes:
        title: the metric, and how it was smoothed.
        x: what the horizontal axis shows; times are seconds since 1970.
        notes: what a reader should know that cannot be seen, such as points left out.
        x_title: the words at the horizontal axis, where they are not those of `x`.
    """

    title: str
    y_label: str
    x: XAxis
    curves: tuple[Curve, ...]
    log_y: bool = False
    notes: tuple[str, ...] = ()
    x_title: str = ""

    @property
    def dots(self) -> list[Dot]:
        """All places that are drawn; there is at least one."""
        return [dot for curve in self.curves for line in curve.lines for dot in line]

    @property
    def x_label(self) -> str:
        """The words at the horizontal axis, with the unit, and the day where there is one."""
        if self.x_title:
            return self.x_title
        xs = [x for x, _ in self.dots]
        day = day_of(min(xs), max(xs)) if self.x == "time" else ""
        return f"{X_LABELS[self.x]}, {day}" if day else X_LABELS[self.x]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One run's value; None is a missing one.

    Attributes:
        other_samples: whether it was measured over other samples than the baseline's.
    """

    label: str
    value: float | None
    best: bool = False
    other_samples: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A measure of all runs.

    Attributes:
        note: which values are better, where somebody has said, and what marks at values mean.
        baseline: the position of the run that the others are measured against.
        ratio: whether the values read as percentages.
    """

    title: str
    bars: tuple[Bar, ...]
    note: str = ""
    baseline: int = 0
    ratio: bool = False


@dataclass(frozen=True, kw_only=True)
class BarChart:
    """The measures of a comparison, a panel for each, with the runs in the same order in all."""

    panels: tuple[Panel, ...]


Chart = LineChart | BarChart


def line_chart(
    metric: str,
    histories: Sequence[tuple[Run, Sequence[MetricPoint]]],
    *,
    x: XAxis = "step",
    smooth: int = 1,
    log_y: bool = False,
) -> LineChart:
    """Return the chart of a metric.

    NaN and infinities, and with a logarithmic axis what is not above 0, are gaps.

    Args:
        histories: each run with its points, in any order.
        x: `step`, `time` (when a point was logged) or `relative` (seconds since the run began).
        smooth: show at each point the mean of the last so many values since a gap.

    Raises:
        NotFound: none of the runs has the metric.
        InvalidInput: there is nothing that could be drawn, or `smooth` is less than 1.
    """
    if smooth < 1:
        raise InvalidInput(f"{smooth} values have no mean", hint="Smooth over 1 value or more.")
    drawn = [(run, points) for run, points in histories if points]
    if not drawn:
        names = sorted({name for run, _ in histories for name in run.metrics})
        raise missing_measure(metric, names)
    labels = run_labels([run for run, _ in histories])
    label_of = {run.id: label for (run, _), label in zip(histories, labels, strict=True)}
    curves = [
        _curve(label_of[run.id], _dots(run, points, x), smooth=smooth, log_y=log_y)
        for run, points in drawn
    ]
    _require_something(metric, curves, log_y=log_y)
    name = printable(metric)
    return LineChart(
        title=name if smooth == 1 else f"{name} (mean of the last {smooth})",
        y_label=name,
        x=x,
        curves=tuple(curves),
        log_y=log_y,
        notes=tuple(_notes(metric, histories, log_y=log_y)),
    )


def bar_chart(comparison: Comparison) -> BarChart:
    """Return the chart of a comparison.

    Raises:
        InvalidInput: the comparison has no measures, or more than can be shown.
    """
    count = len(comparison.measures)
    if not count:
        raise InvalidInput(
            "the runs have nothing that could be drawn",
            hint="`gitexp run compare` shows what they have.",
        )
    if count > MOST_PANELS:
        raise InvalidInput(
            f"{count} metrics are too many for one picture",
            hint=f"Choose {MOST_PANELS} at most with `--metric NAME`.",
        )
    labels = run_labels(comparison.runs)
    labels[comparison.baseline] += " (baseline)"
    panels = [_panel(measure, labels, comparison) for measure in comparison.measures]
    return BarChart(panels=tuple(panels))


def run_labels(runs: Sequence[Run]) -> list[str]:
    """Return a label for each run: its name, or its id where it has none or shares it."""
    names = [printable(run.name.strip()) for run in runs]
    counts = Counter(names)
    return [
        _label(run, name, alone=counts[name] == 1) for run, name in zip(runs, names, strict=True)
    ]


def _label(run: Run, name: str, *, alone: bool) -> str:
    if not name:
        return str(run.id)
    short = name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"
    return short if alone and short == name else f"{short} ({run.id[-8:]})"


def printable(text: str) -> str:
    r"""Return a text in which what is not printed, or changes the direction, reads as `\u202e`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in text)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# --- curves -----------------------------------------------------------------------------------


def _dots(run: Run, points: Sequence[MetricPoint], x: XAxis) -> list[Dot]:
    if x == "step":
        ordered = sorted(points, key=lambda point: (point.step, point.timestamp))
        return [(float(point.step), point.value) for point in ordered]
    ordered = sorted(points, key=lambda point: (point.timestamp, point.step))
    began = _began(run, ordered) if x == "relative" else 0
    return [((point.timestamp - began) / 1000, point.value) for point in ordered]


def _began(run: Run, points: Sequence[MetricPoint]) -> float:
    """Return when a run began, in milliseconds."""
    return 1000 * run.started_at.timestamp() if run.started_at else points[0].timestamp


def _curve(label: str, dots: Sequence[Dot], *, smooth: int, log_y: bool) -> Curve:
    lines = tuple(tuple(line) for line in _lines(dots, log_y=log_y))
    if smooth == 1:
        return Curve(label=label, lines=lines)
    return Curve(label=label, lines=tuple(_smoothed(line, smooth) for line in lines), raw=lines)


def _lines(dots: Iterable[Dot], *, log_y: bool) -> Iterator[list[Dot]]:
    line: list[Dot] = []
    for dot in dots:
        if _is_shown(dot[1], log_y=log_y):
            line.append(dot)
        elif line:
            yield line
            line = []
    if line:
        yield line


def _is_shown(value: float, *, log_y: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not log_y)


def _smoothed(line: Sequence[Dot], count: int) -> tuple[Dot, ...]:
    """Return a line whose values are means of the last `count` values, in linear time.

    The line is cut into blocks of that many. A window reaches from somewhere in one block to
    somewhere in the next, so its sum is that of a block's end and of the next one's beginning.
    Nothing is ever taken off a sum: a value that left the window leaves no trace.
    """
    parts = [y / count for _, y in line]
    blocks = [parts[start : start + count] for start in range(0, len(parts), count)]
    begun = [total for block in blocks for total in accumulate(block)]
    ended = [total for block in blocks for total in reversed(list(accumulate(reversed(block))))]
    means = [value * (count / (number + 1)) for number, value in enumerate(begun[:count])]
    for number in range(count, len(line)):
        whole_block = (number + 1) % count == 0
        means.append(begun[number] + (0.0 if whole_block else ended[number + 1 - count]))
    return tuple((x, mean) for (x, _), mean in zip(line, means, strict=True))


def _require_something(metric: str, curves: Iterable[Curve], *, log_y: bool) -> None:
    if any(curve.lines for curve in curves):
        return
    if log_y:
        raise InvalidInput(
            f"no value of {metric!r} is above 0, so it has no place on a logarithmic axis",
            hint="Leave out `--log-y`.",
        )
    raise InvalidInput(
        f"no value of {metric!r} is a finite number",
        hint="There is nothing to draw; `gitexp run compare` shows the latest values.",
    )


def _notes(
    metric: str, histories: Sequence[tuple[Run, Sequence[MetricPoint]]], *, log_y: bool
) -> Iterator[str]:
    without = [run.id for run, points in histories if not points]
    if without:
        yield f"without a metric {printable(metric)!r}: {', '.join(without)}"
    values = [point.value for _, points in histories for point in points]
    unusual = sum(not math.isfinite(value) for value in values)
    if unusual:
        yield f"{unusual} of {len(values)} values are NaN or infinite and not drawn"
    low = sum(math.isfinite(value) and value <= 0 for value in values) if log_y else 0
    if low:
        yield f"{low} of {len(values)} values are not above 0 and not drawn"


# --- bars -------------------------------------------------------------------------------------


def _panel(measure: Measure, labels: Sequence[str], comparison: Comparison) -> Panel:
    bars = [
        Bar(
            label=label,
            value=measure.values[position],
            best=measure.best[position],
            other_samples=measure.kind != "metrics" and same is False,
        )
        for position, (label, same) in enumerate(zip(labels, comparison.same_samples, strict=True))
    ]
    notes = [_DIRECTIONS.get(measure.direction or "", "")]
    if any(bar.other_samples and bar.value is not None for bar in bars):
        notes.append("* other samples")
    return Panel(
        title=_TITLES.get(measure.field, printable(measure.name)),
        bars=tuple(bars),
        note="; ".join(filter(None, notes)),
        baseline=comparison.baseline,
        ratio=measure.kind == "stats",
    )


def bar_text(bar: Bar, *, ratio: bool) -> str:
    """Return the words at a bar: its value with its marks, or that it is missing."""
    if bar.value is None:
        return "missing"
    if not math.isfinite(bar.value):
        return str(plain_number(bar.value))
    text = f"{100 * bar.value:.1f} %" if ratio else f"{bar.value:.4g}"
    marks = (" *" if bar.other_samples else "") + (" best" if bar.best else "")
    return text + marks


_TITLES = {"stats.pass_rate": "pass rate"}
_DIRECTIONS = {"minimize": "less is better", "maximize": "more is better"}
