"""Charts as text: within the width, without colours where none are wanted, in ASCII if need be."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.results.comparing import compare
from gitexp.results.curves import LineChart, XAxis, bar_chart, line_chart
from gitexp.results.terminal_plots import MARKS, Characters, Screen, draw
from gitexp.runs.metrics import MetricPoint
from tests.results.test_comparing import judged
from tests.results.test_curves import points
from tests.runs.making import make_run, run_id

SGR = re.compile(r"\x1b\[[0-9;]*m")


def chart_of(*curves: tuple[float, ...], log_y: bool = False) -> LineChart:
    """Return a chart with these curves, named a, b, c ..."""
    histories = [
        (make_run(run_id(i), name="abcdefgh"[i]), points(*values))
        for i, values in enumerate(curves)
    ]
    return line_chart("loss", histories, log_y=log_y)


def screen(
    width: int = 40, height: int = 4, *, styled: bool = False, characters: Characters = "unicode"
) -> Screen:
    return Screen(width=width, height=height, styled=styled, characters=characters)


def test_one_curve_is_drawn_in_dots() -> None:
    expected = """\
loss
  │                    ⢀⣀⡠⠤⠒⠒⠉
 2┤             ⢀⣀⠤⠤⠒⠊⠉⠁
  │      ⢀⣀⡠⠤⠒⠒⠉⠁
 0┤⣀⠤⠤⠒⠒⠉⠁
  └───────────────────────────
   0               20
              step
  a
"""
    assert draw(chart_of((0, 1, 2, 3)), screen(30)) == expected


def test_several_curves_without_colours_have_marks_of_their_own() -> None:
    text = draw(chart_of((0, 1), (1, 0)), screen(30))
    assert not SGR.search(text)
    assert "o" in text
    assert "x" in text
    assert text.endswith("  o a\n  x b\n")
    assert not re.search("[\u2800-\u28ff]", text)


def test_colours_tell_curves_apart_where_they_are_wanted() -> None:
    text = draw(chart_of((0, 1), (1, 0)), screen(30, styled=True))
    assert "\x1b[38;5;33m━━\x1b[0m a\n" in text
    assert "\x1b[38;5;208m━━\x1b[0m b\n" in text
    assert re.search("[\u2800-\u28ff]", text)
    assert all(len(SGR.findall(line)) % 2 == 0 for line in text.splitlines())


def test_plain_characters_alone_where_no_others_can_be_shown() -> None:
    for chart in (chart_of((0, 1)), chart_of((0, 1), (1, 0), log_y=False)):
        assert draw(chart, screen(characters="ascii")).isascii()


def test_a_peak_among_many_points_is_drawn() -> None:
    values = [0.0] * 5000
    values[2500] = 1.0
    rows = draw(chart_of(tuple(values)), screen(40, 6)).splitlines()[1:7]
    assert all(re.search("[\u2801-\u28ff]", row) for row in rows)


def test_a_gap_stays_empty() -> None:
    row = draw(chart_of((1, 1, math.nan, 1, 1)), screen(40, 4)).splitlines()
    drawn = next(line for line in row if re.search("[\u2801-\u28ff]", line))
    assert re.search("[\u2801-\u28ff]+ {5,}[\u2801-\u28ff]+", drawn)


def test_a_logarithmic_axis_is_even_in_powers() -> None:
    lines = draw(chart_of((1, 10, 100, 1000), log_y=True), screen(40, 7)).splitlines()
    rows = {line.split("┤")[0].strip(): n for n, line in enumerate(lines) if "┤" in line}
    assert rows == {"1e+03": 1, "100": 3, "10": 5, "1": 7}


def test_moments_are_written_below_the_axis() -> None:
    history = [(make_run(run_id(0)), points(*range(61)))]
    text = draw(line_chart("loss", history, x="time"), screen(60))
    assert "00:00:00" in text
    assert "time (UTC), 2026-01-02" in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("styled", [False, True])
def test_nothing_goes_beyond_the_width(width: int, styled: bool) -> None:
    text = draw(chart_of((0.5, 1e-9, 123456), (2, 1)), screen(width, styled=styled))
    field = [line for line in SGR.sub("", text).splitlines() if "│" in line or "┤" in line]
    assert all(len(line) <= max(width, 32) for line in field)


values = st.lists(st.floats(), min_size=1, max_size=30)


@given(st.lists(values, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_any_numbers_are_drawn(curves: list[list[float]], styled: bool, log_y: bool) -> None:
    shown = [v for c in curves for v in c if math.isfinite(v) and (v > 0 or not log_y)]
    if not shown:
        return
    text = draw(chart_of(*map(tuple, curves), log_y=log_y), screen(60, 8, styled=styled))
    assert re.search(f"[\u2801-\u28ff{re.escape(MARKS)}]", text)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_any_steps_are_drawn(steps: list[int]) -> None:
    history = [MetricPoint(1.0, step, step) for step in steps]
    axes: tuple[XAxis, ...] = ("step", "time", "relative")
    for x in axes:
        chart = line_chart("m", [(make_run(), history)], x=x)
        assert draw(chart, screen()).endswith("\n")


# --- bars ---------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_values() -> None:
    runs = [judged(0, passed=50, name="a", scores={}), judged(1, passed=100, name="b", scores={})]
    assert draw(bar_chart(compare(runs, directions={})), screen(50)) == (
        "pass rate (more is better)\n"
        "  a (baseline) ██████████▌ 50.0 %\n"
        "  b            █████████████████████ 100.0 % best\n"
    )


def test_bars_of_negative_values_go_the_other_way() -> None:
    runs = [
        make_run(run_id(i), name=name, metrics={} if v is None else {"m": MetricPoint(v)})
        for i, (name, v) in enumerate([("a", -1.0), ("b", 1.0), ("c", None), ("d", math.nan)])
    ]
    assert draw(bar_chart(compare(runs, directions={})), screen(34, characters="ascii")) == (
        "m\n"
        "  a (baseline) #####|      -1\n"
        "  b                 |##### 1\n"
        "  c                 |      missing\n"
        "  d                 |      NaN\n"
    )


@given(st.lists(st.floats(), min_size=2, max_size=5))
def test_bars_of_any_numbers_are_drawn(numbers: list[float]) -> None:
    runs = [make_run(run_id(i), metrics={"m": MetricPoint(v)}) for i, v in enumerate(numbers)]
    text = draw(bar_chart(compare(runs, directions={})), screen(60))
    assert len(text.splitlines()) == len(numbers) + 1


def test_wide_letters_are_measured() -> None:
    runs = [judged(0, passed=50, name="日本", scores={}), judged(1, passed=50, name="b", scores={})]
    chart = bar_chart(compare(runs, directions={}))
    wide = Screen(measure=lambda text: sum(2 if ord(c) > 0x2E80 else 1 for c in text))
    assert [line.index("█") for line in draw(chart, wide).splitlines()[1:]] == [16, 18]
