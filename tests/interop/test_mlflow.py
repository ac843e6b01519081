"""Training code that knows MLflow alone, MLflow's server, and what they leave in the repository."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitexp.integrations.mlflow.plugin import artifact_repository, tracking_store
from gitexp.repository import Repository
from gitexp.runs.artifacts.kept import open_artifact
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.run import Run
from gitexp.runs.searching import RunQuery, search
from tests.interop.mlflow_stores import IDENTITY, QUIET, new_project, python, quiet

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]

RUNNING, FINISHED = 1, 3


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment of a program that tracks into the project `bot`."""
    given = {**IDENTITY, **QUIET, "HOME": str(tmp_path), "GIT_PYTHON_REFRESH": "quiet"}
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    address = new_project(tmp_path / "bot")
    return {**os.environ, "MLFLOW_TRACKING_URI": address}


def recorded(directory: Path, **query: Any) -> list[Run]:
    """Return the runs of a project as gitexp finds them, oldest first."""
    with Repository.open(directory) as repository:
        found = search(repository.workspace, RunQuery(order_by=["created_at ASC"], **query))
        return list(found.runs)


def content(directory: Path, run: Run, path: str) -> bytes:
    with (
        Repository.open(directory) as repository,
        open_artifact(repository.workspace, run, path) as file,
    ):
        return file.read()


def ran(script: str, environ: dict[str, str]) -> str:
    done = python(script, environ=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the fluent interface ---------------------------------------------------------------------

TRAIN = """
import mlflow
mlflow.set_experiment("My Experiment")
with mlflow.start_run(run_name="first", tags={"team": "x"}, description="why") as run:
    mlflow.log_params({"lr": 0.1, "layers": [1, 2]})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({"a": 1}, "config.json")
    mlflow.log_table({"x": [1]}, "table.json")
    mlflow.log_table({"x": [2]}, "table.json")
    with mlflow.start_run(nested=True, run_name="inner"):
        mlflow.log_metric("m", float("inf"))
found = mlflow.search_runs(filter_string="params.lr = '0.1'", order_by=["metrics.loss"])
print(found["metrics.loss"].tolist(), found["tags.team"].tolist(), found["status"].tolist())
print(mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/hello.txt"))
print(mlflow.load_table("table.json", run_ids=[run.info.run_id])["x"].tolist())
print(sorted(f.path for f in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)))
"""


def test_training_code_logs_into_the_repository(environ: dict[str, str], tmp_path: Path) -> None:
    told = ran(TRAIN, environ).splitlines()
    assert told == [
        "[0.3333333333333333] ['x'] ['FINISHED']",
        "hello",
        "[1, 2]",
        "['config.json', 'notes', 'table.json']",
    ]
    first, inner = recorded(tmp_path / "bot")
    assert (first.experiment, first.name, first.status, first.description) == (
        "my-experiment",
        "first",
        "finished",
        "why",
    )
    assert first.params == {"lr": "0.1", "layers": "[1, 2]"}
    assert first.metrics["loss"][:2] == (1 / 3, 2)
    assert (first.tags["team"], first.version) == ("x", None)
    assert (inner.parent, inner.metrics["m"].value) == (first.id, float("inf"))
    assert content(tmp_path / "bot", first, "notes/hello.txt") == b"hello"
    assert first.machine.argv == ("-c",)


def test_a_run_can_name_the_version_whose_parameters_it_uses(
    environ: dict[str, str], tmp_path: Path
) -> None:
    definition = tmp_path / "bot" / "gitexp.yaml"
    slots = "parameters:\n  temperature:\n    type: number\n    default: 0.7\n"
    definition.write_text(f"format: 1\n\nid: bot\n\n{slots}", encoding="utf-8")
    git = ["git", "-C", str(tmp_path / "bot")]
    subprocess.run([*git, "commit", "-qam", "slots"], env=environ, check=True, timeout=60)
    with Repository.open(tmp_path / "bot") as repository:
        saved = repository.experiments.create("tone").commit({"temperature": 0.9})
    ran(
        "import mlflow; mlflow.set_experiment('tone')\n"
        "with mlflow.start_run(tags={'gitexp.version': 'latest'}): mlflow.log_param('lr', 1)\n"
        "print(mlflow.last_active_run().data.params)",
        environ,
    )
    (run,) = recorded(tmp_path / "bot")
    assert (run.version, run.parameters) == (saved.version, {"temperature": 0.9})


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("raise ValueError('broken')", "failed"),
        ("raise SystemExit(1)", "failed"),
        ("import os; os._exit(1)", "killed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
    ],
)
def test_however_a_program_ends_its_run_says_so(
    environ: dict[str, str], tmp_path: Path, end: str, status: str
) -> None:
    script = f"import mlflow\nwith mlflow.start_run():\n  mlflow.log_metric('m', 1)\n  {end}"
    assert python(script, environ=environ).returncode != 0
    with Repository.open(tmp_path / "bot") as repository:
        repository.runs.reap()
    (run,) = recorded(tmp_path / "bot")
    assert (run.status, run.metrics["m"].value) == (status, 1.0)


