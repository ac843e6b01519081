"""Traces of evaluations: a span for the run, and for each sample, task and evaluator."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents import layout
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.running.making import Made, SampleTrace, ScoreStep, WorkItem
from gitexp.evaluation.running.runner import resume
from gitexp.evaluation.tracing.attributes import attribute
from gitexp.evaluation.tracing.runs import trace_id_of
from gitexp.evaluation.tracing.spans import SampleSpans
from gitexp.runs.recording import ledger, spans
from gitexp.runs.recording.closing import reap
from gitexp.runs.recording.spans import spans_in, trace_lines
from gitexp.runs.rows import ResultRow, Score
from tests.evaluation.projects import Project
from tests.evaluation.servers import Reply, Scripted, serving
from tests.evaluation.traces import known, run_span, spans_of, told, trace_of, traced

ANSWER = {
    "id": "r1",
    "model": "m-2",
    "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4},
}


def chat(project: Project, url: str, more: str = "") -> None:
    project.write(
        "endpoints/bot.yaml",
        f"type: chat\n\nbase_url: {url}\n\nmodel: m-1\n\nprompt: '{{{{ input }}}}'\n{more}",
    )
    project.dataset([{"id": "a", "input": "hello", "expected": "hi"}])


# --- what a trace holds


def test_a_sample_is_a_trace_of_a_root_its_tasks_and_its_evaluators(project: Project) -> None:
    run, found = traced(project)
    root, task, score = trace_of(found, "2")
    assert [span["name"] for span in (root, task, score)] == [
        "workflow",
        "endpoint bot",
        "evaluate exact-match",
    ]
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
    assert known(task) == {
        "gitexp.task.name": "bot",
        "gitexp.task.type": "endpoint",
        "gitexp.endpoint.name": "bot",
        "gitexp.endpoint.type": "python",
    }
    assert known(score) == {
        "gen_ai.evaluation.name": "exact-match",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "pass",
        "gitexp.score.passed": True,
    }


def test_rows_say_which_trace_is_theirs(project: Project) -> None:
    run, found = traced(project, repeats=2)
    roots = {
        span["traceId"]: (known(span)["gitexp.sample.id"], known(span)["gitexp.sample.repeat"])
        for span in found
        if "gitexp.sample.id" in known(span)
    }
    assert {row.trace_id: row.key for row in project.rows(run)} == roots
    assert len(roots) == 8
    assert len({span["spanId"] for span in found}) == len(found)


def test_the_root_spans_are_named_as_asked(project: Project) -> None:
    _, found = traced(project, span_workflow_name='a "b"\n', limit=1)
    assert trace_of(found, "0")[0]["name"] == 'a "b"\n'


def test_the_run_has_a_span_that_the_samples_link_to(project: Project) -> None:
    project.code("def answer(n, parameters):\n    return n + 1 if n else n // n\n")
    run, found = traced(project, name="try")
    span = run_span(found)
    assert (span["name"], span["traceId"]) == ("run tone", trace_id_of(run.id))
    assert known(span) == {
        "gitexp.run.id": run.id,
        "gitexp.run.name": "try",
        "gitexp.run.status": "finished",
        "gitexp.experiment.name": "tone",
        "gitexp.endpoint.name": "bot",
        "gitexp.evaluator.names": ["exact-match"],
        "gitexp.rows.passed": 3,
        "gitexp.rows.failed": 0,
        "gitexp.rows.errors": 1,
        "gitexp.rows.unscored": 0,
    }
    link = {"traceId": span["traceId"], "spanId": span["spanId"]}
    assert trace_of(found, "1")[0]["links"] == [link]
    assert "status" not in span


def test_the_resource_says_what_made_the_spans(project: Project) -> None:
    told(project, OTEL_SERVICE_NAME="eval", OTEL_RESOURCE_ATTRIBUTES="team=a%2Cb,service.name=x")
    run, _ = traced(project)
    [line] = trace_lines(project.workspace, run)
    resource = known(next(spans_in(line))[1])
    assert {key: resource[key] for key in ("service.name", "team")} == {
        "service.name": "eval",
        "team": "a,b",
    }
    assert (resource["gitexp.project"], resource["gitexp.version"]) == ("bot", run.version)
    assert (resource["gitexp.run.id"], resource["gitexp.dataset.name"]) == (run.id, "q")


def test_a_task_that_fails_says_so_and_why(project: Project) -> None:
    project.code("def answer(n, parameters):\n    raise ValueError('no')\n")
    _, found = traced(project, limit=1)
    root, task = trace_of(found, "0")
    assert root["status"] == task["status"] == {"code": 2, "message": "no"}
    assert known(root)["error.type"] == known(task)["error.type"] == "ValueError"
    [event] = task["events"]
    assert (event["name"], known(event)) == (
        "exception",
        {"exception.type": "ValueError", "exception.message": "no"},
    )
    assert "events" not in root


def test_an_evaluator_that_breaks_has_a_span_that_failed(project: Project) -> None:
    project.code(f"{'def answer(n, parameters): return n'}\n\ndef judge(*given):\n    1 / 0\n")
    project.write("evaluators/mine.yaml", "type: python\n\ncallable: app:judge\n")
    _, found = traced(project, limit=1, evaluators=("mine",))
    _, _, score = trace_of(found, "0")
    assert score["status"]["code"] == 2
    assert known(score)["error.type"] == "EvaluatorError"
    assert score["events"][0]["name"] == "exception"


def test_a_run_that_stops_early_says_so(project: Project) -> None:
    from gitexp.evaluation.running.requests import Limits

    project.code("def answer(n, parameters):\n    raise ValueError('no')\n")
    _, found = traced(project, limits=Limits(fail_fast=True), concurrency=1)
    span = run_span(found)
    assert known(span)["gitexp.run.status"] == "failed"
    assert span["status"] == {
        "code": 2,
        "message": "a row is an error, and the run fails fast",
    }


# --- calls of language models


def test_a_call_of_a_model_follows_the_conventions_for_genai(project: Project) -> None:
    with serving(Scripted([ANSWER])) as script:
        chat(project, script.url)
        _, found = traced(project)
    root, task, _ = trace_of(found, "a")
    assert (task["name"], task["kind"]) == ("chat m-1", 3)
    attributes = known(task)
    assert {
        key: attributes[key] for key in attributes if key.startswith("gen_ai.") and key in _EXPECTED
    } == _EXPECTED
    assert known(root)["gen_ai.operation.name"] == "invoke_workflow"
    headers = script.requests[0].headers
    assert headers["traceparent"] == f"00-{task['traceId']}-{task['spanId']}-01"


_EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m-1",
    "gen_ai.response.model": "m-2",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.usage.output_tokens": 4,
}


def test_attempts_that_failed_are_events_of_the_task(project: Project) -> None:
    with serving(Scripted([Reply(body={}, status=503), ANSWER])) as script:
        chat(project, script.url, "\nretry:\n  backoff_seconds: 0.001\n")
        _, found = traced(project)
    _, task, _ = trace_of(found, "a")
    [event] = task["events"]
    assert known(event)["exception.type"] == "HTTP 503"
    assert known(event)["gitexp.attempt"] == 1
    assert known(task)["gitexp.attempts"] == 2
    assert "status" not in task
    assert int(task["startTimeUnixNano"]) <= int(event["timeUnixNano"])


def test_a_call_of_a_model_that_gives_no_answer_is_known_as_one(project: Project) -> None:
    with serving(Scripted([Reply(body={}, status=400)])) as script:
        chat(project, script.url)
        _, found = traced(project)
    _, task = trace_of(found, "a")
    assert task["name"] == "chat m-1"
    assert known(task)["error.type"] == "HTTP 400"
    assert task["status"]["code"] == 2


# --- what is sensitive


def test_spans_hold_no_inputs_and_outputs(project: Project) -> None:
    project.dataset([{"id": "a", "input": "private-in", "expected": "private-ex"}])
    project.code("def answer(n, parameters):\n    return 'private-out'\n")
    run, _ = traced(project)
    assert project.rows(run)[0].scores["exact-match"].reason
    assert b"private" not in b"".join(trace_lines(project.workspace, run))


def test_spans_hold_inputs_and_outputs_where_that_is_asked_for(project: Project) -> None:
    project.dataset([{"id": "a", "input": {"q": "in"}, "expected": "ex"}])
    project.code("def answer(n, parameters):\n    return 'out'\n")
    _, found = traced(project, capture_content=True)
    root, task, score = trace_of(found, "a")
    assert known(score)["gen_ai.evaluation.explanation"]
    assert known(root)["gitexp.sample.input"] == '{"q":"in"}'
    assert known(root)["gitexp.sample.expected"] == "ex"
    assert known(root)["gitexp.sample.output"] == "out"
    assert known(task)["gitexp.task.output"] == "out"


def test_secrets_are_masked_wherever_they_are(project: Project) -> None:
    told(project, BOT_KEY="hunter2-hunter2", OTEL_RESOURCE_ATTRIBUTES="k=hunter2-hunter2")
    project.dataset([{"id": "hunter2-hunter2", "input": "hunter2-hunter2", "expected": 1}])
    project.code(
        "def answer(n, parameters):\n    raise ValueError(parameters.secret('key'))\n"
        "def good(n, parameters):\n    return parameters.secret('key')\n"
    )
    project.write("endpoints/good.yaml", "type: python\n\ncallable: app:good\n")
    for endpoint in ("bot", "good"):
        run, _ = traced(project, capture_content=True, endpoint=endpoint, name="hunter2-hunter2")
        assert b"hunter2" not in b"".join(trace_lines(project.workspace, run))


# --- what is written


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(key=st.text(min_size=1), value=PLAIN)
def test_whatever_an_attribute_holds_is_json(key: str, value: Any) -> None:
    text = attribute(key, value).encode("utf-8", "replace")
    found = json.loads(text, parse_constant=pytest.fail)
    assert set(found) == {"key", "value"}
    [(kind, written)] = found["value"].items()
    if isinstance(value, float):
        assert math.isclose(float(written), value) or str(value) in ("nan", "inf", "-inf")
    if isinstance(value, bool) or value in (True, False):
        assert kind in ("boolValue", "intValue", "doubleValue")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5, {"value": 0.5}),
        (math.inf, {"value": "Infinity"}),
        (10**400, {"label": "1" + "0" * 400}),
        ('a"b\x07', {"label": 'a"b\x07'}),
        (True, {"value": 1.0}),
        (None, {}),
    ],
)
def test_scores_of_every_kind_are_told(value: Any, said: dict[str, Any]) -> None:
    item = WorkItem(position=0, sample=Sample(id="a", input="q"))
    score = Score(value=value)
    step = ScoreStep(evaluator="e", began_ns=1, ended_ns=2, score=score)
    trace = SampleTrace(
        trace_id="1" * 32,
        span_id="2" * 16,
        item=item,
        began_ns=1,
        ended_ns=2,
        steps=[],
        scores=[step],
    )
    row = ResultRow(sample="a", status="passed", scores={"e": score})
    writer = SampleSpans(
        name="w",
        workflow="w",
        known=attribute("k", 1),
        run_span=("3" * 32, "4" * 16),
        tasks={},
        new_id=lambda: "5" * 16,
    )
    text, count = writer.of(Made(row=row, trace=trace))
    _, found = json.loads(f"[{text}]")
    prefix = "gen_ai.evaluation.score."
    attributes = known(found)
    told = {k.removeprefix(prefix): v for k, v in attributes.items() if k.startswith(prefix)}
    assert (told, count) == (said, 2)


def test_long_texts_are_cut() -> None:
    text = json.loads(attribute("a", "x" * 5000))["value"]["stringValue"]
    assert text == "x" * 4096 + "… (904 more characters)"


def test_texts_that_are_no_unicode_are_written_all_the_same(project: Project) -> None:
    project.code("def answer(n, parameters):\n    raise ValueError('a\\ud800\\x1b]0;b\\x07')\n")
    _, found = traced(project, limit=1)
    assert "\x1b]0;b\x07" in trace_of(found, "0")[0]["status"]["message"]


# --- where they are kept


def test_few_spans_stand_on_the_branch_in_few_lines(project: Project) -> None:
    project.dataset([{"id": str(n), "input": n, "expected": n + 1} for n in range(120)])
    run, found = traced(project)
    assert len(found) == 3 * 120 + 1
    places = ledger.places_of(project.workspace, run.id)
    _, data = ledger.file_beside(project.workspace, places, layout.SPANS_FILE)
    assert data.count(b"\n") == 1
    assert run.artifacts == ()


@pytest.mark.parametrize("threshold", ["0", "1m"])
def test_many_spans_become_a_compressed_artifact(
    on_disk: Project, monkeypatch: pytest.MonkeyPatch, threshold: str
) -> None:
    monkeypatch.setattr(spans, "LARGE", 1000)
    on_disk.write(".git/config", f"[gitexp]\n\tlfsThreshold = {threshold}\n")
    run, found = traced(on_disk)
    [artifact] = run.artifacts
    assert artifact.path == "traces/spans.jsonl.gz"
    assert artifact.stored == ("lfs" if threshold == "0" else "git")
    assert len(found) == 13
    places = ledger.places_of(on_disk.workspace, run.id)
    assert ledger.file_beside(on_disk.workspace, places, layout.SPANS_FILE)[1] == b""


def test_a_run_that_is_gone_on_with_adds_its_spans(project: Project) -> None:
    project.code("def answer(n, parameters):\n    raise ValueError('no')\n")
    run, before = traced(project, limit=2)
    project.code("def answer(n, parameters):\n    return n + 1\n")
    again = resume(project.workspace, run.id)
    found = spans_of(project, again)
    assert found[: len(before)] == before
    assert [known(span)["gitexp.run.status"] for span in found if _is_run(span)] == [
        "finished",
        "finished",
    ]
    assert {span["traceId"] for span in found if _is_run(span)} == {trace_id_of(run.id)}
    assert {row.trace_id for row in project.rows(again)} <= {span["traceId"] for span in found}


def _is_run(span: dict[str, Any]) -> bool:
    return "gitexp.run.status" in known(span)


def test_runs_by_workers_are_traced_as_well(on_disk: Project) -> None:
    run, found = traced(on_disk, executor="processes")
    assert [span["name"] for span in trace_of(found, "2")] == [
        "workflow",
        "endpoint bot",
        "evaluate exact-match",
    ]
    assert len({span["spanId"] for span in found}) == 13
    assert {row.trace_id for row in on_disk.rows(run)} <= {span["traceId"] for span in found}


def test_a_run_that_was_killed_keeps_the_spans_that_it_made(on_disk: Project) -> None:
    code = _KILLED.format(directory=str(on_disk.directory))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    [run] = reap(on_disk.workspace)
    found = spans_of(on_disk, run)
    rows = on_disk.rows(run)
    assert {row.trace_id for row in rows} == {span["traceId"] for span in found}
    assert len(rows) == 2


_KILLED = """
import os
from dataclasses import replace
from pathlib import Path
from gitexp.evaluation.running.runner import evaluate
from gitexp.store.disk import DiskStore
from tests.evaluation.projects import request
from tests.runs.making import workspace_on

