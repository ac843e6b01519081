"""The runner: every sample asked once, every outcome recorded as it was."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidDocuments, InvalidInput, NotAllowed, NotFound
from gitexp.evaluation.running import loops
from gitexp.evaluation.running.runner import Progress, evaluate
from gitexp.ids import parse_run_id
from gitexp.runs.recording import ledger
from gitexp.runs.recording.results import totals_of
from gitexp.runs.rows import Failure
from gitexp.runs.run import CodeReference
from gitexp.runs.tallies import Stats
from tests.builders import commit_files
from tests.evaluation.projects import DEFINITION, Project, request
from tests.runs.making import EXPERIMENT_ID, add_row, begin_journal, make_run, run_id

# --- what is recorded


def test_a_run_asks_every_sample_and_records_what_came(project: Project) -> None:
    project.dataset(
        [
            {"id": "right", "input": 1, "expected": 2, "metadata": {"kind": "easy"}},
            {"id": "wrong", "input": 1, "expected": 5},
            {"id": "broken", "input": "x", "expected": 5},
            {"id": "open", "input": 4},
        ]
    )
    run = project.run()
    assert (run.status, run.stats) == (
        "finished",
        Stats(passed=1, failed=1, errors=1, unscored=1),
    )
    right, wrong, broken, unscored = project.rows(run)
    assert (right.sample, right.status, right.output) == ("right", "passed", 2)
    assert (right.input, right.expected, right.metadata) == (1, 2, {"kind": "easy"})
    assert wrong.scores["exact-match"].reason == "2 is not 5"
    assert (broken.status, broken.output, broken.scores) == ("error", MISSING, {})
    assert broken.error == Failure(
        type="TypeError", message='can only concatenate str (not "int") to str'
    )
    assert (unscored.status, unscored.expected) == ("unscored", MISSING)
    assert project.runs() == [run]


def test_the_totals_of_a_run_are_those_of_its_rows(project: Project) -> None:
    """They are counted while rows come, in whatever order, and must say what the rows say."""
    project.code(
        "import asyncio, random\n"
        "async def answer(n, parameters):\n"
        "    await asyncio.sleep(random.random() / 1000)\n"
        "    return n + 1 if random.random() < 0.7 else n / random.choice((0, 3))\n"
        "def length(output, **more): return random.choice((True, 'long', 0.1, 1e300, None))\n"
    )
    project.write("evaluators/odd.yaml", "type: python\n\ncallable: app:length\n")
    run = project.run(evaluators=("exact-match", "odd"), repeats=30)
    rows = project.rows(run)
    assert len(rows) == 120
    document = ledger.get(project.workspace, run.id).to_dict()
    totals = totals_of(rows)
    assert {name: document[name] for name in totals} == totals


def test_rows_are_in_the_order_of_the_dataset(project: Project) -> None:
    project.dataset([{"id": str(n), "input": n} for n in range(200)])
    run = project.run(concurrency=7, batch_size=3)
    assert [row.sample for row in project.rows(run)] == [str(n) for n in range(200)]


def test_a_run_says_what_it_was_made_with(project: Project) -> None:
    version = project.save("shift: 3\nword: hi\n")
    run = project.run(name="try", description="text", tags={"team": "a"})
    assert parse_run_id(run.id) == run.id
    assert (run.experiment, run.project, run.version) == ("tone", "bot", version)
    assert run.parameters == {"shift": 3, "word": "hi", "key": "BOT_KEY"}
    assert run.digest == digest_of(run.parameters)
    assert (run.name, run.description, run.tags) == ("try", "text", {"team": "a"})
    assert run.dataset is not None
    assert (run.dataset.path, run.dataset.samples) == ("datasets/q.jsonl", 4)
    assert run.endpoint is not None
    assert run.endpoint.name == "bot"
    assert [evaluator.name for evaluator in run.evaluators] == ["exact-match"]
    assert run.who == "Ada Example <ada@example.org>"
    assert run.machine.argv == ("gitexp", "run", "tone")
    assert run.machine.python.startswith("CPython") or run.machine.python
    assert run.scores["exact-match"]["count"] == 4
    assert run.started_at is not None
    assert run.ended_at is not None
    assert run.created_at < run.started_at < run.ended_at
    assert run.duration_seconds is not None
    assert run.duration_seconds > 0


def test_a_version_is_named_as_everywhere(project: Project) -> None:
    first = project.workspace.store.ref("refs/heads/main")
    second = project.save("shift: 5\n")
    assert project.run().version == second
    assert project.run(version="latest~1").version == first
    assert project.run(version=str(first)[:8]).stats == Stats(passed=4)
    with pytest.raises(NotFound):
        project.run(version="deadbeef")


def test_overrides_are_used_and_marked(project: Project) -> None:
    run = project.run(overrides={"shift": 4, "key": "BOT_KEY"})
    assert (run.overrides, run.parameters["shift"]) == ({"shift": 4}, 4)
    assert run.digest == digest_of(run.parameters)
    assert run.stats == Stats(failed=4)


def test_wrong_overrides_are_refused_all_at_once(project: Project) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        project.run(overrides={"shift": "4", "wrod": "x", "word": 5})
    assert [str(problem) for problem in caught.value.problems] == [
        'parameters: shift: "4" is not an integer',
        "parameters: wrod: unknown parameter. Did you mean 'word'?",
        "parameters: word: 5 is not text",
    ]
    assert project.runs() == []


def test_evaluators_are_those_asked_for_else_the_headers(project: Project) -> None:
    project.save("shift: 1\n", "\nevaluators: [numeric, contains]\n")
    assert [e.name for e in project.run().evaluators] == ["numeric", "contains"]
    assert [e.name for e in project.run(evaluators=("numeric",)).evaluators] == ["numeric"]


def test_a_sample_passes_when_every_evaluator_agrees(project: Project) -> None:
    project.write("evaluators/near.yaml", "type: numeric\n\ntolerance: 1\n")
    project.dataset([{"input": 1, "expected": 2}, {"input": 1, "expected": 3}])
    run = project.run(evaluators=("exact-match", "near"))
    assert run.stats == Stats(passed=1, failed=1)
    assert run.scores["near"]["passed"] == 2
    assert run.scores["exact-match"]["passed"] == 1


def test_an_evaluator_that_breaks_is_an_error_and_no_failure(project: Project) -> None:
    project.dataset([{"input": 1, "expected": "two"}])
    run = project.run(evaluators=("numeric",))
    assert run.stats == Stats(errors=1)
    [row] = project.rows(run)
    assert row.scores["numeric"].error == ('ValueError: the expected "two" is not a number')
    assert row.output == 2


def test_a_limit_takes_the_first_samples(project: Project) -> None:
    run, whole = project.run(limit=3), project.run()
    assert [row.sample for row in project.rows(run)] == ["0", "1", "2"]
    assert run.dataset is not None
    assert whole.dataset is not None
    assert run.dataset.samples == 3
    assert run.dataset.digest != whole.dataset.digest


def test_a_project_below_the_top_is_found_by_its_own_paths(project: Project) -> None:
    store = project.workspace.store
    header = f"id: {EXPERIMENT_ID}\n\nname: pace\n"
    commit_files(
        store,
        {
            "apps/bot/gitexp.yaml": DEFINITION.encode(),
            "apps/bot/experiments/pace/experiment.yaml": header.encode(),
            "apps/bot/experiments/pace/parameters.yaml": b"shift: 1\n",
        },
    )
    run = evaluate(replace(project.workspace, root="apps/bot"), request(experiment="pace"))
    assert run.dataset is not None
    assert run.dataset.path == "apps/bot/datasets/q.jsonl"


# --- what the system under test may do


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("raise ValueError('no')", Failure(type="ValueError", message="no")),
        ("raise SystemExit(3)", Failure(type="SystemExit", message="3")),
        ("raise KeyboardInterrupt", Failure(type="KeyboardInterrupt", message="")),
        ("raise TimeoutError('slow')", Failure(type="TimeoutError", message="slow")),
        ("raise Exception('\\ud800')", Failure(type="Exception", message="\\ud800")),
        ("raise GeneratorExit", Failure(type="GeneratorExit", message="")),
        (
            "return float('nan')",
            Failure(
                type="BadResponse",
                message="the output cannot be used: nan is not a finite number",
            ),
        ),
        (
            "return object()",
            Failure(
                type="BadResponse",
                message="the output cannot be used: a value of type object cannot be stored",
            ),
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "async "])
def test_whatever_a_call_raises_is_its_own_error(
    project: Project, prefix: str, body: str, failure: Failure
) -> None:
    project.code(f"{prefix}def answer(x, p):\n    if x != 1: return x + 1\n    {body}\n")
    run = project.run()
    assert (run.status, run.stats) == ("finished", Stats(passed=3, errors=1))
    assert project.rows(run)[1].error == failure


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize("raised", ["asyncio.CancelledError", "StopIteration"])
def test_a_call_cannot_end_the_loop_by_what_it_raises(
    project: Project, prefix: str, raised: str
) -> None:
    project.code(
        f"import asyncio\n{prefix}def answer(x, p):\n"
        f"    if x != 1: return x + 1\n    raise {raised}\n"
    )
    run = project.run()
    assert (run.status, run.stats) == ("finished", Stats(passed=3, errors=1))


def test_an_asynchronous_function_is_awaited(project: Project) -> None:
    project.code(
        "import asyncio\n"
        "async def answer(x, p):\n    await asyncio.sleep(0)\n    return x + p['shift']\n"
    )
    assert project.run().stats == Stats(passed=4)


def test_a_function_that_returns_an_awaitable_is_awaited(project: Project) -> None:
    project.code(
        "async def inner(x, p):\n    return x + p['shift']\nanswer = lambda x, p: inner(x, p)\n"
    )
    assert project.run().stats == Stats(passed=4)


def test_an_object_with_an_asynchronous_call_is_awaited(project: Project) -> None:
    project.code(
        "class Bot:\n    async def __call__(self, x, p):\n        return x + p['shift']\n"
        "answer = Bot()\n"
    )
    assert project.run().stats == Stats(passed=4)


NEVER_IN_A_THREAD = """\
import threading
never = threading.Event()
def answer(x, p):
    if x == 1: never.wait()
    return x + 1
