"""Whatever happens to runs, the index that followed it step by step is one built from scratch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.documents.layout import run_path
from gitexp.errors import GitexpError
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.index.connections import ask
from gitexp.runs.index.verifying import verify
from gitexp.runs.metrics import MetricPoint
from gitexp.runs.recording import exchange, ledger
from gitexp.runs.recording.records import record_of
from gitexp.runs.searching import RunQuery, count, search
from gitexp.runs.tracking.starting import delete_run, delete_tags, restore_run, set_tags
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RefUpdate
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import commit_files
from tests.runs.making import EXPERIMENT_ID, IDENTITY, clone_of, make_run, run_id

TONE, MOOD = "refs/heads/runs/bot/tone", "refs/heads/runs/bot/mood"
_RUNS = 4

Step = tuple[str, int]


def _record(workspace: Workspace, number: int) -> None:
    run = make_run(
        run_id(number),
        params={"lr": number / 10},
        metrics={f"m{number}": MetricPoint(float(number), 1, 0)},
        digest=f"sha256:{number:064x}",
        tags={"text": "x" * 300 * number},
    )
    if not ledger.has(workspace, "tone", run.id):
        ledger.append(workspace, "tone", [record_of(run)])


def _tag(workspace: Workspace, number: int) -> None:
    set_tags(workspace, run_id(number), {"team": f"t{number}", "text": "y" * 300})


def _untag(workspace: Workspace, number: int) -> None:
    delete_tags(workspace, run_id(number), ["text"])


def _delete(workspace: Workspace, number: int) -> None:
    delete_run(workspace, run_id(number))


def _restore(workspace: Workspace, number: int) -> None:
    restore_run(workspace, run_id(number))


def _push(workspace: Workspace, number: int) -> None:
    exchange.push(workspace, ["tone"])


def _fetch(workspace: Workspace, number: int) -> None:
    exchange.fetch(workspace)


def _break(workspace: Workspace, number: int) -> None:
    _put(workspace, run_id(number), b"{}")


def _mend(workspace: Workspace, number: int) -> None:
    _put(workspace, run_id(number), None)


def _put(workspace: Workspace, run: RunId, data: bytes | None) -> None:
    """Change the file of a record by hand."""

    def work(tx: Transaction) -> None:
        tip = tx.ref(TONE)
        if tip is None:
            return
        tree = tx.tree(tree_of(tx, tip), {run_path(run): data})
        new = tx.commit(tree=tree, parents=[tip], message="by hand", author=workspace.signature())
        tx.set_ref(TONE, old=tip, new=new, message="by hand")

    transact(workspace.store, work)


def _rename(workspace: Workspace, number: int) -> None:
    store = workspace.store
    tone, mood = store.ref(TONE), store.ref(MOOD)
    with store.exclusive():
        store.apply(
            [], [RefUpdate(ref=TONE, old=tone, new=mood), RefUpdate(ref=MOOD, old=mood, new=tone)]
        )


def _follow(workspace: Workspace, number: int) -> None:
    ask(workspace, lambda connection: None)


STEPS: dict[str, Callable[[Workspace, int], None]] = {
    "record": _record,
    "tag": _tag,
    "untag": _untag,
    "delete": _delete,
    "restore": _restore,
    "push": _push,
    "fetch": _fetch,
    "break": _break,
    "mend": _mend,
    "rename": _rename,
    "follow": _follow,
}

steps = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from([*STEPS]), st.integers(1, _RUNS)),
    max_size=16,
)


@given(steps)
def test_an_index_that_followed_every_step_is_one_from_scratch(
    taken: list[tuple[int, str, int]],
) -> None:
    shared = MemoryStore(config=IDENTITY)
    clones = [clone_of(shared, seed=seed) for seed in (1, 2)]
    for clone in clones:
        _prepare(clone)
    for who, name, number in taken:
        _try(STEPS[name], clones[who], number)
    for clone in clones:
        assert verify(clone).differences == ()
        _check_documents(clone)


def _prepare(workspace: Workspace) -> None:
    header = f"id: {EXPERIMENT_ID}\n\nname: tone\n"
    files = {
        "gitexp.yaml": b"format: 1\n\nid: bot\n",
        "experiments/tone/experiment.yaml": header.encode(),
        "experiments/tone/parameters.yaml": b"{}\n",
    }
    commit_files(workspace.store, files)
    for number in range(1, _RUNS):
        _record(workspace, number)
    _follow(workspace, 0)


def _try(step: Callable[[Workspace, int], None], workspace: Workspace, number: int) -> None:
    """Take a step that may be refused, such as tagging a run that is not there."""
    try:
        step(workspace, number)
    except GitexpError:
        return


def _check_documents(workspace: Workspace) -> None:
    """Check that a list of runs is what the ledger says of each of them."""
    try:
        found = search(workspace, RunQuery(lifecycle="all", limit=None)).runs
    except GitexpError:
        return
    assert count(workspace, RunQuery(lifecycle="all")) == len(found)
    for run in found:
        assert run == ledger.get(workspace, run.id)


@pytest.mark.parametrize("name", [*STEPS])
def test_every_step_is_possible(name: str) -> None:
    clone = clone_of(MemoryStore(config=IDENTITY))
    _prepare(clone)
    _push(clone, 0)
    if name == "restore":
        _delete(clone, 1)
    STEPS[name](clone, 1)
    assert verify(clone).differences == ()
