"""Analysing: results from sums, every metric judged, corrected together and summed up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gitexp.abtests.data.sums import Exposures, MetricSums
from gitexp.abtests.definition import AbTest
from gitexp.abtests.metrics import Metric
from gitexp.abtests.results.checking import checks_of
from gitexp.abtests.results.decisions import decide
from gitexp.abtests.results.fingerprints import Fingerprint
from gitexp.abtests.results.judging import VariantResult, corrected, judge
from gitexp.abtests.results.model import MetricResult, Results


def analyse(
    test: AbTest,
    *,
    exposures: Exposures,
    sums: Mapping[str, MetricSums],
    faults: Mapping[str, str],
    as_of: datetime,
    marks: Mapping[str, str],
    stored: str = "",
    changed: bool = False,
    outdated: datetime | None = None,
) -> Results:
    """Return the results of a test from the sums of its metrics.

    Args:
        faults: by the key of a metric without sums, why it has none.
        marks: by key, what became of metrics since the launch.
        stored: the day whose sums these are, where they were kept.
        changed: whether rows came or went of days that were computed before.
        outdated: the moment up to which days were kept before that was noticed.
    """
    judged = {m.key: judge(test, m, sums[m.key]) for m in test.metrics if m.key in sums}
    families = [
        [(metric, judged[metric.key]) for metric in family if metric.key in judged]
        for family in (test.primary, test.secondary)
    ]
    found = corrected(test, families)
    metrics = tuple(
        _result(test, metric, found.get(metric.key), sums, faults, marks) for metric in test.metrics
    )
    checks = tuple(checks_of(test, exposures, changed=changed, outdated=outdated))
    assert test.started_at is not None
    return Results(
        experiment=test.experiment,
        status=test.status,
        started_at=test.started_at,
        as_of=as_of,
        method=test.statistics.method,
        confidence=test.statistics.confidence,
        correction="none" if _is_bayesian(test) else test.statistics.correction,
        exposures=exposures,
        checks=checks,
        metrics=metrics,
        decision=decide(test, exposures, checks, metrics),
        stored=stored,
    )


def _is_bayesian(test: AbTest) -> bool:
    return test.statistics.method == "bayesian"


def _result(
    test: AbTest,
    metric: Metric,
    found: list[VariantResult] | None,
    sums: Mapping[str, MetricSums],
    faults: Mapping[str, str],
    marks: Mapping[str, str],
) -> MetricResult:
    error = None if found is not None else faults.get(metric.key, "it was not computed yet")
    return MetricResult(
        key=metric.key,
        name=metric.name,
        type=metric.type,
        goal=metric.goal,
        role=metric.role,
        guardrail=metric.guardrail is not None,
        fingerprint=Fingerprint.of(test, metric).value,
        mark=marks.get(metric.key, ""),
        variants=tuple(found or ()),
        breakdown=_breakdown(test, metric, sums[metric.key]) if found else {},
        notes=tuple(_notes(test, metric, found or [])),
        error=error,
    )


def _breakdown(
    test: AbTest, metric: Metric, sums: MetricSums
) -> dict[str, tuple[VariantResult, ...]]:
    """Return the results by stratum, each by itself and corrected for nothing."""
    found = {}
    for stratum in sums.strata:
        cells = {key: cell for key, cell in sums.cells.items() if key[1] == stratum}
        totals = {variant: cell for (variant, _), cell in cells.items()}
        part = MetricSums(cells={(v, ""): cell for v, cell in totals.items()}, totals=totals)
        found[stratum] = tuple(each.result for each in judge(test, metric, part))
    return found


def _notes(test: AbTest, metric: Metric, found: list[VariantResult]) -> list[str]:
    notes = []
    if any(each.left_out for each in found):
        counts = ", ".join(f"{each.variant} {each.left_out}" for each in found)
        notes.append(
            f"units without rows have no value and are left out ({counts}): "
            "this compares those that have one, which a variant may change"
        )
    if _is_bayesian(test) and test.statistics.correction != "none":
        notes.append("the Bayesian method takes no correction for several questions")
    return notes
