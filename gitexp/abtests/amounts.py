"""Durations and sizes of differences, as the documents of A/B tests write them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d|w)\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=36_500)


def duration(text: str) -> timedelta:
    """Return how long `90m`, `14d` or `2w` is.

    Raises:
        InvalidInput: it is no duration, or longer than any test.
    """
    match = _DURATION.match(text)
    if match is None:
        raise InvalidInput(f"{shown(text)} is not a duration", hint="Write it as `14d`, or `36h`.")
    number, unit = float(match[1]), _UNITS[match[2]]
    if number > _LONGEST / timedelta(**{unit: 1}):
        raise InvalidInput(
            f"{shown(text)} is longer than {_LONGEST.days} days",
            hint="Write it as `14d`, or `36h`.",
        )
    return timedelta(**{unit: number})


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a difference is.

    Attributes:
        value: a share of the control's value (0.05 for `5%`), or an amount in the metric's unit.
        relative: which of the two.
    """

    value: float
    relative: bool

    @classmethod
    def of(cls, data: str | float) -> Size:
        """Return the size that a document states: `5%` is a share, a number is an amount.

        Raises:
            InvalidInput: it is neither.
        """
        if not isinstance(data, str):
            return cls(value=float(data), relative=False)
        try:
            # 5 / 100 is the float next to a twentieth; 5 * 0.01 is not always.
            share = float(data.removesuffix("%")) / 100
        except ValueError:
            share = math.nan
        if not math.isfinite(share):
            raise InvalidInput(
                f"{shown(data)} is not the size of a difference",
                hint="Write it as `5%`, or as 0.2.",
            )
        return cls(value=share, relative=True)

    def to_json(self) -> str | float:
        """Return what a document states."""
        return f"{self.value * 100:.12g}%" if self.relative else self.value
