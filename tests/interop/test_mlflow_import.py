"""What MLflow itself wrote, imported: every field of it is read back through MLflow's interface."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitexp.integrations.mlflow.importing import import_mlflow
from gitexp.integrations.mlflow.plugin import artifact_repository, tracking_store
from gitexp.repository import Repository
from tests.integrations.mlflow import leftovers
from tests.integrations.mlflow.leftovers import BEGAN, MODEL, RUN
from tests.interop.mlflow_stores import IDENTITY, QUIET, Both, new_project, python, quiet

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]

FILLED = """
import sys
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
number = client.create_experiment("My Exp/One", tags={"team": "x"})
mlflow.set_experiment("My Exp/One")
with mlflow.start_run(run_name="first", description="two\\nlines") as run:
    mlflow.log_params({"lr": 0.1, "a/b c": "x: y", "empty": "", "long": "x" * 5000})
    for step in range(50):
        mlflow.log_metric("loss/train", 1 / (step + 1), step=step, timestamp=1000 + step)
    for step, value in enumerate((float("nan"), float("inf"), float("-inf"))):
        mlflow.log_metric("odd", value, step=-step, timestamp=2000)
    mlflow.set_tags({"k": "ünï", "with space": "v"})
    mlflow.log_text("hi", "dir/hello.txt")
    dataset = Dataset("d1", "987cd74d", "code", "{}", schema="s", profile="p")
    context = InputTag("mlflow.data.context", "t")
    client.log_inputs(run.info.run_id, [DatasetInput(dataset, [context])])
    with mlflow.start_run(nested=True, run_name="child"):
        mlflow.log_metric("m", 1)
    made = mlflow.create_external_model(name="ext", model_type="agent", params={"p": "1"})
    mlflow.log_metric("mm", 2.0, step=3, model_id=made.model_id)
    client.log_outputs(run.info.run_id, [LoggedModelOutput(made.model_id, 4)])
alone = client.create_logged_model(number, name="alone")
client.set_terminated(client.create_run(number, run_name="failed").info.run_id, "FAILED", 5)
client.delete_run(client.create_run(number, run_name="gone").info.run_id)
client.create_run(number, run_name="endless")
other = client.create_experiment("gone")
client.create_run(other, run_name="with it")
client.delete_experiment(other)
"""


@pytest.fixture(scope="module", params=["files", "database"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of what MLflow wrote itself: a tracking directory, or a database."""
    place = tmp_path_factory.mktemp("theirs")
    files, database = f"file://{place}/mlruns", f"sqlite:///{place}/mlflow.db"
    address = files if request.param == "files" else database
    given = {**IDENTITY, **QUIET, "MLFLOW_ALLOW_FILE_STORE": "true", "HOME": str(place)}
    done = python(FILLED, address, environ={**os.environ, **given}, directory=place)
    assert done.returncode == 0, done.stderr
    return address


