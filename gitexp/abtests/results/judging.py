"""Judging: what the sums of a metric say about each variant, or why they say nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from gitexp.abtests.amounts import Size
from gitexp.abtests.data.sums import Cell, Group, MetricSums
from gitexp.abtests.definition import AbTest, Statistics
from gitexp.abtests.metrics import Metric
from gitexp.errors import InvalidInput
from gitexp.stats.adjustment import adjusted_effect
from gitexp.stats.bayesian import Posterior, Prior, posterior
from gitexp.stats.corrections import Adjusted, adjust
from gitexp.stats.effects import Effect, effect
from gitexp.stats.frequentist import Comparison, t_test
from gitexp.stats.margins import noninferiority
from gitexp.stats.samples import Mean, Proportion, Ratio
from gitexp.stats.sequential import AlwaysValid, always_valid
from gitexp.stats.strata import Stratum, stratified_effect

Verdict = Literal["better", "worse", "undecided"]
Guard = Literal["held", "broken", "undecided"]
Test = Comparison | AlwaysValid


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """Whether a variant keeps to the margin of a guardrail.

    Attributes:
        state: `held` where it is shown to be no worse than the margin allows, `broken` where it is
            shown to be worse than that, else `undecided`.
        margin: how much worse it may be, in the unit of `bound`.
        bound: how much worse it is at most, with the confidence of the test.
        relative: whether both are shares of the control.
    """

    state: Guard
    margin: float
    bound: float
    relative: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(self.__dict__)


@dataclass(frozen=True, kw_only=True)
class VariantResult:
    """A variant's number for a metric, and how it differs from that of the control.

    Attributes:
        count: the units behind the number.
        left_out: the units that have no value, and are no part of it.
        value: the number; None where there is none.
        difference, low, high: the difference and its interval, in the unit that `relative` names;
            a bound is None where it is infinite. None for the control, and without an answer.
        p_value: of the frequentist and the sequential method, corrected where `correction` says.
        chance_to_win, risk: of the Bayesian method; the risk is the expected loss of choosing it.
        significant: whether 0 is outside the interval.
        verdict: whether that is better or worse, by the goal of the metric.
        guarded: of a guardrail, whether its margin is kept.
        stratified: the difference after weighting strata, with its interval, where there are any.
        error: why there is no answer; None where there is one.
    """

    variant: str
    count: int = 0
    left_out: int = 0
    value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    relative: bool = True
    p_value: float | None = None
    chance_to_win: float | None = None
    risk: float | None = None
    significant: bool | None = None
    verdict: Verdict | None = None
    correction: str = ""
    guarded: Guarded | None = None
    stratified: tuple[float, float, float] | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        made = {name: value for name, value in self.__dict__.items() if name != "guarded"}
        made["guardrail"] = self.guarded and self.guarded.to_dict()
        made["stratified"] = self.stratified and list(self.stratified)
        return made


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A result, and the test behind it, which a correction repeats at another confidence."""

    result: VariantResult
    test: Test | None = None


def judge(test: AbTest, metric: Metric, sums: MetricSums) -> list[Judged]:
    """Return what there is to say of every variant, the control first."""
    groups = {variant.key: _grouped(metric, sums, variant.key) for variant in test.variants}
    control = groups[test.control.key]
    judged = [Judged(result=control.result)]
    for variant in test.treatments:
        judged.append(_compared(test, metric, control, groups[variant.key], sums))
    return judged


@dataclass(frozen=True, kw_only=True)
class _Grouped:
    result: VariantResult
    group: Group | None


def _grouped(metric: Metric, sums: MetricSums, variant: str) -> _Grouped:
    cell = sums.totals.get(variant, Cell(count=0))
    known = VariantResult(variant=variant, count=_behind(metric, cell), left_out=cell.left_out)
    if not cell.count:
        return _Grouped(result=replace(known, error="no unit has a value"), group=None)
    try:
        group = cell.group(metric.type)
        return _Grouped(result=replace(known, value=group.point), group=group)
    except InvalidInput as exc:
        return _Grouped(result=replace(known, error=exc.message), group=None)


