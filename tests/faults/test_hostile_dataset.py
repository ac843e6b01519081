"""A hostile dataset is data: it reaches every system as it is, and harms nobody who looks at it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.problems import MISSING
from gitexp.runs.run import Run
from gitexp.runs.tallies import Stats
from tests.evaluation.projects import Project
from tests.evaluation.servers import Received, Reply, Scripted, serving
from tests.runs.making import disk_workspace

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
HOME = "/home/somebody-secret"

HOSTILE = [
    "{{ 7 * 7 }}",
    "{{ env.HOME }} {{ environ }} {{ parameters }} {{ secrets.key }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{# a comment #}{{",
    "{input} {0} {0.__class__} %(input)s %s",
    "${HOME} $HOME %HOME% ~/x `id` $(touch pwned)",
    "file:///etc/passwd",
    "@/etc/passwd",
    "../../etc/passwd",
    "https://example.org/x.py",
    "python:app:answer",
    "__import__('os').system('touch pwned')",
    "!!python/object/apply:os.system ['touch pwned']",
    '=HYPERLINK("http://example.org"; "x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\tx\r\n=1+1",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "\u202ereversed\u2066\ufeff\u200b",
    "a\x00b\x7f",
    "line\u2028separated\u2029twice\x85\x0b\x0c",
    "::set-env name=PATH::/tmp ##[group]",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) @everyone #1 `|` | a | b |",
    "\ue000\U0001f600\U000e0041",
    "\"quoted\", 'single', back\\slash\\",
    "-- --help --output=pwned",
    "null",
    "1e999",
    "",
    " ",
]
"""Texts that something somewhere takes for more than texts."""


CONTROLS = {chr(n) for n in (*range(9), *range(11, 32), *range(127, 160))} | set(
    "\u202e\u2066\u2028\u2029\u200b\ufeff"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project on disk that expects every sample to come back as it is."""
    directory = tmp_path / "p"
    found = Project(workspace=disk_workspace(directory), directory=directory)
    environ = {**found.workspace.surroundings.environ, "HOME": HOME, "BOT_KEY": "sesame-42"}
    surroundings = replace(found.workspace.surroundings, environ=environ)
    found.workspace = replace(found.workspace, surroundings=surroundings)
    found.dataset(
        [
            {"id": f"h{n}", "input": text, "expected": text, "metadata": {"cell": text}}
            for n, text in enumerate(HOSTILE)
        ]
    )
    return found


def assert_data(project: Project, run: Run, count: int = len(HOSTILE)) -> None:
    """Require that everything came back as it was, and that nothing else happened."""
    rows = project.rows(run)
    wrong = [(row.input, row.output, row.error) for row in rows if row.status != "passed"]
    assert wrong == []
    assert run.stats == Stats(passed=count)
    assert [row.input for row in rows][: len(HOSTILE)] == HOSTILE
    assert not list(project.directory.rglob("pwned"))
    said = json.dumps([row.to_dict() for row in rows])
    assert HOME not in said
    assert "sesame-42" not in said


class Echo(Scripted):
    """Answers with what it was asked."""

    def __init__(self, reply: Any) -> None:
        super().__init__([None])
        self._reply = reply

    def answer(self, request: Received) -> Reply:
        self.requests.append(request)
        return Reply(body=self._reply(request.body))


def completion(body: Any) -> Any:
    message = {"role": "assistant", "content": body["messages"][-1]["content"]}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@contextmanager
def echoing(project: Project, text: str, reply: Any) -> Iterator[Echo]:
    with serving(Echo(reply)) as server:
        assert isinstance(server, Echo)
        project.write("endpoints/bot.yaml", text.replace("URL", server.url))
        yield server


def test_a_function_gets_it_as_it_is(project: Project) -> None:
    project.code("def answer(x, p): return x\n")
    assert_data(project, project.run(enable_tracing=True))


def test_a_server_gets_it_as_it_is(project: Project) -> None:
    text = 'type: http\n\nurl: URL\n\njson:\n  q: "{{ input }}"\n\nresponse:\n  extract: q\n'
    with echoing(project, text, lambda body: body) as server:
        assert_data(project, project.run(concurrency=1))
    assert [request.body for request in server.requests] == [{"q": text} for text in HOSTILE]


def test_a_model_gets_it_as_it_is(project: Project) -> None:
    text = (
        "type: chat\n\nbase_url: URL\n\nmodel: m\n\n"
        'messages:\n  - role: system\n    content: "You echo."\n\n'
        '  - role: user\n    content: "{{ input }}"\n'
    )
    with echoing(project, text, completion) as server:
        assert_data(project, project.run(concurrency=1))
    asked = [request.body["messages"][-1]["content"] for request in server.requests]
    assert asked == HOSTILE


LINES = """\
import json, sys
for line in sys.stdin:
    q = json.loads(line)
    print(json.dumps({"id": q["id"], "output": q["input"]}), flush=True)
"""


def test_a_program_gets_it_as_it_is_line_by_line(project: Project) -> None:
    project.write("bot.py", LINES)
    command = json.dumps([sys.executable, "-S", "-E", "bot.py"])
    project.write("endpoints/bot.yaml", f"type: command\n\ncommand: {command}\n\nprotocol: jsonl\n")
    assert_data(project, project.run(concurrency=2))