"""
NEVER_IN_THE_LOOP = """\
import asyncio
async def answer(x, p):
    if x == 1: await asyncio.Event().wait()
    return x + 1
"""


def test_a_row_that_failed_says_what_it_used_up(project: Project) -> None:
    project.code(
        "from gitexp.evaluation.answers import CallFailed, Usage\n"
        "def answer(i, parameters):\n"
        "    raise CallFailed('cut off', kind='BadResponse', usage=Usage(cost=0.5))\n"
    )
    run = project.run()
    assert [row.usage for row in project.rows(run)] == [{"cost": 0.5}] * run.stats.total
    assert run.usage["cost"] == 0.5 * run.stats.total


@pytest.mark.parametrize("code", [NEVER_IN_A_THREAD, NEVER_IN_THE_LOOP])
def test_a_call_that_takes_too_long_is_an_error(project: Project, code: str) -> None:
    project.code(code)
    project.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\n\ntimeout: 0.05\n")
    run = project.run(concurrency=1)
    assert run.stats == Stats(passed=3, errors=1)
    assert project.rows(run)[1].error == Failure(
        type="Timeout", message="endpoint 'bot': no answer within 0.05 s"
    )


def test_as_many_calls_are_in_flight_as_asked_for_and_no_more(project: Project) -> None:
    """Three calls wait for each other; a fourth in flight would be noticed."""
    project.dataset([{"input": n} for n in range(30)])
    project.code(
        "import threading\n"
        "barrier, lock, flying, most = threading.Barrier(3), threading.Lock(), 0, 0\n"
        "def answer(x, p):\n"
        "    global flying, most\n"
        "    with lock:\n        flying += 1; most = max(most, flying)\n"
        "    barrier.wait(30)\n"
        "    with lock:\n        flying -= 1\n"
        "    barrier.wait(30)\n"
        "    return most\n"
    )
    run = project.run(concurrency=3)
    assert run.stats.unscored == 30
    assert {row.output for row in project.rows(run)} == {3}


def test_a_batch_is_no_barrier(project: Project) -> None:
    """The first sample is answered only once the last one was asked, batches later."""
    project.dataset([{"input": n, "expected": n} for n in range(50)])
    project.code(
        "import threading\nlast = threading.Event()\n"
        "def answer(x, p):\n"
        "    if x == 49: last.set()\n"
        "    if x == 0: assert last.wait(30)\n"
        "    return x\n"
    )
    assert project.run(concurrency=2, batch_size=5).stats == Stats(passed=50)


def test_a_function_cannot_change_what_is_recorded_or_what_others_get(project: Project) -> None:
    project.save("shift: 1\nwords: [a]\n")
    project.dataset([{"input": {"n": [n]}, "expected": [n, 1]} for n in range(4)])
    project.code(
        "shared = []\n"
        "def answer(x, p):\n"
        "    x['n'].append(len(p['words'])); p['words'].append('b')\n"
        "    shared[:] = x['n']\n"
        "    return shared\n"
    )
    run = project.run(concurrency=1)
    assert run.stats == Stats(passed=4)
    assert [row.input for row in project.rows(run)] == [{"n": [n]} for n in range(4)]
    assert run.parameters["words"] == ["a"]


def test_a_secret_is_handed_out_and_never_recorded(project: Project) -> None:
    environ = {"BOT_KEY": "sesame-42"}
    project.workspace = replace(
        project.workspace,
        surroundings=replace(project.workspace.surroundings, environ=environ),
    )
    project.code(
        "def answer(x, p):\n"
        "    key = p.secret('key')\n"
        "    if x == 1: raise ValueError(f'refused {key}')\n"
        "    return {'said': [key]}\n"
    )
    run = project.run()
    assert run.parameters["key"] == "BOT_KEY"
    rows = project.rows(run)
    assert rows[0].output == {"said": ["<secret>"]}
    assert rows[1].error == Failure(type="ValueError", message="refused <secret>")
    store = project.workspace.store
    assert not any(b"sesame-42" in raw.data for raw in store.objects.values())  # type: ignore[attr-defined]


def test_a_secret_in_what_breaks_a_run_is_not_recorded(project: Project) -> None:
    environ = {"BOT_KEY": "sesame-42"}
    project.workspace = replace(
        project.workspace,
        surroundings=replace(project.workspace.surroundings, environ=environ),
    )

    def broken(progress: Progress) -> None:
        raise RuntimeError("refused sesame-42")

    with pytest.raises(RuntimeError):
        evaluate(project.workspace, request(), progress=broken)
    [run] = project.runs()
    assert run.error == Failure(type="RuntimeError", message="refused <secret>")


HOSTILE = [
    "{{ 7 * 7 }}",
    "file:///etc/passwd",
    "${HOME}",
    "$(touch /tmp/x)",
    "__import__('os').system('true')",
    "=HYPERLINK('http://example.org')",
    "\u001b[2J\u202e",
    "../../etc/passwd",
    "javascript: 1",
    "!!python/object/apply:os.system [true]",
    "x" * 1_000_000,
]


def test_hostile_rows_are_data_and_arrive_as_they_are(project: Project) -> None:
    project.dataset([{"input": text, "expected": text} for text in HOSTILE])
    project.code("def answer(x, p): return x\n")
    run = project.run()
    assert run.stats == Stats(passed=len(HOSTILE))
    assert [row.input for row in project.rows(run)] == HOSTILE


# --- what is refused before anything is called


@pytest.mark.parametrize("name", ["concurrency", "batch_size", "limit"])
def test_numbers_below_one_are_refused(project: Project, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        project.run(**{name: 0})
    assert str(caught.value) == f"{name} is 0; it must be at least 1"


def test_a_deleted_experiment_is_not_run(project: Project) -> None:
    project.save("shift: 1\n", "\nlifecycle: deleted\n")
    with pytest.raises(NotAllowed) as caught:
        project.run()
    assert str(caught.value) == "experiment 'tone' is deleted"


def test_a_bare_repository_has_nothing_to_run(project: Project) -> None:
    with pytest.raises(NotAllowed) as caught:
        evaluate(replace(project.workspace, directory=None), request())
    assert str(caught.value) == "a run needs a working tree, and this repository is bare"


def test_values_that_are_not_valid_are_not_run(project: Project) -> None:
    project.save("shift: 99\n")
    with pytest.raises(InvalidInput, match="holds values that are not valid"):
        project.run()


@pytest.mark.parametrize("fields", [{"experiment": "pace"}, {"dataset": "z"}, {"endpoint": "z"}])
def test_unknown_names_are_not_found(project: Project, fields: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        project.run(**fields)
    assert project.runs() == []


def test_a_tag_that_cannot_be_recorded_is_refused_at_once(project: Project) -> None:
    project.code("raise SystemExit('called')\n")
    with pytest.raises(InvalidDocuments, match=r"^run: tags"):
        project.run(tags={"a": 5})


def test_nothing_is_imported_when_something_is_missing(project: Project) -> None:
    project.code("raise SystemExit('imported')\n")
    with pytest.raises(NotFound):
        project.run(evaluators=("rouge",))


# --- progress and endings


def test_progress_is_told_after_every_row(project: Project) -> None:
    project.dataset([{"input": 1, "expected": 2}, {"input": 1, "expected": 1}, {"input": "x"}])
    seen: list[Progress] = []
    evaluate(project.workspace, request(concurrency=1), progress=seen.append)
    assert [progress.done for progress in seen] == [0, 1, 2, 3]
    assert seen[-1] == Progress(done=3, total=3, passed=1, failed=1, errors=1)


def test_a_run_works_inside_a_running_event_loop(project: Project) -> None:
    async def notebook() -> Stats:
        return project.run().stats

    assert asyncio.run(notebook()) == Stats(passed=4)


def test_what_breaks_the_runner_fails_the_run_and_goes_on(project: Project) -> None:
    def broken(progress: Progress) -> None:
        if progress.done == 2:
            raise ZeroDivisionError("in the display")

    with pytest.raises(ZeroDivisionError):
        evaluate(project.workspace, request(concurrency=1), progress=broken)
    [run] = project.runs()
    assert (run.status, run.stats) == ("failed", Stats(passed=2))
    assert run.error == Failure(type="ZeroDivisionError", message="in the display")


def test_ctrl_c_ends_a_run_as_killed_with_its_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third call interrupts the process, as Ctrl-C does, and never returns."""
    monkeypatch.setattr(loops, "_PATIENCE_AFTER_CTRL_C", 0.5)
    project.code(
        "import os, signal, threading\n"
        "def answer(x, p):\n"
        "    if x == 2:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        threading.Event().wait()\n"
        "    return x + 1\n"
    )
    with pytest.raises(KeyboardInterrupt):
        project.run(concurrency=1)
    [run] = project.runs()
    assert (run.status, run.stats) == ("killed", Stats(passed=2))
    assert run.error == Failure(type="KeyboardInterrupt", message="stopped by Ctrl-C")
    assert [row.sample for row in project.rows(run)] == ["0", "1"]


