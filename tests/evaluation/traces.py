"""Spans of runs, read for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitexp.evaluation.running.runner import evaluate
from gitexp.runs.recording.spans import spans_in, trace_lines
from gitexp.runs.run import Run
from tests.evaluation.projects import Project, request

Span = dict[str, Any]


def spans_of(project: Project, run: Run) -> list[Span]:
    """Return all spans of a run, in the order in which they were recorded."""
    return [span for line in trace_lines(project.workspace, run) for span, _ in spans_in(line)]


def traced(project: Project, **fields: Any) -> tuple[Run, list[Span]]:
    """Return a run that is traced, and its spans."""
    run = evaluate(project.workspace, request(**{"enable_tracing": True, **fields}))
    return run, spans_of(project, run)


def told(project: Project, **environ: str) -> list[str]:
    """Return what people will be told; the variables are added to the environment."""
    notices: list[str] = []
    surroundings = project.workspace.surroundings
    surroundings = replace(
        surroundings, environ={**surroundings.environ, **environ}, notice=notices.append
    )
    project.workspace = replace(project.workspace, surroundings=surroundings)
    return notices


def trace_of(found: list[Span], sample: str) -> list[Span]:
    """Return the spans of a sample: the root, its tasks, its evaluators."""
    [root] = [span for span in found if known(span).get("gitexp.sample.id") == sample]
    return [span for span in found if span["traceId"] == root["traceId"]]


def run_span(found: list[Span]) -> Span:
    """Return the span of the run itself."""
    [span] = [span for span in found if "gitexp.run.status" in known(span)]
    return span


def known(span: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span, or of anything that has some, as plain values."""
    return {one["key"]: _plain(one["value"]) for one in span["attributes"]}


def _plain(given: dict[str, Any]) -> Any:
    [(kind, found)] = given.items()
    if kind == "arrayValue":
        return [_plain(item) for item in found["values"]]
    return int(found) if kind == "intValue" else found
