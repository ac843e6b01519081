"""The processes of the benchmarks of evaluations, each of which does the same work.

evaluation_workers.py WORK ARGUMENT...    prints the seconds of the call alone, or nothing

Every one of them asks the same server for every row of the same dataset, 15 at a time, compares
what it says with what is expected, and has to find that one in ten is wrong. A small dataset
before that warms up. `promptfoo_worker.mjs` has the process of promptfoo, `inspect` runs in the
environment of Inspect, and the others in that of gitexp.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from gitexp import Experiment, Run

EXPERIMENT = "tuning"
CONCURRENCY = 15
WARM_UP = "warm-up"


class Counts(NamedTuple):
    """How many rows passed, failed and broke."""

    passed: int
    failed: int
    errors: int


def _require(found: Counts, rows: int) -> None:
    """Raise unless one row in ten failed, and no row broke."""
    wanted = Counts(rows - rows // 10, rows // 10, 0)
    if found != wanted:
        raise SystemExit(f"{found} was found, and not {wanted}")


def _print_time(work: Callable[[], Counts], rows: int) -> None:
    """Do the work, check what it found, and print the seconds it took."""
    start = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - start
    _require(found, rows)
    print(seconds)


# --- gitexp -------------------------------------------------------------------------------------


def evaluate(
    clone: str, dataset: str, rows: str, endpoint: str, tracing: str, peak_file: str
) -> None:
    """Evaluate with gitexp; notes the peak of memory in a file."""
    experiment = _warm_experiment(clone, endpoint)
    traced = tracing == "traced"

    def work() -> Counts:
        return _counts(experiment.run(dataset, endpoint, enable_tracing=traced))

    _print_time(work, int(rows))
    Path(peak_file).write_text(str(_peak_bytes()))


def part(clone: str, dataset: str, rows: str, endpoint: str) -> None:
    """Evaluate the first rows of a dataset alone."""
    experiment = _warm_experiment(clone, endpoint)
    _print_time(lambda: _counts(experiment.run(dataset, endpoint, limit=int(rows))), int(rows))


def die(clone: str, dataset: str, rows: str, endpoint: str) -> None:
    """Evaluate until so many rows are recorded, and end then as after `kill -9`."""

    def look(progress: Any) -> None:
        if progress.done >= int(rows):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    _experiment(clone).run(dataset, endpoint, progress=look)


def go_on(clone: str, rows: str, endpoint: str, warm_clone: str) -> None:
    """Go on with the newest run, which was broken off; another clone warms up."""
    from gitexp.evaluation.running.runner import resume

    _warm_experiment(warm_clone, endpoint)
    workspace = _experiment(clone).repository.workspace
    (newest,) = _experiment(clone).runs(limit=1)
    _print_time(lambda: _counts(resume(workspace, newest.id)), int(rows))


def _experiment(clone: str) -> Experiment:
    from gitexp import Repository

    return Repository.open(clone).experiments.get(EXPERIMENT)


def _warm_experiment(clone: str, endpoint: str) -> Experiment:
    experiment = _experiment(clone)
    experiment.run(WARM_UP, endpoint)
    return experiment


def _counts(run: Run) -> Counts:
    return Counts(run.stats.passed, run.stats.failed, run.stats.errors + run.stats.unscored)


def _peak_bytes() -> int:
    """Return the most memory that this process held since it began; 0 where nobody tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def peak(file: str) -> None:
    """Print the peak of memory that was noted in a file."""
    print(Path(file).read_text())


# --- the floor ----------------------------------------------------------------------------------


def bare(dataset: str, rows: str, url: str) -> None:
    """Ask and compare with aiohttp and nothing else."""
    _print_bare(asyncio.new_event_loop(), Path(dataset), int(rows), url)


def bare_uvloop(dataset: str, rows: str, url: str) -> None:
    """Do the same in the faster event loop."""
    import uvloop

    _print_bare(uvloop.new_event_loop(), Path(dataset), int(rows), url)


def _print_bare(loop: asyncio.AbstractEventLoop, dataset: Path, rows: int, url: str) -> None:
    def work() -> Counts:
        return loop.run_until_complete(_asked(dataset, url))

    loop.run_until_complete(_asked(dataset.with_stem(WARM_UP), url))
    _print_time(work, rows)


async def _asked(dataset: Path, url: str) -> Counts:
    import aiohttp

    verdicts = [0, 0]
    with dataset.open(encoding="utf-8") as lines:
        async with aiohttp.ClientSession() as session:

            async def work() -> None:
                for line in lines:
                    row = json.loads(line)
                    async with session.post(url, json={"input": row["input"]}) as response:
                        output = (await response.json())["output"]
                    verdicts[output == row["expected"]] += 1

            await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return Counts(verdicts[True], verdicts[False], 0)


# --- Inspect ------------------------------------------------------------------------------------


def inspect(dataset: str, rows: str, url: str, logs: str) -> None:
    """Evaluate with Inspect, whose solver asks as the floor does."""
    path = Path(dataset)
    _inspected(path.with_stem(WARM_UP), url, logs)
    _print_time(lambda: _inspected(path, url, logs), int(rows))


def _inspected(dataset: Path, url: str, logs: str) -> Counts:
    import inspect_ai  # type: ignore[import-not-found]
    from inspect_ai.dataset import FieldSpec, json_dataset  # type: ignore[import-not-found]
    from inspect_ai.scorer import exact  # type: ignore[import-not-found]

    fields = FieldSpec(id="id", input="input", target="expected")
    task = inspect_ai.Task(
        dataset=json_dataset(str(dataset), fields), solver=_solver(url), scorer=exact()
    )
    (log,) = inspect_ai.eval(
        task, model=None, display="none", log_dir=logs, max_samples=CONCURRENCY
    )
    if log.status != "success" or log.results is None or log.samples is None:
        raise SystemExit(f"Inspect ended with {log.status}: {log.error}")
    values = [score.value for each in log.samples for score in (each.scores or {}).values()]
    passed, failed = values.count("C"), values.count("I")
    return Counts(passed, failed, len(log.samples) - passed - failed)


def _solver(url: str) -> Any:
    import aiohttp
    from inspect_ai.solver import (  # type: ignore[import-not-found]
        Generate,
        Solver,
        TaskState,
        solver,
    )

    @solver  # type: ignore[untyped-decorator]
    def ask() -> Solver:
        sessions: list[aiohttp.ClientSession] = []

        async def solve(state: TaskState, generate: Generate) -> TaskState:
            if not sessions:
                sessions.append(aiohttp.ClientSession())
            async with sessions[0].post(url, json={"input": state.input_text}) as response:
                state.output.completion = (await response.json())["output"]
            return state

        return solve

    return ask()


WORK: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (evaluate, part, die, go_on, peak, bare, bare_uvloop, inspect)
}


def main(arguments: Sequence[str]) -> None:
    """Do the work that a command line names."""
    WORK[arguments[0]](*arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
