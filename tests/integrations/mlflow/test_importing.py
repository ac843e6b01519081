from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.headers import read_header
from gitexp.integrations.mlflow.importing import ImportReport, import_mlflow
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.kept import open_artifact
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from tests.integrations.mlflow import leftovers
from tests.integrations.mlflow.leftovers import BEGAN, CHILD, MODEL, RUN


def imported(workspace: Workspace, place: Path) -> ImportReport:
    return import_mlflow(workspace, str(place), base=Path("/"))


def runs(workspace: Workspace) -> dict[str, Run]:
    """Return the runs by their ids in MLflow."""
    found = search(workspace, RunQuery(lifecycle="all", limit=None)).runs
    return {run.tags["mlflow.run_id"]: run for run in found}


def test_a_tracking_directory_comes_in_whole(workspace: Workspace, tmp_path: Path) -> None:
    report = imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    assert report.to_dict() == {
        "experiments": ["my-exp-one"],
        "created": ["my-exp-one"],
        "added": 2,
        "changed": 0,
        "unchanged": 0,
        "artifacts": 2,
        "elsewhere": 0,
        "left_out": {},
        "problems": [],
    }
    run = runs(workspace)[RUN]
    assert (run.name, run.status, run.who, run.description) == (
        "first",
        "finished",
        "ada",
        "two\nlines\n",
    )
    assert (run.duration_seconds, run.params) == (1.5, {"a/b c": "x: y"})
    assert run.metrics["loss/train"] == MetricPoint(0.25, 1, BEGAN + 1)
    assert run.inputs == (
        {
            "name": "rows",
            "digest": "987cd74d",
            "source_type": "code",
            "source": "s",
            "tags": {"a": "b"},
        },
    )


def test_every_value_of_a_metric_comes_in(workspace: Workspace, tmp_path: Path) -> None:
    imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    run = runs(workspace)[RUN]
    history = ledger.metric_history(workspace, run.id, "odd")
    told = [(repr(point.value), point.step, point.timestamp) for point in history]
    assert told == [("-inf", -2, BEGAN), ("nan", 0, BEGAN), ("7.0", 0, BEGAN), ("inf", 1, BEGAN)]


def test_artifacts_come_in_from_beside_the_run(workspace: Workspace, tmp_path: Path) -> None:
    imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    run = runs(workspace)[RUN]
    assert [artifact.path for artifact in run.artifacts] == [
        "dir/hello.txt",
        f"mlflow-models/{MODEL}/MLmodel",
    ]
    with open_artifact(workspace, run, "dir/hello.txt") as content:
        assert content.read() == b"hello"


