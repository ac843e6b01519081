"""`gitexp gate`: verdicts, exit codes and reports; and runs compared row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gitexp.repository import Repository
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import record_of
from gitexp.runs.rows import ResultRow, Score
from tests.cli.conftest import Run
from tests.runs.making import dataset_reference, make_row, make_run, references, run_id

ONE, OTHER, ELSEWHERE = (str(run_id(number)) for number in range(3))
EVIL = '\x1b[31m=cmd|" <b>@all'


def rows(outcomes: Sequence[bool]) -> list[ResultRow]:
    return [
        make_row(
            f"{EVIL}{number}",
            "passed" if passed else "failed",
            scores={name: Score(value=passed, passed=passed) for name in ("m", EVIL)},
            duration_seconds=0.5,
        )
        for number, passed in enumerate(outcomes)
    ]


@pytest.fixture
def runs(tone: list[str], project: Path) -> None:
    """Three runs, the second worse than the first, the third over another dataset."""
    with Repository.open(project) as repository:
        experiment_id = repository.experiments.get("tone").id
        for number, failed in enumerate([1, 4, 1]):
            run = make_run(
                run_id(number),
                version=tone[0],
                dataset=dataset_reference(digit="2" if number == 2 else "1"),
                evaluators=references("m", EVIL),
            )
            given = rows([True] * (20 - failed) + [False] * failed)
            record = record_of(replace(run, experiment_id=experiment_id), given)
            append(repository.workspace, "tone", [record])


@pytest.mark.usefixtures("runs")
def test_a_gate_that_is_passed_exits_with_0(gitexp: Run) -> None:
    result = gitexp("gate", ONE, "--min", "m=0.9", "--max-error-rate", "0", "--min-samples", "20")
    assert result.code == 0
    assert [line.split()[:3] for line in result.out.splitlines()] == [
        ["rule", "outcome", "value"],
        ["min", "m=0.9", "passed"],
        ["max", "error_rate=0", "passed"],
        ["min-samples", "20", "passed"],
    ]
    assert result.err == "the gate is passed: of 3 rules 3 passed\n"


@pytest.mark.usefixtures("runs")
def test_a_gate_that_is_not_passed_exits_with_3(gitexp: Run) -> None:
    result = gitexp(
        "gate", OTHER, "--max-regression", "m=0.02", "--baseline", ONE, "--format", "json"
    )
    assert result.code == 3
    document = json.loads(result.out)
    assert (document["outcome"], document["baseline"]) == ("failed", ONE)
    (rule,) = document["rules"]
    assert (rule["rule"], rule["value"], rule["pairs"]) == ("max-regression m=0.02", 0.15, 20)
    assert result.err.startswith("the gate is not passed: of 1 rule against ")


@pytest.mark.usefixtures("runs")
def test_a_gate_that_cannot_be_judged_exits_with_1_and_says_why(gitexp: Run) -> None:
    result = gitexp("gate", ELSEWHERE, "--max-regression", "m=0", "--baseline", ONE, "-q")
    assert (result.code, result.out) == (1, "max-regression m=0\n")
    assert result.err.startswith("error: the gate could not be judged: ")
    result = gitexp("gate", ELSEWHERE, "--max-regression", "m=0", "--baseline", ONE)
    assert f"the baseline {ONE} is over another dataset" in result.out
    assert gitexp("gate", ONE, "--min", "x=1").code == 1
    assert gitexp("gate", ONE, "--min", "m=0", "--min-samples", "21").code == 1


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: a gate needs a rule\n"),
        (("--min", "m"), "error: --min 'm' is no rule\n"),
        (("--max-error-rate", "few"), "error: --max-error-rate: 'few' is no number\n"),
        (("--max-regression", "m=0"), "error: --max-regression needs a baseline\n"),
        (
            ("--min", "m=0", "--confidence", "0.9"),
            "error: --confidence is of intervals, which are not used\n",
        ),
    ],
)
def test_a_gate_that_is_called_wrongly_exits_with_2(
    gitexp: Run, arguments: Sequence[str], message: str
) -> None:
    result = gitexp("gate", ONE, *arguments)
    assert result.code == 2
    assert result.err.startswith(message)


@pytest.mark.usefixtures("runs")
def test_verdicts_are_written_as_junit(gitexp: Run, project: Path) -> None:
    result = gitexp(
        "gate", OTHER, "--min", "m=0.5", "--min", f"{EVIL}=0.9", "--min", "x=1", "--junit", "g.xml"
    )
    assert result.code == 3
    suite = ET.parse(project / "g.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    names = [case.get("name") for case in suite.findall("testcase")]
    assert names == ["min m=0.5", 'min \\x1b[31m=cmd|" <b>@all=0.9', "min x=1"]
    assert [path.name for path in project.glob("g.xml*")] == ["g.xml"]


@pytest.mark.usefixtures("runs")
def test_a_report_that_cannot_be_written_is_told(gitexp: Run, project: Path) -> None:
    result = gitexp("gate", ONE, "--min", "m=0.5", "--junit", "nowhere/g.xml")
    assert result.code == 1
    assert result.err.splitlines() == [
        f"error: '{project / 'nowhere' / 'g.xml'}' cannot be written: there is no such directory",
        "hint: Name a file in a directory that is there.",
    ]


@pytest.mark.usefixtures("runs")
def test_names_are_harmless_in_every_form(gitexp: Run) -> None:
    arguments = ("gate", ONE, "--min", f"{EVIL}=0.9", "--min", "=x=1")
    table = gitexp(*arguments).out
    assert "\x1b" not in table
    assert "\x1b" not in gitexp(*arguments, "--format", "md").out
    cells = list(csv.reader(io.StringIO(gitexp(*arguments, "--format", "csv").out)))
    assert not any(cell.startswith(("=", "+", "@")) for row in cells for cell in row)
    lines = gitexp(*arguments, "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["subject"] for line in lines] == [EVIL, "=x"]


@pytest.mark.usefixtures("runs")
def test_a_baseline_is_what_is_live_in_an_environment_or_a_version(
    gitexp: Run, tone: list[str], project: Path
) -> None:
    asked = ("gate", OTHER, "--max-regression", "m=0.02", "--format", "json", "--baseline")
    with Repository.open(project) as repository:
        experiment = repository.experiments.get("tone")
        live = experiment.version(tone[1])
        for number, failed in ((3, 0), (4, 2)):
            run = make_run(
                run_id(number),
                version=live.version,
                digest=live.digest,
                dataset=dataset_reference(),
                evaluators=references("m", EVIL),
            )
            given = rows([True] * (20 - failed) + [False] * failed)
            record = record_of(replace(run, experiment_id=experiment.id), given)
            append(repository.workspace, "tone", [record])
    nothing = json.loads(gitexp(*asked, "env:staging").out)["rules"][0]
    assert nothing["reason"] == "no version is bound to environment 'staging'"
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "staging").ok()
    for name in ("env:staging", f"version:{tone[1][:12]}", "version:latest"):
        result = gitexp(*asked, name)
        assert (result.code, json.loads(result.out)["baseline"]) == (3, str(run_id(4)))
    assert json.loads(gitexp(*asked, "latest").out)["baseline"] == ONE
    unknown = json.loads(gitexp(*asked, "env:nowhere").out)
    assert unknown["outcome"] == "unjudged"


# --- runs compared row by row -------------------------------------------------------------------


@pytest.mark.usefixtures("runs")
def test_evaluations_of_a_dataset_are_compared_row_by_row(gitexp: Run) -> None:
    result = gitexp("run", "compare", ONE, OTHER, "--metric", "m").ok()
    line = [line for line in result.out.splitlines() if line.startswith("m  ")][-1]
    cells = line.split()
    assert cells[:4] == ["m", "0.95", "0.8", "-0.15"]
    assert cells[5] == "to"
    assert cells[7:] == ["0.2500", "0", "3", "20"]
    assert 'm worse: \\x1b[31m=cmd|" <b>@all16, ' in result.err
    assert "\x1b" not in result.out + result.err


@pytest.mark.usefixtures("runs")
def test_what_was_paired_stands_in_the_rows_of_programs_too(gitexp: Run) -> None:
    asked = ("run", "compare", ONE, OTHER, "--metric", "m", "--format")
    baseline, other = csv.DictReader(io.StringIO(gitexp(*asked, "csv").ok().out))
    paired = {key: value for key, value in other.items() if ".paired." in key}
    assert float(paired.pop("scores.m.paired.difference")) == pytest.approx(-0.15)
    assert float(paired.pop("scores.m.paired.low")) < float(paired.pop("scores.m.paired.high"))
    assert paired == {
        "scores.m.paired.p_value": "0.25",
        "scores.m.paired.increased": "0",
        "scores.m.paired.decreased": "3",
        "scores.m.paired.pairs": "20",
        "scores.m.paired.clear": "false",
    }
    assert not any(value for key, value in baseline.items() if ".paired." in key)
    lines = [json.loads(line) for line in gitexp(*asked, "jsonl").ok().out.splitlines()]
    assert [line["scores.m.paired.p_value"] for line in lines] == [None, 0.25]


@pytest.mark.usefixtures("runs")
def test_the_samples_that_moved_are_all_in_json(gitexp: Run) -> None:
    out = gitexp("run", "compare", ONE, OTHER, "--format", "json").ok().out
    (paired,) = json.loads(out)["paired"]
    assert [measure["name"] for measure in paired["measures"]] == ["pass_rate", EVIL, "m"]
    assert len(paired["measures"][0]["worse"]) == 3
    assert "\x1b" not in gitexp("run", "compare", ONE, OTHER, "--format", "md").ok().out


@pytest.mark.usefixtures("runs")
def test_runs_over_different_datasets_are_compared_only_where_that_is_wanted(gitexp: Run) -> None:
    result = gitexp("run", "compare", ONE, ELSEWHERE)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: the runs are over different datasets: {ONE} of 'q' ")
    result = gitexp("run", "compare", ONE, ELSEWHERE, "--allow-different-datasets").ok()
    assert "the datasets differ: only the 20 equal rows are compared\n" in result.err


@pytest.mark.usefixtures("runs")
def test_a_run_shows_how_sure_its_rates_are(gitexp: Run) -> None:
    out = gitexp("run", "show", OTHER).ok().out
    assert "pass rate 80.0 % (95 %: 58.4–91.9 %)\n" in out
    assert "mean 0.8 (95 %: 0.584 to 0.9193), passed 16, failed 4, errors 0\n" in out
    assert "latency  mean 500 ms, p50 500 ms" in out
