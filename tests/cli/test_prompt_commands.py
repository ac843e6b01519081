"""`gitexp prompt`: list, show, versions, render, and experiments that compare versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

PROMPT = """\
description: Answers customers
template: |
  Answer {{ question }} %s.
variables:
  question: {}
  times: {type: integer, default: 1}
model: small
"""
ANSWER = """\
def answer(asked, parameters):
    return {"length": len(asked), "kind": "kindly" in asked, "slot": parameters["prompt"][:6]}
"""


@pytest.fixture
def reply(project: Path) -> Path:
    """A project with three versions of a prompt, a dataset and an endpoint."""
    for way in ("briefly", "kindly", "at length"):
        write(project, "prompts/reply.yaml", PROMPT % way)
        git("add", "prompts")
        git("commit", "--quiet", "-m", f"reply {way}")
    write(project, "app.py", ANSWER)
    write(project, "endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n")
    rows = [{"id": f"s{n}", "input": {"question": "x" * n}, "expected": True} for n in range(1, 5)]
    write(project, "datasets/q.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write(project, "evaluators/kind.yaml", "type: exact-match\n\nselect: kind\n")
    return project


def write(project: Path, name: str, text: str) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_project_without_prompts_says_so(project: Path, gitexp: Run) -> None:
    result = gitexp("prompt").ok()
    assert (result.out, result.err) == (
        "",
        "no prompts: a prompt is a file prompts/NAME.yaml of the trunk\n",
    )


def test_prompts_and_their_versions_are_listed(reply: Path, gitexp: Run) -> None:
    assert gitexp("prompt", "list", "-q").ok().out == "reply\n"
    (line,) = json.loads(gitexp("prompt", "list", "--format", "json").ok().out)
    assert (line["versions"], line["variables"], line["model"]) == (
        3,
        ["question", "times"],
        "small",
    )
    hashes = git("log", "--reverse", "--format=%H", "--", "prompts/reply.yaml")
    assert gitexp("prompt", "versions", "reply", "-q").ok().out == hashes
    page = gitexp("prompt", "versions", "reply").ok().out
    assert "reply kindly" in page


def test_a_version_is_shown(reply: Path, gitexp: Run) -> None:
    page = gitexp("prompt", "show", "reply", "--version", "2").ok().out
    assert "Answer {{ question }} kindly." in page
    assert "times: integer, optional" in page
    found = json.loads(gitexp("prompt", "show", "reply", "--format", "json").ok().out)
    assert (found["number"], found["prompt"]["model"]) == (3, "small")
    missing = gitexp("prompt", "show", "reply", "--version", "9")
    assert missing.code == 1
    assert missing.err == (
        "error: prompt 'reply' has no version '9': it has 3\n"
        "hint: List them with `gitexp prompt versions reply`.\n"
    )


def test_a_prompt_is_rendered(reply: Path, gitexp: Run) -> None:
    rendered = gitexp("prompt", "render", "reply", "--set", "question=why?", "--version", "v1")
    assert rendered.ok().out == "Answer why? briefly.\n"
    found = gitexp(
        "prompt", "render", "reply", "--values", "-", "--set", "times=3", "--format", "json",
        stdin="question: how?",
    ).ok()  # fmt: skip
    assert json.loads(found.out)["messages"] == [
        {"role": "user", "content": "Answer how? at length.\n"}
    ]
    refused = gitexp("prompt", "render", "reply", "--set", "times=x")
    assert refused.code == 1
    assert "question is missing; times: " in refused.err


def test_the_templates_are_listed(project: Path, gitexp: Run) -> None:
    assert gitexp("prompt", "templates", "-q").ok().out == "cost\nlatency\neval_pass_rate\n"


def test_versions_are_compared_in_an_experiment(reply: Path, gitexp: Run) -> None:
    made = gitexp(
        "prompt", "experiment", "reply", "--versions", "1,v2", "--template", "cost",
        "--title", "Kinder", "--format", "json",
    ).ok()  # fmt: skip
    found = json.loads(made.out)
    assert (found["experiment"], found["flag"], found["status"]) == ("kinder", "kinder", "draft")
    assert [variant["name"] for variant in found["variants"]] == ["v1", "v2"]
    assert gitexp("ab", "list", "--prompt", "reply", "-q").ok().out == "kinder\n"
    assert gitexp("validate", "--revision", "exp/bot/kinder").ok()
    wrong = gitexp("prompt", "experiment", "reply", "--versions", "1,x", "--template", "cost")
    assert wrong.code == 2
    assert "error: --versions '1,x' is no list of numbers\n" in wrong.err
    missing = gitexp("prompt", "experiment", "reply", "--versions", "1,9", "--template", "cost")
    assert "error: versions not found for prompt 'reply': [9]\n" in missing.err


@pytest.fixture
def kinder(reply: Path, gitexp: Run) -> str:
    """An experiment of two versions."""
    command = ("prompt", "experiment", "reply", "--versions", "1,2", "--template", "cost")
    gitexp(*command, "--experiment", "kinder").ok()
    return "kinder"


def test_versions_are_evaluated_over_a_dataset_and_paired(kinder: str, gitexp: Run) -> None:
    done = gitexp(
        "prompt", "evaluate", kinder, "--dataset", "q", "--endpoint", "bot",
        "--evaluator", "kind", "--format", "json",
    ).ok()  # fmt: skip
    found = json.loads(done.out)
    assert list(found["runs"]) == ["control", "test"]
    (measure,) = [m for m in found["comparisons"]["test"]["measures"] if m["name"] == "kind"]
    assert (measure["before"], measure["after"], measure["pairs"]) == (0, 1, 4)
    assert found["without_slot"] == ["model"]
    assert "the project has no slot 'model', so that setting of the prompt is not used" in done.err
    rows = gitexp("run", "rows", found["runs"]["control"], "--format", "json").ok().out
    outputs = [row["output"] for row in json.loads(rows)]
    assert [one["length"] for one in outputs] == [
        len("Answer  briefly.\n") + n for n in range(1, 5)
    ]
    run = json.loads(gitexp("run", "show", found["runs"]["test"], "--format", "json").ok().out)
    assert run["tags"] == {"variant": "test", "prompt": "reply", "prompt_version": "2"}
    assert run["name"] == "reply v2 (test)"


def test_versions_are_evaluated_over_a_part_of_a_dataset(kinder: str, gitexp: Run) -> None:
    done = gitexp(
        "prompt", "evaluate", kinder, "--dataset", "q", "--endpoint", "bot", "--evaluator", "kind",
        "--limit", "2", "--repeats", "3", "--concurrency", "2", "--max-errors", "5",
        "--format", "json",
    ).ok()  # fmt: skip
    for run in json.loads(done.out)["runs"].values():
        rows = json.loads(gitexp("run", "rows", run, "--format", "json").ok().out)
        assert sorted({row["sample"] for row in rows}) == ["s1", "s2"]
        assert len(rows) == 6


def test_the_text_of_a_prompt_goes_into_a_slot(kinder: str, gitexp: Run) -> None:
    done = gitexp(
        "prompt", "evaluate", kinder, "--dataset", "q", "--endpoint", "bot", "--slot", "prompt",
        "--evaluator", "kind", "-q",
    )  # fmt: skip
    control = done.ok().out.splitlines()[0]
    run = json.loads(gitexp("run", "show", control, "--format", "json").ok().out)
    assert run["overrides"] == {"prompt": "Answer {{ question }} briefly.\n"}
    refused = gitexp(
        "prompt", "evaluate", kinder, "--dataset", "q", "--endpoint", "bot", "--slot", "text"
    )
    assert refused.code == 1
    assert "error: the project has no slot 'text' for the text of a prompt\n" in refused.err


def test_only_versions_of_a_prompt_are_evaluated(reply: Path, gitexp: Run) -> None:
    gitexp("ab", "create", "warm").ok()
    refused = gitexp("prompt", "evaluate", "warm", "--dataset", "q", "--endpoint", "bot")
    assert refused.code == 1
    assert "experiment 'warm' does not compare versions of a prompt" in refused.err
