"""Promotion: one commit, one atomic push, and nothing left behind when it is refused."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from gitexp.documents import schemas
from gitexp.environments.binding import environment_at
from gitexp.environments.live import live_snapshot
from gitexp.environments.promotion import promote
from gitexp.environments.states import create as declare
from gitexp.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    PushRejected,
    RemoteUnavailable,
)
from gitexp.experiments.lifecycle import NewExperiment, create, delete, rename
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import fetch_project, share
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.model import PushUpdate
from gitexp.store.trees import read_commit, walk_files
from tests.builders import commit_files
from tests.environments.conftest import World, promoted, push_trunk, saved

BRANCH = "refs/heads/env/bot/production"
TRACKING = "refs/remotes/origin/env/bot/production"


def test_a_promotion_returns_the_whole_binding(ada: Workspace) -> None:
    version = saved(ada, temperature=0.9)
    binding = promote(ada, "checkout", "production", reason="  better answers\n")
    assert binding.created
    assert (binding.project, binding.environment, binding.action) == (
        "bot",
        "production",
        "promote",
    )
    assert (binding.experiment, binding.version, binding.digest) == (
        "checkout",
        version.version,
        version.digest,
    )
    assert binding.types == {"temperature": "number", "model": "string", "retries": "integer"}
    assert binding.by == "Ada <ada@example.org>"
    assert binding.reason == "better answers"
    assert binding.at == datetime(2026, 1, 2, 3, 4, binding.at.second, tzinfo=timezone.utc)


def test_the_branch_holds_exactly_two_files_that_fit_their_schemas(
    world: World, ada: Workspace
) -> None:
    saved(ada, temperature=0.9)
    binding = promote(ada, "checkout", "production")
    assert binding.commit is not None
    commit = read_commit(world.remote, binding.commit)
    files = {
        path: world.remote.read(e.id).data for path, e in walk_files(world.remote, commit.tree)
    }
    assert sorted(files) == ["environment.yaml", "parameters.yaml"]
    schemas.load("environment", files["environment.yaml"], file="environment.yaml")
    values = schemas.load("parameters", files["parameters.yaml"], file="parameters.yaml")
    assert values == {"temperature": 0.9, "model": "small", "retries": 3}


def test_each_promotion_is_one_commit_on_top_of_the_remote_tip(
    world: World, ada: Workspace
) -> None:
    saved(ada, temperature=0.1)
    first = promote(ada, "checkout", "production")
    saved(ada, temperature=0.2)
    second = promote(ada, "checkout", "production")
    assert first.commit
    assert second.commit
    assert read_commit(world.remote, first.commit).parents == ()
    assert read_commit(world.remote, second.commit).parents == (first.commit,)
    assert world.remote.ref(BRANCH) == second.commit


def test_the_commit_tells_who_what_and_why(ada: Workspace) -> None:
    version = saved(ada)
    binding = promote(ada, "checkout", "production", reason="ship it")
    assert binding.commit
    commit = read_commit(ada.store, binding.commit)
    assert commit.message == f"production: promote checkout@{version.version[:10]}\n\nship it\n"
    assert str(commit.author) == "Ada <ada@example.org>"


def test_the_promoted_version_is_pinned_in_the_same_push(world: World, ada: Workspace) -> None:
    version = saved(ada)
    before = world.pushes
    promote(ada, "checkout", "production")
    assert world.pushes == before + 1
    assert world.remote.ref(f"refs/gitexp/pins/{version.version}") == version.version


def test_a_version_that_is_pinned_already_is_promoted_elsewhere(
    world: World, ada: Workspace
) -> None:
    saved(ada)
    promote(ada, "checkout", "staging")
    assert promote(ada, "checkout", "production").created


def test_nothing_local_moves_but_the_tracking_reference(ada: Workspace) -> None:
    saved(ada)
    before = ada.store.refs("refs/")
    binding = promote(ada, "checkout", "production")
    assert ada.store.refs("refs/") == before | {TRACKING: binding.commit}


def test_promoting_what_is_live_makes_no_commit(world: World, ada: Workspace) -> None:
    promoted(ada)
    first = live_snapshot(ada, Name("production"))
    pushes = world.pushes
    again = promote(ada, "checkout", "production", reason="again")
    assert first is not None
    assert again == first.binding
    assert not again.created
    assert world.pushes == pushes


def test_an_older_version_can_be_promoted(ada: Workspace) -> None:
    old = saved(ada, temperature=0.1)
    saved(ada, temperature=0.2)
    assert promote(ada, "checkout", "production", version="latest~1").version == old.version
    assert promote(ada, "checkout", "staging", version=old.version[:12]).version == old.version


def test_what_is_live_elsewhere_can_be_promoted(ada: Workspace) -> None:
    old = promoted(ada, "staging", temperature=0.1)
    saved(ada, temperature=0.2)
    assert promote(ada, "checkout", "production", version="env:staging").version == old.version


def test_a_private_version_is_refused(world: World, ada: Workspace) -> None:
    saved(ada, temperature=0.1)
    private = save(ada, "checkout", Edit(patch={"temperature": 0.2}))
    with pytest.raises(NotAllowed) as caught:
        promote(ada, "checkout", "production")
    assert caught.value.message == (
        f"version {private.version[:10]} of experiment 'checkout' is not shared"
    )
    assert caught.value.hint == "Share it first with `gitexp share checkout`."
    assert world.remote.ref(BRANCH) is None


def test_a_shared_version_is_promoted_past_a_private_one(ada: Workspace) -> None:
    shared = saved(ada, temperature=0.1)
    save(ada, "checkout", Edit(patch={"temperature": 0.2}))
    assert promote(ada, "checkout", "production", version="latest~1").version == shared.version


def test_an_undeclared_environment_is_refused(world: World, ada: Workspace) -> None:
    saved(ada)
    with pytest.raises(NotFound) as caught:
        promote(ada, "checkout", "prodution")
    assert caught.value.message == "environment 'prodution' is not declared in project 'bot'"
    assert caught.value.hint == "Did you mean 'production'?"
    assert list(world.remote.refs("refs/heads/env/")) == []


@pytest.mark.parametrize(
    "name",
    [
        *("Default", "PROD", " staging", "stag ing", "-qa", ".env", "_internal", "qa/west"),
        *("qa+1", "qa@1", "qa:1", "a" * 64, ""),
    ],
)
def test_an_unusable_name_is_refused_and_nothing_written(
    world: World, ada: Workspace, name: str
) -> None:
    saved(ada)
    before = dict(world.remote.refs("refs/")), dict(ada.store.refs("refs/"))
    with pytest.raises(InvalidInput, match="not a usable environment name"):
        promote(ada, "checkout", name)
    assert (world.remote.refs("refs/"), ada.store.refs("refs/")) == before


def test_a_deleted_experiment_is_refused(ada: Workspace) -> None:
    saved(ada)
    delete(ada, "checkout", unbind=lambda tx, experiment_id: [])
    with pytest.raises(NotAllowed) as caught:
        promote(ada, "checkout", "production")
    assert caught.value.message == "experiment 'checkout' is deleted"


def test_an_unknown_experiment_is_refused(ada: Workspace) -> None:
    with pytest.raises(NotFound, match="no experiment 'nothing'"):
        promote(ada, "nothing", "production")


def test_an_experiment_without_versions_is_refused(ada: Workspace) -> None:
    create(ada, NewExperiment(name="empty"))
    with pytest.raises(NotFound, match="has no versions"):
        promote(ada, "empty", "production")


def test_values_that_are_not_valid_are_refused(world: World, ada: Workspace) -> None:
    saved(ada)
    commit_files(
        ada.store,
        {"experiments/checkout/parameters.yaml": b"model: small\ntemperature: hot\n"},
        branch="exp/bot/checkout",
    )
    share(ada, "checkout")
    with pytest.raises(InvalidInput, match="values that are not valid"):
        promote(ada, "checkout", "production")
    assert world.remote.ref(BRANCH) is None


def test_a_reason_with_control_characters_is_refused(world: World, ada: Workspace) -> None:
    saved(ada)
    with pytest.raises(InvalidInput, match=r"reason.*control character"):
        promote(ada, "checkout", "production", reason="\x1b[31mred")
    assert world.remote.ref(BRANCH) is None


def test_a_clone_that_knows_nothing_yet_fetches_what_it_needs(world: World, ada: Workspace) -> None:
    grace = world.clone("Grace")
    version = promoted(ada, temperature=0.3)
    newer = saved(ada, temperature=0.4)
    binding = promote(grace, "checkout", "production")
    assert binding.version == newer.version != version.version
    assert binding.by == "Grace <grace@example.org>"


def test_two_who_promote_at_once_one_wins_and_the_other_is_told(
    world: World, ada: Workspace, grace: Workspace
) -> None:
    old = saved(ada, temperature=0.1)
    new = saved(ada, temperature=0.2)
    promote(grace, "checkout", "production", version=old.version)
    saved(ada, temperature=0.3)
    world.before_push = lambda: promote(grace, "checkout", "production", version=new.version)
    with pytest.raises(Conflict) as caught:
        promote(ada, "checkout", "production")
    assert caught.value.message == (
        "environment 'production' was moved by Grace <grace@example.org> meanwhile: "
        f"now at checkout@{new.version[:10]}"
    )
    assert "gitexp env history production" in (caught.value.hint or "")
    winner = world.remote.ref(BRANCH)
    assert winner is not None
    live = environment_at(world.remote, winner, environment="production")
    assert live.binding.version == new.version
    assert ada.store.ref(TRACKING) == winner


def test_the_first_promotion_ever_can_be_lost_too(
    world: World, ada: Workspace, grace: Workspace
) -> None:
    saved(ada)
    world.before_push = lambda: promote(grace, "checkout", "production")
    with pytest.raises(Conflict, match="was moved by Grace"):
        promote(ada, "checkout", "production")


def test_after_a_conflict_the_command_can_be_run_again(
    world: World, ada: Workspace, grace: Workspace
) -> None:
    old = saved(ada, temperature=0.1)
    new = saved(ada, temperature=0.2)
    world.before_push = lambda: promote(grace, "checkout", "production", version=old.version)
    with pytest.raises(Conflict):
        promote(ada, "checkout", "production")
    assert promote(ada, "checkout", "production").version == new.version


def test_a_pin_that_somebody_set_meanwhile_is_no_conflict(
    world: World, ada: Workspace, grace: Workspace
) -> None:
    saved(ada)
    world.before_push = lambda: promote(grace, "checkout", "staging")
    assert promote(ada, "checkout", "production").created
    assert world.remote.ref(BRANCH) is not None


def test_a_push_that_the_server_declines_leaves_nothing_behind(
    world: World, ada: Workspace
) -> None:
    saved(ada)
    world.remotes[0].rejecting = {BRANCH: "production is protected"}
    before = ada.store.refs("refs/"), world.remote.refs("refs/")
    with pytest.raises(PushRejected, match="production is protected"):
        promote(ada, "checkout", "production")
    assert (ada.store.refs("refs/"), world.remote.refs("refs/")) == before


def test_an_unreachable_remote_is_an_error_and_changes_nothing(
    world: World, ada: Workspace
) -> None:
    saved(ada)
    world.take_down()
    before = ada.store.refs("refs/")
    with pytest.raises(RemoteUnavailable):
        promote(ada, "checkout", "production")
    assert ada.store.refs("refs/") == before


def test_a_push_that_arrived_although_it_was_reported_refused_counts(
    world: World, ada: Workspace
) -> None:
    saved(ada)

    def report_refusal() -> None:
        raise PushRejected("the connection broke", refs={BRANCH: "unknown"})

    world.after_push = report_refusal
    binding = promote(ada, "checkout", "production")
    assert binding.created
    assert world.remote.ref(BRANCH) == binding.commit


def test_without_a_remote_there_is_nothing_to_promote_to(ada: Workspace) -> None:
    saved(ada)
    ada.store._config.pop("remote.origin.url")  # type: ignore[attr-defined]
    with pytest.raises(NotFound) as caught:
        promote(ada, "checkout", "production")
    assert caught.value.message == "the shared remote 'origin' is not configured"


def test_a_branch_that_was_deleted_on_the_remote_begins_anew(world: World, ada: Workspace) -> None:
    promoted(ada)
    tip = world.remote.ref(BRANCH)
    world.clone("Root").remote().push([PushUpdate(ref=BRANCH, old=tip, new=None)])
    binding = promote(ada, "checkout", "production")
    assert binding.created
    assert binding.commit
    assert read_commit(ada.store, binding.commit).parents == ()


def test_a_branch_that_somebody_broke_is_repaired_by_a_promotion(
    world: World, ada: Workspace
) -> None:
    promoted(ada)
    commit_files(world.remote, {"parameters.yaml": b"x: 1\n"}, branch="env/bot/production")
    assert promote(ada, "checkout", "production").created


def test_an_environment_declared_only_here_can_be_bound(world: World, ada: Workspace) -> None:
    saved(ada)
    declare(ada, "eu-west")
    assert promote(ada, "checkout", "eu-west").created
    push_trunk(ada)
    assert promote(world.clone("Grace"), "checkout", "eu-west").created is False


def test_a_former_name_is_not_promoted(ada: Workspace, grace: Workspace) -> None:
    saved(ada)
    fetch_project(grace)
    save(grace, "checkout", Edit(patch={"retries": 9}))
    rename(ada, "checkout", "payment")
    with pytest.raises(NotAllowed) as caught:
        promote(grace, "checkout", "production")
    assert str(caught.value) == "experiment 'checkout' is named 'payment' now"
    assert caught.value.hint is not None
    assert "gitexp experiment rename checkout payment" in caught.value.hint
    assert promote(grace, "payment", "production").experiment == "payment"
