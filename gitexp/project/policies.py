"""Policies: what an environment asks before it may be moved, as `gitexp.yaml` says it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from gitexp.clock import parse_iso

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Fault = tuple[str, str]
"""A place below the policy, and what is wrong there."""

EXPIRES_AFTER = timedelta(days=14)
"""How long a change request waits where its policy says nothing."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_OPERATION = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(%?)\s*")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")


def parse_duration(text: str) -> timedelta:
    """Return a duration such as `90s`, `15m`, `24h`, `14d` or `2w`.

    Raises:
        ValueError: the text is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration such as 24h or 14d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


@dataclass(frozen=True, kw_only=True)
class People:
    """Some people: by identity, and by the groups that they belong to."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> People:
        """Return the people that a checked document names."""
        return cls(users=tuple(data.get("users", ())), groups=tuple(data.get("groups", ())))

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Return the document; what is empty is left out."""
        data = {"users": list(self.users), "groups": list(self.groups)}
        return {key: value for key, value in data.items() if value}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A comparison with a number, such as `> 0.2`, or `> 10%` of what was there before."""

    operator: str
    number: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Operation:
        """Return the comparison that a text says.

        Raises:
            ValueError: it says none.
        """
        match = _OPERATION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no comparison such as '> 0.2' or '> 10%'")
        return cls(operator=match[1], number=float(match[2]), percent=bool(match[3]))


@dataclass(frozen=True, kw_only=True)
class Condition:
    """When a policy applies: every key that is there must hold.

    Attributes:
        action: what is done: `promote`, `rollback`, `unbind` or `flags`.
        parameter: the parameter that changes, or a path in it such as `model.name`; `*` is any.
        changes_by: by how much it changes.
        before: its value before, or a comparison such as `> 0.5`; where `has_before`.
        after: its value after, likewise.
    """

    action: str | None = None
    parameter: str | None = None
    changes_by: str | None = None
    before: Any = None
    after: Any = None
    has_before: bool = False
    has_after: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Condition:
        """Return the condition that a checked document describes."""
        return cls(
            action=data.get("action"),
            parameter=data.get("parameter"),
            changes_by=data.get("changes_by"),
            before=data.get("before"),
            after=data.get("after"),
            has_before="before" in data,
            has_after="after" in data,
        )

    def faults(self) -> Iterator[Fault]:
        """Yield what the schema cannot see."""
        details = self.changes_by is not None or self.has_before or self.has_after
        if details and self.parameter is None:
            yield "parameter", "is missing: it names what changes_by, before and after are about"
        if self.changes_by is not None:
            yield from _fault("changes_by", Operation.parse, self.changes_by)
        for place, text in (("before", self.before), ("after", self.after)):
            if isinstance(text, str) and (match := _OPERATION.fullmatch(text)) and match[3]:
                yield place, f"{text!r} is a share, and only changes_by has something to be one of"


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """How many people must say yes, and who may.

    Attributes:
        by: who may approve; whoever has the role `approve` in the owning group where it is empty.
    """

    count: int = 1
    by: People = field(default_factory=People)
    self_approval: bool = False
    expires_after: timedelta = EXPIRES_AFTER

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Approvals:
        """Return the rule that a checked document describes."""
        expires = data.get("expires_after")
        return cls(
            count=data.get("count", 1),
            by=People.from_dict(data),
            self_approval=data.get("self_approval", False),
            expires_after=parse_duration(expires) if expires else EXPIRES_AFTER,
        )


@dataclass(frozen=True, kw_only=True)
class GateRule:
    """What a run of exactly these values must have reached.

    Attributes:
        dataset: over which dataset; over any where it is empty.
        rules: texts as `gitexp gate` reads them, such as `min accuracy=0.9`.
        baseline: what regressions are measured against; what is live where it is empty.
        max_age: how old the run may be; None for any age.
    """

    dataset: str = ""
    rules: tuple[str, ...]
    baseline: str = ""
    max_age: timedelta | None = None
    use_intervals: bool = False
    confidence: float = 0.95

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GateRule:
        """Return the rule that a checked document describes."""
        age = data.get("max_age")
        return cls(
            dataset=data.get("dataset", ""),
            rules=tuple(data["rules"]),
            baseline=data.get("baseline", ""),
            max_age=parse_duration(age) if age else None,
            use_intervals=data.get("use_intervals", False),
            confidence=data.get("confidence", 0.95),
        )


@dataclass(frozen=True, kw_only=True)
class Order:
    """That the same values were live elsewhere before, for some time."""

    after: str
    live_for: timedelta = timedelta(0)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Order:
        """Return the rule that a checked document describes."""
        return cls(after=data["after"], live_for=parse_duration(data.get("for", "0s")))


