"""Votes: one a person and subject, of those who are asked, and nothing else counts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from gitexp.errors import Conflict, Forbidden, InvalidInput, NotAllowed, NotFound, RemoteUnavailable
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.review.changes.ledger import changes_at, vote_file
from gitexp.review.changes.model import Vote
from tests.builders import commit_files
from tests.review.changes.conftest import Team


def votes(team: Team) -> list[tuple[str, str]]:
    """Return who decided what, as the shared ledger has it."""
    (facts,) = changes_at(team.remote, team.branches()["changes/bot"])
    return [(vote.identity.partition("@")[0], vote.decision) for vote in facts.votes]


def test_an_approval_is_written_down_and_applies_nothing_by_itself(team: Team) -> None:
    change = team.requested()
    found = team.changes("Bob").approve(change.id, reason="looks good")
    assert found.state == "pending"
    assert found.judgement is not None
    assert [r.text for r in found.judgement.requirements] == [
        "1 of 2 approvals given (by bob@example.org); anybody may approve but who asked for it"
    ]
    (vote,) = found.votes
    assert (vote.by, vote.reason, vote.subject) == (
        "Bob <bob@example.org>",
        "looks good",
        change.terms.subject,
    )
    assert votes(team) == [("bob", "approve")]


def test_approving_twice_counts_once_and_writes_nothing(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    before = team.branches()
    again = team.changes("Bob").approve(change.id, reason="again")
    assert again.state == "pending"
    assert team.branches() == before


def test_the_same_person_in_two_clones_has_one_vote(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    del team.people["Bob"]
    assert team.changes("Bob").approve(change.id).state == "pending"
    assert votes(team) == [("bob", "approve")]


def test_who_has_approved_cannot_reject(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    with pytest.raises(NotAllowed) as caught:
        team.changes("Bob").reject(change.id, reason="changed my mind")
    assert caught.value.message == (
        f"Bob <bob@example.org> approved change request {change.id} on 2026-01-02T03:04:05Z, "
        "and a vote stays"
    )


def test_a_rejection_ends_it(team: Team) -> None:
    change = team.requested()
    found = team.changes("Bob").reject(change.id, reason="too warm")
    assert found.state == "rejected"
    assert found.closing is not None
    assert (found.closing.state, found.closing.reason) == ("rejected", "too warm")
    with pytest.raises(NotAllowed) as caught:
        team.changes("Cy").approve(change.id)
    assert caught.value.message == (
        f"change request {change.id} is rejected, by Bob <bob@example.org> "
        "on 2026-01-02T03:04:05Z: too warm"
    )


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_rejection_needs_a_reason(team: Team, reason: str) -> None:
    change = team.requested()
    with pytest.raises(InvalidInput) as caught:
        team.changes("Bob").reject(change.id, reason=reason)
    assert caught.value.message == "a rejection needs a reason"
    assert team.state(change.id) == "pending"


def test_whoever_asked_may_not_vote(team: Team) -> None:
    change = team.requested()
    with pytest.raises(Forbidden) as caught:
        team.changes("Ada").approve(change.id)
    assert caught.value.message == (
        f"ada@example.org asked for change request {change.id}, and others have to approve it"
    )
    with pytest.raises(Forbidden):
        team.changes("Ada").reject(change.id, reason="no")


def test_self_approval_is_let_where_the_policy_lets_it(team: Team) -> None:
    team.define(b"      - approvals: {count: 1, self_approval: true}\n")
    change = team.requested()
    assert team.changes("Ada").approve(change.id).state == "applied"


def test_only_those_whom_the_policy_names_may_vote(team: Team) -> None:
    team.groups(leads={"cy": ["approve"], "dan": ["read"]})
    team.define(b"      - approvals: {count: 2, users: [bob@example.org], groups: [leads]}\n")
    change = team.requested()
    with pytest.raises(Forbidden) as caught:
        team.changes("Dan").approve(change.id)
    assert caught.value.message == (
        f"dan@example.org may not vote on change request {change.id} of environment 'production'"
    )
    assert caught.value.hint == "Ask bob@example.org, cy@example.org."
    team.changes("Bob").approve(change.id)
    assert team.changes("Cy").approve(change.id, apply=False).state == "approved"


def test_without_names_approvers_of_the_owning_group_may_vote(team: Team) -> None:
    team.define(b"      - approvals: {count: 1}\ngroup: leads\n")
    team.groups(leads={"ada": ["write"], "bob": ["write"], "cy": ["approve"]})
    change = team.requested()
    with pytest.raises(Forbidden):
        team.changes("Bob").approve(change.id)
    assert team.changes("Cy").approve(change.id, apply=False).state == "approved"


def test_somebody_who_left_the_group_is_not_counted_any_more(team: Team) -> None:
    team.define(b"      - approvals: {count: 1, groups: [leads]}\n")
    team.groups(leads={"bob": ["approve"]})
    change = team.requested()
    assert team.changes("Bob").approve(change.id, apply=False).state == "approved"
    team.groups(leads={"cy": ["approve"]})
    assert team.state(change.id) == "pending"


def test_two_who_approve_at_once_are_both_counted(team: Team) -> None:
    change = team.requested()
    team.fetch("Cy")
    team.before_push = lambda: team.changes("Cy").approve(change.id)
    found = team.changes("Bob").approve(change.id, apply=False)
    assert found.state == "approved"
    assert sorted(votes(team)) == [("bob", "approve"), ("cy", "approve")]


def test_of_an_approval_and_a_rejection_at_once_the_rejection_ends_it(team: Team) -> None:
    change = team.requested()
    team.changes("Dan").approve(change.id)
    team.fetch("Cy")
    team.before_push = lambda: team.changes("Cy").reject(change.id, reason="no")
    with pytest.raises(NotAllowed, match="is rejected"):
        team.changes("Bob").approve(change.id)
    assert team.state(change.id) == "rejected"
    assert team.live() is None


def test_a_rejection_that_comes_after_it_was_applied_is_too_late(team: Team) -> None:
    change = team.requested()
    team.changes("Dan").approve(change.id)
    team.fetch("Bob")
    team.before_push = lambda: team.changes("Cy").approve(change.id)
    with pytest.raises(NotAllowed, match="is applied"):
        team.changes("Bob").reject(change.id, reason="no")
    assert team.state(change.id) == "applied"


def test_approving_and_rejecting_at_once_by_one_person_is_one_vote(team: Team) -> None:
    change = team.requested()
    elsewhere = team.changes("Bob")
    del team.people["Bob"]
    team.fetch("Bob")
    team.before_push = lambda: elsewhere.approve(change.id)
    with pytest.raises(NotAllowed, match="a vote stays"):
        team.changes("Bob").reject(change.id, reason="no")
    assert votes(team) == [("bob", "approve")]


def test_a_vote_needs_the_remote(team: Team) -> None:
    change = team.requested()
    team.fetch("Bob")
    team.take_down()
    with pytest.raises(RemoteUnavailable):
        team.changes("Bob").approve(change.id)


def test_an_expired_one_takes_no_votes(team: Team) -> None:
    change = team.requested()
    team.clock.on(days=7)
    with pytest.raises(NotAllowed) as caught:
        team.changes("Bob").approve(change.id)
    assert caught.value.message == (
        f"change request {change.id} is expired since 2026-01-09T03:04:05Z"
    )


def test_an_approved_one_expires_too(team: Team) -> None:
    change = team.requested()
    for name in ("Bob", "Cy"):
        team.changes(name).approve(change.id, apply=False)
    team.clock.on(days=7)
    assert team.state(change.id) == "expired"
    with pytest.raises(NotAllowed, match="is expired"):
        team.changes("Bob").apply(change.id)
    assert team.live() is None


def test_a_clock_that_is_behind_gives_no_vote_that_would_not_count(team: Team) -> None:
    change = team.requested()
    team.clock.on(minutes=-6)
    with pytest.raises(Conflict) as caught:
        team.changes("Bob").approve(change.id)
    assert caught.value.message == (
        f"the clock here says 2026-01-02T02:58:05Z, and change request {change.id} is of "
        "2026-01-02T03:04:05Z: one of the two clocks is wrong"
    )
    team.clock.on(minutes=2)
    assert team.changes("Bob").approve(change.id).votes


def written(team: Team, vote: Vote) -> None:
    """Put a vote on the shared ledger by hand."""
    commit_files(team.remote, {**vote_file(vote)}, branch="changes/bot")


def forged(team: Team, change: str, by: str, **fields: object) -> Vote:
    terms = team.changes("Ada").get(change).terms
    vote = {
        "change": change,
        "decision": "approve",
        "by": f"{by} <{by.lower()}@example.org>",
        "at": team.clock.moment,
        "subject": terms.subject,
        **fields,
    }
    return Vote(**vote)  # type: ignore[arg-type]


def test_a_vote_dated_in_the_future_does_not_count_yet(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    written(team, forged(team, change.id, "Cy", at=team.clock.moment + timedelta(minutes=6)))
    assert team.state(change.id) == "pending"
    team.clock.on(minutes=2)
    assert team.state(change.id) == "approved"


def test_an_approval_of_another_change_request_cannot_be_used_again(team: Team) -> None:
    first = team.requested(temperature=0.1)
    second = team.requested(temperature=0.2)
    team.changes("Bob").approve(first.id)
    written(team, forged(team, second.id, "Bob", subject=first.terms.subject))
    team.changes("Cy").approve(second.id)
    assert team.state(second.id) == "pending"
    assert [v.by for v in team.changes("Ada").get(second.id).votes] == ["Cy <cy@example.org>"]


def test_it_is_found_by_a_part_of_its_id(team: Team) -> None:
    change = team.requested()
    day, random = change.id.split("-")
    changes = team.changes("Bob")
    assert changes.get(change.id).id == change.id
    assert changes.get(random).id == changes.get(f"{day}-{random[:2]}").id == change.id
    assert changes.approve(random).votes
    for wrong in ("20200101-aaaaaaaa", "nothing", "2", random[:3], "../x"):
        with pytest.raises(NotFound, match=re.escape(f"no change request {wrong!r}")):
            changes.get(wrong)


def test_the_beginning_of_several_is_none_of_them(team: Team) -> None:
    first, second = team.requested(temperature=0.1), team.requested(temperature=0.2)
    with pytest.raises(NotFound) as caught:
        team.changes("Ada").get("20260102")
    listed = ", ".join(sorted([first.id, second.id]))
    assert caught.value.message == f"several change requests begin with '20260102': {listed}"


def test_lists_say_what_is_mine_and_what_waits_for_me(team: Team) -> None:
    change = team.requested()
    team.fetch("Bob")
    ada, bob = team.changes("Ada"), team.changes("Bob")
    assert [c.id for c in ada.list(mine=True)] == [change.id]
    assert ada.list(waiting_for_me=True) == []
    assert bob.list(mine=True) == []
    assert [c.id for c in bob.list(waiting_for_me=True)] == [change.id]
    bob.approve(change.id)
    assert bob.list(waiting_for_me=True) == []
    assert bob.list(environment="staging") == []
    bob.reject(team.requested(temperature=0.9).id, reason="no")
    assert [c.id for c in bob.list()] == [change.id]
    assert [c.state for c in bob.list(states=["rejected"])] == ["rejected"]


def test_what_one_may_not_read_is_not_listed(team: Team) -> None:
    team.define(b"      - approvals: {count: 1, users: [eve@example.org]}\ngroup: makers\n")
    team.groups(makers={"ada": ["write"], "bob": ["read"]}, others={"cy": ["admin"]})
    change = team.requested()
    seen = {}
    for name in ("Ada", "Bob", "Eve", "Cy"):
        team.fetch(name)
        seen[name] = [c.id for c in team.changes(name).list()]
    assert seen == {"Ada": [change.id], "Bob": [change.id], "Eve": [change.id], "Cy": []}
    with pytest.raises(NotFound, match=f"no change request '{change.id}'"):
        team.changes("Cy").get(change.id)
    assert team.changes("Bob").get(change.id).id == change.id


def test_who_has_not_fetched_the_experiment_votes_for_the_group_that_owns_it(team: Team) -> None:
    team.define(b"      - {name: reviewed, approvals: {count: 2}}\n")
    team.groups(sales={"ada": ["write"], "bob": ["read", "approve"]})
    bob = team.changes("Bob")
    create(team.person("Ada"), NewExperiment(name="checkout", group="sales"))
    change = team.requested()
    assert bob.approve(change.id).state == "pending"
    assert votes(team) == [("bob", "approve")]
