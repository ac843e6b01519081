"""Asking for moves of an environment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.environments.binding import environment_at
from gitexp.environments.orders import Order
from gitexp.environments.promotion import carry_out
from gitexp.errors import ApprovalRequired, Forbidden, NotAllowed, Refused, RemoteUnavailable
from gitexp.review.changes.ledger import changes_at
from gitexp.review.moving import ask_or_move
from gitexp.store.history import commits_between
from gitexp.store.trees import changed_paths, tree_of
from tests.review.changes.conftest import Team


def order(team: Team, name: str = "Ada", **asked: str) -> Order:
    fields = {"experiment": "checkout", **asked}
    return Order.of(team.person(name), "promote", "production", **fields)


def test_a_promotion_that_takes_approval_becomes_a_change_request(team: Team) -> None:
    version = team.version(temperature=0.2)
    before = team.branches()
    with pytest.raises(ApprovalRequired) as caught:
        ask_or_move(team.person("Ada"), order(team, reason="calmer"))
    change = caught.value.change
    assert change is not None
    assert caught.value.message == (
        f"promoting checkout@{version.version[:10]} in environment 'production' takes approval: "
        f"change request {change} waits for it"
    )
    assert caught.value.missing == (
        "reviewed: 0 of 2 approvals given; anybody may approve but who asked for it",
    )
    added = team.branches().keys() - before.keys()
    assert added == {f"change/bot/{change}", "changes/bot"}
    assert team.live() is None


def test_asking_again_for_what_is_approved_says_how_it_is_carried_out(team: Team) -> None:
    change = team.requested(temperature=0.2)
    for name in ("Bob", "Cy"):
        team.changes(name).approve(change.id, apply=False)
    with pytest.raises(ApprovalRequired, match="is approved: change request") as caught:
        ask_or_move(team.person("Ada"), order(team))
    assert (caught.value.change, caught.value.missing) == (change.id, ())
    assert caught.value.hint == f"Carry it out with `gitexp change apply {change.id}`."


def test_the_branch_is_one_commit_ahead_and_holds_what_shall_be_live(team: Team) -> None:
    first = team.requested(temperature=0.1)
    team.approved(first.id)
    team.changes("Bob").apply(first.id)
    change = team.requested(temperature=0.2, model="large")
    branches = team.branches()
    head, tip = branches[f"change/bot/{change.id}"], branches["env/bot/production"]
    assert [c.id for c in commits_between(team.remote, head, [tip])] == [head]
    snapshot = environment_at(team.remote, head, environment="production", project="bot")
    assert snapshot.values == {"temperature": 0.2, "model": "large"}
    binding = snapshot.binding
    assert (binding.change, binding.previous, binding.action) == (change.id, tip, "promote")
    trees = [tree_of(team.remote, commit) for commit in (tip, head)]
    changed = [path for path, _, _ in changed_paths(team.remote, *trees)]
    assert changed == ["environment.yaml", "parameters.yaml"]


def test_the_version_is_pinned_in_the_same_push(team: Team) -> None:
    version = team.version(temperature=0.2)
    pushes = team.pushes
    team.ask()
    assert team.pushes == pushes + 1
    assert team.remote.refs("refs/gitexp/pins/") == {
        f"refs/gitexp/pins/{version.version}": version.version
    }


def test_what_is_asked_is_written_down_with_the_policies_in_force(team: Team) -> None:
    change = team.requested(temperature=0.2)
    (facts,) = changes_at(team.remote, team.branches()["changes/bot"])
    assert facts == change.facts
    request = facts.request
    assert (request.environment, request.action, request.experiment) == (
        "production",
        "promote",
        "checkout",
    )
    assert request.opened.by == "Ada <ada@example.org>"
    assert request.opened.policy.commit == team.branches()["main"]
    assert request.opened.policy.asking == ("reviewed",)
    assert [d["name"] for d in request.opened.policy.documents] == ["reviewed"]
    assert change.state == "pending"
    assert [c.name for c in change.changes] == ["temperature", "model"]


def test_the_subject_is_the_one_that_the_policies_judge(team: Team) -> None:
    change = team.requested()
    assert change.judgement is not None
    assert change.judgement.subject == change.terms.subject


def test_the_same_asked_for_twice_finds_the_open_one(team: Team) -> None:
    change = team.requested()
    before = team.branches()
    assert team.ask().id == change.id
    team.fetch("Bob")
    assert team.ask("Bob").id == change.id
    assert team.branches() == before


def test_other_values_are_another_change_request(team: Team) -> None:
    first, second = team.requested(temperature=0.1), team.requested(temperature=0.2)
    assert first.id != second.id
    assert team.state(first.id) == team.state(second.id) == "pending"


def test_after_its_end_the_same_may_be_asked_for_again(team: Team) -> None:
    change = team.requested()
    team.changes("Bob").reject(change.id, reason="no")
    assert team.ask().id != change.id


def test_two_who_ask_at_once_open_two_and_lose_none(team: Team) -> None:
    team.version(temperature=0.1)
    team.fetch("Bob")
    others: list[str] = []
    team.before_push = lambda: others.append(team.ask("Bob", version="latest").id)
    mine = team.ask("Ada", environment="production")
    facts = changes_at(team.remote, team.branches()["changes/bot"])
    # Ada's push came second, so that she found Bob's request for the same.
    assert [f.id for f in facts] == others == [mine.id]


def test_two_who_ask_for_different_things_at_once_both_have_them(team: Team) -> None:
    first = team.version(temperature=0.1)
    team.version(temperature=0.2)
    team.fetch("Bob")
    others: list[str] = []
    team.before_push = lambda: others.append(team.ask("Bob", version=first.version).id)
    mine = team.ask("Ada")
    facts = changes_at(team.remote, team.branches()["changes/bot"])
    assert sorted(f.id for f in facts) == sorted([*others, mine.id])
    assert len(facts) == 2


def test_rollback_and_unbinding_are_asked_for_too(team: Team) -> None:
    for temperature in (0.1, 0.2):
        change = team.requested(temperature=temperature)
        team.approved(change.id)
        team.changes("Bob").apply(change.id)
    back = team.ask(experiment=None, action="rollback", reason="too warm")
    away = team.ask(experiment=None, action="unbind")
    assert (back.request.action, away.request.action) == ("rollback", "unbind")
    assert away.request.version is None
    assert [(c.name, c.before, c.after) for c in back.changes] == [("temperature", 0.2, 0.1)]
    assert team.moves() == 2
    team.approved(back.id)
    binding = team.changes("Cy").apply(back.id)
    assert (binding.action, binding.change, binding.reason) == ("rollback", back.id, "too warm")
    assert team.state(away.id) == "stale"


def test_asking_is_open_to_environments_that_ask_for_nothing(team: Team) -> None:
    team.version(temperature=0.2)
    change = team.ask(environment="staging")
    assert change.state == "approved"
    binding = team.changes("Ada").apply(change.id)
    assert (binding.environment, binding.created) == ("staging", True)


def test_what_is_live_already_is_not_asked_for(team: Team) -> None:
    version = team.version(temperature=0.2)
    carry_out(team.person("Ada"), replace(order(team), environment="staging"))  # type: ignore[arg-type]
    with pytest.raises(NotAllowed) as caught:
        team.ask(environment="staging")
    assert caught.value.message == (
        f"environment 'staging' says so already: checkout@{version.version[:10]} is live"
    )


def test_what_no_approval_can_help_is_refused_and_not_opened(team: Team) -> None:
    team.define(
        b"      - approvals: {count: 1}\n        frozen: [{from: 2026-01-01T00:00:00Z}]\n"
        b"      - versions: signed\n"
    )
    team.version(temperature=0.2)
    before = team.branches()
    with pytest.raises(Refused):
        team.ask()
    assert team.branches() == before


def test_who_may_not_move_the_environment_may_not_ask(team: Team) -> None:
    team.version(temperature=0.2)
    team.groups(leads={"ada": ["write"], "bob": ["read"]})
    team.define(b"      - approvals: {count: 1}\ngroup: leads\n")
    team.fetch("Bob")
    with pytest.raises(Forbidden):
        team.ask("Bob")
    assert team.ask("Ada").state == "pending"


def test_nothing_is_opened_when_the_remote_is_down(team: Team) -> None:
    team.version(temperature=0.2)
    before = team.branches()
    team.take_down()
    with pytest.raises(RemoteUnavailable):
        team.ask()
    assert team.branches() == before


def test_no_local_branch_moves(team: Team) -> None:
    team.version(temperature=0.2)
    store = team.person("Ada").store
    before = store.refs("refs/heads/")
    team.ask()
    assert store.refs("refs/heads/") == before


def test_a_policy_that_is_passed_over_by_its_condition_asks_for_nothing(team: Team) -> None:
    team.define(
        b"      - {name: hot, when: [{parameter: temperature, after: '> 1'}], "
        b"approvals: {count: 1}}\n      - {name: all, approvals: {count: 1}}\n"
    )
    change = team.requested(temperature=0.2)
    assert change.terms.policy.asking == ("all",)
    assert len(change.terms.policy.documents) == 2


def test_the_time_that_it_waits_is_the_shortest_of_the_policies(team: Team) -> None:
    team.define(
        b"      - approvals: {count: 1, expires_after: 3d}\n"
        b"      - approvals: {count: 1, expires_after: 2d}\n"
    )
    change = team.requested()
    assert (change.expires_at - change.terms.at).days == 2
