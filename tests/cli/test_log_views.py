"""How events read in a line, and how blame reads in a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from gitexp.cli.log_views import blame_table, event_id, log_table, what_happened
from gitexp.ids import ObjectId
from gitexp.review.telling.blame import Blame, Live, ParameterBlame
from gitexp.review.telling.events import KINDS, Event, Kind
from tests.builders import MOMENT

VERSION = ObjectId("1234567890" * 4)


def event(kind: Kind, action: str, text: str = "", **details: Any) -> Event:
    return Event(
        kind=kind,
        action=action,
        at=MOMENT,
        by="Ada Example <ada@example.org>",
        text=text,
        experiment="tone",
        version=VERSION,
        details=details,
    )


CHANGE = {"name": "temperature", "kind": "changed", "type": "number", "before": 0.5, "after": 0.7}
ADDED = {"name": "model", "kind": "added", "type": "string", "after": "small"}
BYPASS = {"policies": ["reviewed", "frozen"], "reason": "outage"}
LABEL = "tone@1234567890"

TOLD: list[tuple[Event, str]] = [
    (event("save", "save", "Hot\n\nand more"), "Hot"),
    (event("save", "save", "Hot", problem="no"), "Hot (values are not valid)"),
    (event("header", "describe", "x", changes={"tags": {}, "group": {}}), "tags, group changed"),
    (event("header", "describe", "tone: by hand"), "tone: by hand"),
    (event("lifecycle", "create", "x"), "created"),
    (event("lifecycle", "rename", "x", **{"from": "a", "to": "b"}), "renamed from a to b"),
    (event("lifecycle", "delete", "x"), "deleted"),
    (event("share", "share", "exp/bot/tone on origin"), "shared as exp/bot/tone on origin"),
    (event("share", "merge", "into main: #7"), "merged into main: #7"),
    (event("run", "running"), "running"),
    (
        event(
            "run",
            "finished",
            "nightly",
            stats={"passed": 8, "total": 10},
            dataset="faq",
            duration_seconds=12.34,
        ),
        "finished 8 of 10 passed over faq in 12.3 s: nightly",
    ),
    (event("run", "failed", lifecycle="deleted"), "failed (deleted)"),
    (event("promotion", "promote", "go", changes=[ADDED]), f"promoted {LABEL}: go"),
    (
        event("promotion", "promote", changes=[CHANGE], previous_version=VERSION),
        f"promoted {LABEL} (temperature 0.5 → 0.7)",
    ),
    (event("promotion", "rollback", "too warm"), f"went back to {LABEL}: too warm"),
    (
        event("promotion", "promote", "now", bypass=BYPASS),
        f"promoted {LABEL}: now: past reviewed, frozen, outage",
    ),
    (event("promotion", "unbind", "old"), "unbound: old"),
    (event("promotion", "unreadable", "by hand"), "cannot be read: by hand"),
    (event("change", "open", "please", asks="promote"), f"asked for {LABEL}: please"),
    (event("change", "renew", asks="rollback"), f"renewed going back to {LABEL}"),
    (event("change", "open", asks="unbind"), "asked for unbinding"),
    (event("change", "cancelled", "not now"), "cancelled: not now"),
    (event("approval", "approve"), f"approved {LABEL}"),
    (event("approval", "reject", "no", counts=True), f"rejected {LABEL}: no"),
    (
        event("approval", "approve", "ok", counts=False),
        f"approved {LABEL} (of terms that are over): ok",
    ),
    (event("project", "policies", "ask two"), "policies changed: ask two"),
]


@pytest.mark.parametrize(("told", "line"), TOLD, ids=[f"{e.kind}-{e.action}" for e, _ in TOLD])
def test_what_happened_reads_in_a_line(told: Event, line: str) -> None:
    assert what_happened(told) == line


def test_every_kind_is_told() -> None:
    assert {told.kind for told, _ in TOLD} == set(KINDS)


def test_an_event_is_named_by_its_run_its_change_or_its_version() -> None:
    of: Mapping[str, Any] = vars(event("run", "finished"))
    assert event_id(Event(**{**of, "run": "r1"})) == "r1"
    assert event_id(Event(**{**of, "change": "c1"})) == "c1"
    assert event_id(event("save", "save")) == VERSION
    assert event_id(Event(**{**of, "version": None, "commit": "d" * 40})) == "d" * 40
    assert log_table([event("save", "save")]).rows[0]["id"] == VERSION[:10]


def test_an_empty_story_says_so() -> None:
    assert log_table([]).note == "nothing happened"


def parameter(name: str, value: Any, **fields: Any) -> ParameterBlame:
    return ParameterBlame(
        **{
            "name": name,
            "type": "text",
            "value": value,
            "origin": "set",
            "is_default": False,
            "version": VERSION,
            "digest": None,
            "by": "Ada Example <ada@example.org>",
            "at": MOMENT,
            "message": "Hot\n\nmore",
            **fields,
        }
    )


def live(value: Any, *, same: bool, whole: bool = True) -> Live:
    return Live(
        environment="production",
        value=value,
        same=same,
        since=MOMENT + timedelta(seconds=1),
        by="",
        commit=VERSION,
        whole=whole,
    )


def rows(*parameters: ParameterBlame) -> list[Mapping[str, Any]]:
    found = Blame(
        experiment="tone", experiment_id="x", version=VERSION, digest=None, parameters=parameters
    )
    return list(blame_table(found).rows)


def test_long_values_are_cut_and_defaults_are_marked() -> None:
    long, given, filled = rows(
        parameter("prompt", "Be kind.\nAlways.\n"),
        parameter("retries", 3, is_default=True),
        parameter("stop", [], is_default=True, origin="default"),
    )
    assert long["shown"] == "Be kind. …"
    assert (given["shown"], given["note"]) == ("3", "the default")
    assert (filled["shown"], filled["note"]) == ("[]", "filled in by default")
    assert (long["by_name"], long["subject"], long["note"]) == ("Ada Example", "Hot", None)


def test_what_is_live_is_told_with_its_time_or_its_other_value() -> None:
    told = rows(
        parameter("a", 1, live=(live(1, same=True),)),
        parameter("b", 1, live=(live(2, same=False),)),
        parameter("c", 1, live=(live("x" * 99, same=False),)),
        parameter("d", 1, live=(live(1, same=True, whole=False),)),
    )
    assert [row["live_in"] for row in told] == [
        "production since 2026-01-02T03:04:06Z",
        "production has 2",
        "production has another value",
        "production since before 2026-01-02T03:04:06Z",
    ]
