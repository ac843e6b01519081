"""`gitexp run trace`: the traces of a run, and one of them as a tree."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def run(tone: list[str], project: Path, gitexp: Run) -> str:
    """A recorded and traced run of `tone` over two samples, of which one is an error."""
    for path, text in {
        "app.py": "def answer(given, parameters):\n    return 1 / given\n",
        "endpoints/bot.yaml": "type: python\n\ncallable: app:answer\n",
        "datasets/q.jsonl": '{"id": "a", "input": 1, "expected": 1.0}\n'
        '{"id": "\\u001b]0;b", "input": 0}\n',
    }.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)
    arguments = ("run", "tone", "--dataset", "q", "--endpoint", "bot")
    return gitexp(*arguments).ok().out.strip()


def test_the_traces_of_a_run_are_listed(run: str, gitexp: Run) -> None:
    items = json.loads(gitexp("run", "trace", run, "--format", "json").ok().out)
    assert [(item["sample"], item["status"]) for item in items] == [
        ("a", "passed"),
        ("\x1b]0;b", "error"),
    ]
    assert gitexp("run", "trace", run, "-q").ok().out.split() == [i["trace_id"] for i in items]
    assert "\x1b" not in gitexp("run", "trace", run).ok().out


def test_a_trace_is_a_tree_of_spans(run: str, gitexp: Run) -> None:
    lines = gitexp("run", "trace", run, "a").ok().out.splitlines()
    assert lines[0].split() == ["span", "at", "took", "says"]
    assert [line.split("  ")[0] or line.strip().split("  ")[0] for line in lines[1:]] == [
        "workflow",
        "endpoint bot",
        "evaluate exact-match",
    ]
    assert lines[3].rstrip().endswith("pass, value 1")


def test_a_failure_is_part_of_the_tree_and_does_no_harm(run: str, gitexp: Run) -> None:
    out = gitexp("run", "trace", run, "\x1b]0;b").ok().out
    assert "! exception" in out
    assert "ZeroDivisionError: division by zero" in out
    assert "\x1b" not in out


def test_a_trace_is_given_as_the_protocol_has_it(run: str, gitexp: Run) -> None:
    data = json.loads(gitexp("run", "trace", run, "a", "--format", "json").ok().out)
    [part] = data["resourceSpans"]
    [scope] = part["scopeSpans"]
    assert len(scope["spans"]) == 3
    assert {"key": "gitexp.run.id", "value": {"stringValue": run}} in part["resource"]["attributes"]


def test_a_sample_that_is_not_there_is_named(run: str, gitexp: Run) -> None:
    result = gitexp("run", "trace", run, "z")
    assert (result.code, result.err.splitlines()[0]) == (1, f"error: run {run} has no sample 'z'")
    again = gitexp("run", "trace", run, "a", "--repeat", "2")
    assert again.err.splitlines()[0] == f"error: run {run} has no pass 2 over sample 'a'"


def test_spans_that_no_collector_took_are_a_warning(
    run: str, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        result = gitexp("run", "tone", "--dataset", "q", "--endpoint", "bot").ok()
    said = f"warning: 6 spans were not delivered to {url}/v1/traces: Connection refused"
    assert result.err.splitlines().count(said) == 1