def test_the_journal_goes_when_the_run_is_recorded(on_disk: Project) -> None:
    run = on_disk.run()
    assert on_disk.runs() == [run]
    private = on_disk.workspace.store.private_dir
    assert private is not None
    assert list((private / "journals").iterdir()) == []


def test_a_run_that_was_left_behind_is_closed_first(on_disk: Project) -> None:
    journal = begin_journal(on_disk.workspace, make_run(run_id(1), status="running"))
    add_row(journal, 0, "a")
    journal.close()
    run = on_disk.run()
    assert [(r.id, r.status) for r in on_disk.runs()] == [
        (run.id, "finished"),
        (run_id(1), "killed"),
    ]


def test_a_run_that_cannot_be_recorded_is_kept_and_recorded_later(
    on_disk: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "no space left on the disk")

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "write", full)
        with pytest.raises(OSError, match="no space left"):
            on_disk.run()
    assert on_disk.runs() == []
    second = on_disk.run()
    assert [run.status for run in on_disk.runs()] == ["finished", "finished"]
    assert on_disk.runs()[0].id != on_disk.runs()[1].id
    assert second.stats == Stats(passed=4)


def test_without_a_program_to_ask_the_dirty_flag_is_unknown(project: Project) -> None:
    run = project.run()
    head = project.workspace.store.head().commit
    assert run.code == CodeReference(commit=head, dirty=None, branch="main")


def test_importing_the_runner_is_cheap() -> None:
    code = (
        "import sys, gitexp.evaluation.running.runner;"
        "import gitexp.results.summaries, gitexp.results.tables;"
        "print(sorted({'asyncio', 'pandas', 'numpy', 'dulwich', 'yaml', 'jsonschema', 'sqlite3',"
        " 'statistics', 'platform'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout == "[]\n"
