"""Fingerprints: other numbers, other fingerprints, and the same ones for the same numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from gitexp.abtests.definition import AbTest
from gitexp.abtests.results.fingerprints import Fingerprint, is_sound, plain
from gitexp.documents.canonical import canonical_json
from tests.abtests.data.making import ab_test

SALES: Mapping[str, Any] = {"key": "sales", "type": "mean", "event": "buy"}


def of(test: AbTest) -> Fingerprint:
    return Fingerprint.of(test, test.metrics[0])


def with_metric(**changes: Any) -> AbTest:
    return ab_test({**SALES, **changes})


PLAIN = of(ab_test(SALES))

DATA_CHANGES = {
    "event": with_metric(event="sell"),
    "where": with_metric(where={"plan": "a"}),
    "value": with_metric(value="price"),
    "aggregation": with_metric(aggregation="max"),
    "type": with_metric(type="proportion"),
    "window": with_metric(window="7d"),
    "lookback": with_metric(covariate={"lookback": "7d"}),
    "outliers": with_metric(outliers={"upper": 5}),
    "launch": ab_test(SALES, started_at="2026-01-02T00:00:00Z"),
    "freeze": ab_test(SALES, frozen_at="2026-01-02T00:00:00Z"),
    "several variants": ab_test(SALES, exposure={"multiple": "first_seen"}),
    "exposure": ab_test(SALES, exposure={"event": "seen"}),
    "variants": ab_test(SALES, variants=[{"key": k} for k in ("control", "a", "b")]),
    "source": ab_test(SALES, data={"events": {"file": "other.csv"}}),
    "column": ab_test(SALES, data={"events": {"file": "events.csv", "columns": {"unit": "u"}}}),
    "exposures": ab_test(SALES, data={"exposures": {"file": "other.csv"}}),
    "time zone": ab_test(SALES, data={"timezone": "Europe/Berlin"}),
}
JUDGEMENT_CHANGES = {
    "confidence": ab_test(SALES, statistics={"confidence": 0.9}),
    "method": ab_test(SALES, statistics={"method": "sequential"}),
    "tuning": ab_test(SALES, statistics={"method": "sequential", "tuning": 100}),
    "prior": ab_test(SALES, statistics={"method": "bayesian", "prior": {"sd": 0.1}}),
    "difference": ab_test(SALES, statistics={"difference": "absolute"}),
    "alternative": ab_test(SALES, statistics={"alternative": "greater"}),
    "goal": with_metric(goal="decrease"),
    "guardrail": with_metric(guardrail={"margin": "1%"}),
    "minimum": ab_test(SALES, minimum={"sample_size": 10}),
}
SAME = {
    "name": with_metric(name="Sales", description="What is sold"),
    "confidence": ab_test(SALES, statistics={"confidence": 1 - 0.05000000000000004}),
    "default": ab_test(SALES, statistics={"method": "frequentist", "difference": "relative"}),
    "inactive tuning": ab_test(SALES, statistics={"tuning": 100}),
    "inactive level": with_metric(level=0.9, threshold=3),
    "empty filter": with_metric(where={}),
    "length": with_metric(),
    "splits": ab_test(
        SALES, variants=[{"key": "control", "split": 90}, {"key": "test", "split": 10}]
    ),
    "moment": ab_test(SALES, started_at="2026-01-01T01:00:00+01:00"),
    "another metric": ab_test(SALES, {**SALES, "key": "other"}),
    "correction": ab_test(SALES, statistics={"correction": "holm"}),
    "note": ab_test(SALES, note="so far so good", title="Checkout"),
}


@pytest.mark.parametrize("test", DATA_CHANGES.values(), ids=DATA_CHANGES)
def test_what_changes_the_statistics_changes_both_digests(test: AbTest) -> None:
    assert of(test).value != PLAIN.value
    assert of(test).data != PLAIN.data


@pytest.mark.parametrize("test", JUDGEMENT_CHANGES.values(), ids=JUDGEMENT_CHANGES)
def test_what_changes_judgement_alone_leaves_the_data_as_it_is(test: AbTest) -> None:
    assert of(test).value != PLAIN.value
    assert of(test).data == PLAIN.data


@pytest.mark.parametrize("test", SAME.values(), ids=SAME)
def test_what_changes_no_number_changes_no_fingerprint(test: AbTest) -> None:
    assert of(test).value == PLAIN.value


def test_equal_lengths_of_time_are_one() -> None:
    assert of(with_metric(window="14d")) == of(with_metric(window="2w"))


def test_the_order_of_wanted_values_does_not_matter() -> None:
    one, other = (with_metric(where={"plan": plans}) for plans in (["a", None], [None, "a"]))
    assert of(one) == of(other)


def test_a_fingerprint_is_the_digest_of_its_settings() -> None:
    expected = hashlib.sha256(canonical_json(PLAIN.settings)).hexdigest()
    assert PLAIN.value == expected
    document = {"fingerprint": PLAIN.value, "settings": PLAIN.settings}
    assert is_sound(document)
    assert not is_sound({**document, "settings": {**PLAIN.settings, "version": 2}})


def test_numbers_have_twelve_digits_and_whole_ones_no_point() -> None:
    assert plain({"a": 0.1 + 0.2, "b": 2.0, "c": None, "d": [], "e": 0, "f": False}) == {
        "a": 0.3,
        "b": 2,
        "e": 0,
        "f": False,
    }
