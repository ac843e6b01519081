"""What every statistic asks of its arguments, refused in the same words everywhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Values = Sequence[float] | NDArray[np.generic]

Scale = Literal["absolute", "relative"]
"""The unit of an effect: that of the metric, or a share of the control's value."""

Alternative = Literal["two-sided", "greater", "less"]
"""What is to be shown: that the effect differs from, exceeds, or stays under the null value."""

LARGEST_COUNT = 10**15
"""More units than there are, and few enough for floats to count them."""


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Return nothing when the value is one of the choices.

    Raises:
        InvalidInput: it is none of them.
    """
    if value not in choices:
        raise InvalidInput(
            f"{name} {value!r} is unknown", hint=f"Choose one of: {', '.join(choices)}."
        )


def check_confidence(confidence: float) -> None:
    """Return nothing when the confidence is between 0 and 1.

    Raises:
        InvalidInput: it is not, as when it is given in per cent.
    """
    if not 0 < confidence < 1:
        raise InvalidInput(
            f"a confidence of {confidence!r} is not between 0 and 1",
            hint="Give it as a share: 0.95 for 95 %.",
        )


def check_finite(name: str, *values: float) -> None:
    """Return nothing when every value is a finite number.

    Raises:
        InvalidInput: one is NaN, infinite, or a whole number beyond all floats.
    """
    for value in values:
        if not abs(value) <= sys.float_info.max:
            raise InvalidInput(f"{name} is not finite: {value!r:.40}")


def check_positive(name: str, value: float) -> None:
    """Return nothing when the value is a finite number above 0.

    Raises:
        InvalidInput: it is not.
    """
    check_finite(name, value)
    if value <= 0:
        raise InvalidInput(f"{name} must be above 0: {value!r}")


def check_count(name: str, value: int, *, least: int = 0) -> None:
    """Return nothing when the value is a whole number of at least `least`.

    Raises:
        InvalidInput: it is not, or it is so large that floats cannot tell it from the next.
    """
    if not isinstance(value, bool) and value > LARGEST_COUNT:
        raise InvalidInput(f"{name} is more than {LARGEST_COUNT}")
    countable = not isinstance(value, bool) and value >= least and math.isfinite(value)
    if not countable or value != int(value):
        raise InvalidInput(f"{name} must be a whole number of at least {least}: {value!r}")


def checked_values(name: str, values: Values, *, least: int = 1) -> Array:
    """Return the values as a flat array of floats.

    Raises:
        InvalidInput: there are fewer than `least`, they are no flat list of numbers, or one of
            them is NaN or infinite; the message says which.
    """
    import numpy as np

    array = _as_floats(name, values)
    if array.ndim != 1:
        raise InvalidInput(f"{name} is no flat list of numbers: its shape is {array.shape}")
    if array.size < least:
        raise InvalidInput(f"{name} has {array.size} values, and at least {least} are needed")
    wrong = np.flatnonzero(~np.isfinite(array))
    if wrong.size:
        raise InvalidInput(
            f"{name}[{wrong[0]}] is not finite: {float(array[wrong[0]])!r}",
            hint="Leave such values out or replace them on purpose before the analysis.",
        )
    return array


def _as_floats(name: str, values: Values) -> Array:
    import numpy as np

    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise InvalidInput(f"{name} is no flat list of numbers") from exc


def check_same_length(first: str, second: str, sizes: tuple[int, int]) -> None:
    """Return nothing when both sizes are equal.

    Raises:
        InvalidInput: they differ.
    """
    if sizes[0] != sizes[1]:
        raise InvalidInput(f"{first} has {sizes[0]} values and {second} has {sizes[1]}")
