"""The power of a design: how surely each variant's effect is found, as results are judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from gitexp.errors import InvalidInput
from gitexp.stats.checks import check_count, check_positive
from gitexp.stats.distributions import noncentral_lower, student_quantile
from gitexp.stats.effects import FEWEST_OUTCOMES, Effect, Part, Points
from gitexp.stats.planning.decimals import rounded_up
from gitexp.stats.planning.designs import Design
from gitexp.stats.planning.outcomes import Outcome
from gitexp.stats.planning.peeking import (
    Course,
    Look,
    always_valid_edge,
    course,
    expected_share,
    shares_seen,
)
from gitexp.stats.planning.regions import Region


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A metric, a design, and the lift of every treatment that is planned for.

    Attributes:
        lift: the size of the effect as a share of the baseline, above 0 whatever its direction.

    Raises:
        InvalidInput: the baseline or the variance is unknown or 0, or the lift is impossible.
    """

    outcome: Outcome
    design: Design
    lift: float

    def __post_init__(self) -> None:
        check_positive("an effect", self.lift)
        if self.outcome.missing:
            raise InvalidInput(self.outcome.missing)
        if not self.outcome.baseline:
            raise InvalidInput("the baseline is 0, so no effect is a share of it")
        if not self.outcome.spread:
            raise InvalidInput("the metric does not vary at its baseline, so nothing can be sized")
        if self.outcome.metric_type == "funnel" and not 0 < self.treated < 1:
            reason = "where no unit differs" if self.treated in (0, 1) else "which is no share"
            raise InvalidInput(
                f"an effect of {self.lift * 100:.6g} % takes the baseline of "
                f"{self.control:.6g} to {self.treated:.6g}, {reason}"
            )

    @property
    def control(self) -> float:
        """The value of the metric in the control."""
        return float(self.outcome.baseline or 0)

    @property
    def treated(self) -> float:
        """The value of the metric in a treatment."""
        return self.control + self.design.sign * self.lift * abs(self.control)

    def effect(self, sizes: tuple[int, int]) -> Effect | None:
        """Return the effect as results would show it, None where they would refuse to.

        Raises:
            InvalidInput: a size is no whole number of at least 0.
        """
        for size in sizes:
            check_count("a size", size)
        if min(sizes) < 2 or self._too_few(sizes):
            return None
        first, second = sizes
        points = Points(
            control=self.control,
            treatment=self.treated,
            count=first + second,
            parts=(
                Part(
                    control=self.outcome.spread_at(self.control) / first,
                    degrees=first - 1,
                ),
                Part(
                    treatment=self.outcome.spread_at(self.treated) / second,
                    degrees=second - 1,
                ),
            ),
        )
        try:
            return points.effect(self.design.scale)
        except InvalidInput:
            return None

    def _too_few(self, sizes: tuple[int, int]) -> bool:
        if self.outcome.metric_type != "funnel":
            return False
        shares = (self.control, self.treated)
        return any(
            size * min(share, 1 - share) < FEWEST_OUTCOMES
            for size, share in zip(sizes, shares, strict=True)
        )

    def power(self, sizes: Sequence[int]) -> float:
        """Return the power of the treatment that has the least, with these units in each variant.

        Raises:
            InvalidInput: the sizes are not those of the design's variants.
        """
        if len(sizes) != len(self.design.shares):
            raise InvalidInput(f"{len(sizes)} sizes for {len(self.design.shares)} variants")
        return min(self._of_pair((sizes[0], size)) for size in set(sizes[1:]))

    def _of_pair(self, sizes: tuple[int, int]) -> float:
        if self.design.peeking is not None:
            looked = self._course(sizes)
            return 0.0 if looked is None else looked.power
        shown = self.effect(sizes)
        return 0.0 if shown is None else self._fixed(shown, sizes)

    def _fixed(self, shown: Effect, sizes: tuple[int, int]) -> float:
        """Return the power of the t-test: the noncentral t beyond the critical values."""
        design = self.design
        critical = -student_quantile(design.level / design.sides, shown.degrees)
        good, bad = self.region(sizes).distances(critical, _distance(shown))
        power = noncentral_lower(-critical, shown.degrees, -critical - good)
        if design.sides == 2:
            power += noncentral_lower(-critical, shown.degrees, -critical - bad)
        return min(1.0, power)

    def region(self, sizes: tuple[int, int]) -> Region:
        """Return where results of these sizes fall, and where an effect is found."""
        outcome = self.outcome
        return Region(
            control=self.control,
            treated=self.treated,
            spreads=(outcome.spread_at(self.control), outcome.spread_at(self.treated)),
            sizes=sizes,
            scale=self.design.scale,
            binomial=outcome.metric_type == "funnel",
        )

    def expected_share(self, sizes: Sequence[int]) -> float | None:
        """Return the share of these units used on average until all treatments are found.

        None without peeking, and where results would refuse to be judged.
        """
        pairs = [(sizes[0], size) for size in sizes[1:]]
        made = {pair: self._course(pair) for pair in set(pairs)}
        courses = [course for pair in pairs if (course := made[pair]) is not None]
        if len(courses) < len(pairs):
            return None
        return expected_share(courses, [self._of_control(pair) for pair in pairs])

    def _of_control(self, sizes: tuple[int, int]) -> float:
        """Return the control's share of the variance of an effect."""
        own, other = (
            self.outcome.spread_at(value) / size
            for value, size in zip((self.control, self.treated), sizes, strict=True)
        )
        if self.design.scale == "relative":
            own *= (self.treated / self.control) ** 2
        return own / (own + other)

    def _course(self, sizes: tuple[int, int]) -> Course | None:
        peeking, whole = self.design.peeking, self.effect(sizes)
        if peeking is None or whole is None:
            return None
        distance = _distance(whole)
        looks = [self._look(sizes, share, distance) for share in shares_seen(peeking)]
        return course(distance, looks)

    def _look(self, sizes: tuple[int, int], share: Fraction, distance: float) -> Look:
        seen = (rounded_up(sizes[0] * share), rounded_up(sizes[1] * share))
        time = sum(seen) / sum(sizes)
        if self.effect(seen) is None:
            return Look(time=time)
        design = self.design
        critical = always_valid_edge(sum(seen), design)
        here = distance * math.sqrt(time)
        good, bad = self.region(seen).distances(critical, here)
        if design.sides == 1:
            return Look(time=time, high=here - good)
        return Look(time=time, high=here - good, low=here + bad)


def _distance(shown: Effect) -> float:
    return abs(shown.value) / shown.standard_error
