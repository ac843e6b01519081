from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

ANSWER = """\
def answer(sample, parameters):
    print("thinking about", sample)
    if sample == "break":
        raise ValueError("broken")
    return sample.upper() if parameters["temperature"] > 0.8 else sample
"""
SAMPLES = [
    {"id": "a", "input": "x", "expected": "X"},
    {"id": "b", "input": "Y", "expected": "Y"},
    {"id": "c", "input": "break", "expected": "Z"},
]


@pytest.fixture
def evaluated(tone: list[str], project: Path) -> list[str]:
    """An experiment with two versions, and what is needed to run it."""
    (project / "system.py").write_text(ANSWER)
    for folder in ("datasets", "endpoints"):
        (project / folder).mkdir()
    lines = "".join(json.dumps(sample) + "\n" for sample in SAMPLES)
    (project / "datasets" / "letters.jsonl").write_text(lines)
    (project / "endpoints" / "echo.yaml").write_text("type: python\n\ncallable: system:answer\n")
    git("add", "--all")
    git("commit", "--quiet", "--message=system")
    return tone


ARGUMENTS = ("run", "tone", "--dataset", "letters", "--endpoint", "echo")


def test_a_run_prints_its_id_alone(evaluated: list[str], gitexp: Run) -> None:
    result = gitexp(*ARGUMENTS, "--concurrency", "1").ok()
    assert re.fullmatch(r"\d{8}T\d{6}-[a-z2-7]{8}\n", result.out)
    *said, summary, broken = result.err.splitlines()
    assert sorted(said) == ["thinking about Y", "thinking about break", "thinking about x"]
    assert re.fullmatch(
        r"finished in \d+\.\d s: 2 passed, 1 error of 3, pass rate 66\.7 %", summary
    )
    assert broken == "error in 1 row: ValueError: broken"
    assert gitexp("runs", "tone", "-q").ok().out == result.out


def test_a_run_in_json_is_the_run(evaluated: list[str], gitexp: Run) -> None:
    run = json.loads(
        gitexp(*ARGUMENTS, "--set", "temperature=0.1", "--limit", "2", "--format", "json").ok().out
    )
    assert run["version"] == evaluated[1]
    assert run["overrides"] == {"temperature": 0.1}
    assert (run["stats"]["total"], run["stats"]["passed"], run["stats"]["failed"]) == (2, 1, 1)


def test_results_by_run_and_by_version(evaluated: list[str], gitexp: Run) -> None:
    gitexp(*ARGUMENTS, "--version", "latest~1").ok()
    gitexp(*ARGUMENTS).ok()
    by_run = json.loads(gitexp("results", "tone", "--format", "json").ok().out)
    assert [item["version"] for item in by_run["items"]] == evaluated[::-1]
    by_version = json.loads(
        gitexp("results", "tone", "--by", "version", "--format", "json").ok().out
    )
    best = next(item for item in by_version["items"] if item["version"] == evaluated[1])
    assert best["stats"]["passed"] == 2
    assert best["pass_rate"] == pytest.approx(2 / 3)
    assert best["change_points"] == pytest.approx(100 / 3)
    assert best["changed"]["temperature"] == {"before": 0.7, "after": 0.9}


def test_results_are_tables_for_people_and_programs(evaluated: list[str], gitexp: Run) -> None:
    gitexp(*ARGUMENTS, "--version", "latest~1").ok()
    gitexp(*ARGUMENTS).ok()
    out = gitexp("results", "tone", "--by", "version").ok().out
    assert "66.7 %" in out
    assert "+33.3" in out
    assert "temperature 0.7 → 0.9" in out
    rows = list(
        csv.DictReader(
            io.StringIO(gitexp("results", "tone", "--by", "version", "--format", "csv").out)
        )
    )
    assert {row["version"] for row in rows} == set(evaluated)
    markdown = gitexp("results", "tone", "--format", "md").ok().out
    assert markdown.startswith("| run | status | version |")


def test_no_runs_is_no_error(tone: list[str], gitexp: Run) -> None:
    result = gitexp("results", "tone").ok()
    assert (result.out, result.err) == (
        "",
        "no runs yet; make one with `gitexp run tone --dataset NAME --endpoint NAME`\n",
    )
    assert gitexp("runs", "tone").ok().err == result.err
    assert json.loads(gitexp("results", "tone", "--format", "json").ok().out) == {"items": []}


def test_a_missing_dataset_is_an_error(evaluated: list[str], gitexp: Run) -> None:
    result = gitexp("run", "tone", "--dataset", "leters", "--endpoint", "echo")
    assert (result.code, result.out) == (1, "")
    assert "'leters'" in result.err
    assert "\nhint: " in result.err
