"""Rolling back and unbinding: commits like a promotion, and which binding comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.environments.binding import Binding
from gitexp.environments.history import history
from gitexp.environments.live import bound_environments, environments_by_experiment, live_snapshot
from gitexp.environments.promotion import (
    plan_publication,
    plan_unbind,
    promote,
    rollback,
    unbind,
    unbind_everywhere,
)
from gitexp.environments.reading import read
from gitexp.errors import (
    Conflict,
    InvalidDocuments,
    InvalidInput,
    MissingObject,
    NotAllowed,
    NotBound,
    NotFound,
)
from gitexp.experiments.headers import read_header
from gitexp.experiments.lifecycle import NewExperiment, delete, purge, rename, restore
from gitexp.experiments.publishing import publish
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.transaction import transact
from gitexp.store.trees import read_commit
from tests.builders import commit_files
from tests.environments.conftest import World, break_production, lose_values, promoted, saved

BRANCH = "refs/heads/env/bot/production"


def live(workspace: Workspace) -> Binding:
    """Return what production says in a clone."""
    snapshot = live_snapshot(workspace, Name("production"))
    assert snapshot is not None
    return snapshot.binding


def test_a_rollback_brings_back_the_binding_before(ada: Workspace) -> None:
    first = promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    binding = rollback(ada, "production", reason="it hallucinated")
    assert (binding.action, binding.version, binding.digest) == (
        "rollback",
        first.version,
        first.digest,
    )
    assert binding.created
    assert binding.reason == "it hallucinated"
    assert read(ada, "production").to_dict() == dict(first.values)


def test_a_rollback_is_one_more_commit(world: World, ada: Workspace) -> None:
    first = promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    before = world.remote.ref(BRANCH)
    binding = rollback(ada, "production")
    assert binding.commit
    commit = read_commit(ada.store, binding.commit)
    assert commit.parents == (before,)
    assert commit.message == f"production: roll back to checkout@{first.version[:10]}\n"
    assert world.remote.ref(BRANCH) == binding.commit


def test_rolling_back_twice_goes_further_back(ada: Workspace) -> None:
    a, b, _ = (promoted(ada, temperature=t) for t in (0.1, 0.2, 0.3))
    assert rollback(ada, "production").version == b.version
    assert rollback(ada, "production").version == a.version
    with pytest.raises(NotFound) as caught:
        rollback(ada, "production")
    assert caught.value.message == (
        f"environment 'production' has no binding before checkout@{a.version[:10]}"
    )


def test_after_a_rollback_and_a_new_promotion_the_bad_one_is_skipped(ada: Workspace) -> None:
    a = promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)  # bad
    rollback(ada, "production")
    promoted(ada, temperature=0.3)
    assert rollback(ada, "production").version == a.version


def test_values_that_were_live_twice_count_from_their_last_promotion(ada: Workspace) -> None:
    a = promoted(ada, temperature=0.1)
    b = promoted(ada, temperature=0.2)
    promote(ada, "checkout", "production", version=a.version)
    promoted(ada, temperature=0.3)
    assert rollback(ada, "production").version == a.version
    assert rollback(ada, "production").version == b.version


def test_what_was_rolled_back_from_never_comes_back_by_itself(ada: Workspace) -> None:
    a, x, b = (promoted(ada, temperature=t) for t in (0.1, 0.2, 0.3))
    promote(ada, "checkout", "production", version=x.version)
    versions = [rollback(ada, "production").version for _ in range(3)]
    assert versions == [b.version, x.version, a.version]


def test_a_binding_of_the_same_values_is_no_earlier_one(ada: Workspace) -> None:
    a = promoted(ada, temperature=0.1)
    b = promoted(ada, temperature=0.2)
    saved(ada, temperature=0.1)
    again = saved(ada, temperature=0.2)
    assert again.digest == b.digest
    promote(ada, "checkout", "production")
    assert rollback(ada, "production").version == a.version


def test_a_rollback_of_an_unbound_environment_brings_the_last_binding_back(
    ada: Workspace,
) -> None:
    promoted(ada, temperature=0.1)
    b = promoted(ada, temperature=0.2)
    unbind(ada, "production")
    assert rollback(ada, "production").version == b.version


def test_a_rollback_goes_to_a_named_version_or_commit(ada: Workspace) -> None:
    a, b, c = (promoted(ada, temperature=t) for t in (0.1, 0.2, 0.3))
    commit = next(e.commit for e in history(ada, "production") if e.binding.version == b.version)
    assert rollback(ada, "production", to=a.version[:12]).version == a.version
    assert rollback(ada, "production", to=commit[:12]).version == b.version
    assert rollback(ada, "production", to=c.version).version == c.version


def test_a_rollback_to_what_is_live_makes_no_commit(world: World, ada: Workspace) -> None:
    a = promoted(ada)
    tip = world.remote.ref(BRANCH)
    binding = rollback(ada, "production", to=a.version)
    assert not binding.created
    assert world.remote.ref(BRANCH) == tip


@pytest.mark.parametrize("text", ["latest", "abc", "checkout@latest", "-x", "HEAD~1"])
def test_a_rollback_to_something_else_is_refused(ada: Workspace, text: str) -> None:
    promoted(ada)
    with pytest.raises(InvalidInput, match="neither a commit of environment"):
        rollback(ada, "production", to=text)


def test_a_rollback_to_a_version_that_was_never_live_is_refused(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    other = saved(ada, temperature=0.2)
    with pytest.raises(NotFound) as caught:
        rollback(ada, "production", to=other.version)
    assert caught.value.hint == "See `gitexp env history production`."


def test_a_rollback_to_an_unbinding_is_refused(ada: Workspace) -> None:
    promoted(ada)
    gone = unbind(ada, "production")
    assert gone.commit
    with pytest.raises(InvalidInput, match="nothing was bound in commit"):
        rollback(ada, "production", to=gone.commit)


def test_nothing_to_roll_back_is_said(ada: Workspace) -> None:
    with pytest.raises(NotBound, match="no version was ever bound to environment 'production'"):
        rollback(ada, "production")
    promoted(ada)
    with pytest.raises(NotFound, match="has no binding before"):
        rollback(ada, "production")


def test_a_broken_tip_is_rolled_back_to_the_newest_good_binding(
    world: World, ada: Workspace
) -> None:
    promoted(ada, temperature=0.1)
    b = promoted(ada, temperature=0.2)
    commit_files(world.remote, {"parameters.yaml": b"x: 1\n"}, branch="env/bot/production")
    assert rollback(ada, "production", to=b.version).version == b.version


def test_with_a_broken_tip_a_rollback_restores_what_was_live_before_it(
    world: World, ada: Workspace
) -> None:
    a = promoted(ada, temperature=0.1)
    b = promoted(ada, temperature=0.2)
    break_production(world)
    break_production(world)
    assert rollback(ada, "production").version == b.version
    assert read(ada, "production").to_dict() == dict(b.values)
    assert rollback(ada, "production").version == a.version


def test_a_rollback_does_not_pass_over_what_is_only_not_here(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    lose_values(ada, "production")
    with pytest.raises(MissingObject):
        rollback(ada, "production")


def test_a_rollback_to_a_deleted_experiment_asks_to_restore_it(ada: Workspace) -> None:
    promoted(ada, temperature=0.1)
    delete(ada, "checkout", unbind=lambda tx, id: unbind_everywhere(tx, ada, id))
    with pytest.raises(NotAllowed) as caught:
        rollback(ada, "production")
    assert caught.value.hint == "Bring it back with `gitexp experiment restore checkout`."
    restore(ada, "checkout")
    assert rollback(ada, "production").created


def test_a_rollback_works_when_the_experiment_is_gone(ada: Workspace) -> None:
    a = promoted(ada, temperature=0.1)
    saved(ada, "other")
    promote(ada, "other", "production")
    delete(ada, "checkout", unbind=lambda tx, id: unbind_everywhere(tx, ada, id))
    purge(ada, "checkout")
    assert rollback(ada, "production").version == a.version
    assert read(ada, "production").to_dict() == dict(a.values)


def test_a_rollback_names_the_experiment_as_it_is_called_today(ada: Workspace) -> None:
    a = promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    rename(ada, "checkout", "payment")
    binding = rollback(ada, "production")
    assert (binding.experiment, binding.version) == ("payment", a.version)


def test_a_rollback_can_lose_a_race_too(world: World, ada: Workspace, grace: Workspace) -> None:
    promoted(ada, temperature=0.1)
    promoted(ada, temperature=0.2)
    newest = saved(ada, temperature=0.3)
    world.before_push = lambda: promote(grace, "checkout", "production")
    with pytest.raises(Conflict, match="moved by Grace"):
        rollback(ada, "production")
    assert live(grace).version == newest.version


def test_unbinding_is_a_commit_without_values(world: World, ada: Workspace) -> None:
    promoted(ada)
    binding = unbind(ada, "production", reason="end of life")
    assert binding.created
    assert (binding.action, binding.experiment, binding.version, binding.digest) == (
        "unbind",
        None,
        None,
        None,
    )
    assert binding.commit
    assert read_commit(ada.store, binding.commit).message == "production: unbind\n\nend of life\n"
    with pytest.raises(NotBound, match="no version is bound to environment 'production'"):
        read(world.clone("Grace"), "production")


def test_unbinding_twice_makes_one_commit(world: World, ada: Workspace) -> None:
    promoted(ada)
    first = unbind(ada, "production")
    second = unbind(ada, "production")
    assert second == replace(first, created=False)
    assert world.remote.ref(BRANCH) == first.commit


def test_unbinding_what_was_never_bound_is_said(ada: Workspace) -> None:
    with pytest.raises(NotBound):
        unbind(ada, "production")
    with pytest.raises(NotFound, match="'prod' is not declared"):
        unbind(ada, "prod")


def test_a_binding_is_followed_by_the_experiments_id(ada: Workspace) -> None:
    promoted(ada, "production")
    promote(ada, "checkout", "staging")
    saved(ada, "other")
    promote(ada, "other", "default")
    ids = [read_header(ada, name).id for name in ("checkout", "other")]
    rename(ada, "checkout", "payment")
    assert environments_by_experiment(ada) == {
        ids[0]: ("production", "staging"),
        ids[1]: ("default",),
    }
    assert bound_environments(ada, ids[0]) == ["production", "staging"]
    assert bound_environments(ada, "xaaaaaaaaaaaaaaaa") == []


def test_a_broken_branch_is_left_out_where_bindings_are_shown(world: World, ada: Workspace) -> None:
    promoted(ada)
    promote(ada, "checkout", "staging")
    break_production(world)
    grace = world.clone("Grace")
    id = read_header(grace, "checkout").id
    assert environments_by_experiment(grace) == {id: ("staging",)}


def test_a_broken_branch_stops_what_destroys(world: World, ada: Workspace) -> None:
    promoted(ada, "staging")
    id = read_header(ada, "checkout").id
    broken = break_production(world)
    ada.remote().fetch(["+refs/heads/*:refs/remotes/origin/*"])
    for asked in (id, "xaaaaaaaaaaaaaaaa"):
        with pytest.raises(InvalidDocuments, match=f"{broken[:10]}:environment.yaml"):
            bound_environments(ada, asked)
    with pytest.raises(InvalidDocuments):
        delete(ada, "checkout", unbind=lambda tx, id: unbind_everywhere(tx, ada, id))
    assert read_header(ada, "checkout").lifecycle == "active"


def test_deleting_unbinds_in_the_same_push(world: World, ada: Workspace) -> None:
    promoted(ada)
    promote(ada, "checkout", "staging")
    pushes = world.pushes
    delete(ada, "checkout", unbind=lambda tx, id: unbind_everywhere(tx, ada, id, reason="gone"))
    assert world.pushes == pushes + 1
    grace = world.clone("Grace")
    assert live(grace).action == "unbind"
    assert live(grace).reason == "gone"
    assert environments_by_experiment(grace) == {}


def test_planning_an_unbinding_pushes_nothing(world: World, ada: Workspace) -> None:
    promoted(ada)
    tip = world.remote.ref(BRANCH)
    update = transact(ada.store, lambda tx: plan_unbind(tx, ada, "production"))
    assert update is not None
    assert (update.ref, update.old) == (BRANCH, tip)
    assert world.remote.ref(BRANCH) == tip
    assert transact(ada.store, lambda tx: plan_unbind(tx, ada, "staging")) is None


def test_publishing_shares_and_promotes_in_one_push(world: World, ada: Workspace) -> None:
    pushes = world.pushes
    version = publish(
        ada,
        NewExperiment(name="fresh"),
        {"model": "large"},
        promote=plan_publication("production", reason="go"),
    )
    assert world.pushes == pushes + 1
    assert live(ada).version == version.version
    assert live(ada).reason == "go"
    assert world.remote.ref(f"refs/gitexp/pins/{version.version}") == version.version


def test_publishing_what_is_live_and_pinned_already_pushes_nothing(
    world: World, ada: Workspace
) -> None:
    for _ in range(2):
        publish(
            ada,
            NewExperiment(name="fresh"),
            {"model": "large"},
            promote=plan_publication("production"),
        )
    pushes = world.pushes
    publish(
        ada, NewExperiment(name="fresh"), {"model": "large"}, promote=plan_publication("staging")
    )
    assert world.pushes == pushes + 1


def test_publishing_to_an_undeclared_environment_leaves_nothing(
    world: World, ada: Workspace
) -> None:
    before = ada.store.refs("refs/heads/"), world.remote.refs("refs/")
    with pytest.raises(NotFound, match="'prod' is not declared"):
        publish(
            ada, NewExperiment(name="fresh"), {"model": "large"}, promote=plan_publication("prod")
        )
    assert (ada.store.refs("refs/heads/"), world.remote.refs("refs/")) == before
