"""Spans as collectors of OpenTelemetry take them: by OTLP/HTTP, and from files."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from gitexp.errors import InvalidInput
from gitexp.evaluation.tracing import exporting
from gitexp.evaluation.tracing.collectors import Collector, collector_of
from gitexp.evaluation.tracing.exporting import Exporter
from gitexp.evaluation.tracing.requests import Reply
from gitexp.runs.recording.spans import trace_lines
from gitexp.store.memory import MemoryStore
from tests.evaluation.projects import Project
from tests.evaluation.traces import told, traced
from tests.runs.making import IDENTITY, workspace_on

Answer = tuple[int, dict[str, str], Any]
OK: Answer = (200, {}, {})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    store = MemoryStore(config=IDENTITY)
    return Project(workspace=workspace_on(store, directory=tmp_path), directory=tmp_path)


@dataclass
class Received:
    """What a collector was sent."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [
            span
            for body in self.bodies
            for part in body["resourceSpans"]
            for scope in part["scopeSpans"]
            for span in scope["spans"]
        ]


@contextmanager
def collecting(*replies: Answer) -> Iterator[Received]:
    """Yield what a collector is sent; it replies one after the other, the last one for ever."""
    left, received = list(replies or [OK]), Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                data = gzip.decompress(data)
            received.paths.append(self.path)
            received.headers.append(dict(self.headers.items()))
            received.bodies.append(json.loads(data))
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            payload = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def in_protobuf(data: Any) -> Any:
    """Return OTLP/JSON as the JSON of Protocol Buffers, which has ids in base 64 instead."""
    if isinstance(data, dict):
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode()
            if key in ("traceId", "spanId", "parentSpanId")
            else in_protobuf(value)
            for key, value in data.items()
        }
    return [in_protobuf(item) for item in data] if isinstance(data, list) else data


# --- the format


def test_what_is_recorded_and_sent_is_what_the_protocol_defines(project: Project) -> None:
    project.code("def answer(n, parameters):\n    return n + 1 if n else float('nan') / 0\n")
    with collecting() as received:
        told(project, OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
        run, found = traced(project, capture_content=True)
    data = TracesData()
    for line in trace_lines(project.workspace, run):
        json_format.ParseDict(in_protobuf(json.loads(line)), data)
    read: list[Span] = [s for p in data.resource_spans for c in p.scope_spans for s in c.spans]
    assert len(read) == len(found)
    assert [span.name for span in read] == [span["name"] for span in found]
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in read)
    for body in received.bodies:
        json_format.ParseDict(in_protobuf(body), ExportTraceServiceRequest())
    assert {span["spanId"] for span in received.spans} == {span["spanId"] for span in found}


# --- sending


def test_spans_go_to_the_collector_that_is_configured(project: Project) -> None:
    with collecting() as received:
        notices = told(
            project,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"{received.url}/",
            OTEL_EXPORTER_OTLP_HEADERS="api-key=a%20b,x=y",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        )
        run, found = traced(project)
    assert (run.status, notices) == ("finished", [])
    assert received.paths == ["/v1/traces"]
    assert received.spans == found
    headers = received.headers[0]
    assert (headers["Api-Key"], headers["X"]) == ("a b", "y")
    assert headers["Content-Type"] == "application/json"


