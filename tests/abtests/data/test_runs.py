"""Runs as the rows of an A/B test."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gitexp.abtests.data.sessions import session
from gitexp.errors import NotFound
from gitexp.experiments import lifecycle
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.project.workspace import Workspace
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import Record
from gitexp.runs.run import Run
from tests.abtests.data.making import ab_test, day
from tests.builders import commit_files
from tests.experiments.conftest import DEFINITION
from tests.runs.making import disk_workspace, run_id


def run_of(number: int, variant: str, seconds: float) -> Run:
    at = day(1) + timedelta(minutes=number)
    return Run(
        id=run_id(number),
        experiment="checkout",
        experiment_id="x" + "a" * 16,
        project="bot",
        status="finished",
        created_at=at,
        started_at=at,
        ended_at=at,
        duration_seconds=seconds,
        params={"user": number % 3, "cached": number % 2 == 0},
        tags={"variant": variant},
        metrics={"latency": MetricPoint(value=seconds, step=0, timestamp=0)},
        who="Ada <ada@example.org>",
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A repository with six runs, every other one of each variant."""
    workspace = disk_workspace(tmp_path / "project")
    runs = [run_of(n, "control" if n % 2 == 0 else "test", 1.0 + n) for n in range(6)]
    append(workspace, "checkout", [Record(run=run) for run in runs])
    return workspace


def test_tags_and_metrics_of_runs_are_exposures_and_values(workspace: Workspace) -> None:
    columns = {"variant": "tags.variant", "value": "metrics.latency"}
    source = {"runs": {}, "columns": columns}
    test = ab_test({"key": "latency", "type": "mean"}, data={"exposures": source, "events": source})
    with session(workspace, test) as data, data.looking_at(day(9)):
        found = data.snapshot()
    assert found.faults == {}
    assert found.exposures.units == {"control": 3, "test": 3}
    cells = found.sums["latency"].totals
    assert [cells[key].means[0] for key in ("control", "test")] == [3.0, 4.0]


def test_a_filter_and_a_param_choose_runs_and_units(workspace: Workspace) -> None:
    columns = {"unit": "params.user", "variant": "tags.variant"}
    source = {"runs": {"filter": "tags.variant = 'test'"}, "columns": columns}
    test = ab_test({"key": "n", "type": "mean"}, data={"exposures": source, "events": source})
    with session(workspace, test) as data, data.looking_at(day(9)):
        assert data.snapshot().exposures.to_dict()["units"] == {"control": 0, "test": 3}


@pytest.mark.parametrize("name", ["secret", "nowhere"])
def test_runs_that_others_alone_may_read_are_not_there(name: str, workspace: Workspace) -> None:
    groups = {
        f"groups/{each}.yaml": f"members:\n  {person}@example.org: {{roles: [write]}}\n".encode()
        for each, person in (("ours", "ada"), ("theirs", "zoe"))
    }
    commit_files(workspace.store, {"gitexp.yaml": DEFINITION, **groups})
    theirs = {"GIT_AUTHOR_NAME": "Zoe", "GIT_AUTHOR_EMAIL": "zoe@example.org"}
    zoe = replace(workspace, surroundings=replace(workspace.surroundings, environ=theirs))
    lifecycle.create(zoe, NewExperiment(name="secret", group="theirs"))
    append(zoe, "secret", [Record(run=replace(run_of(9, "test", 1.0), experiment="secret"))])
    columns = {"variant": "tags.variant"}
    source = {"runs": {"experiments": ["checkout", name]}, "columns": columns}
    lifecycle.create(workspace, NewExperiment(name="checkout", group="ours"))
    test = ab_test({"key": "n", "type": "mean"}, data={"exposures": source, "events": source})
    with pytest.raises(NotFound) as caught, session(workspace, test):
        pass
    assert str(caught.value) == f"no experiment {name!r} in project 'bot'"
