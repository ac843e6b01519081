"""Traces of recorded runs, as people look at them: which there are, and one as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.errors import NotFound
from gitexp.project.workspace import Workspace
from gitexp.runs.recording.results import rows_of
from gitexp.runs.recording.spans import Span, spans_in, trace_lines
from gitexp.runs.rows import ResultRow
from gitexp.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Node:
    """A span with those below it, in the order in which they began.

    Attributes:
        depth: 0 for a root.
        offset_seconds: from the beginning of the root until its own.
    """

    span: Span
    depth: int
    offset_seconds: float
    duration_seconds: float
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def traced_rows(workspace: Workspace, run: Run) -> Iterator[ResultRow]:
    """Yield the rows of a run that have a trace."""
    return (row for row in rows_of(workspace, run.id) if row.trace_id)


def trace_id_of_sample(workspace: Workspace, run: Run, sample: str, repeat: int = 0) -> str:
    """Return the trace of a sample: the last one, where it was done again.

    Raises:
        NotFound: the run has no such row, or it was not traced.
    """
    row = next((r for r in rows_of(workspace, run.id) if r.key == (sample, repeat)), None)
    if row is None:
        which = f"pass {repeat} over sample" if repeat else "sample"
        raise NotFound(
            f"run {run.id} has no {which} {sample!r}",
            hint=f"See its samples: `gitexp run rows {run.id}`.",
        )
    if not row.trace_id:
        raise NotFound(f"sample {sample!r} of run {run.id} was not traced")
    return row.trace_id


def spans_of_trace(
    workspace: Workspace, run: Run, trace_id: str
) -> tuple[list[Span], Mapping[str, Any]]:
    """Return the spans of one trace of a run, and the resource that they belong to.

    Raises:
        NotFound: they are not there, as after the death of the process that made them.
        StoreError, MissingObject, RemoteError: they cannot be read.
    """
    found: list[Span] = []
    resource: Mapping[str, Any] = {}
    for line in trace_lines(workspace, run, holding=trace_id.encode()):
        for span, belongs in spans_in(line):
            if span["traceId"] == trace_id:
                found.append(span)
                resource = belongs
    if not found:
        raise NotFound(f"the spans of trace {trace_id} of run {run.id} are not there")
    return found, resource


def trees_of(spans: Iterable[Span]) -> list[Node]:
    """Return spans as trees; one whose parent is not there is a root."""
    every = sorted(spans, key=_began)
    ids = {span["spanId"] for span in every}
    below: dict[str, list[Span]] = {}
    for span in every:
        parent = span.get("parentSpanId", "")
        below.setdefault(parent if parent in ids else "", []).append(span)
    return [_node(span, 0, _began(span), below) for span in below.get("", ())]


def _node(span: Span, depth: int, origin: int, below: dict[str, list[Span]]) -> Node:
    began = _began(span)
    # What was taken once is gone, so that spans below themselves come to an end.
    children = below.pop(span["spanId"], [])
    return Node(
        span=span,
        depth=depth,
        offset_seconds=(began - origin) / 1e9,
        duration_seconds=(int(span.get("endTimeUnixNano", began)) - began) / 1e9,
        children=[_node(child, depth + 1, origin, below) for child in children],
    )


def _began(span: Span) -> int:
    return int(span.get("startTimeUnixNano", 0))


def plain_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span, an event or a resource as plain values."""
    return {one["key"]: _plain(one.get("value", {})) for one in given.get("attributes", ())}


def _plain(value: Mapping[str, Any]) -> Any:
    for kind, found in value.items():
        if kind == "intValue":
            return int(found)
        if kind == "arrayValue":
            return [_plain(item) for item in found.get("values", ())]
        return found
    return None
