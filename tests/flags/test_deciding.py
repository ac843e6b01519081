"""What flags come to: order, rollouts, variants, holdouts, payloads and reasons."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from gitexp.errors import NotFound
from gitexp.flags.deciding import Evaluation
from tests.flags.making import ask, evaluator, flag, rule, split

PEOPLE = [f"person-{number}" for number in range(2000)]


def number(text: str) -> float:
    """Return PostHog's number of a text, by its formula."""
    return int(hashlib.sha1(text.encode()).hexdigest()[:15], 16) / float(0xFFFFFFFFFFFFFFF)


def fnv(text: str) -> int:
    found = 2166136261
    for character in text:
        found = ((found ^ ord(character)) * 16777619) % 2**32
    return found


def test_rollout_and_variant_are_drawn_apart_as_posthog_draws_them() -> None:
    asked = evaluator(flag("checkout", variants=split(30, 50, 20), rollout=60))
    for who in PEOPLE:
        found = asked.evaluate("checkout", who)
        drawn = number(f"checkout.{who}variant")
        variant = "control" if drawn < 0.3 else "test-1" if drawn < 0.3 + 0.5 else "test-2"
        inside = number(f"checkout.{who}") <= 0.6
        assert (found.enabled, found.variant) == (inside, variant if inside else None)
        assert found.reason == ("condition_match" if inside else "out_of_rollout_bound")


def test_a_holdout_is_drawn_for_all_flags_alike_and_before_everything() -> None:
    flags = [
        flag(key, holdout={"id": 7, "percent": 10}, conditions=[{"properties": [rule("is_set")]}])
        for key in ("one", "two")
    ]
    asked = evaluator(*flags)
    for who in PEOPLE:
        held = number(f"holdout-{who}") <= 0.1
        for key in ("one", "two"):
            found = asked.evaluate(key, who, {"x": 1})
            assert found.enabled is not held
            assert (found.variant, found.reason) == (
                ("holdout-7", "holdout") if held else (None, "condition_match")
            )


def test_growthbook_shares_out_those_whom_a_rollout_covers() -> None:
    hashing = {"method": "growthbook", "version": 2, "seed": "s"}
    asked = evaluator(flag(variants=split(40, 60), rollout=50, hashing=hashing))
    for who in PEOPLE:
        drawn = fnv(str(fnv("s" + who))) % 10000 / 10000
        variant = "control" if drawn < 0.2 else "test-1" if 0.4 <= drawn < 0.4 + 0.3 else None
        assert asked.evaluate("checkout", who).variant == variant


def test_growthbook_forces_a_value_on_a_share() -> None:
    asked = evaluator(flag("gate", rollout=25, hashing="growthbook"))
    for who in PEOPLE:
        assert asked.enabled("gate", who) is (fnv(who + "gate") % 1000 / 1000 <= 0.25)


def test_a_namespace_keeps_flags_apart() -> None:
    spaces = [{"name": "pay", "from": 0, "to": 0.5}, {"name": "pay", "from": 0.5, "to": 1}]
    flags = [
        flag(key, hashing={"method": "growthbook", "namespace": space})
        for key, space in zip(("one", "two"), spaces, strict=True)
    ]
    asked = evaluator(*flags)
    for who in PEOPLE:
        found = asked.evaluate_all(who)
        assert found["one"].enabled is (fnv(f"{who}__pay") % 1000 / 1000 < 0.5)
        assert found["one"].enabled is not found["two"].enabled
        assert {found["one"].reason, found["two"].reason} == {
            "condition_match",
            "outside_namespace",
        }


def test_the_first_condition_that_fits_decides() -> None:
    asked = flag(
        variants=split(50, 50),
        conditions=[
            {"properties": [rule("exact", "pro", "plan")], "variant": "test-1"},
            {"properties": [rule("gte", 18, "age")], "variant": "control"},
        ],
    )
    assert ask(asked, plan="pro", age=30).variant == "test-1"
    assert ask(asked, plan="free", age=30).variant == "control"
    assert ask(asked, plan="free") == Evaluation(key="checkout", reason="no_condition_match")


def test_outside_one_rollout_the_next_condition_is_asked_unless_told_otherwise() -> None:
    conditions = [{"properties": [rule("is_set")], "rollout": 0}, {"rollout": 100}]
    assert ask(flag(conditions=conditions), x=1).enabled
    assert ask(flag(conditions=conditions, early_exit=True), x=1) == Evaluation(
        key="checkout", reason="out_of_rollout_bound"
    )
    assert ask(flag(conditions=conditions, early_exit=True)).enabled


def test_a_condition_without_a_rollout_has_that_of_the_flag() -> None:
    assert not ask(flag(rollout=0, conditions=[{"properties": [rule("is_set")]}]), x=1).enabled


