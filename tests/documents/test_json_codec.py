"""Strict JSON and JSON Lines."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from gitexp.documents.json_codec import (
    dump_json,
    dump_jsonl,
    parse_json,
    parse_json_lines,
    parse_jsonl,
)
from gitexp.documents.limits import MAX_JSON_BYTES, MAX_PROBLEMS
from gitexp.errors import InvalidInput
from tests.documents.reading import problems

REFUSED = {
    '{"a": 1,\n "a": 2}': ["f.json:2: a: the key is repeated; line 1 has it"],
    '{"x": {"a": 1, "a": {"b": NaN}}}': [
        "f.json:1: x.a: the key is repeated; line 1 has it",
        "f.json:1: x.a.b: NaN is not a finite number",
    ],
    "[1,\n[-Infinity]]": ["f.json:2: [1][0]: -Infinity is not a finite number"],
    '{"a": 1e999}': ["f.json:1: a: 1e999 is too large for a floating-point number"],
    '{"a": "\\ud800"}': [
        'f.json:1: a: "\\ud800" is refused: it holds half a surrogate pair (U+D800)'
    ],
    '{"a": ' + "9" * 4301 + "}": ["f.json:1: a: an integer of more than 4300 digits"],
    '{"a": [1,\n2,]}': ["f.json:2: not JSON: illegal trailing comma before end of array"],
    '{"a": 1} x': ["f.json:1: not JSON: extra data"],
    "": ["f.json:1: not JSON: expecting value"],
    '"a\tb"': ["f.json:1: not JSON: invalid control character at"],
    "[" * 65 + "]" * 65: ["f.json:1: nested more than 64 deep"],
    "[" * 500_000: ["f.json:1: nested more than 64 deep"],
    '{"a":' * 500_000: ["f.json:1: nested more than 64 deep"],
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_plain_json_is_refused_with_its_place(text: str) -> None:
    found = problems(parse_json, text, "f.json")
    if "trailing comma" in REFUSED[text][0]:
        # Python's own words for this differ between versions; the line is ours.
        assert [line.split(": ")[:2] for line in found] == [["f.json:2", "not JSON"]]
    else:
        assert found == REFUSED[text]


def test_nesting_is_allowed_up_to_its_bound_and_brackets_in_text_do_not_count() -> None:
    assert parse_json("[" * 64 + "]" * 64, file="f.json").value
    text = "[" * 1000 + '\\"'
    assert parse_json(f'["{text}"]', file="f.json").value == ["[" * 1000 + '"']


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"', file="f.json").value == "😀"


def test_bytes_are_bounded_and_are_utf_8() -> None:
    assert problems(parse_json, b'"\xff"', "f.json") == ["f.json:1: byte 0xff is not UTF-8 text"]
    large = b" " * (MAX_JSON_BYTES + 1)
    assert problems(parse_json, large, "f.json") == [
        f"f.json: {len(large)} bytes are more than the {MAX_JSON_BYTES} that a document may have"
    ]


def test_every_part_knows_its_place() -> None:
    document = parse_json('{"a": [1,\n {"b": 2}],\n "c": "[{,\\""}', file="f.json")
    assert dict(document.positions) == {
        (): (1, 1),
        ("a",): (1, 2),
        ("a", 0): (1, 8),
        ("a", 1): (2, 2),
        ("a", 1, "b"): (2, 3),
        ("c",): (3, 2),
    }


def test_json_is_indented_in_the_order_given_and_ends_with_a_line_feed() -> None:
    value: dict[str, Any] = {"b": [1, 2.5, None, True, {}], "a": "é😀"}
    assert dump_json(value).decode() == (
        '{\n  "b": [\n    1,\n    2.5,\n    null,\n    true,\n    {}\n  ],\n  "a": "é😀"\n}\n'
    )


def test_characters_that_show_nothing_are_escaped() -> None:
    text = "\x00\x1b\x7f\x9b\u2028\u2029\u202e\u2066\ufeff"
    assert dump_json(text) == (
        b'"\\u0000\\u001b\\u007f\\u009b\\u2028\\u2029\\u202e\\u2066\\ufeff"\n'
    )
    assert parse_json(dump_json(text), file="f.json").value == text


def test_other_mappings_and_tuples_are_written_like_dicts_and_lists() -> None:
    assert dump_json(MappingProxyType({"a": (1,)})) == dump_json({"a": [1]})


def test_json_lines_have_a_value_a_line() -> None:
    rows = [{"a": 1}, "x\ny\u2028", None]
    data = dump_jsonl(rows)
    assert data == b'{"a": 1}\n"x\\ny\\u2028"\nnull\n'
    assert parse_jsonl(data, file="f.jsonl") == rows
    assert dump_jsonl([]) == b""


def test_blank_lines_are_left_out_and_lines_are_counted_all_the_same() -> None:
    document = parse_json_lines('{"a": 1}\r\n\n  \n{"a": 2}', file="f.jsonl")
    assert document.value == [{"a": 1}, {"a": 2}]
    assert document.position((1, "a")) == (4, 1)


def test_every_bad_line_is_reported_with_its_number() -> None:
    text = '{"a": 1}\n\n{"a": 1, "a": 2}\n{bad\n[NaN]\n'
    assert problems(parse_jsonl, text, "f.jsonl") == [
        "f.jsonl:3: a: the key is repeated; line 3 has it",
        "f.jsonl:4: not JSON: expecting property name enclosed in double quotes",
        "f.jsonl:5: [0]: NaN is not a finite number",
    ]


def test_bad_lines_without_end_are_cut_off() -> None:
    assert len(problems(parse_jsonl, "{\n" * 10_000, "f.jsonl")) == MAX_PROBLEMS


def test_a_line_is_bounded() -> None:
    found = problems(parse_jsonl, b'"' + b"x" * MAX_JSON_BYTES + b'"\n', "f.jsonl")
    assert found == [
        f"f.jsonl:1: {MAX_JSON_BYTES + 2} characters are more than the {MAX_JSON_BYTES} of a line"
    ]


def test_what_has_no_json_form_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInput) as caught:
        dump_json({"a": [float("nan")]})
    assert str(caught.value) == "a[0]: nan is not a finite number"
    with pytest.raises(InvalidInput) as caught:
        dump_jsonl([{}, {"b": {1: 2}}])
    assert str(caught.value) == "[1].b: the key 1 is not text"
