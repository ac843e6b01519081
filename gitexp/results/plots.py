"""Charts as pictures, PNG or SVG, drawn by Matplotlib without a display.

Equal charts give equal bytes with the same release of Matplotlib: nobody's own settings take part,
no date is written, and the ids in an SVG follow from its contents. No text is read as markup.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args

from gitexp.errors import InvalidInput
from gitexp.results.curves import (
    LONGEST_LABEL,
    Bar,
    BarChart,
    Chart,
    Curve,
    LineChart,
    Panel,
    bar_text,
)
from gitexp.results.ticks import power_ticks, time_texts, time_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PictureFormat = Literal["png", "svg"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The colours of Okabe and Ito that can be seen on white, told apart with any colour vision.

https://jfly.uni-koeln.de/color/
"""

_DASHES = ("solid", "dashed", "dotted", "dashdot")
_GREY = "#767676"
_PALE = "#D9D9D9"
_WIDTH = 8.0
_HEIGHT = 4.8
_LINE = 0.22
_COLUMNS = 3
_LEGEND_CHARACTERS = 96
_DPI = 150
_TIMES = 7
_POWERS = 8
_PANEL = 3.0
_BAR = 0.34
_CHARACTER = 0.085
_ROOM = 0.65
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_LARGEST = 1e300

_SETTINGS: dict[str, Any] = {
    "agg.path.chunksize": 10_000,
    "axes.axisbelow": True,
    "axes.edgecolor": _GREY,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans"],
    "grid.color": _PALE,
    "grid.linewidth": 0.6,
    "savefig.dpi": _DPI,
    "svg.fonttype": "none",  # texts stay texts, which can be found, read out, and in any script
    "svg.hashsalt": "gitexp",
    "text.parse_math": False,
    "text.usetex": False,
}
_METADATA: dict[PictureFormat, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Creator": "gitexp", "Date": None},
}


def picture_format(path: str) -> PictureFormat:
    """Return the format that the end of a file's name asks for.

    Raises:
        InvalidInput: it asks for neither PNG nor SVG.
    """
    ending = PurePath(path).suffix.lower().removeprefix(".")
    for known in get_args(PictureFormat):
        if ending == known:
            return ending  # type: ignore[return-value]
    raise InvalidInput(
        f"{path!r} is no name for a picture", hint="Let it end with `.png` or `.svg`."
    )


def picture(chart: Chart, format: PictureFormat) -> bytes:
    """Return the bytes of a chart's picture.

    Raises:
        InvalidInput: Matplotlib is not installed.
    """
    return rendered(lambda: _figure(chart), format)


def rendered(draw: Callable[[], Figure], format: PictureFormat) -> bytes:
    """Return the bytes of the picture of a figure that is drawn with these settings.

    Raises:
        InvalidInput: Matplotlib is not installed.
    """
    out = io.BytesIO()
    with _own_settings():
        draw().savefig(out, format=format, metadata=_METADATA[format])
    return out.getvalue()


def figure(chart: Chart) -> Figure:
    """Return a chart as Matplotlib's figure, to be shown in a notebook or changed further.

    Raises:
        InvalidInput: Matplotlib is not installed.
    """
    with _own_settings():
        return _figure(chart)


@contextmanager
def _own_settings() -> Iterator[None]:
    matplotlib = _matplotlib()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A character that the font lacks is shown as a box, as everywhere else.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # Around a level line the axis is widened, which is what it should be.
        warnings.filterwarnings("ignore", message="Attempting to set identical")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as exc:
        raise InvalidInput(
            "pictures need matplotlib, which is not installed",
            hint="Install it: `pip install 'gitexp[plot]'`; without `-o` a plot is drawn as text.",
        ) from exc
    return matplotlib


def _figure(chart: Chart) -> Figure:
    return _lines_figure(chart) if isinstance(chart, LineChart) else _bars_figure(chart)


# --- lines ------------------------------------------------------------------------------------


def _lines_figure(chart: LineChart) -> Figure:
    from matplotlib.figure import Figure

    columns = _legend_columns(chart.curves)
    rows = math.ceil(len(chart.curves) / columns)
    made = Figure(figsize=(_WIDTH, _HEIGHT + _LINE * max(0, rows - 1)))
    axes = made.add_subplot()
    handles = [_draw(axes, curve, position) for position, curve in enumerate(chart.curves)]
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    _set_y_axis(axes, chart)
    _set_x_axis(axes, chart)
    # Matplotlib leaves labels out that begin with an underscore, so they are put in afterwards.
    legend = made.legend(
        handles,
        [str(position) for position in range(len(handles))],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
    )
    for text, curve in zip(legend.get_texts(), chart.curves, strict=True):
        text.set_text(curve.label)
    return made


