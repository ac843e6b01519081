"""Charts of results: what is drawn, and that nothing is left out in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.abtests.reading import read_test
from gitexp.abtests.results.charts import courses, forest
from gitexp.abtests.results.computing import recalculate
from gitexp.abtests.results.plots import courses_picture, forest_picture, forest_text
from gitexp.abtests.results.timeseries import time_series
from gitexp.errors import InvalidInput, NotFound
from gitexp.results.terminal_plots import Screen
from tests.abtests.data.making import ab_test, day
from tests.abtests.results.conftest import SALES, Launched, at
from tests.abtests.results.test_decisions import ERRORS, PAID, judged

FOUND = judged(ab_test(PAID, ERRORS), paid=(1000, 1200), errors=(200, 210))


def test_a_forest_has_a_row_for_each_difference_with_its_interval() -> None:
    text = forest_text(forest(FOUND), Screen(width=80, characters="ascii"))
    assert text == (
        "checkout\n"
        "  paid: test               |     ------o------   +20.00 % (+10.49 % to +29.51 %)\n"
        "  errors: test   -------------o------------      +5.00 % (-15.13 % to +25.13 %)\n"
        "                           0\n"
        "  difference in % of the control, with 95 % intervals\n"
    )


def test_no_line_of_a_forest_is_wider_than_the_terminal() -> None:
    for width in (60, 80, 120):
        text = forest_text(forest(FOUND), Screen(width=width))
        assert max(map(len, text.splitlines()[:3])) <= max(width, 70)


def test_what_has_no_difference_is_a_note() -> None:
    chart = forest(judged(ab_test(PAID, ERRORS), paid=(1000, 1200)))
    assert [bar.label for bar in chart.bars] == ["paid: test"]
    assert chart.notes == ("errors: no rows",)


def test_results_without_any_difference_cannot_be_drawn() -> None:
    with pytest.raises(InvalidInput) as caught:
        forest(judged(ab_test(PAID)))
    assert str(caught.value) == "there is no difference to draw"


def test_an_interval_without_a_bound_reaches_the_edge() -> None:
    found = judged(ab_test(PAID, statistics={"alternative": "greater"}), paid=(1000, 1200))
    (bar,) = forest(found).bars
    assert bar.high is None
    assert "to …)" in bar.text
    assert forest_picture(forest(found), "svg").startswith(b"<?xml")


def test_hostile_names_are_made_harmless() -> None:
    chart = forest(judged(ab_test({**PAID, "name": "a\x1b[31m<b>$x$"}), paid=(1000, 1200)))
    assert chart.bars[0].label == r"a\x1b[31m<b>$x$: test"
    picture = forest_picture(chart, "svg")
    assert b"<b>" not in picture
    assert forest_picture(chart, "svg") == picture


def test_a_course_has_a_point_for_each_day_that_is_there(launched: Launched) -> None:
    workspace = at(launched(SALES, statistics={"difference": "absolute"}), day(4.5))
    test = read_test(workspace, "warm")
    with pytest.raises(InvalidInput):
        courses(time_series(workspace, test, "sales"))
    recalculate(workspace, test)
    series = time_series(workspace, test, "sales")
    (course,) = courses(series)
    assert [x for x, _ in course.days] == [day(number).timestamp() for number in range(4)]
    lines = {curve.label: curve.lines[0] for curve in course.lines().curves}
    assert set(lines) == {"difference", "upper bound", "lower bound"}
    assert all(len(line) == 4 for line in lines.values())
    assert courses_picture([course], "png").startswith(b"\x89PNG")
    with pytest.raises(NotFound) as caught:
        courses(series, "control")
    assert str(caught.value) == "metric 'sales' has no course of 'control' against the control"
    assert caught.value.hint == "There are: test."
    former = courses(replace(series, history=True))[0]
    assert former.notes == (f"history: made with other settings, {series.fingerprint[:16]}",)
