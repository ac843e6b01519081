"""`gitexp run compare` and `gitexp plot` on a repository."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.cli.session import Session
from gitexp.repository import Repository
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import record_of
from tests.cli.conftest import Run, terminal
from tests.runs.making import make_run, run_id

ONE, OTHER, THIRD = (str(run_id(number)) for number in range(3))


@pytest.fixture
def runs(tone: list[str], project: Path) -> list[str]:
    """Three runs of an experiment, the last of which logged nothing."""
    with Repository.open(project) as repository:
        workspace, experiment_id = repository.workspace, repository.experiments.get("tone").id
        for number, values in enumerate([(3.0, 2.0, 1.0), (2.0, math.nan, 0.5), ()]):
            points = [("loss", MetricPoint(v, i, 1000 * i)) for i, v in enumerate(values)]
            run = make_run(
                run_id(number),
                name=["base", "\x1b[31mred", ""][number],
                params={"lr": number},
                version=tone[0],
            )
            append(
                workspace,
                "tone",
                [record_of(replace(run, experiment_id=experiment_id), points=points)],
            )
    return [ONE, OTHER, THIRD]


def test_compare_shows_runs_side_by_side(runs: list[str], gitexp: Run) -> None:
    result = gitexp("run", "compare", ONE, OTHER).ok()
    lines = {line.split()[0]: line.split()[1:] for line in result.out.splitlines()}
    assert lines["run"] == [ONE, OTHER, "change"]
    assert lines["name"] == ["base", "\\x1b[31mred"]
    assert lines["loss"] == ["1", "0.5", "-0.5", "(-50.0", "%)"]
    assert result.err == ""


def test_compare_takes_the_beginnings_of_ids_and_a_baseline(runs: list[str], gitexp: Run) -> None:
    out = gitexp(
        "run", "compare", ONE[:15], OTHER[:15], "--baseline", OTHER[:15], "--format", "json"
    ).ok()
    document = json.loads(out.out)
    assert document["baseline"] == OTHER
    (loss,) = document["metrics"]
    assert loss["changes"][ONE] == {"absolute": 0.5, "relative": 1.0}
    assert [p["name"] for p in document["parameters"]] == ["lr"]


def test_compare_refuses_what_it_cannot_do(runs: list[str], gitexp: Run) -> None:
    result = gitexp("run", "compare", ONE)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: 1 run cannot be compared\nhint: ")
    result = gitexp("run", "compare", ONE, OTHER, "--metric", "los")
    assert (result.code, result.err) == (
        1,
        "error: none of the runs has a metric 'los'\nhint: Did you mean 'loss'?\n",
    )
    assert gitexp("run", "compare").code == 2


def test_a_metric_is_drawn_as_text(runs: list[str], gitexp: Run) -> None:
    result = gitexp("plot", "metric", *runs, "--metric", "loss").ok()
    assert result.out.startswith("loss\n")
    assert result.out.endswith("  o base\n  x \\x1b[31mred\n")
    assert "\x1b" not in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert result.err == (
        f"warning: without a metric 'loss': {THIRD}\n"
        "warning: 1 of 6 values are NaN or infinite and not drawn\n"
    )


def test_colours_are_used_where_they_are_wanted(
    runs: list[str], gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = gitexp("plot", "metric", ONE, OTHER, "--metric", "loss").ok().out
    assert "\x1b[38;5;33m━━\x1b[0m base\n" in out
    assert "\\x1b[31mred" in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in gitexp("plot", "metric", ONE, OTHER, "--metric", "loss").ok().out


def test_a_comparison_is_drawn_as_text(runs: list[str], gitexp: Run) -> None:
    out = gitexp("plot", "compare", ONE, OTHER, "--metric", "loss").ok().out
    assert out.splitlines()[0] == "loss"
    assert out.splitlines()[1].startswith("  base (baseline) █")
    assert out.splitlines()[2].endswith(" 0.5")


@pytest.mark.parametrize(("name", "begin"), [("out.png", b"\x89PNG"), ("out.svg", b"<?xml")])
def test_pictures_are_written(
    runs: list[str], gitexp: Run, project: Path, name: str, begin: bytes
) -> None:
    result = gitexp("plot", "metric", ONE, OTHER, "--metric", "loss", "-o", name)
    assert (result.code, result.out) == (0, "")
    assert result.err.endswith(f"wrote {name}\n")
    assert (project / name).read_bytes().startswith(begin)
    gitexp("plot", "compare", ONE, OTHER, "-o", name).ok()
    assert (project / name).read_bytes().startswith(begin)


def test_a_failure_leaves_the_picture_that_was_there(
    runs: list[str], gitexp: Run, project: Path
) -> None:
    (project / "out.svg").write_text("kept")
    assert gitexp("plot", "metric", ONE, "--metric", "gain", "-o", "out.svg").code == 1
    assert (project / "out.svg").read_text() == "kept"


def test_a_picture_that_cannot_be_written_is_an_error(runs: list[str], gitexp: Run) -> None:
    result = gitexp("plot", "metric", ONE, "--metric", "loss", "-o", "missing/out.svg")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: no such file or directory: ")
    result = gitexp("plot", "metric", ONE, "--metric", "loss", "-o", "out.pdf")
    assert result.err == (
        "error: 'out.pdf' is no name for a picture\nhint: Let it end with `.png` or `.svg`.\n"
    )


def test_the_screen_is_the_terminal(tmp_path: Path) -> None:
    from gitexp.cli.commands.plot import screen

    def made(**facts: bool | int) -> tuple[int, int, bool]:
        session = Session(directory=tmp_path, terminal=terminal(**facts), environ={})
        found = screen(session, "unicode")
        return found.width, found.height, found.styled

    assert made(output=True, width=132, height=30, styled=True) == (132, 20, True)
    assert made(output=True, width=60, height=18) == (60, 13, False)
    assert made(output=True, width=60, height=5) == (60, 8, False)
    assert made(height=3) == (80, 20, False)
