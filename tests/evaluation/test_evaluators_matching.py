"""Patterns, numbers, schemas, fields, overlaps, limits: what passes, by how much, and why not."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.answers import Usage
from gitexp.runs.rows import Score
from tests.evaluation.evaluating import evaluator, sample, score

PASSED = Score(value=True, passed=True)


def failed(reason: str) -> Score:
    return Score(value=False, passed=False, reason=reason)


# --- exact-match, contains, numeric ----------------------------------------------------------


def test_one_of_several_right_answers_is_enough() -> None:
    options = {"type": "exact-match", "any_of": True, "ignore_case": True}
    assert score("paris", ["Paris", "Lutetia"], **options) == PASSED
    assert score("paris", "Paris", **options) == PASSED
    assert score("Rome", ["Paris"], **options) == failed('"Rome" is none of ["Paris"]')


def test_case_is_folded_inside_of_objects_too() -> None:
    assert score(
        {"a": ["X "]}, {"a": ["x"]}, type="exact-match", ignore_case=True, strip=True
    ).passed
    assert not score({"A": 1}, {"a": 1}, type="exact-match", ignore_case=True).passed


def test_any_of_several_things_may_be_enough_to_contain() -> None:
    either = {"type": "contains", "values": ["cat", "dog"], "mode": "any"}
    assert score("a dog", **either) == PASSED
    assert score("a cow", **either) == failed('"a cow" does not contain any of "cat", "dog"')
    assert score("a dog", type="contains", values=["cat", "dog"]) == failed(
        '"a dog" does not contain "cat"'
    )


def test_looking_for_many_things_comes_to_an_end() -> None:
    assert score(list(range(20_000)), list(range(20_000)), type="contains") == PASSED
    missing = score([1, 2.0, True, "x"] * 5_000, [1.0, 2, True, "y", {}], type="contains")
    assert missing.reason.endswith('does not contain "y", {}')
    found = score("x" * 2_000_000, ["y"] * 1_000, type="contains")
    assert found.error == "ValueError: 1000 things are too many to look for in 2000000 characters"


def test_long_items_are_gone_through_once_however_many_are_looked_for() -> None:
    items = [[*range(1_000), {"last": last}] for last in range(300)]
    wanted = [[*range(1_000), {"last": last + 0.0}] for last in range(300)]
    assert score(items, wanted, type="contains") == PASSED
    assert score(items, [*wanted, [1]], type="contains").reason.endswith("does not contain [1]")


def test_nothing_is_contained_in_everything_but_any_of_nothing_is_not_asked_for() -> None:
    assert score("x", [], type="contains") == PASSED
    assert score("x", [], type="contains", mode="any") == PASSED


@pytest.mark.parametrize(
    ("options", "output", "expected", "passed"),
    [
        ({"tolerance": 0.1}, 1.1, 1, True),
        ({"tolerance": 0.1}, 1.11, 1, False),
        ({}, 2**53 + 1, 2**53, True),
        ({"tolerance": 0}, 2**53 + 1, 2**53, False),
        ({"tolerance": 0}, "9007199254740993", 2**53, False),
        ({}, 10**400, 10**400, True),
        ({}, 10**400, 1, False),
        ({}, "1_000", 1000, False),
        ({}, "1e400", 1, False),
        ({}, " 5 ", 5, True),
        ({}, "", 5, False),
        ({"find": "last"}, "3 apples and 4 make 7.", 7, True),
        ({"find": "first"}, "3 apples and 4 make 7.", 3, True),
        ({"find": "last"}, "it costs $1,234.50", 1234.5, True),
        ({"find": "last"}, "minus -2e3", -2000, True),
        ({"find": "last"}, "none", 7, False),
        ({"find": "last"}, 7, 7, True),
    ],
)
def test_numbers_are_those_that_people_mean(
    options: dict[str, Any], output: Any, expected: Any, passed: bool
) -> None:
    found = score(output, expected, type="numeric", **options)
    assert (found.passed, found.error) == (passed, "")


@given(st.text(max_size=60))
def test_any_text_is_searched_for_a_number_or_holds_none(text: str) -> None:
    found = score(text, 1, type="numeric", find="last")
    assert found.error == ""


def test_a_text_without_end_is_not_searched() -> None:
    found = score("1" * 200_001, 1, type="numeric", find="last")
    assert found.error == (
        "ValueError: a text of 200001 characters is too long to look for a number in"
    )


def test_a_reason_does_not_hold_a_whole_output() -> None:
    found = score("x" * 10_000_000, "y", type="exact-match")
    assert len(found.reason) < 100
    assert not found.passed


# --- regex -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "output", "passed"),
    [
        ({"pattern": r"\d+"}, "it is 42", True),
        ({"pattern": r"\d+"}, "it is", False),
        ({"pattern": r"\d+", "full": True}, "42", True),
        ({"pattern": r"\d+", "full": True}, "42\n", False),
        ({"pattern": r"a|b", "full": True}, "ab", False),
        ({"pattern": "YES", "ignore_case": True}, "yes", True),
        ({"pattern": "yes"}, 5, False),
        ({"pattern": r"(\w)\1"}, "look", True),
        ({"pattern": r"(\w)\1"}, "lok", False),
    ],
)
def test_an_output_matches_a_pattern_or_not(
    options: dict[str, Any], output: Any, passed: bool
) -> None:
    found = score(output, type="regex", **options)
    assert (found.passed, found.error, bool(found.reason)) == (passed, "", not passed)


def test_a_sample_may_say_what_pattern_it_expects() -> None:
    options = {"type": "regex", "pattern_from": "expected"}
    assert score("42", r"^\d+$", **options) == PASSED
    assert score("x", r"^\d+$", **options) == failed('"x" does not match "^\\\\d+$"')
    assert score("x", **options) == Score(reason="the sample expects nothing")
    assert score("x", 5, **options).error == "TypeError: the expected 5 is no pattern"
    assert score("x", "(", **options).error.startswith("InvalidInput: the pattern ")
    assert score("aa", r"(a)\1", **options).error.startswith("InvalidInput: the pattern ")


def test_a_pattern_that_would_try_for_ever_is_followed_in_time() -> None:
    assert score("a" * 5_000 + "b", type="regex", pattern=r"^(a+)+$").passed is False


def test_a_pattern_that_can_only_be_tried_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitexp.evaluation.evaluators.patterns.SECONDS", 0.02)
    found = score("a" * 60, type="regex", pattern=r"^(a?){60}(a+)+\2b$")
    assert found == Score(error="TimeoutError: regex timed out")


def test_a_text_that_is_too_long_to_match_is_an_error_of_the_score() -> None:
    for pattern in (r"\d", r"(\d)\1"):
        found = score("a" * 200_001, type="regex", pattern=pattern)
        assert "text of 200001 characters is too long to be matched" in found.error


def test_a_wrong_pattern_is_found_when_the_file_is_read() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        evaluator(type="regex", pattern="(")
    assert str(caught.value).startswith('e.yaml: pattern: "(" is not a regular expression')


def test_what_only_a_library_can_follow_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    with pytest.raises(InvalidInput, match="refers back to a group") as caught:
        evaluator(type="regex", pattern=r"(a)\1")
    assert "pip install 'gitexp[eval]'" in str(caught.value.hint)


# --- json-schema -----------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number", "minimum": 0}, "name": {"type": "string"}},
    "required": ["total"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "output", [{"total": 1}, '{"total": 1.5}', '```json\n{"total": 1}\n```', ' {"total": 0}\n']
)
def test_what_fits_a_schema_passes_as_text_too(output: Any) -> None:
    assert score(output, type="json-schema", schema=SCHEMA) == PASSED


def test_what_does_not_fit_says_where() -> None:
    found = score({"total": -1, "x": 1}, type="json-schema", schema=SCHEMA)
    assert found.reason == 'total: -1 is less than 0; x: unknown key "x"; known are name, total'
    assert score("none", type="json-schema", schema=SCHEMA).reason == '"none": it is no JSON'
    assert score('{"total": NaN}', type="json-schema", schema=SCHEMA).passed is False
    assert score("[" * 100_000, type="json-schema", schema=SCHEMA).passed is False


def test_text_stays_text_where_it_is_not_to_be_parsed() -> None:
    options = {"type": "json-schema", "schema": {"type": "string"}}
    assert score("plain", **options, parse=False) == PASSED
    assert score("plain", **options).passed is False


def test_a_schema_that_is_none_is_found_when_the_file_is_read() -> None:
    with pytest.raises(InvalidDocuments, match=r"e.yaml: schema: not a JSON Schema"):
        evaluator(type="json-schema", schema={"type": "strin"})


def test_a_schema_that_fetches_is_an_error_of_the_score() -> None:
    options = {"type": "json-schema", "schema": {"$ref": "https://example.org/schema.json"}}
    assert "InvalidInput: the JSON Schema cannot be used" in score({}, **options).error


def test_a_schema_in_circles_is_an_error_of_the_score() -> None:
    found = score({}, type="json-schema", schema={"$ref": "#"})
    assert found.error
    assert found.value is None


# --- json-fields -----------------------------------------------------------------------------


def test_fields_that_are_right_are_credited_in_part() -> None:
    expected = {"name": "Ada", "born": {"year": 1815, "city": "London"}}
    assert score(expected, expected, type="json-fields") == Score(value=1.0, passed=True)
    half = score({"name": "Ada", "born": {"year": 1816}}, expected, type="json-fields")
    assert half == Score(
        value=0.333333333,
        passed=False,
        reason="born.year: 1816 is not 1815; born.city: is missing",
    )
    assert score("no", expected, type="json-fields") == Score(
        value=0.0, passed=False, reason='"no": it is no JSON'
    )


def test_keys_may_hold_dots_or_nothing() -> None:
    expected = {"a.b": 1, "": {"0": 2}, "c": [3]}
    assert score(expected, expected, type="json-fields") == Score(value=1.0, passed=True)
    found = score({**expected, "a.b": 2}, expected, type="json-fields")
    assert (found.value, found.reason) == (0.666666667, "a.b: 2 is not 1")


def test_each_field_is_compared_in_its_own_way() -> None:
    fields = {
        "price": {"type": "numeric", "tolerance": 0.1, "weight": 3},
        "name": {"ignore_case": True},
        "note": {"type": "contains", "values": ["ok"]},
    }
    options = {"type": "json-fields", "fields": fields, "pass_at": 0.8}
    output = '{"price": "12.5", "name": "ADA", "note": "not so"}'
    found = score(output, {"price": 12.45, "name": "ada"}, **options)
    assert found == Score(value=0.8, passed=True, reason='note: "not so" does not contain "ok"')


def test_a_field_that_the_sample_does_not_expect_is_left_out() -> None:
    fields = {"a": {"type": "exact-match"}, "b": {"type": "exact-match"}}
    assert score({"a": 1}, {"a": 1}, type="json-fields", fields=fields).value == 1.0
    assert score({"a": 1}, {}, type="json-fields", fields=fields) == Score(
        reason="the sample expects nothing of the fields"
    )
    assert score({"a": 1}, type="json-fields", fields=fields) == Score(
        reason="the sample expects nothing"
    )


def test_a_field_by_degrees_counts_by_its_degree() -> None:
    fields = {"text": {"type": "text-overlap", "method": "f1"}}
    found = score({"text": "a b"}, {"text": "a c"}, type="json-fields", fields=fields)
    assert (found.value, found.passed) == (0.5, False)


def test_a_field_that_is_not_wanted_counts_by_what_it_lacks() -> None:
    fields = {"text": {"type": "text-overlap", "method": "f1", "pass_at": 0.5, "negate": True}}
    options = {"type": "json-fields", "fields": fields}
    same = score({"text": "a b"}, {"text": "a b"}, **options)
    assert (same.value, same.passed) == (0.0, False)
    other = score({"text": "x"}, {"text": "a b"}, **options)
    assert (other.value, other.passed) == (1.0, True)
    missing = score({}, {"text": "a b"}, **options)
    assert (missing.value, missing.passed) == (0.0, False)


def test_a_field_that_cannot_be_compared_is_an_error_of_the_score() -> None:
    fields = {"n": {"type": "numeric"}}
    found = score({"n": 1}, {"n": "many"}, type="json-fields", fields=fields)
    assert found.error == 'n: ValueError: the expected "many" is not a number'


def test_a_key_of_another_type_is_refused_in_a_field() -> None:
    with pytest.raises(InvalidDocuments, match=r"fields\.a\.tolerance: "):
        evaluator(type="json-fields", fields={"a": {"tolerance": 1}})


def test_a_wrong_pattern_in_a_field_names_its_place() -> None:
    with pytest.raises(InvalidDocuments, match=r"e\.yaml: fields\.a: pattern: "):
        evaluator(type="json-fields", fields={"a": {"type": "regex", "pattern": "("}})


# --- text-overlap ----------------------------------------------------------------------------

METHODS = ["f1", "jaccard", "bleu", "chrf", "rouge-l", "levenshtein"]


@pytest.mark.parametrize("method", METHODS)
def test_equal_texts_overlap_wholly_and_different_ones_not_at_all(method: str) -> None:
    text = "the cat sat on the mat"
    assert score(text, text, type="text-overlap", method=method).value == 1.0
    assert score("", "", type="text-overlap", method=method).value == 1.0
    assert score("xyz", "", type="text-overlap", method=method).value == 0.0
    assert score("", "abc", type="text-overlap", method=method).value == 0.0
    assert score("zzzz", "bbbb", type="text-overlap", method=method).value == 0.0
    between = score("the cat sat", text, type="text-overlap", method=method)
    assert 0 < float(between.value or 0) < 1
    assert between.reason.startswith(f"{method} 0.")


@pytest.mark.parametrize(
    ("method", "value"),
    [("f1", 0.666666667), ("jaccard", 0.5), ("rouge-l", 0.666666667), ("levenshtein", 0.8)],
)
def test_the_overlap_is_as_its_formula_says(method: str, value: float) -> None:
    assert score("a b c", "a b d", type="text-overlap", method=method).value == value


@pytest.mark.parametrize("method", METHODS)
@given(output=st.text(max_size=30), expected=st.text(max_size=30))
def test_any_overlap_is_between_0_and_1(method: str, output: str, expected: str) -> None:
    found = score(output, expected, type="text-overlap", method=method)
    assert found.error == ""
    assert 0 <= float(found.value or 0) <= 1


def test_the_nearest_of_several_texts_counts() -> None:
    options = {"type": "text-overlap", "method": "f1", "pass_at": 0.5}
    assert score("a b", ["x", "a b"], **options) == Score(value=1.0, passed=True)
    assert score("a", ["x", "y"], **options) == Score(value=0.0, passed=False, reason="f1 0")


def test_lists_are_compared_as_sets_and_bags() -> None:
    assert score([1, 2], [2, 1.0], type="text-overlap", method="jaccard").value == 1.0
    assert score(["a", "b"], ["b"], type="text-overlap", method="f1").value == 0.666666667
    assert score(["a"], ["b"], type="text-overlap", method="bleu").value == 0.0


def test_a_number_alone_decides_nothing() -> None:
    found = score("a b", "a c", type="text-overlap", method="f1")
    assert (found.value, found.passed) == (0.5, None)


@pytest.mark.parametrize("method", ["f1", "chrf"])
def test_too_many_expected_texts_are_not_compared(method: str) -> None:
    found = score("a " * 40_000, ["b"] * 10_000, type="text-overlap", method=method)
    assert found.error == (
        "ValueError: 10000 expected texts are too many to compare with an output of length 80000"
    )


def test_what_is_no_text_does_not_overlap() -> None:
    assert score(5, "5", type="text-overlap", method="f1") == Score(
        value=0.0, reason="5 is not text"
    )
    assert score("5", 5, type="text-overlap", method="f1").error == (
        "TypeError: the expected 5 is not text"
    )
    assert "too long" in score("a" * 100_001, "a", type="text-overlap", method="f1").error
    assert "100001 expected characters are too many to compare with" in (
        score("a", ["a" * 50_000, "b" * 50_001], type="text-overlap", method="bleu").error
    )


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(InvalidInput, match="needs rapidfuzz, which is not installed") as caught:
        evaluator(type="text-overlap", method="levenshtein")
    assert "pip install 'gitexp[eval]'" in str(caught.value.hint)


# --- limits ----------------------------------------------------------------------------------


def limited(
    options: dict[str, Any], usage: Usage | None = None, took: float | None = None
) -> Score:
    made = evaluator(**options)
    return made.score_now(sample(), "x", usage=usage, duration_seconds=took)


@pytest.mark.parametrize(
    ("options", "usage", "took", "found"),
    [
        ({"type": "latency", "max_seconds": 2}, None, 2.0, PASSED),
        ({"type": "latency", "max_seconds": 2}, None, 2.5, failed("2.5 s is more than 2 s")),
        (
            {"type": "latency", "max_seconds": 2},
            None,
            None,
            Score(reason="it is not known how long the output took"),
        ),
        ({"type": "cost", "max_cost": 0.01}, Usage(cost=0.01), 1, PASSED),
        ({"type": "cost", "max_cost": 0.01}, Usage(cost=0.02), 1, failed("0.02 is more than 0.01")),
        (
            {"type": "cost", "max_cost": 0.01},
            Usage(input_tokens=5),
            1,
            Score(reason="it is not known what the output cost"),
        ),
        ({"type": "tokens", "max_tokens": 7}, Usage(input_tokens=5, output_tokens=2), 1, PASSED),
        (
            {"type": "tokens", "max_tokens": 1, "of": "output"},
            Usage(input_tokens=5, output_tokens=2),
            1,
            failed("2 tokens are more than 1"),
        ),
        (
            {"type": "tokens", "max_tokens": 1, "of": "output"},
            Usage(input_tokens=5),
            1,
            Score(reason="it is not known how many tokens the output took"),
        ),
    ],
)
def test_limits_are_kept_or_not_or_cannot_be_told(
    options: dict[str, Any], usage: Usage | None, took: float | None, found: Score
) -> None:
    assert limited(options, usage, took) == found


# --- what all have in common -----------------------------------------------------------------


def test_what_would_pass_fails_when_it_is_not_wanted() -> None:
    options = {"type": "contains", "values": ["sorry"], "negate": True}
    assert score("sorry, no", **options) == failed("not wanted: it holds")
    assert score("sure", **options) == PASSED
    near = {"type": "text-overlap", "method": "f1", "pass_at": 0.5, "negate": True}
    assert score("a b", "a b", **near) == Score(
        value=1.0, passed=False, reason="not wanted: it holds"
    )


def test_a_missing_part_fails_even_where_nothing_is_wanted_in_it() -> None:
    found = score({}, type="contains", values=["x"], select="answer", negate=True)
    assert found == failed("the output has no 'answer'")


def test_a_part_that_is_missing_is_the_worst_for_a_negated_grade_too() -> None:
    options = {"type": "text-overlap", "method": "f1", "pass_at": 0.5, "select": "answer"}
    assert score({}, "x", **options) == Score(
        value=0.0, passed=False, reason="the output has no 'answer'"
    )
    assert score({}, "x", negate=True, **options) == Score(
        value=1.0, passed=False, reason="the output has no 'answer'"
    )


def test_a_part_that_is_missing_stays_within_the_scale() -> None:
    judge = {"model": "m", "base_url": "http://localhost", "rubric": "How kind?"}
    options = {"type": "llm-judge", **judge, "min": 2, "max": 5, "pass_at": 3, "select": "a"}
    found = [evaluator(**options, negate=negate).frame.nothing for negate in (False, True)]
    assert found == [2.0, 5.0]


def test_a_task_is_judged_by_its_name() -> None:
    made = evaluator(type="exact-match", on="draft", select="text")
    given = {"outputs": {"draft": {"text": "a"}}}
    assert made.score_now(sample("a"), "b", **given) == PASSED
    assert made.score_now(sample("a"), "b") == Score(reason="task 'draft' gave no output")


def test_an_evaluator_applies_to_the_samples_that_it_is_for() -> None:
    made = evaluator(type="exact-match", applies_to={"lang": ["en", "de"], "a.b": 1})
    fitting = {"lang": "en", "a": {"b": 1}}
    assert made.score_now(sample("x", metadata=fitting), "x") == PASSED
    for metadata in ({}, {"lang": "fr", "a": {"b": 1}}, {"lang": "en", "a": {"b": 2}}):
        assert made.score_now(sample("x", metadata=metadata), "x") == Score(
            reason="the evaluator does not apply to this sample"
        )


def test_no_output_is_unscored() -> None:
    assert score(MISSING, "x", type="exact-match") == Score(reason="there is no output")


def test_a_person_has_yet_to_score() -> None:
    assert score("x", type="human") == Score(reason="no person has scored it yet")


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"type": "latency"}, ['the key "max_seconds" is missing']),
        ({"type": "human", "min": 1}, ["max: min and max go together"]),
        ({"type": "human", "min": 2, "max": 1}, ["max: 1 is not more than min, which is 2"]),
        ({"type": "human", "pass_at": 2}, ["pass_at: it needs min and max"]),
        (
            {"type": "human", "labels": ["a", "b"], "pass_labels": ["c"]},
            ['pass_labels: "c" is none of the labels'],
        ),
        (
            {"type": "human", "labels": ["a", "b"], "min": 0, "max": 1},
            ["labels: a score is a label or a number, not both"],
        ),
    ],
)
def test_a_wrong_description_is_refused(options: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        evaluator(**options)
    assert [str(p).removeprefix("e.yaml: ") for p in caught.value.problems] == messages


# --- whatever comes --------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
DESCRIPTIONS: list[dict[str, Any]] = [
    {"type": "exact-match"},
    {"type": "exact-match", "any_of": True, "strip": True, "ignore_case": True},
    {"type": "contains", "mode": "any", "strip": True},
    {"type": "contains", "negate": True},
    {"type": "regex", "pattern_from": "expected"},
    {"type": "regex", "pattern": r"(a|b)*c", "full": True},
    {"type": "numeric", "find": "first", "relative_tolerance": 0.1},
    {"type": "json-schema", "schema": {"type": ["object", "array"], "minProperties": 1}},
    {"type": "json-fields"},
    {"type": "json-fields", "fields": {"a": {"type": "numeric"}, "": {"negate": True}}},
    *({"type": "text-overlap", "method": method, "pass_at": 0.5} for method in METHODS),
    {"type": "latency", "max_seconds": 1},
    {"type": "human"},
]


@pytest.mark.parametrize("options", DESCRIPTIONS, ids=lambda options: "-".join(map(str, options)))
@given(output=ANYTHING, expected=ANYTHING)
def test_whatever_comes_the_score_can_be_recorded(
    options: dict[str, Any], output: Any, expected: Any
) -> None:
    found = evaluator(**options).score_now(sample(expected), output)
    assert Score.from_dict(found.to_dict()) == found
    assert found.value is None or not found.error
    assert found.passed is None or found.value is not None
    assert isinstance(found.value, (bool, int, float, type(None)))
    assert bool(found.error or found.reason) or found.value is not None


@given(ANYTHING)
def test_a_value_is_what_it_is(value: Any) -> None:
    assert score(value, value, type="exact-match") == PASSED
    assert score(value, [value], type="exact-match", any_of=True) == PASSED
    if value not in ({}, []):
        assert score(value, value, type="json-fields", parse=False).value == 1.0
