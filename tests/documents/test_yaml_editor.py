"""Edits of a file that a person wrote."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gitexp.documents.yaml_editor import edit_yaml
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.errors import InvalidDocuments, InvalidInput

OLD = """\
# yaml-language-server: $schema=x
# All about the bot.

# how warm
temperature: 0.5  # warm

model: "gpt-4o"   # which
stop: [a, b]  # stops
prompt: |-  # the prompt
    You are
    a bot
nested:
  # inner
  a: 1
  b: # letters
    - x
    - y   # why
    # the last
    - z
  c: 'single'

empty:   # nothing
last: yes
# trailer
"""


def edited(change: Callable[[dict[str, Any]], object], old: str = OLD) -> str:
    """Return the text after a change of its values, which are checked as well."""
    value = copy.deepcopy(parse_yaml(old, file="f.yaml").value)
    change(value)
    text = edit_yaml(old.encode(), value, file="f.yaml")
    assert parse_yaml(text, file="f.yaml").value == value
    return text.decode()


@pytest.mark.parametrize(
    ("values", "before", "after"),
    [
        ({"temperature": 1}, "temperature: 0.5  # warm", "temperature: 1  # warm"),
        ({"temperature": None}, "temperature: 0.5  # warm", "temperature: null  # warm"),
        ({"model": "x"}, 'model: "gpt-4o"   # which', 'model: "x"   # which'),
        ({"model": 4}, 'model: "gpt-4o"   # which', "model: 4   # which"),
        ({"stop": ["a", "no"]}, "stop: [a, b]  # stops", 'stop: [a, "no"]  # stops'),
        ({"stop": []}, "stop: [a, b]  # stops", "stop: []  # stops"),
        ({"prompt": "You are\na cat"}, "    a bot\n", "    a cat\n"),
        (
            {"prompt": "x"},
            "prompt: |-  # the prompt\n    You are\n    a bot\n",
            "prompt: x  # the prompt\n",
        ),
        (
            {"model": "a\nb\n"},
            'model: "gpt-4o"   # which\n',
            "model: |  # which\n  a\n  b\n",
        ),
        (
            {"empty": {"a": [1]}},
            "empty:   # nothing\n",
            "empty:  # nothing\n  a:\n    - 1\n",
        ),
        ({"empty": 3}, "empty:   # nothing", "empty: 3   # nothing"),
        ({"last": "no"}, "last: yes", 'last: "no"'),
        ({"new": 1}, "# trailer\n", "# trailer\n\nnew: 1\n"),
        (
            {"new": [1], "newer": "x"},
            "# trailer\n",
            "# trailer\n\nnew:\n  - 1\n\nnewer: x\n",
        ),
    ],
)
def test_only_the_lines_of_a_changed_key_change(
    values: dict[str, Any], before: str, after: str
) -> None:
    assert OLD.count(before) == 1
    assert edited(lambda value: value.update(values)) == OLD.replace(before, after)


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (lambda v: v["nested"].update(a=2), "  a: 1\n", "  a: 2\n"),
        (lambda v: v["nested"].update(c="it's"), "'single'", "'it''s'"),
        (lambda v: v["nested"].update(d=4), "'single'\n", "'single'\n  d: 4\n"),
        (lambda v: v["nested"].pop("a"), "  # inner\n  a: 1\n", ""),
        (lambda v: v["nested"]["b"].append("w"), "    - z\n", "    - z\n    - w\n"),
        (lambda v: v["nested"]["b"].insert(0, "w"), "    - x\n", "    - w\n    - x\n"),
        (lambda v: v["nested"]["b"].pop(), "    # the last\n    - z\n", ""),
        (lambda v: v["nested"]["b"].pop(1), "    - y   # why\n", ""),
        (
            lambda v: v["nested"]["b"].__setitem__(1, {"k": [1]}),
            "    - y   # why\n",
            "    - k:\n        - 1\n",
        ),
    ],
)
def test_collections_are_edited_in_their_parts(
    change: Callable[[dict[str, Any]], object], before: str, after: str
) -> None:
    assert edited(change) == OLD.replace(before, after)


def test_braces_around_nothing_are_filled_line_by_line() -> None:
    old = "a: {}  # nothing yet\n\nb:\n  c: { }\n"
    new = edited(lambda value: (value["a"].update(x={}), value["b"]["c"].update(z=1)), old)
    assert new == "a:  # nothing yet\n  x: {}\n\nb:\n  c:\n    z: 1\n"


def test_a_removed_key_takes_its_comment_and_its_blank_line_along() -> None:
    after = OLD.replace("# how warm\ntemperature: 0.5  # warm\n\n", "")
    assert edited(lambda value: value.pop("temperature")) == after


def test_a_comment_at_the_top_stays_when_the_first_key_goes() -> None:
    assert edited(lambda value: value.pop("a"), "# about all\na: 1\n\nb: 2\n") == (
        "# about all\n\nb: 2\n"
    )


def test_all_values_gone_leave_the_comments_at_the_top() -> None:
    assert edited(dict.clear, "# top\n\na: 1\n") == "# top\n\n{}\n"


@pytest.mark.parametrize(
    ("old", "values", "after"),
    [
        ("", {"a": 1}, "a: 1\n"),
        ("# only\n", {"a": 1}, "# only\na: 1\n"),
        ("a: 1", {"a": 2, "b": "x\n"}, "a: 2\n\nb: |\n  x\n"),
        ("{a: 1}\n", {"a": 2}, "a: 2\n"),
        ("---\na: 1\n...\n", {"a": 1, "b": 2}, "---\na: 1\n\nb: 2\n...\n"),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": "x\ny"}, "a: 1\r\nb: |-\r\n  x\r\n  y\r\n"),
        ("\ufeffa: 1\n", {"a": 2}, "\ufeffa: 2\n"),
        ("a: |+\n  x\n\n", {"a": "x\n\n", "b": 1}, "a: |+\n  x\n\nb: 1\n"),
        ("a: 1\n\n\nb: 2\n", {"a": "x\n\n", "b": 2}, "a: |+\n  x\n\nb: 2\n"),
        ("- 1\n", {"a": 1}, "a: 1\n"),
        ("? a\n: 1\n", {"a": [1]}, "a:\n  - 1\n"),
        ("a:\n- b: 1\n  c: 2\n", {"a": [{"c": 2}]}, "a:\n- c: 2\n"),
        ("a:\n- - 1\n  - 2\n", {"a": [[1, 3]]}, "a:\n- - 1\n  - 3\n"),
        ("a:\n  -\n    b: 1\n", {"a": [{"b": 2}]}, "a:\n  -\n    b: 2\n"),
        ("a:\n  -\n    b: 1\n", {"a": [[2]]}, "a:\n  - - 2\n"),
        ("a: 'x\n\n  y'\nb: 1\n", {"a": "z", "b": 1}, "a: 'z'\nb: 1\n"),
        ("a: >\n  x\n  y\nb: 1\n", {"a": "z\nz", "b": 1}, "a: |-\n  z\n  z\nb: 1\n"),
        ("a: {x: 1,\n  y: 2}\nb: 1\n", {"a": {"x": 3}, "b": 1}, "a:\n  x: 3\nb: 1\n"),
    ],
)
def test_odd_layouts_come_out_right(old: str, values: dict[str, Any], after: str) -> None:
    assert edit_yaml(old.encode(), values, file="f.yaml").decode() == after


@pytest.mark.parametrize("old", ["a: 1.0\n", "a: 1\n", "a: yes\n", "a: [1,   2]  # x\r\n", "a: 1"])
def test_unchanged_values_are_unchanged_bytes(old: str) -> None:
    assert edited(lambda value: None, old) == old


def test_a_change_of_the_type_alone_is_a_change() -> None:
    assert edit_yaml(b"a: 1\n", {"a": 1.0}, file="f.yaml") == b"a: 1.0\n"
    assert edit_yaml(b"a: 1\n", {"a": True}, file="f.yaml") == b"a: true\n"


def test_a_file_that_cannot_be_read_is_not_edited() -> None:
    with pytest.raises(InvalidDocuments, match=r"f\.yaml:1: a: anchors"):
        edit_yaml(b"a: &x 1\n", {"a": 2}, file="f.yaml")


def test_a_value_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a: nan is not a finite number"):
        edit_yaml(b"a: 1\n", {"a": float("nan")}, file="f.yaml")
