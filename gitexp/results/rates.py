"""Rates over several runs: pooled, with an interval that repeats do not narrow, and compared.

Only runs that finished count, which a tally has seen to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitexp.runs.aggregating import Tally
from gitexp.runs.tallies import Stats
from gitexp.stats.intervals import Interval, wilson_interval

Comparable = tuple["str | None", tuple[tuple[str, str], ...]]
"""What runs must share for their pass rates to be compared: samples and evaluators."""


def pooled(tallies: Iterable[Tally]) -> Stats:
    """Return the sum of the stats of runs."""
    return sum((tally.stats for tally in tallies), Stats())


def distinct_samples(tallies: Iterable[Tally]) -> int:
    """Return how many different samples were judged, of each dataset the most that one run judged.

    Runs over the same dataset ask the same samples again; their answers are not independent, and
    for a deterministic system they are the same. A part of a dataset, or an edited one, is taken
    to hold no samples but those of its largest run.
    """
    largest: dict[str | None, int] = {}
    for tally in tallies:
        path = tally.subject.dataset_path
        largest[path] = max(largest.get(path, 0), tally.judged)
    return sum(largest.values())


def pass_rate_interval(tallies: Sequence[Tally]) -> Interval | None:
    """Return the 95 % Wilson interval of the pooled pass rate over the distinct samples."""
    rate, samples = pooled(tallies).pass_rate, distinct_samples(tallies)
    return None if rate is None else wilson_interval(rate * samples, samples)


def change_points(before: Iterable[Tally], after: Iterable[Tally]) -> float | None:
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


def _by_comparable(tallies: Iterable[Tally]) -> dict[Comparable, list[Tally]]:
    found: dict[Comparable, list[Tally]] = {}
    for tally in tallies:
        key = (tally.subject.dataset_digest, tally.subject.evaluators)
        found.setdefault(key, []).append(tally)
    return found
