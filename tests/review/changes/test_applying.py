"""Applying change requests: once, exactly what was approved, whoever is quicker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.environments.binding import environment_at
from gitexp.environments.history import history
from gitexp.environments.promotion import promote
from gitexp.errors import (
    ApprovalRequired,
    Conflict,
    Forbidden,
    NotAllowed,
    Refused,
    RemoteUnavailable,
)
from gitexp.experiments.lifecycle import delete, rename
from gitexp.ids import ChangeId, ObjectId
from gitexp.review.changes.ledger import changes_at, request_file
from gitexp.review.changes.model import FrozenPolicies
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import commit_files, set_branch, signature
from tests.review.changes.conftest import Team

PRODUCTION = "env/bot/production"


def test_the_last_approval_applies_it(team: Team) -> None:
    change = team.requested(temperature=0.2)
    team.changes("Bob").approve(change.id)
    found = team.changes("Cy").approve(change.id)
    assert found.state == "applied"
    live = team.live()
    assert live is not None
    assert (live.change, live.by) == (change.id, "Cy <cy@example.org>")
    assert f"change/bot/{change.id}" not in team.branches()
    assert found.where.applied == team.branches()[PRODUCTION]


def test_what_is_applied_is_what_was_asked_for(team: Team) -> None:
    change = team.requested(temperature=0.2)
    team.version(temperature=0.9)  # later, and nobody asked for it
    team.approved(change.id)
    commit = team.branches()[PRODUCTION]
    snapshot = environment_at(team.remote, commit, environment="production")
    assert snapshot.values == {"temperature": 0.2, "model": "small"}
    assert snapshot.binding.version == change.request.version
    assert snapshot.binding.at == team.clock.moment


def test_it_is_dated_when_it_is_applied_not_when_it_was_asked_for(team: Team) -> None:
    change = team.requested()
    for name in ("Bob", "Cy"):
        team.changes(name).approve(change.id, apply=False)
    team.clock.on(days=2)
    binding = team.changes("Ada").apply(change.id)
    assert binding.at == team.clock.moment


def test_without_all_approvals_it_is_not_applied(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").approve(change.id)
    with pytest.raises(ApprovalRequired) as caught:
        team.changes("Ada").apply(change.id)
    assert caught.value.change == change.id
    assert caught.value.missing == (
        (
            "reviewed: 1 of 2 approvals given (by bob@example.org); anybody may approve but who "
            "asked for it"
        ),
    )
    assert team.live() is None


def test_applying_twice_moves_the_environment_once(team: Team) -> None:
    change = team.requested()
    team.approved(change.id)
    again = team.changes("Ada").apply(change.id)
    assert not again.created
    assert again.commit == team.branches()[PRODUCTION]
    assert team.moves() == 1


def approved(team: Team) -> str:
    """Return a change request that has all approvals and is not applied."""
    change = team.requested()
    for name in ("Bob", "Cy"):
        team.changes(name).approve(change.id, apply=False)
    team.fetch("Ada")
    return change.id


def test_two_who_apply_at_once_move_the_environment_once(team: Team) -> None:
    change = approved(team)
    others: list[ObjectId | None] = []
    team.before_push = lambda: others.append(team.changes("Bob").apply(change).commit)
    mine = team.changes("Ada").apply(change)
    assert not mine.created
    assert [mine.commit] == others
    assert team.moves() == 1


def test_an_environment_that_moves_in_between_is_a_conflict(team: Team) -> None:
    team.define(b"      - {approvals: {count: 2}, bypass: {users: [dan@example.org]}}\n")
    other = team.version(temperature=0.5)
    change = approved(team)

    def dan() -> None:
        team.fetch("Dan")
        promote(team.person("Dan"), "checkout", "production", version=other.version, bypass="down")

    team.before_push = dan
    with pytest.raises(Conflict) as caught:
        team.changes("Ada").apply(change)
    assert caught.value.message == (
        f"change request {change} is stale: environment 'production' has moved since it was "
        "asked for"
    )
    live = team.live()
    assert live is not None
    assert live.version == other.version
    assert team.state(change) == "stale"


def test_when_one_of_two_is_applied_the_other_is_stale(team: Team) -> None:
    first, second = team.requested(temperature=0.1), team.requested(temperature=0.2)
    team.approved(first.id)
    assert team.state(first.id) == "applied"
    assert team.state(second.id) == "stale"
    with pytest.raises(Conflict, match="is stale"):
        team.changes("Bob").approve(second.id)
    with pytest.raises(Conflict, match="is stale"):
        team.changes("Bob").apply(second.id)


def test_a_ledger_that_moves_in_between_delays_nothing_but_the_push(team: Team) -> None:
    change = approved(team)
    others: list[str] = []
    team.before_push = lambda: others.append(team.ask("Dan", environment="staging").id)
    assert team.changes("Ada").apply(change).created
    known = {f.id: f for f in changes_at(team.remote, team.branches()["changes/bot"])}
    assert set(known) == {change, *others}
    closing = known[change].closing  # type: ignore[index]
    assert closing is not None
    assert closing.commit == team.branches()[PRODUCTION]


def test_the_end_is_written_in_the_same_push_as_the_move(team: Team) -> None:
    change = approved(team)
    seen: list[dict[str, ObjectId]] = []
    team.after_push = lambda: seen.append(team.branches())
    team.changes("Ada").apply(change)
    assert PRODUCTION in seen[0]
    (facts,) = changes_at(team.remote, seen[0]["changes/bot"])
    assert facts.closing is not None


def test_what_keeps_it_from_being_applied_is_told_and_the_approval_stands(team: Team) -> None:
    team.define(b"      - approvals: {count: 1}\n      - order: {after: staging, for: 24h}\n")
    change = team.requested()
    found = team.changes("Bob").approve(change.id)
    assert found.state == "approved"
    assert found.note == "policy 2: these values were never live in staging"
    with pytest.raises(Refused):
        team.changes("Bob").apply(change.id)
    assert team.live() is None
    promote(team.person("Ada"), "checkout", "staging")
    team.clock.on(hours=25)
    assert team.changes("Bob").apply(change.id).created


def test_who_may_not_move_the_environment_may_approve_and_not_apply(team: Team) -> None:
    team.define(b"      - approvals: {count: 1}\ngroup: leads\n")
    team.groups(leads={"ada": ["write"], "bob": ["approve"]})
    change = team.requested()
    found = team.changes("Bob").approve(change.id)
    assert found.state == "approved"
    assert "takes the role write" in found.note
    with pytest.raises(Forbidden):
        team.changes("Bob").apply(change.id)
    assert team.changes("Ada").apply(change.id).created


def test_policies_that_change_make_it_stale(team: Team) -> None:
    change = approved(team)
    team.define(b"      - {name: reviewed, approvals: {count: 1}}\n")
    assert team.state(change) == "stale"
    with pytest.raises(Conflict) as caught:
        team.changes("Ada").apply(change)
    assert caught.value.message == (
        f"change request {change} is stale: the policies of environment 'production' are others "
        "since it was asked for"
    )


def test_policies_that_change_while_it_is_applied_are_seen_by_the_next_attempt(
    team: Team,
) -> None:
    change = approved(team)

    def meanwhile() -> None:
        team.define(b"      - {name: strict, approvals: {count: 3}}\n")
        team.ask("Dan", environment="staging")

    team.before_push = meanwhile
    with pytest.raises(Conflict, match="the policies"):
        team.changes("Ada").apply(change)
    assert team.live() is None


def test_a_deleted_experiment_is_not_made_live(team: Team) -> None:
    change = approved(team)
    delete(team.person("Ada"), "checkout", unbind=lambda tx, identity: [])
    with pytest.raises(NotAllowed, match="experiment 'checkout' is deleted"):
        team.changes("Ada").apply(change)


def test_a_renamed_experiment_is_applied_all_the_same(team: Team) -> None:
    change = approved(team)
    rename(team.person("Ada"), "checkout", "till")
    assert team.changes("Ada").apply(change).created
    assert team.state(change) == "applied"


def test_it_is_applied_after_the_branch_of_its_experiment_is_gone(team: Team) -> None:
    change = approved(team)
    set_branch(team.remote, "exp/bot/checkout", None)
    assert team.changes("Cy").apply(change).created


def test_a_bypass_at_the_end_is_recorded(team: Team) -> None:
    team.define(b"      - {name: r, approvals: {count: 2}, bypass: {users: [cy@example.org]}}\n")
    change = team.requested()
    with pytest.raises(Forbidden):
        team.changes("Bob").apply(change.id, bypass="down")
    binding = team.changes("Cy").apply(change.id, bypass="production is down")
    assert binding.bypass is not None
    assert binding.bypass.to_dict() == {"policies": ["r"], "reason": "production is down"}


def test_a_branch_that_holds_something_else_is_not_applied(team: Team) -> None:
    change = approved(team)
    # Somebody rewrites the change's branch after it was approved.
    commit_files(
        team.remote, {"parameters.yaml": b"temperature: 9\n"}, branch=f"change/bot/{change}"
    )
    binding = team.changes("Ada").apply(change)
    snapshot = environment_at(team.remote, binding.commit or ObjectId(""), environment="production")
    assert snapshot.values["temperature"] == 0.2


def test_nothing_moves_when_the_remote_goes_down(team: Team) -> None:
    change = approved(team)
    before = team.branches()
    team.take_down()
    with pytest.raises(RemoteUnavailable):
        team.changes("Ada").apply(change)
    assert team.branches() == before


def test_a_branch_that_may_not_be_removed_does_no_harm(team: Team) -> None:
    change = approved(team)
    for remote in team.remotes:
        remote.rejecting[f"refs/heads/change/bot/{change}"] = "deletion prohibited"
    assert team.changes("Ada").apply(change).created
    assert f"change/bot/{change}" in team.branches()
    assert team.state(change) == "applied"


def test_one_whose_commit_holds_something_else_fails_for_good(team: Team) -> None:
    change = team.requested(temperature=0.1)
    other = ChangeId("20260102-aaaaaaaa")
    asked = replace(change.request, id=other)
    policy = replace(asked.opened.policy, asking=())
    terms = replace(
        asked.opened, policy=policy, subject=asked.subject(asked.opened.base, policy.digest)
    )
    files: dict[str, bytes | None] = {**request_file(replace(asked, opened=terms))}
    commit_files(team.remote, files, branch="changes/bot")
    assert team.state(other) == "approved"  # it says that nobody is asked, which judges nothing
    why = f"commit {change.terms.head[:10]} does not hold what change request {other} asks for"
    with pytest.raises(NotAllowed) as caught:
        team.changes("Ada").apply(other)
    assert caught.value.message == f"change request {other} has failed: {why}"
    found = team.changes("Ada").get(other)
    assert found.state == "failed"
    assert found.closing is not None
    assert found.closing.reason == why
    assert team.live() is None


def test_one_that_says_that_nobody_is_asked_is_judged_by_the_policies_all_the_same(
    team: Team,
) -> None:
    change = team.requested(temperature=0.1)
    policy = replace(change.terms.policy, asking=())
    forged = replace(change.request, opened=replace(change.request.opened, policy=policy))
    files: dict[str, bytes | None] = {**request_file(forged)}
    commit_files(team.remote, files, branch="changes/bot")
    assert team.state(change.id) == "approved"
    with pytest.raises(ApprovalRequired):
        team.changes("Mal").apply(change.id)
    assert team.live() is None


def test_one_under_policies_of_its_own_is_stale(team: Team) -> None:
    change = team.requested(temperature=0.1)
    policy = FrozenPolicies(commit=None)
    forged = replace(change.request, opened=replace(change.request.opened, policy=policy))
    subject = forged.subject(forged.opened.base, policy.digest)
    forged = replace(forged, opened=replace(forged.opened, subject=subject))
    files: dict[str, bytes | None] = {**request_file(forged)}
    commit_files(team.remote, files, branch="changes/bot")
    assert team.state(change.id) == "stale"
    with pytest.raises(Conflict, match="the policies"):
        team.changes("Mal").apply(change.id)


# --- merged by a forge ----------------------------------------------------------------------


def merged(team: Team, change: str, how: str) -> None:
    """Bring the branch of a change request into the environment's, as a forge does."""
    branches = team.branches()
    head, tip = branches[f"change/bot/{change}"], branches.get(PRODUCTION)

    def work(tx: Transaction) -> None:
        by_forge = {
            "fast-forward": [],
            "squash": [tip] if tip else [],
            "rebase": [tip] if tip else [],
            "merge": [*([tip] if tip else []), head],
        }[how]
        commit = (
            tx.commit(
                tree=tree_of(tx, head),
                parents=by_forge,
                message=f"Merge pull request ({how})",
                author=replace(signature(), name="A Forge"),
            )
            if by_forge
            else head
        )
        tx.set_ref(f"refs/heads/{PRODUCTION}", old=tip, new=commit)

    transact(team.remote, work)
    set_branch(team.remote, f"change/bot/{change}", None)


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "fast-forward"])
def test_what_a_forge_merged_is_applied(team: Team, how: str) -> None:
    first = team.requested(temperature=0.1)
    team.approved(first.id)
    change = team.requested(temperature=0.2)
    merged(team, change.id, how)
    assert team.state(change.id) == "applied"
    found = team.changes("Ada").get(change.id)
    assert found.where.applied == team.branches()[PRODUCTION]
    entries = history(team.person("Ada"), "production")
    assert [entry.binding.change for entry in entries] == [change.id, first.id]
    assert [c.after for c in entries[0].changes] == [0.2]
    with pytest.raises(NotAllowed, match="is applied"):
        team.changes("Bob").approve(change.id)
    assert not team.changes("Bob").apply(change.id).created
    assert team.moves() == 2


