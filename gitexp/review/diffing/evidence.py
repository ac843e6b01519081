"""The results behind values: the newest runs of both sides of a comparison, side by side.

Runs are found by the id of their experiment and the digest of their values, so also those of a
version whose commit was rewritten by a squash or a rebase. Two runs over the same samples are
compared row by row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitexp.clock import iso
from gitexp.environments.binding import one_line
from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.experiments.headers import Direction
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.results.chosen_runs import directions_of
from gitexp.results.comparing import compare
from gitexp.results.comparisons import PASS_RATE, Measure
from gitexp.results.pairing import Side, pair
from gitexp.results.pairings import PairedMeasure, Pairing
from gitexp.review.diffing.model import ExperimentDiff, ProjectDiff
from gitexp.review.diffing.results import (
    Interval,
    MeasureDiff,
    MeasureKind,
    ResultsDiff,
    RunBrief,
    Verdict,
)
from gitexp.runs.recording.results import rows_of
from gitexp.runs.run import Run
from gitexp.runs.same_values import same_values
from gitexp.runs.searching import RunQuery, search

_READING = "1"
"""Changes when the same runs may be compared otherwise, and so makes old entries unused."""

_MOST_RUNS = 200
"""How many of the newest runs of a set of values are looked at."""


def with_results(workspace: Workspace, found: ProjectDiff) -> ProjectDiff:
    """Return a comparison with the results of the experiments whose values differ.

    Results that cannot be read hide nothing else: a note says why they are missing.
    """
    experiments, notes = [], list(found.notes)
    for experiment in found.experiments:
        try:
            results = tuple(results_of(workspace, experiment))
        except GitexpError as exc:
            notes.append(f"the results of {experiment.name} cannot be read: {one_line(exc)}")
            results = ()
        experiments.append(replace(experiment, results=results))
    return replace(found, experiments=tuple(experiments), notes=tuple(notes))


def results_of(workspace: Workspace, found: ExperimentDiff) -> Iterator[ResultsDiff]:
    """Yield how the newest finished runs of both sets of values differ, by dataset.

    Nothing is yielded where the values are the same, or where neither side has a run.
    """
    if found.digest_before == found.digest_after:
        return
    before = newest_runs(workspace, found.former_id or found.id, found.digest_before)
    after = newest_runs(workspace, found.id, found.digest_after)
    for dataset in sorted(before.keys() | after.keys(), key=lambda name: (name is None, name)):
        yield _results(workspace, dataset, before.get(dataset), after.get(dataset))


def newest_runs(
    workspace: Workspace, experiment_id: str | None, digest: Digest | None
) -> dict[str | None, Run]:
    """Return the newest finished run of these very values over each dataset, by its name."""
    if experiment_id is None or digest is None:
        return {}
    wanted = f"{same_values(experiment_id, digest)} AND status = 'finished'"
    query = RunQuery(filter=wanted, limit=_MOST_RUNS)
    found: dict[str | None, Run] = {}
    for run in search(workspace, query).runs:
        found.setdefault(run.dataset.name if run.dataset else None, run)
    return found


def _results(
    workspace: Workspace, dataset: str | None, before: Run | None, after: Run | None
) -> ResultsDiff:
    """Return how two runs differ; what was found once is kept by what the runs' records say."""
    runs = [run for run in (before, after) if run is not None]
    directions = _directions(workspace, runs)
    key = f"results-diff/{_READING}/{_fingerprint([before, after], directions)}"
    known = workspace.cache.get(key)
    if known is not None:
        return ResultsDiff.from_dict(known)
    found = _compared(workspace, dataset, before, after, directions)
    workspace.cache.put(key, found.to_dict())
    return found


