"""What the tracking store refuses leaves nothing behind, and what it takes it gives back."""

from __future__ import annotations

import os
import subprocess
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.integrations.mlflow.plugin import artifact_repository, tracking_store
from gitexp.repository import Repository
from tests.interop.mlflow_stores import IDENTITY, QUIET, new_project, quiet
from tests.runs.making import make_run, run_id

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]

FINISHED = 3


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of a new project."""
    for key, value in {**IDENTITY, **QUIET, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(key, value)
    return new_project(tmp_path / "bot")


@pytest.fixture
def store(address: str) -> Any:
    with quiet():
        return tracking_store(address)


@pytest.fixture
def run(store: Any) -> Any:
    return store.create_run("0", "ada", 0, [], "first").info


@pytest.mark.parametrize(
    ("timestamp", "step", "told"),
    [
        (0, 2**63, f"step {2**63} is no whole number of 64 bits"),
        (0, -(2**64), f"step -{2**64} is no whole number of 64 bits"),
        (0, float("inf"), "step inf is no whole number of 64 bits"),
        (2**63, 0, f"timestamp {2**63} is no whole number of 64 bits"),
    ],
)
def test_a_metric_that_no_reader_could_take_is_refused(
    store: Any, run: Any, timestamp: int, step: float, told: str
) -> None:
    from mlflow.entities import Metric
    from mlflow.exceptions import MlflowException

    wrong = Metric("m", 1, timestamp, step)
    batch: Any = [Metric("n", 1, 0, 0), wrong], [], []
    for method, arguments in (("log_metric", (wrong,)), ("log_batch", batch)):
        with pytest.raises(MlflowException) as caught:
            getattr(store, method)(run.run_id, *arguments)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
        assert caught.value.message.startswith(told)
    assert store.get_run(run.run_id).data.metrics == {}


@pytest.mark.parametrize(("step", "timestamp"), [(3.0, 7.9), (3.9, 7)])
def test_steps_and_times_are_whole_numbers(
    store: Any, run: Any, step: float, timestamp: float
) -> None:
    from mlflow.entities import Metric

    store.log_metric(run.run_id, Metric("m", 1, timestamp, step))
    (point,) = store.get_metric_history(run.run_id, "m")
    assert (point.step, point.timestamp) == (3, 7)


def test_a_tag_that_mlflow_is_not_shown_cannot_be_removed(store: Any, run: Any) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        store.delete_tag(run.run_id, "mlflow.userId")
    assert caught.value.message == f"No tag with name: mlflow.userId in run with id {run.run_id}"
    assert store.get_run(run.run_id).info.user_id == "ada"


@pytest.mark.parametrize("ended", [False, True])
def test_a_note_that_is_removed_is_no_description_any_more(
    store: Any, run: Any, tmp_path: Path, ended: bool
) -> None:
    from mlflow.entities import RunTag

    store.set_tag(run.run_id, RunTag("mlflow.note.content", "why"))
    if ended:
        store.update_run_info(run.run_id, FINISHED, 5, None)
    store.delete_tag(run.run_id, "mlflow.note.content")
    with Repository.open(tmp_path / "bot") as repository:
        assert repository.runs.get(run.run_id).description == ""


def test_an_experiment_that_cannot_be_deleted_keeps_its_runs(
    store: Any, run: Any, tmp_path: Path
) -> None:
    from mlflow.exceptions import MlflowException

    store.update_run_info(run.run_id, FINISHED, 5, None)
    gone = ["git", "-C", str(tmp_path / "bot"), "remote", "add", "origin", str(tmp_path / "gone")]
    subprocess.run(gone, env=os.environ, check=True, timeout=60)
    with pytest.raises(MlflowException):
        store.delete_experiment("0")
    assert store.get_experiment("0").lifecycle_stage == "active"
    assert store.get_run(run.run_id).info.lifecycle_stage == "active"


def test_a_deletion_that_stopped_half_way_is_taken_back(
    store: Any, run: Any, tmp_path: Path
) -> None:
    store.update_run_info(run.run_id, FINISHED, 5, None)
    with Repository.open(tmp_path / "bot") as repository:
        repository.experiments.get("default").delete()
    store.restore_experiment("0")
    assert store.get_experiment("0").lifecycle_stage == "active"
    assert store.get_run(run.run_id).info.lifecycle_stage == "active"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_one_in_all_its_unicode_forms(run: Any, tmp_path: Path, form: Any) -> None:
    artifacts = artifact_repository(run.artifact_uri)
    name = unicodedata.normalize(form, "é.txt")
    for text in ("one", "two", "two"):
        (tmp_path / name).write_text(text)
        artifacts.log_artifact(str(tmp_path / name), name.removesuffix(".txt"))
    (directory,) = artifacts.list_artifacts()
    (file,) = artifacts.list_artifacts(name.removesuffix(".txt"))
    assert (directory.path, file.file_size) == (unicodedata.normalize("NFC", "é"), 3)
    (tmp_path / "got").mkdir()
    got = artifacts.download_artifacts(f"{name[:-4]}/{name}", str(tmp_path / "got"))
    assert Path(got).read_text() == "two"


def test_models_that_two_processes_gave_one_run_at_once_are_both_there() -> None:
    from gitexp.integrations.mlflow.models import models_on

    texts = ["m-1", "m-1/0f3a", "m-2", "m-2/77be"]
    given = {f"mlflow.loggedModel/{text}": "{}" for text in texts}
    # Each of the two knew of its own model alone; the one that wrote last left this.
    run = replace(make_run(run_id(1)), tags={**given, "mlflow.loggedModels": '{"here":["m-2"]}'})
    assert models_on(run) == ["m-1", "m-2"]
