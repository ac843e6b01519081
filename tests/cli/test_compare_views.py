"""Comparisons as tables: side by side in 80 columns, a row for each of many runs, as data."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest

from gitexp.cli.compare_views import (
    comparison_data,
    comparison_items,
    comparison_table,
    warnings,
)
from gitexp.cli.plain import json_line
from gitexp.cli.rendering import csv_table, markdown_table, plain_table, text_width
from gitexp.experiments.headers import Direction
from gitexp.results.comparing import compare
from gitexp.results.comparisons import Comparison
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.run import CodeReference, Run
from gitexp.runs.tallies import Stats
from tests.runs.making import dataset_reference, make_run, references, run_id

DIRECTIONS: dict[str, Direction] = {"loss": "minimize"}


def trained(number: int, loss: float | None, **fields: Any) -> Run:
    """Return a run with a loss, or without one."""
    metrics = {} if loss is None else {"loss": MetricPoint(loss, 100, 0)}
    return make_run(run_id(number), metrics=metrics, **{"version": None, **fields})


def compared(*runs: Run) -> Comparison:
    return compare(runs, directions=DIRECTIONS).differing()


def shown(comparison: Comparison, width: int | None = 80) -> str:
    return plain_table(comparison_table(comparison, width=width), width=width)


def test_two_runs_have_a_column_for_the_change() -> None:
    runs = [
        trained(0, 0.5, name="base", params={"lr": 0.1, "depth": 4}),
        trained(1, 0.25, name="warm", params={"lr": 0.2, "depth": 4}),
    ]
    assert shown(compared(*runs)) == (
        "run     20260102T000000-aaaaaaaa  20260102T000001-aaaaaaaa  change\n"
        "name    base                      warm\n"
        "status  finished                  finished\n"
        "lr      0.1                       0.2                       +0.1 (+100.0 %)\n"
        "loss ↓  0.5                       0.25 *                    -0.25 (-50.0 %)\n"
    )


def test_the_change_is_against_the_baseline() -> None:
    runs = [trained(0, 0.5, params={"lr": 1}), trained(1, 0.25, params={"lr": 2})]
    comparison = compare(runs, directions={}, baseline=runs[1].id)
    table = shown(comparison)
    assert "+0.25 (+100.0 %)" in table
    assert "-1 (-50.0 %)" in table


def test_more_runs_have_lines_for_the_change() -> None:
    runs = [trained(0, 0.5), trained(1, None), trained(2, math.nan)]
    assert shown(compared(*runs), None) == (
        "run       20260102T000000-aaaaaaaa  20260102T000001-aaaaaaaa  "
        "20260102T000002-aaaaaaaa\n"
        "status    finished                  finished                  finished\n"
        "loss ↓    0.5                                                 NaN\n"
        "  change                                                      NaN\n"
        "  in %                                                        NaN\n"
    )


def full_run(number: int) -> Run:
    """Return a run with much to show."""
    return trained(
        number,
        0.123456 * (number + 1),
        name=f"a name that goes on and on {number}",
        parameters={"prompt": "You are an assistant. " * 5 + f"Be {number}."},
        params={"lr": 10.0**-number},
        stats=Stats(passed=50 + number, failed=50 - number),
        scores={"exact-match": {"count": 100, "mean": 0.5 + number / 100}},
        dataset=dataset_reference(),
        evaluators=references("exact-match"),
        code=CodeReference(commit="c" * 40, dirty=bool(number % 2)),
    )


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 12])
def test_tables_fit_into_80_columns_with_every_digit(count: int) -> None:
    table = shown(compared(*map(full_run, range(count))))
    lines = table.splitlines()
    assert max(map(text_width, lines)) <= 80
    assert "pass rate" in table
    assert f"{50 + count - 1}.0 %" in table
    if count <= 5:
        assert "0.123456" in table
    else:
        assert len(lines) == count + 1
    assert f"Be {count - 1}." in table, "the end, where the prompts differ"


def test_texts_that_differ_late_are_shown_from_there_and_no_more_is_left_out() -> None:
    runs = [trained(i, None, params={"prompt": f"{'word ' * 20}end {i}"}) for i in range(3)]
    (line,) = [line for line in shown(compared(*runs)).splitlines() if line.startswith("prompt")]
    first, *others = re.split("  +", line)[1:]
    assert (first[0], first[-5:], len(others)) == ("…", "end 0", 2)
    assert len(first) == 22


def test_on_a_terminal_too_narrow_for_columns_each_run_has_a_row() -> None:
    comparison = compared(*map(full_run, range(4)))
    table = comparison_table(comparison, width=45)
    assert len(table.rows) == 4
    assert "columns have no room; choose with --metric NAME, or use --format md" in table.note


def test_the_code_and_what_was_not_committed_are_shown() -> None:
    table = shown(compared(full_run(0), full_run(1)))
    assert "code         cccccccccc" in table
    assert [line for line in table.splitlines() if line.startswith("uncommitted")] == [
        next(line for line in table.splitlines() if line.split() == ["uncommitted", "yes"])
    ]


def test_null_nothing_and_look_alikes_are_told_apart() -> None:
    def params(**given: Any) -> Mapping[str, Any]:
        return {"params": given}

    table = shown(
        compared(
            trained(0, None, **params(a=None, b=1, c="", d="x")),
            trained(1, None, **params(b="1", c=" ", d=1.5)),
        )
    )
    cells = {line.split()[0]: line.split(None, 1)[1] for line in table.splitlines()}
    assert cells["a"] == "null"
    assert cells["b"].split() == ["1", '"1"']
    assert cells["c"].split("  ")[0] == '""'
    assert cells["d"].split() == ["x", "1.5"]


def test_control_characters_are_written_out() -> None:
    runs = [
        trained(0, 1.0, name="\x1b[31mred", params={"a\x07": "b\nc"}),
        make_run(run_id(1), metrics={"x\u202ey": MetricPoint(1.0)}),
        *map(full_run, range(2, 9)),
    ]
    for comparison in (compared(*runs), compared(*runs[:2])):
        for text in (shown(comparison), markdown_table(comparison_table(comparison, width=None))):
            assert text.replace("\n", "").isprintable()


def test_other_samples_are_flagged() -> None:
    runs = [full_run(0), full_run(1)]
    other = make_run(
        run_id(2),
        stats=Stats(passed=9),
        dataset=dataset_reference(digit="2"),
        evaluators=references("exact-match"),
    )
    comparison = compared(*runs, other)
    flagged = f"not the same samples as the baseline: {other.id}"
    assert warnings(comparison) == [f"{flagged}; their pass rates and scores are not compared"]
    assert ["samples", "other"] in [line.split() for line in shown(comparison).splitlines()]
    assert warnings(comparison.only(["loss"])) == [flagged]
    assert warnings(compared(*runs)) == []


def test_runs_that_did_not_finish_are_told() -> None:
    broken = make_run(run_id(1), status="killed", stats=Stats(passed=1))
    assert warnings(compared(full_run(0), broken)) == [
        f"not finished: {broken.id}; their pass rates and scores are not compared"
    ]


def test_markdown_spells_its_marks_out() -> None:
    comparison = compared(trained(0, 0.5), trained(1, 0.25))
    table = markdown_table(comparison_table(comparison, width=None, in_words=True))
    assert "| loss (less is better) | 0.5 | 0.25 (best) | -0.25 (-50.0 %) |" in table


def test_csv_has_every_value_in_full() -> None:
    comparison = compared(
        trained(0, 1 / 3, params={"a": None, "b": [1]}), trained(1, math.inf, params={"b": [2]})
    )
    rows = list(csv.DictReader(io.StringIO(csv_table(comparison_data(comparison)))))
    assert [row["metrics.loss"] for row in rows] == [repr(1 / 3), "Infinity"]
    assert [row["metrics.loss.change"] for row in rows] == ["", "Infinity"]
    assert [row["params.a"] for row in rows] == ["null", ""]
    assert [row["params.b"] for row in rows] == ["[1]", "[2]"]
    assert [row["baseline"] for row in rows] == ["true", "false"]


def test_items_leave_out_parameters_that_a_run_does_not_have() -> None:
    runs = [trained(0, None, params={"a": None}), trained(1, 1.0, params={})]
    one, other = comparison_items(compared(*runs))
    assert (one["params.a"], one["metrics.loss"]) == (None, None)
    assert "params.a" not in other
    assert json_line(one)
