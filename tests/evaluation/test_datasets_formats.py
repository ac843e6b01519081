"""How the rows of datasets are written down: CSV, JSON Lines and Parquet, to their corners."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.datasets.loading import Dataset, load
from gitexp.evaluation.datasets.rows import MAX_ROW_BYTES


def dataset(directory: Path, name: str, data: bytes | str) -> Dataset:
    folder = directory / "datasets"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return load(directory, "q")


def problems(directory: Path, name: str, data: bytes | str) -> list[str]:
    with pytest.raises(InvalidDocuments) as caught:
        dataset(directory, name, data)
    return str(caught.value).split("\n")


def parquet_of(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    return out.getvalue()


# --- CSV


def test_a_csv_row_has_all_parts_of_a_sample(tmp_path: Path) -> None:
    text = (
        "id,input,expected,output,weight,split,metadata.lang,metadata.src\r\n"
        '1,"Hi, ""you""\nthere",yes,maybe,2,test,en,\r\n'
        "\r\n"
        ",,,,,,,\r\n"
    )
    first, second = dataset(tmp_path, "q.csv", text.encode("utf-8-sig"))
    assert (first.id, first.input, first.expected) == ("1", 'Hi, "you"\nthere', "yes")
    assert (first.output, first.weight, first.split) == ("maybe", 2.0, "test")
    assert first.metadata == {"lang": "en", "split": "test"}
    assert (second.input, second.expected, second.output) == ("", MISSING, MISSING)


def test_dotted_columns_make_mappings_whose_empty_inputs_stay(tmp_path: Path) -> None:
    text = "input.a,input.b.c,expected.x,expected.y\n1,,3,\n"
    [sample] = dataset(tmp_path, "q.csv", text)
    assert sample.input == {"a": "1", "b.c": ""}
    assert sample.expected == {"x": "3"}


def test_without_an_input_column_other_columns_are_the_input(tmp_path: Path) -> None:
    [sample] = dataset(tmp_path, "q.csv", "question,context,expected,id\nwhy,,because,7\n")
    assert sample.input == {"question": "why", "context": ""}
    assert (sample.id, sample.expected) == ("7", "because")


def test_a_slip_in_the_name_of_a_column_makes_no_input(tmp_path: Path) -> None:
    assert problems(tmp_path, "q.csv", "inptu,id,id,expected,expected.a\n1,2,3,4,5\n") == [
        'datasets/q.csv:1: the column "id" is repeated',
        'datasets/q.csv:1: unknown column "inptu"; did you mean "input"?',
        'datasets/q.csv:1: the columns "expected" and "expected.a" exclude each other',
    ]


def test_an_unknown_column_beside_an_input_is_refused(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, "q.csv", "input,colour\n1,2\n")
    assert problem.startswith('datasets/q.csv:1: unknown column "colour"; known are expected, ')


def test_a_column_without_a_name_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "q.csv", ",question\n0,why\n") == [
        "datasets/q.csv:1: a column has no name"
    ]


@pytest.mark.parametrize(("sign", "named"), [(";", '";"'), ("\t", '"\\t"')])
def test_other_signs_than_commas_are_refused(tmp_path: Path, sign: str, named: str) -> None:
    assert problems(tmp_path, "q.csv", f"input{sign}expected\na{sign}b\n") == [
        f"datasets/q.csv:1: the columns are separated by {named}, and expected are commas"
    ]


def test_a_table_of_countless_columns_is_refused_soon(tmp_path: Path) -> None:
    assert problems(tmp_path, "q.csv", "," * 1_000_000 + "\n") == [
        "datasets/q.csv:1: 1000001 columns are more than the 10000 that are read"
    ]
    assert len(problems(tmp_path, "q.csv", "," * 9_000 + "\n")) == 100


def test_every_wrong_csv_row_is_reported_with_its_line(tmp_path: Path) -> None:
    text = "input,weight\na,1\nb\nc,heavy\nd,nan\ne,1,2\nf,-1\n"
    assert problems(tmp_path, "q.csv", text) == [
        "datasets/q.csv:3: [1]: the row has 1 cell for 2 columns",
        'datasets/q.csv:4: [2].weight: "heavy" is not a number',
        'datasets/q.csv:5: [3].weight: "nan" is not a number',
        "datasets/q.csv:6: [4]: the row has 3 cells for 2 columns",
        "datasets/q.csv:7: [5].weight: -1.0 is less than 0",
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ":1: the file is empty; expected a line of column names"),
        (b'input\n"a"b\n', ":2: not CSV: ',' expected after '\"'"),
        (
            b'input\nx\n"a\nb\n',
            ":3: not CSV: the file ends inside a cell; its quote is never closed",
        ),
        (b"input\na\x00b\n", ":2: the control character U+0000 is not allowed"),
        (b"input\na\x1b[31m\n", ":2: the control character U+001B is not allowed"),
        (b"input\ra\r", ":1: a carriage return without a line feed is not a line end"),
        (b"input\nok\ncaf\xe9\n", ":3: byte 0xe9 is not UTF-8 text"),
        ("input\nx\n".encode("utf-16"), ":1: the file is UTF-16 and not UTF-8"),
    ],
)
def test_what_is_no_csv_is_refused_with_its_line(
    tmp_path: Path, data: bytes, expected: str
) -> None:
    expected = expected.replace(":1: the file is empty", ": the file is empty")
    assert problems(tmp_path, "q.csv", data) == [f"datasets/q.csv{expected}"]


def test_invisible_characters_are_data_in_csv(tmp_path: Path) -> None:
    [sample] = dataset(tmp_path, "q.csv", "input\na\u2028b\ufeffc\u202ed\n")
    assert sample.input == "a\u2028b\ufeffc\u202ed"


def test_cells_of_ten_megabytes_are_read(tmp_path: Path) -> None:
    cell = "x" * 10_000_000
    out = io.StringIO()
    csv.writer(out).writerows([["input"], [f"{cell}\n{cell[:5]}"]])
    [sample] = dataset(tmp_path, "q.csv", out.getvalue())
    assert len(sample.input) == 10_000_006
    (tmp_path / "datasets" / "q.csv").unlink()
    [sample] = dataset(tmp_path, "q.jsonl", json.dumps({"input": cell}))
    assert len(sample.input) == 10_000_000


def test_a_quote_that_is_never_closed_does_not_take_in_everything(tmp_path: Path) -> None:
    text = 'input\n"' + ("x" * 99_999 + "\n") * (MAX_ROW_BYTES // 100_000 + 2)
    [problem] = problems(tmp_path, "q.csv", text)
    assert problem == (
        f"datasets/q.csv:2: not CSV: a cell has more than {MAX_ROW_BYTES} characters; "
        "is its quote never closed?"
    )


@pytest.mark.parametrize(("name", "number"), [("q.csv", 2), ("q.jsonl", 1)])
def test_a_line_without_end_is_refused(tmp_path: Path, name: str, number: int) -> None:
    start = b"input\n" if name == "q.csv" else b""
    assert problems(tmp_path, name, start + b"x" * (MAX_ROW_BYTES + 5)) == [
        f"datasets/{name}:{number}: the line has more than the {MAX_ROW_BYTES} bytes that are read"
    ]


# --- JSON Lines


def test_a_mark_at_the_beginning_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"input": "a"}\r\n\r\n{"input": "b"}'
    assert [sample.input for sample in dataset(tmp_path, "q.jsonl", data)] == ["a", "b"]


def test_problems_beyond_a_hundred_are_counted(tmp_path: Path) -> None:
    found = problems(tmp_path, "q.jsonl", '{"input": 1, "weight": -1}\n' * 130)
    assert len(found) == 101
    assert found[99] == "datasets/q.jsonl:100: [99].weight: -1 is less than 0"
    assert found[100] == "datasets/q.jsonl: and 30 more problems"


def test_problems_of_rows_and_of_ids_are_reported_together(tmp_path: Path) -> None:
    text = '{"id": "a", "input": 1}\n{\n{"id": "a", "input": 2}\n{"id": "b"}\n'
    found = problems(tmp_path, "q.jsonl", text)
    assert [line.partition(": ")[0] for line in found] == [
        "datasets/q.jsonl:2",
        "datasets/q.jsonl:3",
        "datasets/q.jsonl:4",
    ]


def test_a_recorded_output_may_be_null(tmp_path: Path) -> None:
    text = '{"input": 1, "output": null}\n{"input": 2}\n{"input": 3, "output": [1]}\n'
    assert [sample.output for sample in dataset(tmp_path, "q.jsonl", text)] == [None, MISSING, [1]]


def test_a_split_is_part_of_the_metadata(tmp_path: Path) -> None:
    among = dataset(tmp_path, "q.jsonl", '{"id": 1, "input": 1, "metadata": {"split": "test"}}')
    own = dataset(tmp_path, "q.jsonl", '{"id": 1, "input": 1, "split": "test"}')
    assert own.digest == among.digest
    assert (own.splits, own.samples[0].split) == ({"test": 1}, "test")


def test_two_splits_of_one_sample_are_refused(tmp_path: Path) -> None:
    text = '{"input": 1, "split": "test", "metadata": {"split": "train"}}'
    assert problems(tmp_path, "q.jsonl", text) == [
        "datasets/q.jsonl:1: [0].split: the metadata name another split"
    ]


def test_ids_on_one_line_of_yaml_are_told_apart(tmp_path: Path) -> None:
    found = problems(tmp_path, "q.yaml", "[{id: a, input: 1}, {id: a, input: 2}]\n")
    assert found == ['datasets/q.yaml:1: [1].id: "a" is the id of the sample in line 1 already']


# --- Parquet


def test_parquet_rows_are_samples(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "input": {"q": "why"}, "expected": ["a", "b"], "metadata": {"lang": "de"}},
        {"id": None, "input": {"q": "how"}, "expected": None, "metadata": None},
    ]
    first, second = dataset(tmp_path, "q.parquet", parquet_of(rows))
    assert (first.id, first.input, first.expected) == ("1", {"q": "why"}, ["a", "b"])
    assert first.metadata == {"lang": "de"}
    assert (second.expected, second.metadata) == (MISSING, {})
    assert second.id.startswith("s")


def test_other_columns_of_parquet_are_the_input(tmp_path: Path) -> None:
    rows = [{"question": "why", "n": 3, "none": None, "answer.x": 1.5, "expected": "b"}]
    [sample] = dataset(tmp_path, "q.parquet", parquet_of(rows))
    assert sample.input == {"question": "why", "n": 3, "none": None, "answer.x": 1.5}


def test_what_json_has_no_form_for_becomes_text_or_is_refused(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    row = {
        "at": moment,
        "on": date(2026, 1, 2),
        "price": Decimal("1.50"),
        "odd": Decimal("0.1"),
        "whole": Decimal("7"),
        "nan": float("nan"),
    }
    [sample] = dataset(tmp_path, "q.parquet", parquet_of([row]))
    assert sample.input == {
        "at": "2026-01-02T03:04:05+00:00",
        "on": "2026-01-02",
        "price": 1.5,
        "odd": 0.1,
        "whole": 7,
        "nan": None,
    }
    assert problems(tmp_path, "q.parquet", parquet_of([{"input": b"x"}])) == [
        "datasets/q.parquet:1: [0]: a value of type bytes cannot be part of a sample"
    ]


def test_the_same_rows_have_the_same_digest_in_every_format(tmp_path: Path) -> None:
    rows = [{"id": str(n), "input": f"é{n}", "expected": "x"} for n in range(300)]
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "b.csv").write_text(
        "id,input,expected\n" + "".join(f"{r['id']},{r['input']},x\n" for r in rows), "utf-8"
    )
    (folder / "c.parquet").write_bytes(parquet_of(rows[::-1]))
    (folder / "d.yaml").write_text(json.dumps(rows))
    assert len({load(tmp_path, name).digest for name in "abcd"}) == 1


@pytest.mark.parametrize(("kind", "value"), [(pa.timestamp("s"), 2**40), (pa.date32(), 2**30)])
def test_a_date_beyond_the_calendar_is_refused(
    tmp_path: Path, kind: pa.DataType, value: int
) -> None:
    out = io.BytesIO()
    parquet.write_table(pa.table({"input": pa.array([value], kind)}), out)
    [problem] = problems(tmp_path, "q.parquet", out.getvalue())
    assert problem.startswith("datasets/q.parquet: not Parquet: ")


@pytest.mark.parametrize("cut", [0, 3, 40, -1])
def test_what_is_no_parquet_is_refused(tmp_path: Path, cut: int) -> None:
    data = parquet_of([{"input": "a"}])[:cut]
    [problem] = problems(tmp_path, "q.parquet", data)
    assert problem.startswith("datasets/q.parquet: not Parquet: ")


def test_damaged_pages_of_parquet_are_no_other_error(tmp_path: Path) -> None:
    whole = parquet_of([{"input": f"text {n}"} for n in range(500)])
    for at in range(4, len(whole) - 8, 97):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        try:
            dataset(tmp_path, "q.parquet", bytes(damaged))
        except InvalidInput:
            continue


def test_parquet_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(InvalidInput) as caught:
        dataset(tmp_path, "q.parquet", b"PAR1")
    assert str(caught.value) == (
        "datasets/q.parquet is Parquet, which is read by pyarrow, and that is not installed"
    )
    assert caught.value.hint == "Install it: `pip install 'gitexp[eval]'`."


# --- hostile cells

HOSTILE = [
    "{{ env.HOME }}",
    "{{ ''.__class__.__mro__ }}",
    "{% for i in range(10**9) %}x{% endfor %}",
    "file:///etc/passwd",
    "$(touch /tmp/owned)",
    "`id`",
    "${HOME}",
    "$HOME",
    '=HYPERLINK("http://x","y")',
    "@SUM(A1)",
    "\\u001b[31m",
    "../../etc/passwd",
    "!!python/object/apply:os.system [id]",
    "&anchor *alias",
    "secrets.key",
]


@pytest.mark.parametrize("name", ["q.csv", "q.jsonl", "q.parquet"])
def test_hostile_cells_are_what_they_are(tmp_path: Path, name: str) -> None:
    rows = [{"input": text, "expected": text} for text in HOSTILE]
    if name == "q.csv":
        out = io.StringIO()
        csv.writer(out).writerows([["input", "expected"], *([t, t] for t in HOSTILE)])
        data: bytes = out.getvalue().encode()
    elif name == "q.jsonl":
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    else:
        data = parquet_of(rows)
    found = dataset(tmp_path, name, data)
    assert [sample.input for sample in found] == HOSTILE
    assert [sample.expected for sample in found] == HOSTILE
