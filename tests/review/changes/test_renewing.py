"""Change requests that are put on top of where their environment has moved, or are given up."""

from __future__ import annotations

import pytest

from gitexp.environments.binding import environment_at
from gitexp.errors import Conflict, Forbidden, NotAllowed, PushRejected, Refused
from gitexp.review.changes.ledger import changes_at
from gitexp.store.history import commits_between
from tests.builders import set_branch
from tests.review.changes.conftest import Team


@pytest.fixture
def stale(team: Team) -> str:
    """A change request that Bob has approved, on top of what is not live any more."""
    change = team.requested(temperature=0.2)
    team.changes("Bob").approve(change.id)
    other = team.requested(temperature=0.5)
    team.approved(other.id)
    assert team.state(change.id) == "stale"
    return change.id


def test_a_renewed_one_is_pending_again_and_old_votes_do_not_count(team: Team, stale: str) -> None:
    before = team.changes("Ada").get(stale)
    found = team.changes("Ada").renew(stale, reason="still wanted")
    assert found.state == "pending"
    assert found.votes == ()
    assert found.terms.subject != before.terms.subject
    assert (found.terms.base, found.terms.reason) == (
        team.branches()["env/bot/production"],
        "still wanted",
    )
    assert [(c.name, c.before, c.after) for c in found.changes] == [("temperature", 0.5, 0.2)]
    (facts,) = [f for f in changes_at(team.remote, team.branches()["changes/bot"]) if f.id == stale]
    assert len(facts.votes) == 1  # what was said stays written down


def test_its_branch_is_one_commit_ahead_of_what_is_live_again(team: Team, stale: str) -> None:
    team.changes("Ada").renew(stale)
    branches = team.branches()
    head, tip = branches[f"change/bot/{stale}"], branches["env/bot/production"]
    assert [c.id for c in commits_between(team.remote, head, [tip])] == [head]
    snapshot = environment_at(team.remote, head, environment="production")
    assert snapshot.values == {"temperature": 0.2, "model": "small"}
    assert (snapshot.binding.change, snapshot.binding.previous) == (stale, tip)


def test_it_is_approved_anew_by_the_same_people_and_applied(team: Team, stale: str) -> None:
    team.changes("Ada").renew(stale)
    team.approved(stale, "Bob", "Cy")
    assert team.state(stale) == "applied"
    assert team.moves() == 2


def test_who_renews_it_does_not_approve_it(team: Team, stale: str) -> None:
    team.changes("Bob").renew(stale)
    for name in ("Ada", "Bob"):
        with pytest.raises(Forbidden):
            team.changes(name).approve(stale)
    team.approved(stale, "Cy", "Dan")
    assert team.state(stale) == "applied"


