"""Permutation tests: what the statistic would be had the labels fallen otherwise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitexp.errors import InvalidInput
from gitexp.stats.bootstrap import Statistic, contrast
from gitexp.stats.checks import (
    Alternative,
    check_choice,
    check_confidence,
    check_count,
    check_same_length,
    checked_values,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gitexp.stats.checks import Array, Values

    Places = NDArray[np.int64]

_MANY = 40  # units of which so many are chosen in 10^23 ways and more
_SAME = 1e-12  # statistics this near, relative to their size, differ by rounding alone


@dataclass(frozen=True, kw_only=True)
class Shuffling:
    """How to permute: with which generator, and how often at most.

    When there are no more arrangements than `permutations`, each is visited once and the p-value
    is exact. `generator` is seeded by the caller: the same seed and data give the same answer.

    Raises:
        InvalidInput: there are fewer than 100 permutations, the alternative is unknown, or the
            confidence is not between 0 and 1.
    """

    generator: np.random.Generator
    permutations: int = 10_000
    alternative: Alternative = "two-sided"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        check_count("permutations", self.permutations, least=100)
        check_choice("alternative", self.alternative, ("two-sided", "greater", "less"))


@dataclass(frozen=True, kw_only=True)
class Permuted:
    """The observed difference of the statistics and its p-value under exchangeable labels.

    `exact` says that every one of `arrangements` was visited. There is no interval: the test is of
    no difference at all between the groups.
    """

    estimate: float
    p_value: float
    arrangements: int
    exact: bool
    confidence: float

    @property
    def significant(self) -> bool:
        """Return whether the p-value is below 1 - confidence."""
        return self.p_value < 1 - self.confidence


def permutation_test(
    control: Values, treatment: Values, statistic: Statistic, shuffling: Shuffling
) -> Permuted:
    """Return the test that both groups come from one distribution.

    R. A. Fisher, "The Design of Experiments", 1935, section 21; E. J. G. Pitman, Supplement to
    JRSS 4 (1937) 119-130. Drawn permutations are counted with the observed one among them, so
    that the p-value is never 0 and the level is kept: B. Phipson and G. K. Smyth, Statistical
    Applications in Genetics and Molecular Biology 9 (2010) 39. The two-sided p-value is twice the
    smaller one-sided one, at most 1.

    Raises:
        InvalidInput: a group is empty, or a value or a statistic is not finite.
    """
    import numpy as np

    first, second = checked_values("control", control), checked_values("treatment", treatment)
    pooled = np.concatenate([first, second])
    split = _Split(of=lambda places: pooled[places], sizes=(first.size, second.size))
    return _permuted(split, statistic, shuffling)


def clustered_permutation_test(
    control: Sequence[Values],
    treatment: Sequence[Values],
    statistic: Statistic,
    shuffling: Shuffling,
) -> Permuted:
    """Return the permutation test whose labels belong to clusters: each item holds one's values.

    M. H. Gail et al., "On design considerations and randomization-based inference for community
    intervention trials", Statistics in Medicine 15 (1996) 1069-1092.

    Raises:
        InvalidInput: a group or a cluster is empty, or a value or a statistic is not finite.
    """
    import numpy as np

    for name, group in (("control", control), ("treatment", treatment)):
        if not len(group):
            raise InvalidInput(f"{name} has no clusters")
    units = [
        checked_values(f"{name}[{place}]", values)
        for name, group in (("control", control), ("treatment", treatment))
        for place, values in enumerate(group)
    ]
    split = _Split(
        of=lambda places: np.concatenate([units[place] for place in places]),
        sizes=(len(control), len(treatment)),
    )
    return _permuted(split, statistic, shuffling)


def paired_permutation_test(
    control: Values, treatment: Values, statistic: Statistic, shuffling: Shuffling
) -> Permuted:
    """Return the test that swaps the two values within pairs, in the same order in both lists.

    R. A. Fisher, "The Design of Experiments", 1935, section 21.

    Raises:
        InvalidInput: there are no pairs, the lengths differ, or a value or a statistic is not
            finite.
    """
    first, second = checked_values("control", control), checked_values("treatment", treatment)
    check_same_length("control", "treatment", (first.size, second.size))

    swaps = _Swaps(control=first, treatment=second)
    return _permuted(swaps, statistic, shuffling)


@dataclass(frozen=True, kw_only=True)
class _Split:
    """Units of which some are the control's; an arrangement lists the control's first."""

    of: Callable[[Places], Array]
    sizes: tuple[int, int]

    @property
    def arrangements(self) -> int:
        """How many there are, or more than can be visited: the number itself may be endless."""
        return math.comb(sum(self.sizes), min(*self.sizes, _MANY))

    def observed(self) -> Places:
        import numpy as np

        return np.arange(sum(self.sizes))

    def every(self) -> Iterator[Places]:
        import numpy as np

        everyone = np.arange(sum(self.sizes))
        for chosen in itertools.combinations(range(sum(self.sizes)), self.sizes[0]):
            yield np.concatenate([chosen, np.delete(everyone, chosen)])

    def drawn(self, generator: np.random.Generator) -> Places:
        return generator.permutation(sum(self.sizes))

    def groups(self, places: Places) -> tuple[Array, Array]:
        return self.of(places[: self.sizes[0]]), self.of(places[self.sizes[0] :])


@dataclass(frozen=True, kw_only=True)
class _Swaps:
    """Pairs whose values may be exchanged; an arrangement says 1 where they are."""

    control: Array
    treatment: Array

    @property
    def arrangements(self) -> int:
        return int(2**self.control.size)

    def observed(self) -> Places:
        import numpy as np

        return np.zeros(self.control.size, dtype=np.int64)

    def every(self) -> Iterator[Places]:
        import numpy as np

        for swaps in itertools.product((0, 1), repeat=self.control.size):
            yield np.array(swaps)

    def drawn(self, generator: np.random.Generator) -> Places:
        return generator.integers(0, 2, self.control.size)

    def groups(self, places: Places) -> tuple[Array, Array]:
        import numpy as np

        first = np.where(places, self.treatment, self.control)
        return first, np.where(places, self.control, self.treatment)


def _permuted(design: _Split | _Swaps, statistic: Statistic, shuffling: Shuffling) -> Permuted:
    import numpy as np

    def value(places: Places) -> float:
        return contrast(statistic, *design.groups(places), "absolute")

    observed, arrangements = value(design.observed()), design.arrangements
    exact = arrangements <= shuffling.permutations
    if exact:
        values = np.array([value(places) for places in design.every()])
    else:
        arrangements = shuffling.permutations
        drawn = (design.drawn(shuffling.generator) for _ in range(arrangements))
        values = np.array([value(places) for places in drawn])
    return Permuted(
        estimate=observed,
        p_value=_p_value(observed, values, shuffling.alternative, added=0 if exact else 1),
        arrangements=arrangements,
        exact=exact,
        confidence=shuffling.confidence,
    )


def _p_value(observed: float, values: Array, alternative: Alternative, *, added: int) -> float:
    slack = _SAME * max(abs(observed), float(abs(values).max()))
    above = int((values >= observed - slack).sum()) + added
    below = int((values <= observed + slack).sum()) + added
    if alternative == "two-sided":
        return min(1.0, 2 * min(above, below) / (values.size + added))
    return (above if alternative == "greater" else below) / (values.size + added)
