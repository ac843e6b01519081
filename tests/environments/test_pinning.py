"""Reading what is live or was live in a clone, and what is asked of the remote for it."""

from __future__ import annotations

import pytest

from gitexp.environments.pinning import Pin
from gitexp.environments.promotion import promote, unbind
from gitexp.environments.reading import read, read_environment_checkout
from gitexp.errors import (
    InvalidDocuments,
    InvalidInput,
    NotBound,
    NotFound,
    RemoteUnavailable,
)
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.model import PushUpdate, RefUpdate
from tests.builders import commit_files
from tests.environments.conftest import World, promoted, saved

BRANCH = "refs/heads/env/bot/production"
TRACKING = "refs/remotes/origin/env/bot/production"


def test_what_was_last_fetched_is_read_without_asking(world: World, ada: Workspace) -> None:
    version = promoted(ada, temperature=0.1)
    grace = world.clone("Grace")
    promoted(ada, temperature=0.2)
    world.take_down()
    asked = world.asked
    assert read(grace, "production").to_dict() == dict(version.values)
    assert world.asked == asked


def test_a_branch_that_is_not_here_is_fetched(world: World, ada: Workspace) -> None:
    grace = world.clone("Grace")
    version = promoted(ada)
    assert read(grace, "production").provenance.version == version.version
    assert grace.store.ref(TRACKING) == world.remote.ref(BRANCH)


def test_offline_nothing_is_fetched(world: World, ada: Workspace) -> None:
    grace = world.clone("Grace")
    promoted(ada)
    asked = world.asked
    with pytest.raises(NotFound) as caught:
        read(grace, "production", Pin(offline=True))
    assert caught.value.message == "environment 'production' is not in this clone"
    assert world.asked == asked


def test_an_unreachable_remote_is_an_error_and_no_empty_answer(
    world: World, ada: Workspace
) -> None:
    world.take_down()
    with pytest.raises(RemoteUnavailable):
        read(ada, "production")


def test_an_environment_that_was_never_bound_is_said(ada: Workspace) -> None:
    with pytest.raises(NotBound) as caught:
        read(ada, "production")
    assert caught.value.message == "no version is bound to environment 'production'"
    assert caught.value.hint == (
        "Bind one with `gitexp promote EXPERIMENT production`, or publish flags with "
        "`gitexp flag publish KEY production`."
    )
    with pytest.raises(NotFound, match="'prodction' is not declared"):
        read(ada, "prodction")


def test_the_shared_repository_itself_is_read_from_its_own_branches(
    world: World, ada: Workspace
) -> None:
    version = promoted(ada)

    def no_remote(name: str) -> None:
        raise NotFound(name)

    bare = Workspace(store=world.remote, project_id="bot", open_remote=no_remote)  # type: ignore[arg-type]
    assert read(bare, "production").provenance.version == version.version


def test_a_local_branch_does_not_hide_the_shared_one(ada: Workspace) -> None:
    version = promoted(ada)
    commit_files(ada.store, {"environment.yaml": b"draft"}, branch="env/bot/production")
    assert read(ada, "production").provenance.version == version.version


def test_an_earlier_commit_is_read(ada: Workspace) -> None:
    old = promoted(ada, temperature=0.1)
    commit = ada.store.ref(TRACKING)
    assert commit is not None
    promoted(ada, temperature=0.2)
    for text in (commit, commit[:10], "origin/env/bot/production~1"):
        found = read(ada, "production", Pin(at=text))
        assert found.to_dict() == dict(old.values)
        assert found.provenance.environment_commit == commit


def test_a_commit_that_is_not_here_yet_is_fetched(world: World, ada: Workspace) -> None:
    grace = world.clone("Grace")
    promoted(ada, temperature=0.1)
    commit = ada.store.ref(TRACKING)
    assert commit is not None
    promoted(ada, temperature=0.2)
    assert read(grace, "production", Pin(at=commit))["temperature"] == 0.1
    heather = world.clone("Heather")
    heather.store.refs("refs/")
    assert read(heather, "production", Pin(at=commit[:10]))["temperature"] == 0.1


def test_a_commit_that_was_read_once_needs_neither_history_nor_remote(
    world: World, ada: Workspace
) -> None:
    promoted(ada, temperature=0.1)
    commit = ada.store.ref(TRACKING)
    assert commit is not None
    promoted(ada, temperature=0.2)
    read(ada, "production", Pin(at=commit))
    world.take_down()
    assert isinstance(ada.store, MemoryStore)
    ada.store.objects.clear()
    assert read(ada, "production", Pin(at=commit))["temperature"] == 0.1


