"""Laws of environments: differences can be applied, bindings survive, rollbacks undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents import schemas
from gitexp.documents.canonical import digest_of
from gitexp.environments.binding import Binding, Snapshot
from gitexp.environments.history import identity, piled
from gitexp.experiments.changes import same_value, value_changes
from gitexp.ids import ObjectId

names = st.text("abcde", min_size=1, max_size=2)
leaves = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | names
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2)
)
values = st.dictionaries(names, trees, max_size=4)
moves = st.lists(st.sampled_from(["A", "B", "C", "rollback", "unbind"]), max_size=14)


@given(before=values, after=values)
def test_applying_the_changes_gives_the_other_side(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    result = dict(before)
    for change in value_changes(before, after, {}):
        if change.kind == "removed":
            del result[change.name]
        else:
            result[change.name] = change.after
    assert same_value(result, after)


@given(before=values, after=values)
def test_there_are_changes_exactly_when_the_digests_differ(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert bool(value_changes(before, after, {})) == (digest_of(before) != digest_of(after))


@given(before=values, after=values)
def test_the_way_back_is_the_same_changes_turned_round(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    there = {(c.name, turned[c.kind]) for c in value_changes(before, after, {})}
    assert there == {(c.name, c.kind) for c in value_changes(after, before, {})}


@given(
    reason=st.none() | st.text(st.characters(exclude_categories=["C"]), min_size=1),
    types=st.dictionaries(names, st.sampled_from(["text", "number", "secret"]), max_size=3),
    at=st.integers(-(2**31), 2**33).map(lambda s: datetime.fromtimestamp(s, timezone.utc)),
)
def test_a_binding_survives_its_document(
    reason: str | None, types: Mapping[str, str], at: datetime
) -> None:
    binding = _binding("A", "promote", at=at, reason=reason, types=types)
    document = schemas.load("environment", binding.encode(), file="environment.yaml")
    assert Binding.from_dict(document) == binding
    assert Binding.from_dict(document).encode() == binding.encode()


@given(moves)
def test_rollbacks_undo_promotions_like_a_pile(steps: Sequence[str]) -> None:
    history: list[Snapshot] = []
    expected: list[str] = []
    live: str | None = None
    for step in steps:
        if step == "unbind":
            live = None
            history.append(_snapshot(None, "unbind"))
        elif step == "rollback":
            pile = piled(history)[: -1 if live else None]
            expected = expected[: -1 if live else None]
            assert [identity(s.binding) for s in pile] == [identity(_binding(x)) for x in expected]
            if not pile:
                return
            live = expected[-1]
            history.append(_snapshot(live, "rollback"))
        else:
            expected += [step] if expected[-1:] != [step] else []
            live = step
            history.append(_snapshot(step, "promote"))
    assert [identity(s.binding) for s in piled(history)] == [
        identity(_binding(name)) for name in expected
    ]


def _binding(name: str | None, action: str = "promote", **details: Any) -> Binding:
    defaults: dict[str, Any] = {"at": datetime(2026, 1, 2, tzinfo=timezone.utc)}
    what: dict[str, Any] = {}
    if name:
        what = {
            "experiment_id": "xabcdefghijklmnop",
            "experiment": "checkout",
            "version": "1" * 40,
            "digest": digest_of({"value": name}),
        }
    return Binding(
        project="bot",
        environment="production",
        action=action,  # type: ignore[arg-type]
        by="Ada <ada@example.org>",
        **{**defaults, **what, **details},
    )


def _snapshot(name: str | None, action: str) -> Snapshot:
    binding = _binding(name, action, commit=ObjectId("2" * 40))
    return Snapshot(binding=binding, values={})
