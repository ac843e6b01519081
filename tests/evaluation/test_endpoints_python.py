"""Endpoints of the types python and replay, asked as any other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import Answer, CallFailed, Usage
from gitexp.evaluation.endpoints.functions import project_code
from gitexp.runs.rows import Failure, ResultRow
from tests.evaluation.systems import Asker, failure, run

NO_OUTPUT = "the output cannot be used: {} cannot be stored"
BUSY = """\
from gitexp.evaluation.answers import CallFailed
    raise CallFailed("busy", kind="Busy", retryable=True)"""
BOT = {"type": "python", "callable": "probe_bot:answer"}


def asker(directory: Path, code: str, **parameters: Any) -> Asker:
    (directory / "probe_bot.py").write_text(code, encoding="utf-8")
    return Asker(directory=directory, parameters=parameters)


def answer(directory: Path, code: str, given: Any = 1, **keys: Any) -> Answer:
    return run(asker(directory, code, n=2).ask({**BOT, **keys}, given))


def fails(directory: Path, code: str, **keys: Any) -> CallFailed:
    return run(failure(asker(directory, code, n=2).ask({**BOT, **keys})))


@pytest.mark.parametrize("timeout", [{}, {"timeout": 30}])
@pytest.mark.parametrize("word", ["def", "async def"])
def test_a_function_answers(tmp_path: Path, word: str, timeout: dict[str, int]) -> None:
    code = f"{word} answer(given, parameters):\n    return given + parameters['n'], None\n"
    assert answer(tmp_path, code, **timeout).output == [3, None]
    assert "probe_bot" not in sys.modules


def test_a_function_may_ask_for_all_that_is_known(tmp_path: Path) -> None:
    code = (
        "def answer(given, parameters, asking):\n"
        "    return [asking.sample.id, asking.repeat, asking.sample.expected]\n"
    )
    asking = asker(tmp_path, code)
    assert run(asking.ask(BOT, 1, repeat=2, expected=5)).output == ["s1", 2, 5]


def test_a_function_may_say_what_it_used_up(tmp_path: Path) -> None:
    code = (
        "from gitexp.evaluation.answers import Answer, Usage\n"
        "def answer(given, parameters):\n"
        "    return Answer(output=(1,), usage=Usage(input_tokens=3), attributes={'a': 1})\n"
    )
    found = answer(tmp_path, code)
    assert (found.output, found.usage) == ([1], Usage(input_tokens=3))
    assert found.attributes == {"a": 1}


def test_what_a_function_used_up_is_priced(tmp_path: Path) -> None:
    code = (
        "from gitexp.evaluation.answers import Answer, Usage\n"
        "def answer(given, parameters):\n"
        "    return Answer(output=1, usage=Usage(input_tokens=2_000_000, output_tokens=1.5))\n"
    )
    price = {"input_per_million": 3, "output_per_million": 0}
    found = answer(tmp_path, code, price=price).usage
    assert found == Usage(input_tokens=2_000_000, output_tokens=1, cost=6.0)
    assert isinstance(found.output_tokens, int)


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        ("Usage(cost=float('nan'))", '{"cost": NaN}'),
        ("Usage(cost='free')", '{"cost": "free"}'),
        ("Usage(input_tokens=-5)", '{"input_tokens": -5}'),
        ("[1]", "[1]"),
    ],
)
def test_a_usage_that_cannot_be_recorded_is_an_error(
    tmp_path: Path, usage: str, shown: str
) -> None:
    code = (
        "from gitexp.evaluation.answers import Answer, Usage\n"
        f"def answer(given, parameters):\n    return Answer(output=1, usage={usage})\n"
    )
    exc = fails(tmp_path, code)
    assert (str(exc), exc.kind) == (f"the usage is no mapping of numbers: {shown}", "BadResponse")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("kind=5", ("Error", False, None)),
        ("kind='k' * 101, retryable='yes'", ("Error", False, None)),
        ("kind='Busy', retryable=True, retry_after='soon'", ("Busy", True, None)),
        ("kind='Busy', retryable=True, retry_after=2", ("Busy", True, 2)),
    ],
)
def test_a_failure_that_a_function_makes_can_be_recorded(
    tmp_path: Path, said: str, found: tuple[str, bool, float | None]
) -> None:
    code = (
        "from gitexp.evaluation.answers import CallFailed\n"
        f"def answer(given, parameters):\n    raise CallFailed('no', {said})\n"
    )
    exc = fails(tmp_path, code)
    assert (str(exc), exc.kind, exc.retryable, exc.retry_after) == ("no", *found)


@pytest.mark.parametrize("said", ["ValueError('m' * 10**7)", "CallFailed('m' * 10**7, kind='x')"])
def test_a_message_without_an_end_is_cut(tmp_path: Path, said: str) -> None:
    code = (
        "from gitexp.evaluation.answers import CallFailed\n"
        f"def answer(given, parameters):\n    raise {said}\n"
    )
    assert str(fails(tmp_path, code)) == "m" * 10_000 + "…"


def test_names_of_what_a_trace_says_are_texts(tmp_path: Path) -> None:
    code = (
        "from gitexp.evaluation.answers import Answer\n"
        "def answer(given, parameters):\n    return Answer(output=1, attributes={1: 'a'})\n"
    )
    assert answer(tmp_path, code).attributes == {"1": "a"}


def test_a_function_may_change_its_input(tmp_path: Path) -> None:
    given = {"a": [1]}
    code = "def answer(given, parameters):\n    given['a'].append(2)\n    return given\n"
    assert answer(tmp_path, code, given).output == {"a": [1, 2]}
    assert given == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "kind", "message", "retryable"),
    [
        ("raise ValueError('bad')", "ValueError", "bad", False),
        ("raise ConnectionError('gone')", "ConnectionError", "gone", True),
        ("import sys; sys.exit(3)", "SystemExit", "3", False),
        ("return object()", "BadResponse", NO_OUTPUT.format("a value of type object"), False),
        (BUSY, "Busy", "busy", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("word", ["def", "async def"])
def test_what_a_function_raises_is_how_the_call_failed(
    tmp_path: Path, word: str, body: str, kind: str, message: str, retryable: bool
) -> None:
    exc = fails(tmp_path, f"{word} answer(given, parameters):\n    {body}\n")
    assert (str(exc), exc.kind, exc.retryable) == (message, kind, retryable)


@pytest.mark.parametrize("word", ["def", "async def"])
def test_a_function_that_takes_too_long_is_given_up(tmp_path: Path, word: str) -> None:
    wait = "await asyncio.Event().wait()" if "async" in word else "threading.Event().wait(30)"
    code = f"import asyncio, threading\n{word} answer(given, parameters):\n    {wait}\n"
    exc = fails(tmp_path, code, timeout=0.05)
    assert (str(exc), exc.kind, exc.retryable) == (
        "endpoint 'bot': no answer within 0.05 s", "Timeout", True
    )  # fmt: skip


def test_a_function_that_cannot_be_imported_is_found_before_anything_is_asked(
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidInput, match="endpoint 'bot': probe_bot:answer cannot be imported"):
        answer(tmp_path, "")


def test_code_is_importable_until_the_last_of_several_runs_ends(tmp_path: Path) -> None:
    (tmp_path / "early_part.py").write_text("VALUE = 1\n")
    (tmp_path / "late_part.py").write_text("VALUE = 2\n")
    first, second = project_code(tmp_path), project_code(tmp_path)
    first.__enter__()
    second.__enter__()
    early = import_module("early_part")
    first.__exit__(None, None, None)
    assert import_module("early_part") is early
    assert import_module("late_part").VALUE == 2
    second.__exit__(None, None, None)
    assert not {"early_part", "late_part"} & sys.modules.keys()
    assert str(tmp_path) not in sys.path


def test_many_synchronous_calls_run_side_by_side(tmp_path: Path) -> None:
    code = (
        "import threading\ngate = threading.Barrier(8, timeout=20)\n"
        "def answer(given, parameters):\n    gate.wait()\n    return given\n"
    )

    async def main() -> list[Any]:
        probe = asker(tmp_path, code)
        async with probe.opened(BOT) as caller:
            calls = [caller.call(probe.asking(n)) for n in range(8)]
            return [found.output for found in await asyncio.gather(*calls)]

    assert run(main()) == list(range(8))


# --- replay ----------------------------------------------------------------------------------


def test_a_dataset_replays_its_outputs() -> None:
    replay = {"type": "replay"}
    assert run(Asker().ask(replay, output={"a": 1})).output == {"a": 1}
    assert run(Asker().ask(replay, output=None)).output is None
    exc = run(failure(Asker().ask(replay, output=MISSING)))
    assert (str(exc), exc.kind) == (
        "endpoint 'bot': the dataset has no output of sample 's1'", "NotRecorded"
    )  # fmt: skip


def row(sample: str, output: Any = MISSING, **fields: Any) -> ResultRow:
    known = {"started_at": datetime(2026, 11, 21, tzinfo=timezone.utc), "duration_seconds": 0.0}
    status = "error" if "error" in fields else "unscored"
    made: Any = {"sample": sample, "status": status, "input": 1, "output": output, **known}
    return ResultRow(**made, **fields)


def recorded(run_id: str) -> Iterable[ResultRow]:
    assert run_id == "20261121T131502-k3f9q2x7"
    yield row("s1", "first")
    yield row("s1", "second", repeat=1)
    yield row("s2", error=Failure(type="Timeout", message="no answer within 5 s"))
    yield row("s3", None)


@pytest.mark.parametrize(
    ("sample", "repeat", "output"), [("s1", 0, "first"), ("s1", 1, "second"), ("s3", 0, None)]
)
def test_a_run_replays_its_outputs(sample: str, repeat: int, output: Any) -> None:
    data = {"type": "replay", "run": "20261121T131502-k3f9q2x7"}
    found = run(Asker(recorded=recorded).ask(data, id=sample, repeat=repeat))
    assert (found.output, found.usage) == (output, Usage())


@pytest.mark.parametrize(
    ("sample", "repeat", "message"),
    [
        ("s9", 0, "has no row of sample 's9'"),
        ("s1", 2, "has no row of sample 's1', repeat 2"),
        ("s2", 0, "has an error for sample 's2': no answer within 5 s"),
    ],
)
def test_what_a_run_has_not_recorded_is_an_error(sample: str, repeat: int, message: str) -> None:
    data = {"type": "replay", "run": "20261121T131502-k3f9q2x7"}
    exc = run(failure(Asker(recorded=recorded).ask(data, id=sample, repeat=repeat)))
    assert (str(exc), exc.kind) == (
        f"endpoint 'bot': run 20261121T131502-k3f9q2x7 {message}", "NotRecorded"
    )  # fmt: skip


def test_a_run_that_cannot_be_read_here_says_so() -> None:
    with pytest.raises(InvalidInput, match="recorded runs cannot be read here"):
        run(Asker().ask({"type": "replay", "run": "x"}))
