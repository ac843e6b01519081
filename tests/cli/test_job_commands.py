"""`gitexp job` and `gitexp entrypoint` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.real_git import Git

ASK = """\
description: Ask the bot
parameters:
  times: {type: integer, default: 2}
inputs: {dataset: {default: q}}
workflow: [{type: endpoint, endpoint: bot}]
"""


@pytest.fixture
def project(gitexp: Run, directory: Path) -> Path:
    """A project whose experiment `tone` declares the entrypoints `ask` and `count`."""
    gitexp("init", "--project", "bot").ok()
    files = {
        "gitexp.yaml": "format: 1\nid: bot\nparameters:\n  shift: {type: integer, default: 1}\n",
        "app.py": "def answer(given, parameters):\n    return given * parameters['times']\n",
        "endpoints/bot.yaml": "type: python\ncallable: app:answer\n",
        "datasets/q.jsonl": '{"id": "a", "input": 1, "expected": 2}\n',
        "entrypoints/ask.yaml": ASK,
        "entrypoints/count.yaml": (
            "command: [echo, '{{ parameters.upto }}']\n"
            "parameters: {upto: {type: integer}}\nqueues: [slow]\n"
        ),
    }
    for path, text in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    git = Git(directory)
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    gitexp("experiment", "create", "tone").ok()
    gitexp("commit", "tone", "--set", "shift=1").ok()
    declared = ("--entrypoint", "ask", "--entrypoint", "count")
    gitexp("experiment", "update", "tone", *declared).ok()
    return directory


def test_a_job_is_created_and_done(gitexp: Run, project: Path) -> None:
    made = gitexp("job", "create", "tone", "--entrypoint", "ask", "--set", "times=2").ok()
    job = made.out.strip()
    assert made.err == f"job {job} is queued in default: `gitexp job work default`\n"
    worked = gitexp("job", "work", "--once").ok()
    assert worked.out == ""
    assert worked.err.splitlines() == [
        "working on queue default",
        f"job {job} started: run {job}",
        f"job {job} finished",
        "1 job done",
    ]
    shown = json.loads(gitexp("job", "show", job[:18], "--format", "json").ok().out)
    assert (shown["status"], shown["values"], shown["run"]) == ("finished", {"times": 2}, job)
    history = gitexp("job", "history", job, "-q").ok()
    assert history.out == "queued\nstarted\nfinished\n"
    rows = gitexp("job", "list", "--format", "jsonl").ok().out.splitlines()
    assert [json.loads(row)["id"] for row in rows] == [job]


def test_a_job_is_told_how_its_samples_are_worked_on(gitexp: Run, project: Path) -> None:
    job = gitexp(
        *("job", "create", "tone", "--entrypoint", "ask", "--limit", "1", "--repeats", "2"),
        *("--max-errors", "0", "--fail-fast", "--seed", "0"),
    ).ok()
    shown = gitexp("job", "show", job.out.strip()).ok().out
    assert 'asked       {"selection": {"limit": 1}, "repeats": 2, "seed": 0, "limits": ' in shown
    assert "timeout     1 d\n" in shown
    record = json.loads(gitexp("run", "show", job.out.strip(), "--format", "json").ok().out)
    assert {k: record["evaluation"][k] for k in ("selection", "repeats", "seed", "limits")} == {
        "selection": {"limit": 1},
        "repeats": 2,
        "seed": 0,
        "limits": {"fail_fast": True, "max_errors": 0},
    }


def test_what_is_wrong_with_a_job_is_told_at_once(gitexp: Run, project: Path) -> None:
    refused = gitexp("job", "create", "tone", "--entrypoint", "count", "--set", "up=3")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "error: job: up: unknown parameter. Did you mean 'upto'?\n"
        "error: job: upto: required parameter of type integer has no value\n"
        "hint: See `gitexp entrypoint show count`.\n"
    )
    typed = gitexp("job", "create", "tone", "--entrypoint", "count", "--set", "upto=many")
    assert 'error: job: upto: "many" is not an integer' in typed.err


def test_an_entrypoint_that_is_not_declared_is_refused(gitexp: Run, project: Path) -> None:
    (project / "entrypoints/other.yaml").write_text(ASK)
    refused = gitexp("job", "create", "tone", "--entrypoint", "other")
    assert refused.code == 1
    assert refused.err == (
        "error: experiment 'tone' does not declare entrypoint 'other': it declares ask, count\n"
        "hint: Declare it: `gitexp experiment update tone --entrypoint other`.\n"
    )


def test_a_job_is_deferred_reset_and_cancelled(gitexp: Run, project: Path) -> None:
    job = gitexp("job", "create", "tone", "--entrypoint", "ask", "-q").ok().out.strip()
    said = gitexp("job", "defer", job, "--until", "2999-01-01T00:00:00Z", "-m", "later").ok()
    assert (said.out, said.err) == ("", f"job {job} is deferred\n")
    assert gitexp("job", "work", "--once").ok().err.splitlines()[-1] == "0 jobs done"
    assert "deferred until 2999-01-01T00:00:00Z" in gitexp("job", "list").ok().out
    assert gitexp("job", "reset", job).ok().err == f"job {job} is queued: attempt 1\n"
    assert gitexp("job", "cancel", job).ok().err == f"job {job} is failed\n"
    refused = gitexp("job", "cancel", job)
    assert refused.code == 1
    assert refused.err == (
        f"error: job {job} cannot become cancelled: it is failed\n"
        f"hint: Do it again with `gitexp job reset {job}`.\n"
    )
    assert gitexp("job", "reset", job).ok().err == f"job {job} is queued: attempt 2\n"
    assert gitexp("job", "list", "--status", "failed", "-q").ok().out == ""


def test_moments_and_durations_are_checked(gitexp: Run, project: Path) -> None:
    create = ("job", "create", "tone", "--entrypoint", "ask")
    wrong = gitexp(*create, "--defer-until", "tomorrow")
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        2,
        "error: --defer-until 'tomorrow' is no moment",
    )
    wrong = gitexp(*create, "--timeout", "soon")
    assert (wrong.code, wrong.err) == (
        1,
        "error: 'soon' is no duration\nhint: Write it as 90s, 15m, 24h or 7d, or in seconds.\n",
    )
    assert gitexp(*create, "--after", "20260101T000000-aaaaaaaa").code == 1


def test_entrypoints_are_listed_and_shown(gitexp: Run, project: Path) -> None:
    listed = gitexp("entrypoint", "list", "--format", "csv").ok().out.splitlines()
    assert listed[1:] == [
        'ask,its own workflow,"[""times""]","[""default""]",Ask the bot',
        'count,program echo,"[""upto""]","[""slow""]",',
    ]
    shown = gitexp("entrypoint", "show", "ask").ok().out
    assert shown.startswith("# entrypoints/ask.yaml\n# sha256:")
    assert gitexp("entrypoint", "list", "-q").ok().out == "ask\ncount\n"
    assert gitexp("entrypoint", "show", "gone").err == (
        "error: no entrypoint 'gone' in the project\nhint: Make the file entrypoints/gone.yaml.\n"
    )


def test_a_file_whose_name_is_none_is_named(gitexp: Run, project: Path) -> None:
    (project / "entrypoints/Bad Name.yaml").write_text("command: [echo]\n")
    (project / "entrypoints/count.yaml").write_text("command: []\n")
    problems = [
        'entrypoints/Bad Name.yaml: "Bad Name" is not a usable entrypoint name: it must match',
        "entrypoints/count.yaml:1: command: ",
    ]
    listed, checked = gitexp("entrypoint", "list"), gitexp("entrypoint", "validate", "-q")
    assert (listed.code, checked.code) == (1, 3)
    for line, shown, validated in zip(
        problems, listed.err.splitlines(), checked.out.splitlines(), strict=False
    ):
        assert shown.startswith(f"error: {line}")
        assert validated.startswith(line)


def test_entrypoints_are_checked(gitexp: Run, project: Path) -> None:
    assert gitexp("entrypoint", "validate").ok().err == "nothing is wrong\n"
    (project / "entrypoints/count.yaml").write_text(
        "command: ['{{ dataset.path }}', '{{ samples }}']\n"
        "parameters: {mode: {type: enum}, key: {type: secret}}\n"
        "evaluators: [exact-match]\n"
    )
    wrong = gitexp("entrypoint", "validate", "count", "--format", "json")
    assert wrong.code == 3
    assert [problem["place"] for problem in json.loads(wrong.out)] == [
        "parameters.mode",
        "parameters.key.type",
        "evaluators",
    ]
    (project / "entrypoints/count.yaml").write_text(
        "command: ['{{ dataset.path }}', '{{ samples }}']\n"
        "parameters: {n: {type: integer, default: x}}\ntimeout: 0s\n"
    )
    wrong = gitexp("entrypoint", "validate", "--format", "json")
    assert [problem["place"] for problem in json.loads(wrong.out)] == [
        "parameters.n.default",
        "timeout",
        "command[1]",
    ]
    assert gitexp("validate", "entrypoints").code == 3
