"""Sizes: how many units a design takes, and what can be found with a given number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_count
from gitexp.stats.effects import FEWEST_OUTCOMES
from gitexp.stats.planning.decimals import rounded_up
from gitexp.stats.planning.designs import Design
from gitexp.stats.planning.outcomes import Outcome
from gitexp.stats.planning.powers import Plan
from gitexp.stats.roots import crossing

MOST_UNITS = 10**13
_FEWEST = 4
_LARGEST_LIFT = 1e6
_SMALLEST_LIFT = 1e-9


def sizes_of(total: int, shares: tuple[Fraction, ...]) -> tuple[int, ...]:
    """Return the units of each variant when at least `total` are split, each rounded up."""
    return tuple(rounded_up(total * share) for share in shares)


def whole_sizes(total: int, shares: tuple[Fraction, ...]) -> tuple[int, ...]:
    """Return the units of each variant when just `total` are split, by largest remainder.

    Raises:
        InvalidInput: the total is no whole number of at least 0.
    """
    check_count("sample_size", total)
    sizes = [int(total * share) for share in shares]
    rest = [total * share - size for share, size in zip(shares, sizes, strict=True)]
    order = sorted(range(len(shares)), key=lambda place: (-rest[place], place))
    for place in order[: int(total) - sum(sizes)]:
        sizes[place] += 1
    return tuple(sizes)


def smallest_sizes(plan: Plan) -> tuple[int, ...]:
    """Return the fewest units for each variant with which the plan has its power.

    The power is compared at whole numbers of units, so nothing is rounded but the shares, and
    those are fractions.

    Raises:
        InvalidInput: even ten million million units are too few.
    """
    shares, wanted = plan.design.shares, plan.design.power

    def enough(total: int) -> bool:
        return plan.power(sizes_of(total, shares)) >= wanted

    return sizes_of(_first(enough, _start(plan)), shares)


def _start(plan: Plan) -> int:
    """Return where to begin: looking at results takes no fewer units than one look at the end."""
    if plan.design.peeking is None:
        return _FEWEST
    return sum(smallest_sizes(replace(plan, design=replace(plan.design, peeking=None))))


def _first(holds: Callable[[int], bool], start: int) -> int:
    high = start
    while not holds(high):
        high *= 2
        if high > MOST_UNITS:
            raise InvalidInput(
                f"more than {MOST_UNITS} units would be needed",
                hint="Plan for a larger effect, or take a metric that varies less.",
            )
    low = high // 2 if high > start else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def detectable_lift(outcome: Outcome, design: Design, sizes: tuple[int, ...]) -> float:
    """Return the smallest effect, as a share of the baseline, that is found with the power.

    Raises:
        InvalidInput: no effect is, however large, or the baseline or its variance is unknown.
    """
    # A plan says what is wrong with the baseline; its own effect plays no part.
    plan = Plan(outcome=outcome, design=design, lift=_SMALLEST_LIFT)

    def too_small(lift: float) -> bool:
        return replace(plan, lift=lift).power(sizes) < design.power

    for high in _rising(_largest(plan, min(sizes[1:]))):
        if not too_small(high):
            return crossing(too_small, 0.0, high)
    raise InvalidInput(
        f"no effect is found with a power of {design.power:g} by {sum(sizes)} units",
        hint="Plan for more units.",
    )


def _rising(largest: float) -> Iterator[float]:
    """Return effects up to the largest, each twice the one before and the last ones nearer.

    Near the end of a share the power falls, as more and more results refuse to be judged.
    """
    lift = 1e-6
    while lift < largest / 2:
        yield lift
        lift *= 2
    if largest > 0:
        yield from (largest * place / 64 for place in range(32, 65))


def _largest(plan: Plan, fewest: int) -> float:
    """Return the largest effect that results would show, a hair inside where a share ends."""
    if plan.outcome.metric_type != "funnel":
        return _LARGEST_LIFT
    least = FEWEST_OUTCOMES / fewest if fewest else 1.0
    end = 1 - least if plan.design.direction == "increase" else least
    room = plan.design.sign * (end - plan.control)
    return max(0.0, room / plan.control * (1 - 1e-12))
