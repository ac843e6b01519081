from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.cli.safety import (
    annotation_property,
    annotation_text,
    csv_text,
    markdown_code,
    markdown_text,
    no_workflow_commands,
    visible,
)

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünï, 日本 🙂", "plain text, ünï, 日本 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x9b2Jb", "a\\x9b2Jb"),
        ("tab\tline\nreturn\r", "tab\\tline\\nreturn\\r"),
        ("\x00\x7f", "\\x00\\x7f"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_control_and_bidi_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_kept_characters_stay() -> None:
    assert visible("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


@given(st.text())
def test_no_text_keeps_a_control_character(text: str) -> None:
    assert not CONTROLS.search(visible(text))


@pytest.mark.parametrize(
    "text",
    [
        "::error::x",
        "  ::set-env name=x::y",
        "a\n::add-mask::b",
        "\u00a0::warning::x",
        "see ##[error]x",
    ],
)
def test_no_line_is_a_workflow_command(text: str) -> None:
    harmless = no_workflow_commands(text)
    assert "##[" not in harmless
    assert not any(line.strip().startswith("::") for line in harmless.splitlines())


def test_colons_inside_a_line_stay() -> None:
    assert no_workflow_commands("std::vector: a::b") == "std::vector: a::b"


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'x'", "-2+3", "@SUM(A1)", "\t=1", "\n=1", "＝1"])
def test_a_formula_becomes_text_in_csv(text: str) -> None:
    assert csv_text(text) == "'" + text


@pytest.mark.parametrize("text", ["-1", "+2.5", "-1e-5", "text", "", "a=b", "1-2"])
def test_numbers_and_text_stay_in_csv(text: str) -> None:
    assert csv_text(text) == text


def test_controls_and_bidi_characters_are_written_out_in_csv() -> None:
    assert csv_text("a\n\tb\x00\x1b]0;x\x07\x9b\u202e\r") == (
        "a\n\tb\\x00\\x1b]0;x\\x07\\x9b\\u202e\\r"
    )


@given(st.text())
def test_no_csv_cell_begins_a_formula(text: str) -> None:
    cell = csv_text(text)
    assert not cell.startswith(("=", "@", "\t", "\r")) or re.match(r"[+-]?\d", cell)
    assert not CONTROLS.search(cell.replace("\n", "").replace("\t", ""))
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cell])
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [cell]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Calmer answers, v2 (50 %)", "Calmer answers, v2 (50 %)"),
        ("snake_case", "snake\\_case"),
        ("a|b", "`a\\|b`"),
        ("back\\|slash", "`back\\\\x7cslash`"),
        ("`code`", "`` `code` ``"),
        ("line\nbreak", "`line\\nbreak`"),
        ("<script>alert(1)</script>", "`<script>alert(1)</script>`"),
        ("@octocat thanks", "`@octocat thanks`"),
        ("fixes #12", "`fixes #12`"),
        ("GH-12", "`GH-12`"),
        ("[x](javascript:alert(1))", "`[x](javascript:alert(1))`"),
        ("see https://example.org", "`see https://example.org`"),
        ("www.example.org", "`www.example.org`"),
        (":tada:", "`:tada:`"),
        ("deadbeef", "`deadbeef`"),
        ("*bold* ~gone~", "`*bold* ~gone~`"),
        ("", ""),
    ],
)
def test_a_markdown_cell_shows_its_text_and_nothing_else(text: str, cell: str) -> None:
    assert markdown_text(text) == cell


@given(st.text(alphabet="`|\\ab\n<>@#_* "))
def test_a_markdown_cell_never_leaves_its_cell(text: str) -> None:
    for cell in (markdown_text(text), markdown_code(text)):
        assert "\n" not in cell
        # A pipe stands only behind one backslash that no other backslash undoes.
        assert not re.search(r"(?<!\\)(?:\\\\)*\|", cell)


@given(st.text(alphabet="`ab "))
def test_a_code_span_is_closed_by_its_own_fence_alone(text: str) -> None:
    cell = markdown_code(text)
    if cell:
        runs = re.findall("`+", cell)
        assert runs[0] == runs[-1]
        assert runs[0] not in runs[1:-1]


def test_an_annotation_is_escaped_as_the_runner_unescapes_it() -> None:
    assert annotation_text("50 %\r\nof a:b,c") == "50 %25%0D%0Aof a:b,c"
    assert annotation_property("C:\\a,b%\n") == "C%3A\\a%2Cb%25%0A"
    assert annotation_text("\x1b[31m") == "\\x1b[31m"
