"""Outputs become plain data, and keep no secret."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import pytest

from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidInput
from gitexp.evaluation.running import outputs
from gitexp.evaluation.running.outputs import masked, plain_output
from gitexp.ids import Digest, VersionId
from gitexp.runs.masking import secrets_of


class Word(str, Enum):
    YES = "yes"


@pytest.mark.parametrize(
    ("output", "plain"),
    [
        (None, None),
        ("a", "a"),
        ((1, 2.5, True), [1, 2.5, True]),
        ({"a": ({"b": ()},)}, {"a": [{"b": []}]}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        ({"scores": np.array([[1, 2]])}, {"scores": [[1, 2]]}),
        (Word.YES, "yes"),
    ],
)
def test_outputs_become_plain_data(output: Any, plain: Any) -> None:
    made = plain_output(output)
    assert made == plain
    assert type(made) is type(plain)


def test_a_plain_output_is_a_copy() -> None:
    output = {"words": ["a"]}
    made = plain_output(output)
    output["words"].append("b")
    assert made == {"words": ["a"]}


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (object, "a value of type type cannot be stored"),
        ({1, 2}, "a value of type set cannot be stored"),
        (b"x", "a value of type bytes cannot be stored"),
        (float("nan"), "nan is not a finite number"),
        ({"a": [float("inf")]}, "a[0]: inf is not a finite number"),
        ({1: 2}, "the key 1 is not text"),
    ],
)
def test_what_has_no_json_form_is_refused(output: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plain_output(output)
    assert str(caught.value) == message


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="half a surrogate pair"):
        plain_output("\ud800")


def test_an_endless_output_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidInput, match="nested more than 64 deep"):
        plain_output(endless)


def test_a_huge_output_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_JSON_BYTES", 10)
    with pytest.raises(InvalidInput) as caught:
        plain_output("x" * 20)
    assert str(caught.value) == "the output has 22 characters, more than 10"


def test_secrets_are_masked_everywhere() -> None:
    value = {"said sesame": ["open sesame", 5, None], "n": {"k": "sesame seeds"}}
    assert masked(value, ["sesame seeds", "sesame"]) == {
        "said <secret>": ["open <secret>", 5, None],
        "n": {"k": "<secret>"},
    }


def test_without_secrets_nothing_is_copied() -> None:
    value = {"a": 1}
    assert masked(value, []) is value


def test_only_secrets_that_are_set_and_long_enough_are_masked() -> None:
    parameters = Parameters(
        {"a": "LONG", "b": "SHORT", "c": "UNSET", "d": "LONGER", "e": "LONG"},
        types={"a": "secret", "b": "secret", "c": "secret", "d": "secret", "e": "text"},
        provenance=Provenance(
            experiment="tone", experiment_id="x", version=VersionId(""), digest=Digest("")
        ),
        environ={"LONG": "sesame", "SHORT": "abc", "LONGER": "sesame seeds"},
    )
    assert secrets_of(parameters) == ("sesame seeds", "sesame")
