"""Change requests and votes in the timeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.cli.log_views import what_happened
from gitexp.environments.history import history
from gitexp.environments.states import get_environment
from gitexp.review.telling.blame import blame
from gitexp.review.telling.events import Event
from gitexp.review.telling.timeline import LogQuery, timeline
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import signature
from tests.review.changes.conftest import Team
from tests.review.changes.conftest import team as team

ASKED = ("change", "approval", "promotion")


def told(team: Team, name: str = "Ada", **query: object) -> list[Event]:
    team.fetch(name)
    asked = LogQuery(**{"kinds": ASKED, **query})  # type: ignore[arg-type]
    return list(timeline(team.person(name), asked).events)


def brief(events: list[Event]) -> list[str]:
    return [f"{e.kind} {e.action} by {e.by.partition(' ')[0]}" for e in events]


def test_asking_voting_and_applying_are_told_in_their_order(team: Team) -> None:
    change = team.requested()
    team.clock.on(hours=1)
    team.changes("Bob").approve(change.id, reason="looks good")
    team.clock.on(hours=1)
    team.changes("Cy").approve(change.id)
    team.clock.on(hours=1)
    team.changes("Cy").apply(change.id)
    events = told(team)
    assert [line for line in brief(events) if not line.startswith("promotion")] == [
        "change applied by Cy",
        "approval approve by Cy",
        "approval approve by Bob",
        "change open by Ada",
    ]
    (moved,) = (event for event in events if event.kind == "promotion")
    assert (moved.change, moved.action) == (change.id, "promote")
    vote = next(event for event in events if event.by.startswith("Bob"))
    assert (vote.text, vote.environment, vote.experiment) == (
        "looks good",
        "production",
        "checkout",
    )
    assert vote.details == {"counts": True, "signed": False}
    label = f"checkout@{vote.version[:10]}" if vote.version else ""
    assert what_happened(vote) == f"approved {label}: looks good"
    assert what_happened(events[-1]) == f"asked for {label}"


def test_a_rejection_is_told_with_its_reason(team: Team) -> None:
    change = team.requested()
    team.clock.on(hours=1)
    team.changes("Bob").reject(change.id, reason="too warm")
    events = told(team, kinds=["approval"])
    assert brief(events) == ["approval reject by Bob"]
    assert what_happened(events[0]).endswith(": too warm")


def test_a_vote_for_terms_that_are_over_is_told_as_such(team: Team) -> None:
    change = team.requested()
    team.clock.on(hours=1)
    team.changes("Bob").approve(change.id)
    team.clock.on(hours=1)
    other = team.requested(temperature=0.3)
    team.approved(other.id)
    team.changes("Ada").apply(other.id)
    team.clock.on(hours=1)
    team.fetch("Ada")
    team.changes("Ada").renew(change.id)
    mine = [event for event in told(team) if event.change == change.id]
    assert [event.action for event in mine] == ["renew", "approve", "open"]
    assert mine[1].details["counts"] is False
    assert what_happened(mine[1]).endswith("(of terms that are over)")


def test_only_what_is_about_an_environment_or_experiment_is_told(team: Team) -> None:
    team.requested()
    assert told(team, environment="staging") == []
    assert brief(told(team, environment="production")) == ["change open by Ada"]
    assert brief(told(team, experiment="checkout")) == ["change open by Ada"]
    assert told(team, author="bob") == []


def test_a_change_request_that_cannot_be_read_is_noted(team: Team) -> None:
    from tests.builders import commit_files

    change = team.requested()
    files = {f"changes/{change.id}/change.yaml": b"format: 1\n"}
    commit_files(team.remote, files, branch="changes/bot")
    team.fetch("Ada")
    story = timeline(team.person("Ada"), LogQuery(kinds=["change"]))
    assert story.events == ()
    (note,) = story.notes
    assert note.startswith(f"change request {change.id} cannot be read: ")


@pytest.mark.parametrize("how", ["squash", "merge"])
def test_what_a_forge_merged_is_live_since_it_was_merged(team: Team, how: str) -> None:
    team.approved(team.requested(temperature=0.1).id)
    team.clock.on(hours=1)
    change = team.requested(temperature=0.2)
    team.clock.on(hours=1)
    team.approved(change.id, "Bob")
    team.clock.on(hours=1)
    merged(team, change.id, how)
    moved, *rest = told(team, kinds=["promotion", "approval"])
    assert (moved.kind, moved.change, moved.at) == ("promotion", change.id, team.clock.now())
    assert rest[0].kind == "approval"
    (newest, *_) = history(team.person("Ada"), "production")
    assert newest.since == get_environment(team.person("Ada"), "production").since == moved.at
    (temperature, *_) = blame(team.person("Ada"), "checkout").parameters
    assert [live.since for live in temperature.live] == [team.clock.now()]


def merged(team: Team, change: str, how: str) -> None:
    """Bring the branch of a change request into production's now, as a forge does."""
    head, tip = (team.branches()[name] for name in (f"change/bot/{change}", "env/bot/production"))

    def work(tx: Transaction) -> None:
        commit = tx.commit(
            tree=tree_of(tx, head),
            parents=[tip] if how == "squash" else [tip, head],
            message="Merge pull request",
            author=replace(signature(), when=team.clock.now()),
        )
        tx.set_ref("refs/heads/env/bot/production", old=tip, new=commit)

    transact(team.remote, work)
