"""When an effect is found that is looked at again and again: chances by look, by recursion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def expected_share(self) -> float:
        """The share of the full size that is used on average, stopping where it is found."""
        used = math.fsum(p * share for p, share in zip(self.found, self.shares, strict=True))
        return used + max(0.0, 1 - self.power)


def course(distance: float, units: int, design: Design, peeking: Peeking) -> Course:
    """Return what comes of looking, where the effect is `distance` standard errors at full size.

    The effect times its information is a Brownian motion seen at the looks, and what has not
    crossed the always-valid boundary is carried on from look to look by numerical integration:
    P. Armitage, C. K. McPherson and B. C. Rowe, "Repeated significance tests on accumulating
    data", JRSS A 132 (1969) 235-244; C. Jennison and B. W. Turnbull, "Group Sequential Methods",
    Chapman & Hall 2000, chapter 19. `units` are those of both groups at full size.
    """
    sizes = _looks(units, peeking.looks)
    rho = tuning(design.level, sides=design.sides, tuned_for=peeking.tuned_for)
    edges = [
        math.sqrt(size / units) * boundary(size * rho * rho, design.level, sides=design.sides)
        for size in sizes
    ]
    shares = [size / units for size in sizes]
    found = _crossings(distance, shares, edges, both=design.sides == 2)
    return Course(found=tuple(found), shares=tuple(shares))


def _looks(units: int, looks: int) -> list[int]:
    sizes = {-(-units * look // looks) for look in range(1, looks + 1)}
    return sorted(size for size in sizes if size > 0)


def _crossings(
    drift: float, times: Sequence[float], edges: Sequence[float], *, both: bool
) -> list[float]:
    """Return the chance at each time that the motion first leaves the edges there."""
    import numpy as np

    roots, weights = np.polynomial.legendre.leggauss(_nodes(len(times)))
    places, mass, before, found = np.zeros(1), np.ones(1), 0.0, []
    for time, edge in zip(times, edges, strict=True):
        step = math.sqrt(time - before)
        means = places + drift * (time - before)
        beyond = _upper((edge - means) / step)
        if both:
            beyond = beyond + _upper((edge + means) / step)
        found.append(float(mass @ beyond))
        reach = _FAR * math.sqrt(time)
        low = max(-edge if both else -math.inf, drift * time - reach)
        high = min(edge, drift * time + reach)
        if high <= low:
            break
        nodes = low + (high - low) * (roots + 1) / 2
        density = np.exp(-0.5 * ((nodes[:, None] - means[None, :]) / step) ** 2) @ mass
        mass = density * weights * (high - low) / 2 / (step * math.sqrt(2 * math.pi))
        places, before = nodes, time
    return found + [0.0] * (len(times) - len(found))


def _nodes(looks: int) -> int:
    """Return how many nodes give 12 digits: steps get short against the range as looks add up."""
    return 24 + math.ceil(10 * math.sqrt(looks))


def _upper(z: Array) -> Array:
    found: Array = special().ndtr(-z)
    return found
