from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from gitexp.cli.rendering import (
    csv_table,
    cut,
    drawn_table,
    fit,
    markdown_table,
    plain_table,
    text_width,
)
from gitexp.cli.tables import Column, Table, columns, read

HASH = "3f2a91c4d5e60718293a4b5c6d7e8f9012345678"


def make_table() -> Table:
    return Table(
        columns=[
            *columns(name="code", version="hash", digest="digest", count="number"),
            Column(key="rate", title="pass rate", kind="percent"),
            *columns(message="text"),
        ],
        rows=[
            {
                "name": "tone",
                "version": HASH,
                "digest": "sha256:" + "ab" * 32,
                "count": 12,
                "rate": 0.8312345,
                "message": "=cmd|' /C calc'!A0",
            },
            {"name": "日本", "count": 3, "message": "two\nlines \x1b[31m"},
        ],
    )


def test_a_plain_table_is_aligned_and_never_cut_when_piped() -> None:
    assert plain_table(make_table()) == (
        "name  version     digest      count  pass rate  message\n"
        "tone  3f2a91c4d5  ababababab     12     83.1 %  =cmd|' /C calc'!A0\n"
        "日本                              3             two\\nlines \\x1b[31m\n"
    )


def test_a_plain_table_fits_the_width_of_a_terminal() -> None:
    lines = plain_table(make_table(), width=60).splitlines()
    assert all(text_width(line) <= 60 for line in lines)
    assert any("…" in line for line in lines)


def test_csv_holds_everything_in_full_and_no_formulas() -> None:
    text = csv_table(make_table())
    assert text.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["name", "version", "digest", "count", "rate", "message"]
    assert rows[1] == [
        "tone",
        HASH,
        "sha256:" + "ab" * 32,
        "12",
        "0.8312345",
        "'=cmd|' /C calc'!A0",
    ]
    assert rows[2] == ["日本", "", "", "3", "", "two\nlines \\x1b[31m"]


def test_negative_numbers_stay_numbers_in_csv() -> None:
    table = Table(columns=columns(x="number", y="text"), rows=[{"x": -1.5, "y": "-1.5"}])
    assert csv_table(table) == "x,y\r\n-1.5,-1.5\r\n"


def test_a_markdown_table_neutralises_its_cells() -> None:
    assert markdown_table(make_table()) == (
        "| name | version | digest | count | pass rate | message |\n"
        "| --- | --- | --- | --: | --: | --- |\n"
        "| `tone` | `3f2a91c4d5` | `ababababab` | 12 | 83.1 % | `=cmd\\|' /C calc'!A0` |\n"
        "| `日本` |  |  | 3 |  | `two\\nlines \\x1b[31m` |\n"
    )


def test_a_drawn_table_shows_markup_and_escapes_as_text() -> None:
    table = Table(columns=columns(name="text"), rows=[{"name": "[bold]x[/bold] \x1b[2J"}])
    drawn = drawn_table(table, width=80, environ={"TERM": "xterm-256color"})
    assert "[bold]x[/bold] \\x1b[2J" in drawn
    assert "\x1b[2J" not in drawn


def test_a_drawn_table_keeps_to_the_width() -> None:
    table = Table(columns=columns(name="text"), rows=[{"name": "x" * 200}])
    lines = drawn_table(table, width=40, environ={"TERM": "xterm"}).splitlines()
    assert any("…" in line for line in lines)
    assert not any("x" * 41 in line for line in lines)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=8), st.integers(10, 200))
def test_fitting_never_widens_and_stays_inside_where_it_can(widths: list[int], room: int) -> None:
    flexible = [Column(key=str(n), title="") for n in range(len(widths))]
    fitted = fit(flexible, widths, room)
    assert all(new <= old for new, old in zip(fitted, widths, strict=True))
    assert sum(fitted) <= room or all(width <= 12 for width in fitted)


def test_hashes_and_numbers_are_never_cut() -> None:
    rigid = columns(version="hash", rate="percent")
    assert fit(rigid, [10, 6], 5) == [10, 6]


