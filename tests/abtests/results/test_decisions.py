"""Decisions: what results speak for, and that the reasons are said."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.abtests.data.sums import Cell, Exposures, MetricSums
from gitexp.abtests.definition import AbTest
from gitexp.abtests.results.analysing import analyse
from gitexp.abtests.results.model import Results
from tests.abtests.data.making import ab_test, day

PAID = {"key": "paid", "type": "proportion"}
ERRORS = {"key": "errors", "type": "proportion", "goal": "decrease", "guardrail": {"margin": 0.01}}


def judged(test: AbTest, *, units: Any = None, **successes: tuple[int, ...]) -> Results:
    """Return the results of proportions of 10,000 units in each variant."""
    keys = [variant.key for variant in test.variants]
    sums = {
        name: MetricSums.of(
            {
                (key, ""): Cell(count=10_000, successes=count)
                for key, count in zip(keys, counts, strict=True)
            }
        )
        for name, counts in successes.items()
    }
    exposures = Exposures(units=units or dict.fromkeys(keys, 10_000))
    faults = {metric.key: "no rows" for metric in test.metrics if metric.key not in sums}
    return analyse(test, exposures=exposures, sums=sums, faults=faults, as_of=day(3), marks={})


def test_a_better_variant_is_shipped() -> None:
    decision = judged(ab_test(PAID), paid=(1000, 1200)).decision
    assert (decision.action, decision.variant) == ("ship", "test")
    assert decision.reasons == ("test is better in paid: +20.00 % (+10.49 % to +29.51 %)",)


def test_a_worse_variant_is_rolled_back() -> None:
    decision = judged(ab_test(PAID), paid=(1200, 1000)).decision
    assert decision.action == "roll back"
    assert decision.reasons[0].startswith("test is worse in paid: -16.67 %")


def test_a_broken_guardrail_goes_before_a_better_metric() -> None:
    found = judged(ab_test(PAID, ERRORS), paid=(1000, 1200), errors=(200, 500))
    assert found.decision.action == "roll back"
    assert found.decision.reasons[0].startswith("test breaks the guardrail errors")


def test_a_guardrail_that_is_not_shown_to_be_held_keeps_a_test_running() -> None:
    tight = {**ERRORS, "guardrail": {"margin": 0.001}}
    found = judged(ab_test(PAID, tight), paid=(1000, 1200), errors=(200, 205))
    assert found.decision.action == "keep running"
    assert "it is not shown that test holds the guardrail errors" in found.decision.reasons


def test_without_a_difference_a_test_keeps_running_until_it_ends() -> None:
    assert judged(ab_test(PAID), paid=(1000, 1010)).decision.action == "keep running"
    ended = ab_test(PAID, status="stopped", ended_at="2026-01-04T00:00:00Z")
    decision = judged(ended, paid=(1000, 1010)).decision
    assert (decision.action, decision.reasons) == (
        "inconclusive",
        ("no primary metric shows a difference",),
    )


def test_the_planned_number_of_units_is_waited_for_at_a_fixed_horizon() -> None:
    plan = {"planning": {"recommended_sample_size": 50_000}}
    early = judged(ab_test(PAID, **plan), paid=(1000, 1200)).decision
    assert early.action == "keep running"
    assert early.reasons[-1] == "20000 of the 50000 units that were planned are there"
    sequential = ab_test(PAID, statistics={"method": "sequential"}, **plan)
    assert judged(sequential, paid=(1000, 1200)).decision.action == "ship"


def test_the_planned_number_without_a_difference_is_inconclusive() -> None:
    test = ab_test(PAID, planning={"recommended_sample_size": 20_000})
    assert judged(test, paid=(1000, 1010)).decision.action == "inconclusive"


def test_a_wrong_split_makes_everything_doubtful() -> None:
    found = judged(ab_test(PAID), units={"control": 10_000, "test": 9_000}, paid=(1000, 1200))
    assert found.decision.action == "inconclusive"
    (reason,) = found.decision.reasons
    assert reason == (
        "units are not split as they should be: control 10000 (expected 9500), "
        "test 9000 (expected 9500); find out why before anything else is concluded"
    )


def test_of_several_better_variants_the_best_is_shipped() -> None:
    variants = [{"key": key} for key in ("control", "a", "b")]
    found = judged(ab_test(PAID, variants=variants), paid=(1000, 1200, 1300))
    assert (found.decision.action, found.decision.variant) == ("ship", "b")


def test_a_metric_without_an_answer_is_a_reason() -> None:
    found = judged(ab_test(PAID))
    assert found.decision.action == "keep running"
    assert found.decision.reasons == ("paid: no rows",)


@pytest.mark.parametrize(("count", "state"), [(60, "unanswered"), (5000, "passed")])
def test_a_split_of_few_units_is_not_judged(count: int, state: str) -> None:
    units = {"control": count // 2, "test": count // 2}
    checks = {each.name: each.state for each in judged(ab_test(PAID), units=units).checks}
    assert checks["split"] == state


def test_uneven_splits_with_excluded_units_are_pointed_out() -> None:
    variants = [{"key": "control", "split": 90}, {"key": "test", "split": 10}]
    test = ab_test(PAID, variants=variants)
    exposures = Exposures(units={"control": 9000, "test": 1000}, multiple=100)
    found = analyse(test, exposures=exposures, sums={}, faults={}, as_of=day(3), marks={})
    (check,) = (each for each in found.checks if each.name == "several variants")
    assert check.state == "warning"
    assert check.text == (
        "100 of 10100 units saw several variants and are left out; "
        "with uneven splits that favours one of them"
    )
