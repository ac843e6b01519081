"""Runs that somebody names, with what comparing and drawing them needs."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.headers import Direction, read_header
from gitexp.project.workspace import Workspace
from gitexp.results.comparing import agreed_directions, compare
from gitexp.results.comparisons import Comparison
from gitexp.results.curves import LineChart, XAxis, line_chart
from gitexp.results.pairing import Side, check_datasets, pair
from gitexp.results.pairings import Pairing
from gitexp.runs.estimates import CONFIDENCE
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import name_now
from gitexp.runs.recording.results import rows_of
from gitexp.runs.run import Run
from gitexp.runs.tracking.starting import find_run


def runs_named(workspace: Workspace, ids: Sequence[str]) -> list[Run]:
    """Return runs by their ids, those that are going on here among them.

    Raises:
        InvalidInput: a text is no run id, or one is given twice.
        NotFound: no such run is recorded here.
    """
    again = next((run_id for run_id in ids if ids.count(run_id) > 1), None)
    if again:
        raise InvalidInput(f"run {again} is named twice", hint="Name each run once.")
    return [find_run(workspace, run_id) for run_id in ids]


def directions_of(workspace: Workspace, runs: Sequence[Run]) -> dict[str, Direction]:
    """Return in which direction each metric is better, as the experiments of the runs say."""
    declared = []
    for experiment_id, run in {run.experiment_id: run for run in runs}.items():
        try:
            header = read_header(workspace, name_now(workspace, run))
        except NotFound:
            continue
        # An experiment that was purged may have left its name to another one.
        if header.id == experiment_id:
            declared.append(header.metrics)
    return agreed_directions(declared)


def compare_runs(
    workspace: Workspace, ids: Sequence[str], *, baseline: str | None = None
) -> Comparison:
    """Return runs side by side; a baseline that is none of them is put before them.

    Raises:
        InvalidInput: a text is no run id, one is given twice, or there are fewer than two.
        NotFound: no such run is recorded here.
    """
    wanted = list(ids) if baseline is None or baseline in ids else [baseline, *ids]
    runs = runs_named(workspace, wanted)
    return compare(runs, directions=directions_of(workspace, runs), baseline=baseline)


def metric_chart(
    workspace: Workspace,
    ids: Sequence[str],
    metric: str,
    *,
    x: XAxis = "step",
    smooth: int = 1,
    log_y: bool = False,
) -> LineChart:
    """Return the chart of a metric's history in runs; the arguments are those of `line_chart`.

    Raises:
        InvalidInput: a text is no run id, one is given twice, or nothing can be drawn.
        NotFound: no such run is recorded here, or none of them has the metric.
    """
    runs = runs_named(workspace, ids)
    histories = [(run, ledger.metric_history(workspace, run.id, metric)) for run in runs]
    return line_chart(metric, histories, x=x, smooth=smooth, log_y=log_y)


def pair_runs(
    workspace: Workspace,
    baseline: str,
    other: str,
    *,
    allow_different_datasets: bool = False,
    confidence: float = CONFIDENCE,
) -> Pairing:
    """Return two runs over the same samples, compared row by row; see `pairing.pair`.

    Raises:
        InvalidInput: a text is no run id, both are the same, or the runs are not over the same
            dataset.
        NotFound: no such run is recorded here.
    """
    runs = runs_named(workspace, [baseline, other])
    check_datasets(*runs, allow_different=allow_different_datasets)
    first, second = (Side(run=run, rows=rows_of(workspace, run.id)) for run in runs)
    return pair(
        first,
        second,
        directions=directions_of(workspace, runs),
        allow_different_datasets=allow_different_datasets,
        confidence=confidence,
    )
