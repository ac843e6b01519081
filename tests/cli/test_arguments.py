from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.cli.arguments import pairs, parse_values, values_from
from gitexp.cli.groups import UsageFault
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.project.definition import Project
from tests.cli.conftest import session

PROJECT = Project.from_dict(
    {
        "id": "bot",
        "parameters": {
            "temperature": {"type": "number"},
            "seed": {"type": "integer"},
            "stream": {"type": "boolean"},
            "model": {"type": "string"},
            "stop": {"type": "list"},
        },
    },
    file="gitexp.yaml",
)


def test_values_are_read_by_the_type_of_their_slot() -> None:
    texts = [
        ("temperature", "0.5"),
        ("seed", "7"),
        ("stream", "true"),
        ("model", "7"),
        ("stop", '["a"]'),
    ]
    assert parse_values(PROJECT, texts) == {
        "temperature": 0.5,
        "seed": 7,
        "stream": True,
        "model": "7",
        "stop": ["a"],
    }


def test_everything_that_is_wrong_is_told_at_once() -> None:
    texts = [("temperatur", "0.5"), ("seed", "0.5"), ("stream", "yes")]
    with pytest.raises(InvalidDocuments) as caught:
        parse_values(PROJECT, texts)
    assert caught.value.message == (
        "--set: no parameter slot 'temperatur'\n"
        '--set: seed: "0.5" is not an integer\n'
        '--set: stream: "yes" is not true or false'
    )
    assert caught.value.hint == "Did you mean 'temperature'?"


def test_a_value_may_hold_equal_signs_and_be_empty() -> None:
    assert pairs(["a=b=c", "d="], "--set") == [("a", "b=c"), ("d", "")]


def test_a_setting_needs_a_name_and_a_value() -> None:
    with pytest.raises(UsageFault, match="--set 'temperature' has no '='"):
        pairs(["temperature"], "--set")


def test_a_name_is_given_once() -> None:
    with pytest.raises(UsageFault, match="--set names 'a' twice"):
        pairs(["a=1", "a=2"], "--set")


def test_a_file_of_values_is_yaml_or_json(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("temperature: 0.5\nmodel: no\n")
    (tmp_path / "b.json").write_text('{"temperature": 0.5, "model": "no"}')
    for name in ("a.yaml", "b.json"):
        assert values_from(session(tmp_path), name) == {"temperature": 0.5, "model": "no"}


def test_a_file_of_values_has_to_be_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- 1\n")
    with pytest.raises(InvalidInput, match=r"a\.yaml: not a mapping of names to values"):
        values_from(session(tmp_path), "a.yaml")


LIMITED = Project.from_dict(
    {
        "id": "bot",
        "parameters": {
            "temperature": {"type": "number", "maximum": 2},
            "seed": {"type": "integer"},
            "api_key": {"type": "secret"},
        },
    },
    file="gitexp.yaml",
)


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        (
            "temperature",
            "warm",
            '"warm" is not a finite number',
            "Write a number, such as 0.5",
        ),
        (
            "temperature",
            "3",
            "3.0 is greater than 2",
            "Write a number, such as 0.5",
        ),
        (
            "seed",
            "0.5",
            '"0.5" is not an integer',
            "Write a whole number, such as 5",
        ),
    ],
)
def test_a_number_that_is_refused_gets_a_hint(
    name: str, text: str, message: str, hint: str
) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        parse_values(LIMITED, [(name, text)])
    assert caught.value.message == f"--set: {name}: {message}"
    assert caught.value.hint == f"{hint}; `parameters.{name}` in gitexp.yaml says what it may be."


def test_a_secret_given_by_mistake_is_not_repeated() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        parse_values(LIMITED, [("api_key", "sk-live-123")])
    assert "sk-live-123" not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message == (
        "--set: api_key: this is not the name of a variable that the slot allows "
        "(a secret slot holds a name, never a value)"
    )
    assert caught.value.hint == "Give the name of a variable: `--set api_key=API_KEY`."
