from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitexp.errors import Conflict, Diverged, NotAllowed, NotFound, PushRejected
from gitexp.experiments import joining, sharing
from gitexp.experiments.homes import experiment_names, get_home
from gitexp.experiments.lifecycle import NewExperiment, create, rename
from gitexp.experiments.publishing import publish
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import list_versions, resolve_version
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.protocol import Remote
from gitexp.store.trees import read_commit
from tests.builders import set_branch


@pytest.fixture(autouse=True)
def experiment(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    save(workspace, "tuning", Edit(patch={"model": "small"}))


def state(workspace: Workspace) -> sharing.Sharing:
    return sharing.sharing_of(workspace, get_home(workspace, "tuning"))


def patch(workspace: Workspace, **values: object) -> str:
    return save(workspace, "tuning", Edit(patch=values)).version


def test_an_experiment_is_private_until_it_is_shared(workspace: Workspace) -> None:
    assert (state(workspace).state, state(workspace).visibility) == ("private", "private")
    sharing.share(workspace, "tuning")
    assert (state(workspace).state, state(workspace).visibility) == ("shared", "shared")


def test_sharing_twice_does_nothing(workspace: Workspace) -> None:
    assert sharing.share(workspace, "tuning") is not None
    assert sharing.share(workspace, "tuning") is None


def test_versions_ahead_of_the_remote_are_not_shared_yet(workspace: Workspace) -> None:
    sharing.share(workspace, "tuning")
    version = patch(workspace, retries=5)
    assert state(workspace) == sharing.Sharing(state="ahead", ahead=1)
    assert not sharing.is_shared(workspace, "tuning", version)
    sharing.share(workspace, "tuning")
    assert sharing.is_shared(workspace, "tuning", version)


def test_another_clone_saves_on_top_of_what_it_fetched(
    workspace: Workspace, another_clone: Callable[[], Workspace]
) -> None:
    sharing.share(workspace, "tuning")
    other = another_clone()
    patch(other, retries=5)
    sharing.share(other, "tuning")
    sharing.fetch_project(workspace)
    assert state(workspace).state == "behind"
    assert resolve_version(workspace, "tuning").values["retries"] == 5
    patch(workspace, retries=6)
    assert state(workspace).state == "ahead"


def diverge(workspace: Workspace, other: Workspace, ours: dict, theirs: dict) -> None:
    patch(other, **theirs)
    sharing.share(other, "tuning")
    patch(workspace, **ours)
    sharing.fetch_project(workspace)


def test_diverged_lines_are_not_shared(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    diverge(workspace, another_clone(), {"retries": 5}, {"temperature": 1.0})
    assert state(workspace) == sharing.Sharing(state="diverged", ahead=1, behind=1)
    with pytest.raises(Conflict, match="1 ahead, 1 behind"):
        sharing.share(workspace, "tuning")


def test_an_unfetched_divergence_is_refused_by_the_remote(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    other = another_clone()
    theirs = patch(other, temperature=1.0)
    sharing.share(other, "tuning")
    patch(workspace, retries=5)
    with pytest.raises(Conflict, match="exp/bot/tuning moved on 'origin' meanwhile") as caught:
        sharing.share(workspace, "tuning")
    assert caught.value.hint.startswith("Join what others saved with `gitexp pull`")
    ref = "refs/heads/exp/bot/tuning"
    assert workspace.remote().list_refs([ref])[ref] == theirs


def test_changes_of_different_parameters_are_joined(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    diverge(workspace, another_clone(), {"retries": 5}, {"temperature": 1.0})
    home = joining.pull(workspace, "tuning")
    latest = resolve_version(workspace, "tuning")
    assert (latest.values["retries"], latest.values["temperature"]) == (5, 1.0)
    assert read_commit(workspace.store, home.tip).parents == (
        list_versions(workspace, "tuning")[1].version,
        home.shared,
    )
    sharing.share(workspace, "tuning")
    assert state(workspace).state == "shared"


def test_a_conflict_names_the_parameter_and_its_three_values(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    diverge(workspace, another_clone(), {"retries": 5, "temperature": 1.1}, {"retries": 7})
    before = workspace.store.refs("refs/heads/")
    with pytest.raises(Diverged) as caught:
        joining.pull(workspace, "tuning")
    assert caught.value.parameters == {"retries": (3, 5, 7)}
    assert str(caught.value) == "experiment 'tuning': both sides changed retries"
    assert workspace.store.refs("refs/heads/") == before


@pytest.mark.parametrize("take, expected", [("ours", 5), ("theirs", 7)])
def test_a_side_can_be_taken(workspace, another_clone, take, expected) -> None:
    sharing.share(workspace, "tuning")
    diverge(workspace, another_clone(), {"retries": 5}, {"retries": 7})
    joining.pull(workspace, "tuning", take=take)
    assert resolve_version(workspace, "tuning").values["retries"] == expected


def test_a_conflict_can_be_decided_by_name(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    diverge(workspace, another_clone(), {"retries": 5}, {"retries": 7})
    joining.pull(workspace, "tuning", chosen={"retries": 6})
    assert resolve_version(workspace, "tuning").values["retries"] == 6


def test_unshare_takes_the_branch_off_the_remote_and_keeps_it_here(workspace: Workspace) -> None:
    sharing.share(workspace, "tuning")
    sharing.unshare(workspace, "tuning", bound_in=[])
    assert state(workspace).state == "private"
    assert len(list_versions(workspace, "tuning")) == 1


def test_unshare_from_a_clone_that_has_no_branch_keeps_the_versions(
    workspace, another_clone
) -> None:
    sharing.share(workspace, "tuning")
    other = another_clone()
    sharing.unshare(other, "tuning", bound_in=[])
    assert get_home(other, "tuning").kind == "branch"
    assert len(list_versions(other, "tuning")) == 1


def test_unshare_is_refused_while_an_environment_is_bound(workspace: Workspace) -> None:
    sharing.share(workspace, "tuning")
    with pytest.raises(NotAllowed, match="experiment 'tuning' is live in production"):
        sharing.unshare(workspace, "tuning", bound_in=["production"])


def test_what_is_private_cannot_be_unshared(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        sharing.unshare(workspace, "tuning", bound_in=[])


def test_publish_creates_saves_and_shares_at_once(workspace: Workspace) -> None:
    version = publish(workspace, NewExperiment(name="fresh"), {"model": "large"})
    assert sharing.is_shared(workspace, "fresh", version.version)


def test_publish_adds_a_version_to_an_existing_experiment(workspace: Workspace) -> None:
    publish(workspace, NewExperiment(name="tuning"), {"model": "large"})
    assert [v.values["model"] for v in list_versions(workspace, "tuning")] == ["small", "large"]
    assert state(workspace).state == "shared"


def test_a_refused_publish_leaves_nothing_behind(workspace: Workspace) -> None:
    refs = workspace.store.refs("")

    def refuse(tx, staged, name, version):
        raise PushRejected("policy says no")

    with pytest.raises(PushRejected):
        publish(workspace, NewExperiment(name="fresh"), {"model": "large"}, promote=refuse)
    assert workspace.store.refs("") == refs
    assert workspace.remote().list_refs(["refs/heads/exp/"]) == {}


def test_a_namesake_on_the_remote_is_told_from_a_divergence(workspace, another_clone) -> None:
    other = another_clone()
    create(other, NewExperiment(name="tuning"))
    sharing.share(other, "tuning")
    sharing.fetch_project(workspace)
    with pytest.raises(Conflict) as caught:
        sharing.share(workspace, "tuning")
    assert str(caught.value) == "'origin' has another experiment named 'tuning'"
    with pytest.raises(Conflict, match="another experiment named 'tuning'"):
        joining.pull(workspace, "tuning")
    rename(workspace, "tuning", "mine")
    sharing.share(workspace, "mine")
    assert experiment_names(another_clone()) == ["mine", "tuning"]


def test_an_experiment_that_was_renamed_elsewhere_is_not_shared_under_its_old_name(
    workspace, another_clone
) -> None:
    sharing.share(workspace, "tuning")
    other = another_clone()
    rename(other, "tuning", "prompts")
    patch(workspace, retries=9)
    sharing.fetch_project(workspace)
    with pytest.raises(Conflict) as caught:
        sharing.share(workspace, "tuning")
    assert str(caught.value) == "experiment 'tuning' is shared under the name 'prompts'"


class _Counted:
    """A remote that counts its connections; everything else is the real one."""

    def __init__(self, real: Remote) -> None:
        self.real = real
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        self.asked += 1
        return getattr(self.real, name)


def test_a_fetch_connects_once(workspace: Workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    counted = _Counted(workspace.remote())
    sharing.fetch_project(replace(another_clone(), open_remote=lambda name: counted))
    assert counted.asked == 1


def test_a_remote_without_the_trunk_is_fetched_too(
    workspace: Workspace, another_clone, remote_store: MemoryStore
) -> None:
    sharing.share(workspace, "tuning")
    other = another_clone()
    set_branch(remote_store, "main", None)
    patch(workspace, retries=5)
    sharing.share(workspace, "tuning")
    moved = sharing.fetch_project(other)
    assert [change.ref for change in moved] == ["refs/remotes/origin/exp/bot/tuning"]
