"""Pictures: the same bytes for the same chart, nobody's settings, no text taken as markup."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest

from gitexp.errors import InvalidInput
from gitexp.results.comparing import compare
from gitexp.results.curves import BarChart, Chart, LineChart, XAxis, bar_chart, line_chart
from gitexp.results.plots import COLORS, PictureFormat, figure, picture, picture_format
from gitexp.runs.metrics import MetricPoint
from tests.results.test_comparing import judged
from tests.results.test_curves import points
from tests.runs.making import make_run, run_id

PNG = b"\x89PNG\r\n\x1a\n"
HOSTILE = "_$\\frac{a$ <b>&amp; \x1b[31m 日本 \u202e"
MOST = 1.7e308
ROOT = Path(__file__).parents[2]


def lines(*names: str, metric: str = "loss", x: XAxis = "step", smooth: int = 1) -> LineChart:
    """Return a chart with a curve for each name."""
    values = (3.0, 2.0, math.nan, 1.5, 1.25)
    histories = [
        (make_run(run_id(i), name=name), points(*(value + i for value in values)))
        for i, name in enumerate(names)
    ]
    return line_chart(metric, histories, x=x, smooth=smooth)


def bars(*names: str) -> BarChart:
    """Return a chart with the pass rate, a score and a metric, one value of which is missing."""
    runs = [
        judged(i, passed=50 + i, name=name, metrics={"m": MetricPoint(1.0)} if i else {})
        for i, name in enumerate(names)
    ]
    return bar_chart(compare(runs, directions={}))


def texts(svg: bytes) -> list[str]:
    """Return the texts of an SVG."""
    tree = ElementTree.fromstring(svg)
    found = ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    return [text.strip() for text in found]


CHARTS: list[Chart] = [
    lines("base", "warm"),
    lines("base", x="time"),
    lines("base", smooth=2),
    bars("a", "b"),
]


@pytest.mark.parametrize("chart", CHARTS, ids=["steps", "time", "smooth", "bars"])
@pytest.mark.parametrize("format", ["png", "svg"])
def test_the_same_chart_gives_the_same_bytes(chart: Chart, format: PictureFormat) -> None:
    first = picture(chart, format)
    with matplotlib.rc_context({"axes.facecolor": "red", "svg.hashsalt": None, "font.size": 20}):
        assert picture(chart, format) == first
    assert first.startswith(PNG if format == "png" else b"<?xml")


SCRIPT = """\
import sys
from tests.results.test_plots import CHARTS
from gitexp.results.plots import picture
for chart in CHARTS:
    sys.stdout.buffer.write(picture(chart, "svg"))
