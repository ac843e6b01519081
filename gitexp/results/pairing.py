"""Two runs compared row by row over the samples that both have.

Each sample is its own control, so that what makes a sample hard does not blur the difference. Rows
are paired by sample and repeat. The interval of a difference of numbers is that of the paired t
test over the samples' differences: Student, "The probable error of a mean", Biometrika 6 (1908)
1-25; passes over one sample count as one cluster, see `gitexp.runs.estimates`. For verdicts a pair
that rose and a pair that fell are added first, so that no difference at all still leaves an
interval: D. G. Bonett and R. M. Price, Journal of Educational and Behavioral Statistics 37 (2012)
479-488. Their p-value is McNemar's exact one where no sample comes twice or has a weight, else it
is that of the clustered t test.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from gitexp.errors import InvalidInput
from gitexp.experiments.headers import Direction
from gitexp.results.pairings import MeasureKind, Moved, PairedMeasure, Pairing, Test
from gitexp.results.row_columns import Columns
from gitexp.runs.estimates import CONFIDENCE, Estimate, Values
from gitexp.runs.rows import ResultRow, RowKey
from gitexp.runs.run import Run
from gitexp.stats.student import t_upper

PASS_RATE = "pass_rate"
_LEAST_MOVE = 1e-12
_ROUNDING = 4 * sys.float_info.epsilon


@dataclass(frozen=True, kw_only=True)
class Side:
    """A run and its rows, which are gone through once."""

    run: Run
    rows: Iterable[ResultRow]


def pair(
    baseline: Side,
    other: Side,
    *,
    directions: Mapping[str, Direction] | None = None,
    allow_different_datasets: bool = False,
    confidence: float = CONFIDENCE,
) -> Pairing:
    """Return two runs over the same samples, compared row by row.

    Args:
        directions: which values are better, by evaluator; verdicts are better when they pass.
        allow_different_datasets: whether runs over different datasets are compared over those
            common samples whose input and expected value are equal.

    Raises:
        InvalidInput: the runs are no evaluations of the same dataset, or have no row in common.
    """
    same = check_datasets(baseline.run, other.run, allow_different=allow_different_datasets)
    columns = [Columns.of(side.rows, contents=not same) for side in (baseline, other)]
    before, after = columns
    common = sorted(before.numbers.keys() & after.numbers.keys())
    changed = (
        set() if same else {key for key in common if before.content(key) != after.content(key)}
    )
    keys = [key for key in common if key not in changed] if changed else common
    if not keys:
        raise InvalidInput(
            f"runs {baseline.run.id} and {other.run.id} have no sample in common",
            hint="Compare runs over the same samples.",
        )
    others = _other_evaluators(baseline.run, other.run)
    work = _Work(before, after, keys, directions or {}, confidence)
    ids = [{sample for sample, _ in side.numbers} for side in columns]
    return Pairing(
        baseline=baseline.run.id,
        run=other.run.id,
        same_dataset=same,
        pairs=len(keys),
        repeats_differ=_repeats_differ(columns, ids[0] & ids[1], len(common)),
        only_in_baseline=tuple(sorted(ids[0] - ids[1])),
        only_in_run=tuple(sorted(ids[1] - ids[0])),
        changed=tuple(sorted({sample for sample, _ in changed})),
        other_evaluators=tuple(sorted(others)),
        measures=tuple(work.measures(others)),
    )


def check_datasets(one: Run, other: Run, *, allow_different: bool = False) -> bool:
    """Return whether two runs are over the same dataset.

    Raises:
        InvalidInput: they are not and may not be, or one of them is over none.
    """
    for run in (one, other):
        if run.dataset is None:
            raise InvalidInput(
                f"run {run.id} is no evaluation of a dataset", hint="Compare runs of evaluations."
            )
    assert one.dataset is not None
    assert other.dataset is not None
    same = one.dataset.digest == other.dataset.digest
    if not same and not allow_different:
        names = [
            f"{run.id} of {given.name!r} ({given.digest[:17]})"
            for run, given in ((one, one.dataset), (other, other.dataset))
        ]
        raise InvalidInput(
            f"the runs are over different datasets: {' and '.join(names)}",
            hint="Add `--allow-different-datasets` to compare the samples that both have.",
        )
    return same


def _other_evaluators(one: Run, other: Run) -> set[str]:
    """Return the evaluators that both runs have by name, and that are not the same."""
    ours, theirs = ({e.name: e.digest for e in run.evaluators} for run in (one, other))
    return {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}


def _repeats_differ(columns: Sequence[Columns], samples: set[str], common: int) -> bool:
    return any(
        sum(1 for sample, _ in side.numbers if sample in samples) > common for side in columns
    )


class _Work:
    """Two runs and the rows that both have."""

    def __init__(
        self,
        before: Columns,
        after: Columns,
        keys: Sequence[RowKey],
        directions: Mapping[str, Direction],
        confidence: float,
    ) -> None:
        self._sides = (before, after)
        self._keys = keys
        self._places = [(before.numbers[key], after.numbers[key]) for key in keys]
        self._directions = directions
        self._confidence = confidence

    def measures(self, other_evaluators: set[str]) -> Iterator[PairedMeasure]:
        """Yield the pass rate, where the same evaluators decided, and each common evaluator."""
        before, after = self._sides
        if not other_evaluators:
            yield from self._measure(PASS_RATE, (before.passes, after.passes), kind="stats")
        names = before.values.keys() & after.values.keys() - other_evaluators
        for name in sorted(names):
            verdicts = (before.verdicts[name], after.verdicts[name])
            if before.are_verdicts[name] and after.are_verdicts[name]:
                yield from self._measure(name, verdicts)
                continue
            values = (before.values[name], after.values[name])
            yield from self._measure(name, values, verdicts=False)
            yield from self._measure(f"{name}.{PASS_RATE}", verdicts)

    def _measure(
        self,
        name: str,
        columns: tuple[array[float], array[float]],
        *,
        kind: MeasureKind = "scores",
        verdicts: bool = True,
    ) -> Iterator[PairedMeasure]:
        """Yield the measure, or nothing where no pair has it."""
        found = _Pairs.of(self._keys, self._places, columns)
        if not found.before:
            return
        weights = [] if kind == "stats" else found.weights(self._sides[0].weights)
        difference = found.values(found.differences, weights).mean(confidence=self._confidence)
        if difference is None:
            return
        increased, decreased = found.moved()
        means = [
            found.values(values, weights).mean(confidence=self._confidence)
            for values in (found.before, found.after)
        ]
        assert means[0] is not None
        assert means[1] is not None
        test, p_value = _tested(found, difference, verdicts=verdicts and not weights)
        interval = difference.interval if test is not None else None
        if verdicts:
            interval = _adjusted(found, weights, difference.samples, self._confidence)
        yield PairedMeasure(
            name=name,
            kind=kind,
            direction="maximize" if verdicts else self._directions.get(name),
            pairs=difference.count,
            samples=difference.samples,
            before=means[0].mean,
            after=means[1].mean,
            difference=difference.mean,
            interval=interval,
            p_value=p_value,
            test=test,
            only_before=found.falls if verdicts else None,
            only_after=found.rises if verdicts else None,
            unpaired_before=found.unpaired[0],
            unpaired_after=found.unpaired[1],
            increased=increased,
            decreased=decreased,
            confidence=self._confidence,
        )


class _Pairs:
    """The pairs in which both runs have a measure."""

    def __init__(self) -> None:
        self.keys: list[RowKey] = []
        self.places: list[int] = []
        self.before: list[float] = []
        self.after: list[float] = []
        self.unpaired = [0, 0]

    @classmethod
    def of(
        cls,
        keys: Sequence[RowKey],
        places: Sequence[tuple[int, int]],
        columns: tuple[array[float], array[float]],
    ) -> _Pairs:
        found, (left, right) = cls(), columns
        for key, (ours, theirs) in zip(keys, places, strict=True):
            before, after = left[ours], right[theirs]
            if math.isfinite(after - before):
                found.keys.append(key)
                found.places.append(ours)
                found.before.append(before)
                found.after.append(after)
            else:
                found.unpaired[0] += before == before
                found.unpaired[1] += after == after
        return found

    @property
    def differences(self) -> list[float]:
        """What each pair rose by."""
        return [after - before for before, after in zip(self.before, self.after, strict=True)]

    @property
    def rises(self) -> int:
        """The pairs that rose."""
        return sum(after > before for before, after in zip(self.before, self.after, strict=True))

    @property
    def falls(self) -> int:
        """The pairs that fell."""
        return sum(after < before for before, after in zip(self.before, self.after, strict=True))

    @property
    def repeated(self) -> bool:
        """Whether a sample comes twice."""
        return any(repeat for _, repeat in self.keys)

    def weights(self, of_rows: Sequence[float]) -> list[float]:
        """Return the pairs' weights, those of the baseline; nothing where all are 1."""
        found = [of_rows[place] for place in self.places]
        return [] if all(weight == 1.0 for weight in found) else found

    def values(self, values: Sequence[float], weights: Sequence[float]) -> Values:
        """Return values of the pairs; keys are sorted, so those of a sample stand together."""
        keys = [hash(sample) for sample, _ in self.keys] if self.repeated else ()
        return Values(values=values, keys=keys, weights=weights)

    def moved(self) -> tuple[tuple[Moved, ...], tuple[Moved, ...]]:
        """Return the samples that rose and those that fell, the largest moves first."""
        sums: dict[str, tuple[float, float, int]] = {}
        for (sample, _), before, after in zip(self.keys, self.before, self.after, strict=True):
            earlier, later, count = sums.get(sample, (0.0, 0.0, 0))
            sums[sample] = (earlier + before, later + after, count + 1)
        found = [
            Moved(sample=sample, before=before / count, after=after / count)
            for sample, (before, after, count) in sums.items()
            if abs(after - before) > _LEAST_MOVE * max(1.0, abs(before), abs(after))
        ]
        found.sort(key=lambda moved: (-round(abs(moved.after - moved.before), 9), moved.sample))
        return (
            tuple(moved for moved in found if moved.after > moved.before),
            tuple(moved for moved in found if moved.after < moved.before),
        )


