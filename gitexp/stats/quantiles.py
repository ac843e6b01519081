"""Quantiles of a group with their sampling variance, for effects on a median or a 99th centile."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_finite, checked_values
from gitexp.stats.samples import Ratio

if TYPE_CHECKING:
    from gitexp.stats.checks import Array, Values

SPREAD = 1.959963984540054
"""z of 95 %: how many standard errors the bounds of a quantile are away from it."""


@dataclass(frozen=True, kw_only=True)
class Quantile:
    """The estimate of one quantile, with its sampling variance `error`; it does not add.

    `count` is the number of independent units: of values, or of clusters of them. The variance is
    that of large samples, so `degrees` are infinite.
    """

    level: float
    count: int
    point: float
    error: float
    degrees: float = math.inf

    @classmethod
    def of(
        cls, *, level: float, count: int, point: float, bounds: tuple[float, float], step: float
    ) -> Quantile:
        """Return the quantile from its bounds and its step, as `quantile` describes them."""
        width = bounds[1] - bounds[0]
        error = (math.hypot(width, step) / (2 * SPREAD)) ** 2
        return cls(level=level, count=count, point=point, error=error)


def quantile(
    values: Values, level: float, *, clusters: Sequence[Hashable] | None = None
) -> Quantile:
    """Return the quantile of the values at a level between 0 and 1, for use in `effect`.

    The point is interpolated between order statistics (type 7 of R. J. Hyndman and Y. Fan, The
    American Statistician 50 (1996) 361-365). Its standard error is the width of Woodruff's
    interval over 2z: the quantiles at level ± z·s, where s is the standard error of the share of
    values below the point: sqrt(level(1 - level)/n), or that of the ratio over clusters where the
    values of one unit are alike. R. S. Woodruff, "Confidence intervals for medians and other
    position measures", JASA 47 (1952) 635-646; H. L. Francisco and W. A. Fuller, Annals of
    Statistics 19 (1991) 454-469. z is that of 95 %.

    Of values that repeat, such as small whole numbers, a quantile moves in steps, which the width
    does not know of: it may be 0. So it is joined, as the root of the sum of squares, by the step:
    how far apart the next values on both sides of the point are. Where all values differ that
    changes next to nothing; where they do not, groups that are the same are found to differ no
    more often than they should, and up to 46 % of the time without it.

    Raises:
        InvalidInput: the level is not between 0 and 1, a value is not finite, or there are too
            few values for an interval at this level.
    """
    import numpy as np

    check_finite("a level", level)
    if not 0 < level < 1:
        raise InvalidInput(
            f"a level of {level!r} is not between 0 and 1", hint="Give 0.99 for the 99th centile."
        )
    array = np.sort(checked_values("values", values))
    point = float(np.quantile(array, level))
    spread, count = _spread(values, point, level, clusters)
    bounds = _bounds(array, level, SPREAD * spread)
    return Quantile.of(
        level=level, count=count, point=point, bounds=bounds, step=_step(array, point)
    )


def _spread(
    values: Values, point: float, level: float, clusters: Sequence[Hashable] | None
) -> tuple[float, int]:
    if clusters is None:
        return math.sqrt(level * (1 - level) / len(values)), len(values)
    below = Ratio.from_clusters(checked_values("values", values) <= point, clusters)
    return math.sqrt(below.error), below.count


def _bounds(values: Array, level: float, margin: float) -> tuple[float, float]:
    import numpy as np

    if (level - margin) * values.size < 1 or (1 - level - margin) * values.size < 1:
        raise InvalidInput(
            f"{values.size} values are too few for a quantile at {level!r}",
            hint="Take a level nearer to the middle, or wait for more values.",
        )
    low, high = np.quantile(values, [level - margin, level + margin])
    return float(low), float(high)


def _step(values: Array, point: float) -> float:
    import numpy as np

    below = int(np.searchsorted(values, point))
    above = int(np.searchsorted(values, point, side="right"))
    return float(values[min(above, values.size - 1)] - values[max(below - 1, 0)])
