"""Numbers as they were written: exact fractions, so that no last bit decides a rounding up."""

from __future__ import annotations

import math
from fractions import Fraction

from gitexp.stats.checks import check_finite

Number = int | float | Fraction


def exact(value: Number) -> Fraction:
    """Return the number that was meant: 0.1 is a tenth, and not the float next to it.

    Raises:
        InvalidInput: it is not finite.
    """
    if isinstance(value, Fraction):
        return value
    check_finite("a number", value)
    return Fraction(repr(float(value))) if not isinstance(value, int) else Fraction(value)


def rounded_up(value: Fraction) -> int:
    """Return the smallest whole number that is no smaller."""
    return math.ceil(value)
