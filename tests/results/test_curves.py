"""Charts as a model: gaps, smoothing, axes and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import InvalidInput, NotFound
from gitexp.results.comparing import compare
from gitexp.results.curves import LineChart, bar_chart, bar_text, line_chart, printable, run_labels
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.run import Run
from tests.builders import MOMENT
from tests.results.test_comparing import judged, logged
from tests.runs.making import make_run, moment_of, run_id

RUN = make_run(run_id(0), name="base")
BEGAN = round(1000 * moment_of(run_id(0)).timestamp())


def points(*values: float) -> list[MetricPoint]:
    """Return points at steps 0, 10, 20 ..., a second apart."""
    return [MetricPoint(v, 10 * i, BEGAN + 1000 * i) for i, v in enumerate(values)]


def ys(chart: LineChart) -> list[list[float]]:
    """Return the values of each stretch of the first curve."""
    return [[y for _, y in line] for line in chart.curves[0].lines]


def xs(chart: LineChart) -> list[float]:
    """Return where the points of the first curve are."""
    return [x for line in chart.curves[0].lines for x, _ in line]


# --- lines --------------------------------------------------------------------------------------


def test_points_are_drawn_by_step_whatever_their_order() -> None:
    chart = line_chart("loss", [(RUN, points(1, 2, 3)[::-1])])
    assert chart.curves[0].lines == (((0, 1), (10, 2), (20, 3)),)
    assert (chart.title, chart.x_label, chart.y_label) == ("loss", "step", "loss")


def test_nan_and_infinities_are_gaps_and_are_told() -> None:
    chart = line_chart("loss", [(RUN, points(1, 2, math.nan, 3, math.inf, -math.inf))])
    assert ys(chart) == [[1, 2], [3]]
    assert chart.notes == ("3 of 6 values are NaN or infinite and not drawn",)


def test_time_is_in_seconds_and_in_utc() -> None:
    chart = line_chart("loss", [(RUN, points(1, 2))], x="time")
    assert xs(chart) == [BEGAN / 1000, BEGAN / 1000 + 1]
    assert chart.x_label == "time (UTC), 2026-01-02"


def test_relative_time_starts_when_each_run_began() -> None:
    later = make_run(run_id(60))
    minute = [point._replace(timestamp=point.timestamp + 60_000) for point in points(1, 2)]
    chart = line_chart("loss", [(RUN, points(1, 2)), (later, minute)], x="relative")
    assert [line for curve in chart.curves for line in curve.lines] == [((0, 1), (1, 2))] * 2
    assert chart.x_label == "seconds since the run began"


def test_relative_time_of_a_run_without_a_start_is_from_its_first_point() -> None:
    planned = make_run(run_id(0), status="scheduled")
    assert xs(line_chart("loss", [(planned, points(1, 2))], x="relative")) == [0, 1]


def test_smoothing_is_the_mean_of_the_last_values_since_a_gap() -> None:
    chart = line_chart("loss", [(RUN, points(1, 3, 5, math.nan, 9, 11))], smooth=2)
    assert ys(chart) == [[1, 2, 4], [9, 10]]
    assert [[y for _, y in line] for line in chart.curves[0].raw] == [[1, 3, 5], [9, 11]]
    assert chart.title == "loss (mean of the last 2)"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(2, 12))
def test_a_smoothed_value_is_the_mean_of_its_window(values: list[float], count: int) -> None:
    chart = line_chart("loss", [(RUN, points(*values))], smooth=count)
    windows = [values[max(0, i + 1 - count) : i + 1] for i in range(len(values))]
    assert ys(chart)[0] == pytest.approx([math.fsum(w) / len(w) for w in windows], abs=1e-6)


def test_a_peak_that_left_the_window_leaves_no_trace() -> None:
    chart = line_chart("loss", [(RUN, points(1e300, 1, 1, 1, 1))], smooth=2)
    assert ys(chart)[0][2:] == [1, 1, 1]


def test_smoothing_survives_the_largest_numbers() -> None:
    chart = line_chart("loss", [(RUN, points(1.7e308, 1.7e308))], smooth=2)
    assert ys(chart) == [[1.7e308, 1.7e308]]


def test_with_a_logarithmic_axis_what_is_not_above_zero_is_a_gap() -> None:
    chart = line_chart("loss", [(RUN, points(1, 0, -1, 2, math.nan))], log_y=True)
    assert ys(chart) == [[1], [2]]
    assert chart.notes == (
        "1 of 5 values are NaN or infinite and not drawn",
        "2 of 5 values are not above 0 and not drawn",
    )


def test_a_run_without_the_metric_is_left_out_and_told() -> None:
    other = make_run(run_id(1))
    chart = line_chart("loss", [(RUN, points(1, 2)), (other, [])])
    assert [curve.label for curve in chart.curves] == ["base"]
    assert chart.notes == (f"without a metric 'loss': {other.id}",)


def test_a_metric_that_no_run_has_is_refused_with_a_suggestion() -> None:
    with pytest.raises(NotFound) as caught:
        line_chart("los", [(logged(0, {"loss": 1}), [])])
    assert caught.value.message == "none of the runs has a metric 'los'"
    assert caught.value.hint == "Did you mean 'loss'?"


@pytest.mark.parametrize(
    ("values", "log_y", "message"),
    [
        ((math.nan,), False, "no value of 'loss' is a finite number"),
        (
            (-1.0, 0.0),
            True,
            "no value of 'loss' is above 0, so it has no place on a logarithmic axis",
        ),
    ],
)
def test_nothing_to_draw_is_refused(values: Sequence[float], log_y: bool, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        line_chart("loss", [(RUN, points(*values))], log_y=log_y)
    assert caught.value.message == message
    assert caught.value.hint


def test_smoothing_over_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="0 values have no mean"):
        line_chart("loss", [(RUN, points(1))], smooth=0)


# --- bars ---------------------------------------------------------------------------------------


def test_bars_tell_missing_unusual_best_and_other_samples() -> None:
    runs = [
        judged(0, passed=50, name="base", metrics={"loss": MetricPoint(0.5)}),
        judged(1, passed=99, name="other", digit="2", metrics={"loss": MetricPoint(math.nan)}),
        judged(2, passed=60, name="warm", metrics={}),
    ]
    rate, score, loss = bar_chart(compare(runs, directions={"exact": "maximize"})).panels
    assert [bar.label for bar in rate.bars] == ["base (baseline)", "other", "warm"]
    assert [bar_text(bar, ratio=rate.ratio) for bar in rate.bars] == [
        "50.0 %",
        "99.0 % *",
        "60.0 % best",
    ]
    assert (rate.title, rate.note) == ("pass rate", "more is better; * other samples")
    assert (score.title, score.note) == ("exact", "more is better; * other samples")
    assert [bar_text(bar, ratio=False) for bar in loss.bars] == ["0.5", "NaN", "missing"]
    assert loss.note == ""


def test_too_many_metrics_for_one_picture_are_refused() -> None:
    metrics = {f"m{number}": 1.0 for number in range(13)}
    comparison = compare([logged(0, metrics), logged(1, {})], directions={})
    with pytest.raises(InvalidInput) as caught:
        bar_chart(comparison)
    assert caught.value.message == "13 metrics are too many for one picture"
    assert caught.value.hint == "Choose 12 at most with `--metric NAME`."


def test_runs_without_measures_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the runs have nothing that could be drawn"):
        bar_chart(compare([logged(0, {}), logged(1, {})], directions={}))


# --- labels -------------------------------------------------------------------------------------


def named(*names: str) -> list[Run]:
    return [make_run(run_id(i), name=name, created_at=MOMENT) for i, name in enumerate(names)]


def test_a_run_is_labelled_by_its_name_or_its_id() -> None:
    assert run_labels(named("base", " ", "warm")) == ["base", run_id(1), "warm"]


def test_runs_of_one_name_are_told_apart() -> None:
    assert run_labels(named("a", "a", "b")) == ["a (aaaaaaaa)", "a (aaaaaaaa)", "b"]


def test_a_long_name_is_cut_and_keeps_the_end_of_the_id() -> None:
    (label,) = run_labels(named("n" * 300))
    assert label == "n" * 39 + "… (aaaaaaaa)"


def test_labels_are_harmless() -> None:
    assert printable("a\x1b[31m\nb\u202e\U000e0041é日") == "a\\x1b[31m\\x0ab\\u202e\\U000e0041é日"
    assert run_labels(named("\x1b]0;x\x07")) == ["\\x1b]0;x\\x07"]
