"""What a later import does with what changed in MLflow since, and with what stayed."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from gitexp.experiments import lifecycle
from gitexp.experiments.headers import read_header
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.integrations.mlflow.experiment_tags import SOURCE_TAG
from gitexp.integrations.mlflow.importing import ImportReport, import_mlflow
from gitexp.project.workspace import Workspace
from gitexp.repository import Repository
from gitexp.runs.artifacts.kept import open_artifact
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from gitexp.runs.tracking import starting
from gitexp.surroundings import Surroundings
from tests.integrations.mlflow import leftovers
from tests.integrations.mlflow.leftovers import BEGAN, CHILD, RUN


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tracking directory with one run of the experiment `tone`, and a file of it."""
    path = leftovers.run(leftovers.experiment(tmp_path / "mlruns", "3", "tone"), RUN)
    leftovers.write(path / "artifacts" / "model.bin", "first")
    return tmp_path / "mlruns"


def imported(workspace: Workspace, place: Path, *, artifacts: bool = True) -> ImportReport:
    return import_mlflow(workspace, str(place), base=Path("/"), artifacts=artifacts)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.artifacts


def only(workspace: Workspace) -> Run:
    (run,) = search(workspace, RunQuery(lifecycle="all", limit=None)).runs
    return run


def content(workspace: Workspace, path: str) -> bytes:
    with open_artifact(workspace, only(workspace), path) as file:
        return file.read()


# --- artifacts --------------------------------------------------------------------------------


def test_artifacts_that_were_left_out_come_in_later(workspace: Workspace, root: Path) -> None:
    assert counts(imported(workspace, root, artifacts=False)) == (1, 0, 0, 0)
    assert counts(imported(workspace, root)) == (0, 1, 0, 1)
    assert content(workspace, "model.bin") == b"first"


def test_leaving_artifacts_out_later_changes_nothing(workspace: Workspace, root: Path) -> None:
    imported(workspace, root)
    assert counts(imported(workspace, root, artifacts=False)) == (0, 0, 1, 0)
    assert content(workspace, "model.bin") == b"first"


@pytest.mark.parametrize("text", ["a longer text", "other"])
def test_another_content_of_an_artifact_is_a_later_version(
    workspace: Workspace, root: Path, text: str
) -> None:
    imported(workspace, root)
    leftovers.write(root / "3" / RUN / "artifacts" / "model.bin", text)
    assert counts(imported(workspace, root)) == (0, 1, 0, 1)
    assert content(workspace, "mlflow-versions/1/model.bin") == text.encode()
    assert content(workspace, "model.bin") == b"first"
    assert counts(imported(workspace, root)) == (0, 0, 1, 0)


def test_a_copy_of_what_was_imported_adds_nothing(
    workspace: Workspace, root: Path, tmp_path: Path
) -> None:
    imported(workspace, root)
    before = workspace.store.refs("refs/heads/")
    shutil.copytree(root, tmp_path / "copy" / "mlruns", copy_function=shutil.copyfile)
    assert counts(imported(workspace, tmp_path / "copy")) == (0, 0, 1, 0)
    assert workspace.store.refs("refs/heads/") == before


def test_an_artifact_that_could_not_be_kept_is_told_each_time(
    workspace: Workspace, root: Path
) -> None:
    leftovers.write(root / "3" / RUN / "artifacts" / "a:b", "x")
    first = imported(workspace, root)
    again = imported(workspace, root)
    assert len(first.problems) == 1
    assert again.problems == first.problems
    assert counts(again) == (0, 0, 1, 0)


def test_artifacts_that_are_gone_from_the_disk_stay_here(workspace: Workspace, root: Path) -> None:
    imported(workspace, root)
    shutil.rmtree(root / "3" / RUN / "artifacts")
    assert imported(workspace, root).problems == []
    assert content(workspace, "model.bin") == b"first"
    assert "mlflow.artifactUri" not in only(workspace).tags


def test_artifacts_that_come_back_are_not_said_to_be_elsewhere(
    workspace: Workspace, root: Path
) -> None:
    place = root / "3" / RUN / "artifacts"
    place.rename(root / "3" / RUN / "away")
    imported(workspace, root)
    assert "mlflow.artifactUri" in only(workspace).tags
    (root / "3" / RUN / "away").rename(place)
    imported(workspace, root)
    assert "mlflow.artifactUri" not in only(workspace).tags


# --- deleted and restored ---------------------------------------------------------------------


def test_a_run_that_was_restored_in_mlflow_is_restored(workspace: Workspace, root: Path) -> None:
    leftovers.run(root / "3", RUN, lifecycle_stage="deleted")
    imported(workspace, root)
    leftovers.run(root / "3", RUN)
    imported(workspace, root)
    run = only(workspace)
    assert (run.lifecycle, run.deleted_by) == ("active", None)


