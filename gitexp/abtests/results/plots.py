"""Charts of results as pictures, and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitexp.abtests.results.charts import Bar, Course, Forest
from gitexp.results.plots import COLORS, PictureFormat, rendered
from gitexp.results.terminal_plots import Screen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 8.0
_HEIGHT = 3.2
_ROW = 0.42
_GREY = "#767676"
_COLORS = {"better": COLORS[2], "worse": COLORS[1], "undecided": _GREY}
_NARROWEST = 20


# --- pictures ---------------------------------------------------------------------------------


def forest_picture(chart: Forest, format: PictureFormat) -> bytes:
    """Return the picture of a forest: a row for each difference, its interval as a line.

    Raises:
        InvalidInput: Matplotlib is not installed.
    """
    return rendered(lambda: _forest(chart), format)


def courses_picture(charts: Sequence[Course], format: PictureFormat) -> bytes:
    """Return the picture of courses, one below the other, their intervals as areas.

    Raises:
        InvalidInput: Matplotlib is not installed.
    """
    return rendered(lambda: _courses(charts), format)


def _forest(chart: Forest) -> Figure:
    from matplotlib.figure import Figure

    made = Figure(figsize=(_WIDTH, 1.3 + _ROW * len(chart.bars)))
    axes = made.add_subplot()
    low, high = chart.span
    for place, bar in enumerate(chart.bars):
        color = _COLORS[bar.verdict]
        # What has no bound ends at the edge.
        ends = (low if bar.low is None else bar.low, high if bar.high is None else bar.high)
        axes.plot(ends, (place, place), color=color, linewidth=2)
        axes.plot([bar.value], [place], color=color, marker="s", markersize=6)
        axes.annotate(
            bar.text,
            (bar.value, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize="small",
        )
    axes.axvline(0, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(chart.bars)), [bar.label for bar in chart.bars])
    axes.set_ylim(len(chart.bars) - 0.4, -0.7)
    axes.set_xlim(low, high)
    axes.grid(visible=False, axis="y")
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x_label)
    if chart.relative:
        axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:+.3g} %" if x else "0")
    return made


def _courses(charts: Sequence[Course]) -> Figure:
    from matplotlib.figure import Figure

    made = Figure(figsize=(_WIDTH, _HEIGHT * len(charts)))
    for place, chart in enumerate(charts):
        _draw_course(made.add_subplot(len(charts), 1, place + 1), chart, place)
    return made


def _draw_course(axes: Axes, chart: Course, place: int) -> None:
    from datetime import datetime, timezone

    scale, color = 100.0 if chart.relative else 1.0, COLORS[place % len(COLORS)]
    days = [datetime.fromtimestamp(x, timezone.utc) for x, _ in chart.days]
    values = [scale * (each.difference or 0.0) for _, each in chart.days]
    known = [(day, each) for day, (_, each) in zip(days, chart.days, strict=True)]
    bounded = [(d, e.low, e.high) for d, e in known if e.low is not None and e.high is not None]
    if bounded:
        moments, lows, highs = zip(*bounded, strict=True)
        axes.fill_between(
            list(moments),
            [scale * low for low in lows],
            [scale * high for high in highs],
            color=color,
            alpha=0.2,
            linewidth=0,
        )
    axes.plot(days, values, color=color, marker="o", markersize=3)  # type: ignore[arg-type]
    axes.axhline(0, color=_GREY, linewidth=0.8)
    axes.set_title(chart.title)
    axes.set_ylabel(chart.y_label)
    for label in axes.get_xticklabels():
        label.set_rotation(30)


# --- text -------------------------------------------------------------------------------------


def forest_text(chart: Forest, screen: Screen) -> str:
    """Return a forest as lines of text, each with a newline at its end."""
    return "".join(line.rstrip() + "\n" for line in _lines(chart, screen))


def _lines(chart: Forest, screen: Screen) -> Iterator[str]:
    labels = max(screen.measure(bar.label) for bar in chart.bars)
    texts = max(screen.measure(bar.text) for bar in chart.bars)
    width = max(_NARROWEST, screen.width - labels - texts - 6)
    yield chart.title
    for bar in chart.bars:
        pad = " " * (labels - screen.measure(bar.label))
        yield f"  {bar.label}{pad}  {_row(bar, chart.span, width, screen)}  {bar.text}"
    yield f"  {'':{labels}}  {_zero(chart.span, width)}"
    yield f"  {chart.x_label}"


def _place(value: float, span: tuple[float, float], width: int) -> int:
    share = (value - span[0]) / (span[1] - span[0])
    return round(min(max(share, 0.0), 1.0) * (width - 1))


def _row(bar: Bar, span: tuple[float, float], width: int, screen: Screen) -> str:
    line, mark, axis = ("─", "■", "│") if screen.characters == "unicode" else ("-", "o", "|")
    cells = [" "] * width
    cells[_place(0.0, span, width)] = axis
    begin = 0 if bar.low is None else _place(bar.low, span, width)
    end = width - 1 if bar.high is None else _place(bar.high, span, width)
    for place in range(begin, end + 1):
        cells[place] = line
    cells[_place(bar.value, span, width)] = mark
    return "".join(cells)


def _zero(span: tuple[float, float], width: int) -> str:
    return " " * _place(0.0, span, width) + "0"