def test_a_run_that_another_process_ended_can_be_logged_to(
    environ: dict[str, str], tmp_path: Path
) -> None:
    ran(
        "import mlflow, os, subprocess, sys\n"
        "run = mlflow.start_run()\n"
        "mlflow.log_metric('m', 1, step=1)\n"
        "child = 'import mlflow\\nwith mlflow.start_run(): mlflow.log_metric(\"m\", 2, step=2)'\n"
        "env = {**os.environ, 'MLFLOW_RUN_ID': run.info.run_id}\n"
        "subprocess.run([sys.executable, '-c', child], env=env, check=True)\n"
        "mlflow.log_metric('m', 3, step=3)\n"
        "mlflow.end_run('FAILED')\n",
        environ,
    )
    (run,) = recorded(tmp_path / "bot")
    with Repository.open(tmp_path / "bot") as repository:
        history = repository.runs.metric_history(run.id, "m")
    assert [(point.value, point.step) for point in history] == [(1, 1), (2, 2), (3, 3)]
    assert run.status == "failed"


MODEL = """
import mlflow, mlflow.sklearn
from sklearn.linear_model import LinearRegression
mlflow.set_experiment("models")
model = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
with mlflow.start_run() as run:
    info = mlflow.sklearn.log_model(model, name="linear", pip_requirements=[])
    mlflow.log_metric("score", 1.0, model_id=info.model_id)
print(round(float(mlflow.sklearn.load_model(info.model_uri).predict([[3.0]])[0]), 3))
(found,) = mlflow.search_logged_models(output_format="list")
print(found.name, found.status, [(m.key, m.value) for m in found.metrics])
made = mlflow.get_run(run.info.run_id).outputs.model_outputs
print([output.model_id == info.model_id for output in made])
print([f.path for f in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)])
"""


def test_a_model_is_logged_and_loaded(environ: dict[str, str], tmp_path: Path) -> None:
    told = ran(MODEL, environ).splitlines()
    assert told[0] == "3.0"
    assert told[1] == "linear READY [('score', 1.0)]"
    assert told[2] == "[True]"
    (run,) = recorded(tmp_path / "bot")
    kept = [a.path.split("/", 2)[2] for a in run.artifacts if a.path.startswith("mlflow-models/")]
    assert "MLmodel" in kept


def test_importing_mlflow_does_not_import_what_it_does_not_use(environ: dict[str, str]) -> None:
    told = ran(
        "import sys, mlflow\n"
        "mlflow.set_tracking_uri('sqlite://')\n"
        "print(sorted(n for n in sys.modules if n.startswith('gitexp')))",
        environ,
    )
    assert json.loads(told.replace("'", '"')) == [
        "gitexp",
        "gitexp.integrations",
        "gitexp.integrations.mlflow",
        "gitexp.integrations.mlflow.plugin",
    ]


# --- the store in one process -----------------------------------------------------------------


@pytest.fixture
def store(environ: dict[str, str]) -> Any:
    with quiet():
        return tracking_store(environ["MLFLOW_TRACKING_URI"])


