"""The cache of responses: what was asked before is not asked again."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gitexp.evaluation.answers import Answer, Usage
from gitexp.evaluation.running.responses import Responses
from gitexp.runs.tallies import Stats
from tests.evaluation.projects import Project
from tests.evaluation.systems import Asker

COUNTING = """\
import pathlib
calls = pathlib.Path(__file__).with_name("calls.log")

def answer(number, parameters):
    with calls.open("a") as log:
        log.write(f"{number}\\n")
    if number == 3:
        raise ValueError("three")
    return number + parameters["shift"]
"""


def calls(project: Project) -> Counter[int]:
    return Counter(map(int, (project.directory / "calls.log").read_text().split()))


@pytest.fixture
def counting(on_disk: Project) -> Project:
    on_disk.code(COUNTING)
    on_disk.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n\ncache: true\n")
    return on_disk


def test_the_same_question_is_asked_once(counting: Project) -> None:
    first = counting.run(cache=True)
    second = counting.run(cache=True)
    assert first.stats == second.stats == Stats(passed=3, errors=1)
    assert calls(counting) == {0: 1, 1: 1, 2: 1, 3: 2}
    assert [row.cached for row in counting.rows(first)] == [False] * 4
    assert [row.cached for row in counting.rows(second)] == [True, True, True, False]


def test_a_run_without_the_cache_asks_and_keeps_nothing(counting: Project) -> None:
    counting.run()
    counting.run(cache=True)
    counting.run()
    assert calls(counting) == dict.fromkeys(range(4), 3)


@pytest.mark.parametrize("change", ["parameters", "endpoint", "sample"])
def test_another_question_is_asked(counting: Project, change: str) -> None:
    counting.run(cache=True)
    more: dict[str, Any] = {"overrides": {"shift": 2}} if change == "parameters" else {}
    if change == "endpoint":
        counting.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n\ntimeout: 9\n")
    if change == "sample":
        counting.dataset(
            [{"id": str(n), "input": n, "expected": n + 1, "metadata": {"a": 1}} for n in range(4)]
        )
    counting.run(cache=True, **more)
    assert calls(counting)[0] == 2


def test_passes_over_a_sample_are_questions_of_their_own(counting: Project) -> None:
    run = counting.run(cache=True, repeats=2)
    assert calls(counting) == dict.fromkeys(range(4), 2)
    assert not any(row.cached for row in counting.rows(run))


def test_an_endpoint_may_refuse_to_be_cached(counting: Project) -> None:
    counting.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n\ncache: false\n")
    counting.run(cache=True)
    counting.run(cache=True)
    assert calls(counting) == dict.fromkeys(range(4), 2)


def test_what_an_answer_cost_is_not_paid_again(tmp_path: Path) -> None:
    responses = Responses(directory=tmp_path)
    usage = Usage(input_tokens=1, output_tokens=2, cost=0.5)
    key = responses.key("d", Asker().asking("q"))
    responses.put(key, Answer(output={"a": [1]}, usage=usage, attributes={"b": 1}))
    assert responses.get(key) == Answer(output={"a": [1]}, cached=True, attributes={"b": 1})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_what_cannot_be_read_is_asked_again(tmp_path: Path, content: bytes) -> None:
    responses = Responses(directory=tmp_path)
    key = responses.key("d", Asker().asking("q"))
    responses.put(key, Answer(output=1))
    [path] = tmp_path.rglob("*.json")
    path.write_bytes(content)
    assert responses.get(key) is None


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    responses = Responses(directory=tmp_path / "file")
    key = responses.key("d", Asker().asking("q"))
    responses.put(key, Answer(output=1))
    assert responses.get(key) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_who_owns_the_repository_reads_what_is_kept(tmp_path: Path) -> None:
    """Answers are kept as they came; what is a secret is masked only where it is recorded."""
    responses = Responses(directory=tmp_path / "responses")
    responses.put(responses.key("d", Asker().asking("q")), Answer(output=1))
    [path] = (tmp_path / "responses").rglob("*.json")
    assert path.stat().st_mode & 0o077 == 0
