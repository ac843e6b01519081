"""Canonical YAML: what it looks like, and what it refuses to write."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from gitexp.documents.limits import MAX_YAML_BYTES
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.documents.yaml_writer import dump_yaml, flow_text, scalar_text
from gitexp.errors import InvalidInput

PAGE = """\
# yaml-language-server: $schema=https://gitexp.dev/schemas/1/parameters.schema.json
model: gpt-4o

temperature: 0.5

prompt: |
  You are a bot.

  Answer # briefly: yes.

stop:
  - "no"
  - - 1
    - 2
  - name: x
    text: |-
      a
      b
  - []

nested:
  empty: {}
  none: null
  "y": true
"""


def test_a_document_is_laid_out_to_be_read_and_merged() -> None:
    value = {
        "model": "gpt-4o",
        "temperature": 0.5,
        "prompt": "You are a bot.\n\nAnswer # briefly: yes.\n",
        "stop": ["no", [1, 2], {"name": "x", "text": "a\nb"}, []],
        "nested": {"empty": {}, "none": None, "y": True},
    }
    assert dump_yaml(value, schema="parameters").decode() == PAGE


def test_no_values_are_an_empty_mapping() -> None:
    assert dump_yaml({}) == b"{}\n"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "no", "No", "ON", "y", "null", "~", "true", "1e3", "012", "2024-01-01", "1:30"),
        *("1_000", "0x1F", ".inf", "=", "<<", "-", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a"),
        *("[a]", "{a", "'a'", '"', "a:", "a ", " a", "%a", "@a", "`a", "|", ">", "? a", "4o-mini"),
        *("---", "...", "+1", "-x", "\u00a0a", "a\u3000"),
    ],
)
def test_text_that_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    assert scalar_text(text) == '"' + text.replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    "text",
    ["gpt-4o", "a b", "C:\\x", "it's", "http://x/y?z=1#a", "/etc", "_x", "Ünïcode 日本", "a, [b]"],
)
def test_text_that_nobody_can_mistake_is_not_quoted(text: str) -> None:
    assert scalar_text(text) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(1, "1"), (-0.0, "-0.0"), (1.0, "1.0"), (1e-05, "1.0e-05"), (1e16, "1.0e+16")],
        *[(1.5e300, "1.5e+300"), (10**20, "1" + "0" * 20), (True, "true"), (None, "null")],
        *[([], "[]"), ({}, "{}"), ("a\tb", '"a\\tb"'), ("\u202ex", '"\\u202ex"')],
        *[("a\\b\r", '"a\\\\b\\r"'), ("\u2028", '"\\u2028"'), ("\ufeff", '"\\ufeff"')],
    ],
)
def test_values_on_one_line(value: Any, text: str) -> None:
    assert scalar_text(value) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb", "|-\n  a\n  b"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        (" a\nb", "|2-\n   a\n  b"),
        ("\n\ta", "|2-\n\n  \ta"),
        ("x" * 81, "|-\n  " + "x" * 81),
        ("\n", '"\\n"'),
        ("a\n ", '"a\\n "'),
        ("a\r\nb", '"a\\r\\nb"'),
        ("a\u2028\nb", '"a\\u2028\\nb"'),
    ],
)
def test_long_and_multi_line_text_is_a_literal_block_where_it_reads_back(
    text: str, written: str
) -> None:
    assert dump_yaml({"t": text}).decode() == f"t: {written}\n"


def test_no_blank_line_is_added_to_a_text_that_keeps_its_own() -> None:
    data = dump_yaml({"a": {"b": "x\n\n"}, "c": 1})
    assert data == b"a:\n  b: |+\n    x\n\nc: 1\n"


def test_a_key_too_long_for_one_line_is_written_as_an_explicit_key() -> None:
    value = {"k" * 2000: {"a": 1}, "l": [{"m" * 2000: "x\ny"}]}
    assert parse_yaml(dump_yaml(value), file="f.yaml").value == value


def test_other_mappings_and_tuples_are_written_like_dicts_and_lists() -> None:
    assert dump_yaml(MappingProxyType({"a": (1, 2)})) == dump_yaml({"a": [1, 2]})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": float("nan")}, "a: nan is not a finite number"),
        ({"a": [0, float("-inf")]}, "a[1]: -inf is not a finite number"),
        ({"a": {1: 2}}, "a: the key 1 is not text"),
        ({"a": {None: 2}}, "a: the key null is not text"),
        ({"a": {"b": {1, 2}}}, "a.b: a value of type set cannot be stored"),
        ({"a": b"x"}, "a: a value of type bytes cannot be stored"),
        (
            {"a": "x\x1b"},
            'a: "x\\u001b" cannot be stored: it holds the control character U+001B',
        ),
        (
            {"a": "\ud800"},
            'a: "\\ud800" cannot be stored: it holds half a surrogate pair (U+D800)',
        ),
        (
            {"a": {"x\0": 1}},
            'a: the key "x\\u0000" cannot be stored: it holds the control character U+0000',
        ),
        ({"a": 10**4300}, "a: an integer of more than 4300 digits cannot be stored"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(value: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        dump_yaml(value)
    assert str(caught.value) == message


def test_a_value_that_holds_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["a"] = value
    with pytest.raises(InvalidInput, match=r"a\.a\.a: nested more than 64 deep"):
        dump_yaml(value)


def test_a_document_larger_than_what_is_read_is_not_written() -> None:
    with pytest.raises(InvalidInput, match=f"more than the {MAX_YAML_BYTES} that are read"):
        dump_yaml({"a": "x" * MAX_YAML_BYTES})


def test_a_value_in_brackets_quotes_what_brackets_would_split() -> None:
    value = {"a": ["x", "y z", "a,b", "http://x", "no", 1, None, {}]}
    assert flow_text(value) == '{a: [x, y z, "a,b", "http://x", "no", 1, null, {}]}'
    assert parse_yaml(flow_text(value), file="f.yaml").value == value
