"""What the index keeps of a run."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.runs.index.entries import entry_of, param_number
from gitexp.runs.index.schema import shortened
from tests.runs.making import (
    make_run,
    run_id,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        (0.5, 0.5),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("-7", -7),
        ("007", 7),
        (2**62, 2**62),
        (2**70, float(2**70)),
        ("Infinity", float("inf")),
        (10**400, float("inf")),
        (True, None),
        (None, None),
        ("NaN", None),
        ("1 ", None),
        ("x", None),
        ("1_000", None),
        ("", None),
        ([1], None),
    ],
)
def test_a_param_is_a_number_where_it_reads_as_one(value: Any, number: Any) -> None:
    assert param_number(value) == number
    assert type(param_number(value)) is type(number)


def test_long_texts_are_kept_once_and_shortened_elsewhere() -> None:
    text = "x" * 1000
    entry = entry_of(make_run(run_id(1), params={"prompt": text}, tags={"t": text}).to_dict())
    assert entry.params == [("prompt", shortened(text), None)]
    assert entry.texts == {shortened(text): text}
    assert len(shortened(text)) < 300
    assert shortened(text) != shortened(text + "x")
