from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitexp.cli.output import Output, field_lines, one_row
from gitexp.cli.pager import page, pager_command
from gitexp.cli.tables import Table, columns
from gitexp.cli.terminal import OutputClosed, Terminal, write_error, write_out
from tests.cli.conftest import session, terminal

Make = Callable[..., Output]
ITEMS = [{"name": "a", "n": 1.5}, {"name": "b\x1b[2J", "n": None}]
TABLE = Table(columns=columns(name="code", n="number"), rows=ITEMS)


def listed(output: Output, capsys: pytest.CaptureFixture[str]) -> str:
    output.listing(ITEMS, TABLE, ids=["a", "b\x1b[2J"], document={"items": ITEMS, "total": 2})
    return capsys.readouterr().out


def test_json_is_one_document(output: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(listed(output("json"), capsys)) == {"items": ITEMS, "total": 2}


def test_jsonl_has_a_line_for_each_item(output: Make, capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(output("jsonl"), capsys).splitlines()
    assert [json.loads(line) for line in lines] == ITEMS


def test_csv_and_markdown_are_tables(output: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(output("csv"), capsys).splitlines()[:2] == ["name,n", "a,1.5"]
    assert listed(output("md"), capsys).splitlines()[2] == "| `a` | 1.5 |"


def test_quiet_prints_ids_alone(output: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(output("json", quiet=True), capsys) == "a\nb\\x1b[2J\n"


def test_an_empty_table_says_so_on_standard_error(
    output: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    output().listing([], Table(columns=TABLE.columns, rows=[], note="no experiments"), ids=[])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "no experiments\n"


def test_an_empty_listing_is_a_document_in_data_formats(
    output: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = Table(columns=TABLE.columns, rows=[], note="no experiments")
    output("json").listing([], empty, ids=[])
    assert capsys.readouterr() == ("[]\n", "")
    output("csv").listing([], empty, ids=[])
    assert capsys.readouterr() == ("name,n\r\n", "")


def test_data_is_exact_in_a_pipe_and_harmless_on_a_terminal(
    output: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    output().data("a\x1b[2J\r\n")
    assert capsys.readouterr().out == "a\x1b[2J\r\n"
    output(output=True).data("a\x1b[2J\r\n")
    assert capsys.readouterr().out == "a\\x1b[2J\r\n"


def test_text_in_a_ci_log_holds_no_workflow_command(
    output: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    output(workflow=True).text("a\n ::set-output name=x::y\n")
    assert capsys.readouterr().out == "a\n \\x3a:set-output name=x::y\n"


def test_the_fields_of_one_thing_are_lines() -> None:
    fields = one_row(
        {"name": "tone", "text": "a\nb\x1b"}, columns(name="code", text="text", z="text")
    )
    assert field_lines(fields) == "name  tone\ntext  a\n      b\\x1b\n"


def test_one_thing_is_an_object_in_json_and_a_row_in_csv(
    output: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"name": "tone"}
    fields = one_row(entry, columns(name="code"))
    output("json").entry(entry, fields, quiet="tone")
    assert capsys.readouterr().out == '{\n  "name": "tone"\n}\n'
    output("jsonl").entry(entry, fields, quiet="tone")
    assert capsys.readouterr().out == '{"name": "tone"}\n'
    output("csv").entry(entry, fields, quiet="tone")
    assert capsys.readouterr().out == "name\r\ntone\r\n"
    output(quiet=True).entry(entry, fields, quiet="tone")
    assert capsys.readouterr().out == "tone\n"


@pytest.mark.parametrize(
    ("environ", "terminal_there", "styled"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "FORCE_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colours_follow_the_terminal_and_the_environment(
    environ: dict[str, str], terminal_there: bool, styled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal_there)
    assert Terminal.of_process(environ).styled is styled


@pytest.mark.parametrize(
    ("environ", "core_pager", "command"),
    [
        ({"GITEXP_PAGER": "a", "GIT_PAGER": "b", "PAGER": "c"}, "d", "a"),
        ({"GIT_PAGER": "b", "PAGER": "c"}, "d", "b"),
        ({"PAGER": "c"}, "d", "d"),
        ({"PAGER": "c"}, None, "c"),
        ({"GITEXP_PAGER": "", "PAGER": "c"}, None, None),
        ({"PAGER": "cat"}, None, None),
        ({"PATH": "/nowhere"}, None, None),
    ],
)
def test_the_pager_is_the_first_that_somebody_chose(
    environ: dict[str, str], core_pager: str | None, command: str | None
) -> None:
    assert pager_command(environ, lambda key: core_pager) == command


def test_a_long_table_goes_through_the_pager_on_a_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environ = {"GITEXP_PAGER": "sed s/^/paged:/", "PATH": os.environ["PATH"]}
    shown = session(tmp_path, environ, output=True)
    rows = [{"n": number} for number in range(40)]
    table = Table(columns=columns(n="number"), rows=rows)
    Output(session=shown).table(table)
    assert capfd.readouterr().out.splitlines()[1] == "paged: 0"
    Output(session=shown, paging=False).table(table)
    assert capfd.readouterr().out.splitlines()[1] == " 0"


def test_a_pager_that_is_not_there_does_not_swallow_the_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environ = {"GITEXP_PAGER": "no-such-pager-anywhere", "PATH": os.environ["PATH"]}
    Output(session=session(tmp_path, environ, output=True)).text("line\n" * 40)
    assert capfd.readouterr().out == "line\n" * 40


def test_a_pager_that_stops_reading_ends_quietly() -> None:
    assert page("line\n" * 100_000, "head -n 0", {"PATH": os.environ["PATH"]})


def test_a_pager_named_by_a_repository_is_not_run(directory: Path) -> None:
    (directory / ".git").mkdir()
    (directory / ".git" / "config").write_text("[core]\n\tpager = touch owned\n")
    assert session(directory, dict(os.environ)).git_config("core.pager") is None


def test_a_pager_of_the_users_git_configuration_is_found(home: Path, directory: Path) -> None:
    with (home / ".gitconfig").open("a") as config:
        config.write("[core]\n\tpager = most\n")
    assert session(directory, dict(os.environ)).git_config("core.pager") == "most"


def test_a_reader_that_went_away_is_told_apart(
    closed_pipe: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = os.fdopen(os.dup(closed_pipe), "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    write_error("nobody hears this")
    with pytest.raises(OutputClosed):
        write_out("nobody reads this")
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    stream.close()


def test_lines_for_people_are_single_lines() -> None:
    assert terminal().line("a\nb") == "a\\nb"
    assert terminal(workflow=True).line("::x") == "\\x3a:x"