def test_a_narrow_terminal_is_spared_the_least_important_columns() -> None:
    table = Table(
        columns=[
            Column(key="version", title="version", kind="hash"),
            Column(key="digest", title="digest", kind="digest", spare=2),
            Column(key="at", title="at", kind="time", spare=1),
        ],
        rows=[{"version": HASH, "digest": "sha256:" + "ab" * 32, "at": "2026-01-02T03:04:05Z"}],
    )
    assert plain_table(table, width=44).split() == plain_table(table).split()
    assert plain_table(table, width=40).split()[:2] == ["version", "at"]
    assert plain_table(table, width=20) == "version\n3f2a91c4d5\n"


def identified() -> Table:
    return Table(
        columns=columns(id="id", status="text", version="hash", total="number", name="code"),
        rows=[
            {
                "id": "20260102T030405-abcdefgh",
                "status": "finished",
                "version": HASH,
                "total": 1234,
                "name": "a-long-name-of-something",
            }
        ],
    )


def test_ids_and_hashes_are_the_last_to_shrink() -> None:
    for width in (20, 30, 44, 60):
        for text in (
            plain_table(identified(), width=width),
            drawn_table(identified(), width=width, environ={"TERM": "xterm"}),
        ):
            assert "20260102T030405-abcdefgh" in text
            assert HASH[:10] in text
    lines = plain_table(identified(), width=50).splitlines()
    assert max(map(text_width, lines)) <= 50
    assert lines[1].split() == ["20260102T030405-abcdefgh", "fini…", HASH[:10], "a-lo…"]


def test_titles_are_no_formulas_in_csv() -> None:
    table = Table(columns=[Column(key="=x\x1b", title="x")], rows=[])
    assert csv_table(table) == "'=x\\x1b\r\n"


@given(st.text(), st.integers(1, 20))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert text_width(cut(text, width)) <= max(width, 0) or text_width(text) <= width


def test_kinds_read_as_people_expect() -> None:
    assert read(0.5, "percent") == "50.0 %"
    assert read(245 / 400, "percent") == "61.3 %"
    assert read(-2.75, "points") == "-2.8"
    assert read(7.75, "points") == "+7.8"
    latencies = [0.00000123, 0.00341, 0.9994, 0.9999, 12.34, 99.99, 1234.5]
    assert [read(seconds, "latency") for seconds in latencies] == [
        "0.00123 ms",
        "3.41 ms",
        "999 ms",
        "1 s",
        "12.3 s",
        "100 s",
        "1234 s",
    ]
    assert read((0.8012, 0.859), "range") == "80.1–85.9 %"
    assert read(-2.5, "points") == "-2.5"
    assert read("2026-01-02T03:04:05.678901Z", "time") == "2026-01-02T03:04:05Z"
    assert read(["a", "b"], "names") == "a, b"
    assert read({"k": [1]}, "value") == '{"k": [1]}'
    assert read(True, "flag") == "yes"
    assert read(1.23456789, "number") == "1.23457"
    assert read(2.25, "duration") == "2.2 s"
    seconds = (59.9, 59.96, 61, 3599.7, 5234, 86400, 90000)
    assert [read(value, "duration") for value in seconds] == [
        "59.9 s",
        "1 min",
        "1 min 1 s",
        "1 h",
        "1 h 27 min",
        "1 d",
        "1 d 1 h",
    ]
    assert read(None, "percent") == ""


def test_people_are_spared_optional_columns_in_which_nothing_stands() -> None:
    shown = [Column(key="a", title="a"), Column(key="b", title="b", optional=True)]
    empty = Table(columns=shown, rows=[{"a": "x", "b": None}])
    assert plain_table(empty) == "a\nx\n"
    assert csv_table(empty) == "a,b\r\nx,\r\n"
    assert plain_table(Table(columns=shown, rows=[{"a": "x", "b": "y"}])) == "a  b\nx  y\n"
