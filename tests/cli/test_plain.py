from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.cli.plain import json_line, json_text, plain

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@dataclass(frozen=True)
class _Thing:
    name: str
    at: datetime


class _WithDict:
    def to_dict(self) -> dict[str, object]:
        return {"items": (1, 2)}


def test_library_objects_become_json_values() -> None:
    moment = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert plain(_Thing("a", moment)) == {"name": "a", "at": "2026-01-02T03:04:05Z"}
    assert plain({"x": _WithDict()}) == {"x": {"items": [1, 2]}}


def test_an_object_without_a_json_form_is_a_bug() -> None:
    with pytest.raises(TypeError, match="no JSON form for PurePosixPath"):
        plain(PurePosixPath("a"))


def test_what_json_cannot_hold_becomes_text() -> None:
    assert plain([math.nan, math.inf, -math.inf]) == ["NaN", "Infinity", "-Infinity"]


@given(JSON_VALUES)
def test_json_text_reads_back_as_it_was(value: object) -> None:
    assert json.loads(json_text(value)) == value
    assert json.loads(json_line(value)) == value


@given(st.text())
def test_json_in_one_line_is_one_line_without_controls(text: str) -> None:
    line = json_line(text)
    assert len(line.splitlines()) == 1
    assert line.isprintable() or any(c in line for c in text if not c.isprintable())
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in line)


def test_floats_are_not_rounded() -> None:
    assert json_line(0.1 + 0.2) == "0.30000000000000004"


def test_escape_sequences_and_bidi_controls_are_escaped() -> None:
    assert json_line("\x1b[2J\x9b\u202e") == '"\\u001b[2J\\u009b\\u202e"'