def test_a_program_gets_it_as_it_is_on_standard_input(project: Project) -> None:
    code = "import sys, json; print(json.dumps(sys.stdin.buffer.read().decode()))"
    command = json.dumps([sys.executable, "-S", "-E", "-c", code])
    project.write(
        "endpoints/bot.yaml",
        f"type: command\n\ncommand: {command}\n\nresponse:\n  format: json\n",
    )
    assert_data(project, project.run(concurrency=4))


def test_a_workflow_passes_it_on_as_it_is(project: Project) -> None:
    project.code("def answer(x, p): return x\n")
    tasks = (
        {"name": "wrap", "type": "transform", "template": {"q": "{{ input }}"}},
        {"name": "take", "type": "transform", "select": "q"},
        {"name": "ask", "type": "endpoint", "endpoint": "bot", "input": "{{ outputs.take }}"},
        {"name": "again", "type": "transform", "template": "{{ output }}"},
    )
    assert_data(project, project.run(endpoint="", workflow=tasks))


def test_cells_of_csv_are_texts(project: Project) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["id", "input", "expected"])
    refused = CONTROLS | {"\x00", "\x7f"}
    texts = [text for text in HOSTILE if text.strip() and not refused & set(text)]
    for number, text in enumerate(texts):
        writer.writerow([f"h{number}", text, text])
    (project.directory / "datasets/t.csv").write_bytes(table.getvalue().encode())
    project.code("def answer(x, p): return x\n")
    run = project.run(dataset="t")
    rows = project.rows(run)
    assert {row.status for row in rows} == {"passed"}
    assert [row.input for row in rows] == list(texts)


def test_a_large_cell_is_a_cell(project: Project) -> None:
    large = "{{ 7 * 7 }} " * 850_000
    project.dataset([{"id": "large", "input": large}])
    project.code("def answer(x, p): return x\n")
    run = project.run()
    [row] = project.rows(run)
    assert (row.status, row.output == large) == ("unscored", True)
    for form in ("table", "md"):
        out, _ = shown(project, "run", "rows", run.id, "--format", form)
        assert len(out) < 20_000
    out, _ = shown(project, "run", "rows", run.id, "--format", "jsonl")
    assert json.loads(out)["output"] == large


@pytest.mark.parametrize("depth", [61, 62, 63])
def test_an_output_that_is_nested_deeply_is_read_again(project: Project, depth: int) -> None:
    project.code(f"def answer(x, p): return {'[' * depth}{']' * depth}\n")
    project.dataset([{"id": "deep", "input": 1}])
    tasks = (
        {"name": "ask", "type": "endpoint", "endpoint": "bot"},
        {"name": "again", "type": "transform", "template": "{{ input }}"},
    )
    for more in ({}, {"endpoint": "", "workflow": tasks}):
        [row] = project.rows(project.run(**more))
        assert row.error is not None or row.output is not MISSING


# --- looking at it --------------------------------------------------------------------------


def shown(project: Project, *arguments: str) -> tuple[str, str]:
    """Return what a command prints, on both its outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "gitexp", *arguments],
        cwd=project.directory,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        },
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def seen(project: Project) -> tuple[Project, Run]:
    """A run over the hostile dataset, half of whose rows are hostile errors."""
    project.code("def answer(x, p):\n    if len(x) % 2: raise ValueError(x)\n    return x\n")
    return project, project.run()


@pytest.mark.parametrize("form", ["table", "md"])
def test_tables_hold_no_character_that_acts(seen: tuple[Project, Run], form: str) -> None:
    project, run = seen
    out, err = shown(project, "run", "rows", run.id, "--format", form)
    assert not CONTROLS & set(out + err)
    assert out.count("\n") == len(HOSTILE) + (1 if form == "table" else 2)


def test_markdown_interprets_nothing(seen: tuple[Project, Run]) -> None:
    project, run = seen
    out, _ = shown(project, "run", "rows", run.id, "--format", "md")
    for active in ("<script>", "](javascript:", "@everyone"):
        for line in out.splitlines():
            before, found, _ = line.partition(active)
            assert not found or before.count("`") % 2 == 1 or "``" in before, line


def test_a_spreadsheet_finds_no_formula(seen: tuple[Project, Run]) -> None:
    project, run = seen
    out, _ = shown(project, "run", "rows", run.id, "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(out, newline="")) for cell in row]
    active = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert active == []
    assert "\x1b" not in out


def test_data_is_exact(seen: tuple[Project, Run]) -> None:
    project, run = seen
    out, _ = shown(project, "run", "rows", run.id, "--format", "jsonl")
    rows = [json.loads(line) for line in out.split("\n") if line]
    assert [row["input"] for row in rows] == HOSTILE


def test_summaries_of_errors_are_harmless(project: Project) -> None:
    project.dataset([{"id": "\x1b[2J", "input": "\x1b[31m::error::x\u202e" + "y" * 5000}])
    project.code("def answer(x, p): raise ValueError(x)\n")
    out, err = shown(project, "run", "tone", "--dataset", "q", "--endpoint", "bot")
    assert not CONTROLS & set(out + err)
    assert "error in 1 row: ValueError: \\x1b[31m" in err
    assert max(map(len, err.splitlines())) < 500
