"""The environments of a project: declared, listed, with what is live in them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.environments.promotion import promote, unbind
from gitexp.environments.states import create, get_environment, list_environments
from gitexp.errors import AlreadyExists, InvalidInput, NotFound
from gitexp.experiments import sharing
from gitexp.experiments.lifecycle import rename
from gitexp.experiments.saving import Edit, save
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.store.trees import blob_at, read_commit, tree_of
from tests.builders import commit_files
from tests.environments.conftest import (
    DEFINITION,
    World,
    break_production,
    lose_values,
    promoted,
    saved,
)

VALID = ["qa-1", "eu-west", "eu.west.staging", "feature_branch", "0", "a" * 63]
INVALID = ["Default", "PROD", " staging", "stag ing", "-qa", ".env", "_internal", "qa/west"]
INVALID += ["qa+1", "qa@1", "qa:1", "a" * 64, "", "con", "a..b", "a.lock", "a.", "qa\n", "é"]


def definition(workspace: Workspace) -> bytes:
    """Return `gitexp.yaml` at the tip of the local trunk."""
    tip = workspace.store.ref("refs/heads/main")
    assert tip is not None
    return blob_at(workspace.store, tree_of(workspace.store, tip), "gitexp.yaml") or b""


def test_declared_environments_are_listed_in_their_order(ada: Workspace) -> None:
    version = promoted(ada)
    default, staging, production = list_environments(ada)
    assert [s.name for s in (default, staging, production)] == ["default", "staging", "production"]
    assert (staging.bound, staging.binding, staging.commit, staging.newer_versions) == (
        False,
        None,
        None,
        None,
    )
    assert staging.description == "Before it goes live"
    assert production.bound
    assert production.binding is not None
    assert production.binding.version == version.version
    assert production.commit == ada.store.ref("refs/remotes/origin/env/bot/production")


def test_a_broken_branch_is_listed_with_its_problem(world: World, ada: Workspace) -> None:
    promoted(ada, "staging")
    broken = break_production(world)
    _, staging, production = list_environments(world.clone("Grace"))
    assert (staging.bound, staging.problem) == (True, None)
    assert (production.bound, production.binding, production.commit) == (False, None, broken)
    assert production.problem == (
        f'{broken[:10]}:environment.yaml:1: the key "action" is missing (and 8 more)'
    )
    assert production.declared


def test_a_tip_that_is_not_here_is_a_problem_too(ada: Workspace) -> None:
    promoted(ada)
    lose_values(ada, "production")
    assert "is not in this repository" in str(get_environment(ada, "production").problem)


def test_newer_versions_are_counted(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    assert get_environment(ada, "production").newer_versions == 0
    saved(ada, temperature=0.2)
    saved(ada, temperature=0.3)
    assert get_environment(ada, "production").newer_versions == 2
    rename(ada, "checkout", "payment")
    assert get_environment(ada, "production").newer_versions == 2


def test_a_bound_experiment_is_shown_under_the_name_that_it_has_today(
    ada: Workspace, grace: Workspace
) -> None:
    promoted(ada)
    for clone in (ada, grace):
        sharing.fetch_project(clone)
    save(grace, "checkout", Edit(patch={"retries": 9}))
    rename(ada, "checkout", "payment")
    sharing.fetch_project(grace)
    for clone in (ada, grace):
        binding = get_environment(clone, "production").binding
        assert binding is not None
        assert binding.experiment == "payment"


def test_an_unbound_environment_keeps_its_last_binding_in_sight(ada: Workspace) -> None:
    promoted(ada)
    unbind(ada, "production")
    state = get_environment(ada, "production")
    assert not state.bound
    assert state.binding is not None
    assert state.binding.action == "unbind"
    assert state.newer_versions is None


def test_an_unknown_environment_is_an_error(ada: Workspace) -> None:
    with pytest.raises(NotFound, match="environment 'prod' is not declared in project 'bot'"):
        get_environment(ada, "prod")


def test_a_branch_whose_declaration_is_gone_is_still_listed(world: World, ada: Workspace) -> None:
    promoted(ada)
    text = DEFINITION.replace(b"  production: {}   # live\n", b"")
    commit_files(ada.store, {"gitexp.yaml": text})
    last = list_environments(ada)[-1]
    assert (last.name, last.declared, last.bound) == ("production", False, True)
    assert get_environment(ada, "production") == last


@pytest.mark.parametrize("name", VALID)
def test_a_usable_name_is_declared_and_can_be_bound(ada: Workspace, name: str) -> None:
    state = create(ada, name)
    assert (state.name, state.bound, state.declared) == (name, False, True)
    saved(ada)
    assert promote(ada, "checkout", name).environment == name
    assert get_environment(ada, name).bound


@pytest.mark.parametrize("name", INVALID)
def test_an_unusable_name_is_refused_and_nothing_written(ada: Workspace, name: str) -> None:
    before = ada.store.refs("refs/")
    with pytest.raises(InvalidInput, match="is not a usable environment name"):
        create(ada, name)
    assert ada.store.refs("refs/") == before


@pytest.mark.parametrize("name", ["default", "production"])
def test_a_declared_name_is_taken(ada: Workspace, name: str) -> None:
    before = ada.store.refs("refs/")
    with pytest.raises(AlreadyExists) as caught:
        create(ada, name)
    assert caught.value.message == f"environment {name!r} is declared already"
    assert ada.store.refs("refs/") == before


def test_declaring_keeps_comments_and_order(ada: Workspace) -> None:
    create(ada, "qa", description="For the testers: all of them")
    text = definition(ada)
    assert text.startswith(b"# The bot.\nformat: 1\n")
    assert b"  production: {}   # live\n" in text
    project = current_project(ada)
    assert list(project.environments) == ["default", "staging", "production", "qa"]
    assert project.environments["qa"].description == "For the testers: all of them"


def test_declaring_is_one_commit_on_the_trunk(ada: Workspace) -> None:
    before = ada.store.ref("refs/heads/main")
    create(ada, "qa")
    tip = ada.store.ref("refs/heads/main")
    assert tip is not None
    commit = read_commit(ada.store, tip)
    assert commit.parents == (before,)
    assert commit.subject == "declare environment qa"


def test_declaring_without_a_local_trunk_begins_at_the_shared_one(world: World) -> None:
    grace = world.clone("Grace")
    shared = grace.store.ref("refs/remotes/origin/main")
    create(grace, "qa")
    tip = grace.store.ref("refs/heads/main")
    assert tip is not None
    assert read_commit(grace.store, tip).parents == (shared,)


def test_declaring_on_a_trunk_that_is_behind_goes_on_from_the_shared_one(
    world: World, ada: Workspace
) -> None:
    newer = commit_files(world.remote, {"README": b"hello\n"})
    ada.remote().fetch(["+refs/heads/main:refs/remotes/origin/main"])
    create(ada, "qa")
    tip = ada.store.ref("refs/heads/main")
    assert tip is not None
    assert read_commit(ada.store, tip).parents == (newer,)


def test_the_first_environment_of_a_project_is_declared(world: World, ada: Workspace) -> None:
    commit_files(ada.store, {"gitexp.yaml": b"format: 1\n\nid: bot\n"})
    create(ada, "qa", description="first")
    assert list(current_project(ada).environments) == ["qa"]


def test_a_description_that_cannot_be_stored_is_refused(ada: Workspace) -> None:
    before = ada.store.refs("refs/")
    with pytest.raises(InvalidInput):
        create(ada, "qa", description="\x1b[31m")
    assert ada.store.refs("refs/") == before


def test_without_a_trunk_nothing_can_be_declared(ada: Workspace) -> None:
    empty = replace(ada, trunk="nowhere")
    with pytest.raises(NotFound, match="the trunk 'nowhere' has no commit"):
        create(empty, "qa")
