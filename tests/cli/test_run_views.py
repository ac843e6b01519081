from __future__ import annotations

from typing import Any

import pytest

from gitexp.cli.rendering import csv_table, plain_table
from gitexp.cli.run_views import error_summary, run_table, stats_summary
from gitexp.runs.rows import Failure, ResultRow, Score
from gitexp.runs.tallies import Stats


def broken(sample: str, message: str) -> ResultRow:
    return ResultRow(sample=sample, status="error", error=Failure(type="E", message=message))


def test_the_first_error_of_several_is_told_in_one_harmless_line() -> None:
    rows = [
        ResultRow(sample="a", status="passed"),
        broken("b", "no\nkey \x1b[2J"),
        broken("c", "late"),
        broken("d", "no\nkey \x1b[2J"),
    ]
    assert error_summary(rows) == (
        "error in 3 rows, 2 different ones, the first in 2 rows: E: no\\nkey \\x1b[2J"
    )


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        (Stats(), "0 passed of 0"),
        (Stats(unscored=5), "5 unscored"),
        (Stats(passed=3, errors=1), "3 passed, 1 error of 4, pass rate 75.0 %"),
        (
            Stats(passed=1, failed=1, unscored=3),
            "1 passed, 1 failed of 2, pass rate 50.0 %, 3 unscored",
        ),
    ],
)
def test_what_is_unscored_is_told_apart_from_the_total(stats: Stats, said: str) -> None:
    assert stats_summary(stats) == said


def test_an_evaluator_s_error_names_the_evaluator() -> None:
    scores = {"good": Score(passed=True), "exact": Score(error="no answer")}
    row = ResultRow(sample="a", status="error", scores=scores)
    assert error_summary([row]) == "error in 1 row: exact: no answer"


def test_rows_without_errors_need_no_word() -> None:
    assert error_summary([ResultRow(sample="a", status="failed")]) == ""


def test_a_long_error_is_cut() -> None:
    assert len(error_summary([broken("a", "x" * 5000)])) < 400


@pytest.mark.parametrize(
    ("status", "passed", "shown"),
    [
        ("killed", 90, "90 of 200"),
        ("failed", 0, "0 of 200"),
        ("killed", 200, "200"),
        ("finished", 200, "200"),
    ],
)
def test_a_run_that_broke_off_shows_how_far_it_came(status: str, passed: int, shown: str) -> None:
    item: dict[str, Any] = {
        "id": "r",
        "status": status,
        "dataset": {"name": "questions", "samples": 200},
        "stats": {"total": passed, "passed": passed, "failed": 0, "errors": 0, "unscored": 0},
    }
    table = run_table([item])
    assert f" {shown} " in plain_table(table).splitlines()[1]
    header, row = (line.split(",") for line in csv_table(table).splitlines())
    assert row[header.index("total")] == str(passed)