assert "matplotlib.pyplot" not in sys.modules, "which looks for a display"
"""


def test_another_process_gives_the_same_bytes_without_a_display() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == b"".join(picture(chart, "svg") for chart in CHARTS)


def test_settings_are_left_as_they_were() -> None:
    # Asking for the backend would choose one.
    names = [name for name in matplotlib.rcParams if name != "backend"]
    before = {name: matplotlib.rcParams[name] for name in names}
    picture(CHARTS[0], "png")
    assert {name: matplotlib.rcParams[name] for name in names} == before


def test_a_picture_says_what_is_drawn() -> None:
    found = texts(picture(lines("base", "warm", x="relative", smooth=2), "svg"))
    assert {"loss (mean of the last 2)", "loss", "base", "warm"} < set(found)
    assert "seconds since the run began" in found
    found = texts(picture(bars("a", "b"), "svg"))
    assert {"pass rate", "more is better", "a (baseline)", "b", "missing", "51.0 % best"} < set(
        found
    )


def test_nothing_in_a_name_is_markup() -> None:
    said = "_$\\frac{a$ <b>&amp; \\x1b[31m 日本 \\u202e"
    found = texts(picture(lines(HOSTILE, "$x^2$", metric=HOSTILE), "svg"))
    assert {said, "$x^2$"} < set(found)
    assert said in texts(picture(bars("base", HOSTILE), "svg"))
    assert picture(lines(HOSTILE), "png").startswith(PNG)


def test_a_picture_holds_no_date_and_no_program() -> None:
    svg = picture(CHARTS[0], "svg")
    assert b"dc:date" not in svg
    assert b"Matplotlib v" not in svg
    assert b"Software" not in picture(CHARTS[0], "png")


def test_a_gap_breaks_the_line() -> None:
    drawn = figure(lines("base")).axes[0].get_lines()
    assert [[y for _, y in line.get_xydata()] for line in drawn] == [[3, 2], [1.5, 1.25]]
    assert {line.get_color() for line in drawn} == {COLORS[0]}


def test_a_single_point_is_seen() -> None:
    chart = line_chart("loss", [(make_run(), points(1.0))])
    (line,) = figure(chart).axes[0].get_lines()
    assert line.get_marker() == "o"


def test_more_runs_than_colours_differ_in_their_dashes() -> None:
    drawn = figure(lines(*(f"run {number}" for number in range(20)))).axes[0].get_lines()
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn}
    assert len(looks) == 20


@pytest.mark.parametrize(
    "values",
    [(MOST, -MOST), (5e-324, 1e-310), (0.0, 0.0), (1e16, 1e16 + 2), (-1e-300, 1e300)],
)
@pytest.mark.parametrize("log_y", [False, True])
def test_numbers_of_any_size_are_drawn(values: tuple[float, float], log_y: bool) -> None:
    if log_y and max(values) <= 0:
        return
    chart = line_chart("loss", [(make_run(), points(*values))], log_y=log_y)
    assert picture(chart, "svg").startswith(b"<?xml")


@pytest.mark.parametrize("x", ["step", "time", "relative"])
def test_steps_and_times_of_any_size_are_drawn(x: XAxis) -> None:
    far = [MetricPoint(v, s, s) for v, s in ((MOST, -(2**63)), (-MOST, 2**63 - 1))]
    chart = line_chart("loss", [(make_run(), far)], x=x)
    assert picture(chart, "svg").startswith(b"<?xml")


@pytest.mark.parametrize("value", [MOST, -MOST, 5e-324, math.inf, -1.0, 0.0])
def test_bars_of_any_size_are_drawn(value: float) -> None:
    runs = [make_run(run_id(i), metrics={"m": MetricPoint(v)}) for i, v in enumerate((value, 1.0))]
    assert picture(bar_chart(compare(runs, directions={})), "svg").startswith(b"<?xml")


@pytest.mark.parametrize(("path", "format"), [("a.png", "png"), ("a.b/c.SVG", "svg")])
def test_the_name_says_the_format(path: str, format: str) -> None:
    assert picture_format(path) == format


@pytest.mark.parametrize("path", ["a.pdf", "png", "-", "a.", ".png"])
def test_another_name_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        picture_format(path)
    assert caught.value.message == f"{path!r} is no name for a picture"
    assert caught.value.hint == "Let it end with `.png` or `.svg`."


def test_without_matplotlib_the_error_says_how_to_get_it() -> None:
    code = """\
import sys
sys.modules["matplotlib"] = None
from gitexp.errors import InvalidInput
from gitexp.results.curves import LineChart, Curve
from gitexp.results.plots import picture
try:
    picture(LineChart(title="", y_label="", x="step", curves=()), "png")
except InvalidInput as error:
    print(error.message, error.hint, sep="|")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == (
        "pictures need matplotlib, which is not installed|Install it: `pip install "
        "'gitexp[plot]'`; without `-o` a plot is drawn as text.\n"
    )


@pytest.mark.parametrize("color", COLORS)
def test_every_colour_is_seen_on_white(color: str) -> None:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # The ratio of WCAG 2.2 between a colour and white.
    assert 1.05 / (luminance + 0.05) > 2
