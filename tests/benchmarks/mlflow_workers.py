"""The processes of the benchmarks of runs, for MLflow, whose Python runs them.

mlflow_workers.py WORK STORE ARGUMENT...    prints the seconds that count, or nothing

A store is an address, `sqlite:///...`, or a directory for the file store.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from made_runs import MadeRun, made_run  # type: ignore[import-not-found]

EXPERIMENT = "tuning"
QUESTIONS: dict[str, dict[str, Any]] = {
    "ordered": {"order_by": ["metrics.accuracy DESC"]},
    "filtered": {
        "filter_string": "metrics.loss < 0.1 AND params.optimizer = 'adam'",
        "order_by": ["metrics.accuracy DESC"],
    },
}

_AT_ONCE = 1000
_USER = "ada"
_INSERT_RUN = """\
    INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
        start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    VALUES (?, ?, 'UNKNOWN', '', '', ?, 'FINISHED', ?, ?, '', 'active', ?, ?)"""


def _client(store: str) -> Any:
    import mlflow

    mlflow.set_tracking_uri(store)
    return mlflow.MlflowClient()


def _experiment_id(client: Any) -> str:
    return str(client.get_experiment_by_name(EXPERIMENT).experiment_id)


def _timed(work: Callable[[], object]) -> None:
    """Do something, and print the seconds it took."""
    start = time.perf_counter()
    work()
    print(time.perf_counter() - start)


# --- logging ------------------------------------------------------------------------------------


def log(store: str, calls: str) -> None:
    """Log one metric after the other."""
    client = _client(store)
    run_id = client.create_run(_experiment_id(client)).info.run_id
    client.log_metric(run_id, "loss", 0.5)

    def work() -> None:
        for step in range(int(calls)):
            client.log_metric(run_id, "loss", 0.5 + step, step=step)

    _timed(work)
    client.set_terminated(run_id)


def track(store: str, runs: str) -> None:
    """Track whole runs, each from its start to its end; one before them warms up."""
    import mlflow

    _client(store)
    mlflow.set_experiment(EXPERIMENT)
    _track_one()

    def work() -> None:
        for _ in range(int(runs)):
            _track_one()

    _timed(work)


def _track_one() -> None:
    import mlflow

    with mlflow.start_run():
        mlflow.log_params({f"param{number}": number for number in range(10)})
        for step in range(100):
            mlflow.log_metric("loss", 0.5 + step, step=step)
        mlflow.set_tag("stage", "trial")


def begin(store: str, points: str) -> None:
    """Make a run with so many points of one metric, and print its id."""
    from mlflow.entities import Metric

    client = _client(store)
    run_id = client.create_run(_experiment_id(client)).info.run_id
    every = (Metric("loss", 0.5 + step, 1_000_000 + step, step) for step in range(int(points)))
    while batch := list(islice(every, _AT_ONCE)):
        client.log_batch(run_id, metrics=batch)
    client.set_terminated(run_id)
    print(run_id)


def history(store: str, run_id: str, times: str) -> None:
    """Read all points of a metric of a run, again and again; once before that to warm up."""
    client = _client(store)
    client.get_metric_history(run_id, "loss")

    def work() -> None:
        for _ in range(int(times)):
            client.get_metric_history(run_id, "loss")

    _timed(work)


# --- runs that are there already ----------------------------------------------------------------


def prepare(store: str) -> None:
    """Have MLflow make a store, with an experiment and one run in it as a pattern."""
    client = _client(store)
    experiment = client.create_experiment(EXPERIMENT)
    client.set_terminated(client.create_run(experiment, run_name="pattern").info.run_id)


def fill(store: str, first: str, last: str, a_day: str) -> None:
    """Put made runs straight into a store as MLflow keeps them; through its API takes minutes."""
    every = (made_run(number, int(a_day)) for number in range(int(first), int(last)))
    if _is_database(store):
        _fill_database(store.removeprefix("sqlite:///"), every)
    else:
        _fill_directory(Path(store), every)


def _is_database(store: str) -> bool:
    return store.startswith("sqlite:///")


def _fill_database(path: str, every: Iterator[MadeRun]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        name = (EXPERIMENT,)
        query = "SELECT experiment_id, artifact_location FROM experiments WHERE name = ?"
        number, location = connection.execute(query, name).fetchone()
        while batch := list(islice(every, _AT_ONCE)):
            for statement, rows in _rows(batch, number, location):
                connection.executemany(statement, rows)


def _rows(batch: Sequence[MadeRun], number: int, location: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield statements, each with what MLflow would write of some runs by it."""
    points = [
        (name, value, run.ended, run.step, _id(run))
        for run in batch
        for name, value in run.metrics.items()
    ]
    yield (
        _INSERT_RUN,
        [
            (id, run.name, _USER, run.began, run.ended, f"{location}/{id}/artifacts", number)
            for run, id in ((run, _id(run)) for run in batch)
        ],
    )
    for table in ("metrics", "latest_metrics"):
        columns = "(key, value, timestamp, step, is_nan, run_uuid)"
        yield f"INSERT INTO {table} {columns} VALUES (?, ?, ?, ?, 0, ?)", points
    for table, pairs in (
        ("params", [(k, str(v), _id(run)) for run in batch for k, v in run.params.items()]),
        ("tags", [(k, v, _id(run)) for run in batch for k, v in _tags(run).items()]),
    ):
        yield f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)", pairs