def test_a_run_that_was_restored_here_stays_so(workspace: Workspace, root: Path) -> None:
    leftovers.run(root / "3", RUN, lifecycle_stage="deleted")
    imported(workspace, root)
    starting.restore_run(workspace, only(workspace).id)
    leftovers.run(root / "3", RUN, lifecycle_stage="deleted", run_name="renamed")
    imported(workspace, root)
    run = only(workspace)
    assert (run.lifecycle, run.name) == ("active", "renamed")


def test_a_run_that_was_deleted_here_stays_so(workspace: Workspace, root: Path) -> None:
    imported(workspace, root)
    starting.delete_run(workspace, only(workspace).id)
    leftovers.run(root / "3", RUN, run_name="renamed")
    imported(workspace, root)
    run = only(workspace)
    assert (run.lifecycle, run.name) == ("deleted", "renamed")


def test_an_experiment_follows_what_mlflow_does_to_it(workspace: Workspace, root: Path) -> None:
    imported(workspace, root)
    stages = []
    for stage in ("deleted", "active"):
        leftovers.experiment(root, "3", "tone", lifecycle_stage=stage)
        leftovers.run(root / "3", RUN, lifecycle_stage=stage)
        imported(workspace, root)
        run = only(workspace)
        stages.append((read_header(workspace, "tone").lifecycle, run.lifecycle, run.deleted_by))
    assert stages == [("deleted", "deleted", "experiment"), ("active", "active", None)]


def test_an_experiment_that_was_restored_here_stays_so(workspace: Workspace, root: Path) -> None:
    leftovers.experiment(root, "3", "tone", lifecycle_stage="deleted")
    imported(workspace, root)
    lifecycle.restore(workspace, "tone")
    imported(workspace, root)
    assert read_header(workspace, "tone").lifecycle == "active"


def test_an_experiment_that_is_live_here_is_not_deleted(
    workspace: Workspace, surroundings: Surroundings, root: Path, tmp_path: Path
) -> None:
    imported(workspace, root)
    for order in ("init --quiet --bare shared", "-C bot remote add origin ../shared"):
        subprocess.run(["git", *order.split()], cwd=tmp_path, check=True, timeout=60)
    with Repository.open(tmp_path / "bot", surroundings=surroundings) as repository:
        repository.environments.create("production")
        experiment = repository.experiments.get("tone")
        experiment.commit({})
        experiment.share()
        experiment.promote("production")
    leftovers.experiment(root, "3", "tone", lifecycle_stage="deleted")
    for _ in range(2):
        (problem,) = imported(workspace, root).problems
        assert problem == (
            "experiment tone: it is deleted in MLflow and live here in production, so it stays; "
            "`gitexp experiment delete tone` deletes it"
        )
    assert read_header(workspace, "tone").lifecycle == "active"


def test_tags_that_an_experiment_got_since_come_in(workspace: Workspace, root: Path) -> None:
    imported(workspace, root)
    leftovers.write(root / "3" / "tags" / "team", "x")
    imported(workspace, root)
    assert read_header(workspace, "tone").tags["team"] == "x"


def test_an_import_that_stopped_before_an_experiment_was_deleted_is_made_whole(
    workspace: Workspace, root: Path
) -> None:
    leftovers.experiment(root, "3", "tone", lifecycle_stage="deleted")
    origin = {SOURCE_TAG: f"3@{BEGAN}"}
    lifecycle.create(workspace, NewExperiment(name="tone", tags=origin))
    imported(workspace, root)
    assert read_header(workspace, "tone").lifecycle == "deleted"


def test_runs_that_come_into_a_deleted_experiment_are_told(
    workspace: Workspace, root: Path, tmp_path: Path
) -> None:
    leftovers.experiment(root, "3", "tone", lifecycle_stage="deleted")
    imported(workspace, root)
    other = leftovers.experiment(tmp_path / "b" / "mlruns", "8", "tone", creation_time=BEGAN + 1)
    leftovers.run(other, CHILD)
    (problem,) = imported(workspace, tmp_path / "b").problems
    assert problem == (
        "experiment tone is deleted here, so its runs are hidden; "
        "`gitexp experiment restore tone` brings them back"
    )


def test_a_run_that_goes_on_in_a_database_ends_with_a_later_import(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = leftovers.database(tmp_path / "mlflow.db")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL")
    imported(workspace, path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE runs SET status = 'FINISHED', end_time = ?", [BEGAN + 9])
    assert counts(imported(workspace, path)) == (0, 2, 0, 0)
    found = search(workspace, RunQuery(lifecycle="all", limit=None)).runs
    assert {(run.status, "mlflow.status" in run.tags) for run in found} == {("finished", False)}
