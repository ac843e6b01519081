"""Executors: whoever works on the samples, the run is the same."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import Conflict, GitexpError, InvalidInput
from gitexp.evaluation.running.executors.workers import WorkOrder
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Stats
from gitexp.surroundings import Surroundings
from tests.evaluation.executing import MANY, ODD, WORKFLOW, plan_of, told
from tests.evaluation.projects import Project
from tests.runs.making import disk_workspace

WORKERS = ["threads", "processes"]
SECRET = "s3cr3t-of-the-bot"

# --- what is recorded ----------------------------------------------------------------------------


@pytest.mark.parametrize("executor", WORKERS)
def test_rows_are_those_of_the_local_executor(project: Project, executor: str) -> None:
    project.dataset(MANY)
    local = project.run(repeats=2, seed=3)
    run = project.run(executor=executor, concurrency=5, batch_size=7, repeats=2, seed=3)
    assert (run.status, run.stats) == ("finished", local.stats)
    assert told(project.rows(run)) == told(project.rows(local))


@pytest.mark.parametrize("executor", WORKERS)
def test_workflows_go_the_same_way(project: Project, executor: str) -> None:
    project.code(ODD)
    fields = {"endpoint": "", "workflow": WORKFLOW, "enable_tracing": True}
    local = project.run(**fields)
    run = project.run(**fields, executor=executor)
    rows = project.rows(run)
    assert told(rows) == told(project.rows(local))
    assert [row.output for row in rows] == ["1", "22", MISSING, MISSING]
    assert [row.error for row in rows[2:]] == [
        Failure(type="Odd", message="not 3"),
        Failure(type="Odd", message="no 3"),
    ]
    assert all(row.trace_id for row in rows)


@pytest.mark.parametrize("executor", WORKERS)
def test_a_function_that_ends_its_thread_ends_a_sample_alone(
    project: Project, executor: str
) -> None:
    project.code("import sys\ndef answer(x, p):\n    return x + 1 if x else sys.exit(3)\n")
    run = project.run(executor=executor)
    assert run.stats == Stats(passed=3, errors=1)
    assert project.rows(run)[0].error == Failure(type="SystemExit", message="3")


def test_workers_are_other_processes(project: Project) -> None:
    project.code("import os\n\ndef answer(x, p):\n    return os.getpid()\n")
    run = project.run(executor="processes")
    assert os.getpid() not in {row.output for row in project.rows(run)}


def test_what_workers_print_is_talk(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    project.code("def answer(x, p):\n    print('talk', flush=True)\n    return x + 1\n")
    project.run(executor="processes")
    out, err = capfd.readouterr()
    assert (out, err.count("talk")) == ("", 4)


def test_every_thread_has_an_event_loop_of_its_own(project: Project) -> None:
    project.code(
        "import asyncio\n"
        "meeting, seen = [], []\n"
        "async def answer(x, p):\n"
        "    seen.append(x)\n"
        "    while len(seen) < 4:\n"
        "        await asyncio.sleep(0)\n"
        "    meeting.append(asyncio.get_running_loop())\n"
        "    while len(meeting) < 4:\n"
        "        await asyncio.sleep(0)\n"
        "    return len(set(map(id, meeting)))\n"
    )
    run = project.run(executor="threads", concurrency=4)
    assert [row.output for row in project.rows(run)] == [4, 4, 4, 4]
    assert "app" not in sys.modules


# --- what workers are told -----------------------------------------------------------------------


def test_an_order_is_plain_data(project: Project) -> None:
    plan = plan_of(project, endpoint="", workflow=WORKFLOW, cache=True, seed=1, retries=2)
    order: WorkOrder = pickle.loads(WorkOrder(recipe=plan.recipe).packed())
    assert order.recipe.workflow == plan.recipe.workflow
    assert dict(order.recipe.parameters) == dict(plan.recipe.parameters)
    assert order.recipe.endpoints == plan.recipe.endpoints
    assert order.recipe.endpoints["bot"].startswith("sha256:")


@pytest.mark.parametrize("executor", WORKERS)
def test_secrets_stay_where_they_are_and_are_masked(tmp_path: Path, executor: str) -> None:
    directory = tmp_path / "project"
    workspace = disk_workspace(directory, environ={"BOT_KEY": SECRET})
    project = Project(workspace=workspace, directory=directory)
    project.code("def answer(x, p):\n    return p.secret('key') + str(x)\n")
    order = WorkOrder(recipe=plan_of(project).recipe).packed()
    run = project.run(executor=executor)
    assert SECRET.encode() not in order
    assert [row.output for row in project.rows(run)] == [f"<secret>{n}" for n in range(4)]


def test_a_worker_with_other_files_refuses(project: Project) -> None:
    order = WorkOrder(recipe=plan_of(project).recipe).packed()
    project.write("endpoints/bot.yaml", "type: python\n\ncallable: app:other\n")
    with pytest.raises(Conflict) as caught:
        WorkOrder.opened(order, Surroundings())
    assert str(caught.value) == "endpoint 'bot' is not what it was when the run began"


def test_a_worker_with_another_gitexp_refuses(project: Project) -> None:
    order = WorkOrder(recipe=plan_of(project).recipe, gitexp="0.0.1").packed()
    with pytest.raises(Conflict, match=r"^the worker has gitexp .+, and the run has 0\.0\.1$"):
        WorkOrder.opened(order, Surroundings())


# --- what cannot be begun ------------------------------------------------------------------------


@pytest.mark.parametrize("executor", WORKERS)
def test_what_cannot_be_imported_is_said_as_it_is_here(project: Project, executor: str) -> None:
    project.code("raise ValueError('broken module')\n")
    with pytest.raises(InvalidInput) as caught:
        project.run(executor=executor)
    assert str(caught.value) == (
        "endpoint 'bot': app:answer cannot be imported: ValueError: broken module"
    )


def test_workers_that_never_come_up_are_given_up(project: Project) -> None:
    project.code("import os\nos._exit(3)\n")
    with pytest.raises(GitexpError) as caught:
        project.run(executor="processes")
    assert str(caught.value) == (
        "3 worker processes died before they could work; "
        "of the last, the program ended with exit code 3"
    )


def test_a_scheduler_is_for_dask_alone(project: Project) -> None:
    with pytest.raises(InvalidInput) as caught:
        project.run(scheduler="tcp://127.0.0.1:8786")
    assert str(caught.value) == "a scheduler is given, and the executor 'local' has none"
    assert project.runs() == []


def test_without_dask_it_is_said_how_to_have_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InvalidInput) as caught:
        project.run(executor="dask")
    assert str(caught.value) == "the executor 'dask' needs Dask, which is not installed"
    assert caught.value.hint == "Install it: `pip install 'gitexp[dask]'`."
