"""The state of a change request, folded from its facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from gitexp.ids import ObjectId
from gitexp.project.groups import Group, Groups
from gitexp.review.changes.model import ChangeFacts
from gitexp.review.changes.states import (
    OPEN,
    STATES,
    Standing,
    counted_votes,
    expiry_of,
    may_vote,
    state_of,
    votes_for,
)
from tests.builders import MOMENT
from tests.review.changes.making import (
    ADA,
    BASE,
    BOB,
    CY,
    REVIEWED,
    closing,
    facts,
    frozen,
    renewed,
    request,
    vote,
)

NOW = MOMENT + timedelta(hours=3)
HERE = Standing(tip=BASE)
ELSEWHERE = ObjectId("f" * 40)
PEOPLE = Groups(
    {
        "leads": Group.from_dict(
            "leads",
            {
                "members": {
                    "bob@example.org": {"roles": ["approve"]},
                    "cy@example.org": {"roles": ["admin"]},
                    "dan@example.org": {"roles": ["write"]},
                }
            },
        )
    }
)


def state(found: ChangeFacts, where: Standing = HERE, now: datetime = NOW, **more: Any) -> str:
    return state_of(found, where, now, **more)


def test_a_new_change_request_is_pending() -> None:
    assert state(facts(request())) == "pending"


def test_it_is_approved_by_as_many_people_as_are_asked_for() -> None:
    asked = request()
    bob, cy = vote(asked, BOB), vote(asked, CY)
    assert state(facts(asked, bob)) == "pending"
    assert state(facts(asked, bob, cy)) == "approved"


def test_one_person_is_counted_once_however_they_write_their_domain() -> None:
    asked = request()
    twice = vote(asked, "Bob <bob@EXAMPLE.org>", at=MOMENT + timedelta(minutes=2))
    assert state(facts(asked, vote(asked, BOB), twice)) == "pending"


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_votes_of_a_person_at_one_moment_the_rejection_counts(order: int) -> None:
    asked = request()
    both = [vote(asked, BOB), vote(asked, "Bob <bob@EXAMPLE.org>", "reject")]
    assert state(facts(asked, *both[::order])) == "rejected"


def test_whoever_asks_does_not_approve_it_themselves() -> None:
    asked = request()
    assert state(facts(asked, vote(asked, BOB), vote(asked, ADA))) == "pending"
    allowed = request(
        policy=frozen({"name": "p", "approvals": {"count": 2, "self_approval": True}})
    )
    found = facts(allowed, vote(allowed, BOB), vote(allowed, ADA))
    assert state(found) == "approved"


def test_whoever_renews_it_does_not_approve_it_either() -> None:
    asked = request()
    terms = renewed(asked, ELSEWHERE, by=BOB)
    votes = [
        vote(asked, who, subject=terms.subject, at=MOMENT + timedelta(hours=2))
        for who in (ADA, BOB, CY)
    ]
    found = facts(asked, *votes, renewals=(terms,))
    assert state(found, Standing(tip=ELSEWHERE)) == "pending"


def test_one_rejection_ends_it() -> None:
    asked = request()
    found = facts(asked, vote(asked, BOB), vote(asked, CY, "reject"))
    assert state(found) == "rejected"


def test_a_rejection_by_whoever_may_not_vote_counts_for_nothing() -> None:
    asked = request(
        policy=frozen({"name": "p", "approvals": {"count": 1, "users": ["bob@example.org"]}})
    )
    assert state(facts(asked, vote(asked, CY, "reject"))) == "pending"
    assert state(facts(asked, vote(asked, CY))) == "pending"
    assert state(facts(asked, vote(asked, BOB))) == "approved"


def test_each_policy_needs_approvals_of_its_own_people() -> None:
    policies = frozen(
        {"name": "leads", "approvals": {"count": 1, "groups": ["leads"]}},
        {"name": "ops", "approvals": {"count": 1, "users": ["eve@example.org"]}},
    )
    asked = request(policy=policies)
    eve = vote(asked, "Eve <eve@example.org>")
    assert state(facts(asked, eve), groups=PEOPLE) == "pending"
    assert state(facts(asked, vote(asked, BOB)), groups=PEOPLE) == "pending"
    assert state(facts(asked, eve, vote(asked, BOB)), groups=PEOPLE) == "approved"


def test_a_policy_that_asks_for_signatures_counts_votes_that_carry_one() -> None:
    asked = request(policy=frozen({"name": "p", "signed": True, "approvals": {"count": 1}}))
    assert state(facts(asked, vote(asked, BOB))) == "pending"
    signed = vote(asked, BOB, signature="-----BEGIN SSH SIGNATURE-----")
    assert state(facts(asked, signed)) == "approved"


def test_a_policy_that_does_not_apply_asks_for_nothing() -> None:
    policies = replace(frozen(), asking=())
    assert state(facts(request(policy=policies))) == "approved"


def test_without_names_the_approvers_of_the_owning_group_are_asked() -> None:
    found = facts(request())
    people = ("bob", "cy", "dan", "eve")
    may = [may_vote(f"{n}@example.org", found, groups=PEOPLE, owner="leads") for n in people]
    assert may == [True, True, False, False]
    assert may_vote("eve@example.org", found)


def test_the_environment_having_moved_makes_it_stale() -> None:
    asked = request()
    found = facts(asked, vote(asked, BOB), vote(asked, CY))
    assert state(found, Standing(tip=ELSEWHERE)) == "stale"
    assert state(found, Standing(tip=None)) == "stale"
    assert state(facts(request(base=None)), Standing(tip=BASE)) == "stale"


def test_other_policies_make_it_stale() -> None:
    asked = request()
    same = Standing(tip=BASE, policies=asked.opened.policy.digest)
    others = Standing(tip=BASE, policies=frozen({"name": "other"}).digest)
    assert state(facts(asked), same) == "pending"
    assert state(facts(asked), others) == "stale"


def test_a_renewal_is_pending_and_older_votes_do_not_count() -> None:
    asked = request()
    terms = renewed(asked, ELSEWHERE)
    found = facts(asked, vote(asked, BOB), vote(asked, CY), renewals=(terms,))
    assert state(found, Standing(tip=ELSEWHERE)) == "pending"
    assert len(votes_for(found, asked.opened.subject)) == 2
    assert votes_for(found, terms.subject) == []


def test_a_rejection_of_older_terms_does_not_count_after_a_renewal() -> None:
    asked = request()
    terms = renewed(asked, ELSEWHERE)
    found = facts(asked, vote(asked, BOB, "reject"), renewals=(terms,))
    assert state(found, Standing(tip=ELSEWHERE)) == "pending"


@pytest.mark.parametrize("votes", [0, 2])
def test_it_expires_approved_or_not(votes: int) -> None:
    asked = request()
    found = facts(asked, *(vote(asked, who) for who in (BOB, CY)[:votes]))
    assert state(found, now=MOMENT + timedelta(days=6, hours=23)) in OPEN
    assert state(found, now=MOMENT + timedelta(days=7)) == "expired"


def test_the_policies_say_how_late_it_may_expire() -> None:
    asked = request(expires_at=MOMENT + timedelta(days=9999))
    assert expiry_of(asked.opened) == MOMENT + timedelta(days=7)
    assert state(facts(asked), now=MOMENT + timedelta(days=8)) == "expired"


def test_a_vote_from_the_future_does_not_count_yet() -> None:
    asked = request()
    early = vote(asked, BOB, at=NOW + timedelta(minutes=6))
    near = vote(asked, CY, at=NOW + timedelta(minutes=4))
    found = facts(asked, early, near)
    assert counted_votes(found, asked.opened.subject, NOW) == [near]
    assert state(found) == "pending"
    assert state(found, now=NOW + timedelta(minutes=2)) == "approved"


def test_a_vote_from_before_the_request_does_not_count() -> None:
    asked = request()
    backdated = vote(asked, BOB, at=MOMENT - timedelta(minutes=6))
    assert counted_votes(facts(asked, backdated), asked.opened.subject, NOW) == []


def test_a_vote_for_anything_else_does_not_count() -> None:
    asked, other = request(), request(base=ELSEWHERE)
    assert state(facts(asked, vote(other, BOB), vote(other, CY))) == "pending"


@pytest.mark.parametrize("ended", ["applied", "cancelled", "rejected", "failed"])
def test_what_was_written_down_about_its_end_decides(ended: str) -> None:
    asked = request()
    found = facts(asked, vote(asked, BOB), vote(asked, CY), closing=closing(asked, ended))
    assert state(found) == ended
    assert state(found, Standing(tip=ELSEWHERE), MOMENT + timedelta(days=99)) == ended


def test_an_environment_that_holds_it_has_it_applied_whatever_was_written_down() -> None:
    asked = request()
    where = Standing(tip=ELSEWHERE, applied=ELSEWHERE)
    assert state(facts(asked), where) == "applied"
    assert state(facts(asked, closing=closing(asked, "cancelled")), where) == "applied"


def test_the_order_and_the_repetition_of_facts_change_nothing() -> None:
    asked = request()
    votes = [vote(asked, BOB), vote(asked, CY), vote(asked, BOB)]
    states = {state(facts(asked, *some)) for some in permutations(votes)}
    assert states == {"approved"}


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "staging"},
        {"project": "other"},
        {"action": "rollback"},
        {"experiment_id": "x" + "b" * 16},
        {"version": ELSEWHERE},
        {"digest": "sha256:" + "0" * 64},
        {"id": "20260102-bbbbbbbb"},
    ],
)
def test_a_subject_is_of_this_change_alone(change: dict[str, Any]) -> None:
    asked = request()
    subject = asked.subject(BASE, asked.opened.policy.digest)
    assert replace(asked, **change).subject(BASE, asked.opened.policy.digest) != subject
    assert asked.subject(ELSEWHERE, asked.opened.policy.digest) != subject
    assert asked.subject(BASE, frozen({**REVIEWED, "name": "other"}).digest) != subject


def test_three_states_are_open() -> None:
    assert set(STATES) > OPEN == {"pending", "approved", "stale"}
