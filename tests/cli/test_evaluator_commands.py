"""`gitexp evaluator`: listed, shown, and tried on one output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

JUDGE = """\
def judge(output, expected, sample, parameters):
    return {"score": len(output) / 10, "reason": f"for {sample.metadata['who']}"}


def leak(output, expected, sample, parameters):
    return {"score": 1, "reason": parameters.secret("api_key")}


def broken(output, expected, sample, parameters):
    raise ValueError("no idea")
"""


@pytest.fixture
def evaluators(project: Path) -> Path:
    """The project with evaluators of its own."""
    directory = project / "evaluators"
    directory.mkdir()
    (directory / "close.yaml").write_text(
        "type: numeric\n\ndescription: Near enough\n\ntolerance: 0.5\n"
    )
    for name in ("judge", "leak", "broken"):
        (directory / f"{name}.yaml").write_text(f"type: python\n\ncallable: judging:{name}\n")
    (project / "judging.py").write_text(JUDGE)
    return project


def test_evaluators_are_listed_those_of_the_project_first(evaluators: Path, gitexp: Run) -> None:
    names = gitexp("evaluator", "list", "-q").ok().out.split()
    assert names[:4] == ["broken", "close", "judge", "leak"]
    assert names[4:] == ["exact-match", "contains", "numeric", "json-fields", "human"]
    rows = json.loads(gitexp("evaluator", "list", "--format", "json").ok().out)
    assert (rows[1]["type"], rows[1]["description"]) == ("numeric", "Near enough")
    assert rows[1]["file"] == "evaluators/close.yaml"


def test_an_evaluator_is_shown_by_its_name_or_by_its_id(evaluators: Path, gitexp: Run) -> None:
    shown = gitexp("evaluator", "show", "close").ok().out
    assert "tolerance: 0.5" in shown
    assert shown.startswith("# evaluators/close.yaml\n")
    digest = json.loads(gitexp("evaluator", "show", "close", "--format", "json").ok().out)["digest"]
    short = digest.removeprefix("sha256:")[:10]
    assert gitexp("evaluator", "show", short).ok().out == shown
    assert gitexp("evaluator", "show", digest).ok().out == shown


def test_an_output_that_passes_exits_with_0_and_one_that_fails_with_3(
    evaluators: Path, gitexp: Run
) -> None:
    passed = gitexp("evaluator", "test", "close", "--output", "4.4", "--expected", "4", "-q")
    assert (passed.code, passed.out) == (0, "passed\n")
    failed = gitexp("evaluator", "test", "close", "--output", "5", "--expected", "4")
    assert failed.code == 3
    assert "5 differs from 4 by 1" in failed.out


def test_what_cannot_be_told_is_unscored(evaluators: Path, gitexp: Run) -> None:
    result = gitexp("evaluator", "test", "close", "--output", "4", "-q").ok()
    assert result.out == "unscored\n"


def test_texts_are_texts_unless_json_is_asked_for(project: Path, gitexp: Run) -> None:
    words = ("evaluator", "test", "exact-match", "--output", "[1]", "--expected", "[1.0]", "-q")
    assert gitexp(*words).code == 3
    assert gitexp(*words, "--json").code == 0
    wrong = gitexp(*words[:4], "[", "--json")
    assert (wrong.code, "--output: it is no JSON" in wrong.err) == (2, True)


def test_a_function_is_called_with_the_sample(evaluators: Path, gitexp: Run) -> None:
    (evaluators / "answer.txt").write_text("12345")
    result = gitexp(
        "evaluator", "test", "judge", "--output-file", "answer.txt", "--metadata", "who=Ada",
        "--format", "json",
    ).ok()  # fmt: skip
    assert json.loads(result.out) == {
        "evaluator": "judge", "value": 0.5, "passed": None, "reason": "for Ada",
    }  # fmt: skip


def test_an_evaluator_that_breaks_exits_with_1(evaluators: Path, gitexp: Run) -> None:
    result = gitexp("evaluator", "test", "broken", "--output", "x")
    assert result.code == 1
    assert "ValueError: no idea" in result.out


def test_secrets_are_masked(
    evaluators: Path, tone: list[str], gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_KEY", "hunter2hunter2")
    result = gitexp("evaluator", "test", "leak", "--output", "x", "--experiment", "tone").ok()
    assert "hunter2" not in result.out + result.err
    assert "<secret>" in result.out


def test_one_output_is_asked_for(evaluators: Path, gitexp: Run) -> None:
    for words in ((), ("--output", "a", "--output-file", "b")):
        result = gitexp("evaluator", "test", "close", *words)
        assert (result.code, "one output is scored" in result.err) == (2, True)
    result = gitexp("evaluator", "test", "close", "--output-file", "none.txt")
    assert (result.code, "No such file" in result.err) == (2, True)


def test_an_unknown_evaluator_is_named(project: Path, gitexp: Run) -> None:
    result = gitexp("evaluator", "show", "rouge")
    assert (result.code, "no evaluator 'rouge' in the project" in result.err) == (1, True)