def test_threads_log_to_one_run_and_to_their_own(store: Any, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from mlflow.entities import Metric, Param

    shared = store.create_run("0", "ada", 0, [], "shared").info.run_id

    def work(number: int) -> None:
        own = store.create_run("0", "ada", 0, [], f"own {number}").info.run_id
        for step in range(20):
            store.log_metric(shared, Metric(f"m{number}", step, step, step))
            store.log_metric(own, Metric("m", step, step, step))
        store.log_param(own, Param("number", str(number)))
        store.update_run_info(own, FINISHED, 5, None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    store.update_run_info(shared, FINISHED, 5, None)
    runs = {run.name: run for run in recorded(tmp_path / "bot")}
    assert len(runs) == 9
    for number in range(8):
        assert len(store.get_metric_history(shared, f"m{number}")) == 20
        assert runs[f"own {number}"].metrics["m"] == MetricPoint(19.0, 19, 19)


def test_what_gitexp_changes_is_seen_at_once(store: Any, tmp_path: Path) -> None:
    run = store.create_run("0", "ada", 0, [], "first").info.run_id
    store.update_run_info(run, FINISHED, 5, None)
    with Repository.open(tmp_path / "bot") as repository:
        repository.experiments.create("tone", tags={"team": "x"})
        repository.runs.set_tags(run, {"seen": "yes"})
        repository.runs.delete(run)
    assert store.get_experiment_by_name("tone").tags == {"team": "x"}
    assert store.get_run(run).data.tags["seen"] == "yes"
    assert store.get_run(run).info.lifecycle_stage == "deleted"


def test_a_run_of_gitexp_is_a_run_of_mlflow(store: Any, tmp_path: Path) -> None:
    with Repository.open(tmp_path / "bot") as repository:
        repository.experiments.create("tone")
        with repository.experiments.get("tone").start_run(name="ours") as run:
            run.log_params({"lr": 0.1, "deep": {"a": [1]}, "flag": True})
            run.log_metrics({"loss": 0.5}, step=3, timestamp=7)
            run.log_text("hello", "notes.txt")
    found = store.get_run(run.id)
    assert found.data.params == {"lr": "0.1", "deep": '{"a": [1]}', "flag": "True"}
    assert found.data.metrics == {"loss": 0.5}
    assert found.data.tags["mlflow.runName"] == found.info.run_name == "ours"
    assert found.info.user_id == "Ada Example"
    artifacts = artifact_repository(found.info.artifact_uri)
    assert [(one.path, one.file_size) for one in artifacts.list_artifacts()] == [("notes.txt", 5)]
    from mlflow.entities import Param

    store.log_param(run.id, Param("lr", "0.1"))


def test_metrics_of_a_run_are_one_history_whoever_logged_them(store: Any, tmp_path: Path) -> None:
    from mlflow.entities import Metric

    run = store.create_run("0", "ada", 0, [], "first").info.run_id
    store.log_metric(run, Metric("m", 1, 1, 1))
    with Repository.open(tmp_path / "bot") as repository:
        repository.runs.open(run).log_metrics({"m": 2}, step=2, timestamp=2)
    store.log_metric(run, Metric("m", 3, 3, 3))
    assert [one.value for one in store.get_metric_history(run, "m")] == [1, 2, 3]


# --- artifacts --------------------------------------------------------------------------------


@pytest.fixture
def run(store: Any) -> Any:
    return store.create_run("0", "ada", 0, [], "first").info


def test_artifacts_are_put_listed_and_got(store: Any, run: Any, tmp_path: Path) -> None:
    artifacts = artifact_repository(run.artifact_uri)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "deep" / "b.txt").write_text("bb")
    artifacts.log_artifacts(str(tmp_path / "in"), "dir")
    artifacts.log_artifact(str(tmp_path / "in" / "a.txt"))
    assert [(f.path, f.is_dir, f.file_size) for f in artifacts.list_artifacts()] == [
        ("a.txt", False, 1),
        ("dir", True, None),
    ]
    assert [f.path for f in artifacts.list_artifacts("dir")] == ["dir/a.txt", "dir/deep"]
    assert artifacts.list_artifacts("a.txt") == []
    store.update_run_info(run.run_id, FINISHED, 5, None)
    (tmp_path / "in" / "late.txt").write_text("late")
    artifacts.log_artifact(str(tmp_path / "in" / "late.txt"), "dir")
    got = Path(artifacts.download_artifacts("dir", str(tmp_path)))
    assert sorted(p.relative_to(got).as_posix() for p in got.rglob("*.txt")) == [
        "a.txt",
        "deep/b.txt",
        "late.txt",
    ]
    assert (got / "late.txt").read_text() == "late"


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a/../b", "%2e%2e/x", "a\\..\\b"])
def test_a_path_out_of_the_artifacts_is_refused(run: Any, tmp_path: Path, path: str) -> None:
    from mlflow.exceptions import MlflowException

    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(MlflowException):
        artifact_repository(run.artifact_uri).log_artifact(str(tmp_path / "a.txt"), path)


def test_other_addresses_name_no_artifacts(environ: dict[str, str]) -> None:
    from mlflow.exceptions import MlflowException

    address = environ["MLFLOW_TRACKING_URI"]
    for uri in (address, f"{address}/0", f"{address}/0/20260102T030405-aaaaaaaa/artifacts"):
        with pytest.raises(MlflowException):
            artifact_repository(uri).list_artifacts()


def test_what_is_missing_is_told(run: Any, tmp_path: Path) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"No such artifact: 'nothing.txt'"):
        artifact_repository(run.artifact_uri).download_artifacts("nothing.txt", str(tmp_path))


