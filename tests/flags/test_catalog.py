"""The flags of the trunk: listed with who made them when, and those that a test may use."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.errors import AlreadyExists, InvalidDocuments, InvalidInput, NotFound
from gitexp.flags.catalog import FlagEntry, find_documents
from gitexp.flags.collection import Flags
from gitexp.flags.selecting import eligible_flags
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import commit_files, signature
from tests.experiments.conftest import CONFIG, DEFINITION, workspace_on
from tests.store.test_history import CountingStore

TWO = (
    b"active: %s\ndescription: %s\nvariants:\n  - {key: %s, weight: 50}\n  - {key: b, weight: 50}\n"
)


@pytest.fixture
def workspace() -> Workspace:
    """A project whose trunk got flags one by one."""
    store = MemoryStore(config=CONFIG)
    commit_files(store, {"gitexp.yaml": DEFINITION})
    files = {
        "old": TWO % (b"true", b"The old one", b"control"),
        "new": TWO % (b"false", b"The new one", b"control"),
        "other": TWO % (b"true", b"Not for tests", b"a"),
        "plain": b"active: true\n",
        "wrong": b"active: true\nvariants:\n  - {key: control, weight: 5}\n",
    }
    for number, (key, text) in enumerate(files.items(), 1):
        commit_files(store, {f"flags/{key}.yaml": text}, at=number * 60)
    commit_files(store, {"flags/old.yaml": files["old"] + b"created_by: cyd@example.org\n"}, at=900)
    return workspace_on(store, None, seed=1)


def keys(workspace: Workspace, **options: Any) -> list[str]:
    return [entry.key for entry in eligible_flags(workspace, **options).results]


def test_flags_are_listed_with_who_made_them_when(workspace: Workspace) -> None:
    found = {entry.key: entry for entry in Flags(workspace).list()}
    assert sorted(found) == ["new", "old", "other", "plain", "wrong"]
    assert found["old"].created_by == "cyd@example.org"
    assert found["new"].created_by.endswith("@example.org")
    made = [found[key].created_at for key in ("old", "new", "other", "plain", "wrong")]
    assert all(made)
    assert made == sorted(made, key=str)
    assert found["wrong"].problem == (
        "flags/wrong.yaml: variants: the weights add up to 5, not to 100"
    )


def test_what_was_walked_is_not_walked_again(workspace: Workspace) -> None:
    before = {entry.key: entry.created_at for entry in Flags(workspace).list()}
    commit_files(workspace.store, {"flags/late.yaml": b"active: true\n"}, at=5000)
    after = {entry.key: entry.created_at for entry in Flags(workspace).list()}
    assert {key: after[key] for key in before} == before
    assert set(after) - set(before) == {"late"}


def test_history_that_was_rewritten_is_walked_anew(workspace: Workspace) -> None:
    store, begun = workspace.store, commit_files(workspace.store, {"x": b"1"})
    commit_files(store, {"flags/late.yaml": b"active: true\n"}, at=5000)
    assert _entry(workspace, "late").created_at == signature(5000).when

    def back(tx: Transaction) -> None:
        tx.set_ref("refs/heads/main", old=tx.ref("refs/heads/main"), new=begun, message="back")

    transact(store, back)
    commit_files(store, {"flags/late.yaml": b"active: true\n"}, at=6000)
    assert _entry(workspace, "late").created_at == signature(6000).when


def _entry(workspace: Workspace, key: str) -> FlagEntry:
    return next(entry for entry in Flags(workspace).list() if entry.key == key)


def test_flags_are_read_once_each_and_their_directory_not_for_each() -> None:
    reads = []
    for count in (20, 60):
        store = CountingStore()
        flags = {f"flags/f{n}.yaml": b"active: true\nrollout: %d\n" % n for n in range(count)}
        tip = commit_files(store, {"gitexp.yaml": DEFINITION, **flags})
        listed, named = (workspace_on(store, None, seed=1) for _ in range(2))
        store.reads = 0
        assert len(Flags(listed).list()) == count
        of_list, store.reads = store.reads, 0
        keys = [f"f{n}" for n in range(count)]
        found = find_documents(named, tree_of(store, tip), [*keys, "none"], reader=store)
        assert (found["f7"], found["none"]) == ({"active": True, "rollout": 7}, None)
        reads.append((of_list, store.reads))
    assert [after - before for before, after in zip(*reads, strict=True)] == [40, 40]


def test_a_test_may_use_flags_whose_first_variant_is_control(workspace: Workspace) -> None:
    assert keys(workspace) == ["new", "old"]
    assert keys(workspace, order="created_at") == ["old", "new"]
    assert keys(workspace, order="-key") == ["old", "new"]
    assert keys(workspace, search="NEW") == ["new"]
    assert keys(workspace, search="the old") == ["old"]
    assert keys(workspace, active=True) == ["old"]
    assert keys(workspace, active=False) == ["new"]
    assert keys(workspace, created_by=["cyd@example.org"]) == ["old"]


def test_a_page_tells_how_many_there_are_on_all(workspace: Workspace) -> None:
    page = eligible_flags(workspace, limit=1, offset=1)
    assert [entry.key for entry in page.results] == ["old"]
    assert page.to_dict()["count"] == page.count == 2
    assert eligible_flags(workspace, limit=500).count == 2


@pytest.mark.parametrize(
    "options", [{"limit": 0}, {"limit": -1}, {"offset": -1}, {"limit": "x"}, {"offset": 1.5}]
)
def test_a_limit_or_offset_that_can_be_none_is_refused(
    workspace: Workspace, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="invalid limit or offset"):
        eligible_flags(workspace, **options)


def test_an_unknown_order_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="'-size' is no order of flags"):
        eligible_flags(workspace, order="-size")


def test_a_flag_is_made_with_equal_shares(workspace: Workspace) -> None:
    flags = Flags(workspace)
    made = flags.create("third", ["control", "a", "b"], tags={"team": "pay"})
    assert [variant.weight for variant in made.variants] == [34, 33, 33]
    assert (made.active, made.created_by) == (False, "ada@example.org")
    assert flags.get("third") == made
    with pytest.raises(AlreadyExists, match="flag 'third' exists already"):
        flags.create("third")
    with pytest.raises(InvalidInput, match="'Third' is not a usable flag key"):
        flags.create("Third")
    with pytest.raises(InvalidDocuments, match="rollout: 200 is greater than 100"):
        flags.create("much", rollout=200)


def test_a_flag_is_evaluated_as_the_trunk_has_it(workspace: Workspace) -> None:
    flags = Flags(workspace)
    assert flags.evaluate("plain", "u").enabled
    assert "wrong" not in flags.evaluator()
    with pytest.raises(NotFound) as caught:
        flags.get("plan")
    assert (str(caught.value), caught.value.hint) == ("no flag 'plan'", "Did you mean 'plain'?")
    with pytest.raises(InvalidDocuments):
        flags.get("wrong")


def test_a_flag_that_an_experiment_alone_has_is_told_from_one_that_is_not_there(
    workspace: Workspace,
) -> None:
    branch = "exp/bot/warm"
    tip = commit_files(workspace.store, {"flags/words.yaml": b"active: true\n"}, branch=branch)
    with pytest.raises(NotFound) as caught:
        Flags(workspace).get("words")
    assert str(caught.value) == "no flag 'words' on main; experiment 'warm' has it"
    assert caught.value.hint == (
        f"Show it with `gitexp flag show words --revision {tip[:10]}`, or publish it with "
        "`gitexp flag publish words ENVIRONMENT --experiment warm`."
    )
    assert Flags(workspace).get("words", revision=tip).active
    with pytest.raises(NotFound, match=r"no flag .words.$"):
        Flags(workspace).get("words", revision="main")
