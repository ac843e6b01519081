"""Power curves: the power of a design over sizes, or over effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gitexp.stats.checks import check_count, check_positive
from gitexp.stats.planning.powers import Plan
from gitexp.stats.planning.sizes import detectable_lift, smallest_sizes, whole_sizes


@dataclass(frozen=True, kw_only=True)
class PowerPoint:
    """The power with so many units over all variants, for an effect in per cent of the baseline."""

    sample_size: int
    effect: float
    power: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(self.__dict__)


def power_over_sizes(plan: Plan, *, points: int = 40, most: int | None = None) -> list[PowerPoint]:
    """Return the power by size, up to `most` units: by default twice what the plan needs.

    Raises:
        InvalidInput: there is less than one point, or the plan can have no size.
    """
    check_count("points", points, least=1)
    last = 2 * sum(smallest_sizes(plan)) if most is None else most
    check_count("most", last, least=1)
    sizes = sorted({max(1, round(last * place / points)) for place in range(1, points + 1)})
    return [_point(plan, size) for size in sizes]


def power_over_effects(
    plan: Plan, *, sample_size: int, points: int = 40, most: float | None = None
) -> list[PowerPoint]:
    """Return the power by effect with a given size, up to `most` per cent.

    By default twice the effect that is found with the plan's power; effects that are impossible,
    because a share would exceed 1, are left out.

    Raises:
        InvalidInput: there is less than one point, `most` is not above 0, or nothing can be found.
    """
    check_count("points", points, least=1)
    if most is None:
        sizes = whole_sizes(sample_size, plan.design.shares)
        most = 200 * detectable_lift(plan.outcome, plan.design, sizes)
    check_positive("most", most)
    highest = _possible(plan, most / 100)
    lifts = [highest * place / points for place in range(1, points + 1)]
    return [_point(replace(plan, lift=lift), sample_size) for lift in lifts]


def _possible(plan: Plan, lift: float) -> float:
    if plan.outcome.metric_type != "funnel":
        return lift
    room = 1 - plan.control if plan.design.direction == "increase" else plan.control
    return min(lift, room / plan.control * (1 - 1e-12))


def _point(plan: Plan, size: int) -> PowerPoint:
    sizes = whole_sizes(size, plan.design.shares)
    return PowerPoint(sample_size=size, effect=plan.lift * 100, power=plan.power(sizes))