def _behind(metric: Metric, cell: Cell) -> int:
    """Return the units behind a number; of retention, those whose time to come back is over."""
    if metric.type != "retention" or not cell.means:
        return cell.count
    return round(cell.count * cell.means[1])


def _compared(
    test: AbTest, metric: Metric, control: _Grouped, other: _Grouped, sums: MetricSums
) -> Judged:
    said, result = test.statistics, other.result
    try:
        _require_units(test, control.result, result)
        if control.group is None or other.group is None:
            raise InvalidInput(result.error or f"the control has no number: {control.result.error}")
        found = effect_of(control.group, other.group, difference=said.difference)
        answered, tested = _answered(result, found, said, metric)
        guarded = _guarded(metric, control.group, other.group, said)
        strata = _stratified(sums, metric, test.control.key, result.variant, said)
        return Judged(result=replace(answered, guarded=guarded, stratified=strata), test=tested)
    except InvalidInput as exc:
        return Judged(result=replace(result, error=exc.message))


def _require_units(test: AbTest, *results: VariantResult) -> None:
    least = test.minimum.sample_size
    for result in results:
        if result.count < least:
            raise InvalidInput(
                f"variant {result.variant!r} has {result.count} units with a value, and at least "
                f"{least} are asked for"
            )


def effect_of(
    control: Group, other: Group, *, difference: Literal["relative", "absolute"]
) -> Effect:
    """Return the effect of a variant, adjusted where its groups have covariates.

    Raises:
        InvalidInput: there is none.
    """
    if isinstance(control, Mean) and isinstance(other, Mean) and control.moments.columns > 1:
        return adjusted_effect(control, other, scale=difference)
    if isinstance(control, Ratio) and isinstance(other, Ratio) and control.moments.columns > 2:
        return adjusted_effect(control, other, scale=difference)
    return effect(control, other, scale=difference)


def _answered(
    result: VariantResult, found: Effect, said: Statistics, metric: Metric
) -> tuple[VariantResult, Test | None]:
    if said.method == "bayesian":
        believed = _posterior(found, said, metric)
        answer = _with_interval(result, believed.mean, believed, said, metric)
        chance, risk = believed.chance_to_win, believed.risk_treatment
        return replace(answer, chance_to_win=chance, risk=risk), None
    tested = test_of(found, said)
    answer = _with_interval(result, found.value, tested, said, metric)
    return replace(answer, p_value=tested.p_value), tested


def test_of(found: Effect, said: Statistics) -> Test:
    """Return the test of an effect by the frequentist or the sequential method."""
    if said.method == "sequential":
        return always_valid(
            found,
            confidence=said.confidence,
            alternative=said.alternative,
            tuned_for=max(1, round(said.tuning)),
        )
    return t_test(found, confidence=said.confidence, alternative=said.alternative)


def _posterior(found: Effect, said: Statistics, metric: Metric) -> Posterior:
    prior = None
    if said.prior is not None:
        prior = Prior(mean=said.prior.mean, deviation=said.prior.sd, scale=said.difference)
    return posterior(found, prior=prior, confidence=said.confidence, direction=metric.goal)


def _with_interval(
    result: VariantResult,
    value: float,
    judged: Test | Posterior | Adjusted[Any],
    said: Statistics,
    metric: Metric,
) -> VariantResult:
    gain = value if metric.goal == "increase" else -value
    verdict: Verdict = "undecided"
    if judged.significant:
        verdict = "better" if gain > 0 else "worse"
    return replace(
        result,
        difference=value,
        low=_finite(judged.interval.low),
        high=_finite(judged.interval.high),
        relative=said.difference == "relative",
        significant=judged.significant,
        verdict=verdict,
    )


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None


# --- guardrails -------------------------------------------------------------------------------


