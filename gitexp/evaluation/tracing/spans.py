"""The spans of a sample in the JSON form of OTLP.

The format is OpenTelemetry's "OTLP/JSON" (opentelemetry-proto 1.x, `trace.proto`): ids in
hexadecimal, 64-bit integers as decimal text. Each line of a file is one TracesData. Names and
attributes of calls of language models follow the GenAI semantic conventions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gitexp.evaluation.running.making import SampleTrace, ScoreStep
from gitexp.evaluation.workflows.work import Step

INTERNAL, CLIENT = 1, 3
_ERROR = 2
_GENAI = "gen_ai.operation.name"
_MODEL = "gen_ai.request.model"

Span = dict[str, Any]


def encoded(value: Any) -> bytes:
    """Return a value as compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def attributes_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return attributes in OTLP's form; a list or an object becomes its JSON."""
    return [
        {"key": key, "value": _any_value(value)}
        for key, value in values.items()
        if value is not None
    ]


def _any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
    return {"stringValue": json.dumps(value, ensure_ascii=False)}


def spans_of(
    trace: SampleTrace, *, name: str, attributes: Sequence[Any], new_id: Callable[[], str]
) -> list[Span]:
    """Return the spans of one sample: the root, its tasks, and the evaluators.

    Args:
        name: the name of the root.
        attributes: what every root says of its run, in OTLP's form.
        new_id: returns the id of a span in hexadecimal.
    """
    item = trace.item
    own = {
        "gitexp.sample.id": item.sample.id,
        "gitexp.sample.position": item.position,
        "gitexp.repeat": item.repeat,
    }
    root = _span(trace.trace_id, trace.span_id, "", name, trace.began_ns, trace.ended_ns)
    root["attributes"] = [*attributes_of(own), *attributes]
    if trace.failure is not None:
        root["status"] = {"code": _ERROR, "message": trace.failure.message}
    return [
        root,
        *(_of_step(trace, step) for step in trace.steps),
        *(_of_score(trace, score, new_id()) for score in trace.scores),
    ]


def _of_step(trace: SampleTrace, step: Step) -> Span:
    given = dict(step.attributes)
    operation, model = given.get(_GENAI), given.get(_MODEL)
    name = f"{operation} {model or ''}".strip() if operation else f"{step.kind} {step.name}"
    span = _span(trace.trace_id, step.span_id, trace.span_id, name, step.began_ns, step.ended_ns)
    span["kind"] = CLIENT if step.kind == "endpoint" else INTERNAL
    span["attributes"] = attributes_of({"gitexp.task.name": step.name, **given})
    if step.error is not None:
        kind = getattr(step.error, "kind", type(step.error).__name__)
        span["attributes"] += attributes_of({"error.type": kind})
        span["status"] = {"code": _ERROR, "message": str(step.error)}
    return span


def _of_score(trace: SampleTrace, step: ScoreStep, span_id: str) -> Span:
    score = step.score
    name = f"evaluate {step.evaluator}"
    span = _span(trace.trace_id, span_id, trace.span_id, name, step.began_ns, step.ended_ns)
    value = score.value
    label = value if isinstance(value, str) else None
    if score.passed is not None and label is None:
        label = "pass" if score.passed else "fail"
    number = float(value) if isinstance(value, (bool, int, float)) else None
    span["attributes"] = attributes_of(
        {
            "gen_ai.evaluation.name": step.evaluator,
            "gen_ai.evaluation.score.value": number,
            "gen_ai.evaluation.score.label": label,
            "gen_ai.evaluation.explanation": score.reason or None,
        }
    )
    if score.error:
        span["status"] = {"code": _ERROR, "message": score.error}
    return span


def _span(trace_id: str, span_id: str, parent: str, name: str, began: int, ended: int) -> Span:
    span: Span = {"traceId": trace_id, "spanId": span_id}
    if parent:
        span["parentSpanId"] = parent
    return span | {
        "name": name,
        "kind": INTERNAL,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
    }


def traces_data(spans: Sequence[Span], *, resource: Mapping[str, Any], version: str) -> Span:
    """Return spans as one TracesData.

    Args:
        resource: the attributes of what made them, in OTLP's form.
        version: of gitexp.
    """
    scope = {"name": "gitexp.evaluation", "version": version}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": scope, "spans": list(spans)}]}
        ]
    }
