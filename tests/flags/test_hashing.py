"""Draws are those of PostHog and GrowthBook: by published vectors, and by the formulas anew."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.flags.hashing import (
    PostHogDraws,
    fnv32a,
    growthbook_draw,
    growthbook_spans,
    in_namespace,
    posthog_spans,
)

# From GrowthBook's SDK specification: seed, value, version, number.
PUBLISHED = [
    ("", "a", 1, 0.22),
    ("", "b", 1, 0.077),
    ("b", "a", 1, 0.946),
    ("ef", "d", 1, 0.652),
    ("asdf", "8952klfjas09ujk", 1, 0.549),
    ("", "123", 1, 0.011),
    ("", '___)((*":&', 1, 0.563),
    ("seed", "a", 2, 0.0505),
    ("seed", "b", 2, 0.2696),
    ("foo", "ab", 2, 0.2575),
    ("foo", "def", 2, 0.2019),
]


@pytest.mark.parametrize(("seed", "value", "version", "number"), PUBLISHED)
def test_the_published_numbers_of_growthbook_come_out(
    seed: str, value: str, version: int, number: float
) -> None:
    assert growthbook_draw(seed, value, 1 if version == 1 else 2) == number


@given(st.text(), st.text())
def test_fnv_is_over_the_units_of_utf_16(seed: str, value: str) -> None:
    found = 0x811C9DC5
    data = (value + seed).encode("utf-16-le", "surrogatepass")
    for place in range(0, len(data), 2):
        found = ((found ^ int.from_bytes(data[place : place + 2], "little")) * 0x01000193) % 2**32
    assert fnv32a(value + seed) == found
    assert growthbook_draw(seed, value, 1) == found % 1000 / 1000


@given(st.text(min_size=1), st.text(min_size=1))
def test_posthog_takes_fifteen_digits_of_a_sha1(key: str, identifier: str) -> None:
    texts = [f"{key}.{identifier}{salt}" for salt in ("", "variant")]
    digests = [hashlib.sha1(t.encode("utf-8", "surrogatepass")).hexdigest() for t in texts]
    rollout, variant = [int(digest[:15], 16) / float(0xFFFFFFFFFFFFFFF) for digest in digests]
    draws = PostHogDraws(f"{key}.")
    assert draws.rollout(identifier) == rollout
    assert draws.both(identifier, 1, "variant") == (0.0, variant)
    assert draws.both(identifier, 0.5, "variant") == (rollout, variant if rollout <= 0.5 else 0.0)


def test_parts_are_a_running_sum_of_floats() -> None:
    assert posthog_spans([10, 20, 70]) == ((0.0, 0.1), (0.1, 0.1 + 0.2), (0.1 + 0.2, 1.0))


@pytest.mark.parametrize(
    ("weights", "coverage", "spans"),
    [
        ([0.5, 0.5], 1, [(0, 0.5), (0.5, 1)]),
        ([0.5, 0.5], 0.5, [(0, 0.25), (0.5, 0.75)]),
        ([0.4, 0.6], 0.1, [(0, 0.04), (0.4, 0.46)]),
        ([0.5, 0.5], -0.2, [(0, 0), (0.5, 0.5)]),
        ([0.5, 0.5], 1.5, [(0, 0.5), (0.5, 1)]),
        ([0.4, 0.1], 1, [(0, 0.5), (0.5, 1)]),
    ],
)
def test_growthbook_covers_a_share_of_each_part(
    weights: list[float], coverage: float, spans: list[tuple[float, float]]
) -> None:
    found = growthbook_spans(weights, coverage)
    assert [pytest.approx(span) for span in found] == spans


@given(st.text(min_size=1))
def test_shares_of_a_namespace_that_touch_have_nobody_in_common(identifier: str) -> None:
    inside = [in_namespace(identifier, "pricing", span) for span in ((0, 0.4), (0.4, 1))]
    assert sorted(inside) == [False, True]
