"""How many units an experiment takes and how long that is: the question before every launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from gitexp.errors import InvalidInput
from gitexp.stats.bayesian import Direction
from gitexp.stats.checks import Scale, check_choice, check_finite
from gitexp.stats.corrections import Correction
from gitexp.stats.planning.decimals import Number, exact, rounded_up
from gitexp.stats.planning.designs import (
    Design,
    Peeking,
    check_variants,
    even_shares,
    shares_of,
)
from gitexp.stats.planning.outcomes import (
    BaselineStats,
    Known,
    MetricType,
    Outcome,
    endpoint_outcome,
    measured_outcome,
)
from gitexp.stats.planning.powers import Plan
from gitexp.stats.planning.sizes import detectable_lift, smallest_sizes, whole_sizes
from gitexp.stats.sequential import TUNED_FOR

Method = Literal["exact", "lehr"]
_LEHR = 16
_LEHRS_DESIGN = (0.05, 0.8, 2)
"""Alpha, power and sides that the rule has."""


@dataclass(frozen=True, kw_only=True)
class RunningTime:
    """The answer to a plan: its first four fields are those of PostHog's endpoint.

    Attributes:
        baseline_value: the control's value; None where nothing was measured.
        variance: the variance of one unit; None for a funnel, whose share says it.
        recommended_sample_size: the units over all variants; None where there is no answer.
        recommended_running_time_days: whole days; None without a rate of exposures.
        sample_sizes: the units of each variant, the control first.
        minimum_detectable_effect: what was planned for, in per cent of the baseline.
        achieved_power: of the variant that has the least, with these sizes, as results are judged.
        expected_sample_size: of a sequential plan, the units used on average where the effects are
            those planned for, since it may end as soon as they are found in all treatments.
        variance_source: `given`, `measured`, `assumed` (a rule of thumb) or `binomial`.
        note: why there is no answer, or what was left out of account; empty otherwise.
    """

    baseline_value: float | None
    variance: float | None
    recommended_sample_size: int | None
    recommended_running_time_days: int | None
    method: Method
    minimum_detectable_effect: float
    design: Design
    variance_source: str
    sample_sizes: tuple[int, ...] = ()
    achieved_power: float | None = None
    expected_sample_size: float | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, the endpoint's four fields first."""
        design, peeking = self.design, self.design.peeking
        return {
            "baseline_value": self.baseline_value,
            "variance": self.variance,
            "recommended_sample_size": self.recommended_sample_size,
            "recommended_running_time_days": self.recommended_running_time_days,
            "method": self.method,
            "sample_sizes": list(self.sample_sizes),
            "minimum_detectable_effect": self.minimum_detectable_effect,
            "achieved_power": self.achieved_power,
            "alpha": design.alpha,
            "power": design.power,
            "sides": design.sides,
            "direction": design.direction,
            "difference": design.scale,
            "correction": design.correction,
            "comparisons": design.comparisons,
            "allocation": [float(share) for share in design.shares],
            "sequential": peeking
            and {
                "looks": peeking.looks,
                "tuned_for": peeking.tuned_for,
                "expected_sample_size": self.expected_sample_size,
            },
            "variance_source": self.variance_source,
            "note": self.note,
        }


