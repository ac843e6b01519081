"""Texts made to hurt: each is refused soon, with a place, and the process lives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gitexp.documents.limits import MAX_PROBLEMS, MAX_YAML_BYTES
from gitexp.documents.yaml_reader import parse_yaml
from tests.documents.reading import problems

READ_BRACKETS = """
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.errors import InvalidDocuments
try:
    parse_yaml({text}, file="f.yaml")
except InvalidDocuments as exc:
    print(exc)
"""


@pytest.mark.parametrize("text", ['"[" * 200_000', '"{a: " * 200_000', '"- " * 200_000'])
def test_deep_nesting_is_refused_before_it_can_kill_the_process(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_BRACKETS.format(text=text)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "nested more than 64 deep" in done.stdout


@pytest.mark.parametrize("open_, close", [("[", "]"), ("{a: ", "}")])
def test_nesting_is_allowed_up_to_its_bound(open_: str, close: str) -> None:
    assert parse_yaml(open_ * 64 + close * 64, file="f.yaml").value
    assert "nested more than 64 deep" in problems(parse_yaml, open_ * 65 + close * 65)[0]


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    found = problems(parse_yaml, "\n".join(layers))
    assert found[0] == "f.yaml:1: a0: anchors (&a0) are not allowed; write the value out"
    assert len(found) == MAX_PROBLEMS


def test_a_number_in_base_60_is_text() -> None:
    text = "1" + ":59" * 200_000
    assert parse_yaml(f"a: {text}", file="f.yaml").value == {"a": text}


@pytest.mark.parametrize("number", ["9" * 4301, "-" + "9" * 500_000, "0x" + "f" * 4000])
def test_a_huge_integer_is_a_problem_and_no_error_of_python(number: str) -> None:
    assert problems(parse_yaml, f"a:\n  b: {number}") == [
        "f.yaml:2: a.b: an integer of more than 4300 digits is not accepted"
    ]


def test_a_huge_float_is_a_problem() -> None:
    found = problems(parse_yaml, "a: 1" + "0" * 400 + ".5")
    assert found[0].endswith("… is too large for a floating-point number")
    assert len(found[0]) < 120


def test_a_large_file_is_refused_before_it_is_parsed() -> None:
    data = b"- x\n" * (10 * 2**20 // 4)
    assert problems(parse_yaml, data) == [
        f"f.yaml: {len(data)} bytes are more than the {MAX_YAML_BYTES} that a document may have"
    ]


def test_problems_without_end_are_cut_off() -> None:
    assert len(problems(parse_yaml, "a: 1\n" * 100_000)) == MAX_PROBLEMS
    assert len(problems(parse_yaml, "\x1b" * 100_000)) == MAX_PROBLEMS


def test_a_message_does_not_repeat_a_huge_value() -> None:
    key = "k" * 100_000
    assert all(len(line) < 300 for line in problems(parse_yaml, f'? "{key}"\n: &{key} 012\n'))
