"""Limits of endpoints: kept for all workers of a run together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitexp.clock import SystemClock
from gitexp.evaluation.running.executors.limits import limited
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.runs.rows import ResultRow, Score
from tests.evaluation.executing import plan_of
from tests.evaluation.projects import Project
from tests.evaluation.systems import run as bounded

NOTED = """\
import os, time

LOG = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def answer(given, parameters):
    os.write(LOG, b"+")
    time.sleep(0.002)
    os.write(LOG, b"-")
    return given + 1
"""


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_an_endpoint_bears_so_many_calls_of_all_workers(project: Project, executor: str) -> None:
    log = project.directory.parent / "log"
    project.code(NOTED.format(log=str(log)))
    project.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n\nconcurrency: 2\n")
    project.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(60)])
    run = project.run(executor=executor, concurrency=8)
    assert run.stats.passed == 60
    assert most_at_once(log) <= 2


def most_at_once(log: Path) -> int:
    """Return how many calls of a log were under way at the same time at most."""
    calls = most = 0
    for sign in log.read_text(encoding="utf-8"):
        calls += 1 if sign == "+" else -1
        most = max(most, calls)
    return most


# A call or a token takes a millisecond of the limit; a thousand may be used at once.
CALLS = "rate_limit:\n  requests_per_minute: 60000\n"
TOKENS = "rate_limit:\n  tokens_per_minute: 60000\n"
JUDGED = {"judge": Score(value=1.0, usage={"input_tokens": 700, "output_tokens": 600})}
TASKS = tuple({"name": str(n), "type": "endpoint", "endpoint": "bot"} for n in range(3))


def between(project: Project, row: Mapping[str, Any], limits: str, **fields: Any) -> float:
    """Return the seconds between handing out a row, which came back as told, and the next."""
    project.write("endpoints/bot.yaml", f"type: python\n\ncallable: app:answer\n\n{limits}")
    plan, moments = plan_of(project, **fields), []
    clock = SystemClock()

    async def answer(item: WorkItem) -> Made:
        moments.append(clock.monotonic())
        return Made(row=ResultRow(sample=item.sample.id, status="passed", **row))

    async def main() -> None:
        within = limited(answer, plan.recipe.workflow, plan.parts, clock)
        for item, _ in zip(plan.items(), range(2), strict=False):
            await within(item)

    bounded(main())
    return moments[1] - moments[0]


@pytest.mark.parametrize(
    "endpoint, row",
    [
        (CALLS, {"attempts": 1201}),
        (TOKENS, {"usage": {"input_tokens": 700, "output_tokens": 600}}),
        (TOKENS, {"usage": {"output_tokens": 1300}}),
    ],
)
def test_what_a_row_used_beyond_a_call_is_made_up_for(
    project: Project, endpoint: str, row: Mapping[str, Any]
) -> None:
    assert between(project, row, endpoint) > 0.15


def test_a_row_counts_for_all_the_calls_that_it_may_make(project: Project) -> None:
    slow = "rate_limit:\n  requests_per_minute: 1200\n"  # 20 at once, then one every 0.05 s
    row = {"attempts": 19}
    assert between(project, row, slow, endpoint="", workflow=TASKS) > 0.15


def test_what_an_evaluator_uses_is_counted_by_its_own_limit(project: Project) -> None:
    judge = (
        "type: llm-judge\n\nbase_url: http://127.0.0.1:9/v1\n\nmodel: m\n\nrubric: is it right?\n\n"
    )
    project.write("evaluators/judge.yaml", judge + TOKENS)
    assert between(project, {"scores": JUDGED}, "", evaluators=("judge",)) > 0.15


def test_without_limits_rows_are_handed_out_as_they_come(project: Project) -> None:
    async def answer(item: WorkItem) -> Made:
        return Made(row=ResultRow(sample=item.sample.id, status="passed"))

    plan = plan_of(project)
    assert limited(answer, plan.recipe.workflow, plan.parts, SystemClock()) is answer