def test_what_a_forge_merged_stays_applied_when_the_environment_moves_on(team: Team) -> None:
    change = team.requested(temperature=0.1)
    merged(team, change.id, "squash")
    later = team.requested(temperature=0.2)
    team.approved(later.id)
    assert team.state(change.id) == team.state(later.id) == "applied"
    assert team.moves() == 2


def test_tidying_writes_down_what_forges_merged(team: Team) -> None:
    change = team.requested(temperature=0.1)
    waiting = team.requested(temperature=0.2)
    merged(team, change.id, "fast-forward")
    assert team.changes("Dan").tidy() == (change.id,)
    assert team.changes("Dan").tidy() == ()
    known = {f.id: f for f in changes_at(team.remote, team.branches()["changes/bot"])}
    closing = known[change.id].closing
    assert closing is not None
    assert closing.commit == team.branches()[PRODUCTION]
    assert left(team) == [f"change/bot/{waiting.id}"]


def left(team: Team) -> list[str]:
    """Return the branches of change requests that are on the shared remote."""
    return [name for name in team.branches() if name.startswith("change/")]


def test_tidying_removes_the_branches_of_what_is_over(team: Team) -> None:
    team.requested(temperature=0.1)
    team.clock.on(days=8)
    waiting = team.requested(temperature=0.2)
    assert len(left(team)) == 2
    assert team.changes("Dan").tidy() == ()
    assert left(team) == [f"change/bot/{waiting.id}"]


def test_the_branch_goes_with_the_end(team: Team) -> None:
    rejected, cancelled = team.requested(temperature=0.1), team.requested(temperature=0.2)
    team.changes("Bob").reject(rejected.id, reason="no")
    team.changes("Ada").cancel(cancelled.id)
    assert left(team) == []


def test_a_commit_that_only_claims_to_come_from_it_does_not_apply_it(team: Team) -> None:
    change = team.requested(temperature=0.1)
    other = team.version(temperature=0.9)
    workspace = replace(team.person("Mal"), guard=None)
    team.fetch("Mal")
    promote(workspace, "checkout", "production", version=other.version, change=change.id)
    assert team.state(change.id) == "stale"
