"""When an effect is found that is looked at again and again: chances by look, by recursion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from gitexp.stats.distributions import special
from gitexp.stats.planning.designs import Design, Peeking
from gitexp.stats.sequential import boundary, tuning

if TYPE_CHECKING:
    from gitexp.stats.checks import Array

_FAR = 9.0  # standard deviations beyond which there is nothing left


@dataclass(frozen=True, kw_only=True)
class Course:
    """What comes of looking at one comparison until its full size.

    Attributes:
        found: the chance, by look, that the effect is found there and not before.
        shares: the share of the full size that each look sees.
    """

    found: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def power(self) -> float:
        """The chance that the effect is found at one of the looks."""
        return math.fsum(self.found)

    def found_by(self, share: float) -> float:
        """Return the chance that the effect is found by the time such a share is seen."""
        return math.fsum(
            p for p, seen in zip(self.found, self.shares, strict=True) if seen <= share
        )


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look: the share of the units it sees, and beyond which statistics the effect is found."""

    time: float
    low: float = -math.inf
    high: float = math.inf


def shares_seen(peeking: Peeking) -> list[Fraction]:
    """Return the share of the units that each look sees."""
    return [Fraction(look, peeking.looks) for look in range(1, peeking.looks + 1)]


def always_valid_edge(units: int, design: Design) -> float:
    """Return how many standard errors from 0 an effect must be at a look at so many units."""
    assert design.peeking is not None
    rho = tuning(design.level, sides=design.sides, tuned_for=design.peeking.tuned_for)
    return boundary(units * rho * rho, design.level, sides=design.sides)


def course(distance: float, looks: Sequence[Look]) -> Course:
    """Return what comes of looking, where the effect is `distance` standard errors at full size.

    The statistic times the root of the share of units seen is a Brownian motion with drift, and
    what has crossed no edge is carried on from look to look by numerical integration:
    P. Armitage, C. K. McPherson and B. C. Rowe, "Repeated significance tests on accumulating
    data", JRSS A 132 (1969) 235-244; C. Jennison and B. W. Turnbull, "Group Sequential Methods",
    Chapman & Hall 2000, chapter 19.
    """
    once = list({look.time: look for look in looks}.values())
    found = _crossings(distance, once)
    return Course(found=tuple(found), shares=tuple(look.time for look in once))


def expected_share(courses: Sequence[Course], shared: Sequence[float]) -> float:
    """Return the share of the full size used on average, where all stop once all are found.

    Comparisons share the control, and with it the share `shared` of each one's variance. When
    they are found is taken to be related as their effects are, by a normal copula of one factor:
    P. Krupskii and H. Joe, "Factor copula models for multivariate data", Journal of Multivariate
    Analysis 120 (2013) 85-101. For one comparison it is exact; for more, simulations are within
    1.5 % of it.
    """
    import numpy as np

    factor = np.linspace(-_FAR, _FAR, 181)
    weights = np.exp(-factor * factor / 2) / np.exp(-factor * factor / 2).sum()
    used, before = 0.0, 0.0
    for share in sorted({share for each in courses for share in each.shares}):
        together = np.ones_like(factor)
        for each, common in zip(courses, shared, strict=True):
            distance = special().ndtri(min(1.0, each.found_by(share)))
            together *= special().ndtr((distance - common**0.5 * factor) / (1 - common) ** 0.5)
        chance = float(weights @ together)
        used += share * (chance - before)
        before = chance
    return used + 1 - before


def _crossings(drift: float, looks: Sequence[Look]) -> list[float]:
    """Return the chance at each look that the motion first leaves the edges there."""
    import numpy as np

    roots, weights = np.polynomial.legendre.leggauss(_nodes(len(looks)))
    places, mass, before, found = np.zeros(1), np.ones(1), 0.0, []
    for look in looks:
        step, scale = math.sqrt(look.time - before), math.sqrt(look.time)
        means = places + drift * (look.time - before)
        above = _upper((scale * look.high - means) / step)
        below = _upper((means - scale * look.low) / step)
        found.append(float(mass @ (above + below)))
        low = max(scale * look.low, drift * look.time - _FAR * scale)
        high = min(scale * look.high, drift * look.time + _FAR * scale)
        if high <= low:
            break
        nodes = low + (high - low) * (roots + 1) / 2
        density = np.exp(-0.5 * ((nodes[:, None] - means[None, :]) / step) ** 2) @ mass
        mass = density * weights * (high - low) / 2 / (step * math.sqrt(2 * math.pi))
        places, before = nodes, look.time
    return found + [0.0] * (len(looks) - len(found))


def _nodes(looks: int) -> int:
    """Return how many nodes give 12 digits: steps get short against the range as looks add up."""
    return 24 + math.ceil(10 * math.sqrt(looks))


def _upper(z: Array) -> Array:
    found: Array = special().ndtr(-z)
    return found
