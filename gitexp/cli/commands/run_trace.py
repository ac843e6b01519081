"""`gitexp run trace RUN [SAMPLE]`: what happened for the samples of a run, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import run_argument, run_id_of
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.project.workspace import Workspace
    from gitexp.runs.run import Run
    from gitexp.runs.traces import Node

_TRACES = (
    Column(key="sample", title="sample", kind="code"),
    Column(key="repeat", title="repeat", kind="number", optional=True),
    Column(key="status", title="status"),
    Column(key="duration_seconds", title="took", kind="latency"),
    Column(key="trace_id", title="trace", kind="id"),
)
_SPANS = (
    Column(key="name", title="span"),
    Column(key="offset_seconds", title="at", kind="latency"),
    Column(key="duration_seconds", title="took", kind="latency"),
    Column(key="says", title="says"),
)
_SAID = (
    "gitexp.sample.status",
    "gen_ai.evaluation.score.label",
    "gen_ai.evaluation.score.value",
    "gitexp.attempts",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
)


@command(
    "trace",
    examples=[
        "gitexp run trace 20261121T131502-k3f9q2x7",
        "gitexp run trace 20261121T131502 sample-17",
        "gitexp run trace 20261121T131502 sample-17 --format json",
    ],
)
@run_argument()
@click.argument("sample", required=False, metavar="[SAMPLE]")
@click.option("--repeat", type=click.IntRange(min=0), default=0, metavar="N", help="Of this pass")
@output_options
def trace_command(output: Output, run: str, sample: str | None, repeat: int) -> None:
    """List the traces of a run, or show one as a tree of spans

    `--format json` gives the spans of a sample as OTLP has them, for any tool that reads it.
    """
    from gitexp.runs.traces import spans_of_trace, trace_id_of_sample, trees_of

    session = output.session
    workspace = session.repository.workspace
    known = session.repository.runs.get(run_id_of(session, run))
    if sample is None:
        _list(output, workspace, known)
        return
    trace_id = trace_id_of_sample(workspace, known, sample, repeat)
    spans, resource = spans_of_trace(workspace, known, trace_id)
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    rows = [row for tree in trees_of(spans) for node in tree.walk() for row in _shown(node)]
    output.listing(
        spans,
        Table(columns=_SPANS, rows=rows),
        ids=[span["spanId"] for span in spans],
        document=document,
    )


def _list(output: Output, workspace: Workspace, run: Run) -> None:
    from gitexp.runs.traces import traced_rows

    items = [
        {
            "sample": row.sample,
            "repeat": row.repeat,
            "status": row.status,
            "duration_seconds": row.duration_seconds,
            "trace_id": row.trace_id,
        }
        for row in traced_rows(workspace, run)
    ]
    rows = [item | {"repeat": item["repeat"] or None} for item in items]
    table = Table(columns=_TRACES, rows=rows, note="" if rows else "nothing of it was traced")
    output.listing(items, table, ids=[str(item["trace_id"]) for item in items])


def _shown(node: Node) -> list[dict[str, Any]]:
    """Return the lines of a span: itself, and what happened in it."""
    indent = "  " * node.depth
    own = {
        "name": f"{indent}{node.span.get('name', '')}",
        "offset_seconds": node.offset_seconds,
        "duration_seconds": node.duration_seconds,
        "says": _says(node.span),
    }
    began = int(node.span.get("startTimeUnixNano", 0))
    return [own, *(_event(event, node, indent, began) for event in node.span.get("events", ()))]


def _event(event: dict[str, Any], node: Node, indent: str, began: int) -> dict[str, Any]:
    from gitexp.runs.traces import plain_attributes

    found = plain_attributes(event)
    texts = [found.get("exception.type"), found.get("exception.message")]
    after = (int(event.get("timeUnixNano", began)) - began) / 1e9
    return {
        "name": f"{indent}  ! {event.get('name', '')}",
        "offset_seconds": node.offset_seconds + after,
        "duration_seconds": None,
        "says": ": ".join(str(text) for text in texts if text) or _joined(found),
    }


def _says(span: dict[str, Any]) -> str:
    from gitexp.runs.traces import plain_attributes

    if span.get("status", {}).get("code") == 2:
        return f"error: {span['status'].get('message', '')}"
    return _joined(plain_attributes(span))


def _joined(found: dict[str, Any]) -> str:
    return ", ".join(_part(key, found[key]) for key in _SAID if key in found)


def _part(key: str, value: Any) -> str:
    if isinstance(value, (int, float)):
        return f"{key.rpartition('.')[2].replace('_', ' ')} {value:g}"
    return str(value)