def _guarded(metric: Metric, control: Group, other: Group, said: Statistics) -> Guarded | None:
    """Return whether the margin of a guardrail is kept, on the scale of the margin."""
    margin = metric.guardrail
    if margin is None:
        return None
    found = effect_of(control, other, difference="relative" if margin.relative else "absolute")
    worst, broken = _bounds(found, margin, said, metric)
    kept = worst < margin.value
    state: Guard = "held" if kept else "broken" if broken else "undecided"
    return Guarded(state=state, margin=margin.value, bound=worst, relative=margin.relative)


def _bounds(found: Effect, margin: Size, said: Statistics, metric: Metric) -> tuple[float, bool]:
    """Return how much worse it is at most, and whether it is worse than the margin for sure."""
    up = metric.goal == "increase"
    null = -margin.value if up else margin.value
    if said.method == "sequential":
        tuned = max(1, round(said.tuning))
        sides = [
            always_valid(
                found,
                confidence=said.confidence,
                alternative=side,
                null=null,
                tuned_for=tuned,
            )
            for side in _SIDES[up]
        ]
        return _worst(sides[0].interval.low, sides[0].interval.high, up), sides[1].significant
    if margin.value > 0:
        kept = noninferiority(
            found, margin=margin.value, confidence=said.confidence, direction=metric.goal
        )
    else:
        kept = t_test(found, confidence=said.confidence, alternative=_SIDES[up][0], null=null)
    beyond = t_test(found, confidence=said.confidence, alternative=_SIDES[up][1], null=null)
    return _worst(kept.interval.low, kept.interval.high, up), beyond.significant


_SIDES: Mapping[bool, tuple[Literal["greater", "less"], Literal["greater", "less"]]] = {
    True: ("greater", "less"),
    False: ("less", "greater"),
}


def _worst(low: float, high: float, up: bool) -> float:
    return -low if up else high


# --- strata -----------------------------------------------------------------------------------


def _stratified(
    sums: MetricSums, metric: Metric, control: str, variant: str, said: Statistics
) -> tuple[float, float, float] | None:
    """Return the post-stratified difference with its interval, None where there is none."""
    if not sums.strata or metric.type == "quantile" or said.method == "bayesian":
        return None
    try:
        strata = [_stratum(sums, metric, name, control, variant) for name in sums.strata]
        found = stratified_effect(strata, scale=said.difference)
        interval = test_of(found, replace(said, alternative="two-sided")).interval
    except (InvalidInput, KeyError):
        return None
    return found.value, interval.low, interval.high


def _stratum(sums: MetricSums, metric: Metric, name: str, control: str, variant: str) -> Stratum:
    one, other = (sums.cells[key, name].group(metric.type) for key in (control, variant))
    kinds = (Proportion, Mean, Ratio)
    if not isinstance(one, kinds) or not isinstance(other, kinds):
        raise InvalidInput("quantiles have no strata")
    return Stratum(name=name, control=one, treatment=other)


# --- several questions ------------------------------------------------------------------------


def corrected(
    test: AbTest, families: Sequence[Sequence[tuple[Metric, list[Judged]]]]
) -> dict[str, list[VariantResult]]:
    """Return results by the keys of metrics, each family corrected for its own questions."""
    found: dict[str, list[VariantResult]] = {}
    for family in families:
        for metric, judged in family:
            found[metric.key] = [each.result for each in judged]
        if test.statistics.correction != "none":
            _correct(test, family, found)
    return found


def _correct(
    test: AbTest,
    family: Sequence[tuple[Metric, list[Judged]]],
    found: dict[str, list[VariantResult]],
) -> None:
    said = test.statistics
    places = [
        (metric, position, judged.test)
        for metric, each in family
        for position, judged in enumerate(each)
        if judged.test is not None
    ]
    if not places or said.correction == "none":
        return
    tests: list[Any] = [tested for _, _, tested in places]
    answers: list[Adjusted[Any]] = adjust(
        tests, correction=said.correction, confidence=said.confidence
    )
    for (metric, position, tested), answer in zip(places, answers, strict=True):
        before = found[metric.key][position]
        after = _with_interval(before, tested.effect.value, answer, said, metric)
        found[metric.key][position] = replace(
            after, p_value=answer.p_value, correction=said.correction
        )