def test_a_flag_that_is_off_is_off_for_everybody() -> None:
    asked = flag(active=False, payload=1, holdout={"id": "h", "percent": 100})
    assert ask(asked) == Evaluation(key="checkout", reason="flag_disabled")


@pytest.mark.parametrize("hashing", ["posthog", "growthbook"])
@pytest.mark.parametrize("identifier", ["", None])
@pytest.mark.parametrize(
    "data",
    [
        {"variants": split(50, 50)},
        {"rollout": 50},
        {"rollout": 0},
        {"holdout": {"id": "h", "percent": 0}},
    ],
)
def test_nobody_in_particular_gets_nothing_that_is_drawn(
    data: dict[str, Any], identifier: str | None, hashing: str
) -> None:
    found = ask(flag(hashing=hashing, **data), identifier)
    assert found == Evaluation(key="checkout", reason="missing_identifier")


@pytest.mark.parametrize("hashing", ["posthog", "growthbook"])
def test_nobody_in_particular_gets_what_everybody_gets(hashing: str) -> None:
    assert ask(flag(hashing=hashing), None).enabled
    conditions = [{"rollout": 50}, {"variant": "control", "rollout": 100}]
    asked = flag(hashing=hashing, variants=split(50, 50), conditions=conditions)
    assert ask(asked, None).variant == "control"


def test_nobody_in_particular_is_in_no_namespace() -> None:
    space = {"name": "pay", "from": 0, "to": 1}
    asked = flag(hashing={"method": "growthbook", "namespace": space})
    assert ask(asked, None).reason == "missing_identifier"


@pytest.mark.parametrize("identifier", [0, 5, 123456789012345678901])
def test_a_number_identifies_somebody_as_its_text(identifier: int) -> None:
    asked = flag(variants=split(50, 50), rollout=70)
    assert ask(asked, identifier) == ask(asked, str(identifier))


def test_people_may_be_told_apart_by_a_property() -> None:
    asked = flag(rollout=50, hashing={"by": "device"})
    for who in PEOPLE[:200]:
        assert ask(asked, "same", device=who).enabled is (number(f"checkout.{who}") <= 0.5)
    assert ask(flag(rollout=50, hashing={"by": "team"}), "u", team=5).enabled is (
        number("checkout.5") <= 0.5
    )
    assert ask(asked, "somebody").reason == "missing_identifier"


def test_a_seed_takes_the_place_of_the_key() -> None:
    asked = flag(rollout=50, hashing={"seed": "betaFeature"})
    for who in PEOPLE[:200]:
        assert ask(asked, who).enabled is (number(f"betaFeature.{who}") <= 0.5)


def test_rules_may_ask_for_whoever_asks() -> None:
    asked = flag(conditions=[{"properties": [rule("ends_with", "@example.com", "distinct_id")]}])
    assert ask(asked, "ada@example.com").enabled
    assert not ask(asked, "ada@example.org").enabled
    assert not ask(asked, None).enabled
    assert not ask(asked, "ada@example.com", distinct_id="other").enabled


def test_payloads_are_those_of_the_variant_or_of_the_flag() -> None:
    variants = [{**one, "payload": {"n": [i]}} for i, one in enumerate(split(0, 100))]
    found = ask(flag(variants=variants))
    assert found.payload == {"n": [1]}
    assert ask(flag(payload="x")).payload == "x"
    assert ask(flag(payload="x", rollout=0)).payload is None


def test_changing_a_payload_changes_no_other() -> None:
    asked = evaluator(flag(payload={"list": []}))
    asked.evaluate("checkout").payload["list"].append(1)
    assert asked.payload("checkout") == {"list": []}


def test_raising_a_rollout_takes_the_flag_from_nobody() -> None:
    some, more = (evaluator(flag(rollout=share, variants=split(50, 50))) for share in (20, 60))
    for who in PEOPLE:
        before, after = some.evaluate("checkout", who), more.evaluate("checkout", who)
        assert not before.enabled or before == after


def test_an_unknown_flag_is_not_taken_for_one_that_is_off() -> None:
    asked = evaluator(flag("checkout"), flag("search"))
    with pytest.raises(NotFound) as caught:
        asked.evaluate("serch", "u")
    assert str(caught.value) == "no flag 'serch'"
    assert caught.value.hint == "Did you mean 'search'?"


def test_an_evaluator_is_a_mapping_of_flags() -> None:
    asked = evaluator(flag("checkout", variants=split(50, 50)), flag("search"))
    assert list(asked) == ["checkout", "search"]
    assert asked["checkout"].eligible
    assert asked.variant("search", "u") is None
    assert ask(flag()).to_dict() == {
        "key": "checkout",
        "enabled": True,
        "variant": None,
        "payload": None,
        "reason": "condition_match",
    }
