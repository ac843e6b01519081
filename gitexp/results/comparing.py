"""Two or more runs side by side: parameters that differ, and measures against a baseline.

A measure is a number by which runs are judged: the latest value of a logged metric, the mean of an
evaluator's scores, or the pass rate. Which is better is never guessed: a measure without a declared
direction has no best run. The pass rate needs no declaration, since passing is what is wanted.

Scores and pass rates say something about a system only over the same samples. So they are compared
among finished runs that used the baseline's samples and evaluators; a logged metric is whatever the
program that logged it says, and is always compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidInput
from gitexp.experiments.headers import Direction
from gitexp.results.comparisons import (
    PASS_RATE,
    Change,
    Comparison,
    Measure,
    MeasureKind,
    Parameter,
    ParameterKind,
)
from gitexp.runs.run import Run

__all__ = ["Comparison", "agreed_directions", "compare"]


def compare(
    runs: Sequence[Run], *, directions: Mapping[str, Direction], baseline: str | None = None
) -> Comparison:
    """Return runs side by side.

    Args:
        directions: which values are better, by the name of a metric or an evaluator, or by field
            (`scores.exact-match`) where two share a name.
        baseline: the id of one of the runs; the first by default.

    Raises:
        InvalidInput: there are fewer than two runs, one is given twice, or the baseline is none
            of them.
    """
    _check(runs)
    position = _position(runs, baseline)
    samples = tuple(_same_samples(runs[position], run) for run in runs)
    numbers = _Numbers(runs, position, samples, directions)
    return Comparison(
        runs=tuple(runs),
        baseline=position,
        parameters=tuple(_parameters(runs)),
        measures=tuple(numbers.measures()),
        same_samples=samples,
    )


def agreed_directions(declared: Iterable[Mapping[str, Direction]]) -> dict[str, Direction]:
    """Return the directions that several experiments declare; where two disagree, none."""
    found: dict[str, set[Direction]] = {}
    for directions in declared:
        for name, direction in directions.items():
            found.setdefault(name, set()).add(direction)
    return {name: next(iter(said)) for name, said in found.items() if len(said) == 1}


def _check(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise InvalidInput(
            f"{len(runs)} run{'' if len(runs) == 1 else 's'} cannot be compared",
            hint="Name two runs or more; `gitexp runs EXPERIMENT` lists them.",
        )
    ids = [run.id for run in runs]
    again = next((run_id for run_id in ids if ids.count(run_id) > 1), None)
    if again:
        raise InvalidInput(f"run {again} is named twice", hint="Name each run once.")


def _position(runs: Sequence[Run], baseline: str | None) -> int:
    if baseline is None:
        return 0
    found = next((i for i, run in enumerate(runs) if run.id == baseline), None)
    if found is None:
        raise InvalidInput(
            f"the baseline {baseline!r} is none of the runs", hint="Name it among the runs too."
        )
    return found


def _parameters(runs: Sequence[Run]) -> Iterator[Parameter]:
    given: dict[ParameterKind, list[Mapping[str, Any]]] = {
        "parameters": [run.parameters for run in runs],
        "params": [run.params for run in runs],
    }
    for kind, of_runs in given.items():
        for name in dict.fromkeys(name for values in of_runs for name in values):
            values = tuple(values.get(name, MISSING) for values in of_runs)
            yield Parameter(name=name, kind=kind, values=values)


def _same_samples(one: Run, other: Run) -> bool | None:
    left, right = _samples(one), _samples(other)
    return left == right if left and right else None


def _samples(run: Run) -> frozenset[str]:
    """Return the digests of what a run worked on: its dataset, and what was logged as inputs."""
    logged = {str(given["digest"]) for given in run.inputs if given.get("digest")}
    return frozenset(logged | {run.dataset.digest} if run.dataset else logged)


class _Numbers:
    """The measures of runs against one of them."""

    def __init__(
        self,
        runs: Sequence[Run],
        baseline: int,
        samples: Sequence[bool | None],
        directions: Mapping[str, Direction],
    ) -> None:
        self._runs = runs
        self._baseline = baseline
        self._directions = directions
        finished = [run.status == "finished" for run in runs]
        self._alike = [
            bool(s) and f and finished[baseline] for s, f in zip(samples, finished, strict=True)
        ]

    def measures(self) -> Iterator[Measure]:
        """Yield the pass rate, the scores and the metrics that at least one run has."""
        rates = [run.stats.pass_rate for run in self._runs]
        if any(rate is not None for rate in rates):
            yield self._measure(PASS_RATE, "stats", rates, self._alike_evaluators(None))
        for name in _names(run.scores for run in self._runs):
            means = [run.scores.get(name, {}).get("mean") for run in self._runs]
            yield self._measure(name, "scores", means, self._alike_evaluators(name))
        for name in _names(run.metrics for run in self._runs):
            points = [run.metrics.get(name) for run in self._runs]
            values = [point.value if point else None for point in points]
            measure = self._measure(name, "metrics", values, [True] * len(values))
            yield replace(measure, steps=tuple(point.step if point else None for point in points))

    def _alike_evaluators(self, name: str | None) -> list[bool]:
        """Return which runs the same evaluators judged, or the same evaluator of a name."""
        judged = [
            {e.name: e.digest for e in run.evaluators if name in (None, e.name)}
            for run in self._runs
        ]
        ours = judged[self._baseline]
        return [a and theirs == ours for a, theirs in zip(self._alike, judged, strict=True)]

    def _measure(
        self,
        name: str,
        kind: MeasureKind,
        values: Sequence[float | None],
        comparable: Sequence[bool],
    ) -> Measure:
        base = values[self._baseline]
        direction = self._direction(name, kind)
        usable = [v if c else None for v, c in zip(values, comparable, strict=True)]
        changes = [
            None if position == self._baseline else _change(base, value)
            for position, value in enumerate(usable)
        ]
        return Measure(
            name=name,
            kind=kind,
            direction=direction,
            values=tuple(values),
            steps=(None,) * len(values),
            changes=tuple(changes),
            best=tuple(_best(usable, direction)),
        )

    def _direction(self, name: str, kind: MeasureKind) -> Direction | None:
        declared = self._directions.get(f"{kind}.{name}") or self._directions.get(name)
        return declared or ("maximize" if kind == "stats" else None)


def _names(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({name for mapping in mappings for name in mapping})


def _change(base: float | None, value: float | None) -> Change | None:
    if base is None or value is None:
        return None
    absolute = value - base
    relative = absolute / abs(base) if base and math.isfinite(base) else None
    return Change(absolute=absolute, relative=relative)


def _best(values: Sequence[float | None], direction: Direction | None) -> list[bool]:
    """Return which values are the best; none where there is nothing to choose between.

    A NaN is neither better nor worse than anything; infinities are as large as they say.
    """
    numbers = {value for value in values if value is not None and not math.isnan(value)}
    if direction is None or len(numbers) < 2:
        return [False] * len(values)
    best = max(numbers) if direction == "maximize" else min(numbers)
    return [value == best for value in values]
