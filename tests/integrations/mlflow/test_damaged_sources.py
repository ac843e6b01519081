"""Damaged and odd things that MLflow left behind: told one by one, and no reason to stop."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput
from gitexp.integrations.mlflow.database_source import DatabaseSource
from gitexp.integrations.mlflow.importing import ImportReport, import_mlflow
from gitexp.project.workspace import Workspace
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from tests.integrations.mlflow import leftovers
from tests.integrations.mlflow.leftovers import BEGAN, CHILD, MODEL, RUN


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The directory of the experiment `tone`, with a sound run in it."""
    place = leftovers.experiment(tmp_path / "mlruns", "3", "tone")
    leftovers.run(place, CHILD, run_name="sound")
    return place


def imported(workspace: Workspace, place: Path) -> ImportReport:
    return import_mlflow(workspace, str(place), base=Path("/"))


def runs(workspace: Workspace) -> dict[str, Run]:
    found = search(workspace, RunQuery(lifecycle="all", limit=None)).runs
    return {run.name: run for run in found}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": 9}, "IndexError: tuple index out of range"),
        ({"start_time": "soon"}, "ValueError: invalid literal for int() with base 10: 'soon'"),
        ({"end_time": "[1]"}, "TypeError: int() argument must be a string"),
    ],
)
def test_a_run_with_a_wrong_field_is_told_and_the_others_come_in(
    workspace: Workspace, place: Path, fields: dict[str, object], reason: str
) -> None:
    leftovers.run(place, RUN, **fields)
    report = imported(workspace, place.parent)
    assert list(runs(workspace)) == ["sound"]
    (problem,) = report.problems
    assert problem.startswith(f"3/{RUN} cannot be read: {reason}")


def test_a_value_that_was_written_by_half_is_told(workspace: Workspace, place: Path) -> None:
    leftovers.write(leftovers.run(place, RUN) / "metrics" / "m", f"{BEGAN} 0.5 0\n{BEGAN}")
    assert imported(workspace, place.parent).problems == [
        f"3/{RUN} cannot be read: IndexError: list index out of range"
    ]


def test_a_step_beyond_64_bits_is_told(workspace: Workspace, place: Path) -> None:
    leftovers.write(leftovers.run(place, RUN) / "metrics" / "m", f"{BEGAN} 0.5 {2**63}\n")
    (problem,) = imported(workspace, place.parent).problems
    assert problem == f"run {RUN}: step {2**63} is no whole number of 64 bits"
    assert list(runs(workspace)) == ["sound"]


def test_a_parent_that_cannot_be_read_is_no_reason_to_stop(
    workspace: Workspace, place: Path
) -> None:
    leftovers.run(place, RUN, start_time="soon")
    leftovers.write(place / CHILD / "tags" / "mlflow.parentRunId", RUN)
    assert imported(workspace, place.parent).added == 1


def test_an_experiment_with_a_wrong_field_is_told(workspace: Workspace, place: Path) -> None:
    leftovers.experiment(place.parent, "4", "other", creation_time="soon")
    report = imported(workspace, place.parent)
    assert report.experiments == ["tone"]
    assert report.problems[0].startswith("4 cannot be read: ValueError: ")


@pytest.mark.parametrize("name", ["4", "3/" + RUN])
def test_what_cannot_be_looked_at_is_told(workspace: Workspace, place: Path, name: str) -> None:
    (place.parent / name).symlink_to(place.parent / name)
    report = imported(workspace, place.parent)
    assert report.added == 1
    assert report.problems[0].startswith(f"{name} cannot be read: OSError: ")


@pytest.mark.parametrize("name", ["models", "traces"])
def test_a_directory_that_cannot_be_looked_into_is_told(
    workspace: Workspace, place: Path, name: str
) -> None:
    (place / name).symlink_to(place / name)
    report = imported(workspace, place.parent)
    assert report.added == 1
    (problem,) = report.problems
    assert problem.startswith(f"3/{name} cannot be read: OSError: ")


@pytest.mark.parametrize("uri", ["x" * 300, "file:///" + "x" * 300])
def test_an_address_that_can_be_of_no_file_is_of_no_artifacts(
    workspace: Workspace, place: Path, uri: str
) -> None:
    leftovers.run(place, RUN, artifact_uri=f'"{uri}"')
    assert imported(workspace, place.parent).problems == []
    assert runs(workspace)["first"].artifacts == ()


def test_relative_addresses_start_where_the_database_stands(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = leftovers.database(tmp_path / "mlflow.db")
    leftovers.write(tmp_path / "mlruns" / "3" / "artifacts" / "a.txt", "x")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE runs SET artifact_uri = './mlruns/3/artifacts'")
    report = imported(workspace, path)
    assert (report.artifacts, report.elsewhere) == (2, 0)


def test_artifacts_that_stand_elsewhere_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    assert imported(workspace, leftovers.database(tmp_path / "mlflow.db")).elsewhere == 1


def test_a_damaged_database_is_said_to_be_damaged(workspace: Workspace, tmp_path: Path) -> None:
    path = leftovers.database(tmp_path / "mlflow.db")
    with sqlite3.connect(path) as database:
        row = "INSERT INTO metrics VALUES ('loss', 0.5, ?, ?, ?, 0)"
        database.executemany(row, [(BEGAN, RUN, step) for step in range(5000)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size - size // 2))
    with pytest.raises(InvalidInput) as caught:
        imported(workspace, path)
    assert str(caught.value) == f"{path} cannot be read: database disk image is malformed"


def test_runs_with_very_many_values_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = leftovers.database(tmp_path / "mlflow.db")
    counts = {RUN: 15, CHILD: 16, "0" * 32: 0}
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM metrics")
        database.execute("UPDATE runs SET experiment_id = 3")
        line = "INSERT INTO runs (run_uuid, experiment_id) VALUES (?, 3)"
        database.execute(line, ["0" * 32])
        for run_id, count in counts.items():
            row = f"INSERT INTO metrics VALUES ('m', 0.5, {BEGAN}, '{run_id}', ?, 0)"
            database.executemany(row, [(step,) for step in range(count)])
    source = DatabaseSource(path, points_at_once=20)
    (tone,) = [one for one in source.experiments() if one.name == "tone"]
    assert {run.id: len(run.metrics) for run in source.runs(tone)} == counts
    source.close()


def test_the_name_of_a_dataset_may_have_blanks(workspace: Workspace, place: Path) -> None:
    leftovers.run(place, RUN)
    model = place / "models" / MODEL
    moments = {"creation_timestamp": BEGAN, "last_updated_timestamp": BEGAN}
    leftovers.meta(model, name="ext", status=2, source_run_id=RUN, **moments)
    leftovers.write(model / "metrics" / "mm", f"{BEGAN} 2.0 3 {RUN} my rows 987cd74d\n")
    imported(workspace, place.parent)
    run = runs(workspace)["first"]
    (told,) = [v for k, v in run.tags.items() if k.startswith(f"mlflow.loggedModel/{MODEL}/")]
    assert told == f'{{"metrics":[["mm",2.0,3,{BEGAN},"my rows","987cd74d","{run.id}"]]}}'