def _fingerprint(runs: Sequence[Run | None], directions: Mapping[str, Direction]) -> str:
    """Return what tells two runs and what is known of their metrics from any others."""
    documents = [run.to_dict() if run else None for run in runs]
    text = json.dumps([documents, dict(directions)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _compared(
    workspace: Workspace,
    dataset: str | None,
    before: Run | None,
    after: Run | None,
    directions: Mapping[str, Direction],
) -> ResultsDiff:
    pairing, note = _paired(workspace, before, after, directions)
    paired = {measure.name: measure for measure in pairing.measures} if pairing else {}
    notes = (*([note] if note else []), *(_pairing_notes(pairing) if pairing else ()))
    return ResultsDiff(
        dataset=dataset,
        before=brief_of(before) if before is not None else None,
        after=brief_of(after) if after is not None else None,
        same_samples=pairing.same_dataset if pairing else _same_samples(before, after),
        measures=tuple(_measures(before, after, directions, paired)),
        notes=notes,
    )


def _directions(workspace: Workspace, runs: Sequence[Run]) -> Mapping[str, Direction]:
    """Return which values are better; nothing where the header of an experiment is broken."""
    try:
        return directions_of(workspace, runs)
    except InvalidInput:
        return {}


def brief_of(run: Run) -> RunBrief:
    """Return what a comparison says of a run."""
    return RunBrief(
        id=run.id,
        experiment=run.experiment,
        version=run.version,
        digest=run.digest,
        status=run.status,
        created_at=iso(run.created_at),
        total=run.stats.total,
        passed=run.stats.passed,
        failed=run.stats.failed,
        errors=run.stats.errors,
    )


def _same_samples(before: Run | None, after: Run | None) -> bool | None:
    if not (before and after and before.dataset and after.dataset):
        return None
    return before.dataset.digest == after.dataset.digest


def _paired(
    workspace: Workspace,
    before: Run | None,
    after: Run | None,
    directions: Mapping[str, Direction],
) -> tuple[Pairing | None, str | None]:
    """Return two runs compared row by row, or why they cannot be."""
    if not (before and after and before.dataset and after.dataset):
        return None, None
    if not (before.stats.rows and after.stats.rows):
        return None, None
    sides = [Side(run=run, rows=rows_of(workspace, run.id)) for run in (before, after)]
    try:
        found = pair(sides[0], sides[1], directions=directions, allow_different_datasets=True)
    except (InvalidInput, NotFound) as exc:
        return None, exc.message
    return found, None


def _pairing_notes(pairing: Pairing) -> Iterator[str]:
    if not pairing.same_dataset:
        yield f"the datasets differ: only the {pairing.pairs} equal rows are compared"
    for ids, side in ((pairing.only_in_baseline, "before"), (pairing.only_in_run, "after")):
        if ids:
            samples = "1 sample is" if len(ids) == 1 else f"{len(ids)} samples are"
            yield f"{samples} in the run {side} alone"
    if pairing.other_evaluators:
        names = ", ".join(pairing.other_evaluators)
        yield f"not compared, since the evaluators are not the same: {names}"
    if pairing.repeats_differ:
        yield "one run has more passes over some samples; those are not compared"


def _measures(
    before: Run | None,
    after: Run | None,
    directions: Mapping[str, Direction],
    paired: Mapping[str, PairedMeasure],
) -> Iterator[MeasureDiff]:
    """Yield every measure of both runs: those that were paired as such."""
    if before is None or after is None:
        yield from _alone(before, after, directions)
        return
    seen: set[str] = set()
    for measure in compare([before, after], directions=directions).measures:
        seen.add(measure.name)
        twin = paired.get(measure.name) if measure.kind != "metrics" else None
        own = _side_by_side(before, after, measure)
        yield own if twin is None else _with_pairs(own, twin)
    for name, twin in paired.items():
        if name not in seen:
            yield _of_pairs(twin)


def _side_by_side(before: Run, after: Run, measure: Measure) -> MeasureDiff:
    change = measure.changes[1]
    return MeasureDiff(
        name=measure.name,
        kind=measure.kind,
        direction=measure.direction,
        before=measure.values[0],
        after=measure.values[1],
        interval_before=_interval(before, measure.kind, measure.name),
        interval_after=_interval(after, measure.kind, measure.name),
        difference=change.absolute if change else None,
    )


def _alone(
    before: Run | None, after: Run | None, directions: Mapping[str, Direction]
) -> Iterator[MeasureDiff]:
    """Yield the measures of the one run that there is."""
    run = before or after
    for kind, name, value in _numbers(run) if run else ():
        interval = _interval(run, kind, name)
        found = directions.get(f"{kind}.{name}") or directions.get(name)
        yield MeasureDiff(
            name=name,
            kind=kind,
            direction="maximize" if kind == "stats" else found,
            before=value if before else None,
            after=value if after else None,
            interval_before=interval if before else None,
            interval_after=interval if after else None,
        )


def _numbers(run: Run) -> Iterator[tuple[MeasureKind, str, float]]:
    if run.stats.pass_rate is not None:
        yield "stats", PASS_RATE, run.stats.pass_rate
    for name in sorted(run.scores):
        mean = run.scores[name].get("mean")
        if mean is not None:
            yield "scores", name, mean
    for name in sorted(run.metrics):
        yield "metrics", name, run.metrics[name].value


def _with_pairs(own: MeasureDiff, twin: PairedMeasure) -> MeasureDiff:
    """Return a measure with the difference over the rows that both runs have."""
    found = _of_pairs(twin)
    same = [_near(own.before, twin.before), _near(own.after, twin.after)]
    return replace(
        found,
        kind=own.kind,
        interval_before=own.interval_before if same[0] else None,
        interval_after=own.interval_after if same[1] else None,
    )


def _near(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= 1e-9 * max(1.0, abs(one), abs(other))


def _of_pairs(twin: PairedMeasure) -> MeasureDiff:
    return MeasureDiff(
        name=twin.name,
        kind=twin.kind,
        direction=twin.direction,
        before=twin.before,
        after=twin.after,
        difference=twin.difference,
        interval=twin.interval,
        p_value=twin.p_value,
        pairs=twin.pairs,
        verdict=_verdict(twin),
    )


def _verdict(twin: PairedMeasure) -> Verdict | None:
    if twin.direction is None:
        return None
    if not twin.is_clear:
        return "unclear"
    return "better" if (twin.difference > 0) == (twin.direction == "maximize") else "worse"


def _interval(run: Run | None, kind: MeasureKind, name: str) -> Interval | None:
    """Return the interval that a run's record has of a measure."""
    if run is None or kind == "metrics":
        return None
    numbers: Mapping[str, Any] = (run.rates if kind == "stats" else run.scores).get(name) or {}
    found = numbers.get("interval")
    return (float(found[0]), float(found[1])) if found else None
