"""Strict YAML: what it means, what is refused, and where."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gitexp.documents.values import same
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.errors import InvalidDocuments
from tests.documents.reading import problems


def value_of(text: str) -> Any:
    return parse_yaml(f"v: {text}\n", file="f.yaml").value["v"]


@pytest.mark.parametrize(
    "text",
    [
        *("no", "No", "yes", "on", "OFF", "y", "n", "tRUE", "nULL"),
        *("2024-01-01", "2001-12-14t21:59:43.10-05:00", "12:30:45", "1:30", "1_000", "0b11"),
        *("1.2.3", "1e", "e5", "0x", "0o8", "0xG", "+0x1F", "-a", "=", "<<", "inf", "nan", "1,5"),
    ],
)
def test_what_only_yaml_1_1_takes_for_something_else_is_text(text: str) -> None:
    assert value_of(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(form, True) for form in ("true", "True", "TRUE")],
        *[(form, False) for form in ("false", "False", "FALSE")],
        *[(form, None) for form in ("null", "Null", "NULL", "~", "")],
        *[("0", 0), ("-0", 0), ("+12", 12), ("-7", -7), ("0o17", 15), ("0x1F", 31)],
        *[("1e3", 1000.0), ("1e-5", 1e-5), (".5", 0.5), ("5.", 5.0), ("-1.5E+2", -150.0)],
        *[("0.1", 0.1), ("00.5", 0.5), ("-0.0", -0.0), ("9" * 4300, int("9" * 4300))],
        *[("'no'", "no"), ('"1"', "1"), ('"\\u00e9\\t"', "é\t"), ('"a\\r\\n"', "a\r\n")],
        *[("[1, a, {b: no}]", [1, "a", {"b": "no"}]), ("{}", {}), ("[]", [])],
    ],
)
def test_scalars_have_the_meaning_of_the_core_schema(text: str, value: Any) -> None:
    assert same(value_of(text), value)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "---\n...\n"])
def test_an_empty_document_is_null(text: str) -> None:
    assert parse_yaml(text, file="f.yaml").value is None


def test_a_byte_order_mark_and_windows_line_ends_are_tolerated() -> None:
    data = "\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n".encode()
    assert parse_yaml(data, file="f.yaml").value == {"a": 1, "b": "x\ny\n"}


def test_a_directive_of_yaml_1_2_is_tolerated() -> None:
    assert parse_yaml("%YAML 1.2\n---\na: no\n", file="f.yaml").value == {"a": "no"}


def test_every_part_knows_its_place() -> None:
    text = "a: 1\nb:\n  - x\n  - c: [5, 6]\n    é: |\n      😀\n"
    document = parse_yaml(text, file="f.yaml")
    assert dict(document.positions) == {
        (): (1, 1),
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", 0): (3, 5),
        ("b", 1): (4, 5),
        ("b", 1, "c"): (4, 5),
        ("b", 1, "c", 0): (4, 9),
        ("b", 1, "c", 1): (4, 12),
        ("b", 1, "é"): (5, 5),
    }


def test_a_part_that_is_missing_stands_where_its_collection_stands() -> None:
    document = parse_yaml("a:\n  b: 1\n", file="f.yaml")
    assert document.position(("a", "c", 3)) == (1, 1)
    assert parse_yaml("", file="f.yaml").position(("a",)) is None


OCTAL = (
    "012 begins with 0, which is octal to some readers; leave the 0 out, or put the text in quotes"
)
REFUSED = {
    "a: &x 1\n": ["f.yaml:1: a: anchors (&x) are not allowed; write the value out"],
    "a: *x\n": ["f.yaml:1: a: aliases (*x) are not allowed; write the value out"],
    "a: !!python/object:os.system {}\n": [
        "f.yaml:1: a: tags (tag:yaml.org,2002:python/object:os.system) are not allowed"
    ],
    "a: !x 1\n": ["f.yaml:1: a: tags (!x) are not allowed"],
    "a: ! 1\n": ["f.yaml:1: a: tags (!) are not allowed"],
    "b: 1\n<<: {a: 1}\n": ['f.yaml:2: ["<<"]: merge keys are not allowed; for the text write "<<"'],
    "a: 1\nb: 2\na: 3\n": ["f.yaml:3: a: the key is repeated; line 1 has it"],
    "x: {a: 1, a: 2}\n": ["f.yaml:1: x.a: the key is repeated; line 1 has it"],
    "1: a\n": ['f.yaml:1: keys are text: write "1" in quotes'],
    "a:\n  true: a\n": ['f.yaml:2: a: keys are text: write "true" in quotes'],
    "~: a\n": ['f.yaml:1: keys are text: write "~" in quotes'],
    "? [a]\n: 1\n": ["f.yaml:1: keys are text: a key is a mapping or a list"],
    "a: 012\n": [f"f.yaml:1: a: {OCTAL}"],
    "a: .nan\n": ['f.yaml:1: a: .nan is not a finite number; for the text write ".nan"'],
    "a: -.inf\n": ['f.yaml:1: a: -.inf is not a finite number; for the text write "-.inf"'],
    "a: 1e999\n": ["f.yaml:1: a: 1e999 is too large for a floating-point number"],
    'a: "\\e[31m"\n': ["f.yaml:1: a: the control character U+001B is not allowed"],
    'a: "\\0"\n': ["f.yaml:1: a: the control character U+0000 is not allowed"],
    'a: "\\N"\n': ["f.yaml:1: a: the control character U+0085 is not allowed"],
    '"\\a": 1\n': ["f.yaml:1: the control character U+0007 is not allowed"],
    "a: x\x1b[31m\nb: \x00\n": [
        "f.yaml:1: the control character U+001B is not allowed",
        "f.yaml:2: the control character U+0000 is not allowed",
    ],
    "a: x\u2028y\n": ['f.yaml:1: the invisible character U+2028 must be written as "\\u2028"'],
    "a: 1\rb: 2\n": ["f.yaml:1: a carriage return without a line feed is not a line end"],
    "a: 1\n---\nb: 2\n": ["f.yaml:2: a second document begins; a file holds one"],
    "%TAG ! x\n---\na: 1\n": ["f.yaml:1: a %TAG directive is not allowed"],
    "%YAML 1.1\n---\na: 1\n": [
        "f.yaml:1: a %YAML directive of another version than 1.2 is not allowed"
    ],
    "a: b: c\n": ["f.yaml:1: not YAML: mapping values are not allowed in this context"],
    "a: 'x\nb: 1\n": [
        "f.yaml:3: not YAML: found unexpected end of stream while scanning a quoted scalar"
    ],
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_two_meanings_is_refused_with_its_place(text: str) -> None:
    assert problems(parse_yaml, text) == REFUSED[text]


def test_all_problems_of_a_file_are_reported_together() -> None:
    text = "a: &x 1\nb:\n  - *x\n  - 012\na: .inf\nc: [1\nd: 2\n"
    assert [line.split(": ", 2)[0] for line in problems(parse_yaml, text)] == [
        "f.yaml:1",
        "f.yaml:3",
        "f.yaml:4",
        "f.yaml:5",
        "f.yaml:5",
        "f.yaml:7",
    ]


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    assert problems(parse_yaml, b"a: 1\nb: \xff\n") == ["f.yaml:2: byte 0xff is not UTF-8 text"]
    assert problems(parse_yaml, "a: 1\n".encode("utf-16")) == [
        "f.yaml:1: byte 0xff is not UTF-8 text"
    ]


def test_half_a_surrogate_pair_is_refused() -> None:
    assert problems(parse_yaml, "a: \ud800\n") == [
        "f.yaml:1: half a surrogate pair (U+D800) is not allowed"
    ]


def test_a_value_below_a_refused_key_is_still_judged() -> None:
    assert problems(parse_yaml, "1:\n  a: 012\n  a: 1\n")[1:] == [
        f'f.yaml:2: ["1"].a: {OCTAL}',
        'f.yaml:3: ["1"].a: the key is repeated; line 2 has it',
    ]


@pytest.mark.parametrize("text", [*REFUSED, "a: 1\nb: [x, {c: no}]\n"])
def test_both_parsers_of_pyyaml_are_read_alike(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome() -> Any:
        try:
            return parse_yaml(text, file="f.yaml").value
        except InvalidDocuments as exc:
            return [(problem.line, "not YAML" in problem.message) for problem in exc.problems]

    quick = outcome()
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = outcome()
    assert type(slow) is type(quick)
    assert slow == quick or "not YAML" in str(REFUSED.get(text))