def _id(run: MadeRun) -> str:
    return f"a{run.number:031x}"  # a letter, because digits alone would be a number in YAML


def _tags(run: MadeRun) -> dict[str, str]:
    return {**run.tags, "mlflow.runName": run.name, "mlflow.user": _USER}


def _fill_directory(store: Path, every: Iterator[MadeRun]) -> None:
    """Write runs as directories, in the pattern of the one that MLflow made."""
    (pattern,) = (path for path in store.glob("*/*/meta.yaml") if (path.parent / "tags").is_dir())
    text, like = pattern.read_text(), pattern.parent.name
    for run in every:
        directory = pattern.parent.with_name(_id(run))
        (directory / "artifacts").mkdir(parents=True)
        meta = text.replace(like, directory.name)
        for name, value in (("start", run.began), ("end", run.ended)):
            meta = re.sub(rf"^{name}_time: .*$", f"{name}_time: {value}", meta, flags=re.MULTILINE)
        meta = meta.replace("run_name: pattern", f"run_name: {run.name}")
        (directory / "meta.yaml").write_text(meta)
        points = {name: f"{run.ended} {v} {run.step}\n" for name, v in run.metrics.items()}
        params = {name: str(value) for name, value in run.params.items()}
        for part, values in (("metrics", points), ("params", params), ("tags", _tags(run))):
            (directory / part).mkdir()
            for name, value in values.items():
                (directory / part / name).write_text(value)


# --- questions ----------------------------------------------------------------------------------


def search(store: str, question: str, times: str) -> None:
    """Ask for the first 100 runs, again and again; a database is asked something small before."""
    client = _client(store)
    experiments = [_experiment_id(client)]
    if _is_database(store):
        client.search_runs(experiments, "attributes.run_name = 'pattern'", max_results=1)

    def work() -> None:
        for _ in range(int(times)):
            found = client.search_runs(experiments, **QUESTIONS[question], max_results=100)
            assert found

    _timed(work)


def size(store: str, runs: str) -> None:
    """Print how many bytes on the disk a store takes for each run."""
    place = Path(store.removeprefix("sqlite:///"))
    print(sum(path.stat().st_blocks * 512 for path in (place, *place.rglob("*"))) / int(runs))


WORK: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (log, track, begin, history, prepare, fill, search, size)
}


def main(arguments: Sequence[str]) -> None:
    """Do the work that a command line names."""
    WORK[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
