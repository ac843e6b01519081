"""Flags for tests, in a line each."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from gitexp.flags.deciding import Evaluation
from gitexp.flags.documents import Flag
from gitexp.flags.evaluating import Evaluator

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


class FixedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def split(*weights: float, **more: Any) -> list[dict[str, Any]]:
    """Return variants `control`, `test-1` ... with these weights."""
    keys = ["control", *(f"test-{number}" for number in range(1, len(weights)))]
    return [{"key": key, "weight": weight} for key, weight in zip(keys, weights, strict=True)]


def flag(key: str = "checkout", **data: Any) -> Flag:
    """Return a flag that is on, unless told otherwise."""
    return Flag.from_dict(key, {"active": True, **data})


def evaluator(*flags: Flag) -> Evaluator:
    """Return an evaluator whose clock stands still."""
    return Evaluator(flags, clock=FixedClock())


def ask(asked: Flag, identifier: str | int | None = "u1", **properties: Any) -> Evaluation:
    """Return what a flag comes to."""
    return evaluator(asked).evaluate(asked.key, identifier, properties)


def rule(operator: str, value: Any = None, key: str = "x") -> dict[str, Any]:
    """Return a rule about the property `x`."""
    return {"key": key, "operator": operator} | ({} if value is None else {"value": value})


def fits(operator: str, value: Any, *actual: Any) -> bool:
    """Return whether a property fits one rule; without one, whether a missing one does."""
    asked = flag(conditions=[{"properties": [rule(operator, value)]}])
    return ask(asked, **({"x": actual[0]} if actual else {})).enabled


VALUES_OF: list[tuple[str, Any, Any]] = [
    ("exact", "pro", "pro"),
    ("exact", "pro", "free"),
    ("is_not", "pro", "free"),
    ("in", ["a", "b"], "b"),
    ("not_in", ["a", "b"], "a"),
    ("icontains", "@x", "ada@x.org"),
    ("not_icontains", "@x", "ada@y.org"),
    ("starts_with", "a", "ada"),
    ("not_starts_with", "a", "ada"),
    ("ends_with", "a", "ada"),
    ("not_ends_with", "a", "bob"),
    ("gt", 5, 6),
    ("gte", 5, 5),
    ("lt", 5, 6),
    ("lte", 5, 4),
    ("is_set", None, 0),
    ("is_not_set", None, "x"),
    ("semver_eq", "1.2.0", "1.2.0"),
    ("semver_neq", "1.2.0", "1.2.1"),
    ("semver_gt", "1.9.0", "1.10.0"),
    ("semver_gte", "1.9.0", "1.8.0"),
    ("semver_lt", "2.0.0", "1.99.0"),
    ("semver_lte", "2.0.0", "2.0.1"),
    ("semver_tilde", "1.2.3", "1.2.9"),
    ("semver_caret", "1.2.3", "2.0.0"),
    ("semver_wildcard", "1.2.*", "1.2.4"),
]
"""Operators that other formats know too, with a value and a property."""
