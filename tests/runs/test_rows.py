"""Rows: what scores come to, and totals counted from rows."""

from __future__ import annotations

import pytest

from gitexp.documents import schemas
from gitexp.documents.json_codec import dump_jsonl, parse_json_lines
from gitexp.runs.rows import Failure, ResultRow, Score, status_of
from gitexp.runs.tallies import Stats, count_rows, score_numbers
from tests.builders import MOMENT
from tests.runs.making import make_row

PASSED, FAILED = Score(value=True, passed=True), Score(value=False, passed=False)
UNSCORED, BROKEN = Score(reason="expects nothing"), Score(error="ValueError: no")


@pytest.mark.parametrize(
    ("scores", "status"),
    [
        ([PASSED], "passed"),
        ([PASSED, FAILED], "failed"),
        ([PASSED, UNSCORED], "passed"),
        ([UNSCORED], "unscored"),
        ([], "unscored"),
        ([PASSED, BROKEN], "error"),
        ([FAILED, BROKEN], "failed"),
        ([UNSCORED, BROKEN], "error"),
    ],
)
def test_scores_come_to_one_status(scores: list[Score], status: str) -> None:
    assert status_of({str(n): score for n, score in enumerate(scores)}) == status


def test_a_call_that_raised_is_an_error_whatever_the_scores() -> None:
    assert status_of({"a": PASSED}, error=Failure(type="ValueError", message="no")) == "error"


@pytest.mark.parametrize(
    "row",
    [
        make_row("a", output={"x": [1, None]}, expected=None, metadata={"k": "v"}),
        ResultRow(
            sample="b",
            repeat=3,
            status="error",
            input="\u001b[31m",
            error=Failure(type="KeyError", message="'x'"),
            started_at=MOMENT,
            duration_seconds=0.25,
        ),
        make_row("c", "failed", scores={"e": BROKEN, "f": UNSCORED, "g": FAILED}),
    ],
)
def test_a_line_reads_back_as_the_same_row(row: ResultRow) -> None:
    document = parse_json_lines(dump_jsonl([row.to_dict()]), file="results.jsonl")
    assert schemas.check("result", document, file="results.jsonl") == []
    assert [ResultRow.from_dict(line) for line in document.value] == [row]


def test_totals_are_counted_from_rows() -> None:
    statuses = ["passed", "passed", "failed", "error", "unscored", "unscored"]
    rows = [make_row(str(n), status) for n, status in enumerate(statuses)]  # type: ignore[arg-type]
    stats = count_rows(rows)
    assert stats == Stats(passed=2, failed=1, errors=1, unscored=2)
    assert stats.to_dict() == {"total": 4, "passed": 2, "failed": 1, "errors": 1, "unscored": 2}
    assert (stats.rows, stats.pass_rate, stats.scored_pass_rate) == (6, 2 / 4, 2 / 3)


def test_nothing_has_no_rate() -> None:
    stats = Stats(unscored=3)
    assert (stats.total, stats.pass_rate, stats.scored_pass_rate) == (0, None, None)
    assert Stats(errors=2).pass_rate == 0
    assert Stats(errors=2).scored_pass_rate is None


def test_each_evaluator_has_its_own_numbers() -> None:
    rows = [
        make_row("a", scores={"match": PASSED, "size": Score(value=2.0, passed=True)}),
        make_row("b", scores={"match": FAILED, "size": Score(value=4.0, passed=False)}),
        make_row("c", scores={"match": UNSCORED, "size": BROKEN}),
    ]
    metrics = score_numbers(rows)
    assert metrics["match"] == {
        "count": 2,
        "mean": 0.5,
        "standard_error": pytest.approx(0.5),
        "interval": [pytest.approx(0.0945, abs=1e-4), pytest.approx(0.9055, abs=1e-4)],
        "passed": 1,
        "failed": 1,
        "errors": 0,
        "unscored": 1,
        "pass_rate": 0.5,
        "pass_rate_interval": metrics["match"]["interval"],
    }
    assert (metrics["size"]["mean"], metrics["size"]["errors"]) == (3.0, 1)


def test_a_mean_over_nothing_is_left_out() -> None:
    assert score_numbers([make_row("a", scores={"m": UNSCORED})]) == {
        "m": {"count": 0, "passed": 0, "failed": 0, "errors": 0, "unscored": 1}
    }
    assert "standard_error" not in score_numbers([make_row("a")])["exact-match"]
