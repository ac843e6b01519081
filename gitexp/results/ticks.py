"""Places on an axis where a number or a moment is written: round ones, and as many as fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from itertools import pairwise

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 6, 12)),
    *(count * _DAY for count in (1, 2, 7, 14, 28)),
)
_ROUND = (1, 2, 2.5, 5, 10)
_MOST_DIGITS = 6


def number_ticks(low: float, high: float, *, most: int, whole: bool = False) -> list[float]:
    """Return round numbers from low to high, in order, evenly spaced, and no more than `most`.

    Args:
        whole: whether only whole numbers will do.

    Where no round number lies between them, low and high themselves are returned.
    """
    rough = high / most - low / most
    if not (0 < rough < math.inf):
        return [low]
    unit = 10.0 ** math.floor(math.log10(rough))
    steps = [factor * unit for factor in (*_ROUND, 20, 50)]
    if whole:
        steps = [step for step in steps if step == int(step)] or [1.0]
    for step in steps:
        found = _multiples(low, high, step)
        if 1 < len(found) <= most:
            return found
    return [low, high] if most > 1 else [low]


def _multiples(low: float, high: float, step: float) -> list[float]:
    # A tick that rounding moved off the end by a hair still belongs to the axis.
    hair = 1e-9
    first, last = math.ceil(low / step - hair), math.floor(high / step + hair)
    if last - first > 1000:
        return []
    return [number * step for number in range(first, last + 1)]


def power_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Return round numbers for a logarithmic axis, low and high being above 0.

    They are powers of ten, as many of them as fit; within few powers, 2 and 5 times these too.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = _within(low, high, (_power(digit, p) for p in powers for digit in digits))
        if 1 < len(found) <= most:
            return found
    step = math.ceil(len(powers) / most)
    found = _within(low, high, (_power(1, power) for power in powers if power % step == 0))
    return found if len(found) > 1 else [low, high]


def _power(digit: int, power: int) -> float:
    # Read from its digits, 0.001 is the number that is printed so; 10.0**-3 need not be.
    return float(f"{digit}e{power}")


def _within(low: float, high: float, numbers: Iterable[float]) -> list[float]:
    return [number for number in numbers if low <= number <= high]


def number_texts(numbers: Sequence[float]) -> list[str]:
    """Return numbers with the same decimals, as many as it takes to tell them apart."""
    for digits in range(1, _MOST_DIGITS + 1):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if all(_is_near(float(t), n, numbers) for t, n in zip(texts, numbers, strict=True)):
            break
    else:
        texts = [f"{number:.{_MOST_DIGITS}g}" for number in numbers]
    if any("e" in text for text in texts):
        return _shortened(numbers, texts)
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [f"{number:.{decimals}f}" for number in numbers]


def _shortened(numbers: Sequence[float], texts: list[str]) -> list[str]:
    """Return whole numbers of a readable length as they are spoken, others in powers of ten."""
    if all(number == int(number) and abs(number) < 1e7 for number in numbers):
        return [str(int(number)) for number in numbers]
    return [text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-") for text in texts]


def _is_near(rounded: float, number: float, numbers: Sequence[float]) -> bool:
    span = max(numbers) - min(numbers) or abs(number)
    return abs(rounded - number) <= span / 1000


def time_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Return round moments from low to high, both in seconds since 1970."""
    for step in _TIME_STEPS:
        found = _multiples(low, high, step)
        if 1 < len(found) <= most:
            return found
    if high - low < _DAY:
        return [low, high] if most > 1 and high > low else [low]
    days = number_ticks(low / _DAY, high / _DAY, most=most)
    return [day * _DAY for day in days]


def time_texts(moments: Sequence[float]) -> list[str]:
    """Return moments in UTC: dates, or times of day, as fine as their distance asks for."""
    gaps = [after - before for before, after in pairwise(moments)]
    step = min(gaps, default=1.0)
    if all(moment % _DAY == 0 for moment in moments) and gaps:
        return [_moment(moment, "%Y-%m-%d") for moment in moments]
    form = "%H:%M" if step >= _MINUTE else "%H:%M:%S"
    days = {math.floor(moment / _DAY) for moment in moments}
    return [_moment(moment, form if len(days) == 1 else f"%m-%d {form}") for moment in moments]


def day_of(low: float, high: float) -> str:
    """Return the day in UTC on which both moments lie, or nothing when there are two."""
    if math.floor(low / _DAY) != math.floor(high / _DAY):
        return ""
    return _moment(low, "%Y-%m-%d")


def _moment(seconds: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime(form)
    except (OverflowError, ValueError, OSError):
        # A moment that no calendar has was logged; its number says where it stands.
        return f"{seconds:.10g}"
