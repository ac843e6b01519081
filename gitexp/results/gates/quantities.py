"""Quantities: the numbers of a run that rules are about.

pass_rate, scored_pass_rate, error_rate, unscored_rate     of the rows
pass@3, pass^3                                             of several tries at a sample
accuracy                                                   the mean of an evaluator
accuracy.pass_rate, accuracy.pass@3, accuracy.pass^3       of its verdicts
scores.cost                                                an evaluator named like another
metrics.loss                                               the latest value of a metric
latency.mean, .p50, .p90, .p95, .p99, .max                 seconds
cost, tokens, input_tokens, output_tokens                  of all calls together
duration_seconds                                           of the whole run
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from gitexp.errors import NotFound
from gitexp.experiments.headers import Direction
from gitexp.results.gates.rules import ERROR_RATE, UNSCORED_RATE
from gitexp.results.pairings import MeasureKind
from gitexp.runs.run import Run
from gitexp.runs.tallies import RateName, Tally

PASS_RATE = "pass_rate"
LATENCIES = ("mean", "p50", "p90", "p95", "p99", "max")
_TRIES = re.compile(r"pass(?P<kind>[@^])(?P<k>[1-9]\d*)\Z")
_RATES: tuple[RateName, ...] = ("pass_rate", "scored_pass_rate", "error_rate", "unscored_rate")
_TOTALS = ("cost", "tokens", "input_tokens", "output_tokens", "duration_seconds")

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number of a run.

    Attributes:
        name: the subject without what it may be left out of.
        value: None where the run does not have it.
        direction: which values are better; None where nobody has said.
        is_paired: whether it is a mean over rows, which are compared in pairs.
        measured: which kind of measure the pairs have of it.
        is_whole: whether it is exactly what it says, so that it has no interval.
        samples: how many samples stand behind it, where they may be fewer than those of the run.
        rows: how many rows an evaluator gave it.
        interval: how it is found from the rows.
    """

    name: str
    value: float | None
    direction: Direction | None
    is_paired: bool = False
    measured: MeasureKind = "scores"
    is_whole: bool = False
    samples: int | None = None
    rows: int | None = None
    interval: Callable[[Tally], Interval | None] = lambda tally: None


def quantity(run: Run, subject: str, directions: Mapping[str, Direction]) -> Quantity:
    """Return what a subject is in a run.

    Args:
        directions: which values are better, by metric or evaluator; an evaluator's more are
            unless it is said.

    Raises:
        NotFound: the run has no such number.
    """
    found = _find(run, subject, directions)
    if found is None or found.value is None:
        close = get_close_matches(subject, known_subjects(run), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"`gitexp run show {run.id}` shows all."
        raise NotFound(f"run {run.id} has no {subject!r}", hint=hint)
    if not math.isfinite(found.value):
        raise NotFound(f"{subject!r} of run {run.id} is {found.value}, which cannot be judged")
    return found


def known_subjects(run: Run) -> list[str]:
    """Return what rules may be about in a run, its tries aside."""
    usual = [*_RATES, *_TOTALS, *(f"latency.{name}" for name in LATENCIES)]
    return [*run.scores, *(f"metrics.{name}" for name in run.metrics), *usual]


def _find(run: Run, subject: str, directions: Mapping[str, Direction]) -> Quantity | None:
    if subject in run.scores:
        return _mean(run, subject, directions)
    for find in (_rate, _tries, _latency, _total):
        found = find(run, subject)
        if found is not None:
            return found
    room, _, name = subject.partition(".")
    if room == "metrics":
        return _metric(run, name, directions)
    return _of_evaluator(run, name if room == "scores" else subject, directions)


def _mean(run: Run, name: str, directions: Mapping[str, Direction]) -> Quantity:
    direction = directions.get(f"scores.{name}") or directions.get(name) or "maximize"
    numbers = run.scores[name]
    return Quantity(
        name=name,
        value=numbers.get("mean"),
        direction=direction,
        is_paired=True,
        samples=numbers.get("samples", numbers.get("count")),
        rows=numbers.get("count"),
        interval=lambda tally: _bounds(tally.estimate(name)),
    )


def _of_evaluator(run: Run, subject: str, directions: Mapping[str, Direction]) -> Quantity | None:
    if subject in run.scores:
        return _mean(run, subject, directions)
    name, _, part = subject.rpartition(".")
    numbers = run.scores.get(name)
    if numbers is None:
        return None
    if part == "mean":
        return _mean(run, name, directions)
    if part == PASS_RATE:
        passed, failed = numbers.get("passed", 0), numbers.get("failed", 0)
        return Quantity(
            name=subject,
            value=_share(passed, failed),
            direction="maximize",
            is_paired=True,
            samples=passed + failed,
            rows=passed + failed,
            interval=lambda tally: _bounds(tally.estimate(name, of_verdicts=True)),
        )
    return _tried(subject, part, numbers)


def _rate(run: Run, subject: str) -> Quantity | None:
    name = next((name for name in _RATES if name == subject), None)
    if name is None:
        return None
    stats = run.stats
    values: Mapping[str, float | None] = {
        PASS_RATE: stats.pass_rate,
        "scored_pass_rate": stats.scored_pass_rate,
        ERROR_RATE: _share(stats.errors, stats.total - stats.errors),
        UNSCORED_RATE: _share(stats.unscored, stats.total),
    }
    return Quantity(
        name=name,
        value=values[name],
        direction="minimize" if name in (ERROR_RATE, UNSCORED_RATE) else "maximize",
        is_paired=name == PASS_RATE,
        measured="stats",
        samples=run.rates.get(name, {}).get("samples"),
        interval=lambda tally: _bounds(tally.rate(name)),
    )


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest else None


def _tries(run: Run, subject: str) -> Quantity | None:
    return _tried(subject, subject, run.rates)


def _tried(subject: str, part: str, numbers: Mapping[str, Any]) -> Quantity | None:
    """Return pass@k or pass^k; one try needs no repeats."""
    match = _TRIES.match(part)
    if match is None:
        return None
    by_k = numbers.get("pass_at" if match["kind"] == "@" else "pass_hat", {})
    return Quantity(name=subject, value=by_k.get(match["k"]), direction="maximize")


def _latency(run: Run, subject: str) -> Quantity | None:
    room, _, part = subject.partition(".")
    if room != "latency" or part not in LATENCIES:
        return None

    def interval(tally: Tally) -> Interval | None:
        return tally.latency_interval(part)

    return Quantity(
        name=subject,
        value=run.usage.get("latency_seconds", {}).get(part),
        direction="minimize",
        is_whole=part == "max",
        interval=interval,
    )


def _total(run: Run, subject: str) -> Quantity | None:
    if subject not in _TOTALS:
        return None
    value = run.usage.get(subject)
    if subject == "duration_seconds":
        value = run.duration_seconds
    if subject == "tokens":
        parts = [run.usage[name] for name in ("input_tokens", "output_tokens") if name in run.usage]
        value = sum(parts) if parts else None
    return Quantity(name=subject, value=value, direction="minimize", is_whole=True)


def _metric(run: Run, name: str, directions: Mapping[str, Direction]) -> Quantity | None:
    point = run.metrics.get(name)
    if point is None:
        return None
    direction = directions.get(f"metrics.{name}") or directions.get(name)
    return Quantity(name=f"metrics.{name}", value=point.value, direction=direction, is_whole=True)


def _bounds(estimate: Any) -> Interval | None:
    return estimate.interval if estimate is not None else None
