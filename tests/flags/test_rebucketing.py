"""Which changes of a flag move people who have it already."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.flags.evaluating import Evaluator
from gitexp.flags.rebucketing import moved_share, rebucketing
from tests.flags.making import flag, rule, split

HALVES = split(50, 50)
PRO = [{"properties": [rule("exact", "pro", "plan")]}]
TEAM = [{"properties": [rule("exact", "team", "plan")]}]
BOTH = [{**PRO[0], "rollout": 10}, {"rollout": 100}]
FORCED = {"variant": "test-1"}
COVERED = {"hashing": "growthbook", "rollout": 50}
CHANGED = "the conditions change, so that some may lose the flag or change their variant"


def in_space(begin: float, end: float, *, name: str = "pay") -> dict[str, Any]:
    """Return what keeps a flag to a part of a namespace."""
    space = {"name": name, "from": begin, "to": end}
    return {"hashing": {"method": "growthbook", "namespace": space}}


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        ({"rollout": 10}, {"rollout": 20}, []),
        ({"rollout": 20}, {"rollout": 10}, ["the rollout falls from 20 % to 10 %"]),
        ({"active": False}, {}, []),
        ({}, {"active": False}, ["nobody has the flag any more, because it is off"]),
        (
            {"variants": HALVES},
            {"variants": split(60, 40)},
            ["10 % of those with the flag change their variant"],
        ),
        (
            {"variants": HALVES},
            {"variants": HALVES[::-1]},
            ["100 % of those with the flag change their variant"],
        ),
        (
            {"variants": HALVES},
            {"variants": HALVES, "hashing": {"seed": "new"}},
            ["everybody is drawn anew, because the hashing changes"],
        ),
        (
            {},
            {"holdout": {"id": 1, "percent": 5}},
            ["the holdout changes, so that others are kept out"],
        ),
        ({}, {"conditions": [{"rollout": 50}]}, ["the rollout falls from 100 % to 50 %"]),
        ({"conditions": PRO}, {"conditions": TEAM}, [CHANGED]),
        ({"conditions": PRO, "rollout": 20}, {"conditions": PRO, "rollout": 50}, []),
        ({"conditions": BOTH, "rollout": 50}, {"conditions": BOTH, "rollout": 20}, []),
        (
            {"conditions": [*PRO, {"rollout": 50}]},
            {"conditions": [*PRO, {"rollout": 20}]},
            ["the rollout of conditions[1] falls from 50 % to 20 %"],
        ),
        ({"conditions": BOTH}, {"conditions": [{**BOTH[0], "description": "x"}, BOTH[1]]}, []),
        ({"conditions": BOTH}, {"conditions": BOTH, "early_exit": True}, [CHANGED]),
        ({"conditions": PRO}, {"conditions": PRO, "early_exit": True}, []),
        (
            {"variants": HALVES, "conditions": [{**PRO[0], **FORCED, "rollout": 10}, *TEAM]},
            {"variants": HALVES, "conditions": [{**PRO[0], **FORCED, "rollout": 20}, *TEAM]},
            [CHANGED],
        ),
        (
            {"variants": HALVES, "conditions": [FORCED]},
            {"variants": split(60, 40), "conditions": [FORCED]},
            [],
        ),
        ({}, {"variants": HALVES}, ["100 % of those with the flag change their variant"]),
        (
            {"variants": HALVES, **COVERED},
            {"variants": split(60, 40), **COVERED},
            ["20 % of those with the flag change their variant or lose it"],
        ),
        (
            {"variants": HALVES, "hashing": "growthbook", "rollout": 60},
            {"variants": HALVES, "hashing": "growthbook", "rollout": 20},
            ["the rollout falls from 60 % to 20 %"],
        ),
        (
            {"variants": HALVES, "hashing": "growthbook", "rollout": 20},
            {"variants": HALVES, "hashing": "growthbook", "rollout": 60},
            [],
        ),
        ({"description": "a"}, {"description": "b"}, []),
        (in_space(0, 0.5), in_space(0, 0.75), []),
        (in_space(0.2, 0.5), {"hashing": {"method": "growthbook"}}, []),
        (
            in_space(0, 0.8),
            in_space(0.2, 0.6),
            ["50 % of those with the flag lose it, because the namespace changes"],
        ),
        (
            {"hashing": "growthbook"},
            in_space(0, 0.9),
            ["10 % of those with the flag lose it, because the namespace changes"],
        ),
        (
            in_space(0, 0.8),
            in_space(0, 0.8, name="other"),
            ["20 % of those with the flag lose it, because the namespace changes"],
        ),
    ],
)
def test_what_moves_people_is_told(
    before: dict[str, Any], after: dict[str, Any], notes: list[str]
) -> None:
    assert rebucketing(flag(**before), flag(**after)) == notes


@pytest.mark.parametrize("settings", [{}, COVERED, {"rollout": 30}])
@pytest.mark.parametrize("weights", [(25, 50, 25), (20, 30, 50), (0, 0, 100), (50, 30, 20)])
def test_the_share_is_that_of_the_people_who_are_moved(
    settings: dict[str, Any], weights: tuple[float, ...]
) -> None:
    before = flag(variants=split(20, 30, 50), **settings)
    after = flag(variants=split(*weights), **settings)
    old, new = Evaluator([before]), Evaluator([after])
    those = [who for n in range(20_000) if old.enabled("checkout", who := f"person-{n}")]
    moved = [who for who in those if old.variant("checkout", who) != new.variant("checkout", who)]
    assert len(moved) / len(those) == pytest.approx(moved_share(before, after), abs=0.03)