# --- the server -------------------------------------------------------------------------------


@pytest.fixture
def server(environ: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """MLflow's own server with two workers over the project, on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = environ["MLFLOW_TRACKING_URI"]
    command = [sys.executable, "-W", "ignore", "-m", "mlflow", "server", "--workers", "2"]
    command += ["--backend-store-uri", address, "--artifacts-destination", address]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(
        command,
        env={k: v for k, v in environ.items() if k != "MLFLOW_TRACKING_URI"},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, tmp_path / "server.log")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def asked(url: str, path: str, **data: Any) -> Any:
    """Return what the REST interface answers."""
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/{path}",
        data=json.dumps(data).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_mlflows_server_shows_and_takes_runs(server: str, tmp_path: Path) -> None:
    """One start of the server, which takes longer than all that is asked of it."""
    number = asked(server, "experiments/create", name="Over REST")["experiment_id"]
    made = asked(server, "runs/create", experiment_id=number, start_time=1000, run_name="first")
    run_id = made["run"]["info"]["run_id"]
    for step in range(20):  # any of the workers takes any of these
        given = {"key": "loss", "value": 1 / (step + 1), "timestamp": step, "step": step}
        asked(server, "runs/log-metric", run_id=run_id, **given)
    params = [{"key": "lr", "value": "0.1"}]
    asked(server, "runs/log-batch", run_id=run_id, params=params, tags=[], metrics=[])
    asked(server, "runs/update", run_id=run_id, status="FINISHED", end_time=2000)
    found = asked(
        server,
        "runs/search",
        experiment_ids=[number],
        filter="metrics.loss < 0.1 AND params.lr = '0.1' AND attributes.status = 'FINISHED'",
        order_by=["metrics.loss DESC"],
    )
    assert [run["info"]["run_id"] for run in found["runs"]] == [run_id]
    _artifacts_over_the_server(server, run_id)
    with pytest.raises(urllib.error.HTTPError) as caught:
        asked(server, "runs/log-parameter", run_id=run_id, key="lr", value="0.2")
    assert caught.value.code == 400
    assert json.load(caught.value)["error_code"] == "INVALID_PARAMETER_VALUE"
    (run,) = recorded(tmp_path / "bot")
    assert (run.status, run.duration_seconds, run.params) == ("finished", 1.0, {"lr": "0.1"})
    assert run.machine.argv == ()  # of the client's program the server knows nothing
    with Repository.open(tmp_path / "bot") as repository:
        assert len(repository.runs.metric_history(run.id, "loss")) == 20
    assert content(tmp_path / "bot", run, "notes/hello.txt") == b"hello"
    _graphql(server, run_id)


def _artifacts_over_the_server(server: str, run_id: str) -> None:
    from mlflow import MlflowClient

    with quiet():
        client = MlflowClient(server, server)
        client.log_text(run_id, "hello", "notes/hello.txt")
        assert [one.path for one in client.list_artifacts(run_id, "notes")] == ["notes/hello.txt"]


def _graphql(server: str, run_id: str) -> None:
    """Ask what the page of a run asks, which the registry answers too."""
    query = (
        "query GetRun($data: MlflowGetRunInput!) { mlflowGetRun(input: $data) "
        "{ apiError { message } run { info { runName } modelVersions { name } } } }"
    )
    body = {"query": query, "operationName": "GetRun", "variables": {"data": {"runId": run_id}}}
    request = urllib.request.Request(
        f"{server}/graphql",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = json.load(answer)
    run = told["data"]["mlflowGetRun"]["run"]
    assert (run["info"]["runName"], run["modelVersions"]) == ("first", [])
