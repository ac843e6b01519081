"""The timeline: what is told, in which order, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.environments.promotion import promote, rollback, unbind
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments import lifecycle
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import fetch_project, share
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.telling.events import Event, newest_first
from gitexp.review.telling.timeline import LogQuery, Timeline, timeline
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import read_commit
from tests.builders import MOMENT, commit_files
from tests.environments.conftest import DEFINITION, World, promoted, push_trunk, saved
from tests.environments.conftest import ada as ada
from tests.environments.conftest import grace as grace
from tests.environments.conftest import world as world


def told(workspace: Workspace, **query: object) -> Timeline:
    return timeline(workspace, LogQuery(**query))  # type: ignore[arg-type]


def brief(story: Timeline) -> list[str]:
    return [f"{event.kind} {event.action}" for event in story.events]


def test_a_story_is_told_from_every_branch_newest_first(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    rollback(ada, "production", reason="too cold")
    unbind(ada, "production")
    story = told(ada)
    assert brief(story) == [
        "promotion unbind",
        "promotion rollback",
        "promotion promote",
        "save save",
        "promotion promote",
        "save save",
        "lifecycle create",
        "project definition",
    ]
    assert (story.notes, story.more) == ((), False)
    back = story.events[1]
    assert (back.by, back.experiment, back.environment) == (
        "Ada <ada@example.org>",
        "checkout",
        "production",
    )
    assert back.text == "too cold"
    assert back.details["changes"] == [
        {
            "name": "temperature",
            "kind": "changed",
            "type": "number",
            "before": 0.2,
            "after": 0.1,
        }
    ]
    assert story.events[0].experiment == "checkout"


def test_every_event_is_json_data_with_the_same_keys(ada: Workspace) -> None:
    import json

    promoted(ada)
    items = told(ada).to_dict()["events"]
    assert json.loads(json.dumps(items)) == items
    assert {tuple(item) for item in items} == {
        (
            *("kind", "action", "at", "by", "text", "experiment", "environment", "version"),
            *("digest", "run", "change", "commit", "details"),
        )
    }


def test_the_life_of_an_experiment_is_told(ada: Workspace) -> None:
    lifecycle.create(ada, NewExperiment(name="tone"))
    for change in (lifecycle.archive, lifecycle.unarchive):
        change(ada, "tone")
    describe = {"description": "How it sounds"}
    lifecycle.change_header(ada, "tone", lambda h: h.having(**describe), message="tone: describe")
    lifecycle.rename(ada, "tone", "voice")
    lifecycle.delete(ada, "voice", unbind=lambda tx, name: [])
    lifecycle.restore(ada, "voice")
    story = told(ada, experiment="voice")
    assert brief(story) == [
        "lifecycle restore",
        "lifecycle delete",
        "lifecycle rename",
        "header describe",
        "lifecycle unarchive",
        "lifecycle archive",
        "lifecycle create",
    ]
    assert story.events[2].details == {"from": "tone", "to": "voice"}
    assert story.events[3].details == {
        "changes": {"description": {"before": None, "after": "How it sounds"}}
    }
    assert {event.experiment for event in story.events} == {"voice"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"kinds": ["save"]}, ["save save"] * 2),
        ({"kinds": ["promotion", "lifecycle"]}, ["promotion promote", "lifecycle create"]),
        ({"environment": "production"}, ["promotion promote"]),
        ({"environment": "staging"}, []),
        ({"author": "ADA@", "kinds": ["promotion", "run"]}, ["promotion promote"]),
        ({"author": "grace"}, []),
        ({"experiment": "checkout", "kinds": ["project", "save"]}, ["save save"] * 2),
        ({"limit": 1}, ["save save"]),
    ],
)
def test_a_story_is_told_in_part(
    ada: Workspace, query: dict[str, object], expected: list[str]
) -> None:
    promoted(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    assert brief(told(ada, **query)) == expected


def test_a_limit_says_that_there_is_more(ada: Workspace) -> None:
    promoted(ada)
    assert told(ada, limit=2).more
    assert not told(ada, limit=100).more
    assert len(told(ada, limit=None).events) == len(told(ada).events)


def test_a_time_is_told_from_and_to(ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    second, first = (event.at for event in told(ada, kinds=["save"]).events)
    assert [e.at for e in told(ada, kinds=["save"], since=second).events] == [second]
    assert [e.at for e in told(ada, kinds=["save"], until=first).events] == [first]
    assert told(ada, kinds=["save"], since=first, until=second).events[0].at == second


def test_what_was_merged_into_the_trunk_is_told_once(ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    tip = ada.store.ref("refs/heads/exp/bot/checkout")
    trunk = ada.store.ref("refs/heads/main")
    assert tip is not None
    assert trunk is not None
    merge(ada, (trunk, tip))
    push_trunk(ada)
    story = told(ada, experiment="checkout")
    assert brief(story) == ["share merge", "save save", "lifecycle create"]
    assert story.events[0].text == "into main: merged"


def test_a_squash_is_a_merge_and_no_second_save(ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    tip = ada.store.ref("refs/heads/exp/bot/checkout")
    trunk = ada.store.ref("refs/heads/main")
    assert tip is not None
    assert trunk is not None
    merge(ada, (trunk,), tree_from=tip)
    push_trunk(ada)
    saved(ada, temperature=0.3)
    story = told(ada, experiment="checkout")
    assert sorted(brief(story)) == ["lifecycle create", "save save", "save save", "share merge"]


def merge(
    workspace: Workspace, parents: tuple[ObjectId, ...], *, tree_from: ObjectId | None = None
) -> ObjectId:
    """Return a new commit on the trunk with the tree of its last parent, or of another commit."""

    def work(tx: Transaction) -> ObjectId:
        commit = tx.commit(
            tree=read_commit(tx, tree_from or parents[-1]).tree,
            parents=parents,
            message="merged",
            author=workspace.signature(),
        )
        tx.set_ref("refs/heads/main", old=parents[0], new=commit)
        return commit

    return transact(workspace.store, work)


def test_policies_and_groups_on_the_trunk_are_told(ada: Workspace) -> None:
    policy = b"production:\n    policies:\n      - approvals: {count: 1}\n"
    commit_files(
        ada.store,
        {"gitexp.yaml": DEFINITION.replace(b"production: {}   # live\n", policy)},
        message="ask two people",
        at=60,
    )
    commit_files(
        ada.store,
        {"groups/leads.yaml": b"members: {a@b.org: {roles: [admin]}}\n", "src/x": b"1"},
        message="leads",
        at=61,
    )
    commit_files(ada.store, {"src/x": b"2"}, message="code", at=62)
    story = told(ada, kinds=["project"])
    assert [f"{e.action}: {e.text}" for e in story.events] == [
        "groups: leads",
        "policies: ask two people",
        "definition: ask two people",
        "definition: change",
    ]
    assert [event.to_dict() for event in told(ada, kinds=["project"]).events] == [
        event.to_dict() for event in story.events
    ]


def test_what_is_new_on_the_trunk_is_told_after_what_was_kept(ada: Workspace) -> None:
    assert len(told(ada, kinds=["project"]).events) == 1
    commit_files(ada.store, {"gitexp.yaml": DEFINITION + b"# more\n"}, message="more", at=5)
    assert [event.text for event in told(ada, kinds=["project"]).events] == ["more", "change"]


def test_what_others_alone_may_read_is_not_told(world: World, ada: Workspace) -> None:
    group = b"members: {ada@example.org: {roles: [admin]}}\n"
    owned = DEFINITION.replace(b"id: bot\n", b"id: bot\n\ngroup: leads\n")
    commit_files(ada.store, {"gitexp.yaml": owned, "groups/leads.yaml": group})
    push_trunk(ada)
    promoted(ada)
    eve = world.clone("Eve")
    fetch_project(eve)
    assert set(brief(told(eve))) == {"project definition", "project groups"}
    with pytest.raises(NotFound, match="no experiment 'checkout'"):
        told(eve, experiment="checkout")


def test_only_what_is_about_an_experiment_is_told_of_it(ada: Workspace) -> None:
    promoted(ada)
    lifecycle.create(ada, NewExperiment(name="tone"))
    save(ada, "tone", Edit(values={"model": "large"}))
    share(ada, "tone")
    promote(ada, "tone", "production")
    assert brief(told(ada, experiment="tone")) == [
        "promotion promote",
        "save save",
        "lifecycle create",
    ]
    assert brief(told(ada, experiment="checkout", kinds=["promotion"])) == ["promotion promote"]


def test_unknown_kinds_environments_and_limits_are_refused(ada: Workspace) -> None:
    with pytest.raises(InvalidInput, match="'merge' is no kind of event"):
        told(ada, kinds=["merge"])
    with pytest.raises(InvalidInput, match="0 is not a number of events"):
        told(ada, limit=0)
    with pytest.raises(NotFound, match="environment 'prod' is not declared"):
        told(ada, environment="prod")


def test_a_branch_that_cannot_be_read_is_told_as_such(ada: Workspace) -> None:
    promoted(ada)
    commit_files(
        ada.store,
        {"environment.yaml": b"format: 1\n"},
        branch="env/bot/staging",
        message="by hand",
    )
    (event,) = told(ada, environment="staging").events
    assert (event.kind, event.action, event.by) == (
        "promotion",
        "unreadable",
        "Ada Example <ada@example.org>",
    )


# --- order ----------------------------------------------------------------------------------

NOW = MOMENT + timedelta(days=1)


def event(name: str, seconds: int) -> Event:
    return Event(
        kind="save", action="save", at=MOMENT + timedelta(seconds=seconds), by="", text=name
    )


def test_clocks_that_ran_wrong_do_not_turn_a_line_around() -> None:
    line = [event("first", 50), event("second", 10), event("third", 60)]
    other = [event("other", 55)]
    assert [e.text for e in newest_first([line, other], now=NOW)] == [
        "third",
        "other",
        "second",
        "first",
    ]


def test_a_moment_in_the_future_counts_as_now() -> None:
    line = [event("far", 10**9), event("after", 5)]
    assert [e.text for e in newest_first([line, [event("old", 0)]], now=NOW)] == [
        "after",
        "far",
        "old",
    ]


@given(st.lists(st.lists(st.integers(0, 20), max_size=5), max_size=4))
def test_every_line_keeps_its_order(times: list[list[int]]) -> None:
    lines = [[event(f"{n}.{i}", s) for i, s in enumerate(line)] for n, line in enumerate(times)]
    found = [e.text for e in newest_first(lines, now=NOW)]
    for number, line in enumerate(lines):
        mine = [text for text in found if text.startswith(f"{number}.")]
        assert mine == [e.text for e in reversed(line)]
    assert len(found) == sum(map(len, lines))
    assert found == [e.text for e in newest_first(lines, now=NOW)]


def test_moments_are_those_of_utc() -> None:
    assert NOW.tzinfo is timezone.utc
    assert isinstance(replace(event("x", 1)).at, datetime)


def test_a_long_trunk_is_told_in_part(ada: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitexp.review.telling.trunk_events.MOST_COMMITS", 2)
    for number in range(4):
        text = DEFINITION + f"# {number}\n".encode()
        commit_files(ada.store, {"gitexp.yaml": text}, message=str(number), at=number)
    story = told(ada, kinds=["project"])
    assert [event.text for event in story.events] == ["3", "2"]
    assert len(story.notes) == 1
    commit_files(ada.store, {"gitexp.yaml": DEFINITION}, message="last", at=9)
    again = told(ada, kinds=["project"])
    assert [event.text for event in again.events] == ["last", "3", "2"]
    assert len(again.notes) == 1


def test_a_merge_under_a_former_name_is_told_under_the_present_one(ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    tip = ada.store.ref("refs/heads/exp/bot/checkout")
    trunk = ada.store.ref("refs/heads/main")
    assert tip is not None
    assert trunk is not None
    merge(ada, (trunk, tip))
    push_trunk(ada)
    saved(ada, temperature=0.2)
    lifecycle.rename(ada, "checkout", "basket")
    story = told(ada, experiment="basket")
    assert "share merge" in brief(story)
    assert {event.experiment for event in story.events} == {"basket"}


def test_what_was_kept_of_a_story_tells_the_same(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    first = told(ada)
    assert told(ada).to_dict() == first.to_dict()
    saved(ada, temperature=0.2)
    again = told(ada)
    assert len(again.events) == len(first.events) + 1
    assert again.events[1:] == first.events
