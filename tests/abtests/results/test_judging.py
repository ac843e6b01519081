"""Judgements, against scipy and statsmodels on the raw values of units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from gitexp.abtests.data.opening import Access
from gitexp.abtests.data.sessions import session
from gitexp.abtests.definition import AbTest
from gitexp.abtests.results.analysing import analyse
from gitexp.abtests.results.judging import VariantResult
from gitexp.abtests.results.model import Results
from tests.abtests.data.making import ab_test, counted, day, in_memory, joined, made_rows

END = day(9)
ROWS = made_rows(units=2000, rows=8000, seed=5)
ABSOLUTE = {"difference": "absolute"}
SPENT = {"key": "spent", "type": "mean", "event": "buy"}
BOUGHT = {"key": "bought", "type": "proportion", "event": "buy"}


def found(test: AbTest) -> Results:
    access = Access(tables={"exposures": ROWS[0], "events": ROWS[1]})
    with session(in_memory(), test, access=access) as data, data.looking_at(END):
        kept = data.snapshot()
    return analyse(
        test,
        exposures=kept.exposures,
        sums=kept.sums,
        faults=kept.faults,
        as_of=kept.as_of,
        marks={},
    )


def treated(test: AbTest, key: str) -> VariantResult:
    metric = found(test).metric(key)
    assert metric is not None
    assert metric.variants[1].error is None
    return metric.variants[1]


def values(how: str = "sum", *, event: str = "buy") -> tuple[Any, Any]:
    """Return the values of the units of both variants, from the rows."""
    units = counted(ROWS[0], END)
    rows = joined(units, ROWS[1], event, END)
    rows = rows[rows["time"] >= rows["first"]]
    every = rows.groupby("unit")["value"].agg(how).reindex(units.index).fillna(0)
    chosen = units["variant"] == "control"
    return every[chosen].to_numpy(), every[~chosen].to_numpy()


def test_a_difference_of_means_is_welchs() -> None:
    control, other = values()
    expected = stats.ttest_ind(other, control, equal_var=False)
    interval = expected.confidence_interval(0.95)
    result = treated(ab_test(SPENT, statistics=ABSOLUTE), "spent")
    assert result.difference == pytest.approx(other.mean() - control.mean(), rel=1e-10)
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_a_difference_of_proportions_is_the_unpooled_z_of_statsmodels() -> None:
    control, other = (v > 0 for v in values("count"))
    statistic, _ = proportions_ztest(
        [other.sum(), control.sum()], [other.size, control.size], prop_var=False
    )
    p, q = other.mean(), control.mean()
    error = math.sqrt(p * (1 - p) / other.size + q * (1 - q) / control.size)
    result = treated(ab_test(BOUGHT, statistics=ABSOLUTE), "bought")
    assert result.difference == pytest.approx(p - q, rel=1e-12)
    assert result.low is not None
    assert result.high is not None
    # Student's quantile with thousands of degrees of freedom, against the normal one.
    assert (result.high - result.low) / 2 == pytest.approx(1.96 * error, rel=1e-3)
    assert abs(statistic) < 10


def test_a_relative_difference_is_that_of_the_delta_method() -> None:
    control, other = values()
    c, t = control.mean(), other.mean()
    vc, vt = (each.var(ddof=1) / each.size for each in (control, other))
    error = math.sqrt(vt / c**2 + t**2 * vc / c**4)
    result = treated(ab_test(SPENT), "spent")
    assert result.difference == pytest.approx((t - c) / c, rel=1e-10)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(abs((t - c) / c) / error), rel=0.01)


def test_a_covariate_gives_the_regression_of_statsmodels() -> None:
    test = ab_test({**SPENT, "covariate": {"lookback": "7d"}}, statistics=ABSOLUTE)
    units = counted(ROWS[0], END)
    rows = joined(units, ROWS[1], "buy", END)
    since = rows["time"] - rows["first"]
    week = pd.Timedelta(days=7)
    sums = {
        name: rows[chosen].groupby("unit")["value"].sum().reindex(units.index).fillna(0)
        for name, chosen in {
            "after": since >= pd.Timedelta(0),
            "before": (since < pd.Timedelta(0)) & (since >= -week),
        }.items()
    }
    is_treated = (units["variant"] == "test").astype(float)
    design = sm.add_constant(np.column_stack([is_treated, sums["before"]]))
    expected = sm.OLS(sums["after"].to_numpy(), design).fit().params[1]
    assert treated(test, "spent").difference == pytest.approx(expected, rel=1e-9)


def test_a_ratio_is_the_ratio_of_the_sums() -> None:
    ratio = {
        "key": "basket",
        "type": "ratio",
        "event": "buy",
        "denominator": {"event": "view", "aggregation": "count"},
    }
    result = treated(ab_test(ratio, statistics=ABSOLUTE), "basket")
    points, errors = [], []
    for spent, views in zip(values(), values("count", event="view"), strict=True):
        r = spent.sum() / views.sum()
        points.append(r)
        errors.append(np.var((spent - r * views) / views.mean(), ddof=1) / spent.size)
    assert result.difference == pytest.approx(points[1] - points[0], rel=1e-9)
    assert result.low is not None
    assert result.difference is not None
    half = result.difference - result.low
    assert half == pytest.approx(1.96 * math.sqrt(sum(errors)), rel=2e-3)


@pytest.mark.parametrize(
    ("correction", "name"),
    [("holm", "holm"), ("bonferroni", "bonferroni"), ("benjamini-hochberg", "fdr_bh")],
)
def test_corrections_are_those_of_statsmodels_over_the_primary_metrics(
    correction: str, name: str
) -> None:
    metrics = [SPENT, BOUGHT, {"key": "seen", "type": "mean", "event": "view"}]
    plain = found(ab_test(*metrics))
    raw = [each.variants[1].p_value for each in plain.metrics]
    corrected = found(ab_test(*metrics, statistics={"correction": correction}))
    expected = multipletests(raw, method=name)[1]
    assert [m.variants[1].p_value for m in corrected.metrics] == pytest.approx(list(expected))
    for one, other in zip(plain.metrics, corrected.metrics, strict=True):
        before, after = one.variants[1], other.variants[1]
        assert after.correction == correction
        assert before.low is not None
        assert after.low is not None
        assert after.low <= before.low


def test_secondary_metrics_are_no_part_of_the_correction_of_primary_ones() -> None:
    alone = found(ab_test(SPENT, BOUGHT, statistics={"correction": "bonferroni"}))
    metrics = {"primary": [SPENT, BOUGHT], "secondary": [{**SPENT, "key": "again"}]}
    both = found(ab_test(metrics=metrics, statistics={"correction": "bonferroni"}))
    assert [m.variants[1].p_value for m in both.metrics[:2]] == pytest.approx(
        [m.variants[1].p_value for m in alone.metrics]
    )


def test_the_bayesian_method_answers_with_a_chance_to_win() -> None:
    control, other = values()
    c, t = control.mean(), other.mean()
    vc, vt = (each.var(ddof=1) / each.size for each in (control, other))
    error = math.sqrt(vt / c**2 + t**2 * vc / c**4)
    result = treated(ab_test(SPENT, statistics={"method": "bayesian"}), "spent")
    assert result.p_value is None
    assert result.chance_to_win == pytest.approx(stats.norm.cdf((t - c) / c / error), rel=1e-9)


def test_a_goal_to_decrease_turns_the_verdict_around() -> None:
    up = treated(ab_test(SPENT, statistics={"confidence": 0.51}), "spent")
    down = treated(ab_test({**SPENT, "goal": "decrease"}, statistics={"confidence": 0.51}), "spent")
    assert {up.verdict, down.verdict} in ({"better", "worse"}, {"undecided"})
    assert up.difference == pytest.approx(down.difference)


@pytest.mark.parametrize("margin", ["10%", 0.5])
@pytest.mark.parametrize("method", ["frequentist", "sequential", "bayesian"])
def test_a_guardrail_is_held_where_the_bound_is_within_the_margin(
    method: str, margin: str | float
) -> None:
    metric = {**SPENT, "guardrail": {"margin": margin}}
    guarded = treated(ab_test(metric, statistics={"method": method}), "spent").guarded
    assert guarded is not None
    assert guarded.relative == isinstance(margin, str)
    assert (guarded.state == "held") == (guarded.bound < guarded.margin)


def test_too_few_units_have_no_answer() -> None:
    result = found(ab_test(SPENT, minimum={"sample_size": 10**6})).metrics[0].variants[1]
    assert result.difference is None
    assert result.error is not None
    assert result.error.endswith("units with a value, and at least 1000000 are asked for")


def test_the_units_of_retention_are_those_whose_time_to_come_back_is_over() -> None:
    back = {"key": "back", "type": "retention", "event": "buy", "retention": {"to": "3d"}}
    metric = found(ab_test(back)).metric("back")
    assert metric is not None
    units = counted(ROWS[0], END)
    over = units[units["first"] + pd.Timedelta(days=3) <= END]
    expected = over.groupby("variant").size()
    assert 0 < expected.sum() < len(units)
    assert {each.variant: each.count for each in metric.variants} == expected.to_dict()
