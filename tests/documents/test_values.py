"""When values are the same, and how problems say where."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from gitexp.documents.problems import Problem, ProblemCollector, place_of, shown
from gitexp.documents.values import same
from gitexp.errors import InvalidDocuments


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *[(1, True), (1, 1.0), (0.0, -0.0), (0, False), ("1", 1), (None, False), ([], {})],
        *[([1], [1, 2]), ({"a": 1}, {"a": 1.0}), ({"a": 1}, {"b": 1}), ([[1]], [[True]])],
        *[("", None), ([], ""), ({}, None)],
    ],
)
def test_values_of_different_types_differ(left: Any, right: Any) -> None:
    assert not same(left, right)
    assert not same(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *[(1, 1), (1.5, 1.5), ("a", "a"), (None, None), (True, True), ([1, [2]], [1, [2]])],
        *[((1, 2), [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({}, {}), ([], ())],
    ],
)
def test_the_order_of_keys_and_the_kind_of_list_do_not_matter(left: Any, right: Any) -> None:
    assert same(left, right)
    assert same(right, left)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), ""),
        (("a",), "a"),
        (("variants", 1, "weight"), "variants[1].weight"),
        ((0, 1, "a-b"), "[0][1].a-b"),
        (("a.b", "c d", "", "1"), '["a.b"]["c d"][""]["1"]'),
        (("x\x1b",), '["x\\u001b"]'),
        (("k" * 200,), '["' + "k" * 78 + "…]"),
    ],
)
def test_a_place_reads_like_the_path_to_it(path: tuple[str | int, ...], place: str) -> None:
    assert place_of(path) == place


def test_a_problem_says_file_line_place_and_what() -> None:
    problem = Problem(file="f.yaml", place="a", message="wrong", line=3, column=1)
    assert str(problem) == "f.yaml:3: a: wrong"
    assert str(Problem(file="f.yaml", message="wrong")) == "f.yaml: wrong"


def test_all_problems_are_raised_at_once_and_survive_pickling() -> None:
    collector = ProblemCollector()
    collector.raise_if_any()
    collector.add("a.yaml", "x", "wrong", line=1)
    collector.extend([Problem(file="b.yaml", message="bad")])
    with pytest.raises(InvalidDocuments) as caught:
        collector.raise_if_any(hint="Mend it.")
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.hint) == ("a.yaml:1: x: wrong\nb.yaml: bad", "Mend it.")
    assert copied.problems == tuple(collector.problems)


def test_a_value_is_shown_short_and_without_controls() -> None:
    assert shown({"a": [1, "é"]}) == '{"a": [1, "é"]}'
    assert shown("a\x1b[31m\u202e\n") == '"a\\u001b[31m\\u202e\\n"'
    assert shown("x" * 500) == '"' + "x" * 78 + "…"
    assert shown({1, 2}) == "{1, 2}"
