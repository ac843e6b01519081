"""The language of filters: what it says, what it refuses, and where."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gitexp.errors import InvalidInput
from gitexp.runs.filters import (
    And,
    Between,
    Comparison,
    Condition,
    Field,
    In,
    Like,
    Not,
    Null,
    Or,
    Order,
    Span,
    fields_of,
    parse_fields,
    parse_filter,
    parse_order,
)
from gitexp.runs.filters.grammar import MAX_COMPARISONS, MAX_DEPTH
from gitexp.runs.filters.reading import value_in
from gitexp.runs.filters.tokens import MAX_LENGTH

LOSS, LR = Field("metric", "loss"), Field("param", "lr")
STATUS, CREATED = Field("attribute", "status"), Field("attribute", "created_at")
DAY = 86_400_000_000
NOVEMBER_21 = 20_778 * DAY


def compared(field: Field, comparator: Any, value: Any) -> Comparison:
    return Comparison(field, comparator, value)


# --- what it says


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("metrics.loss < 0.5", compared(LOSS, "<", 0.5)),
        ("metric.loss<=-1e-3", compared(LOSS, "<=", -0.001)),
        ("params.lr = 1", compared(LR, "=", 1)),
        ("param.lr == '1'", compared(LR, "=", "1")),
        ('parameters.lr <> "x"', compared(LR, "!=", "x")),
        ("parameter.lr = true", compared(LR, "=", True)),
        ("status = 'FINISHED'", compared(STATUS, "=", "finished")),
        ("attributes.status != 'failed'", compared(STATUS, "!=", "failed")),
        ("attr.status = 'failed'", compared(STATUS, "=", "failed")),
        ("run.status = 'failed'", compared(STATUS, "=", "failed")),
        ("run_name = 'it''s'", compared(Field("attribute", "name"), "=", "it's")),
        ("`Run name` = 'x'", compared(Field("attribute", "name"), "=", "x")),
        ("attributes.`run name` = 'x'", compared(Field("attribute", "name"), "=", "x")),
        ("user_id = 'Ada'", compared(Field("attribute", "who"), "=", "Ada")),
        ("tags.mlflow.runName = 'x'", compared(Field("tag", "mlflow.runName"), "=", "x")),
        ("tag.`a b` = 'x'", compared(Field("tag", "a b"), "=", "x")),
        ('tags."a ""b" = \'x\'', compared(Field("tag", 'a "b'), "=", "x")),
        ("metrics.val/top-5:acc > 1", compared(Field("metric", "val/top-5:acc"), ">", 1)),
        ("metrics.größe > 1", compared(Field("metric", "größe"), ">", 1)),
        ("scores.exact-match >= 0.5", compared(Field("score", "exact-match"), ">=", 0.5)),
        ("stats.pass_rate > .5", compared(Field("stat", "pass_rate"), ">", 0.5)),
        ("dataset.name = 'q'", compared(Field("dataset", "name"), "=", "q")),
        ("dataset = 'q'", compared(Field("attribute", "dataset"), "=", "q")),
        ("version = 'ABC123'", compared(Field("attribute", "version"), "=", "abc123")),
        ("dirty = false", compared(Field("attribute", "dirty"), "=", False)),
        ("metrics.loss > -INF", compared(LOSS, ">", -math.inf)),
        ("metrics.loss > 1e400", compared(LOSS, ">", math.inf)),
        ("params.lr = 99999999999999999999", compared(LR, "=", 1e20)),
        ("metrics.loss IS NULL", Null(LOSS)),
        ("metrics.loss is not null", Null(LOSS, negated=True)),
        ("params.lr IN (1, 'a', true,)", In(LR, (1, "a", True))),
        ("params.lr not in (0.5)", In(LR, (0.5,), negated=True)),
        ("params.lr LIKE 'a%'", Like(LR, "a%")),
        ("params.lr NOT ILIKE '_b'", Like(LR, "_b", ignore_case=True, negated=True)),
        ("metrics.loss BETWEEN 1 AND 2", Between(LOSS, 1, 2)),
        ("metrics.loss NOT BETWEEN 1 AND 2", Between(LOSS, 1, 2, negated=True)),
    ],
)
def test_a_comparison_is_read(text: str, meaning: Condition) -> None:
    assert parse_filter(text) == meaning


A, B, C = (compared(Field("tag", name), "=", "x") for name in "abc")
A_, B_, C_ = ("tags.a = 'x'", "tags.b = 'x'", "tags.c = 'x'")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (f"{A_} AND {B_} OR {C_}", Or((And((A, B)), C))),
        (f"{A_} OR {B_} AND {C_}", Or((A, And((B, C))))),
        (f"({A_} OR {B_}) AND {C_}", And((Or((A, B)), C))),
        (f"NOT {A_} AND {B_}", And((Not(A), B))),
        (f"not (({A_} and {B_}))", Not(And((A, B)))),
        (f"{A_} or {B_} or {C_}", Or((A, B, C))),
    ],
)
def test_not_binds_closer_than_and_and_that_closer_than_or(text: str, meaning: Condition) -> None:
    assert parse_filter(text) == meaning


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_filter_says_nothing(text: str) -> None:
    assert parse_filter(text) is None


@pytest.mark.parametrize(
    ("value", "start", "length"),
    [
        ("'2026-11-21'", 0, DAY),
        ("2026-11-21", 0, DAY),
        ("2026-11-21T13:15", 47_700_000_000, 60_000_000),
        ("'2026-11-21 13:15:02'", 47_702_000_000, 1_000_000),
        ("2026-11-21T13:15:02Z", 47_702_000_000, 1_000_000),
        ("2026-11-21T13:15:02.5Z", 47_702_500_000, 100_000),
        ("2026-11-21T13:15:02.123456789+00:00", 47_702_123_456, 1),
        ("'2026-11-21T13:15:02+0130'", 42_302_000_000, 1_000_000),
        (str(NOVEMBER_21 // 1000), 0, 1000),
        (f"'{NOVEMBER_21 // 1000}'", 0, 1000),
        (f"{NOVEMBER_21 // 1000}.5", 500, 1),
    ],
)
def test_a_moment_stands_for_all_of_what_it_names(value: str, start: int, length: int) -> None:
    span = Span(NOVEMBER_21 + start, NOVEMBER_21 + start + length)
    assert parse_filter(f"start_time > {value}") == compared(CREATED, ">", span)


def test_fields_come_in_their_order() -> None:
    condition = parse_filter("metrics.loss > 1 OR NOT (params.lr = 1 AND metrics.loss IS NULL)")
    assert condition is not None
    assert list(fields_of(condition)) == [LOSS, LR, LOSS]


def test_not_a_number_can_be_asked_for() -> None:
    condition = parse_filter("metrics.loss = NaN")
    assert isinstance(condition, Comparison)
    assert math.isnan(condition.value)  # type: ignore[arg-type]


def test_an_order_has_fields_and_directions() -> None:
    assert parse_order("metrics.`val loss` DESC, created asc,params.lr") == (
        Order(Field("metric", "val loss"), descending=True),
        Order(CREATED),
        Order(LR),
    )


def test_a_list_of_fields_is_read() -> None:
    assert parse_fields("metrics.`val loss`, created,params.lr") == (
        Field("metric", "val loss"),
        CREATED,
        LR,
    )
    with pytest.raises(InvalidInput) as caught:
        parse_fields("status DESC")
    assert str(caught.value) == 'fields, column 8: expected a comma or the end, found "DESC"'


# --- what it refuses


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.loss <", "column 15: expected a value, found the end"),
        ("metrics.loss", ('column 13: expected a comparison such as =, <, IN, LIKE or IS NULL, '
         "found the end")),
        ("metrics.loss ! 2", 'column 14: cannot read "!"'),
        ("metrics.loss = 0x10", 'column 16: cannot read "0x10"'),
        ("= 1", 'column 1: expected a field such as metrics.loss or status, found "="'),
        ("(status = 'a'", "column 14: expected AND, OR or ')', found the end"),
        ("status = 'a')", 'column 13: expected AND, OR or the end, found ")"'),
        ("status = 'a' status = 'b'", 'column 14: expected AND, OR or the end, found "status"'),
        ("status = 'a' AND", ("column 17: expected a field such as metrics.loss or status, "
         "found the end")),
        ("status = 'a", "column 10: the quote ' is never closed"),
        ("tags.`a = 'b'", "column 6: the quote ` is never closed"),
        ("tags.`` = 'b'", "column 1: 'tags.``' names nothing"),
        ("status IN 'a'", "column 11: expected '(' and the values, found \"'a'\""),
        ("status IN ()", 'column 12: expected a value, found ")"'),
        ("status IN ('a' 'b')", "column 16: expected ',' or ')', found \"'b'\""),
        ("status IS 'a'", "column 11: expected NULL, found \"'a'\""),
        ("status NOT = 'a'", ("column 12: expected a comparison such as =, <, IN, LIKE or IS NULL, "
         'found "="')),
        ("status > 'a'", "column 8: status has no order; compare it with = or !="),
        ("metrics.loss BETWEEN 1", "column 23: expected AND, found the end"),
        ("metrics.loss LIKE '1%'", "column 19: metrics.loss is no text, which LIKE needs"),
        ("params.lr LIKE 1", 'column 16: expected a pattern in quotes, found "1"'),
        ("metrics.loss < '0.5'", ("column 16: metrics.loss is compared with a number, without "
         "quotes; found '0.5'")),
        ("status = finished", ("column 10: status is compared with a status in quotes, such as "
         "'finished'; found \"finished\"")),
        ("created_at > 'soon'", ("column 14: created_at is compared with a date such as "
         "'2026-11-21', a time such as '2026-11-21T13:15:02Z', or milliseconds since 1970; found "
         "'soon'")),
        ("created_at > '2026-02-30'", ("column 14: created_at is compared with a date such as "
         "'2026-11-21', a time such as '2026-11-21T13:15:02Z', or milliseconds since 1970; found "
         "'2026-02-30'")),
        ("metrics.loss = " + "1" * 100, "column 16: a number of so many digits cannot be compared"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_column(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filter(text)
    assert str(caught.value) == f"filter, {message}"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("statis = 'a'", "unknown attribute 'statis'", "Did you mean `status`?"),
        ("attributes.start_tim > 1", "unknown attribute 'start_tim'", "Did you mean `start_time`?"),
        ("metrisc.loss > 1", "unknown field 'metrisc.loss'", "Did you mean `metrics.loss`?"),
        ("atributes.x > 1", "unknown field 'atributes.x'", "Did you mean `attributes.x`?"),
        ("zzz.x > 1", "unknown field 'zzz.x'", ("Fields begin with metrics., params., tags., "
         "attributes., scores., stats., datasets.")),
        ("stats.pas_rate > 1", "unknown field 'stats.pas_rate'", "Did you mean `stats.pass_rate`?"),
        ("datasets.nam = 'x'", "unknown field 'datasets.nam'", "Did you mean `datasets.name`?"),
        ("datasets.x = 'x'", "unknown field 'datasets.x'",
         "There are datasets.name, datasets.digest, datasets.context."),
    ],
)  # fmt: skip
def test_an_unknown_field_gets_a_suggestion(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filter(text)
    assert str(caught.value) == f"filter, column 1: {message}"
    assert (caught.value.hint or "").startswith(hint)


def test_a_text_without_quotes_is_put_right() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filter("tags.stage = prod")
    assert caught.value.hint == "Put a text in quotes: 'prod'."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 1: expected a field such as metrics.loss or status, found the end"),
        ("metrics.loss UP", 'column 14: expected ASC, DESC, a comma or the end, found "UP"'),
        ("datasets.name", ("column 1: runs cannot be ordered by datasets.name, of which one may "
         "have several")),
        ("lost", "column 1: unknown attribute 'lost'"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_order(text)
    assert str(caught.value) == f"order, {message}"


# --- its bounds


def test_nesting_is_bounded() -> None:
    fits = "(" * MAX_DEPTH + A_ + ")" * MAX_DEPTH
    assert parse_filter(fits) == A
    with pytest.raises(InvalidInput, match=f"column {MAX_DEPTH + 1}: nested more than"):
        parse_filter(f"({fits})")
    with pytest.raises(InvalidInput, match="nested more than"):
        parse_filter("NOT " * 100_0 + A_)


def test_the_number_of_comparisons_is_bounded() -> None:
    fits = " AND ".join([A_] * MAX_COMPARISONS)
    parse_filter(fits)
    with pytest.raises(InvalidInput, match=f"more than {MAX_COMPARISONS} comparisons"):
        parse_filter(f"{fits} AND {A_}")


def test_the_length_is_bounded() -> None:
    with pytest.raises(InvalidInput, match=f"longer than {MAX_LENGTH} characters"):
        parse_filter(" " * MAX_LENGTH + A_)


def test_an_unclosed_quote_of_any_length_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="never closed"):
        parse_filter("tags.a = '" + "''" * 49_000)


# --- values of a run

DOCUMENT = {
    "id": "r",
    "experiment": {"id": "x", "name": "tone"},
    "parameters": {"lr": 1, "model": "a"},
    "params": {"lr": 2},
    "metrics": {"loss": {"value": 0.5, "step": 1, "timestamp": 0}},
    "scores": {"exact": {"count": 2, "mean": 0.25}},
    "tags": {"a": "b"},
    "stats": {"passed": 1, "failed": 3, "errors": 0, "total": 4},
    "code": {"commit": None, "dirty": True},
    "dataset": {"name": "q", "digest": "sha256:1"},
    "inputs": [{"name": "i", "digest": "d", "tags": {"mlflow.data.context": "train"}}],
    "error": {"type": "E", "message": "m"},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("attribute", "run_id"), "r"),
        (Field("attribute", "experiment"), "tone"),
        (Field("attribute", "dirty"), True),
        (Field("attribute", "attempt"), 1),
        (Field("attribute", "lifecycle"), "active"),
        (Field("attribute", "exit_code"), None),
        (Field("attribute", "error"), "E: m"),
        (Field("attribute", "parent"), None),
        (Field("metric", "loss"), 0.5),
        (Field("metric", "none"), None),
        (Field("param", "lr"), 2),
        (Field("param", "model"), "a"),
        (Field("score", "exact"), 0.25),
        (Field("score", "none"), None),
        (Field("stat", "pass_rate"), 0.25),
        (Field("tag", "a"), "b"),
        (Field("dataset", "name"), ["q", "i"]),
        (Field("dataset", "context"), ["train"]),
    ],
)
def test_a_field_is_read_from_a_document(field: Field, value: Any) -> None:
    assert value_in(DOCUMENT, field) == value