@pytest.fixture
def both(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    """gitexp's store after an import, and the store that was imported."""
    for key, value in {**IDENTITY, **QUIET, "MLFLOW_ALLOW_FILE_STORE": "true"}.items():
        monkeypatch.setenv(key, value)
    uri = new_project(tmp_path / "bot")
    with Repository.open(tmp_path / "bot") as repository:
        report = import_mlflow(repository.workspace, filled, base=tmp_path)
    assert report.problems == []
    with quiet():
        return Both(tracking_store(uri), _theirs(filled))


def _theirs(address: str) -> Any:
    if address.startswith("file:"):
        from mlflow.store.tracking.file_store import FileStore

        return FileStore(address)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(address, "mlruns")


def _runs(store: Any) -> dict[str, Any]:
    numbers = [one.experiment_id for one in store.search_experiments(view_type=3)]
    found = store.search_runs(numbers, "", 3)
    return {run.info.run_name: store.get_run(run.info.run_id) for run in found}


def test_experiments_keep_their_ids_names_tags_and_times(both: Both) -> None:
    ours, theirs = (
        {one.name: one for one in store.search_experiments(view_type=3)}
        for store in (both.ours, both.theirs)
    )
    assert ours.keys() == theirs.keys()
    for name in ("My Exp/One", "gone"):
        assert both.plain(ours[name]) == both.plain(theirs[name])
        assert ours[name].creation_time == theirs[name].creation_time


def test_every_run_is_what_it_was(both: Both) -> None:
    ours, theirs = _runs(both.ours), _runs(both.theirs)
    assert sorted(ours) == ["child", "endless", "failed", "first", "gone", "with it"]
    for name, run in theirs.items():
        both.ids |= {run.info.run_id: name, ours[name].info.run_id: name}
    for name, run in theirs.items():
        mine, theirs_plain = both.plain(ours[name]), both.plain(run)
        kept = mine["_data"]["_tags"].pop("mlflow.run_id")
        assert kept == name
        status = mine["_data"]["_tags"].pop("mlflow.status", None)
        mine["_data"]["_tags"].pop("mlflow.artifactUri", None)
        if status:  # gitexp does not let a run go on for ever that nobody continues
            assert status == theirs_plain["_info"]["_status"] == "RUNNING"
            mine["_info"]["_status"] = "RUNNING"
            mine["_info"]["_end_time"] = "NoneType"
        for metric in (*mine["_data"]["_metric_objs"], *theirs_plain["_data"]["_metric_objs"]):
            metric.pop("_run_id")  # MLflow's two stores do not agree whether to tell it
        ours_told, theirs_told = (_without_infinities(one) for one in (mine, theirs_plain))
        assert ours_told == theirs_told, f"{ours_told}\n{theirs_told}"


def _without_infinities(value: Any) -> Any:
    """Return data with the numbers that SQL has for infinities as these."""
    if isinstance(value, dict):
        return {key: _without_infinities(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_infinities(one) for one in value]
    if isinstance(value, float) and abs(value) == 1.7976931348623157e308:
        return float("inf") if value > 0 else float("-inf")
    return value


def test_every_value_of_every_metric_is_there(both: Both) -> None:
    ours, theirs = _runs(both.ours), _runs(both.theirs)
    for name, run in theirs.items():
        for key in run.data.metrics:
            old, new = (
                sorted(
                    (repr(_without_infinities(m.value)), m.timestamp, m.step)
                    for m in store.get_metric_history(one.info.run_id, key)
                )
                for store, one in ((both.theirs, run), (both.ours, ours[name]))
            )
            assert old == new


def test_a_run_is_still_found_by_its_former_id(both: Both) -> None:
    former = _runs(both.theirs)["first"].info.run_id
    assert both.ours.get_run(former).info.run_name == "first"


def test_models_keep_their_ids_and_files(both: Both, tmp_path: Path) -> None:
    runs = (_runs(both.ours), _runs(both.theirs))
    for found in runs:
        both.ids |= {run.info.run_id: name for name, run in found.items()}
    for model in both.theirs.search_logged_models(
        [one.experiment_id for one in both.theirs.search_experiments(view_type=3)]
    ):
        mine = both.plain(both.ours.get_logged_model(model.model_id))
        old = both.plain(model)
        for one in (mine, old):
            one["_metrics"] = one["_metrics"] or []
        assert mine == old
        place = both.ours.get_logged_model(model.model_id).artifact_location
        names = [file.path for file in artifact_repository(place).list_artifacts()]
        assert names == (["MLmodel"] if model.name == "ext" else [])


def test_artifacts_are_where_mlflow_looks_for_them(both: Both, tmp_path: Path) -> None:
    run = _runs(both.ours)["first"]
    artifacts = artifact_repository(run.info.artifact_uri)
    got = artifacts.download_artifacts("dir/hello.txt", str(tmp_path))
    assert Path(got).read_text() == "hi"


def test_restoring_brings_back_what_was_deleted_with_the_experiment(both: Both) -> None:
    number = both.ours.get_experiment_by_name("gone").experiment_id
    both.ours.restore_experiment(number)
    assert [run.info.run_name for run in both.ours.search_runs([number], "", 1)] == ["with it"]


def test_importing_again_adds_nothing(both: Both, filled: str, tmp_path: Path) -> None:
    with Repository.open(tmp_path / "bot") as repository:
        report = import_mlflow(repository.workspace, filled, base=tmp_path)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 7)


def test_values_of_a_model_are_not_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in IDENTITY.items():
        monkeypatch.setenv(key, value)
    place = leftovers.experiment(tmp_path / "mlruns", "3", "tone")
    leftovers.run(place, RUN)
    moments = {"creation_timestamp": BEGAN, "last_updated_timestamp": BEGAN}
    leftovers.meta(place / "models" / MODEL, name="ext", status=2, source_run_id=RUN, **moments)
    uri, lines = new_project(tmp_path / "bot"), ""
    for values in ("1.0 0", "1.0 0", "2.0 1"):
        lines += f"{BEGAN} {values} {RUN}\n"
        leftovers.write(place / "models" / MODEL / "metrics" / "mm", lines)
        with Repository.open(tmp_path / "bot") as repository:
            import_mlflow(repository.workspace, str(place.parent), base=tmp_path)
    with quiet():
        found = tracking_store(uri).get_logged_model(MODEL).metrics
    assert [(metric.value, metric.step) for metric in found] == [(1.0, 0), (2.0, 1)]
