"""Flags in flagd's format, asked through flagd's own evaluator."""

from __future__ import annotations

from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from gitexp.flags.documents import Flag
from gitexp.flags.exporting import to_flagd
from tests.flags.making import VALUES_OF, ask, flag, rule, split

PEOPLE = [f"person-{number}" for number in range(4000)]


def flagd(*flags: Flag) -> FlagdCore:
    """Return flagd's evaluator with exported flags."""
    core = FlagdCore()
    core.set_flags(to_flagd(flags).document)
    return core


def on(core: FlagdCore, who: str, **properties: Any) -> bool:
    return core.resolve_boolean_value("checkout", False, EvaluationContext(who, properties)).value


def variant(core: FlagdCore, who: str, **properties: Any) -> str:
    found = core.resolve_string_value("checkout", "-", EvaluationContext(who, properties))
    return found.value


def test_shares_are_kept() -> None:
    core = flagd(flag(variants=split(20, 80), rollout=50))
    found = [variant(core, who) for who in PEOPLE]
    assert found.count("-") / len(PEOPLE) == pytest.approx(0.5, abs=0.04)
    assert found.count("control") / len(PEOPLE) == pytest.approx(0.1, abs=0.03)


def test_a_flag_that_is_off_or_reaches_nobody_is_off() -> None:
    assert not on(flagd(flag(rollout=0)), "u")
    assert on(flagd(flag()), "u")
    assert to_flagd([flag(active=False)]).document["flags"]["checkout"]["state"] == "DISABLED"


@pytest.mark.parametrize(("operator", "value", "actual"), VALUES_OF)
def test_a_rule_means_the_same(operator: str, value: Any, actual: Any) -> None:
    asked = flag(conditions=[{"properties": [rule(operator, value)]}])
    core = flagd(asked)
    assert on(core, "u", x=actual) is ask(asked, "u", x=actual).enabled
    assert on(core, "u") is ask(asked, "u").enabled


def test_conditions_overrides_and_early_exit_mean_the_same() -> None:
    conditions = [
        {"properties": [rule("exact", "pro", "plan")], "variant": "test-1"},
        {"properties": [rule("exact", "free", "plan")], "rollout": 0},
        {"variant": "control"},
    ]
    for early in (False, True):
        asked = flag(variants=split(50, 50), conditions=conditions, early_exit=early)
        core = flagd(asked)
        for plan in ("pro", "free", "team"):
            assert variant(core, "u", plan=plan) == (ask(asked, "u", plan=plan).variant or "-")


def test_a_holdout_and_a_namespace_keep_a_share_out() -> None:
    space = {"name": "pay", "from": 0.25, "to": 0.75}
    hashing = {"method": "growthbook", "namespace": space}
    core = flagd(flag(holdout={"id": 1, "percent": 20}, hashing=hashing))
    share = sum(on(core, who) for who in PEOPLE) / len(PEOPLE)
    assert share == pytest.approx(0.8 * 0.5, abs=0.04)


def test_what_cannot_be_said_is_left_out_and_named() -> None:
    conditions = [
        {"properties": [rule("regex", "^a")]},
        {"properties": [rule("in", ["pro", "team"])]},
    ]
    asked = flag(conditions=conditions, payload=1, rollout=50)
    export = to_flagd([asked])
    assert export.notes == {
        "": ("people are drawn by another hash, so some get another answer than from gitexp",),
        "checkout": (
            "texts are compared with regard to upper and lower case",
            "conditions[0] is left out: regex has no words in this format",
            "payloads are left out: the value is the key of the variant",
        ),
    }
    assert not on(flagd(asked), "u", x="abc")
    assert export.to_dict()["document"]["$schema"] == "https://flagd.dev/schema/v0/flags.json"
