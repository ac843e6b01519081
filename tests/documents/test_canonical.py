"""Canonical JSON, against the examples of RFC 8785."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.documents.canonical import canonical_json, digest_of
from gitexp.errors import InvalidInput


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *[(0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (4.50, "4.5"), (2e-3, "0.002")],
        *[(5e-324, "5e-324"), (-5e-324, "-5e-324"), (1e-6, "0.000001"), (1e-7, "1e-7")],
        *[(1e20, "100000000000000000000"), (1e21, "1e+21"), (1e23, "1e+23"), (1e30, "1e+30")],
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (333333333.3333332, "333333333.3333332"),
        (1.23e-5, "0.0000123"),
    ],
)
def test_a_number_is_written_as_ecmascript_does(number: float, text: str) -> None:
    assert canonical_json(number).decode() == text


def test_integers_are_exact() -> None:
    assert canonical_json(2**53 + 1) == b"9007199254740993"
    assert canonical_json(10**30) == b"1" + b"0" * 30


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    assert canonical_json(dict.fromkeys(keys, 0)).decode() == (
        '{"\\r":0,"1":0,"\x80":0,"\xf6":0,"\u20ac":0,"\U0001f600":0,"\ufb33":0}'
    )


def test_only_what_json_demands_is_escaped() -> None:
    text = '\u20ac$\x0f\nA\'B"\\"/\x7f\u2028'
    assert canonical_json(text).decode() == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/\x7f\u2028"'


def test_there_is_no_space_between_tokens() -> None:
    value = {"b": [1, {"d": None, "c": True}], "a": []}
    assert canonical_json(value) == b'{"a":[],"b":[1,{"c":true,"d":null}]}'


def test_a_digest_is_the_sha_256_of_the_canonical_json() -> None:
    assert digest_of({}) == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
    assert digest_of({"a": 1, "b": 2.0}) == digest_of({"b": 2, "a": 1.0})
    assert digest_of({"a": 1}) != digest_of({"a": True})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": {1}}, "\ud800"])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        canonical_json(value)
