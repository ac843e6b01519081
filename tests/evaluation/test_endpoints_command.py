"""Endpoints of the type command: programs of this machine, asked once or line by line."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed, Usage
from tests.evaluation.systems import Asker, failure, run

PYTHON = [sys.executable, "-S", "-E"]


def program(code: str, *arguments: str, **keys: Any) -> dict[str, Any]:
    """Return an endpoint that runs a few lines of Python."""
    command = [*PYTHON, "-c", f"import sys\n{code}", *arguments]
    return {"type": "command", "command": command, **keys}


def lines(body: str, **keys: Any) -> dict[str, Any]:
    """Return an endpoint that answers line by line; `q` is what is asked."""
    code = (
        "import json, os, time\nfor line in sys.stdin:\n  q = json.loads(line)\n"
        + "".join(f"  {part}\n" for part in body.splitlines())
        + "  sys.stdout.flush()"
    )
    return program(code, protocol="jsonl", **keys)


SAY = "print(json.dumps({'id': q['id'], 'output': %s}))"


def output(data: Mapping[str, Any], given: Any = "hi", asker: Asker | None = None) -> Any:
    return run((asker or Asker()).ask(data, given)).output


def fails(data: Mapping[str, Any], given: Any = "hi", asker: Asker | None = None) -> CallFailed:
    return run(failure((asker or Asker()).ask(data, given)))


# --- once ------------------------------------------------------------------------------------


def test_a_program_reads_the_input_and_writes_the_output() -> None:
    assert output(program("print(sys.stdin.read().upper())"), "héllo") == "HÉLLO"


def test_what_is_no_text_is_read_as_json() -> None:
    data = program("print(sys.stdin.read())", response={"format": "json"})
    assert output(data, {"a": [1, None]}) == {"a": [1, None]}


def test_arguments_and_input_are_templates() -> None:
    data = program("print(sys.argv[1:], sys.stdin.read())", "--n={{ parameters.n }}", "{{ input }}",
                   stdin="<{{ sample.id }}>")  # fmt: skip
    assert output(data, "a b; $(c)", Asker(parameters={"n": 3})) == "['--n=3', 'a b; $(c)'] <s1>"


@pytest.mark.parametrize("cell", ["$(touch x)", "; rm -rf /", "`id`", "--help", "\n", '"'])
def test_a_hostile_cell_is_one_argument(cell: str) -> None:
    data = program("print(repr(sys.argv[1]))", "{{ input }}")
    assert output(data, cell) == repr(cell)


def test_one_line_end_is_left_out() -> None:
    assert output(program("sys.stdout.write('a\\n\\n')")) == "a\n"
    assert output(program("sys.stdout.write(' a ')")) == " a "


def test_output_is_extracted_and_usage_is_read() -> None:
    response = {"extract": "o", "usage": {"input_tokens": "n"}}
    data = program('print(\'{"o": [1], "n": 5}\')', response=response)
    answer = run(Asker().ask(data))
    assert (answer.output, answer.usage) == ([1], Usage(input_tokens=5))


def test_it_runs_in_the_project_with_the_environment_and_its_own(tmp_path: Path) -> None:
    code = "import os\nprint(os.getcwd(), os.environ['A'], os.environ['B'], 'HOME' in os.environ)"
    data = program(code, environment={"B": "{{ input }}"})
    asker = Asker(environ={"A": "1", "B": "old"}, directory=tmp_path)
    assert output(data, "x", asker) == f"{tmp_path} 1 x False"


def test_a_program_of_the_project_is_found(tmp_path: Path) -> None:
    script = tmp_path / "answer.sh"
    script.write_text("#!/bin/sh\ncat\n")
    script.chmod(0o755)
    data = {"type": "command", "command": ["./answer.sh"]}
    assert output(data, "hi", Asker(directory=tmp_path)) == "hi"


def test_an_exit_code_is_an_error_with_what_was_said() -> None:
    exc = fails(program("sys.stderr.write('no\\nmodel\\n'); sys.exit(3)"))
    assert str(exc) == (
        'endpoint \'bot\': the program ended with exit code 3: "no\\nmodel"'
    )  # fmt: skip
    assert (exc.kind, exc.retryable) == ("Exit 3", False)


def test_exit_codes_that_are_answers_may_be_said() -> None:
    data = program("print('no'); sys.exit(1)", exit_codes=[0, 1])
    assert output(data) == "no"


def test_a_signal_is_an_error() -> None:
    exc = fails(program("import os\nos.kill(os.getpid(), 9)"))
    assert (str(exc), exc.kind) == (
        "endpoint 'bot': the program was ended by SIGKILL", "Signal SIGKILL"
    )  # fmt: skip


def test_only_the_end_of_a_long_complaint_is_told() -> None:
    exc = fails(program("sys.stderr.write('x' * 100000 + 'END'); sys.exit(1)"))
    assert len(str(exc)) < 2500
    assert "END" in str(exc) or str(exc).endswith("…")


@pytest.mark.parametrize(
    ("word", "message"),
    [("no-such-program-here", "there is no program 'no-such-program-here'"),
     ("/etc/passwd", "the program '/etc/passwd' cannot be started: permission denied")],
)  # fmt: skip
def test_a_program_that_cannot_be_started_says_why(word: str, message: str) -> None:
    exc = fails({"type": "command", "command": [word]})
    assert (str(exc), exc.kind) == (f"endpoint 'bot': {message}", "NotStarted")


def test_an_argument_that_is_too_long_says_so() -> None:
    exc = fails(program("pass", "{{ input }}"), "x" * 2**20)
    assert exc.kind == "NotStarted"
    assert str(exc).endswith("cannot be started: argument list too long")


def test_a_null_character_is_no_argument() -> None:
    exc = fails(program("pass", "{{ input }}"), "a\x00b")
    assert exc.kind == "Template"
    assert "an argument holds no null character" in str(exc)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.stdout.buffer.write(b'\\xff')", "the answer is no text in UTF-8: "),
        ("print('x' * 2000)", "the answer has more than 1000 bytes"),
        ("while True: print('x' * 100000)", "the answer has more than 1000 bytes"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error(code: str, message: str) -> None:
    exc = fails(program(code, response={"max_bytes": 1000}))
    assert str(exc).startswith(f"endpoint 'bot': {message}")
    assert exc.kind == "BadResponse"


def test_large_input_and_output_go_through() -> None:
    given = "x" * (9 * 2**20)
    assert output(program("sys.stdout.write(sys.stdin.read())"), given) == given


def test_a_program_need_not_read_its_input() -> None:
    assert output(program("print(1)"), "x" * (5 * 2**20)) == "1"


def test_what_a_program_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n  time.sleep(1000)\n"
        "sys.stdout.write('done'); sys.stdout.flush(); os._exit(0)"
    )
    assert output(program(code)) == "done"


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _are_gone(*pids: int) -> bool:
    """Return whether programs that were killed are gone, which takes the system a moment."""
    end = time.monotonic() + 10
    while any(map(_is_alive, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(_is_alive, pids))


@pytest.mark.parametrize("protocol", ["once", "jsonl"])
def test_what_takes_too_long_is_killed_with_all_it_started(protocol: str, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    code = (
        "import os, time\nif os.fork() == 0:\n  pass\n"
        f"open({str(note)!r}, 'a').write(str(os.getpid()) + ' ')\ntime.sleep(1000)"
    )
    exc = fails(program(code, timeout=1.0, protocol=protocol))
    assert (str(exc), exc.kind, exc.retryable) == (
        "endpoint 'bot': no answer within 1 s", "Timeout", True
    )  # fmt: skip
    pids = [int(pid) for pid in note.read_text().split()]
    assert len(pids) == 2
    assert _are_gone(*pids)


def test_a_call_that_is_broken_off_leaves_nothing_running(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)"

    async def main() -> None:
        call = asyncio.ensure_future(Asker().ask(program(code)))
        while not (note.exists() and note.read_text()):
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait({call})

    run(main())
    assert _are_gone(int(note.read_text()))


def test_a_secret_of_the_environment_is_in_no_message() -> None:
    asker = Asker(secrets={"key": "BOT_KEY"}, environ={"BOT_KEY": "s3cret"})
    exc = fails(program("import os\nsys.exit('bad ' + os.environ['BOT_KEY'])"), asker=asker)
    assert str(exc).endswith('exit code 1: "bad <secret>"')


# --- line by line ----------------------------------------------------------------------------


def test_a_secret_is_in_no_kind_of_an_error() -> None:
    data = lines("print(json.dumps({'id': q['id'], 'error': {'type': os.environ['K']}}))")
    exc = fails(data, asker=Asker(secrets={"key": "K"}, environ={"K": "sk-s3cret"}))
    assert exc.kind == "<secret>"


def test_a_program_answers_line_by_line() -> None:
    data = lines(SAY % "[q['input'], q['parameters'], q['repeat'], q['metadata'], q['seed']]")
    asker = Asker(parameters={"n": 3}, secrets={"key": "BOT_KEY"})

    async def main() -> Any:
        async with asker.opened(data) as caller:
            asking = asker.asking({"a": "ä\n"}, repeat=2, metadata={"l": "en"}, expected=1)
            return (await caller.call(asking)).output

    assert run(main()) == [{"a": "ä\n"}, {"n": 3, "key": "BOT_KEY"}, 2, {"l": "en"}, None]


def test_the_same_program_answers_again_and_again() -> None:
    data = lines(SAY % "[os.getpid(), q['input']]")

    async def main() -> list[Any]:
        async with Asker().opened(data) as caller:
            return [(await caller.call(Asker().asking(n))).output for n in range(20)]

    answers = run(main())
    assert [number for _, number in answers] == list(range(20))
    assert len({pid for pid, _ in answers}) == 1


def test_there_are_as_many_programs_as_may_be_asked_at_once() -> None:
    data = lines("time.sleep(0.02)\n" + SAY % "os.getpid()", concurrency=3)

    async def main() -> set[int]:
        async with Asker().opened(data) as caller:
            calls = [caller.call(Asker().asking(n)) for n in range(12)]
            return {answer.output for answer in await asyncio.gather(*calls)}

    pids = run(main())
    assert len(pids) == 3
    assert _are_gone(*pids)


def test_usage_of_a_line_is_read_and_priced() -> None:
    body = "print(json.dumps({'id': q['id'], 'output': 1, 'usage': {'input_tokens': 1000000}}))"
    price = {"input_per_million": 2, "output_per_million": 10}
    answer = run(Asker().ask(lines(body, price=price)))
    assert answer.usage == Usage(input_tokens=1000000, cost=2.0)


def test_parts_of_tokens_of_a_line_are_whole_in_what_is_recorded() -> None:
    body = "print(json.dumps({'id': q['id'], 'output': 1, 'usage': {'input_tokens': 3.5}}))"
    found = run(Asker().ask(lines(body))).usage
    assert found == Usage(input_tokens=3)
    assert isinstance(found.input_tokens, int)


@pytest.mark.parametrize(
    ("error", "kind", "retryable", "message"),
    [
        ("'too hot'", "Error", False, "too hot"),
        ("{'message': 'busy', 'type': 'Busy', 'retryable': True}", "Busy", True, "busy"),
        ("{}", "Error", False, "it gave no reason"),
        ("[1]", "Error", False, "[1]"),
        ("{'message': 'no', 'type': 'x' * 101}", "Error", False, "no"),
        ("{'message': 'no', 'type': None}", "Error", False, "no"),
    ],
)
def test_an_error_of_a_line_is_an_error(
    error: str, kind: str, retryable: bool, message: str
) -> None:
    exc = fails(lines(f"print(json.dumps({{'id': q['id'], 'error': {error}}}))"))
    assert (str(exc), exc.kind, exc.retryable) == (f"endpoint 'bot': {message}", kind, retryable)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('debug')", 'the answer is no JSON: Expecting value: line 1 column 1 (char 0): "d'),
        ("print('[]')", 'the answer is no mapping: "[]"'),
        ("print(json.dumps({'id': 'other', 'output': 1}))",
         'the answer is to "other", and "s1" was asked'),
        ("print(json.dumps({'id': q['id']}))", "the answer has neither output nor error: "),
        ("print(json.dumps({'id': q['id'], 'output': 1, 'usage': [1]}))",
         "the usage is no mapping of numbers: [1]"),
        ("print(json.dumps({'id': q['id'], 'output': 1, 'usage': {'cost': -1}}))",
         'the usage is no mapping of numbers: {"cost": -1}'),
        ("print('x' * 100000)", "the answer has more than 1000 bytes"),
        (SAY % "float('nan')", "the answer is no JSON: NaN is no JSON"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_an_error(body: str, message: str) -> None:
    exc = fails(lines(body, response={"max_bytes": 1000}))
    assert str(exc).startswith(f"endpoint 'bot': {message}")
    assert exc.kind == "BadResponse"


def test_after_a_wrong_line_another_program_answers() -> None:
    body = "print('debug') if q['input'] == 0 else " + SAY % "os.getpid()"

    async def main() -> list[Any]:
        async with Asker().opened(lines(body)) as caller:
            first = (await caller.call(Asker().asking(1))).output
            wrong = await failure(caller.call(Asker().asking(0)))
            return [first, wrong.kind, (await caller.call(Asker().asking(1))).output]

    first, wrong, again = run(main())
    assert wrong == "BadResponse"
    assert first != again


def test_a_program_that_dies_is_replaced() -> None:
    body = "if q['input'] == 0: sys.exit('tired')\n" + SAY % "q['input']"

    async def main() -> list[Any]:
        async with Asker().opened(lines(body)) as caller:
            exc = await failure(caller.call(Asker().asking(0)))
            return [exc, (await caller.call(Asker().asking(1))).output]

    exc, answer = run(main())
    assert str(exc) == "endpoint 'bot': the program ended with exit code 1: \"tired\""
    assert (exc.kind, exc.retryable, answer) == ("Died", True, 1)


def test_a_program_that_ended_between_samples_is_replaced() -> None:
    body = SAY % "os.getpid()" + "\nsys.stdout.flush(); sys.exit(0)"

    async def main() -> list[int]:
        found = []
        async with Asker().opened(lines(body)) as caller:
            for _ in range(3):
                found.append((await caller.call(Asker().asking())).output)
                while _is_alive(found[-1]):
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.05)
        return found

    assert len(set(run(main()))) == 3


def test_a_program_may_end_by_itself_when_its_input_does(tmp_path: Path) -> None:
    note = tmp_path / "ended"
    data = lines(SAY % "1")
    data["command"][4] += f"\nopen({str(note)!r}, 'w').write('yes')"
    assert output(data) == 1
    assert note.read_text() == "yes"


def test_a_program_that_will_not_end_is_ended() -> None:
    data = lines(SAY % "os.getpid()")
    data["command"][4] += "\ntime.sleep(1000)"
    assert _are_gone(output(data))


def test_a_program_of_lines_is_started_with_parameters_alone() -> None:
    data = lines(SAY % "sys.argv[1:]")
    data["command"].append("--n={{ parameters.n }}")
    assert output(data, "hi", Asker(parameters={"n": 3})) == ["--n=3"]
    with pytest.raises(InvalidInput, match=r"command\[5\]: there is no \"n\""):
        output(data)


def test_no_descriptor_is_left_open() -> None:
    data = lines(SAY % "1")
    output(data)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        output(data)
        output(program("print(1)"))
    assert len(os.listdir("/proc/self/fd")) <= before