@dataclass(frozen=True, kw_only=True)
class Window:
    """A time in which nothing may move: between two moments, or at hours of days of the week.

    Attributes:
        start: when it begins; None with `weekdays` or `hours`.
        end: when it ends.
        weekdays: on which days it begins; on every day where there are none.
        hours: from when to when, such as `18:00-08:00`, which ends on the next day.
    """

    start: datetime | None = None
    end: datetime | None = None
    weekdays: tuple[Weekday, ...] = ()
    hours: str = ""
    timezone: str = "UTC"
    reason: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Window:
        """Return the window that a checked document describes."""
        return cls(
            start=parse_iso(data["from"]) if "from" in data else None,
            end=parse_iso(data["until"]) if "until" in data else None,
            weekdays=tuple(data.get("weekdays", ())),
            hours=data.get("hours", ""),
            timezone=data.get("timezone", "UTC"),
            reason=data.get("reason", ""),
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is asked before an environment is moved; all policies that apply must be satisfied.

    Attributes:
        name: what people call it; `policy 2` where the file names none.
        when: it applies where one of these holds; always where there are none.
        signed: who must have signed the promotion record; None where nobody has to.
        signed_versions: whether the version's commit must carry a verified signature.
        bypass: who may pass it over.
        document: the policy as it stands in the file.
    """

    name: str
    when: tuple[Condition, ...] = ()
    approvals: Approvals | None = None
    gates: tuple[GateRule, ...] = ()
    order: tuple[Order, ...] = ()
    frozen: tuple[Window, ...] = ()
    signed: People | None = None
    signed_versions: bool = False
    bypass: People = field(default_factory=People)
    document: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, number: int) -> Policy:
        """Return the policy that a checked document describes; `number` counts from 1.

        Raises:
            ValueError: a moment in it is none; `policy_faults` tells before.
        """
        signed = data.get("signed", False)
        order = data.get("order", ())
        return cls(
            name=data.get("name", f"policy {number}"),
            when=tuple(Condition.from_dict(c) for c in data.get("when", ())),
            approvals=Approvals.from_dict(data["approvals"]) if "approvals" in data else None,
            gates=tuple(GateRule.from_dict(g) for g in data.get("gates", ())),
            order=tuple(Order.from_dict(o) for o in ([order] if "after" in order else order)),
            frozen=tuple(Window.from_dict(w) for w in data.get("frozen", ())),
            signed=People.from_dict(signed if isinstance(signed, Mapping) else {})
            if signed
            else None,
            signed_versions=data.get("versions") == "signed",
            bypass=People.from_dict(data.get("bypass", {})),
            document=dict(data),
        )


def policies_of(documents: Sequence[Mapping[str, Any]]) -> tuple[Policy, ...]:
    """Return the policies that checked documents describe."""
    return tuple(Policy.from_dict(data, number=n) for n, data in enumerate(documents, 1))


def policy_faults(
    documents: Sequence[Mapping[str, Any]], *, environment: str, environments: Mapping[str, Any]
) -> Iterator[Fault]:
    """Yield what the schema cannot see in the policies of an environment."""
    names: set[str] = set()
    for number, data in enumerate(documents):
        faults = _faults_of(data, environment=environment, environments=environments)
        yield from ((f"[{number}].{place}", message) for place, message in faults)
        if (name := data.get("name")) is not None and name in names:
            yield f"[{number}].name", f"another policy of this environment is called {name!r}"
        names.add(data.get("name", f"policy {number + 1}"))


def _faults_of(
    data: Mapping[str, Any], *, environment: str, environments: Mapping[str, Any]
) -> Iterator[Fault]:
    for n, condition in enumerate(data.get("when", ())):
        found = Condition.from_dict(condition).faults()
        yield from ((f"when[{n}].{place}", message) for place, message in found)
    order = data.get("order", ())
    for step in [order] if "after" in order else order:
        if step["after"] not in environments:
            yield "order.after", f"{step['after']!r} is no environment of this project"
        elif step["after"] == environment:
            yield "order.after", "an environment cannot come before itself"
    for n, window in enumerate(data.get("frozen", ())):
        yield from ((f"frozen[{n}].{place}", message) for place, message in _window_faults(window))
    for n, gate in enumerate(data.get("gates", ())):
        baseline = str(gate.get("baseline", ""))
        if baseline.startswith("env:") and baseline[4:] not in environments:
            yield f"gates[{n}].baseline", f"{baseline[4:]!r} is no environment of this project"


def _window_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    for place in ("from", "until"):
        if place in data:
            yield from _fault(place, parse_iso, data[place])
    if "hours" in data and not _HOURS.fullmatch(data["hours"]):
        yield "hours", f"{data['hours']!r} is no time of day such as 18:00-08:00"
    if "timezone" in data:
        yield from _fault("timezone", _zone, data["timezone"])
    if not ("from" in data or "until" in data or "weekdays" in data or "hours" in data):
        yield "from", "is missing: say from when until when, or on which weekdays or hours"


def _zone(name: str) -> None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as exc:
        # A machine without any time zones can still read everything else of the project.
        if available_timezones():
            raise ValueError(f"{name!r} is no time zone such as Europe/Berlin") from exc


def _fault(place: str, parse: Any, text: str) -> Iterator[Fault]:
    try:
        parse(text)
    except ValueError as exc:
        yield place, str(exc)
