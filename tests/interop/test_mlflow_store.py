"""gitexp's store beside MLflow's own: every call is made on both, and must come to the same."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.interop.mlflow_stores import IDENTITY, QUIET, Both, Failed, Pair, both_stores

pytestmark = [
    pytest.mark.interop,
    # What MLflow and its database layer do to each other is not ours to mend.
    pytest.mark.filterwarnings("ignore"),
]

ACTIVE, DELETED, ALL = 1, 2, 3
NAN, INF = float("nan"), float("inf")
RUNNING, SCHEDULED, FINISHED, FAILED, KILLED = 1, 2, 3, 4, 5
STATUSES = [RUNNING, SCHEDULED, FINISHED, FAILED, KILLED]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow") / "empty.db"


@pytest.fixture
def both(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    for key, value in {**IDENTITY, **QUIET}.items():
        monkeypatch.setenv(key, value)
    return both_stores(tmp_path, template)


@pytest.fixture
def experiment(both: Both) -> Pair:
    return created(both, "My Exp/1")


def created(both: Both, name: str, **more: Any) -> Pair:
    """Return the ids of a new experiment."""
    ids = Pair(
        both.ours.create_experiment(name, **more), both.theirs.create_experiment(name, **more)
    )
    return both.named(name, ids)


_MOMENTS = itertools.count()


def begun(both: Both, experiment: Pair, name: str = "first", **more: Any) -> Pair:
    """Return the ids of a new run."""
    # Runs of one moment are ordered by their ids, which are others on each side.
    moment = 1_767_323_045_000 + next(_MOMENTS)
    given = {"user_id": "ada", "start_time": moment, "tags": [], **more}
    runs = Pair(
        both.ours.create_run(experiment.ours, run_name=name, **given),
        both.theirs.create_run(experiment.theirs, run_name=name, **given),
    )
    ids = both.named(name, Pair(runs.ours.info.run_id, runs.theirs.info.run_id))
    for part in ("info", "data"):
        assert both.plain(getattr(runs.ours, part)) == both.plain(getattr(runs.theirs, part))
    return ids


def metric(key: str = "loss", value: Any = 0.5, timestamp: Any = 10, step: Any = 0) -> Any:
    from mlflow.entities import Metric

    return Metric(key, value, timestamp, step)


def param(key: str, value: Any) -> Any:
    from mlflow.entities import Param

    return Param(key, value)


def tag(key: str, value: Any) -> Any:
    from mlflow.entities import RunTag

    return RunTag(key, value)


def experiment_tag(key: str, value: str) -> Any:
    from mlflow.entities import ExperimentTag

    return ExperimentTag(key, value)


# --- experiments ------------------------------------------------------------------------------


def test_the_default_experiment_is_there(both: Both) -> None:
    both.call("get_experiment", "0")
    both.call("get_experiment", 0)
    both.call("get_experiment_by_name", "Default")
    both.call("search_experiments")
    begun(both, Pair("0", "0"))
    both.call("get_experiment", "0")
    both.call("delete_experiment", "0")
    both.call("search_experiments", ALL)
    both.call("get_experiment", "0")


@pytest.mark.parametrize("name", ["tone", "My Exp/1", "UPPER", "ünï cödé", "a" * 500, "CON", "0"])
def test_an_experiment_may_have_any_name(both: Both, name: str) -> None:
    ids = created(both, name, tags=[experiment_tag("team", "x")])
    both.call("get_experiment", ids)
    both.call("get_experiment_by_name", name)
    both.call("search_experiments", filter_string=f"name = '{name}'")


def test_names_that_come_to_one_directory_are_two_experiments(both: Both) -> None:
    for name in ("My Exp", "my-exp", "my exp", "MY EXP"):
        created(both, name)
    for name in ("My Exp", "my-exp", "my exp", "MY EXP"):
        assert both.call("get_experiment_by_name", name).ours.name == name


@pytest.mark.parametrize("name", ["", None, 7, "a" * 501])
def test_a_name_that_mlflow_refuses_is_refused(both: Both, name: Any) -> None:
    both.call("create_experiment", name)


def test_a_name_is_given_once(both: Both, experiment: Pair) -> None:
    for failed in (both.ours, both.theirs):
        with pytest.raises(Exception, match=r"Experiment\(name=My Exp/1\) already exists"):
            failed.create_experiment("My Exp/1")
    both.call("delete_experiment", experiment)
    with pytest.raises(Exception, match=r"Experiment\(name=My Exp/1\) already exists"):
        both.ours.create_experiment("My Exp/1")


def test_the_life_of_an_experiment(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    both.call("restore_experiment", experiment)
    both.call("delete_experiment", experiment)
    both.call("delete_experiment", experiment)
    both.call("get_experiment", experiment)
    both.call("get_experiment_by_name", "My Exp/1")
    both.call("get_run", run)
    both.call("log_param", run, param("a", "b"))
    both.call("create_run", experiment, "ada", 0, [], "late")
    both.call("rename_experiment", experiment, "other")
    both.call("set_experiment_tag", experiment, experiment_tag("a", "b"))
    both.call("restore_experiment", experiment)
    both.call("get_run", run)
    both.call("rename_experiment", experiment, "other")
    both.call("get_experiment_by_name", "other")
    both.call("get_experiment_by_name", "My Exp/1")
    both.call("get_experiment", "4711")
    both.call("get_experiment", "x")


def test_restoring_an_experiment_leaves_runs_deleted_that_were_deleted_alone(
    both: Both, experiment: Pair
) -> None:
    alone, other = begun(both, experiment, "alone"), begun(both, experiment, "other")
    both.call("delete_run", alone)
    both.call("delete_experiment", experiment)
    both.ours.restore_experiment(experiment.ours)
    stages = [both.ours.get_run(run.ours).info.lifecycle_stage for run in (alone, other)]
    assert stages == ["deleted", "active"]  # MLflow itself brings both back


def test_tags_of_an_experiment(both: Both, experiment: Pair) -> None:
    for value in ("one", "two", "", "x" * 20_000):
        both.call("set_experiment_tag", experiment, experiment_tag("a", value))
        both.call("get_experiment", experiment)
    both.call("set_experiment_tag", experiment, experiment_tag("a", "x" * 20_001))
    both.call("set_experiment_tag", experiment, experiment_tag("a//b", "x"))
    both.call("delete_experiment_tag", experiment, "a")
    both.call("delete_experiment_tag", experiment, "a")
    both.call("get_experiment", experiment)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"view_type": DELETED},
        {"view_type": ALL, "order_by": ["name"]},
        {"order_by": ["name DESC"]},
        {"order_by": ["name ASC"], "max_results": 2},
        {"filter_string": "name LIKE 't%'"},
        {"filter_string": "name ILIKE 'T%' AND tags.team = 'x'"},
        {"filter_string": "tags.team != 'x'"},
        {"filter_string": "tags.team IS NULL", "order_by": ["name"]},
        {"filter_string": "name = 'tone' OR name = 'other'"},
        {"filter_string": "color = 'red'"},
        {"order_by": ["color"]},
        {"max_results": 0},
        {"max_results": None},
        {"max_results": 1_000_000},
    ],
    ids=str,
)
def test_searching_experiments(both: Both, asked: dict[str, Any]) -> None:
    for name, team in (("tone", "x"), ("Tune", "y"), ("other", "x")):
        created(both, name, tags=[experiment_tag("team", team)])
    gone = created(both, "gone")
    both.call("delete_experiment", gone)
    both.call("search_experiments", **asked)


# --- runs -------------------------------------------------------------------------------------


def test_a_run_from_its_beginning_to_its_end(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment, tags=[tag("a", "b"), tag("mlflow.note.content", "why")])
    both.call("log_metric", run, metric())
    both.call("log_param", run, param("lr", "0.1"))
    both.call("set_tag", run, tag("stage", "draft"))
    both.call("get_run", run)
    both.call("update_run_info", run, FINISHED, 1_767_323_046_000, None)
    found = both.call("get_run", run)
    assert found.ours.info.end_time == 1_767_323_046_000


@pytest.mark.parametrize("status", STATUSES)
def test_any_status_may_follow_any_other(both: Both, experiment: Pair, status: int) -> None:
    for before in (None, *STATUSES):
        run = begun(both, experiment, f"{before} {status}")
        if before:
            both.call("update_run_info", run, before, 20, None)
        both.call("update_run_info", run, status, 30, None)
        both.call("log_metric", run, metric())
        both.call("get_run", run)


def test_logging_goes_on_after_the_end(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    both.call("log_batch", run, [metric()], [param("a", "1")], [tag("t", "1")])
    both.call("update_run_info", run, FINISHED, 20, None)
    both.call("log_batch", run, [metric(step=1)], [param("b", "2")], [tag("t", "2")])
    both.call("log_param", run, param("a", "2"))
    both.call("log_param", run, param("a", "1"))
    both.call("delete_tag", run, "t")
    both.call("get_run", run)
    both.call("get_metric_history", run, "loss")
    both.ours.update_run_info(run.ours, RUNNING, None, "again")
    both.theirs.update_run_info(run.theirs, RUNNING, None, "again")
    assert both.ours.get_run(run.ours).info.end_time is None  # MLflow keeps that of the first end
    both.call("log_metric", run, metric(step=2))
    both.call("update_run_info", run, FAILED, 40, None)
    both.call("get_run", run)
    both.call("get_metric_history", run, "loss")


def test_the_name_of_a_run_and_its_tag_are_one(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    both.call("set_tag", run, tag("mlflow.runName", "second"))
    both.call("get_run", run)
    both.call("update_run_info", run, RUNNING, None, "third")
    both.call("get_run", run)
    both.call("delete_tag", run, "mlflow.runName")
    both.call("get_run", run)
    both.call("create_run", experiment, "ada", 0, [tag("mlflow.runName", "x")], "y")


def test_a_run_without_a_name_gets_one(both: Both, experiment: Pair) -> None:
    run = both.ours.create_run(experiment.ours, "ada", 0, [], None)
    assert run.info.run_name
    assert run.data.tags["mlflow.runName"] == run.info.run_name


@pytest.mark.parametrize("moment", [0, 1, 1_767_323_045_123, 32_503_680_000_000])
def test_a_run_may_begin_and_end_at_any_time(both: Both, experiment: Pair, moment: int) -> None:
    run = begun(both, experiment, start_time=moment)
    both.call("update_run_info", run, FINISHED, moment, None)
    info = both.ours.get_run(run.ours).info
    assert (info.start_time, info.end_time) == (moment, moment)


def test_runs_are_deleted_and_restored(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    for call in ("restore_run", "delete_run", "delete_run"):
        both.call(call, run)
    both.call("get_run", run)
    both.call("log_metric", run, metric())
    both.call("log_param", run, param("a", "1"))
    both.call("set_tag", run, tag("a", "1"))
    both.call("log_batch", run, [metric()], [], [])
    both.call("update_run_info", run, FINISHED, 5, None)
    both.call("restore_run", run)
    both.call("log_metric", run, metric())
    both.call("update_run_info", run, FINISHED, 5, None)
    both.call("delete_run", run)
    both.call("log_metric", run, metric())
    both.call("restore_run", run)
    both.call("get_run", run)


@pytest.mark.parametrize("run_id", ["0" * 32, "20260102T030405-aaaaaaaa", "x"])
def test_a_run_that_is_not_there(both: Both, run_id: str) -> None:
    for call, *arguments in (
        ("get_run",),
        ("delete_run",),
        ("restore_run",),
        ("log_metric", metric()),
        ("log_param", param("a", "b")),
        ("set_tag", tag("a", "b")),
        ("delete_tag", "a"),
        ("log_batch", [metric()], [], []),
        ("update_run_info", FINISHED, 1, None),
    ):
        both.call(call, run_id, *arguments)


# --- metrics, params, tags --------------------------------------------------------------------


@pytest.mark.parametrize(
    "points",
    [
        [(0.5, 10, 0), (0.4, 20, 1), (0.6, 5, 2)],
        [(0.5, 10, 0), (0.5, 10, 0), (0.5, 10, 0)],
        [(1.0, 10, 0), (2.0, 10, 0), (0.5, 10, 0)],
        [(1.0, 10, -5), (2.0, 1, -5)],
        [(NAN, 10, 0), (1.0, 10, 0)],
        [(1, 10, 0), (2**60, 10, 1)],
        [(-0.0, 10, 0), (1e-300, 11, 0)],
    ],
    ids=str,
)
def test_the_history_and_the_latest_value_of_a_metric(
    both: Both, experiment: Pair, points: list[tuple[float, int, int]]
) -> None:
    run = begun(both, experiment)
    for value, timestamp, step in points:
        both.call("log_metric", run, metric("loss", value, timestamp, step))
    both.call("get_run", run)
    both.call("get_metric_history", run, "loss")
    both.call("update_run_info", run, FINISHED, 20, None)
    both.call("get_run", run)
    both.call("get_metric_history", run, "loss")
    both.call("get_metric_history", run, "other")


def test_infinities_come_back_where_sql_loses_them(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    for step, value in enumerate((INF, -INF)):
        both.call("log_metric", run, metric("loss", value, 10, step))
    assert [one.value for one in both.ours.get_metric_history(run.ours, "loss")] == [INF, -INF]


def test_a_history_is_read_in_pages(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    both.call("log_batch", run, [metric(step=n, timestamp=n) for n in range(7)], [], [])
    token: Pair = Pair(None, None)
    for size in (3, 3, 3):
        page = both.call("get_metric_history", run, "loss", max_results=size, page_token=token)
        token = page.token
    assert not token.ours


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ""},
        {"key": "a//b"},
        {"key": "../a"},
        {"key": "/a"},
        {"key": "a" * 251},
        {"key": "a\nb"},
        {"key": None},
        {"value": None},
        {"value": "abc"},
        {"value": True},
        {"timestamp": -1},
        {"timestamp": None},
        {"step": "x"},
    ],
    ids=str,
)
def test_a_metric_that_mlflow_refuses_is_refused(
    both: Both, experiment: Pair, wrong: dict[str, Any]
) -> None:
    run = begun(both, experiment)
    both.call("log_metric", run, metric(**wrong))
    both.call("log_batch", run, [metric(), metric(**wrong)], [param("a", "1")], [tag("a", "1")])
    assert both.ours.get_run(run.ours).data.metrics == {}  # MLflow's may keep a part of a batch
    assert both.ours.get_run(run.ours).data.params == {}


@pytest.mark.parametrize("value", ["1", "", None, 7, 0.5, "ünï\n", "x" * 6000])
def test_params_are_texts_that_never_change(both: Both, experiment: Pair, value: Any) -> None:
    run = begun(both, experiment)
    for _ in range(2):
        both.call("log_param", run, param("p", str(value) if value is not None else ""))
    both.call("log_param", run, param("p", "other"))
    both.call("log_batch", run, [], [param("p", "other"), param("q", "1")], [])
    both.call("log_batch", run, [], [param("q", "1"), param("q", "1")], [])
    both.call("log_param", run, param("a//b", "1"))
    assert list(both.ours.get_run(run.ours).data.params) == ["p"]


def test_long_values_are_kept_where_mlflow_cuts_them(
    both: Both, experiment: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(both, experiment)
    both.ours.log_param(run.ours, param("p", "x" * 6001))
    both.ours.set_tag(run.ours, tag("t", "x" * 8001))
    data = both.ours.get_run(run.ours).data
    assert (len(data.params["p"]), len(data.tags["t"])) == (6001, 8001)
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    both.call("log_param", run, param("q", "x" * 6001))
    both.call("set_tag", run, tag("u", "x" * 8001))


def test_tags_are_replaced_and_removed(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    for value in ("one", "two", "", None):
        both.call("set_tag", run, tag("a", value if value is not None else ""))
        both.call("get_run", run)
    both.call("log_batch", run, [], [], [tag("a", "1"), tag("a", "2"), tag("b", "3")])
    both.call("get_run", run)
    both.call("delete_tag", run, "a")
    both.call("delete_tag", run, "a")
    both.call("set_tag", run, tag("a//b", "x"))
    both.call("get_run", run)


@pytest.mark.parametrize(
    ("metrics", "params", "tags"), [(1001, 0, 0), (0, 101, 0), (0, 0, 101), (900, 60, 60)]
)
def test_a_batch_has_mlflows_limits(
    both: Both, experiment: Pair, metrics: int, params: int, tags: int
) -> None:
    run = begun(both, experiment)
    both.call(
        "log_batch",
        run,
        [metric(step=number) for number in range(metrics)],
        [param(f"p{number}", "1") for number in range(params)],
        [tag(f"t{number}", "1") for number in range(tags)],
    )
    both.call("get_run", run)


def test_an_empty_batch_is_no_mistake(both: Both, experiment: Pair) -> None:
    both.call("log_batch", begun(both, experiment), [], [], [])


# --- inputs -----------------------------------------------------------------------------------


def dataset(name: str, digest: str, context: str | None = None, **more: Any) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    fields = {"source_type": "code", "source": "x", "schema": None, "profile": None, **more}
    tags = [InputTag("mlflow.data.context", context)] if context else []
    return DatasetInput(Dataset(name, digest, **fields), tags)


def test_datasets_are_inputs_of_runs(both: Both, experiment: Pair) -> None:
    run, other = begun(both, experiment), begun(both, experiment, "other")
    both.call("log_inputs", run, [dataset("a", "1", "train", schema="s", profile="p")])
    both.call("log_inputs", run, [dataset("a", "1", "test")])
    both.call("update_run_info", run, FINISHED, 5, None)
    both.call("log_inputs", run, [dataset("b", "2")])
    both.call("log_inputs", other, [dataset("a", "1", "train", schema="s", profile="p")])
    both.call("get_run", other)
    found = [both.plain(store.get_run(one).inputs) for store, one in _sides(both, run)]
    for inputs in found:
        inputs["_dataset_inputs"].sort(key=repr)
    assert found[0] == found[1]
    for text in ("a", "b"):
        both.call("_search_runs", [experiment], f"datasets.name = '{text}'", ALL, 9, None, None)
    both.call("_search_runs", [experiment], "datasets.context = 'train'", ALL, 9, None, None)
    summaries = [store._search_datasets([one]) for store, one in _sides(both, experiment)]
    told = [{(s.name, s.digest, s.context) for s in summary} for summary in summaries]
    assert told[0] == told[1]


def _sides(both: Both, pair: Pair) -> list[tuple[Any, Any]]:
    return [(both.ours, pair.ours), (both.theirs, pair.theirs)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"digest": None},
        {"source": None},
        {"source_type": None},
        {"name": "x" * 501},
        {"digest": "x" * 37},
        {"source": "x" * 65_536},
        {"schema": "x" * 1_048_576},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_dataset_that_mlflow_refuses_is_refused(
    both: Both, experiment: Pair, wrong: dict[str, Any]
) -> None:
    run = begun(both, experiment)
    fields = {"name": "a", "digest": "1", **wrong}
    both.call("log_inputs", run, [dataset(**fields)])


# --- searching --------------------------------------------------------------------------------

SEARCHES = [
    "",
    "metrics.loss < 0.5",
    "metrics.loss >= 0.2 AND metrics.loss != 0.3",
    "metric.loss = 0.1",
    "metrics.`val/loss` > 0",
    'metrics."val/loss" > 0',
    "metrics.nothing > 0",
    "params.lr = '0.1'",
    "params.lr != '0.1'",
    "params.model LIKE 'bert%'",
    "params.model ILIKE 'BERT%'",
    "params.`a b` = 'x''y'",
    "params.lr IS NULL",
    "params.lr IS NOT NULL AND tags.stage IS NULL",
    "parameter.lr = '0.2' and metrics.loss > 0.1",
    "tags.stage = 'draft'",
    "tags.stage != 'draft'",
    "tags.`mlflow.runName` = 'run 2'",
    "tag.stage LIKE '%a%'",
    "attributes.status = 'FINISHED'",
    "status != 'RUNNING'",
    "attributes.status LIKE 'F%'",
    "attributes.run_name = 'run 1'",
    "run_name ILIKE 'RUN%'",
    "attributes.`run name` = 'run 3'",
    "attributes.start_time > 2000",
    "start_time <= 2000 AND end_time > 0",
    "created = 3000",
    "attributes.user_id = 'ada'",
    "user_id != 'ada'",
    "attributes.run_id IN ('x', 'y')",
    "attributes.artifact_uri = 'nowhere'",
    # what MLflow refuses
    "metrics.loss",
    "metrics.loss < 'a'",
    "params.lr > 0.1",
    "params.lr = 0.1",
    "metrics.loss < 1 OR metrics.loss > 2",
    "(metrics.loss < 1)",
    "color = 'red'",
    "attributes.color = 'red'",
    "colors.red = 'x'",
    "metrics.loss IS NULL",
    "attributes.status IS NULL",
    "tags.stage > 'a'",
    "status IN ('FINISHED')",
    "datasets.color = 'x'",
    "metrics.loss < 1; DROP TABLE runs",
]
ORDERS: list[list[str]] = [
    ["metrics.loss"],
    ["metrics.loss DESC"],
    ["metrics.odd ASC"],
    ["metrics.odd DESC"],
    ["metrics.`val/loss` DESC", "start_time ASC"],
    ["params.lr"],
    ["params.model DESC"],
    ["tags.stage ASC"],
    ["attributes.status", "attributes.run_name DESC"],
    ["start_time"],
    ["attribute.end_time DESC"],
    ["metrics.nothing"],
    ["color"],
    ["metrics.loss SIDEWAYS"],
    ["start_time DESC", "run_id"],
]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Any:
    """Both stores, with eight runs that go on, ended, failed and were deleted."""
    patch = pytest.MonkeyPatch()
    for key, value in {**IDENTITY, **QUIET}.items():
        patch.setenv(key, value)
    both = both_stores(tmp_path_factory.mktemp("searched"), template)
    experiment = created(both, "Searched")
    for number in range(8):
        _fill(both, experiment, number)
    yield both, experiment
    patch.undo()


def _fill(both: Both, experiment: Pair, number: int) -> None:
    user = "ada" if number % 2 else "bob"
    run = begun(both, experiment, f"run {number}", start_time=number * 1000, user_id=user)
    metrics = [metric("loss", number / 10, number, number), metric("val/loss", -number or 0.0)]
    metrics += [metric("odd", [NAN, 1.0, 2.0][number % 3])] if number < 6 else []
    params = [param("model", ["bert-base", "gpt", "Bert"][number % 3]), param("a b", "x'y")]
    params += [param("lr", f"0.{number % 3}")] if number != 5 else []
    tags = [tag("stage", ["draft", "final"][number % 2])] if number != 4 else []
    both.call("log_batch", run, metrics, params, tags)
    status = [RUNNING, FINISHED, FAILED, KILLED][number % 4]
    if status != RUNNING:
        both.call("update_run_info", run, status, 9000 - number, None)
    if number == 7:
        both.call("delete_run", run)


def _found(both: Both, experiment: Pair, filter_string: str, order_by: Any, view: int) -> None:
    arguments = ([experiment], filter_string, view, 50, order_by, None)
    answers = Pair(
        *(
            _names(store, [_one(part, side) for part in arguments])
            for side, store in (("ours", both.ours), ("theirs", both.theirs))
        )
    )
    assert answers.ours == answers.theirs


def _one(part: Any, side: str) -> Any:
    return (
        [getattr(one, side) for one in part]
        if isinstance(part, list) and any(isinstance(one, Pair) for one in part)
        else part
    )


def _names(store: Any, arguments: list[Any]) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        runs, _ = store._search_runs(*arguments)
    except MlflowException as exc:
        # Sets are told in any order.
        return exc.error_code, sorted(exc.message)
    return [run.info.run_name for run in runs]


@pytest.mark.parametrize("filter_string", SEARCHES)
def test_a_filter_finds_what_it_finds_in_mlflow(searched: Any, filter_string: str) -> None:
    both, experiment = searched
    for view in (ACTIVE, DELETED, ALL):
        _found(both, experiment, filter_string, None, view)


@pytest.mark.parametrize("order_by", ORDERS, ids=str)
def test_an_order_is_that_of_mlflow(searched: Any, order_by: list[str]) -> None:
    _found(*searched, "", order_by, ALL)


@pytest.mark.parametrize("size", [1, 3, 7, 8, 50])
def test_pages_hold_every_run_once(searched: Any, size: int) -> None:
    both, experiment = searched
    seen: list[str] = []
    token = None
    while True:
        page = both.ours.search_runs(
            [experiment.ours],
            "",
            ALL,
            max_results=size,
            order_by=["metrics.loss"],
            page_token=token,
        )
        seen += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert seen == [f"run {number}" for number in range(8)]


def test_runs_are_found_in_the_experiments_that_are_asked_for(both: Both) -> None:
    one, two = created(both, "one"), created(both, "two")
    begun(both, one, "a")
    begun(both, two, "b")
    both.call("_search_runs", [one], "", ACTIVE, 9, None, None)
    both.call("_search_runs", [one, two], "", ACTIVE, 9, ["attributes.run_name"], None)
    both.call("_search_runs", [], "", ACTIVE, 9, None, None)
    both.call("_search_runs", ["4711"], "", ACTIVE, 9, None, None)
    both.call("_search_runs", ["x"], "", ACTIVE, 9, None, None)
    both.call("_search_runs", [one], "", ACTIVE, 0, None, None)
    both.call("_search_runs", [one], "", ACTIVE, 50_001, None, None)


# --- logged models ----------------------------------------------------------------------------


def test_the_life_of_a_logged_model(both: Both, experiment: Pair) -> None:
    from mlflow.entities import LoggedModelParameter, LoggedModelStatus, LoggedModelTag, Metric

    run = begun(both, experiment)
    given = {
        "name": "ext",
        "source_run_id": run,
        "tags": [LoggedModelTag("a", "b")],
        "params": [LoggedModelParameter("p", "1")],
        "model_type": "agent",
    }
    models = Pair(
        *(
            store.create_logged_model(one, **{**given, "source_run_id": run_id})
            for (store, one), run_id in zip(
                _sides(both, experiment), (run.ours, run.theirs), strict=True
            )
        )
    )
    model = both.named("model", models.model_id)
    both.call("get_logged_model", model)
    both.call("log_logged_model_params", model, [LoggedModelParameter("q", "2")])
    both.call("set_logged_model_tags", model, [LoggedModelTag("a", "c"), LoggedModelTag("d", "e")])
    both.call("delete_logged_model_tag", model, "d")
    both.call("delete_logged_model_tag", model, "d")

    def linked(side: str) -> Any:
        ids = {"model_id": getattr(model, side), "run_id": getattr(run, side)}
        return Metric("acc", 0.5, 10, 1, dataset_name="d", dataset_digest="1", **ids)

    both.call("log_batch", run, [linked], [], [])
    both.call("log_metric", run, linked)
    both.call("finalize_logged_model", model, LoggedModelStatus.READY)
    both.call("get_logged_model", model)
    both.call("update_run_info", run, FINISHED, 5, None)
    both.call("set_logged_model_tags", model, [LoggedModelTag("late", "x")])
    both.call("get_logged_model", model)
    both.call("get_run", run)
    both.call("delete_logged_model", model)
    both.call("get_logged_model", model)
    both.call("get_logged_model", model, allow_deleted=True)
    both.call("get_logged_model", "m-nothing")


def test_models_go_into_runs_and_come_out_of_them(both: Both, experiment: Pair) -> None:
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    run = begun(both, experiment)
    both.call("log_inputs", run, models=[LoggedModelInput("m-1")])
    both.call("log_outputs", run, [LoggedModelOutput("m-2", 3), LoggedModelOutput("m-3", 4)])
    both.call("get_run", run)


def test_a_model_that_no_run_made_is_no_run(both: Both, experiment: Pair) -> None:
    model = both.ours.create_logged_model(experiment.ours, name="alone")
    assert both.ours.get_logged_model(model.model_id).source_run_id is None
    assert both.ours.search_runs([experiment.ours], "", ALL) == []
    found = both.ours.search_logged_models([experiment.ours])
    assert [one.model_id for one in found] == [model.model_id]


def test_the_comparison_sees_a_difference(both: Both, experiment: Pair) -> None:
    run = begun(both, experiment)
    both.ours.set_tag(run.ours, tag("a", "b"))
    with pytest.raises(AssertionError):
        both.call("get_run", run)
    assert both.plain(Failed("X", f"run {run.ours}")) == {"code": "X", "message": "run first"}
