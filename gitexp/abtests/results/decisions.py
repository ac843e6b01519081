"""Decisions: what the results of a test speak for, by rules that can be read here.

1. Units that were not split as they should be make every number doubtful: inconclusive.
2. A broken guardrail, or a primary metric that is worse: roll back.
3. A primary metric that is better, none that is worse, and every guardrail held: ship; of several
   such variants, the one with the largest gain in the first primary metric. A fixed horizon is
   kept: where results were planned for a number of units and judged at a fixed confidence, a
   difference that shows before that number is there is no reason to stop.
4. Otherwise a test that runs keeps running, until it has the units that were planned; after that,
   and after its end, it is inconclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.abtests.data.sums import Exposures
from gitexp.abtests.definition import AbTest
from gitexp.abtests.results.checking import SPLIT, planned_size
from gitexp.abtests.results.judging import VariantResult
from gitexp.abtests.results.model import Check, Decision, MetricResult, difference_text


def decide(
    test: AbTest,
    exposures: Exposures,
    checks: Sequence[Check],
    metrics: Sequence[MetricResult],
) -> Decision:
    """Return what the results speak for, and why."""
    for check in checks:
        if check.name == SPLIT and check.state == "failed":
            reason = f"{check.text}; find out why before anything else is concluded"
            return Decision(action="inconclusive", reasons=(reason,))
    harm = [reason for v in test.treatments for reason in _harm(v.key, metrics)]
    good = [v.key for v in test.treatments if not _harm(v.key, metrics) and _wins(v.key, metrics)]
    unshown = {key: _unshown(key, metrics) for key in good}
    ready = [key for key in good if not unshown[key]]
    if ready and not _is_early(test, exposures):
        best = max(ready, key=lambda key: _first_gain(key, metrics))
        return Decision(action="ship", variant=best, reasons=tuple(_wins(best, metrics)))
    if harm and not good:
        return Decision(action="roll back", reasons=tuple(harm))
    reasons = [*harm, *(reason for key in good for reason in _wins(key, metrics))]
    reasons += [reason for key in good for reason in unshown[key]]
    return _waiting(test, exposures, metrics, reasons)


def _harm(variant: str, metrics: Sequence[MetricResult]) -> list[str]:
    found = []
    for metric, result in _of(variant, metrics):
        if result.guarded is not None and result.guarded.state == "broken":
            found.append(f"{variant} breaks the guardrail {metric.name}: {difference_text(result)}")
        elif metric.role == "primary" and result.verdict == "worse":
            found.append(f"{variant} is worse in {metric.name}: {difference_text(result)}")
    return found


def _wins(variant: str, metrics: Sequence[MetricResult]) -> list[str]:
    return [
        f"{variant} is better in {metric.name}: {difference_text(result)}"
        for metric, result in _of(variant, metrics)
        if metric.role == "primary" and result.verdict == "better"
    ]


def _unshown(variant: str, metrics: Sequence[MetricResult]) -> list[str]:
    """Return which guardrails are not shown to be held."""
    found = []
    for metric in (each for each in metrics if each.guardrail):
        result = metric.variant(variant)
        if result is None or result.guarded is None or result.guarded.state != "held":
            found.append(f"it is not shown that {variant} holds the guardrail {metric.name}")
    return found


def _of(variant: str, metrics: Sequence[MetricResult]) -> list[tuple[MetricResult, VariantResult]]:
    pairs = ((metric, metric.variant(variant)) for metric in metrics)
    return [(metric, result) for metric, result in pairs if result is not None]


def _first_gain(variant: str, metrics: Sequence[MetricResult]) -> float:
    for metric in metrics:
        result = metric.variant(variant)
        if metric.role == "primary" and result is not None and result.difference is not None:
            return result.difference if metric.goal == "increase" else -result.difference
    return 0.0


def _is_early(test: AbTest, exposures: Exposures) -> bool:
    """Return whether a horizon was fixed that the test has not reached."""
    planned = planned_size(test)
    runs = test.status in ("running", "paused")
    fixed = test.statistics.method == "frequentist"
    return runs and fixed and planned is not None and exposures.total < planned


def _waiting(
    test: AbTest, exposures: Exposures, metrics: Sequence[MetricResult], reasons: list[str]
) -> Decision:
    planned, runs = planned_size(test), test.status in ("running", "paused")
    if not any(metric.role == "primary" for metric in metrics):
        reasons.append("no metric decides: the test has no primary one")
    for metric in metrics:
        if metric.role == "primary":
            errors = [metric.error, *(each.error for each in metric.variants[1:])]
            reasons += [f"{metric.name}: {error}" for error in errors if error]
    if not reasons:
        reasons.append("no primary metric shows a difference")
    if runs and planned is None:
        return Decision(action="keep running", reasons=tuple(reasons))
    if runs and planned is not None and exposures.total < planned:
        reasons.append(f"{exposures.total} of the {planned} units that were planned are there")
        return Decision(action="keep running", reasons=tuple(reasons))
    return Decision(action="inconclusive", reasons=tuple(reasons))
