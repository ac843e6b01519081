"""Results as a DataFrame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gitexp.results.summaries import by_run, by_version, summarize
from gitexp.results.tables import results_frame
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from gitexp.store.memory import MemoryStore
from tests.evaluation.projects import Project
from tests.runs.making import (
    IDENTITY,
    dataset_reference,
    make_run,
    references,
    run_id,
    workspace_on,
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with an experiment that can be run."""
    workspace = workspace_on(MemoryStore(config=IDENTITY), directory=tmp_path)
    return Project(workspace=workspace, directory=tmp_path)


def test_a_run_is_a_row() -> None:
    run = replace(
        make_run(run_id(3)),
        dataset=dataset_reference(),
        endpoint=references("bot")[0],
        evaluators=references("a", "b"),
        stats=Stats(passed=3, failed=1, errors=4, unscored=2),
        scores={"a": {"count": 4, "mean": 0.75}},
        metrics={"loss": MetricPoint(float("inf"), 1, 1)},
        params={"lr": 0.1, "layers": [1]},
        tags={"team": "chat"},
        parameters={"heat": 0.5, "words": ["x"]},
        overrides={"heat": 0.5},
    )
    frame = results_frame(by_run([run, make_run(run_id(2))]))
    first = frame.iloc[0].to_dict()
    assert (first["id"], first["dataset"], first["endpoint"]) == (run_id(3), "q", "bot")
    assert first["evaluators"] == "a, b"
    assert (first["total"], first["unscored"]) == (8, 2)
    assert (first["pass_rate"], first["scored_pass_rate"]) == (3 / 8, 3 / 4)
    assert first["created_at"] == pd.Timestamp("2026-01-02T00:00:03Z")
    assert (first["scores.a.mean"], first["parameters.heat"]) == (0.75, 0.5)
    assert (first["metrics.loss"], first["params.lr"]) == (float("inf"), 0.1)
    assert first["tags.team"] == "chat"
    assert "params.layers" not in frame
    assert "parameters.words" not in frame
    assert frame["pass_rate"].isna().tolist() == [False, True]
    assert frame["pass_rate"].dtype == "float64"


def test_a_version_is_a_row(project: Project) -> None:
    project.run()
    project.save("shift: 2\n")
    project.run()
    frame = results_frame(by_version(project.workspace, "tone", project.runs()))
    assert frame["runs"].tolist() == [1, 1]
    assert frame["pass_rate"].tolist() == [0.0, 1.0]
    assert frame["change_points"].iloc[0] == -100.0
    assert frame["changed"].iloc[0] == {"shift": {"before": 1, "after": 2}}
    assert (frame["pass_rate_low"] <= frame["pass_rate"]).all()
    assert (frame["pass_rate"] <= frame["pass_rate_high"]).all()


def test_a_day_or_a_value_of_a_tag_is_a_row() -> None:
    runs = [
        replace(make_run(run_id(n)), stats=Stats(passed=n), tags={"team": "a"}) for n in (1, 2, 3)
    ]
    days = results_frame(_items("day", runs))
    assert days.loc[0, ["day", "runs", "passed", "pass_rate"]].tolist() == ["2026-01-02", 3, 6, 1.0]
    teams = results_frame(_items("tag:team", runs))
    assert teams.loc[0, ["tag", "value", "versions"]].tolist() == ["team", "a", 1]


def _items(group_by: str, runs: list[Run]) -> list[dict[str, Any]]:
    workspace = workspace_on(MemoryStore(config=IDENTITY))
    items: list[dict[str, Any]] = summarize(workspace, "tone", runs, group_by=group_by)["items"]
    return items


@pytest.mark.parametrize(
    ("group_by", "column"),
    [
        ("run", "id"),
        ("version", "change_points"),
        ("dataset", "dataset"),
        ("day", "day"),
        ("tag:team", "value"),
    ],
)
def test_no_results_are_an_empty_table_with_its_columns(group_by: str, column: str) -> None:
    frame = results_frame([], group_by=group_by)
    assert len(frame) == 0
    assert column in frame
