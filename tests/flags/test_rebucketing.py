"""Which changes of a flag move people who have it already."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.flags.evaluating import Evaluator
from gitexp.flags.rebucketing import moved_share, rebucketing
from tests.flags.making import flag, split

HALVES = split(50, 50)


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
        (
            {},
            {"conditions": [{"rollout": 50}]},
            ["the conditions change, so that some may lose the flag or change their variant"],
        ),
        ({"description": "a"}, {"description": "b"}, []),
    ],
)
def test_what_moves_people_is_told(
    before: dict[str, Any], after: dict[str, Any], notes: list[str]
) -> None:
    assert rebucketing(flag(**before), flag(**after)) == notes


def test_the_share_is_that_of_the_people_who_are_moved() -> None:
    before, after = flag(variants=split(20, 30, 50)), flag(variants=split(25, 50, 25))
    old, new = Evaluator([before]), Evaluator([after])
    people = [f"person-{number}" for number in range(5000)]
    moved = [who for who in people if old.variant("checkout", who) != new.variant("checkout", who)]
    assert len(moved) / len(people) == pytest.approx(moved_share(before, after), abs=0.02)
