"""Evaluations that stop before their last sample: limits, and people who cancel them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from gitexp.evaluation.running.handles import EvaluationHandle
from gitexp.evaluation.running.planning import plan_again
from gitexp.evaluation.running.requests import Limits
from gitexp.evaluation.running.runner import Evaluation, Progress, evaluate, resume
from gitexp.evaluation.running.stopping import CANCELLED, LIMIT, limit_reached
from gitexp.evaluation.running.window import Window
from gitexp.ids import RunId
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Stats, Tally
from gitexp.runs.tracking.resuming import go_on_with
from tests.evaluation.projects import Project, request
from tests.runs.making import make_row

HTTP_USAGE = {"input_tokens": 60, "output_tokens": 40, "cost": 0.25}


def tally(passed: int = 0, errors: int = 0, **usage: Any) -> Tally:
    """Return the totals of some rows, each of which used the same."""
    found = Tally()
    for number in range(passed + errors):
        status: Any = "passed" if number < passed else "error"
        found.add(make_row(str(number), status, position=number, usage=usage))
    return found


def reached(tally: Tally, seconds: float = 0.0, **limits: Any) -> str | None:
    found = limit_reached(Limits(**limits), tally, seconds)
    assert found is None or found.type == LIMIT
    return found and found.message


def test_without_limits_nothing_stops() -> None:
    assert reached(tally(5, 500, **HTTP_USAGE), 1e9) is None


@pytest.mark.parametrize(
    ("counted", "limits", "message"),
    [
        (tally(1), {"fail_fast": True}, None),
        (tally(1, 1), {"fail_fast": True}, "a row is an error, and the run fails fast"),
        (tally(0, 2), {"max_errors": 2}, None),
        (tally(0, 3), {"max_errors": 2}, "more than 2 rows are errors"),
        (tally(0, 1), {"max_errors": 0}, "more than 0 rows are errors"),
        (tally(0, 19), {"max_error_rate": 0.1}, None),
        (tally(18, 2), {"max_error_rate": 0.1}, None),
        (
            tally(17, 3),
            {"max_error_rate": 0.1},
            "3 of 20 rows are errors, more than a share of 0.1",
        ),
        (tally(3, **HTTP_USAGE), {"max_cost": 1}, None),
        (tally(4, **HTTP_USAGE), {"max_cost": 1}, "the calls cost 1, and 1 is the most"),
        (tally(4, **HTTP_USAGE), {"max_tokens": 401}, None),
        (
            tally(5, **HTTP_USAGE),
            {"max_tokens": 500},
            "the calls used 500 tokens, and 500 is the most",
        ),
        (tally(4), {"max_tokens": 1, "max_cost": 0.1}, None),
    ],
)
def test_a_limit_is_told_when_it_is_reached(
    counted: Tally, limits: dict[str, Any], message: str | None
) -> None:
    assert reached(counted, **limits) == message


def test_the_time_is_a_limit_too() -> None:
    assert reached(tally(1), 4.9, max_seconds=5) is None
    assert reached(tally(1), 5.0, max_seconds=5) == "it went on for 5 s, and 5 s is the most"


# --- in an evaluation -----------------------------------------------------------------------

BROKEN = "def answer(x, p):\n    if x in (2, 5): raise ValueError('no')\n    return x + 1\n"


@pytest.fixture
def broken(project: Project) -> Project:
    """A project whose third and sixth of nine samples are errors."""
    project.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(9)])
    project.code(BROKEN)
    return project


@pytest.mark.parametrize(
    ("limits", "rows", "message"),
    [
        ({"fail_fast": True}, 3, "a row is an error, and the run fails fast"),
        ({"max_errors": 1}, 6, "more than 1 rows are errors"),
    ],
)
def test_a_limit_ends_a_run_as_failed_with_its_rows(
    broken: Project, limits: dict[str, Any], rows: int, message: str
) -> None:
    run = broken.run(concurrency=1, limits=Limits(**limits))
    assert (run.status, run.stats.rows) == ("failed", rows)
    assert run.error == Failure(type=LIMIT, message=message)
    assert [row.sample for row in broken.rows(run)] == [str(n) for n in range(rows)]
    broken.code(BROKEN.replace("(2, 5)", "()"))
    again = resume(broken.workspace, run.id)
    assert (again.status, again.stats, again.error) == ("finished", Stats(passed=9), None)


def test_what_is_in_flight_is_finished(broken: Project) -> None:
    """The second call answers only when the first one's error was counted."""
    broken.code(
        "import pathlib, time\n"
        "counted = pathlib.Path(__file__).with_name('counted')\n"
        "def answer(x, p):\n"
        "    if x == 0: raise ValueError('no')\n"
        "    while not counted.exists(): time.sleep(0.001)\n"
        "    return x + 1\n"
    )

    def look(progress: Progress) -> None:
        if progress.errors:
            broken.write("counted", "")

    asked = request(concurrency=2, limits=Limits(fail_fast=True))
    assert evaluate(broken.workspace, asked, progress=look).stats == Stats(passed=1, errors=1)


def test_going_on_counts_what_was_used_before(broken: Project) -> None:
    limits = Limits(max_errors=0)
    run = broken.run(concurrency=1, limits=limits)
    assert run.stats == Stats(passed=2, errors=1)
    again = resume(broken.workspace, run.id)
    assert (again.status, again.stats) == ("failed", Stats(passed=2, errors=1))


# --- people who cancel ----------------------------------------------------------------------


def test_a_cancelled_run_is_killed_with_its_rows(on_disk: Project) -> None:
    on_disk.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(50)])
    handles: list[EvaluationHandle] = []

    def begun(run: Any) -> None:
        handles.append(EvaluationHandle(on_disk.workspace, RunId(run.id)))

    def look(progress: Progress) -> None:
        if progress.done == 3:
            handles[0].cancel("wrong dataset")

    asked = request(concurrency=1, batch_size=1)
    run = evaluate(on_disk.workspace, asked, progress=look, begun=begun)
    assert (run.status, run.error) == (
        "killed",
        Failure(
            type=CANCELLED, message="cancelled by Ada Example <ada@example.org>: wrong dataset"
        ),
    )
    assert 3 <= run.stats.passed < 50
    assert resume(on_disk.workspace, run.id).stats == Stats(passed=50)


def test_one_that_is_cancelled_before_its_work_has_begun_does_none(on_disk: Project) -> None:
    on_disk.code(BROKEN.replace("(2, 5)", "range(50)"))
    on_disk.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(50)])
    run = on_disk.run()
    with go_on_with(on_disk.workspace, run.id) as (before, journal):
        EvaluationHandle(on_disk.workspace, RunId(run.id)).cancel()
        plan = plan_again(on_disk.workspace, before)
        again = Evaluation(on_disk.workspace, plan, journal, None).carry_out()
    assert again.status == "killed"
    assert again.error is not None
    assert again.error.message == "cancelled by Ada Example <ada@example.org>"


def test_calls_that_do_not_heed_a_cancellation_do_not_go_on_with_the_next_item() -> None:
    """A slot breaks; another one is cancelled, and its call returns all the same."""
    begun: list[int] = []

    async def answer(item: Any) -> Any:
        begun.append(item)
        if item == 1:
            raise RuntimeError("broken")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    items: Iterator[Any] = iter(range(9))
    window = Window(
        items=items,
        concurrency=2,
        batch_size=1,
        finished=lambda item, made: None,
        sync=lambda: None,
        look=lambda: None,
    )
    with pytest.raises(RuntimeError, match=r"^broken$"):
        asyncio.run(asyncio.wait_for(window.work(answer), 30))
    assert begun == [0, 1]
