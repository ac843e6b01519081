"""Blame: who set each value, when and why, and since when it is live where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitexp.environments.promotion import promote, rollback, unbind
from gitexp.errors import NotFound
from gitexp.experiments.joining import pull
from gitexp.experiments.lifecycle import NewExperiment, create, rename
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import fetch_project, share
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.telling.blame import Blame, ParameterBlame, blame
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import read_commit
from tests.builders import commit_files, set_branch
from tests.environments.conftest import DEFINITION, World, promoted, push_trunk, saved
from tests.environments.conftest import ada as ada
from tests.environments.conftest import grace as grace
from tests.environments.conftest import world as world


def of(found: Blame, name: str) -> ParameterBlame:
    return next(parameter for parameter in found.parameters if parameter.name == name)


def test_a_value_goes_back_to_the_version_that_set_it(ada: Workspace) -> None:
    first = saved(ada, temperature=0.1)
    second = save(ada, "checkout", Edit(patch={"temperature": 0.2}), message="Warmer\n\nby far")
    save(ada, "checkout", Edit(patch={"retries": 5}))
    found = blame(ada, "checkout")
    temperature = of(found, "temperature")
    assert (temperature.value, temperature.version) == (0.2, second.version)
    assert (temperature.by, temperature.at) == ("Ada <ada@example.org>", second.created_at)
    assert temperature.message == "Warmer\n\nby far"
    assert of(found, "model").version == first.version
    assert [parameter.name for parameter in found.parameters] == ["temperature", "model", "retries"]


def test_a_value_that_came_back_was_set_when_it_came_back(ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    third = saved(ada, temperature=0.1)
    assert of(blame(ada, "checkout"), "temperature").version == third.version


def test_an_earlier_version_is_blamed_as_it_was(ada: Workspace) -> None:
    first = saved(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    found = blame(ada, "checkout", "latest~1")
    assert found.version == first.version
    assert of(found, "temperature").value == 0.1
    with pytest.raises(NotFound, match="no version latest~7"):
        blame(ada, "checkout", "latest~7")


def test_defaults_are_told_from_values_that_were_given(ada: Workspace) -> None:
    create(ada, NewExperiment(name="tone"))
    commit_files(
        ada.store,
        {"experiments/tone/parameters.yaml": b"model: small\nretries: 3\n"},
        branch="exp/bot/tone",
    )
    found = blame(ada, "tone")
    told = {p.name: (p.origin, p.is_default) for p in found.parameters}
    assert told == {
        "temperature": ("default", True),
        "model": ("set", False),
        "retries": ("set", True),
    }


def test_a_value_is_live_since_the_move_that_brought_it(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    first = promote(ada, "checkout", "staging")
    promoted(ada, temperature=0.2)
    live = {live.environment: live for live in of(blame(ada, "checkout"), "temperature").live}
    assert list(live) == ["production", "staging"]
    assert (live["production"].same, live["production"].value) == (True, 0.2)
    assert (live["staging"].same, live["staging"].value) == (False, 0.1)
    assert (live["staging"].since, live["staging"].commit) == (first.at, first.commit)
    model = {live.environment: live for live in of(blame(ada, "checkout"), "model").live}
    assert model["production"].since < live["production"].since
    assert model["production"].same


def test_a_break_in_an_environment_counts(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    back = rollback(ada, "production")
    (live,) = of(blame(ada, "checkout", "latest~1"), "temperature").live
    assert (live.since, live.same) == (back.at, True)
    unbind(ada, "production")
    again = promote(ada, "checkout", "production")
    (live,) = of(blame(ada, "checkout"), "model").live
    assert live.since == again.at


def test_an_environment_of_another_experiment_says_nothing(ada: Workspace) -> None:
    promoted(ada)
    create(ada, NewExperiment(name="tone"))
    save(ada, "tone", Edit(values={"model": "small"}))
    assert of(blame(ada, "tone"), "model").live == ()


def test_each_side_of_a_merge_is_asked(ada: Workspace, grace: Workspace) -> None:
    saved(ada, temperature=0.1)
    fetch_project(grace)
    theirs = save(grace, "checkout", Edit(patch={"retries": 9}))
    share(grace, "checkout")
    ours = save(ada, "checkout", Edit(patch={"temperature": 0.9}))
    fetch_project(ada)
    pull(ada, "checkout")
    found = blame(ada, "checkout")
    assert of(found, "temperature").version == ours.version
    assert of(found, "temperature").by == "Ada <ada@example.org>"
    assert of(found, "retries").version == theirs.version
    assert of(found, "retries").by == "Grace <grace@example.org>"


def test_a_squash_does_not_take_the_blame(ada: Workspace) -> None:
    first = saved(ada, temperature=0.1)
    tip, trunk = (ada.store.ref(f"refs/heads/{b}") for b in ("exp/bot/checkout", "main"))
    assert tip is not None
    assert trunk is not None
    _squash(ada, trunk, tip)
    push_trunk(ada)
    save(ada, "checkout", Edit(patch={"retries": 7}))
    found = blame(ada, "checkout")
    assert of(found, "temperature").version == first.version
    assert of(found, "temperature").message != "squashed"


def test_what_the_squash_alone_tells_is_told(ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    tip, trunk = (ada.store.ref(f"refs/heads/{b}") for b in ("exp/bot/checkout", "main"))
    assert tip is not None
    assert trunk is not None
    squashed = _squash(ada, trunk, tip)
    push_trunk(ada)
    promote(ada, "checkout", "production")
    set_branch(ada.store, "exp/bot/checkout", None)
    transact(
        ada.store,
        lambda tx: tx.set_ref("refs/remotes/origin/exp/bot/checkout", old=tip, new=None),
    )
    found = blame(ada, "checkout")
    assert of(found, "temperature").version == squashed
    (live,) = of(found, "temperature").live
    assert live.same


def _squash(workspace: Workspace, trunk: ObjectId, tip: ObjectId) -> ObjectId:
    def work(tx: Transaction) -> ObjectId:
        tree = read_commit(tx, tip).tree
        who = workspace.signature()
        commit = tx.commit(tree=tree, parents=[trunk], message="squashed", author=who)
        tx.set_ref("refs/heads/main", old=trunk, new=commit)
        return commit

    return transact(workspace.store, work)


def test_a_rename_changes_no_blame(ada: Workspace) -> None:
    first = saved(ada, temperature=0.1)
    rename(ada, "checkout", "basket")
    save(ada, "basket", Edit(patch={"retries": 9}))
    found = blame(ada, "basket")
    assert found.experiment == "basket"
    assert of(found, "temperature").version == first.version


def test_a_default_that_the_definition_changed_is_set_by_the_version_that_took_it(
    ada: Workspace,
) -> None:
    create(ada, NewExperiment(name="tone"))
    values = "experiments/tone/parameters.yaml"
    commit_files(ada.store, {values: b"model: small\n"}, branch="exp/bot/tone", at=1)
    changed = DEFINITION.replace(b"default: 0.7", b"default: 0.8")
    files = {"gitexp.yaml": changed, values: b"model: large\n"}
    later = commit_files(ada.store, files, branch="exp/bot/tone", at=2)
    found = of(blame(ada, "tone"), "temperature")
    assert (found.value, found.origin, found.version) == (0.8, "default", later)


def test_an_environment_that_cannot_be_read_is_noted(ada: Workspace, world: World) -> None:
    promoted(ada)
    commit_files(ada.store, {"environment.yaml": b"format: 1\n"}, branch="env/bot/staging")
    found = blame(ada, "checkout")
    assert len(of(found, "model").live) == 1
    (note,) = found.notes
    assert note.startswith("environment 'staging': ")


def test_blame_is_json_data(ada: Workspace) -> None:
    import json

    promoted(ada, temperature=0.1)
    data = blame(ada, "checkout").to_dict()
    assert json.loads(json.dumps(data)) == data
    assert set(data["parameters"][0]) == {
        *("name", "type", "value", "origin", "is_default", "version", "digest", "by", "at"),
        *("message", "live"),
    }


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(["temperature", "retries"]), st.integers(0, 2))))
def test_blame_is_the_last_save_that_changed_a_value(steps: list[tuple[str, int]]) -> None:
    made = World()
    commit_files(made.remote, {"gitexp.yaml": DEFINITION})
    workspace = made.clone("Ada")
    create(workspace, NewExperiment(name="tone"))
    values: dict[str, float] = {"temperature": 0.7, "retries": 3}
    setter = dict.fromkeys(values, save(workspace, "tone", Edit(values={"model": "m"})).version)
    for name, value in steps:
        saved_now = save(workspace, "tone", Edit(patch={name: value}))
        if values[name] != value:
            values[name], setter[name] = value, saved_now.version
    found = blame(workspace, "tone")
    assert {name: of(found, name).version for name in values} == setter
    assert {name: of(found, name).value for name in values} == values
