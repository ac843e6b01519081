"""What `ab-test.yaml` says, as values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gitexp.abtests.amounts import Size, duration
from gitexp.abtests.definition import AbTest, Minimum, Prior, Statistics, Variant
from gitexp.abtests.metrics import Metric, Outliers, Retention, Rows
from gitexp.abtests.sources import Source
from gitexp.abtests.splits import equal_splits
from gitexp.documents import schemas
from gitexp.errors import InvalidDocuments, InvalidInput

FULL = """\
title: Warmer words
status: stopped
flag: words
variants:
  - {key: control, name: As it was, split: 60}
  - {key: test, split: 40, description: warmer}
exposure: {event: seen, multiple: first_seen, where: {country: [de, at], plan: pro}}
metrics:
  primary:
    - key: sales
      name: Sales
      type: mean
      goal: increase
      value: amount
      aggregation: sum
      outliers: {upper_percentile: 99}
      window: 14d
      covariate: {lookback: 2w}
  secondary:
    - {key: errors, type: ratio, goal: decrease, guardrail: {margin: 1%}, event: error,
       denominator: {event: call, aggregation: count}}
    - {key: back, type: retention, retention: {from: 1d, to: 8d}, start: {event: signup}}
    - {key: slow, type: quantile, level: 0.9, goal: decrease, guardrail: {margin: 0.2}}
statistics: {method: bayesian, confidence: 0.9, prior: {sd: 0.1}}
data:
  exposures: {file: data/exposures.csv, columns: {unit: user}, timezone: Europe/Berlin}
  events: {file: [a.csv, b.csv]}
  metrics:
    sales: {sql: select * from orders, attach: {shop: shop.db}, files: {orders: o.csv}}
  timezone: Europe/Berlin
minimum: {sample_size: 100, effect: 5%}
started_at: 2026-11-01T10:00:00Z
ended_at: 2026-11-21T10:00:00+01:00
conclusion: won
note: as hoped
shipped: test
"""


def loaded(text: str) -> AbTest:
    return AbTest.from_dict("warm", schemas.load("ab-test", text, file="ab-test.yaml"))


def small(**more: Any) -> AbTest:
    data = {"flag": "words", "variants": [{"key": "control"}, {"key": "test"}], **more}
    return AbTest.from_dict("warm", data)


def test_a_document_becomes_values() -> None:
    test = loaded(FULL)
    assert (test.title, test.status, test.flag, test.experiment) == (
        "Warmer words",
        "stopped",
        "words",
        "warm",
    )
    assert test.variants == (
        Variant(key="control", name="As it was", split=60),
        Variant(key="test", name="test", description="warmer", split=40),
    )
    assert test.exposure.multiple == "first_seen"
    assert test.exposure.where == {"country": ("de", "at"), "plan": ("pro",)}
    assert test.statistics == Statistics(method="bayesian", confidence=0.9, prior=Prior(sd=0.1))
    assert test.minimum == Minimum(sample_size=100, effect=Size(value=0.05, relative=True))
    assert test.started_at == datetime(2026, 11, 1, 10, tzinfo=timezone.utc)
    assert test.ended_at == datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
    assert (test.conclusion, test.note, test.shipped) == ("won", "as hoped", "test")


def test_metrics_have_their_role_and_what_they_count() -> None:
    test = loaded(FULL)
    assert [metric.key for metric in test.primary] == ["sales"]
    assert [metric.key for metric in test.secondary] == ["errors", "back", "slow"]
    assert test.metric("sales") == Metric(
        key="sales",
        name="Sales",
        type="mean",
        rows=Rows(value="amount", aggregation="sum"),
        outliers=Outliers(upper_percentile=99),
        window=timedelta(days=14),
        lookback=timedelta(weeks=2),
    )
    errors, back, slow = test.secondary
    assert errors.guardrail == Size(value=0.01, relative=True)
    assert errors.denominator == Rows(event="call", aggregation="count")
    assert back.retention == Retention(begin=timedelta(days=1), end=timedelta(days=8))
    assert back.start == Rows(event="signup")
    assert (slow.level, slow.guardrail) == (0.9, Size(value=0.2, relative=False))


def test_a_metric_takes_its_own_source_before_that_of_all() -> None:
    data = loaded(FULL).data
    assert data.of_metric("sales") == Source(
        kind="sql",
        text="select * from orders",
        attach={"shop": "shop.db"},
        files={"orders": ("o.csv",)},
    )
    assert data.of_metric("errors") == Source(kind="file", places=("a.csv", "b.csv"))
    assert data.exposures is not None
    assert (data.exposures.column("unit"), data.exposures.column("time")) == ("user", "time")
    assert data.timezone == "Europe/Berlin"


def test_what_is_left_out_has_its_default() -> None:
    test = small()
    assert (test.title, test.status, test.archived) == ("warm", "draft", False)
    assert [variant.split for variant in test.variants] == [50, 50]
    assert test.statistics == Statistics()
    assert test.minimum == Minimum()
    assert test.control.key == "control"
    assert [variant.key for variant in test.treatments] == ["test"]
    assert test.variant("other") is None


@pytest.mark.parametrize("count", range(2, 21))
def test_equal_splits_add_up_to_a_hundred_and_are_at_most_one_apart(count: int) -> None:
    shares = equal_splits(count)
    assert sum(shares) == 100
    assert max(shares) - min(shares) <= 1
    assert list(shares) == sorted(shares, reverse=True)


@pytest.mark.parametrize("text", ["0.5h", "30m", "14d", "2w", "90s"])
def test_a_duration_is_read(text: str) -> None:
    assert duration(text) > timedelta()


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(InvalidInput, match='"14 days" is not a duration'):
        duration("14 days")


@pytest.mark.parametrize("stated", ["5%", "0.1%", "12.5%", 0.2, 3.0])
def test_a_size_is_written_as_it_was_read(stated: str | float) -> None:
    assert Size.of(stated).to_json() == stated


def test_a_size_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match='"much" is not the size of a difference'):
        Size.of("much")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("variants: [{key: control}]", "variants: "),
        ("variants: [{key: control}, {key: a b}]", "variants[1].key: "),
        ("status: begun", "status: "),
        ("data: {exposures: {file: a.csv, url: b}}", "data.exposures: "),
        ("minimum: {effect: large}", "minimum.effect: "),
        ("colour: red", 'unknown key "colour"'),
    ],
)
def test_what_breaks_the_schema_is_named(broken: str, message: str) -> None:
    key = broken.split(":", 1)[0]
    lines = ("flag: f", "variants: [{key: control}, {key: b}]")
    text = "\n".join([*(line for line in lines if not line.startswith(f"{key}:")), broken])
    with pytest.raises(InvalidDocuments) as caught:
        loaded(text + "\n")
    assert any(message in str(problem) for problem in caught.value.problems)
