"""Policies in words: what each of them asks, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.clock import iso
from gitexp.documents.problems import shown
from gitexp.project.policies import Approvals, Condition, GateRule, Policy, Window
from gitexp.review.policies.conditions import ANY
from gitexp.review.policies.wording import duration_text, either, in_one_line, people_text

_LONGEST = 60
"""How many characters of a value are told."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """A policy in words.

    Attributes:
        when: when it applies; `always` where nothing limits it.
        asks: what it asks, a line each.
        bypass: who may pass it over; empty for nobody.
    """

    name: str
    when: str
    asks: tuple[str, ...]
    bypass: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the words as JSON data."""
        return {
            "name": self.name,
            "when": self.when,
            "asks": list(self.asks),
            "bypass": self.bypass or None,
        }


def described(policy: Policy) -> Described:
    """Return a policy in words."""
    return Described(
        name=policy.name,
        when=either([_condition_text(condition) for condition in policy.when]) or "always",
        asks=tuple(_asks(policy)),
        bypass=people_text(policy.bypass),
    )


def _condition_text(condition: Condition) -> str:
    parts = [f"on {condition.action}"] if condition.action else []
    if condition.parameter is not None:
        parts.append(_change_text(condition))
    return " where ".join(parts)


def _change_text(condition: Condition) -> str:
    what = "any parameter" if condition.parameter == ANY else str(condition.parameter)
    text = f"{what} changes"
    if condition.changes_by is not None:
        text += f" by {condition.changes_by}"
    if condition.has_before:
        text += f" from {_value_text(condition.before)}"
    if condition.has_after:
        text += f" to {_value_text(condition.after)}"
    return text


def _value_text(value: Any) -> str:
    if not isinstance(value, str):
        return shown(value)
    text = in_one_line(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _asks(policy: Policy) -> Iterator[str]:
    if policy.approvals is not None:
        yield _approvals_text(policy.approvals)
    yield from map(_gate_text, policy.gates)
    for order in policy.order:
        time = f" for {duration_text(order.live_for)}" if order.live_for else ""
        yield f"the same values were live in {order.after}{time} before"
    yield from map(_window_text, policy.frozen)
    if policy.signed is not None:
        by = people_text(policy.signed)
        yield f"the promotion is signed by {by or 'anybody whose key is allowed'}"
    if policy.signed_versions:
        yield "the commit of the version is signed by an allowed key"


def _approvals_text(rule: Approvals) -> str:
    count = "1 approval" if rule.count == 1 else f"{rule.count} approvals"
    by = people_text(rule.by) or "those who may approve in the owning group"
    own = "" if rule.self_approval else ", not of who asks"
    return f"{count} by {by}{own}, within {duration_text(rule.expires_after)}"


def _gate_text(rule: GateRule) -> str:
    over = f" over {rule.dataset}" if rule.dataset else ""
    age = f" of the last {duration_text(rule.max_age)}" if rule.max_age else ""
    against = f", against {rule.baseline}" if rule.baseline else ""
    intervals = f", whole intervals of {rule.confidence:.0%}" if rule.use_intervals else ""
    return f"a run{over}{age} with {' and '.join(rule.rules)}{against}{intervals}"


def _window_text(window: Window) -> str:
    parts = ["nothing moves"]
    if window.start is not None:
        parts.append(f"from {iso(window.start)}")
    if window.end is not None:
        parts.append(f"until {iso(window.end)}")
    if window.weekdays:
        parts.append(f"on {_listed(window.weekdays)}")
    if window.hours:
        parts.append(f"at {window.hours}")
    if window.weekdays or window.hours:
        parts.append(f"({window.timezone})")
    return " ".join(parts) + (f": {in_one_line(window.reason)}" if window.reason else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