def calculate_running_time(
    metric_type: MetricType,
    minimum_detectable_effect: float,
    number_of_variants: int | None = None,
    *,
    baseline_value: float | None = None,
    variance: float | None = None,
    baseline_stats: BaselineStats | Mapping[str, Any] | None = None,
    exposure_rate_per_day: float | None = None,
    method: Method = "exact",
    alpha: float = 0.05,
    power: float = 0.8,
    sides: Literal[1, 2] = 2,
    direction: Direction = "increase",
    difference: Scale = "relative",
    allocation: Sequence[Number] | None = None,
    correction: Correction | Literal["none"] = "none",
    metrics: int = 1,
    sequential: bool = False,
    tuned_for: int = TUNED_FOR,
    looks: int = 20,
) -> RunningTime:
    """Return how many units an experiment needs, and in how many days they come.

    `minimum_detectable_effect` is in per cent of the baseline; `number_of_variants` counts the
    control, and is that of the allocation's parts or else 2 by default; `exposure_rate_per_day`
    is of new units over all variants.

    `method="exact"` finds the fewest whole units with which each treatment has the power, judged
    as results are: Welch's t-test (noncentral t) of the relative effect by the delta method, or
    of the absolute one, each comparison at alpha / m where a correction is named, or by the
    always-valid sequence at a number of evenly spaced looks. A share has its own variance under
    the effect; every other metric that of the baseline, which is measured where `baseline_stats`
    say so.

    `method="lehr"` is the rule 16·V/d² for each variant (R. Lehr, "Sixteen S-squared over
    D-squared", Statistics in Medicine 11 (1992) 1099-1102), as PostHog's endpoint has it, from
    the baseline's variance. It knows of alpha 0.05, two sides and a power of 0.8 alone; the
    settings of the exact method only enter the power that it is said to achieve.

    Nothing is rounded up because of a float's last bit: 5 % of a share of 0.01 is 1267200 units by
    the rule, worked out in fractions, and 1267201 in floats. The exact method compares the power
    at whole numbers of units, with the standard error that such results would show.

    Raises:
        InvalidInput: the request is refused, in the words of the endpoint where it has any; a
            setting is out of range; or the effect would take a share beyond 1.
    """
    check_choice("method", method, ("exact", "lehr"))
    _check_request(minimum_detectable_effect, exposure_rate_per_day)
    known = Known(
        metric_type=metric_type,
        baseline_value=baseline_value,
        variance=variance,
        baseline_stats=_stats(baseline_stats),
    )
    design = design_of(
        number_of_variants,
        alpha=alpha,
        power=power,
        sides=sides,
        direction=direction,
        difference=difference,
        allocation=allocation,
        correction=correction,
        metrics=metrics,
        sequential=sequential,
        tuned_for=tuned_for,
        looks=looks,
    )
    request = _Request(known, design, exact(minimum_detectable_effect), exposure_rate_per_day)
    return request.by_rule() if method == "lehr" else request.exactly()


def design_of(
    number_of_variants: int | None = None,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    sides: Literal[1, 2] = 2,
    direction: Direction = "increase",
    difference: Scale = "relative",
    allocation: Sequence[Number] | None = None,
    correction: Correction | Literal["none"] = "none",
    metrics: int = 1,
    sequential: bool = False,
    tuned_for: int = TUNED_FOR,
    looks: int = 20,
) -> Design:
    """Return the design that the settings of `calculate_running_time` describe.

    Raises:
        InvalidInput: a setting is out of range, or the allocation has not as many parts as there
            are variants.
    """
    if number_of_variants is not None:
        check_variants(number_of_variants)
    shares = even_shares(number_of_variants or 2) if allocation is None else shares_of(allocation)
    if number_of_variants not in (None, len(shares)):
        raise InvalidInput(
            f"the allocation has {len(shares)} parts, and there are {number_of_variants} variants"
        )
    return Design(
        shares=shares,
        alpha=alpha,
        power=power,
        sides=sides,
        direction=direction,
        scale=difference,
        correction=correction,
        metrics=metrics,
        peeking=Peeking(looks=looks, tuned_for=tuned_for) if sequential else None,
    )


def _check_request(effect: float, rate: float | None) -> None:
    check_finite("minimum_detectable_effect", effect)
    if effect <= 0:
        raise InvalidInput("minimum_detectable_effect: Must be greater than 0.")
    if rate is not None:
        check_finite("exposure_rate_per_day", rate)
        if rate < 0:
            raise InvalidInput(
                "exposure_rate_per_day: Ensure this value is greater than or equal to 0."
            )


def _stats(stats: BaselineStats | Mapping[str, Any] | None) -> BaselineStats | None:
    if stats is None or isinstance(stats, BaselineStats):
        return stats
    return BaselineStats.from_dict(stats)


