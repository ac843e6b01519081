"""Post-stratification: effects within strata, put together by the strata's sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Scale, check_choice, check_finite
from gitexp.stats.effects import Effect, Part, Points
from gitexp.stats.samples import Mean, Proportion, Ratio

Group = Proportion | Mean | Ratio


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """Both groups among the units of one kind, known before the experiment.

    `weight` is the share of such units in the population, in any unit; None takes the share among
    the units seen.

    Raises:
        InvalidInput: a group has fewer than 2 units, the groups are of different kinds, or the
            weight is negative or not finite.
    """

    name: str
    control: Group
    treatment: Group
    weight: float | None = None

    def __post_init__(self) -> None:
        if type(self.control) is not type(self.treatment):
            raise InvalidInput(f"stratum {self.name!r} compares groups of different kinds")
        for group, sample in (("control", self.control), ("treatment", self.treatment)):
            if sample.count < 2:
                raise InvalidInput(
                    f"stratum {self.name!r} has {sample.count} units in the {group}, "
                    "and needs at least 2",
                    hint="Join it with another stratum.",
                )
        if self.weight is not None:
            check_finite(f"the weight of stratum {self.name!r}", self.weight)
            if self.weight < 0:
                raise InvalidInput(f"stratum {self.name!r} has a weight of {self.weight!r}")


def stratified_effect(strata: Sequence[Stratum], *, scale: Scale = "relative") -> Effect:
    """Return the effect over strata: each group's points are weighted by the strata's sizes.

    With weights w that add to 1, T = Σ w·T_k with variance Σ w²·Var(T_k), and the same for C.
    A ratio is that of the weighted numerators to the weighted denominators. Where the weights are
    the shares among the N units seen, each point also varies with them, by
    (Σ w·T_k² - T²)/N, and both points together by (Σ w·T_k·C_k - T·C)/N, as multinomial shares
    do: L. W. Miratrix, J. S. Sekhon and B. Yu, "Adjusting treatment effect estimates by
    post-stratification in randomized experiments", JRSS B 75 (2013) 369-396; W. G. Cochran,
    "Sampling Techniques", 3rd edition 1977, section 5A.9.

    Raises:
        InvalidInput: there are no strata, a name is given twice, some have weights and some have
            none, their kinds differ, nothing varies, or the control is too near 0 to divide by.
    """
    check_choice("scale", scale, ("absolute", "relative"))
    _check_strata(strata)
    count = sum(stratum.control.count + stratum.treatment.count for stratum in strata)
    weights = _weights(strata)
    controls = _estimates([stratum.control for stratum in strata], weights)
    treatments = _estimates([stratum.treatment for stratum in strata], weights)
    parts = [
        part
        for weight, control, treatment in zip(weights, controls, treatments, strict=True)
        for part in (
            Part(control=weight * weight * control.error, degrees=control.degrees),
            Part(treatment=weight * weight * treatment.error, degrees=treatment.degrees),
        )
    ]
    firsts, seconds = [e.point for e in controls], [e.point for e in treatments]
    if strata[0].weight is None:
        parts.append(_of_shares(weights, firsts, seconds, count))
    return Points(
        control=_weighted(weights, firsts),
        treatment=_weighted(weights, seconds),
        count=count,
        parts=tuple(parts),
    ).effect(scale)


@dataclass(frozen=True, kw_only=True)
class _Estimate:
    point: float
    error: float
    degrees: float


def _estimates(groups: Sequence[Group], weights: Sequence[float]) -> list[_Estimate]:
    ratios = [group for group in groups if isinstance(group, Ratio)]
    if ratios:
        return _linearised(ratios, weights)
    return [_Estimate(point=g.point, error=g.error, degrees=g.degrees) for g in groups]


def _linearised(groups: Sequence[Ratio], weights: Sequence[float]) -> list[_Estimate]:
    """Return each stratum's mean of R + (m - R·d)/D, where R and D are those over all strata."""
    numerator = _weighted(weights, [group.moments.means[0] for group in groups])
    denominator = _weighted(weights, [group.moments.means[1] for group in groups])
    if denominator == 0:
        raise InvalidInput("the strata's denominators add to 0")
    ratio = numerator / denominator
    found = []
    for group in groups:
        rest = [0.0] * (group.moments.columns - 2)
        value = group.moments.combined([[1 / denominator, -ratio / denominator, *rest]])
        found.append(
            _Estimate(
                point=ratio + value.means[0],
                error=value.covariance(0, 0) / group.count,
                degrees=group.degrees,
            )
        )
    return found


def _of_shares(
    weights: Sequence[float], controls: Sequence[float], treatments: Sequence[float], count: int
) -> Part:
    control, treatment = _weighted(weights, controls), _weighted(weights, treatments)
    firsts = [value - control for value in controls]
    seconds = [value - treatment for value in treatments]
    return Part(
        control=_weighted(weights, [a * a for a in firsts]) / count,
        treatment=_weighted(weights, [b * b for b in seconds]) / count,
        between=_weighted(weights, [a * b for a, b in zip(firsts, seconds, strict=True)]) / count,
        degrees=count - 1,
    )


def _weighted(weights: Sequence[float], values: Sequence[float]) -> float:
    return math.fsum(w * value for w, value in zip(weights, values, strict=True))


def _weights(strata: Sequence[Stratum]) -> list[float]:
    sizes = [
        stratum.control.count + stratum.treatment.count
        if stratum.weight is None
        else stratum.weight
        for stratum in strata
    ]
    total = math.fsum(sizes)
    if total <= 0:
        raise InvalidInput("the weights of the strata add to 0")
    return [size / total for size in sizes]


def _check_strata(strata: Sequence[Stratum]) -> None:
    if not strata:
        raise InvalidInput("there are no strata")
    names = [stratum.name for stratum in strata]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"stratum {twice[0]!r} is given twice", hint="Add its statistics.")
    if len({type(stratum.control) for stratum in strata}) > 1:
        raise InvalidInput("the strata hold statistics of different kinds")
    if len({stratum.weight is None for stratum in strata}) > 1:
        raise InvalidInput(
            "some strata have a weight and some have none", hint="Give all of them one, or none."
        )
