"""Datasets as CSV."""

from __future__ import annotations

from gitexp.documents.csv_codec import parse_csv
from tests.documents.reading import problems


def test_a_row_is_a_sample_and_its_cells_are_text() -> None:
    text = (
        "id,input,expected,weight,metadata.lang,metadata.src\r\n"
        '1,"Hi, you\nthere",yes,2,en,\r\n'
        "\r\n"
        ",,,,,\r\n"
    )
    document = parse_csv(text.encode("utf-8-sig"), file="d.csv")
    assert document.value == [
        {
            "id": "1",
            "input": "Hi, you\nthere",
            "expected": "yes",
            "weight": 2.0,
            "metadata": {"lang": "en"},
        },
        {"input": ""},
    ]
    assert document.position((0, "input")) == (2, 1)
    assert document.position((1,)) == (5, 1)


def test_dotted_columns_make_mappings() -> None:
    document = parse_csv("input.a,input.b.c,expected.x\n1,2,3\n", file="d.csv")
    assert document.value == [{"input": {"a": "1", "b.c": "2"}, "expected": {"x": "3"}}]


def test_columns_must_be_known_and_must_not_contradict_each_other() -> None:
    assert problems(parse_csv, "inptu,id,id,expected,expected.a\n", "d.csv") == [
        'd.csv:1: unknown column "inptu"; did you mean "input"?',
        'd.csv:1: the column "id" is repeated',
        'd.csv:1: the columns "expected" and "expected.a" exclude each other',
    ]


def test_every_bad_row_is_reported_with_its_line() -> None:
    text = "input,weight\na,1\nb\nc,heavy\nd,nan\ne,1,2\n"
    assert problems(parse_csv, text, "d.csv") == [
        "d.csv:3: the row has 1 cell for 2 columns",
        'd.csv:4: [1].weight: "heavy" is not a number',
        'd.csv:5: [2].weight: "nan" is not a number',
        "d.csv:6: the row has 3 cells for 2 columns",
    ]


def test_what_is_no_csv_is_refused() -> None:
    assert problems(parse_csv, "", "d.csv") == [
        "d.csv: the file is empty; expected a line of column names"
    ]
    assert problems(parse_csv, 'input\n"a"b\n', "d.csv")[0].startswith("d.csv:2: not CSV: ")
    assert problems(parse_csv, "input\na\x1b[31m\n", "d.csv") == [
        "d.csv:2: the control character U+001B is not allowed"
    ]