directory = Path({directory!r})
who = dict(GIT_AUTHOR_NAME="Ada Example", GIT_AUTHOR_EMAIL="ada@example.org")
workspace = workspace_on(DiskStore.open(directory), directory=directory, environ=who)


def progress(so_far):
    if so_far.done == 2:
        os._exit(9)


from gitexp.evaluation.tracing import sinks
sinks._MOST_PENDING = 1
evaluate(workspace, request(enable_tracing=True, concurrency=1), progress=progress)
"""


# --- not at all


def test_a_run_that_is_not_traced_has_no_spans(project: Project) -> None:
    run = project.run()
    assert [row.trace_id for row in project.rows(run)] == [""] * 4
    assert spans_of(project, run) == []


_UNTRACED = """
import sys
from pathlib import Path
from tests.evaluation.projects import Project
from tests.runs.making import IDENTITY, workspace_on
from gitexp.store.memory import MemoryStore

directory = Path(sys.argv[1])
environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"}
workspace = workspace_on(MemoryStore(config=IDENTITY), directory=directory, environ=environ)
Project(workspace=workspace, directory=directory).run()
print(sorted(name for name in sys.modules if name.startswith("gitexp.evaluation.tracing")))
print([name for name in ("urllib.request", "http.client", "gzip") if name in sys.modules])
"""


def test_a_run_that_is_not_traced_imports_nothing_for_it(tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _UNTRACED, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == str(
        ["gitexp.evaluation.tracing", "gitexp.evaluation.tracing.sinks"]
    )
