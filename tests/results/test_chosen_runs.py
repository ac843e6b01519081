"""Runs by their ids, with the directions that their experiments declare."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.project.workspace import Workspace
from gitexp.results.chosen_runs import compare_runs, directions_of, metric_chart, runs_named
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import record_of
from gitexp.runs.run import Run
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files
from tests.runs.making import EXPERIMENT_ID, IDENTITY, make_run, run_id, workspace_on

HEADER = f"""\
id: {EXPERIMENT_ID}

name: tone

metrics:
  loss:
    direction: minimize
"""


@pytest.fixture
def workspace() -> Workspace:
    """A workspace whose experiment `tone` says that less loss is better, with three runs."""
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    files = {
        "gitexp.yaml": b"format: 1\n\nid: bot\n",
        "experiments/tone/experiment.yaml": HEADER.encode(),
        "experiments/tone/parameters.yaml": b"{}\n",
    }
    commit_files(workspace.store, files)
    for number, values in enumerate([(3.0, 2.0), (2.0, 1.0), ()]):
        points = [("loss", MetricPoint(v, step, step)) for step, v in enumerate(values)]
        run = make_run(run_id(number), name=f"run {number}")
        append(workspace, "tone", [record_of(run, points=points)])
    return workspace


def test_the_directions_are_those_of_the_experiment(workspace: Workspace) -> None:
    comparison = compare_runs(workspace, [run_id(0), run_id(1)])
    (loss,) = comparison.measures
    assert (loss.direction, loss.values, loss.best) == ("minimize", (2.0, 1.0), (False, True))
    assert comparison.baseline == 0


def test_a_baseline_that_is_not_named_among_the_runs_comes_first(workspace: Workspace) -> None:
    comparison = compare_runs(workspace, [run_id(0)], baseline=run_id(1))
    assert [run.id for run in comparison.runs] == [run_id(1), run_id(0)]
    comparison = compare_runs(workspace, [run_id(0), run_id(1)], baseline=run_id(1))
    assert [run.id for run in comparison.runs] == [run_id(0), run_id(1)]
    assert comparison.baseline == 1


def test_a_namesake_of_the_experiment_declares_nothing_for_its_runs(workspace: Workspace) -> None:
    other = replace(make_run(), experiment_id="xbbbbbbbbbbbbbbbb")
    gone = make_run(experiment="gone", experiment_id="xcccccccccccccccc")
    assert directions_of(workspace, [other, gone]) == {}
    assert directions_of(workspace, [make_run()]) == {"loss": "minimize"}


def test_an_experiment_declares_for_its_runs_from_before_a_rename(workspace: Workspace) -> None:
    assert directions_of(workspace, [make_run(experiment="former")]) == {"loss": "minimize"}


def test_the_chart_holds_the_whole_history(workspace: Workspace) -> None:
    chart = metric_chart(workspace, [run_id(0), run_id(1), run_id(2)], "loss")
    assert [(curve.label, curve.lines) for curve in chart.curves] == [
        ("run 0", (((0, 3), (1, 2)),)),
        ("run 1", (((0, 2), (1, 1)),)),
    ]
    assert chart.notes == (f"without a metric 'loss': {run_id(2)}",)


def test_unknown_and_repeated_runs_are_refused(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=str(run_id(7))):
        runs_named(workspace, [run_id(0), run_id(7)])
    with pytest.raises(InvalidInput, match=f"run {run_id(0)} is named twice"):
        metric_chart(workspace, [run_id(0), run_id(0)], "loss")


def test_runs_come_in_the_order_in_which_they_were_named(workspace: Workspace) -> None:
    runs: list[Run] = runs_named(workspace, [run_id(2), run_id(0)])
    assert [run.id for run in runs] == [run_id(2), run_id(0)]