@dataclass(frozen=True)
class _Request:
    known: Known
    design: Design
    effect: Fraction
    rate: float | None

    def exactly(self) -> RunningTime:
        outcome = measured_outcome(self.known)
        note = _unanswered(outcome)
        if note:
            return self._answer("exact", outcome, None, note=note)
        plan = Plan(outcome=outcome, design=self.design, lift=float(self.effect / 100))
        sizes = smallest_sizes(plan)
        return self._answer("exact", outcome, sum(sizes), sizes=sizes, plan=plan)

    def by_rule(self) -> RunningTime:
        outcome = endpoint_outcome(self.known)
        note = _unanswered(outcome)
        gap = self.effect / 100 * (outcome.baseline or 0)
        spread = outcome.spread
        if spread is None or not gap:
            return self._answer("lehr", outcome, None, note=note)
        total = rounded_up(_LEHR * spread / gap**2 * len(self.design.shares))
        if total <= 0:
            return self._answer("lehr", outcome, max(0, total), note=note)
        sizes = whole_sizes(total, self.design.shares)
        try:
            plan = Plan(outcome=outcome, design=self.design, lift=float(self.effect / 100))
        except InvalidInput as exc:
            return self._answer("lehr", outcome, total, sizes=sizes, note=exc.message)
        return self._answer("lehr", outcome, total, sizes=sizes, plan=plan, note=self._left_out())

    def _left_out(self) -> str:
        """Return what of the request the rule does not look at."""
        kind, design = self.known.metric_type, self.design
        found = []
        if self.known.variance is not None and kind not in ("ratio", "retention"):
            found.append(f"has its own variance of a {kind}")
        if (design.alpha, design.power, design.sides) != _LEHRS_DESIGN:
            found.append("sizes for a power of 0.8 at an alpha of 0.05 on two sides alone")
        return f'method="lehr" {" and ".join(found)}' if found else ""

    def _answer(
        self,
        method: Method,
        outcome: Outcome,
        total: int | None,
        *,
        sizes: tuple[int, ...] = (),
        plan: Plan | None = None,
        note: str = "",
    ) -> RunningTime:
        known = RunningTime(
            baseline_value=_number(outcome.baseline),
            variance=_number(outcome.variance),
            recommended_sample_size=total,
            recommended_running_time_days=days_for(total, self.rate),
            method=method,
            minimum_detectable_effect=float(self.effect),
            design=self.design,
            variance_source=outcome.source,
            sample_sizes=sizes,
            note=note,
        )
        return _powered(known, plan) if plan else known


def _powered(known: RunningTime, plan: Plan) -> RunningTime:
    """Return the answer with the power of its sizes, and what looking early spares."""
    share, total = plan.expected_share(known.sample_sizes), sum(known.sample_sizes)
    power = plan.power(known.sample_sizes)
    return replace(
        known,
        achieved_power=power,
        expected_sample_size=None if share is None else share * total,
        note=known.note if power else "with so few units, results refuse to be judged",
    )


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A metric and a design with a given number of units over all variants."""

    outcome: Outcome
    design: Design
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, outcome: Outcome, design: Design, sample_size: int) -> Sized:
        """Return the units split among the variants.

        Raises:
            InvalidInput: the size is no whole number of at least 0.
        """
        return cls(outcome=outcome, design=design, sizes=whole_sizes(sample_size, design.shares))

    def with_effect(self, effect: float) -> RunningTime:
        """Return the power for an effect in per cent of the baseline, as `achieved_power`.

        Raises:
            InvalidInput: the effect is not above 0 or impossible, or the baseline is unknown or 0.
        """
        plan = Plan(outcome=self.outcome, design=self.design, lift=float(exact(effect) / 100))
        known = RunningTime(
            baseline_value=_number(self.outcome.baseline),
            variance=_number(self.outcome.variance),
            recommended_sample_size=sum(self.sizes),
            recommended_running_time_days=None,
            method="exact",
            minimum_detectable_effect=float(effect),
            design=self.design,
            variance_source=self.outcome.source,
            sample_sizes=self.sizes,
        )
        return _powered(known, plan)

    def with_smallest_effect(self) -> RunningTime:
        """Return the smallest effect that is found with the design's power, in per cent.

        Raises:
            InvalidInput: no effect is, however large, or the baseline is unknown or 0.
        """
        return self.with_effect(100 * detectable_lift(self.outcome, self.design, self.sizes))


def _unanswered(outcome: Outcome) -> str:
    if outcome.missing:
        return outcome.missing
    if not outcome.baseline:
        return "the baseline is 0, so no effect is a share of it"
    if not outcome.spread:
        return "the metric does not vary at its baseline, so nothing can be sized"
    return ""


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def days_for(units: int | None, rate: float | None) -> int | None:
    """Return the whole days in which so many units come, None where one of them is 0 or unknown."""
    if not units or not rate:
        return None
    return rounded_up(units / exact(rate))


def remaining_days(
    recommended_sample_size: int | None, current_sample_size: int | None, rate: float | None
) -> float | None:
    """Return the days until the recommended size is reached: 0.0 where it is, None if unknown.

    PostHog's progress: max(0, recommended - current) / rate, not rounded, and None where one of
    the three is 0 or unknown, since then nothing has been measured yet.
    """
    if not recommended_sample_size or not current_sample_size or not rate or rate < 0:
        return None
    return float(max(0, recommended_sample_size - current_sample_size) / exact(rate))