def test_artifacts_may_stay_where_they_are(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.tracking_directory(tmp_path / "mlruns")
    report = import_mlflow(workspace, str(place), base=Path("/"), artifacts=False)
    assert (report.added, report.artifacts) == (2, 0)


def test_a_logged_model_stands_on_the_run_that_made_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    run = runs(workspace)[RUN]
    assert json.loads(run.tags[f"mlflow.loggedModel/{MODEL}"]) == {
        "name": "ext",
        "type": "agent",
        "run": run.id,
        "status": "READY",
        "status_message": None,
        "created": BEGAN,
        "updated": BEGAN + 1,
        "params": {"p": "1"},
        "tags": {},
    }
    (metrics,) = [k for k in run.tags if k.startswith(f"mlflow.loggedModel/{MODEL}/")]
    row = ["mm", 2.0, 3, BEGAN, "rows", "987cd74d", run.id]
    assert json.loads(run.tags[metrics]) == {"metrics": [row]}
    assert json.loads(run.tags["mlflow.loggedModels"]) == {"inputs": [MODEL]}


def test_a_run_that_never_ended_is_killed_when_it_was_last_heard_of(
    workspace: Workspace, tmp_path: Path
) -> None:
    imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    first, child = (runs(workspace)[one] for one in (RUN, CHILD))
    assert (child.status, child.duration_seconds, child.tags["mlflow.status"]) == (
        "killed",
        2.0,
        "RUNNING",
    )
    assert child.error is not None
    assert (child.parent, child.tags["mlflow.parentRunId"]) == (first.id, first.id)


def test_the_experiment_keeps_name_number_and_tags(workspace: Workspace, tmp_path: Path) -> None:
    imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    assert read_header(workspace, "my-exp-one").tags == {
        "team": "x",
        "mlflow.experimentName": "My Exp/One",
        "mlflow.experimentId": "131985663220231815",
        "mlflow.creationTime": str(BEGAN),
        "mlflow.lastUpdateTime": str(BEGAN),
        "mlflow.formerArtifactLocation": "file:///gone/131985663220231815",
        "mlflow.importedFrom": f"131985663220231815@{BEGAN}",
        "mlflow.importedState": '{"deleted":false,"tags":"5083f660bc8e87c2"}',
    }


def test_importing_again_adds_nothing(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.tracking_directory(tmp_path / "mlruns")
    imported(workspace, place)
    before = workspace.store.refs("refs/heads/")
    report = imported(workspace, place)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 2)
    assert workspace.store.refs("refs/heads/") == before


def test_the_ids_are_the_same_in_every_project(workspace: Workspace, tmp_path: Path) -> None:
    imported(workspace, leftovers.tracking_directory(tmp_path / "mlruns"))
    assert [runs(workspace)[one].id for one in (RUN, CHILD)] == [
        "20260102T030405-bdw22ya7",
        "20260102T030405-w4za4spr",
    ]


def test_what_changed_since_is_added_beside_the_run(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.tracking_directory(tmp_path / "mlruns")
    imported(workspace, place)
    experiment = place / "131985663220231815"
    leftovers.run(experiment, CHILD, run_name="second", end_time=BEGAN + 5000)
    leftovers.write(experiment / CHILD / "metrics" / "m", f"{BEGAN + 2000} 1 0\n{BEGAN} 3 1\n")
    leftovers.write(experiment / CHILD / "params" / "late", "1")
    leftovers.write(experiment / CHILD / "artifacts" / "late.txt", "late")
    report = imported(workspace, place)
    assert (report.added, report.changed, report.unchanged, report.artifacts) == (0, 1, 1, 1)
    child = runs(workspace)[CHILD]
    assert (child.status, child.error, child.duration_seconds) == ("finished", None, 5.0)
    assert (child.params, "mlflow.status" in child.tags) == ({"late": "1"}, False)
    points = ledger.metric_history(workspace, child.id, "m")
    assert [(point.value, point.step) for point in points] == [(1.0, 0), (3.0, 1)]
    with open_artifact(workspace, child, "late.txt") as content:
        assert content.read() == b"late"
    assert imported(workspace, place).unchanged == 2


def test_a_database_of_an_old_version_comes_in(workspace: Workspace, tmp_path: Path) -> None:
    report = imported(workspace, leftovers.database(tmp_path / "mlflow.db"))
    assert (report.experiments, report.added, report.elsewhere, report.left_out) == (
        ["tone", "old"],
        2,
        1,
        {"traces": 1},
    )
    run = runs(workspace)[RUN]
    assert (run.experiment, run.status, run.params) == ("tone", "failed", {"lr": "0.1"})
    assert run.code.commit == "c" * 40
    assert run.tags["mlflow.artifactUri"] == "s3://b/x"
    history = ledger.metric_history(workspace, run.id, "odd")
    assert math.isnan(history[0].value)
    assert history[1].value == -math.inf


def test_deleted_experiments_and_runs_stay_deleted(workspace: Workspace, tmp_path: Path) -> None:
    imported(workspace, leftovers.database(tmp_path / "mlflow.db"))
    assert read_header(workspace, "old").lifecycle == "deleted"
    run = runs(workspace)[CHILD]
    assert (run.lifecycle, run.deleted_by) == ("deleted", "experiment")


def test_a_deleted_run_of_an_active_experiment_is_deleted_by_itself(
    workspace: Workspace, tmp_path: Path
) -> None:
    place = leftovers.experiment(tmp_path / "mlruns", "3", "tone")
    leftovers.run(place, RUN, lifecycle_stage="deleted")
    imported(workspace, tmp_path / "mlruns")
    run = runs(workspace)[RUN]
    assert (run.lifecycle, run.deleted_by) == ("deleted", "run")


def test_a_damaged_run_is_told_and_the_others_come_in(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.tracking_directory(tmp_path / "mlruns") / "131985663220231815"
    leftovers.write(place / CHILD / "metrics" / "m", "one two three\n")
    report = imported(workspace, tmp_path / "mlruns")
    assert report.added == 1
    (problem,) = report.problems
    assert problem == (
        f"131985663220231815/{CHILD} cannot be read: ValueError: "
        "could not convert string to float: 'two'"
    )


def test_the_id_in_a_file_is_not_trusted(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.experiment(tmp_path / "mlruns", "3", "tone")
    path = leftovers.run(place, RUN)
    text = (path / "meta.yaml").read_text(encoding="utf-8")
    (path / "meta.yaml").write_text(text.replace(f"run_id: {RUN}", "run_id: ../../x"))
    imported(workspace, tmp_path / "mlruns")
    assert list(runs(workspace)) == [RUN]


def test_an_artifact_that_gitexp_cannot_keep_is_told(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.experiment(tmp_path / "mlruns", "3", "tone")
    path = leftovers.run(place, RUN)
    leftovers.write(path / "artifacts" / "a%2e%2e%2fb.txt", "x")
    leftovers.write(path / "artifacts" / "good.txt", "x")
    report = imported(workspace, tmp_path / "mlruns")
    assert (report.added, report.artifacts, len(report.problems)) == (1, 1, 1)
    assert report.problems[0].startswith(f"artifact a%2e%2e%2fb.txt of run {RUN}: ")


def test_a_link_out_of_the_artifacts_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.experiment(tmp_path / "mlruns", "3", "tone")
    path = leftovers.run(place, RUN)
    leftovers.write(tmp_path / "secret", "secret")
    (path / "artifacts").mkdir()
    (path / "artifacts" / "link").symlink_to(tmp_path / "secret")
    report = imported(workspace, tmp_path / "mlruns")
    assert (report.added, report.artifacts, len(report.problems)) == (1, 0, 1)


def test_a_number_that_is_taken_is_not_given_twice(workspace: Workspace, tmp_path: Path) -> None:
    for name, run_id, created in (("one", RUN, BEGAN), ("two", CHILD, BEGAN + 1)):
        root = tmp_path / name / "mlruns"
        place = leftovers.experiment(root, "3", name, creation_time=created)
        leftovers.run(place, run_id)
        imported(workspace, tmp_path / name)
    assert read_header(workspace, "one").tags["mlflow.experimentId"] == "3"
    assert "mlflow.experimentId" not in read_header(workspace, "two").tags


def test_runs_go_into_the_experiment_of_their_name(workspace: Workspace, tmp_path: Path) -> None:
    place = leftovers.experiment(tmp_path / "a" / "mlruns", "3", "tone")
    leftovers.run(place, RUN)
    other = leftovers.experiment(tmp_path / "b" / "mlruns", "8", "tone", creation_time=BEGAN + 1)
    leftovers.run(other, CHILD)
    assert imported(workspace, tmp_path / "a").created == ["tone"]
    assert imported(workspace, tmp_path / "b").created == []
    assert {run.experiment for run in runs(workspace).values()} == {"tone"}


def test_an_address_of_a_database_is_understood(workspace: Workspace, tmp_path: Path) -> None:
    path = leftovers.database(tmp_path / "mlflow.db")
    assert import_mlflow(workspace, f"sqlite:///{path}", base=tmp_path).added == 2
    assert import_mlflow(workspace, "mlflow.db", base=tmp_path).unchanged == 2
    assert import_mlflow(workspace, ".", base=tmp_path).unchanged == 2


def test_where_nothing_was_tracked_nothing_can_be_imported(
    workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(NotFound) as caught:
        import_mlflow(workspace, "missing", base=tmp_path)
    assert str(caught.value) == (
        f"there is no tracking directory or database of MLflow at {tmp_path / 'missing'}"
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound) as caught:
        import_mlflow(workspace, "empty", base=tmp_path)
    assert str(caught.value) == f"{tmp_path / 'empty'} holds nothing that MLflow tracked"


def test_other_addresses_and_other_files_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        import_mlflow(workspace, "http://localhost:5000", base=tmp_path)
    assert str(caught.value) == "cannot import from http addresses: 'http://localhost:5000'"
    leftovers.write(tmp_path / "note.db", "not a database, and long enough to be taken for one")
    with pytest.raises(InvalidInput) as caught:
        import_mlflow(workspace, "note.db", base=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'note.db'} cannot be read as an SQLite database: file is not a database"
    )
