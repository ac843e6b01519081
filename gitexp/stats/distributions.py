"""Distributions: the one place that asks SciPy, as plain functions of floats.

Only `scipy.special` is used: it takes a third of the time to import that `scipy.stats` takes.
"""

from __future__ import annotations

import math
from typing import Any

from gitexp.errors import InvalidInput

_ROOT_OF_TWO = math.sqrt(2)
_LARGEST_DEGREES = 1e9  # beyond it Student's t is the normal to 1e-9, and its quantile is unsafe


def special() -> Any:
    """Return the module `scipy.special`.

    Raises:
        InvalidInput: SciPy is not installed.
    """
    try:
        from scipy import special as module  # type: ignore[import-untyped, unused-ignore]
    except ImportError as exc:
        raise InvalidInput(
            "this statistic needs scipy, which is not installed",
            hint="Install it: `pip install 'gitexp[stats]'`.",
        ) from exc
    return module


def normal_upper(z: float) -> float:
    """Return P(Z > z) of the standard normal, accurate in the far tail."""
    return 0.5 * math.erfc(z / _ROOT_OF_TWO)


def normal_density(z: float) -> float:
    """Return the density of the standard normal at z."""
    return math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def normal_quantile(probability: float) -> float:
    """Return z with P(Z <= z) = probability."""
    return float(special().ndtri(probability))


def student_upper(statistic: float, degrees: float) -> float:
    """Return P(T > statistic) of Student's t; infinite degrees mean the normal."""
    if degrees > _LARGEST_DEGREES:
        return normal_upper(statistic)
    return float(special().stdtr(degrees, -statistic))


def student_quantile(probability: float, degrees: float) -> float:
    """Return t with P(T <= t) = probability; infinite degrees mean the normal."""
    if degrees > _LARGEST_DEGREES:
        return normal_quantile(probability)
    return float(special().stdtrit(degrees, probability))


def noncentral_lower(statistic: float, degrees: float, shift: float) -> float:
    """Return P(T <= statistic) of the noncentral t; infinite degrees mean a shifted normal."""
    if degrees > _LARGEST_DEGREES:
        return normal_upper(shift - statistic)
    found = float(special().nctdtr(degrees, shift, statistic))
    if math.isnan(found):  # SciPy has no digits of tails below about 1e-15
        return 0.0 if statistic < shift else 1.0
    return found


def chi_square_upper(statistic: float, degrees: float) -> float:
    """Return P(X > statistic) of the chi-square distribution."""
    return float(special().chdtrc(degrees, statistic))


def gamma_quantile(probability: float, shape: float) -> float:
    """Return x with P(X <= x) = probability of the gamma distribution with scale 1."""
    return float(special().gammaincinv(shape, probability))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return x with P(X <= x) = probability of the beta distribution."""
    return float(special().betaincinv(a, b, probability))


def beta_upper(x: float, a: float, b: float) -> float:
    """Return P(X > x) of the beta distribution, accurate where it is small."""
    return float(special().betainc(b, a, 1 - x))


def beta_lower(x: float, a: float, b: float) -> float:
    """Return P(X <= x) of the beta distribution."""
    return float(special().betainc(a, b, x))


def scaled_mills(z: float) -> float:
    """Return P(Z > z) / density(z), Mills' ratio, without overflow for z >= 0."""
    return math.sqrt(math.pi / 2) * float(special().erfcx(z / _ROOT_OF_TWO))
