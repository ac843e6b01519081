"""Posteriors: conjugate formulas, risks by integration, and one verdict with one interval."""

from __future__ import annotations

import math

import pytest
from scipy import integrate, stats

from gitexp.errors import InvalidInput
from gitexp.stats.bayesian import Posterior, Prior, posterior
from gitexp.stats.effects import Effect


def observed(value: float, error: float) -> Effect:
    return Effect(
        value=value, variance=error**2, degrees=math.inf, count=1000, scale="relative",
        control=2.0, treatment=2.0 * (1 + value),
    )  # fmt: skip


def test_a_flat_prior_leaves_the_estimate() -> None:
    found = posterior(observed(0.1, 0.04))
    assert (found.mean, found.deviation) == pytest.approx((0.1, 0.04), rel=1e-15)
    assert found.chance_to_win == pytest.approx(stats.norm.cdf(2.5), rel=1e-12)
    bounds = stats.norm.interval(0.95, 0.1, 0.04)
    assert (found.interval.low, found.interval.high) == pytest.approx(bounds, rel=1e-12)


def test_a_proper_prior_is_weighted_by_precision() -> None:
    found = posterior(observed(0.1, 0.04), prior=Prior(mean=0.02, deviation=0.05))
    precision = 1 / 0.04**2 + 1 / 0.05**2
    assert found.deviation == pytest.approx(precision**-0.5, rel=1e-13)
    expected = (0.1 / 0.04**2 + 0.02 / 0.05**2) / precision
    assert found.mean == pytest.approx(expected, rel=1e-13)


def test_a_very_wide_prior_is_flat() -> None:
    found = posterior(observed(0.1, 0.04), prior=Prior(deviation=1e9))
    assert (found.mean, found.deviation) == pytest.approx((0.1, 0.04), rel=1e-12)


def test_a_prior_changes_scale_with_the_control() -> None:
    prior = Prior(mean=0.01, deviation=0.1).rescaled("absolute", control=-20)
    assert (prior.mean, prior.deviation, prior.scale) == (0.2, 2.0, "absolute")
    back = prior.rescaled("relative", control=-20)
    assert (back.mean, back.deviation) == pytest.approx((0.01, 0.1), rel=1e-15)


@pytest.mark.parametrize("z", [-4.0, -0.5, 0.0, 0.7, 3.0])
def test_risks_are_the_expected_losses(z: float) -> None:
    found = Posterior(mean=z * 0.3, deviation=0.3, scale="absolute")

    def loss(theta: float, sign: float) -> float:
        return max(sign * theta, 0.0) * float(stats.norm.pdf(theta, found.mean, 0.3))

    span = (found.mean - 3.6, found.mean + 3.6)
    for risk, sign in ((found.risk_treatment, -1), (found.risk_control, 1)):
        expected = integrate.quad(loss, *span, args=(sign,), points=[0.0], epsabs=1e-14)[0]
        assert risk == pytest.approx(expected, rel=1e-7, abs=1e-13)
    assert found.risk_control - found.risk_treatment == pytest.approx(found.mean, abs=1e-15)


def test_a_tiny_risk_keeps_its_digits() -> None:
    """Calculated with 60 digits: φ(z) - z·P(Z > z) at z = 8 and 20."""
    for z, expected in ((8.0, 7.5502624119465e-17), (20.0, 1.37001249472958e-90)):
        found = Posterior(mean=z, deviation=1.0, scale="absolute")
        assert found.risk_treatment == pytest.approx(expected, rel=1e-12)


def test_a_good_decrease_wins() -> None:
    up = posterior(observed(-0.1, 0.04))
    down = posterior(observed(-0.1, 0.04), direction="decrease")
    assert down.chance_to_win == pytest.approx(1 - up.chance_to_win, rel=1e-12)
    assert (down.risk_treatment, down.risk_control) == (up.risk_control, up.risk_treatment)
    assert down.interval == up.interval


@pytest.mark.parametrize("z", [1.65, 1.8, 1.95, 1.97, 2.5])
def test_one_threshold_decides_the_verdict_and_the_interval(z: float) -> None:
    found = posterior(observed(z * 0.04, 0.04))
    assert found.significant == (found.interval.low > 0) == (found.chance_to_win > 0.975)


def test_a_prior_on_another_scale_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        posterior(observed(0.1, 0.04), prior=Prior(deviation=1, scale="absolute"))
    assert str(caught.value) == "the prior is absolute and the effect is relative"
    assert caught.value.hint == (
        "Convert it: `prior.rescaled(effect.scale, control=effect.control)`."
    )
    with pytest.raises(InvalidInput, match="a prior's deviation must be above 0: 0"):
        Prior(deviation=0)
    with pytest.raises(InvalidInput, match="a control of 0 has no relative scale"):
        Prior(deviation=1).rescaled("absolute", control=0)
