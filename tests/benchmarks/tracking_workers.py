"""The processes of the benchmarks of runs, for gitexp; `mlflow_workers` has those of MLflow.

tracking_workers.py WORK CLONE ARGUMENT...    prints the seconds that count, or nothing
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_runs import MadeRun, made_run  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from gitexp import Experiment
    from gitexp.experiments.versions import Version
    from gitexp.runs.recording.records import Record
    from gitexp.runs.run import Run
    from gitexp.runs.tracking.active import ActiveRun

EXPERIMENT = "tuning"
QUESTIONS: dict[str, dict[str, Any]] = {
    "ordered": {"order_by": ["metrics.accuracy DESC"]},
    "filtered": {
        "filter": "metrics.loss < 0.1 AND params.optimizer = 'adam'",
        "order_by": ["metrics.accuracy DESC"],
    },
}

_AT_ONCE = 500
_SAMPLES = 100
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def _experiment(clone: str) -> Experiment:
    from gitexp import Repository

    return Repository.open(clone).experiments.get(EXPERIMENT)


def _timed(work: Callable[[], object]) -> None:
    """Do something, and print the seconds it took."""
    start = time.perf_counter()
    work()
    print(time.perf_counter() - start)


# --- logging ------------------------------------------------------------------------------------


def log(clone: str, calls: str) -> None:
    """Log one metric after the other."""
    run = _experiment(clone).start_run()

    def work() -> None:
        for step in range(int(calls)):
            run.log_metric("loss", 0.5 + step, step=step)

    _timed(work)
    run.end()


def track(clone: str, runs: str) -> None:
    """Track whole runs, each from its start to its end; one before them warms up."""
    experiment = _experiment(clone)
    _track_one(experiment)

    def work() -> None:
        for _ in range(int(runs)):
            _track_one(experiment)

    _timed(work)


def _track_one(experiment: Experiment) -> None:
    import gitexp

    with experiment.start_run():
        gitexp.log_params({f"param{number}": number for number in range(10)})
        for step in range(100):
            gitexp.log_metric("loss", 0.5 + step, step=step)
        gitexp.set_tags({"stage": "trial"})


def keep(clone: str, runs: str) -> None:
    """Record runs one by one, as they end: 5 metrics, 5 params and 4 tags each."""
    experiment = _experiment(clone)
    for number in range(int(runs)):
        _log_made(experiment, made_run(number, 1000))


def _log_made(experiment: Experiment, made: MadeRun) -> None:
    with experiment.start_run(name=made.name, tags=made.tags) as run:
        run.log_params(made.params)
        run.log_metrics(made.metrics, step=made.step)


def begin(clone: str, points: str) -> None:
    """Record a run with so many points of one metric, and print its id."""
    with _experiment(clone).start_run() as run:
        _log_points(run, int(points))
    print(run.id)


def _log_points(run: ActiveRun, count: int) -> None:
    for step in range(count):
        run.log_metric("loss", 0.5 + step, step=step)


def history(clone: str, run_id: str, times: str) -> None:
    """Read all points of a metric of a run, again and again; once before that to warm up."""
    runs = _experiment(clone).repository.runs
    runs.metric_history(run_id, "loss")

    def work() -> None:
        for _ in range(int(times)):
            assert runs.metric_history(run_id, "loss")

    _timed(work)


# --- runs that are there already ----------------------------------------------------------------


def fill(clone: str, first: str, last: str, a_day: str) -> None:
    """Record made runs, many in one commit."""
    ledger = _Ledger(_experiment(clone), int(a_day))
    for start in range(int(first), int(last), _AT_ONCE):
        ledger.append(range(start, min(start + _AT_ONCE, int(last))))


def append(clone: str, first: str, last: str, a_day: str) -> None:
    """Record made runs, each in a commit of its own."""
    ledger = _Ledger(_experiment(clone), int(a_day))

    def work() -> None:
        for number in range(int(first), int(last)):
            ledger.append([number])

    _timed(work)


class _Ledger:
    """Where made runs of an experiment are recorded; its versions take turns."""

    def __init__(self, experiment: Experiment, a_day: int) -> None:
        self._experiment = experiment
        self._header = experiment.header
        self._versions = experiment.versions()
        self._a_day = a_day

    def append(self, numbers: Iterable[int]) -> None:
        """Record runs in one commit."""
        from gitexp.runs.recording import ledger

        records = [self._record(made_run(number, self._a_day)) for number in numbers]
        ledger.append(self._experiment.repository.workspace, EXPERIMENT, records)

    def _record(self, made: MadeRun) -> Record:
        from gitexp.runs.metrics import MetricPoint
        from gitexp.runs.recording.records import record_of

        version = self._versions[made.number % len(self._versions)]
        points = [
            (name, MetricPoint(value, made.step, made.ended))
            for name, value in made.metrics.items()
        ]
        return record_of(self._run(made, version), points=points)

    def _run(self, made: MadeRun, version: Version) -> Run:
        from gitexp.ids import RunId
        from gitexp.runs.run import CodeReference, DatasetReference, Machine, Run
        from gitexp.runs.tallies import Stats

        began, ended = _moment(made.began), _moment(made.ended)
        failed = made.number % 30
        return Run(
            id=RunId(f"{began:%Y%m%dT%H%M%S}-{_suffix(made.number)}"),
            experiment=self._header.name,
            experiment_id=self._header.id,
            project="bot",
            version=version.version,
            digest=version.digest,
            status="finished",
            name=made.name,
            created_at=began,
            started_at=began,
            ended_at=ended,
            duration_seconds=(made.ended - made.began) / 1000,
            parameters=version.values,
            params=made.params,
            tags=made.tags,
            dataset=DatasetReference(
                name="questions",
                digest=f"sha256:{'d' * 64}",
                path="datasets/questions.jsonl",
                samples=_SAMPLES,
            ),
            stats=Stats(passed=_SAMPLES - failed, failed=failed),
            code=CodeReference(commit="c" * 40, dirty=False, branch="main"),
            who="Ada Example <ada@example.org>",
            machine=Machine(argv=("train.py",), python="CPython 3.11.2", platform="Linux x86_64"),
        )


def _moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, timezone.utc)


def _suffix(number: int) -> str:
    """Return the random part of an id, which here follows from a number."""
    return "".join(_LETTERS[number >> 5 * place & 31] for place in range(8))


# --- questions ----------------------------------------------------------------------------------


def search(clone: str, question: str, times: str) -> None:
    """Ask for the first 100 runs, again and again, with the index as it is from before."""
    runs = _experiment(clone).repository.runs
    runs.search(limit=1)

    def work() -> None:
        for _ in range(int(times)):
            assert runs.search(**QUESTIONS[question], limit=100).runs

    _timed(work)


def refresh(clone: str) -> None:
    """Ask for the newest run, once: the index is brought up to what is recorded."""
    _experiment(clone).repository.runs.search(limit=1)


def build(clone: str) -> None:
    """Ask for the newest run where nothing is known yet, so that the index is built."""
    refresh(clone)  # which imports everything
    shutil.rmtree(Path(clone) / ".git" / "gitexp")
    runs = _experiment(clone).repository.runs
    _timed(lambda: runs.search(limit=1))


def follow(clone: str, first: str, last: str, a_day: str) -> None:
    """Ask for the newest run after each run that is recorded; prints what the asking takes."""
    experiment = _experiment(clone)
    ledger, runs = _Ledger(experiment, int(a_day)), experiment.repository.runs
    runs.search(limit=1)
    seconds = 0.0
    for number in range(int(first), int(last)):
        ledger.append([number])
        start = time.perf_counter()
        (newest,) = runs.search(limit=1).documents
        seconds += time.perf_counter() - start
        assert newest["name"] == made_run(number, int(a_day)).name
    print(seconds)


def results(clone: str) -> None:
    """Add up the runs of every version, as a program does that has done so before."""
    _results(clone)  # which imports everything
    _timed(lambda: _results(clone))


def _results(clone: str) -> None:
    items = _experiment(clone).results(group_by="version", limit=None)["items"]
    assert items


def push(clone: str) -> None:
    """Send the runs that the shared remote does not have."""
    repository = _experiment(clone).repository

    def work() -> None:
        assert repository.push_runs([EXPERIMENT])

    _timed(work)


def size(clone: str, runs: str) -> None:
    """Print how many bytes on the disk the objects of a repository take for each run."""
    objects = (Path(clone) / ".git" / "objects").rglob("*")
    print(sum(path.stat().st_blocks * 512 for path in objects) / int(runs))


WORK: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        *(log, track, keep, begin, history),
        *(fill, append, search, refresh, build, follow, results, push, size),
    )
}


def main(arguments: Sequence[str]) -> None:
    """Do the work that a command line names."""
    WORK[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
