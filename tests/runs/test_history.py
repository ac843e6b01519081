"""The history of metrics: columns while it is written, lines when it is recorded."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.runs.history import History
from gitexp.runs.metrics import (
    MAX_MAGNITUDE,
    MetricPoint,
    NamedPoint,
    dump_points,
    in_order,
    load_history,
    load_points,
)

NAMES = st.sampled_from(["loss", "val/loss", 'a"b', "ä"])
WHOLE = st.integers(-3, 3) | st.integers(-MAX_MAGNITUDE, MAX_MAGNITUDE)
POINTS = st.lists(st.tuples(NAMES, st.builds(MetricPoint, st.floats(), WHOLE, WHOLE)))


def history_of(points: list[NamedPoint]) -> History:
    history = History()
    for name, point in points:
        history.add(name, point)
    return history


@given(POINTS)
def test_columns_are_written_as_points_are(points: list[NamedPoint]) -> None:
    assert history_of(points).dump() == dump_points(in_order(points))


@given(POINTS)
def test_what_was_written_is_read_by_metric(points: list[NamedPoint]) -> None:
    data = dump_points(in_order(points))
    by_name = defaultdict(list)
    for name, point in load_points(data):
        by_name[name].append(point)
    for name in ["loss", "val/loss", 'a"b', "ä"]:
        assert repr(load_history(data, name)) == repr(by_name[name])


def test_many_points_in_order_are_written_whole() -> None:
    points = [("m", MetricPoint(0.5 * step, step, 7)) for step in range(25_000)]
    assert load_history(history_of(points).dump(), "m") == [point for _, point in points]


def test_a_history_that_was_cleared_is_empty() -> None:
    history = history_of([("m", MetricPoint(1.0))])
    history.clear()
    assert history.dump() == b""


@pytest.mark.parametrize(
    "line",
    [
        b'{"metric":"m","value":1,"step":2,"timestamp":3}\n',
        b'{"metric":"m","value":1.0,"step":2,"timestamp":3}',
        b'{"metric":"m","value":1, "timestamp": 3, "step": 2}\n',
        b'{"metric":"m","value":1.0,"timestamp":3,"step":2}\n',
        b'{"metric":"m","value":0.1e1,"step":2,"timestamp":3}\n',
        b'{"metric":"m","value":10.0E-1,"step":2,"timestamp":3}\n',
        b'{"metric":"m","value":1.0,"step":2,"timestamp":3}\n\n',
    ],
)
def test_lines_of_another_hand_are_read(line: bytes) -> None:
    before = b'{"metric":"m","value":0.5,"step":1,"timestamp":3}\n'
    found = load_history(before + line, "m")
    assert found == [MetricPoint(0.5, 1, 3), MetricPoint(1.0, 2, 3)]
    assert type(found[1].value) is float


@pytest.mark.parametrize("step", ["null", '"1"', "1.5", "true"])
def test_a_step_that_is_no_integer_is_damage(step: str) -> None:
    line = f'{{"metric":"m","value":1.0,"step":{step},"timestamp":3}}\n'.encode()
    with pytest.raises(TypeError):
        load_history(line, "m")


def test_nan_is_told_from_damage() -> None:
    data = dump_points([("m", MetricPoint(math.nan, 1, 2))])
    assert math.isnan(load_history(data, "m")[0].value)