def test_a_collector_that_is_busy_is_asked_again(project: Project) -> None:
    busy: Answer = (503, {"Retry-After": "0"}, {})
    with collecting(busy, OK) as received:
        notices = told(project, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{received.url}/in?k=s3cret")
        traced(project)
    assert received.paths == ["/in?k=s3cret"] * 2
    assert received.bodies[0] == received.bodies[1]
    assert notices == []


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_what_a_collector_refuses_is_not_sent_again(project: Project, status: int) -> None:
    with collecting((status, {}, {})) as received:
        notices = told(project, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{received.url}/in?k=s3cret")
        run, found = traced(project)
    assert (run.status, len(received.bodies)) == ("finished", 1)
    assert notices == [f"{len(found)} spans were not delivered to {received.url}/in: HTTP {status}"]


def test_a_redirect_is_not_followed(project: Project) -> None:
    with collecting() as elsewhere:
        away: Answer = (307, {"Location": f"{elsewhere.url}/v1/traces"}, {})
        with collecting(away) as received:
            notices = told(project, OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
            traced(project, limit=1)
    assert elsewhere.bodies == []
    assert notices == [f"4 spans were not delivered to {received.url}/v1/traces: HTTP 307"]


def test_spans_that_a_collector_rejects_are_told(project: Project) -> None:
    partial: Answer = (
        200,
        {},
        {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}},
    )
    with collecting(partial) as received:
        notices = told(project, OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
        traced(project, limit=1)
    assert notices == [f"2 spans were not delivered to {received.url}/v1/traces: too old"]


def test_a_collector_that_is_not_there_fails_no_run(project: Project) -> None:
    with collecting() as received:
        gone = received.url
    notices = told(project, OTEL_EXPORTER_OTLP_ENDPOINT=gone)
    run, found = traced(project)
    assert (run.status, run.stats.passed) == ("finished", 4)
    assert len(found) == 13
    assert notices == [f"13 spans were not delivered to {gone}/v1/traces: Connection refused"]


def test_a_setting_that_cannot_be_used_is_told_and_nothing_is_sent(project: Project) -> None:
    notices = told(project, OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4318")
    run, found = traced(project)
    assert (run.status, len(found)) == ("finished", 13)
    assert notices == [
        "spans are not sent: the OTLP endpoint does not begin with http:// or https:// and a host"
    ]


# --- an exporter


def exporter(send: Any) -> Exporter:
    return Exporter("there", b"[", send, random=lambda: 0.5, first_wait=0.001)


def test_a_slow_collector_holds_nobody_up_and_what_waits_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "MOST_WAITING", 100)
    monkeypatch.setattr(exporting, "BATCH", 10)
    entered, go_on = threading.Event(), threading.Event()

    def send(body: bytes) -> Reply:
        entered.set()
        go_on.wait()
        return Reply()

    made = exporter(send)
    made.put(b"x" * 10, 1)
    entered.wait()
    for _ in range(30):
        made.put(b"x" * 10, 1)
    go_on.set()
    assert made.close() == (20, "the collector is slower than the run")


def test_a_collector_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_SOME_PATIENCE", 0.01)
    monkeypatch.setattr(exporting, "BATCH", 1)
    entered, never = threading.Event(), threading.Event()

    def send(body: bytes) -> Reply:
        entered.set()
        never.wait()
        return Reply()

    made = exporter(send)
    made.put(b"x", 3)
    entered.wait()
    made.put(b"x", 4)
    assert made.close() == (7, "the collector does not answer")
    never.set()


def test_a_batch_is_given_up_after_some_attempts_and_the_next_one_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporting, "BATCH", 1)
    bodies: list[bytes] = []
    delivered = threading.Event()

    def send(body: bytes) -> Reply:
        bodies.append(body)
        if len(bodies) <= exporting.ATTEMPTS:
            return Reply(problem="HTTP 503", is_retryable=True)
        delivered.set()
        return Reply()

    made = exporter(send)
    made.put(b"first", 2)
    made.put(b"next", 3)
    delivered.wait()
    assert made.close() == (2, "HTTP 503")
    assert [body.count(b"first") for body in bodies] == [1] * exporting.ATTEMPTS + [0]


# --- settings


def test_nothing_is_sent_unless_an_endpoint_is_named() -> None:
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
    assert collector_of({}) is None
    assert collector_of({**named, "OTEL_SDK_DISABLED": "TRUE"}) is None
    assert collector_of({**named, "OTEL_TRACES_EXPORTER": "none"}) is None
    assert collector_of({**named, "OTEL_TRACES_EXPORTER": "console, otlp"}) is not None


def test_settings_for_traces_go_before_those_for_everything() -> None:
    found = collector_of(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/base/?q=1",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://user:pw@t/as/it/is?q=1",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2500",
            "HTTPS_PROXY": "http://proxy:8080",
        }
    )
    assert found == Collector(
        url="https://user:pw@t/as/it/is?q=1",
        headers={"b": "2"},
        timeout=2.5,
        proxy="http://proxy:8080",
    )
    assert found.name == "https://t/as/it/is"
    base = collector_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/base/?q=1"})
    assert base is not None
    assert base.url == "http://c:4318/base/v1/traces?q=1"


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("HEADERS", "s3cret", "OTEL_EXPORTER_OTLP_HEADERS is no list of NAME=VALUE with commas"),
        ("HEADERS", "a=x%0d%0ay", "OTEL_EXPORTER_OTLP_HEADERS has a header that cannot be sent"),
        ("TIMEOUT", "soon", "OTEL_EXPORTER_OTLP_TIMEOUT is 'soon'"),
        ("PROTOCOL", "grpc", "the OTLP protocol grpc is not spoken here"),
        ("ENDPOINT", "file:///etc/passwd", "the OTLP endpoint does not begin with http://"),
        ("ENDPOINT", "http://[", "the OTLP endpoint does not begin with http://"),
        ("ENDPOINT", "http://a b/", "the OTLP endpoint does not begin with http://"),
    ],
)
def test_settings_that_cannot_be_used_are_named(variable: str, text: str, message: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}
    with pytest.raises(InvalidInput) as caught:
        collector_of({**environ, f"OTEL_EXPORTER_OTLP_{variable}": text})
    assert caught.value.message.startswith(message)
    assert "s3cret" not in caught.value.message
