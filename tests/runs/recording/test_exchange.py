"""Ledgers of several clones: joined by union, never in conflict over different runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.documents import layout
from gitexp.errors import Conflict, PushRejected, RemoteUnavailable, RepositoryBusy
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.ledger import record_of
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from gitexp.store.transaction import transact
from gitexp.store.trees import read_commit
from tests.builders import commit_files
from tests.runs.making import IDENTITY, clone_of, ids_of, make_row, make_run, run_id

BRANCH = layout.runs_branch(Name("bot"), Name("tone"))


def no_pause(failures: int) -> None:
    """Do not wait between attempts."""


@pytest.fixture
def shared() -> MemoryStore:
    """The shared remote."""
    return MemoryStore()


@pytest.fixture
def ours(shared: MemoryStore) -> Workspace:
    """A clone."""
    return clone_of(shared, seed=1)


@pytest.fixture
def theirs(shared: MemoryStore) -> Workspace:
    """Another clone."""
    return clone_of(shared, seed=2)


def run_in(workspace: Workspace, *numbers: int, experiment: str = "tone") -> None:
    for number in numbers:
        run = make_run(run_id(number), experiment=experiment)
        ledger.append(workspace, experiment, [record_of(run, [make_row(str(number))])])


def push(workspace: Workspace, names: list[str] | None = None) -> tuple[object, ...]:
    return exchange.push(workspace, names, pause=no_pause)


def listed(workspace: Workspace) -> list[int]:
    """Return the numbers of the runs that a clone sees, oldest first."""
    return [int(i[13:15]) for i in reversed(ids_of(ledger.read(workspace, "tone")))]


def test_runs_are_shared_by_a_push(ours: Workspace, theirs: Workspace) -> None:
    run_in(ours, 1)
    [change] = exchange.push(ours)
    assert (change.ref, change.old) == (BRANCH, None)
    exchange.fetch(theirs)
    assert listed(theirs) == [1]


def test_nothing_new_is_not_pushed(ours: Workspace) -> None:
    assert push(ours) == ()
    run_in(ours, 1)
    push(ours)
    assert push(ours) == ()


def test_two_first_pushes_are_joined(
    ours: Workspace, theirs: Workspace, shared: MemoryStore
) -> None:
    run_in(ours, 1)
    run_in(theirs, 2)
    push(ours)
    push(theirs)
    exchange.fetch(ours)
    assert listed(ours) == listed(theirs) == [1, 2]
    tip = shared.ref(BRANCH)
    assert tip is not None
    joined = read_commit(shared, tip)
    assert len(joined.parents) == 2
    assert joined.subject == "join runs of tone"


def test_clones_that_push_in_turns_lose_nothing(ours: Workspace, theirs: Workspace) -> None:
    for number in range(0, 12, 2):
        run_in(ours, number)
        run_in(theirs, number + 1)
        push(ours)
        push(theirs)
    exchange.fetch(ours)
    assert listed(ours) == listed(theirs) == list(range(12))


def test_the_same_run_from_two_clones_is_one(ours: Workspace, theirs: Workspace) -> None:
    run_in(ours, 1, 2)
    run_in(theirs, 1, 3)
    push(ours)
    push(theirs)
    assert listed(theirs) == [1, 2, 3]


def test_a_run_with_two_contents_is_a_conflict_and_moves_nothing(
    ours: Workspace, theirs: Workspace, shared: MemoryStore
) -> None:
    run_in(ours, 1)
    push(ours)
    ledger.append(theirs, "tone", [record_of(make_run(run_id(1), status="failed"), [])])
    before, local = shared.ref(BRANCH), theirs.store.ref(BRANCH)
    with pytest.raises(Conflict) as caught:
        push(theirs)
    path = layout.run_path(run_id(1))
    assert str(caught.value) == (
        f"runs/bot/tone and origin/runs/bot/tone hold different contents of {path}"
    )
    assert (shared.ref(BRANCH), theirs.store.ref(BRANCH)) == (before, local)


def test_only_the_named_experiments_are_pushed(ours: Workspace, shared: MemoryStore) -> None:
    run_in(ours, 1)
    run_in(ours, 2, experiment="pace")
    push(ours, ["pace"])
    assert set(shared.refs("refs/")) == {"refs/heads/runs/bot/pace"}
    push(ours)
    assert set(shared.refs("refs/")) == {"refs/heads/runs/bot/pace", BRANCH}


def test_other_branches_are_left_alone(ours: Workspace, shared: MemoryStore) -> None:
    commit_files(ours.store, {"a": b"a"})
    commit_files(ours.store, {"a": b"a"}, branch="runs/other/tone")
    run_in(ours, 1)
    push(ours)
    assert set(shared.refs("refs/")) == {BRANCH}


def test_a_local_branch_that_is_behind_follows(ours: Workspace, theirs: Workspace) -> None:
    run_in(ours, 1)
    push(ours)
    exchange.fetch(theirs)
    run_in(theirs, 2)
    push(theirs)
    exchange.fetch(ours)
    assert push(ours) == ()
    assert ours.store.ref(BRANCH) == theirs.store.ref(BRANCH)


def test_joining_what_is_all_here_does_not_wait_for_the_lock(
    ours: Workspace, theirs: Workspace
) -> None:
    run_in(ours, 1)
    push(ours)
    run_in(ours, 2)
    tip = ours.store.ref(BRANCH)
    with ours.store.exclusive():
        assert exchange.join(ours, BRANCH) == tip
    run_in(theirs, 3)
    push(theirs)
    exchange.fetch(ours)
    with ours.store.exclusive(), pytest.raises(RepositoryBusy):
        exchange.join(ours, BRANCH)


def test_a_race_is_tried_again_on_top_of_what_won(
    ours: Workspace, theirs: Workspace, shared: MemoryStore
) -> None:
    """The other clone pushes between every look and every push, five times."""
    numbers = iter(range(10, 15))

    class Racing(MemoryRemote):
        def push(self, updates: object) -> None:
            number = next(numbers, None)
            if number is not None:
                run_in(theirs, number)
                push(theirs)
            super().push(updates)  # type: ignore[arg-type]

    racing = replace(ours, open_remote=lambda name: Racing(ours.store, shared))
    run_in(racing, 1)
    push(racing)
    exchange.fetch(theirs)
    assert listed(theirs) == [1, *range(10, 15)]


def test_a_refusal_that_is_no_race_is_raised(ours: Workspace, shared: MemoryStore) -> None:
    remote = MemoryRemote(ours.store, shared)
    remote.rejecting[BRANCH] = "runs are kept elsewhere"
    refusing = replace(ours, open_remote=lambda name: remote)
    run_in(refusing, 1)
    with pytest.raises(PushRejected) as caught:
        push(refusing)
    assert caught.value.refs == {BRANCH: "runs are kept elsewhere"}
    assert listed(refusing) == [1]


def test_a_remote_that_is_down_is_an_error_and_the_runs_stay(
    ours: Workspace, shared: MemoryStore
) -> None:
    remote = MemoryRemote(ours.store, shared)
    remote.down = True
    run_in(ours, 1)
    with pytest.raises(RemoteUnavailable):
        push(replace(ours, open_remote=lambda name: remote))
    assert listed(ours) == [1]


def test_a_branch_that_was_purged_there_is_pushed_anew(
    ours: Workspace, shared: MemoryStore
) -> None:
    run_in(ours, 1)
    push(ours)
    transact(shared, lambda tx: tx.set_ref(BRANCH, old=tx.ref(BRANCH), new=None))
    run_in(ours, 2)
    push(ours)
    assert shared.ref(BRANCH) == ours.store.ref(BRANCH)
    assert listed(ours) == [1, 2]


def test_a_branch_that_is_removed_here_meanwhile_stays_there(
    ours: Workspace, shared: MemoryStore
) -> None:
    """Somebody removes the local branch between the listing of branches and the look at it."""

    class Vanishing(MemoryStore):
        armed = False

        def refs(self, prefix: str) -> dict[str, ObjectId]:
            found = super().refs(prefix)
            if self.armed:
                transact(self, lambda tx: tx.set_ref(BRANCH, old=found[BRANCH], new=None))
            return found

    store = Vanishing(config={**IDENTITY, "remote.origin.url": "memory:shared"})
    vanishing = replace(ours, store=store, open_remote=lambda name: MemoryRemote(store, shared))
    run_in(vanishing, 1)
    run_in(ours, 1)
    push(ours)
    exchange.fetch(vanishing)
    assert store.ref(BRANCH)
    assert store.ref(vanishing.tracking(BRANCH))
    store.armed = True
    assert push(vanishing) == ()
    assert shared.ref(BRANCH) == ours.store.ref(BRANCH)


def test_the_union_is_the_same_from_both_sides(ours: Workspace, theirs: Workspace) -> None:
    run_in(ours, 1, 2)
    run_in(theirs, 2, 3)
    trees = {joined_tree(ours, theirs), joined_tree(theirs, ours)}
    assert len(trees) == 1


def joined_tree(one: Workspace, other: Workspace) -> str:
    """Return the tree of the union of two ledgers, computed in a third clone."""
    third = clone_of(MemoryStore(), seed=3)
    store = third.store
    assert isinstance(store, MemoryStore)
    tips: list[ObjectId] = []
    for workspace in (one, other):
        assert isinstance(workspace.store, MemoryStore)
        store.objects.update(workspace.store.objects)
        tip = workspace.store.ref(BRANCH)
        assert tip is not None
        tips.append(tip)

    def work(tx: object) -> str:
        joined = exchange.union(third, tx, BRANCH, *tips)  # type: ignore[arg-type]
        return read_commit(tx, joined).tree  # type: ignore[arg-type]

    return transact(store, work)
