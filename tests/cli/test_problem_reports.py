from __future__ import annotations

import json

from gitexp.cli.problem_reports import github_report, json_report, text_report
from gitexp.documents.problems import Problem
from gitexp.review.validating import ValidationReport
from tests.cli.conftest import terminal

PROBLEM = Problem(
    file="experiments/a,b/parameters.yaml",
    line=3,
    column=5,
    place="temperature",
    message="100 % is\nno number: \x1b[2J",
)


def report(*problems: Problem, files: int = 4) -> ValidationReport:
    return ValidationReport(problems=problems, files=files)


def test_nothing_wrong_is_said() -> None:
    assert text_report(report(), terminal()) == "4 files checked, nothing is wrong\n"
    assert text_report(report(files=1), terminal()) == "1 file checked, nothing is wrong\n"


def test_text_has_a_line_for_each_problem() -> None:
    assert text_report(report(PROBLEM), terminal()) == (
        "experiments/a,b/parameters.yaml:3: temperature: 100 % is\\nno number: \\x1b[2J\n"
        "4 files checked, 1 problem\n"
    )


def test_json_holds_every_problem() -> None:
    document = json.loads(json_report(report(PROBLEM), terminal()))
    assert document == {
        "valid": False,
        "files": 4,
        "problems": [
            {
                "file": "experiments/a,b/parameters.yaml",
                "message": "100 % is\nno number: \x1b[2J",
                "place": "temperature",
                "line": 3,
                "column": 5,
            }
        ],
    }


def test_an_annotation_names_its_place() -> None:
    assert github_report(report(PROBLEM), terminal()).splitlines()[0] == (
        "::error file=experiments/a%2Cb/parameters.yaml,line=3,col=5,title=temperature"
        "::100 %25 is%0Ano number: \\x1b[2J"
    )


def test_an_annotation_without_a_place_is_of_the_file() -> None:
    problem = Problem(file="x.yaml", message="not UTF-8")
    assert github_report(report(problem), terminal()).splitlines()[0] == (
        "::error file=x.yaml,title=invalid document::not UTF-8"
    )


def test_ten_problems_are_annotated_and_the_others_listed() -> None:
    problems = [Problem(file=f"{n}.yaml", place="x", message="::wrong") for n in range(12)]
    lines = github_report(report(*problems), terminal()).splitlines()
    assert sum(line.startswith("::error ") for line in lines) == 10
    assert lines[10:] == [
        "10.yaml: x: ::wrong",
        "11.yaml: x: ::wrong",
        "4 files checked, 12 problems",
    ]


def test_the_worst_come_first() -> None:
    value = Problem(file="a.yaml", place="x", message="small")
    whole = Problem(file="b.yaml", message="unreadable")
    project = Problem(file="gitexp.yaml", place="id", message="no id")
    lines = github_report(report(value, whole, project), terminal()).splitlines()
    assert [line.split("::")[-1] for line in lines[:3]] == ["no id", "unreadable", "small"]