def _tested(
    pairs: _Pairs, difference: Estimate, *, verdicts: bool
) -> tuple[Test | None, float | None]:
    """Return the test of no difference, and its p-value.

    None where there is but one difference, or all are the same and not 0: nothing says then how
    sure they are.
    """
    if verdicts and not pairs.repeated:
        return "mcnemar", mcnemar_p_value(pairs.falls, pairs.rises)
    error = difference.standard_error
    if error is None:
        return None, None
    if not difference.mean:
        return "t", 1.0
    if error <= _ROUNDING * max(map(abs, chain(pairs.before, pairs.after))):
        return None, None
    return "t", min(1.0, 2 * t_upper(abs(difference.mean) / error, difference.samples - 1))


def mcnemar_p_value(only_before: int, only_after: int) -> float:
    """Return the exact two-sided p-value of McNemar's test; without SciPy.

    Twice the binomial probability of the smaller count or fewer: Q. McNemar, Psychometrika 12
    (1947) 153-157. It is that of `gitexp.stats.pairs.mcnemar_test`.
    """
    trials, fewest = only_before + only_after, min(only_before, only_after)
    term, total = 1, 0
    for number in range(fewest + 1):
        total += term
        term = term * (trials - number) // (number + 1)
    return min(1.0, 2 * total / 2**trials) if trials else 1.0


def _adjusted(
    pairs: _Pairs, weights: Sequence[float], samples: int, confidence: float
) -> tuple[float, float] | None:
    """Return the interval of a difference of shares, with a rise and a fall added."""
    total = math.fsum(weights) if weights else float(len(pairs.before))
    own = list(weights) or [1.0] * len(pairs.before)
    plain = pairs.values(pairs.differences, weights)
    beyond = Values(
        values=[*plain.values, 1.0, -1.0],
        keys=[*plain.keys, 1, -1] if plain.keys else (),
        weights=[*own, total / samples, total / samples],
    )
    found = beyond.mean(confidence=confidence)
    if found is None or found.interval is None:
        return None
    low, high = found.interval
    return max(-1.0, low), min(1.0, high)
