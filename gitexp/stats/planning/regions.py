"""How likely results fall where a test finds an effect, its variance being that of the results.

A test divides by the standard error that the results themselves show: a lift's grows with the
lift, and a share's with the share. Where results are just found, that is not the standard error of
the effect planned for, which the usual formula takes, and the power differs by up to some points.
Results that refuse to be judged find nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.stats.checks import Scale
from gitexp.stats.distributions import normal_density, normal_quantile, special
from gitexp.stats.effects import FARTHEST_FROM_ZERO, FEWEST_OUTCOMES

if TYPE_CHECKING:
    from gitexp.stats.checks import Array

_FAR = 9.0
_FINEST = 5e-4  # steps of a control that is far less sure than the treatment
_LEAST, _MOST = 1e-300, 1 - 1e-16


@dataclass(frozen=True, kw_only=True)
class Region:
    """Two estimates, normal around their true values, and the test of their difference.

    Attributes:
        spreads: the variances of one unit, at the true values.
        binomial: whether the estimates are shares, whose variance follows them.
    """

    control: float
    treated: float
    spreads: tuple[float, float]
    sizes: tuple[int, int]
    scale: Scale
    binomial: bool

    @property
    def plain(self) -> bool:
        """Whether the standard error is the same whatever the results are."""
        return self.scale == "absolute" and not self.binomial

    def distances(self, critical: float, planned: float) -> tuple[float, float]:
        """Return how far the effect is beyond the critical value, as normal distances.

        The first is of being found in the direction of the effect, the second in the other one:
        with a fixed standard error, `planned` - critical and -`planned` - critical.
        """
        if self.plain:
            return planned - critical, -planned - critical
        above, below = self._chances(critical)
        if self.treated < self.control:
            above, below = below, above
        return _distance(above), _distance(below)

    def _chances(self, critical: float) -> tuple[float, float]:
        """Return the chance that the treatment is found above the control, and below it.

        By the trapezoidal rule over the control's estimate, which for a product of normals is
        right to all digits once its step is well below both their widths.
        """
        import numpy as np

        sign = 1 if self.control > 0 else -1
        own, other = (
            math.sqrt(spread / size) for spread, size in zip(self.spreads, self.sizes, strict=True)
        )
        slope = max(1.0, abs(self.treated / self.control))
        step = min(0.25, max(_FINEST, 0.4 * other / (own * slope)))
        places = np.arange(-math.ceil(_FAR / step), math.ceil(_FAR / step) + 1) * step
        weights = step * normal_density(0) * np.exp(-places * places / 2)
        controls: Array = (sign * self.control + own * places).astype(np.float64)
        least, most = self._control_judged()
        # What is next to a bound counts by the part of its step that is within.
        within = np.minimum(controls - least, most - controls) / (own * step)
        weights = weights * np.clip(within + 0.5, 0.0, 1.0)
        low, high = self._edges(controls, critical)
        least, most = self._judged(self.sizes[1])
        bounds = (least, np.clip(low, least, most), np.clip(high, least, most), most)
        shares = [special().ndtr((bound - sign * self.treated) / other) for bound in bounds]
        below = float(weights @ (shares[1] - shares[0]))
        above = float(weights @ (shares[3] - shares[2]))
        return (above, below) if sign > 0 else (below, above)

    def _judged(self, size: int) -> tuple[float, float]:
        """Return between which estimates results judge a group of so many units."""
        if not self.binomial:
            return -math.inf, math.inf
        least = (FEWEST_OUTCOMES - 0.5) / size  # half a unit, as counts are whole
        return least, 1 - least

    def _control_judged(self) -> tuple[float, float]:
        """Return between which estimates results judge the control, and divide by it."""
        size, square = self.sizes[0], FARTHEST_FROM_ZERO**2
        least, most = self._judged(size)
        if self.scale == "relative" and self.binomial:
            least = max(least, square / (size + square))
        elif self.scale == "relative":
            least = math.sqrt(square * self.spreads[0] / size)
        return least, most

    def _edges(self, controls: Array, critical: float) -> tuple[Array, Array]:
        """Return between which treatments nothing is found, for each estimate of the control.

        Found is (T - C)² > critical²·(variance), a quadratic in T. Where it has no two roots, as
        for a control near 0, nothing is found.
        """
        import numpy as np

        first, second = self.sizes
        square = critical * critical
        own = controls * (1 - controls) if self.binomial else self.spreads[0]
        own = np.maximum(own, 0.0) * square / first
        a, b = np.ones_like(controls), -2 * controls
        rest = controls * controls
        if self.binomial:
            a, b = a + square / second, b - square / second
        else:
            rest = rest - square * self.spreads[1] / second
        if self.scale == "relative":
            a = a - own / np.where(controls == 0, 1.0, controls * controls)
        else:
            rest = rest - own
        inside = b * b - 4 * a * rest
        found = (a > 0) & (inside > 0)
        if self.scale == "relative":
            found &= controls > 0
        root = np.sqrt(np.where(found, inside, 0.0))
        twice = np.where(found, 2 * a, 1.0)
        return (
            np.where(found, (-b - root) / twice, -np.inf),
            np.where(found, (root - b) / twice, np.inf),
        )


def _distance(chance: float) -> float:
    return normal_quantile(min(_MOST, max(_LEAST, chance)))
