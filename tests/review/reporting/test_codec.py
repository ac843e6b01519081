from __future__ import annotations

import json
import math
from typing import Any

import pytest

from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.review.reporting.codec import decode
from gitexp.review.reporting.composing import page_of
from gitexp.review.reporting.markdown import render
from gitexp.review.reporting.report import Report
from tests.review.reporting.reports import HOSTILE, report


def through_json(made: Report) -> Any:
    return json.loads(json.dumps(made.to_dict()))


@pytest.mark.parametrize("text", ["tone", *HOSTILE], ids=lambda text: repr(text[:24]))
def test_a_report_that_is_read_again_reads_the_same(text: str) -> None:
    made = report(text)
    read = decode(Report, through_json(made), file="report.json")
    assert render(page_of(read)) == render(page_of(made))


def test_a_report_that_is_read_again_writes_the_same() -> None:
    made = through_json(report())
    assert through_json(decode(Report, made, file="report.json")) == made


def replaced(path: str, value: Any) -> Any:
    data = through_json(report())
    *steps, last = path.split(".")
    place = data
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("project", 7, "project: int stands where str belongs"),
        ("base", None, "base: nothing stands where an object belongs"),
        ("base.commit", ["x"], "base.commit: list stands where str belongs"),
        ("kind", "other", "kind: it is none of 'project', 'environment'"),
        ("kind", ["project"], "kind: it is none of 'project', 'environment'"),
        ("notes", "x", "notes: str stands where a list belongs"),
        ("notes", [1], "notes[0]: int stands where str belongs"),
        ("validity.files", True, "validity.files: bool stands where int belongs"),
        ("validity.files", 1.5, "validity.files: float stands where int belongs"),
        ("effects.0.requirements.0.outcome", "won", "effects[0].requirements[0].outcome: it is"),
        (
            "diff.experiments.0.results.0.measures.0.interval",
            [1],
            "diff.experiments[0].results[0].measures[0].interval: 1 values stand where 2 belong",
        ),
        (
            "diff.experiments.0.results.0.measures.0.before",
            "x",
            "diff.experiments[0].results[0].measures[0].before: str stands where a number belongs",
        ),
        (
            "diff.experiments.0.results.0.measures.0.before",
            10**400,
            "diff.experiments[0].results[0].measures[0].before: the number is too large",
        ),
    ],
)
def test_data_of_another_form_is_refused_with_its_place(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        decode(Report, replaced(path, value), file="report.json")
    assert str(caught.value).startswith(f"report.json: {message}")


def test_a_field_that_is_missing_is_named() -> None:
    data = through_json(report())
    del data["head"]["commit"]
    with pytest.raises(InvalidDocuments) as caught:
        decode(Report, data, file="r.json")
    assert str(caught.value) == "r.json: head.commit: it is missing"


def test_a_value_that_is_nested_deeply_is_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InvalidDocuments, match="it is nested too deeply"):
        decode(Report, replaced("diff.settings.0.before", deep), file="r.json")


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_what_is_no_object_is_no_report(data: Any) -> None:
    with pytest.raises(InvalidDocuments):
        decode(Report, data, file="r.json")


def test_numbers_that_are_no_numbers_are_read() -> None:
    measures = "diff.experiments.0.results.0.measures.0"
    read = decode(Report, replaced(f"{measures}.interval", ["-Infinity", "NaN"]), file="r.json")
    interval = read.diff.experiments[0].results[0].measures[0].interval
    assert interval is not None
    assert interval[0] == -math.inf
    assert math.isnan(interval[1])


@pytest.mark.parametrize("project", ["a b", "-->", "x\n", "Bot", ""])
def test_a_project_whose_name_is_none_is_refused(project: str) -> None:
    with pytest.raises(InvalidInput, match="no name of a project"):
        decode(Report, replaced("project", project), file="r.json")


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a report of format 2 cannot be read"):
        decode(Report, replaced("format", 2), file="r.json")