def test_renewing_what_stands_on_the_present_changes_nothing(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    before = team.branches()
    found = team.changes("Ada").renew(change.id)
    assert len(found.votes) == 1
    assert team.branches() == before


def test_it_can_be_renewed_again_and_again(team: Team, stale: str) -> None:
    team.changes("Ada").renew(stale)
    for temperature in (0.6, 0.7):
        other = team.requested(temperature=temperature)
        team.approved(other.id)
        assert team.state(stale) == "stale"
        assert team.changes("Ada").renew(stale).state == "pending"
    assert len(team.changes("Ada").get(stale).facts.renewals) == 3


def test_other_policies_are_taken_up_by_a_renewal(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    team.define(b"      - {name: strict, approvals: {count: 1, expires_after: 1d}}\n")
    assert team.state(change.id) == "stale"
    found = team.changes("Ada").renew(change.id)
    assert found.terms.policy.asking == ("strict",)
    assert found.state == "pending"
    assert (found.expires_at - found.terms.at).days == 1
    assert team.changes("Bob").approve(change.id).state == "applied"


def test_a_renewal_that_no_approval_could_help_is_refused(team: Team) -> None:
    change = team.requested()
    team.define(b"      - versions: signed\n      - approvals: {count: 1}\n")
    with pytest.raises(Refused):
        team.changes("Ada").renew(change.id)
    assert team.state(change.id) == "stale"


def test_what_is_live_meanwhile_is_not_asked_for_again(team: Team) -> None:
    first = team.requested(temperature=0.2)
    team.changes("Ada").cancel(first.id)
    twin = team.ask("Ada", reason="again")
    other = team.requested(temperature=0.5)
    version = twin.request.version
    assert version is not None
    team.approved(other.id)
    again = team.ask("Ada", version=version)
    team.approved(again.id)
    with pytest.raises(NotAllowed) as caught:
        team.changes("Ada").renew(twin.id)
    assert caught.value.message == (
        f"environment 'production' says so already: checkout@{version[:10]} is live"
    )
    assert team.changes("Ada").cancel(twin.id).state == "cancelled"


def test_two_who_renew_at_once_renew_once(team: Team, stale: str) -> None:
    team.fetch("Bob")
    team.before_push = lambda: team.changes("Bob").renew(stale)
    found = team.changes("Ada").renew(stale)
    assert len(found.facts.renewals) == 1
    assert found.terms.by == "Bob <bob@example.org>"
    assert found.state == "pending"


def test_it_lives_on_without_its_branch(team: Team, stale: str) -> None:
    set_branch(team.remote, f"change/bot/{stale}", None)
    assert team.changes("Ada").renew(stale).state == "pending"
    assert f"change/bot/{stale}" in team.branches()


def test_a_remote_that_lets_no_branch_be_rewritten_has_it_made_anew(team: Team, stale: str) -> None:
    ref = f"refs/heads/change/bot/{stale}"
    team.person("Ada")
    remote = team.remotes[list(team.people).index("Ada")]
    real = remote.push

    def careful(updates):  # type: ignore[no-untyped-def]
        if any(u.ref == ref and u.old and u.new for u in updates):
            raise PushRejected("no", refs={ref: "non-fast-forward"})
        real(updates)

    remote.push = careful  # type: ignore[method-assign]
    found = team.changes("Ada").renew(stale)
    assert found.state == "pending"
    assert team.branches()[f"change/bot/{stale}"] == found.terms.head


@pytest.mark.parametrize("ended", ["rejected", "cancelled", "applied", "expired"])
def test_what_is_over_is_not_renewed(team: Team, ended: str) -> None:
    change = team.requested()
    if ended == "rejected":
        team.changes("Bob").reject(change.id, reason="no")
    elif ended == "cancelled":
        team.changes("Ada").cancel(change.id)
    elif ended == "applied":
        team.approved(change.id)
    else:
        team.clock.on(days=8)
    with pytest.raises(NotAllowed, match=f"is {ended}"):
        team.changes("Ada").renew(change.id)
    assert team.state(change.id) == ended


def test_whoever_asked_can_give_it_up(team: Team) -> None:
    change = team.requested()
    found = team.changes("Ada").cancel(change.id, reason="not needed")
    assert found.state == "cancelled"
    assert found.closing is not None
    assert found.closing.reason == "not needed"
    before = team.branches()
    assert team.changes("Ada").cancel(change.id).state == "cancelled"
    assert team.branches() == before
    with pytest.raises(NotAllowed) as caught:
        team.changes("Bob").approve(change.id)
    assert caught.value.message == (
        f"change request {change.id} is cancelled, by Ada <ada@example.org> "
        "on 2026-01-02T03:04:05Z: not needed"
    )


def test_a_stale_one_can_be_given_up(team: Team, stale: str) -> None:
    assert team.changes("Ada").cancel(stale).state == "cancelled"


def test_others_cannot_give_it_up(team: Team) -> None:
    change = team.requested()
    with pytest.raises(Forbidden) as caught:
        team.changes("Bob").cancel(change.id)
    assert caught.value.message == (f"bob@example.org did not ask for change request {change.id}")


def test_giving_it_up_while_it_is_applied_is_too_late(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    team.fetch("Ada")
    team.before_push = lambda: team.changes("Cy").approve(change.id)
    with pytest.raises(NotAllowed, match="is applied"):
        team.changes("Ada").cancel(change.id)
    assert team.state(change.id) == "applied"


def test_applying_it_while_it_is_given_up_is_too_late(team: Team) -> None:
    change = team.requested()
    for name in ("Bob", "Cy"):
        team.changes(name).approve(change.id, apply=False)
    team.before_push = lambda: team.changes("Ada").cancel(change.id)
    with pytest.raises(NotAllowed, match="is cancelled"):
        team.changes("Bob").apply(change.id)
    assert team.live() is None


def test_a_vote_for_a_request_that_is_renewed_meanwhile_counts_only_if_it_is_for_that(
    team: Team, stale: str
) -> None:
    team.fetch("Bob")
    with pytest.raises(Conflict, match="is stale"):
        team.changes("Bob").approve(stale)
    team.changes("Ada").renew(stale)
    found = team.changes("Bob").approve(stale)
    assert [vote.subject for vote in found.votes] == [found.terms.subject]