def _legend_columns(curves: Sequence[Curve]) -> int:
    longest = max(len(curve.label) for curve in curves)
    return max(1, min(len(curves), 4, _LEGEND_CHARACTERS // (longest + 6)))


def _draw(axes: Axes, curve: Curve, position: int) -> Any:
    """Draw a curve and return what stands for it in the legend."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {
        "color": COLORS[position % len(COLORS)],
        "linestyle": _DASHES[position // len(COLORS) % len(_DASHES)],
    }
    for line in curve.raw:
        axes.plot(*_scales(line), **look, linewidth=0.8, alpha=0.3, solid_capstyle="round")
    for line in curve.lines:
        marker = "o" if len(line) == 1 else ""
        axes.plot(*_scales(line), **look, linewidth=1.6, marker=marker, markersize=5)
    return Line2D([], [], **look, linewidth=1.6)


def _scales(line: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return the two coordinates of a line; what no axis can reach ends at its edge."""
    xs, ys = zip(*line, strict=True)
    return list(xs), [min(max(y, -_LARGEST), _LARGEST) for y in ys]


def _set_y_axis(axes: Axes, chart: LineChart) -> None:
    from matplotlib.ticker import NullFormatter

    if chart.log_y:
        ys = [y for _, y in chart.dots]
        ticks = power_ticks(min(ys), max(ys), most=_POWERS)
        axes.set_yscale("log")
        axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axes.yaxis.set_minor_formatter(NullFormatter())


def _set_x_axis(axes: Axes, chart: LineChart) -> None:
    from matplotlib.ticker import MaxNLocator

    if chart.x == "time":
        xs = [x for x, _ in chart.dots]
        moments = time_ticks(min(xs), max(xs), most=_TIMES)
        axes.set_xticks(moments, time_texts(moments))
    elif chart.x == "step":
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))


# --- bars -------------------------------------------------------------------------------------


def _bars_figure(chart: BarChart) -> Figure:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(chart.panels))
    rows = math.ceil(len(chart.panels) / columns)
    runs = len(chart.panels[0].bars)
    longest = max(len(bar.label) for bar in chart.panels[0].bars)
    width = _CHARACTER * min(longest, LONGEST_LABEL) + _PANEL * columns
    made = Figure(figsize=(width, rows * (1.1 + _BAR * runs)))
    for position, panel in enumerate(chart.panels):
        axes = made.add_subplot(rows, columns, position + 1)
        _draw_panel(axes, panel, labelled=position % columns == 0)
    return made


def _draw_panel(axes: Axes, panel: Panel, *, labelled: bool) -> None:
    places = range(len(panel.bars))
    lengths = [_length(bar) for bar in panel.bars]
    colors = [COLORS[place % len(COLORS)] for place in places]
    axes.barh(places, lengths, color=colors, height=0.7)
    axes.set_yticks(places, [bar.label for bar in panel.bars] if labelled else [""] * len(places))
    axes.set_ylim(len(panel.bars) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=_GREY, linewidth=0.8)
    axes.set_title(panel.title, loc="left", fontsize="medium", fontweight="bold")
    axes.set_xlabel(panel.note)
    _set_value_axis(axes, panel, lengths)
    for place, bar in zip(places, panel.bars, strict=True):
        _write_value(axes, panel, bar, place)


def _length(bar: Bar) -> float:
    """Return how long a bar is: nothing for a value that is missing or has no place."""
    if bar.value is None or not math.isfinite(bar.value):
        return 0.0
    return min(max(bar.value, -_LARGEST), _LARGEST)


def _set_value_axis(axes: Axes, panel: Panel, lengths: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    # The values are written beyond the ends of the bars, so there the axis goes on for a bit.
    low, high = min(0.0, *lengths), max(0.0, *lengths)
    room = _ROOM * (high - low) or 1.0
    axes.set_xlim(low - room if low < 0 else 0, high + room if high > 0 or low == 0 else 0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    if panel.ratio:
        axes.set_xticks([share for share in _SHARES if share <= high + room])
        axes.xaxis.set_major_formatter("{x:.0%}")
    base = panel.bars[panel.baseline].value
    if base is not None and math.isfinite(base):
        axes.axvline(lengths[panel.baseline], color=_GREY, linewidth=0.8, linestyle="dashed")


def _write_value(axes: Axes, panel: Panel, bar: Bar, place: int) -> None:
    length = _length(bar)
    left = length < 0
    axes.annotate(
        bar_text(bar, ratio=panel.ratio),
        (length, place),
        xytext=(-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize="small",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        color=_GREY if bar.value is None else "black",
        fontweight="bold" if bar.best else "normal",
    )
