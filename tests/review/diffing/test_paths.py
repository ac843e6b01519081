"""Values compared place by place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.experiments.changes import same_value
from gitexp.review.diffing.model import PathChange
from gitexp.review.diffing.paths import path_changes
from tests.property.strategies import scalars, values


def told(before: Any, after: Any) -> list[tuple[str, str, Any, Any]]:
    return [(c.place, c.kind, c.before, c.after) for c in path_changes(before, after)]


@given(values(), values())
def test_something_differs_exactly_when_the_values_do(before: Any, after: Any) -> None:
    assert bool(path_changes(before, after)) == (not same_value(before, after))


OBJECTS = st.recursive(
    scalars(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8
)


@given(OBJECTS, OBJECTS)
def test_what_was_added_one_way_was_removed_the_other_way(before: Any, after: Any) -> None:
    kinds = {"added": "removed", "removed": "added", "changed": "changed"}
    there = {(c.place, c.kind) for c in path_changes(before, after)}
    assert there == {(c.place, kinds[c.kind]) for c in path_changes(after, before)}


def test_nested_values_have_paths() -> None:
    before = {"model": {"name": "a", "top_k": 1}, "stop": ["x"], "gone": None}
    after = {"model": {"name": "b", "top_k": 1}, "stop": ["x", "y"], "a.b": True}
    assert told(before, after) == [
        ("model.name", "changed", "a", "b"),
        ("stop[1]", "added", None, "y"),
        ("gone", "removed", None, None),
        ('["a.b"]', "added", None, True),
    ]


def test_items_with_names_are_matched_by_them() -> None:
    before = {"tools": [{"name": "search", "limit": 5}, {"name": "mail"}]}
    after = {"tools": [{"name": "clock"}, {"name": "search", "limit": 6}, {"name": "mail"}]}
    assert told(before, after) == [
        ("tools[0]", "added", None, {"name": "clock"}),
        ("tools[1].limit", "changed", 5, 6),
    ]


def test_an_item_that_went_has_its_earlier_position() -> None:
    assert told([1, 2, 3, 4], [1, 3, 4, 5]) == [
        ("[1]", "removed", 2, None),
        ("[3]", "added", None, 5),
    ]
    before = [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    assert told(before, before[1:]) == [("[0]", "removed", {"id": "a"}, None)]


def test_another_order_is_a_change() -> None:
    before = [{"name": "a"}, {"name": "b"}]
    assert told(before, before[::-1]) == [
        ("[0]", "added", None, {"name": "b"}),
        ("[1]", "removed", {"name": "b"}, None),
    ]


def test_long_lists_of_ever_the_same_are_compared_position_by_position() -> None:
    before = [0, 1] * 1000
    found = path_changes(before, [2, *before[1:-1], 3])
    assert [c.place for c in found] == ["[0]", "[1999]"]
    other = path_changes(before, [1, 0] * 1000)
    assert len(other) == 2000
    assert other[0] == PathChange(place="[0]", kind="changed", before=0, after=1)


@pytest.mark.parametrize(
    "before, after, delta, ratio",
    [
        (2, 3, 1, 0.5),
        (-2, -1, 1, 0.5),
        (0, 1, 1, None),
        (True, 2, None, None),
        ("1", 2, None, None),
    ],
)
def test_numbers_say_by_how_much_they_changed(
    before: Any, after: Any, delta: float | None, ratio: float | None
) -> None:
    change = PathChange(place="x", kind="changed", before=before, after=after)
    assert (change.delta, change.ratio) == (delta, ratio)


def test_a_change_as_json_leaves_out_the_side_without_a_value() -> None:
    [added] = path_changes({}, {"a": None})
    assert added.to_dict() == {"place": "a", "kind": "added", "after": None}
    [changed] = path_changes({"a": 4}, {"a": 5})
    assert changed.to_dict() == {
        "place": "a",
        "kind": "changed",
        "before": 4,
        "after": 5,
        "delta": 1,
        "ratio": 0.25,
    }
