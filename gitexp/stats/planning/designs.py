"""The design of an experiment: its error rates, its shares, and how its results will be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from gitexp.errors import InvalidInput
from gitexp.stats.bayesian import Direction
from gitexp.stats.checks import Scale, check_choice, check_confidence, check_count, check_positive
from gitexp.stats.corrections import Correction
from gitexp.stats.planning.decimals import Number, exact
from gitexp.stats.sequential import TUNED_FOR

MOST_LOOKS = 400
MOST_VARIANTS = 1000


@dataclass(frozen=True, kw_only=True)
class Peeking:
    """That results are looked at while the experiment runs, by the always-valid sequence.

    Attributes:
        looks: how often, evenly spaced up to the full size.
        tuned_for: the units at which the sequence is narrowest, as in the analysis.

    Raises:
        InvalidInput: one of them is no whole number of at least 1, or there are too many looks.
    """

    looks: int = 20
    tuned_for: int = TUNED_FOR

    def __post_init__(self) -> None:
        check_count("looks", self.looks, least=1)
        check_count("tuned_for", self.tuned_for, least=1)
        if self.looks > MOST_LOOKS:
            raise InvalidInput(f"{self.looks} looks are more than {MOST_LOOKS}")


@dataclass(frozen=True, kw_only=True)
class Design:
    """How an experiment is laid out and how its results will be judged.

    Attributes:
        shares: of every variant, the control first; they add to 1.
        alpha: the chance of finding an effect where there is none, before any correction.
        power: the chance, asked for each variant, of finding the effect planned for.
        sides: 2 for a difference either way, 1 for one in the direction planned for.
        direction: whether the effect planned for raises the metric or lowers it.
        scale: the scale on which results are judged.
        correction: how the comparisons share alpha. Each is planned for alpha / m, what the
            strictest step of any of the corrections asks of one of m comparisons.
        metrics: how many metrics share the correction; m is their number times the treatments'.
        peeking: how results are looked at before the end; None for one look at the end.

    Raises:
        InvalidInput: a rate is not between 0 and 1, the power is no more than alpha, or the shares
            are no shares of at least two variants.
    """

    shares: tuple[Fraction, ...] = (Fraction(1, 2), Fraction(1, 2))
    alpha: float = 0.05
    power: float = 0.8
    sides: Literal[1, 2] = 2
    direction: Direction = "increase"
    scale: Scale = "relative"
    correction: Correction | Literal["none"] = "none"
    metrics: int = 1
    peeking: Peeking | None = None

    def __post_init__(self) -> None:
        for name, rate in (("alpha", self.alpha), ("power", self.power)):
            _check_rate(name, rate)
        if self.power <= self.alpha:
            raise InvalidInput(f"a power of {self.power!r} is no more than alpha, {self.alpha!r}")
        if self.sides not in (1, 2):
            raise InvalidInput(f"a test has 1 or 2 sides, and not {self.sides!r}")
        check_choice("direction", self.direction, ("increase", "decrease"))
        check_choice("scale", self.scale, ("absolute", "relative"))
        check_choice(
            "correction", self.correction, ("none", "bonferroni", "holm", "benjamini-hochberg")
        )
        check_count("metrics", self.metrics, least=1)
        if len(self.shares) < 2 or min(self.shares) <= 0 or sum(self.shares) != 1:
            raise InvalidInput("the shares are not those of at least two variants")

    @property
    def comparisons(self) -> int:
        """How many comparisons share alpha."""
        return 1 if self.correction == "none" else (len(self.shares) - 1) * self.metrics

    @property
    def level(self) -> float:
        """The alpha of one comparison."""
        return self.alpha / self.comparisons

    @property
    def confidence(self) -> float:
        """The confidence of one comparison, for tests with as many sides."""
        check_confidence(1 - self.level)
        return 1 - self.level

    @property
    def sign(self) -> int:
        """1 where the effect planned for is an increase, else -1."""
        return 1 if self.direction == "increase" else -1


def _check_rate(name: str, rate: float) -> None:
    if not 0 < rate < 1:
        raise InvalidInput(
            f"{name} of {rate!r} is not between 0 and 1", hint="Give it as a share: 0.8 for 80 %."
        )


def even_shares(variants: int) -> tuple[Fraction, ...]:
    """Return equal shares of a number of variants.

    Raises:
        InvalidInput: there are fewer than two.
    """
    check_variants(variants)
    return (Fraction(1, variants),) * variants


def shares_of(allocation: Sequence[Number]) -> tuple[Fraction, ...]:
    """Return the shares of an allocation in any unit, the control first: 50, 25, 25 or 2, 1, 1.

    Raises:
        InvalidInput: there are fewer than two parts, or one is not above 0.
    """
    check_variants(len(allocation))
    for part in allocation:
        check_positive("a part of the allocation", float(part))
    parts = [exact(part) for part in allocation]
    return tuple(part / sum(parts) for part in parts)


def check_variants(variants: int) -> None:
    """Return nothing when it is a whole number of at least two variants.

    Raises:
        InvalidInput: it is not, in the words of the endpoint.
    """
    check_count("number_of_variants", variants)
    if variants < 2:
        raise InvalidInput(
            "number_of_variants: Ensure this value is greater than or equal to 2.",
            hint="Count the control as well.",
        )
    if variants > MOST_VARIANTS:
        raise InvalidInput(
            f"number_of_variants: Ensure this value is less than or equal to {MOST_VARIANTS}."
        )
