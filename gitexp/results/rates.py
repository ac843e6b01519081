"""Rates over several runs: pooled, with an interval that repeats do not narrow, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.stats.intervals import Interval, wilson_interval

Comparable = tuple["str | None", tuple[tuple[str, str], ...]]
"""What two runs must share for their pass rates to be compared: samples and evaluators."""


def pooled(runs: Iterable[Run]) -> Stats:
    """Return the sum of the stats of runs."""
    return sum((run.stats for run in runs), Stats())


def distinct_samples(runs: Iterable[Run]) -> int:
    """Return how many different samples were judged, of each dataset the most that one run judged.

    Runs over the same dataset ask the same samples again; their answers are not independent, and
    for a deterministic system they are the same. A part of a dataset, or an edited one, is taken
    to hold no samples but those of its largest run.
    """
    largest: dict[str | None, int] = {}
    for run in runs:
        path = run.dataset.path if run.dataset else None
        judged = min(run.stats.total, run.dataset.samples) if run.dataset else run.stats.total
        largest[path] = max(largest.get(path, 0), judged)
    return sum(largest.values())


def pass_rate_interval(runs: Sequence[Run]) -> Interval | None:
    """Return the 95 % Wilson interval of the pooled pass rate over the distinct samples."""
    rate, samples = pooled(runs).pass_rate, distinct_samples(runs)
    return None if rate is None else wilson_interval(rate * samples, samples)


def change_points(before: Iterable[Run], after: Iterable[Run]) -> float | None:
    """Return by how many percentage points the pass rate changed, None when nothing compares.

    Only runs over the same samples, scored by the same evaluators, are compared with each other.
    Where there are several such pairs, each counts by its number of samples.
    """
    earlier, later = _by_comparable(before), _by_comparable(after)
    weighed = []
    for key in earlier.keys() & later.keys():
        old, new = pooled(earlier[key]).pass_rate, pooled(later[key]).pass_rate
        if old is not None and new is not None:
            weighed.append((distinct_samples(later[key]), new - old))
    weight = sum(samples for samples, _ in weighed)
    return 100 * sum(n * change for n, change in weighed) / weight if weight else None


def _by_comparable(runs: Iterable[Run]) -> dict[Comparable, list[Run]]:
    found: dict[Comparable, list[Run]] = {}
    for run in runs:
        evaluators = tuple(sorted((e.name, e.digest) for e in run.evaluators))
        key = (run.dataset.digest if run.dataset else None, evaluators)
        found.setdefault(key, []).append(run)
    return found
