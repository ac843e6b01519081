"""Evaluators: what passes, what fails, and what is neither."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.cases import Case
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.framing import Frame, select
from gitexp.evaluation.evaluators.loading import (
    list_evaluators,
    load_evaluator,
    load_evaluators,
)
from gitexp.runs.rows import Score

PASSED = Score(value=True, passed=True)


def sample(expected: Any) -> Sample:
    return Sample(id="a", input=0, expected=expected)


def evaluator(directory: Path, name: str, **options: Any) -> Evaluator:
    if options:
        lines = [f"type: {name}"] + [f"{key}: {_yaml(value)}" for key, value in options.items()]
        (directory / "evaluators").mkdir(exist_ok=True)
        (directory / "evaluators" / "mine.yaml").write_text("\n\n".join(lines) + "\n")
        return load_evaluator(directory, "mine")
    return load_evaluator(directory, name)


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("a", "a"),
        (1, 1.0),
        ([1, {"x": None}], [1, {"x": None}]),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}),
        (True, True),
    ],
)
def test_equal_values_match_exactly(tmp_path: Path, output: Any, expected: Any) -> None:
    assert evaluator(tmp_path, "exact-match").score_now(sample(expected), output) == PASSED


@pytest.mark.parametrize(
    ("output", "expected", "reason"),
    [
        ("a", "b", '"a" is not "b"'),
        ("a ", "a", '"a " is not "a"'),
        ("A", "a", '"A" is not "a"'),
        (5, "5", '5 is not "5"'),
        (True, 1, "true is not 1"),
        (0, False, "0 is not false"),
        ([1], [1, 2], "[1] is not [1, 2]"),
        ({"a": 1}, {"a": 2}, '{"a": 1} is not {"a": 2}'),
        (None, "a", 'null is not "a"'),
        ("\x1b[2J", "a", '"\\u001b[2J" is not "a"'),
    ],
)
def test_other_values_do_not(tmp_path: Path, output: Any, expected: Any, reason: str) -> None:
    score = evaluator(tmp_path, "exact-match").score_now(sample(expected), output)
    assert score == Score(value=False, passed=False, reason=reason)


def test_case_and_white_space_may_be_left_out(tmp_path: Path) -> None:
    lenient = evaluator(tmp_path, "exact-match", ignore_case=True, strip=True)
    assert lenient.score_now(sample("straße"), " STRASSE\n").passed
    assert lenient.score_now(sample(["a"]), ["A "]).passed
    assert not lenient.score_now(sample("a"), "b").passed


@pytest.mark.parametrize(
    ("output", "expected"),
    [("the cat sat", "cat"), (["a", "b"], "b"), ([1.0, 2], 2.0), ("a b c", ["a", "c"]), ("x", "")],
)
def test_what_is_in_it_is_contained(tmp_path: Path, output: Any, expected: Any) -> None:
    assert evaluator(tmp_path, "contains").score_now(sample(expected), output) == PASSED


@pytest.mark.parametrize(
    ("output", "expected", "reason"),
    [
        ("the cat", "dog", '"the cat" does not contain "dog"'),
        ("a b", ["a", "c", "d"], '"a b" does not contain "c", "d"'),
        (["ab"], "a", '["ab"] does not contain "a"'),
        (5, "5", '5 does not contain "5"'),
        ({"a": 1}, "a", '{"a": 1} does not contain "a"'),
    ],
)
def test_what_is_not_is_not(tmp_path: Path, output: Any, expected: Any, reason: str) -> None:
    score = evaluator(tmp_path, "contains").score_now(sample(expected), output)
    assert score == Score(value=False, passed=False, reason=reason)


def test_a_text_cannot_contain_a_number(tmp_path: Path) -> None:
    score = evaluator(tmp_path, "contains").score_now(sample(5), "5")
    assert score.error == ("TypeError: a text cannot contain the expected 5, which is no text")
    assert score.passed is None


@pytest.mark.parametrize(
    ("options", "output", "expected", "passed"),
    [
        ({}, 0.1 + 0.2, 0.3, True),
        ({}, 0.31, 0.3, False),
        ({}, "0.3", "0.3", True),
        ({"tolerance": 0.5}, 10.5, 10, True),
        ({"tolerance": 0.5}, 10.51, 10, False),
        ({"tolerance": 0}, 0.1 + 0.2, 0.3, False),
        ({"relative_tolerance": 0.1}, 110, 100, True),
        ({"relative_tolerance": 0.1}, 111, 100, False),
        ({"relative_tolerance": 0.1}, -110, -100, True),
        ({"relative_tolerance": 0.1, "tolerance": 20}, 119, 100, True),
        ({}, True, 1, False),
        ({}, "many", 1, False),
        ({}, "nan", 1, False),
        ({}, [1], 1, False),
        ({}, None, 1, False),
    ],
)
def test_numbers_are_compared_within_a_tolerance(
    tmp_path: Path, options: dict[str, Any], output: Any, expected: Any, passed: bool
) -> None:
    score = evaluator(tmp_path, "numeric", **options).score_now(sample(expected), output)
    assert (score.passed, score.error) == (passed, "")
    assert bool(score.reason) == (not passed)


@pytest.mark.parametrize("expected", ["many", [1], True, "nan"])
def test_expecting_no_number_is_an_error_of_the_score(tmp_path: Path, expected: Any) -> None:
    score = evaluator(tmp_path, "numeric").score_now(sample(expected), 1)
    assert score.error.startswith("ValueError: the expected ")
    assert score.error.endswith(" is not a number")


@pytest.mark.parametrize("name", ["exact-match", "contains", "numeric"])
def test_expecting_nothing_is_unscored_and_not_zero(tmp_path: Path, name: str) -> None:
    score = evaluator(tmp_path, name).score_now(sample(MISSING), "anything")
    assert score == Score(value=None, passed=None, reason="the sample expects nothing")


def test_an_evaluator_that_breaks_is_an_error_of_its_score() -> None:
    def broken(case: Case) -> Score:
        raise ZeroDivisionError("division by zero")

    made = Evaluator(name="e", digest="", options={}, frame=Frame(), judge=broken)
    assert made.score_now(sample(1), 1) == Score(error="ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", {"a": [{"b": 1}]}),
        ("a", [{"b": 1}]),
        ("a.0.b", 1),
        ("a.1", MISSING),
        ("a.x", MISSING),
        ("b", MISSING),
        ("a.0.b.c", MISSING),
        ("a.-1", MISSING),
    ],
)
def test_a_part_is_selected_by_a_dotted_path(path: str, found: Any) -> None:
    assert select({"a": [{"b": 1}]}, path) == found


def test_an_output_without_the_selected_part_fails(tmp_path: Path) -> None:
    chosen = evaluator(tmp_path, "exact-match", select="answer.text")
    assert chosen.score_now(sample("a"), {"answer": {"text": "a"}}) == PASSED
    assert chosen.score_now(sample("a"), "a") == Score(
        value=False, passed=False, reason="the output has no 'answer.text'"
    )


def test_evaluators_come_in_their_order_each_once(tmp_path: Path) -> None:
    names = ["numeric", "contains", "numeric"]
    assert [e.name for e in load_evaluators(tmp_path, names)] == ["numeric", "contains"]


def test_a_file_wins_over_the_built_in_name(tmp_path: Path) -> None:
    built_in = load_evaluator(tmp_path, "contains")
    (tmp_path / "evaluators").mkdir()
    (tmp_path / "evaluators" / "contains.yaml").write_text("type: contains\nstrip: true\n")
    own = load_evaluator(tmp_path, "contains")
    assert own.options == {"type": "contains", "strip": True}
    assert own.digest != built_in.digest


def test_an_unknown_evaluator_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load_evaluator(tmp_path, "rouge")
    assert str(caught.value) == "no evaluator 'rouge' in the project"
    assert caught.value.hint == (
        "Make the file evaluators/rouge.yaml, or use a built-in one: contains, exact-match, human, "
        "json-fields, numeric."
    )


def test_a_wrong_description_names_its_problems(tmp_path: Path) -> None:
    (tmp_path / "evaluators").mkdir()
    (tmp_path / "evaluators" / "e.yaml").write_text("type: numeric\ntolerance: -1\nx: 1\n")
    with pytest.raises(InvalidDocuments) as caught:
        load_evaluator(tmp_path, "e", root="apps/bot")
    assert {problem.file for problem in caught.value.problems} == {"apps/bot/evaluators/e.yaml"}
    assert len(caught.value.problems) == 2


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a usable evaluator name"):
        load_evaluator(tmp_path, "../secret")


def test_evaluators_are_listed_without_the_libraries_that_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evaluators").mkdir()
    text = "type: text-overlap\nmethod: levenshtein\n"
    (tmp_path / "evaluators" / "near.yaml").write_text(text)
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    listed = list_evaluators(tmp_path)
    names = ["near", "exact-match", "contains", "numeric", "json-fields", "human"]
    assert [one.name for one in listed] == names
    monkeypatch.undo()
    assert listed[0].digest == load_evaluator(tmp_path, "near").digest


def test_the_problems_of_all_files_are_listed_together(tmp_path: Path) -> None:
    (tmp_path / "evaluators").mkdir()
    for name in "ab":
        (tmp_path / "evaluators" / f"{name}.yaml").write_text("type: numerics\n")
    for read in (list_evaluators, lambda place: load_evaluators(place, ["a", "b"])):
        with pytest.raises(InvalidDocuments) as caught:
            read(tmp_path)
        files = [problem.file for problem in caught.value.problems]
        assert files == ["evaluators/a.yaml", "evaluators/b.yaml"]
