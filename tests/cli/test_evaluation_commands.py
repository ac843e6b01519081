"""`gitexp run EXPERIMENT`, `resume`, `watch`, `cancel`, `rows` and `gitexp score`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitexp.repository import Repository
from gitexp.runs.recording import ledger
from gitexp.runs.run import Run as RecordedRun
from gitexp.runs.tallies import Stats
from tests.cli.conftest import Run, git

ANSWER = """\
import pathlib, time

here = pathlib.Path(__file__).parent

def answer(number, parameters):
    print(f"asked {number}\\n", end="")  # in one piece, whoever else prints
    if number == 2 and not (here / "fixed").exists():
        raise ValueError("not yet")
    if (here / "wait").exists():
        while not (here / "go").exists():
            time.sleep(0.002)
    return number + 1
"""
USUAL = ("run", "tone", "--dataset", "q", "--endpoint", "bot")


@pytest.fixture
def bot(tone: list[str], project: Path) -> Path:
    """A project with a dataset of four samples and an endpoint that fails at the third."""
    files = {
        "app.py": ANSWER,
        "endpoints/bot.yaml": "type: python\n\ncallable: app:answer\n",
        "datasets/q.jsonl": "".join(
            json.dumps({"id": f"s{n}", "input": n, "expected": n + 1}) + "\n" for n in range(4)
        ),
        "evaluators/reviewer.yaml": "type: human\n\nmin: 1\nmax: 5\n\npass_at: 3\n",
        "workflows/twice.yaml": (
            "tasks:\n  - name: ask\n    type: endpoint\n    endpoint: bot\n\n"
            '  - name: more\n    type: transform\n    template: "{{ input + 1 }}"\n'
        ),
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return project


def recorded(directory: Path) -> list[RecordedRun]:
    return ledger.read(Repository.open(directory).workspace, "tone")


# --- evaluating -----------------------------------------------------------------------------


def test_the_id_is_all_that_is_printed(bot: Path, process: Run) -> None:
    done = process(*USUAL).ok()
    [run] = recorded(bot)
    assert done.out == f"{run.id}\n"
    assert "asked 3" in done.err
    assert "3 passed, 1 error of 4, pass rate 75.0 %" in done.err
    assert "error in 1 row: ValueError: not yet" in done.err
    assert (run.status, run.stats) == ("finished", Stats(passed=3, errors=1))


def test_a_request_is_taken_from_a_file_or_standard_input(bot: Path, gitexp: Run) -> None:
    request = {
        "dataset_id": "q",
        "experiment_id": "tone",
        "workflow": [{"type": "endpoint", "endpoint": "bot"}],
        "evaluator_ids": ["exact-match"],
        "name": "asked",
        "concurrency": 1,
    }
    (bot / "request.json").write_text(json.dumps(request))
    gitexp("run", "--request", "request.json", "-q").ok()
    gitexp(
        "run", "--request", "-", "-q", stdin="dataset: q\nexperiment: tone\nendpoint: bot\n"
    ).ok()
    first, second = reversed(recorded(bot))
    assert (first.name, first.evaluation["concurrency"]) == ("asked", 1)
    assert second.evaluation["endpoint"] == "bot"


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("[1]", "the request is no mapping"),
        ("experiment: tone\n", "the request names no dataset"),
        (
            "{experiment: tone, dataset: q, endpoint: bot, concurrency: many}",
            "concurrency is 'many', no whole number",
        ),
    ],
)
def test_a_request_that_is_wrong_is_refused(
    bot: Path, gitexp: Run, request_text: str, message: str
) -> None:
    done = gitexp("run", "--request", "-", stdin=request_text)
    assert done.code in (1, 2)
    assert f"error: {message}" in done.err
    assert recorded(bot) == []


def test_a_workflow_and_options_reach_the_run(bot: Path, gitexp: Run) -> None:
    gitexp(
        *("run", "tone", "--dataset", "q", "--workflow", "twice", "--limit", "2", "--repeats", "2"),
        *(
            "--set",
            "temperature=1",
            "--tag",
            "a=b",
            "--name",
            "n",
            "--no-tracing",
            "--retries",
            "0",
        ),
    ).ok()
    [run] = recorded(bot)
    assert (run.stats.rows, run.overrides, run.tags, run.name) == (
        4,
        {"temperature": 1},
        {"a": "b"},
        "n",
    )
    assert run.evaluation["retries"] == 0
    assert run.evaluation["enable_tracing"] is False


def test_a_limit_that_is_reached_is_told_with_how_to_go_on(bot: Path, gitexp: Run) -> None:
    done = gitexp(*USUAL, "--max-errors", "0", "--concurrency", "1")
    [run] = recorded(bot)
    assert (run.status, run.stats) == ("failed", Stats(passed=2, errors=1))
    assert (done.code, done.out) == (1, f"{run.id}\n")
    assert f"error: run {run.id} failed: more than 0 rows are errors" in done.err
    assert f"go on with `gitexp run resume {run.id}`" in done.err
    (bot / "fixed").touch()
    gitexp("run", "resume", run.id).ok()
    assert recorded(bot)[0].stats == Stats(passed=4)


# --- going on, watching, cancelling ---------------------------------------------------------


def test_a_run_is_gone_on_with_by_the_beginning_of_its_id(bot: Path, gitexp: Run) -> None:
    run_id = gitexp(*USUAL, "-q").ok().out.strip()
    (bot / "fixed").touch()
    done = gitexp("run", "resume", run_id[:-4]).ok()
    assert done.out == f"{run_id}\n"
    assert "4 passed of 4" in done.err
    (bot / "datasets/q.jsonl").write_text('{"id": "s0", "input": 0, "expected": 9}\n')
    refused = gitexp("run", "resume", run_id)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"error: the dataset is not what it was when run {run_id} began")


def test_a_run_in_the_background_outlives_its_shell(bot: Path, process: Run) -> None:
    (bot / "wait").touch()
    (bot / "fixed").touch()
    begun = process(*USUAL, "--detach", "--name", "night").ok()
    run_id = begun.out.strip()
    assert process("run", "show", run_id, "--format", "json").ok().out
    assert recorded(bot) == []
    (bot / "go").touch()
    done = process("run", "watch", run_id).ok()
    assert done.out == f"{run_id}\n"
    [run] = recorded(bot)
    assert (run.id, run.name, run.stats) == (run_id, "night", Stats(passed=4))
    log = bot / f".git/gitexp/logs/{run_id}.log"
    assert "asked 1" in log.read_text()


def test_an_error_before_it_begins_is_told(bot: Path, process: Run) -> None:
    done = process("run", "tone", "--dataset", "nope", "--endpoint", "bot", "--detach")
    assert (done.code, done.out) == (1, "")
    assert "error: the evaluation did not begin: no dataset 'nope' in the project" in done.err
    assert "hint: Make the file datasets/nope.jsonl" in done.err
    (bot / "app.py").write_text("raise SystemExit('at import')\n")
    done = process(*USUAL, "--detach")
    assert done.code == 1
    assert "at import" in done.err


def test_a_log_that_cannot_be_written_is_told(bot: Path, gitexp: Run) -> None:
    logs = bot / ".git/gitexp/logs"
    logs.parent.mkdir(exist_ok=True)
    logs.write_text("in the way")
    done = gitexp(*USUAL, "--detach")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: cannot write ")
    assert "; the evaluation did not begin\n" in done.err


def test_modules_of_the_project_do_not_stand_in_for_others(bot: Path, process: Run) -> None:
    for name in ("queue", "selectors", "click"):
        (bot / f"{name}.py").write_text("raise SystemExit('not me')\n")
    (bot / "fixed").touch()
    script = "import sys; sys.path.remove(''); from gitexp.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, *USUAL, "--detach", "-q"],
        cwd=bot,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "not me" not in done.stderr


def test_a_run_is_cancelled(bot: Path, process: Run) -> None:
    (bot / "wait").touch()
    (bot / "fixed").touch()
    run_id = process(*USUAL, "--detach", "--concurrency", "1", "--batch-size", "1").ok().out.strip()
    asked = process("run", "cancel", run_id, "--reason", "wrong dataset").ok()
    assert "asked to stop after 0 of 4: 0 passed" in asked.err
    (bot / "go").touch()
    watched = process("run", "watch", run_id)
    assert (watched.code, watched.out) == (3, f"{run_id}\n")
    why = "cancelled by Ada Example <ada@example.org>: wrong dataset"
    assert watched.err.endswith(f"{why}; go on with `gitexp run resume {run_id}`\n")
    [run] = recorded(bot)
    assert run.status == "killed"
    assert run.error is not None
    assert run.error.message == why
    again = process("run", "cancel", run_id)
    assert (again.code, again.out) == (1, "")
    assert f"run {run_id} is killed, so it cannot be cancelled here" in again.err


# --- rows -----------------------------------------------------------------------------------


def test_rows_are_listed(bot: Path, gitexp: Run) -> None:
    run_id = gitexp(*USUAL, "-q").ok().out.strip()
    done = gitexp("run", "rows", run_id).ok()
    assert done.err == ""
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [
        ["s0", "passed"],
        ["s1", "passed"],
        ["s2", "error"],
        ["s3", "passed"],
    ]
    assert gitexp("run", "rows", run_id, "--status", "error", "-q").ok().out == "s2\n"
    rows = gitexp("run", "rows", run_id, "--limit", "2", "--format", "jsonl").ok().out
    assert [json.loads(line)["output"] for line in rows.splitlines()] == [1, 2]


def test_that_there_are_no_rows_is_said_only_then(bot: Path, gitexp: Run) -> None:
    run_id = gitexp(*USUAL, "-q").ok().out.strip()
    done = gitexp("run", "rows", run_id, "--status", "failed").ok()
    assert (done.out, done.err) == ("", "no rows\n")


# --- scoring --------------------------------------------------------------------------------


def test_recorded_outputs_are_scored_again(bot: Path, gitexp: Run) -> None:
    run_id = gitexp(*USUAL, "-q").ok().out.strip()
    (bot / "app.py").write_text("raise SystemExit('asked')\n")
    done = gitexp("score", run_id, "--evaluator", "numeric").ok()
    assert done.out == f"{run_id}\n"
    assert recorded(bot)[0].scores["numeric"]["passed"] == 3


def test_what_people_say_is_recorded(bot: Path, gitexp: Run) -> None:
    run_id = gitexp(*USUAL, "--evaluator", "reviewer", "-q").ok().out.strip()
    said = ("score", run_id, "--evaluator", "reviewer")
    gitexp(*said, "--sample", "s0", "--value", "4", "--reason", "fine").ok()
    (bot / "r.csv").write_text("sample,value,passed,reason\ns1,2,,meh\ns3,1,true,\n")
    gitexp(*said, "--from", "r.csv").ok()
    (bot / "r.jsonl").write_text('{"sample": "s0", "value": 1}\n')
    gitexp(*said, "--from", "r.jsonl").ok()
    [run] = recorded(bot)
    assert run.stats == Stats(passed=1, failed=2, errors=1)
    rows: list[Any] = json.loads(gitexp("run", "rows", run_id, "--format", "json").ok().out)
    assert [row["scores"].get("reviewer", {}).get("value") for row in rows] == [1, 2, None, 1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--sample", "s0"), 2, "which score?"),
        (("--sample", "s0", "--value", "9"), 1, "sample s0: 9 is no score of 'reviewer'"),
        (("--sample", "z", "--value", "4"), 1, "has no rows of z"),
        (
            ("--sample", "s0", "--value", "4", "--evaluator", "numeric"),
            2,
            "what people say is recorded for one evaluator at a time",
        ),
    ],
)
def test_judgements_that_are_wrong_are_refused(
    bot: Path, gitexp: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    run_id = gitexp(*USUAL, "-q").ok().out.strip()
    done = gitexp("score", run_id, "--evaluator", "reviewer", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_a_run_is_shared_when_it_is_done(bot: Path, gitexp: Run) -> None:
    gitexp(*USUAL, "--push", "-q").ok()
    assert "refs/heads/runs/bot/tone" in git("ls-remote", "origin")
