"""Traces of evaluations: a span for the run, and for each sample, task and evaluator."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from gitexp.runs.recording.spans import spans_in, trace_lines
from gitexp.runs.run import Run
from tests.evaluation.projects import Project

Span = dict[str, Any]


def spans(project: Project, run: Run) -> list[Span]:
    return [span for line in trace_lines(project.workspace, run) for span, _ in spans_in(line)]


def value(given: dict[str, Any]) -> Any:
    [(kind, found)] = given.items()
    if kind == "arrayValue":
        return [value(item) for item in found["values"]]
    return int(found) if kind == "intValue" else found


def known(span: Span) -> dict[str, Any]:
    return {one["key"]: value(one["value"]) for one in span["attributes"]}


def traced(project: Project, **fields: Any) -> tuple[Run, list[Span]]:
    run = project.run(enable_tracing=True, **fields)
    return run, spans(project, run)


def trace_of(found: list[Span], sample: str) -> list[Span]:
    [root] = [span for span in found if known(span).get("gitexp.sample.id") == sample]
    return [span for span in found if span["traceId"] == root["traceId"]]


def test_a_sample_is_a_trace_of_a_root_its_tasks_and_its_evaluators(project: Project) -> None:
    run, found = traced(project)
    root, task, score = trace_of(found, "2")
    assert (root["name"], task["name"], score["name"]) == (
        "workflow",
        "endpoint bot",
        "evaluate exact-match",
    )
    assert "parentSpanId" not in root
    assert {task["parentSpanId"], score["parentSpanId"]} == {root["spanId"]}
    assert int(root["startTimeUnixNano"]) <= int(task["startTimeUnixNano"])
    assert int(score["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])
    assert known(root) == {
        "gitexp.sample.id": "2",
        "gitexp.sample.position": 2,
        "gitexp.sample.repeat": 0,
        "gitexp.sample.status": "passed",
        "gitexp.run.id": run.id,
        "gitexp.experiment.name": "tone",
    }
