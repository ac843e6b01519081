"""Where a monotone function crosses zero."""

from __future__ import annotations

from collections.abc import Callable

_STEPS = 200


def crossing(positive: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition that holds below and not above ends, by halving [low, high].

    It is found to the last bit, or after 200 halvings; at an end when it lies outside. The
    condition is never asked at the two ends.
    """
    for _ in range(_STEPS):
        middle = low + (high - low) / 2
        if middle in (low, high):
            break
        if positive(middle):
            low = middle
        else:
            high = middle
    return low + (high - low) / 2
