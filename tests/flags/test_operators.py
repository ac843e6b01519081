"""What rules ask of properties, present, missing and of the wrong kind."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from gitexp.documents.schemas import schema_of
from gitexp.flags.operators import FITS_MISSING
from tests.flags.making import NOW, fits

OPERATORS = schema_of("flag")["properties"]["conditions"]["items"]["properties"]["properties"][
    "items"
]["properties"]["operator"]["enum"]

VALUES: dict[str, Any] = {
    "is_date_exact": "2026-11-21",
    "is_date_before": "2026-11-21",
    "is_date_after": "-7d",
    "semver_wildcard": "1.*",
    "is_set": None,
    "is_not_set": None,
}

CASES: list[tuple[str, Any, Any, bool]] = [
    ("exact", "Pro", "pro", True),
    ("exact", "pro", "pro ", False),
    ("exact", ["pro", "team"], "TEAM", True),
    ("exact", 5, 5.0, True),
    ("exact", "5", 5, True),
    ("exact", True, "true", True),
    ("exact", "false", False, True),
    ("exact", 1, True, False),
    ("is_not", "pro", "free", True),
    ("is_not", ["pro"], "PRO", False),
    ("in", ["a", "b"], "b", True),
    ("not_in", ["a", "b"], "c", True),
    ("icontains", "EXAMPLE", "ada@example.org", True),
    ("icontains", ["x", "@"], "ada@example.org", True),
    ("not_icontains", "example", "ada@example.org", False),
    ("starts_with", "Ada", "ada@example.org", True),
    ("not_starts_with", "b", "ada", True),
    ("ends_with", ".org", "ada@example.org", True),
    ("not_ends_with", ".org", "ada@example.org", False),
    ("regex", r"^a\d+$", "a12", True),
    ("regex", r"\d", "a12", True),
    ("regex", r"^\d", "a12", False),
    ("not_regex", r"^\d", "a12", True),
    ("gt", 5, 6, True),
    ("gt", 9, "10", True),
    ("gt", 5, 5, False),
    ("gte", "5", 5, True),
    ("lt", 5, -1.5, True),
    ("lte", 5, 5.1, False),
    ("gt", 5, "many", False),
    ("lt", 5, "many", False),
    ("gt", 0, True, False),
    ("gt", 5, "+6.5e1", True),
    ("gt", 5, "1_000", False),
    ("gt", 5, "\u0669", False),
    ("gt", 5, " 6", False),
    ("gt", 5, "infinity", False),
    ("gt", 5, float("inf"), False),
    ("gt", 5, float("nan"), False),
    ("gt", 5, 10**400, False),
    ("is_date_before", "2026-11-21", "2026-11-20", True),
    ("is_date_before", "2026-11-21T10:00:00Z", "2026-11-21T09:59:59Z", True),
    ("is_date_after", "2026-11-21", date(2026, 11, 22), True),
    ("is_date_after", "2026-11-21T00:00:00+02:00", datetime(2026, 11, 20, 23), True),  # noqa: DTZ001
    ("is_date_after", "-7d", NOW - timedelta(days=6), True),
    ("is_date_after", "7d", NOW - timedelta(days=8), False),
    ("is_date_before", "-1m", "2026-10-21T11:59:59Z", True),
    ("is_date_before", "-1y", "2025-11-21T12:00:01Z", False),
    ("is_date_after", "-2h", NOW.timestamp() - 3600, True),
    ("is_date_exact", "2026-11-21", "2026-11-21T23:00:00Z", True),
    ("is_date_exact", "2026-11-21", "2026-11-21T23:00:00-05:00", False),
    ("is_date_before", "2026-11-21", "yesterday", False),
    ("is_date_after", "2026-11-21", "yesterday", False),
    ("is_date_after", "-9999y", NOW, False),
    ("semver_eq", "1.2.0", "v1.2", True),
    ("semver_neq", "1.2.0", "1.2.1", True),
    ("semver_gt", "1.9.0", "1.10.0", True),
    ("semver_gte", "1.2.3", "1.2.3-beta", True),
    ("semver_lt", "2", "1.99.99+build", True),
    ("semver_lte", "1.0.0", "1.0.1", False),
    ("semver_tilde", "1.2.3", "1.2.9", True),
    ("semver_tilde", "1.2.3", "1.3.0", False),
    ("semver_caret", "1.2.3", "1.9.0", True),
    ("semver_caret", "0.2.3", "0.3.0", False),
    ("semver_caret", "0.0.3", "0.0.4", False),
    ("semver_wildcard", "1.2.*", "1.2.7", True),
    ("semver_wildcard", "1.*", "2.0.0", False),
    ("semver_neq", "1.2.0", "latest", False),
    ("semver_eq", "1.2.0", "1.02.0", False),
    ("is_set", None, 0, True),
    ("is_not_set", None, 0, False),
]


@pytest.mark.parametrize(("operator", "value", "actual", "expected"), CASES)
def test_a_property_fits_or_not(operator: str, value: Any, actual: Any, expected: bool) -> None:
    assert fits(operator, value, actual) is expected


def test_every_operator_is_tried_above() -> None:
    assert {case[0] for case in CASES} == set(OPERATORS)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_property_fits_what_is_said_in_the_negative_alone(operator: str) -> None:
    value = VALUES.get(operator, "1.2.3")
    assert fits(operator, value) is (operator in FITS_MISSING)
    assert fits(operator, value, None) is (operator in FITS_MISSING)


def test_the_negative_operators_are_these() -> None:
    assert sorted(FITS_MISSING) == [
        "is_not",
        "is_not_set",
        "not_ends_with",
        "not_icontains",
        "not_in",
        "not_regex",
        "not_starts_with",
    ]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*b"])
def test_no_pattern_keeps_an_application_waiting(pattern: str) -> None:
    assert not fits("regex", pattern, "a" * 5000 + "!")


def test_a_text_that_is_too_long_fits_neither_a_pattern_nor_its_opposite() -> None:
    assert not fits("regex", "a", "a" * 10_001)
    assert not fits("not_regex", "b", "a" * 10_001)


def test_a_text_that_takes_too_long_fits_neither_a_pattern_nor_its_opposite() -> None:
    pattern = "(?=.*b)(?!.*d).*x"
    assert not fits("regex", pattern, "ab" * 500)
    assert not fits("not_regex", pattern, "ab" * 500)
    assert fits("not_regex", pattern, "ab" * 50)
    assert fits("regex", pattern, "ab" * 50 + "x")


def test_moments_are_compared_across_zones() -> None:
    east = timezone(timedelta(hours=9))
    assert fits("is_date_exact", "2026-11-20", datetime(2026, 11, 21, 8, tzinfo=east))
