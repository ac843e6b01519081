"""Laws of change requests: what a state may depend on, and what it may not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gitexp.ids import ObjectId
from gitexp.project.groups import Group, Groups
from gitexp.review.changes.model import Vote
from gitexp.review.changes.states import Standing, counted_votes, state_of
from tests.builders import MOMENT
from tests.review.changes.making import BASE, facts, frozen, request, vote

PEOPLE = ["ada", "bob", "cy", "dan", "eve"]
LEADS = Groups(
    {
        "leads": Group.from_dict(
            "leads", {"members": {f"{n}@example.org": {"roles": ["approve"]} for n in PEOPLE[:3]}}
        )
    }
)
NOW = MOMENT + timedelta(hours=1)
HERE = Standing(tip=BASE)
ASKED = request(
    policy=frozen(
        {
            "name": "two",
            "approvals": {"count": 2, "groups": ["leads"], "users": ["dan@example.org"]},
        }
    )
)
OTHER = request(base=ObjectId("9" * 40))
APPROVERS = {"bob", "cy", "dan"}  # Ada asked, and nobody asks Eve


def somebody(name: str, domain: str) -> str:
    return f"{name.title()} <{name}@{domain}>"


votes = st.builds(
    lambda name, domain, decision, minutes, other: vote(
        ASKED,
        somebody(name, domain),
        decision,
        at=MOMENT + timedelta(minutes=minutes),
        **({"subject": OTHER.opened.subject} if other else {}),
    ),
    st.sampled_from(PEOPLE),
    st.sampled_from(["example.org", "EXAMPLE.org"]),
    st.sampled_from(["approve", "approve", "approve", "reject"]),
    st.integers(-30, 90),
    st.booleans(),
)


def state(found: Sequence[Vote]) -> str:
    return state_of(facts(ASKED, *found), HERE, NOW, groups=LEADS)


def counts(one: Vote) -> bool:
    """Return whether a vote counts, as people would say it."""
    return (
        one.subject == ASKED.opened.subject
        and one.identity.partition("@")[0] in APPROVERS
        and timedelta(minutes=-5) <= one.at - MOMENT <= timedelta(minutes=65)
    )


@given(st.lists(votes, max_size=8), st.integers())
def test_the_order_of_votes_and_their_repetition_change_nothing(
    found: list[Vote], seed: int
) -> None:
    shuffled = [*found, *found]
    Random(seed).shuffle(shuffled)
    assert state(shuffled) == state(found)


@given(st.lists(votes, max_size=8))
def test_votes_that_do_not_count_change_nothing(found: list[Vote]) -> None:
    kept = counted_votes(facts(ASKED, *found), ASKED.opened.subject, NOW, groups=LEADS)
    assert all(counts(one) for one in kept)
    assert state(kept) == state(found)


@given(st.lists(votes, max_size=8))
def test_nobody_is_counted_twice(found: list[Vote]) -> None:
    kept = counted_votes(facts(ASKED, *found), ASKED.opened.subject, NOW, groups=LEADS)
    people = [one.identity.partition("@")[0] for one in kept]
    assert len(people) == len(set(people)) <= len(APPROVERS)


@given(st.lists(votes, max_size=8))
def test_it_is_approved_by_two_of_those_who_are_asked_and_rejected_by_any_one(
    found: list[Vote],
) -> None:
    first: dict[str, Vote] = {}
    for one in sorted(found, key=lambda v: (v.at, v.person)):
        if one.subject == ASKED.opened.subject:
            first.setdefault(one.identity.partition("@")[0], one)
    counted = [one.decision for one in first.values() if counts(one)]
    expected = "approved" if counted.count("approve") >= 2 else "pending"
    assert state(found) == ("rejected" if "reject" in counted else expected)


@given(st.lists(votes, max_size=8))
def test_on_another_base_no_vote_makes_it_approved(found: list[Vote]) -> None:
    elsewhere = Standing(tip=ObjectId("8" * 40))
    seen = state_of(facts(ASKED, *found), elsewhere, NOW, groups=LEADS)
    assert seen in ("stale", "rejected")