@pytest.mark.parametrize("text", ["f" * 40, "nonsense", "deadbeef"])
def test_a_commit_that_nobody_has_is_an_error(ada: Workspace, text: str) -> None:
    promoted(ada)
    with pytest.raises(NotFound):
        read(ada, "production", Pin(at=text))


def test_a_commit_of_another_environment_is_refused(ada: Workspace) -> None:
    promoted(ada)
    promote(ada, "checkout", "staging")
    other = ada.store.ref("refs/remotes/origin/env/bot/staging")
    with pytest.raises(InvalidDocuments, match='"staging" stands there'):
        read(ada, "production", Pin(at=other))


def test_a_commit_of_no_environment_is_refused(ada: Workspace) -> None:
    version = promoted(ada)
    with pytest.raises(InvalidDocuments, match=r"environment\.yaml: the file is missing"):
        read(ada, "production", Pin(at=version.version))


def test_a_proposal_that_was_never_taken_is_refused(world: World, ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    base = world.remote.ref(BRANCH)
    assert base is not None
    promoted(ada, temperature=0.2)
    taken = world.remote.ref(BRANCH)
    grace = world.clone("Grace")
    remote = ada.remote()
    proposal = "refs/heads/change/1"
    remote.push([PushUpdate(ref=proposal, old=None, new=taken)])
    # The branch is put back, as if the second promotion had only been proposed.
    with world.remote.exclusive():
        world.remote.apply([], [RefUpdate(ref=BRANCH, old=taken, new=base)])
    grace.remote().fetch([f"+{BRANCH}:{TRACKING}"])
    with pytest.raises(InvalidInput) as caught:
        read(grace, "production", Pin(at=taken))
    assert str(taken)[:10] in caught.value.message
    assert "is not on the branch of environment 'production'" in caught.value.message


def test_a_commit_in_which_nothing_was_bound_is_said(ada: Workspace) -> None:
    promoted(ada)
    gone = unbind(ada, "production")
    promote(ada, "checkout", "production")
    with pytest.raises(NotBound, match=r"Ada <ada@example\.org> unbound it on"):
        read(ada, "production", Pin(at=gone.commit))


def test_a_pin_is_given_one_way_only(ada: Workspace) -> None:
    promoted(ada)
    with pytest.raises(InvalidInput, match="cannot be read at 'abcd' and as locked"):
        read(ada, "production", Pin(at="abcd", locked=True))


def test_a_checkout_of_the_branch_is_read_without_a_project(world: World, ada: Workspace) -> None:
    version = promoted(ada, api_key="BOT_KEY")
    tip = world.remote.ref(BRANCH)
    assert tip is not None
    world.remote.symbolic["HEAD"] = BRANCH
    found = read_environment_checkout(world.remote, environ={"BOT_KEY": "s3cr3t"})
    assert found.to_dict() == dict(version.values)
    assert found.provenance.environment == "production"
    assert found.secret("api_key") == "s3cr3t"
    world.remote.detach_head(tip)
    detached = read_environment_checkout(world.remote, environ={}, environment="production")
    assert detached == found


def test_a_checkout_of_something_else_is_an_error(world: World, ada: Workspace) -> None:
    with pytest.raises(NotFound, match=r"no environment\.yaml at the top of what is checked out"):
        read_environment_checkout(world.remote, environ={})
    with pytest.raises(NotFound, match=r"no environment\.yaml at the top of what is checked out"):
        read_environment_checkout(MemoryStore(), environ={})


def test_a_checkout_of_another_environment_than_named_is_an_error(
    world: World, ada: Workspace
) -> None:
    promoted(ada)
    world.remote.symbolic["HEAD"] = BRANCH
    with pytest.raises(InvalidDocuments, match='"production" stands there, but "staging"'):
        read_environment_checkout(world.remote, environ={}, environment="staging")


def test_values_keep_their_types_from_save_to_read(ada: Workspace) -> None:
    saved(ada, temperature=1, retries=10**20, tools=[1.0, True, None, "no", "012", {"a": []}])
    promote(ada, "checkout", "production")
    found = read(ada, "production")
    assert (found["temperature"], type(found["temperature"])) == (1.0, float)
    assert found["retries"] == 10**20
    assert found["tools"] == [1.0, True, None, "no", "012", {"a": []}]
    assert [type(v) for v in found["tools"][:2]] == [float, bool]
