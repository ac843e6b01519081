"""CUPED: effects whose noise is reduced by what was known before the experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gitexp.errors import InvalidInput
from gitexp.stats.checks import Scale, check_choice
from gitexp.stats.effects import Effect, Part, Points
from gitexp.stats.moments import Moments
from gitexp.stats.samples import Mean, Ratio


def covariate_weights(control: Mean | Ratio, treatment: Mean | Ratio) -> tuple[float, ...]:
    """Return θ, one weight a covariate: the slopes of the metric within the two groups.

    θ = S_xx⁻¹ S_xy, with the centred products of both groups added, which is the coefficient of
    the analysis of covariance. A covariate without variation has the weight 0; of covariates that
    determine each other the smallest weights are taken, which changes no estimate.

    Raises:
        InvalidInput: a group has no covariates, or the groups have not the same ones.
    """
    return _weights(*_contributions(control, treatment))


def adjusted_effect(
    control: Mean | Ratio, treatment: Mean | Ratio, *, scale: Scale = "relative"
) -> Effect:
    """Return the effect adjusted for the covariates, which must not be affected by the treatment.

    A. Deng, Y. Xu, R. Kohavi and T. Walker, "Improving the sensitivity of online controlled
    experiments by utilizing pre-experiment data", WSDM 2013, sections 3.2 and 4.3. Both points
    are moved to the covariate's mean over all units, x: T - θ(x_T - x) and C - θ(x_C - x), so that
    their difference is (T - C) - θ(x_T - x_C). A ratio is adjusted through its linearised
    contributions (m - R·d)/D, where it takes any covariates, such as the numerator and the
    denominator of the time before.

    The relative effect divides by the adjusted control, and its variance allows for what the two
    points share through x. For large groups: θ is taken as known.

    Raises:
        InvalidInput: a group has no covariates or the groups have not the same ones, a group is
            too small to have a variance, nothing varies, or the control is too near 0.
    """
    check_choice("scale", scale, ("absolute", "relative"))
    first, second = _contributions(control, treatment)
    weights = _weights(first, second)
    return _points(first, second, weights).effect(scale)


def _contributions(control: Mean | Ratio, treatment: Mean | Ratio) -> tuple[Moments, Moments]:
    if type(control) is not type(treatment):
        raise InvalidInput("one group is a mean and the other is a ratio")
    first, second = control.linearised(), treatment.linearised()
    if first.columns < 2 or first.columns != second.columns:
        raise InvalidInput(
            f"the control has {first.columns - 1} covariates and the treatment "
            f"{second.columns - 1}",
            hint="Give both groups the same covariates, at least one, or use `effect`.",
        )
    return first, second


def _weights(first: Moments, second: Moments) -> tuple[float, ...]:
    import numpy as np

    total = np.array(first.products) + np.array(second.products)
    spreads = np.sqrt(np.diag(total)[1:])
    # Scaled to correlations, so that the unit of a covariate does not decide what is singular.
    units = np.where(spreads > 0, spreads, 1.0)
    matrix = total[1:, 1:] / np.outer(units, units)
    solved = np.linalg.lstsq(matrix, total[1:, 0] / units, rcond=1e-10)[0]
    return tuple((solved / units).tolist())


def _points(first: Moments, second: Moments, weights: Sequence[float]) -> Points:
    count = first.count + second.count
    share = second.count / count
    gaps = [t - c for c, t in zip(first.means[1:], second.means[1:], strict=True)]
    shift = math.fsum(w * gap for w, gap in zip(weights, gaps, strict=True))
    own, crossed, between = _errors(first, weights, share)
    controls = Part(control=own, treatment=crossed, between=between, degrees=first.count - 1)
    own, crossed, between = _errors(second, weights, 1 - share)
    treated = Part(control=crossed, treatment=own, between=between, degrees=second.count - 1)
    return Points(
        control=first.means[0] + shift * share,
        treatment=second.means[0] - shift * (1 - share),
        count=count,
        parts=(controls, treated),
    )


def _errors(group: Moments, weights: Sequence[float], others: float) -> tuple[float, float, float]:
    """Return what a group adds to the variance of its own point, of the other's, and between.

    Its mean of the covariates enters its own point with -θ·others, where `others` is the share of
    the units that are in the other group, and the other's point with θ·(1 - others).
    """
    own = [1.0, *(-others * weight for weight in weights)]
    crossed = [0.0, *((1 - others) * weight for weight in weights)]
    both = group.combined([own, crossed])
    return (
        both.covariance(0, 0) / group.count,
        both.covariance(1, 1) / group.count,
        both.covariance(0, 1) / group.count,
    )
