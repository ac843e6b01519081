"""Sharing 100 % between variants."""

from __future__ import annotations


def equal_splits(count: int, total: int = 100) -> tuple[int, ...]:
    """Return whole percentages that add up to 100 and are at most 1 apart, the larger ones first.

    Of equal shares all have the same remainder, so the largest remainders are the first ones.
    """
    share, left = divmod(total, count)
    return tuple(share + (place < left) for place in range(count))
