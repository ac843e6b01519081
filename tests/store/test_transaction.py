"""Transactions: what is staged, edited trees, and applying all or none with retries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gitexp.errors import Conflict, InvalidInput, MissingObject, RefChanged
from gitexp.ids import ObjectId
from gitexp.store.memory import MemoryStore
from gitexp.store.model import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_LINK,
    MODE_TREE,
    Head,
    RawObject,
    RefUpdate,
    TreeEntry,
    TreeId,
)
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import entry_at, list_dir, walk_files
from tests.builders import SIGNATURE, commit_files, history, signature

MAIN = "refs/heads/main"
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class RacingStore(MemoryStore):
    """A store in which somebody else moves `main` just before each of the first n updates."""

    def __init__(self, races: int) -> None:
        super().__init__()
        self.races = races
        self.applied = 0

    def apply(self, objects: Sequence[RawObject], updates: Sequence[RefUpdate]) -> None:
        if self.races:
            self.races -= 1
            other = Transaction(self)
            commit = other.commit(
                tree=other.tree(None, {"races left": b"%d" % self.races}),
                parents=[],
                message="theirs",
                author=signature(),
            )
            other.set_ref(MAIN, old=self.ref(MAIN), new=commit)
            super().apply(other.objects, other.updates)
        super().apply(objects, updates)
        self.applied += 1


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def tx(store: MemoryStore) -> Transaction:
    return Transaction(store)


def files_of(tx: Transaction, tree: TreeId) -> dict[str, bytes]:
    return {path: tx.read(entry.id).data for path, entry in walk_files(tx, tree)}


def add_commit(tx: Transaction, *parents: ObjectId, text: bytes = b"1") -> ObjectId:
    return tx.commit(
        tree=tx.tree(None, {"file": text}),
        parents=parents,
        message="m",
        author=SIGNATURE,
    )


# --- trees ----------------------------------------------------------------------------------


def test_no_changes_give_the_same_tree(tx: Transaction) -> None:
    assert tx.tree(None, {}) == EMPTY
    tree = tx.tree(None, {"a/b": b"1"})
    assert tx.tree(tree, {}) == tx.tree(tree, {"a/b": b"1", "x": None}) == tree


def test_paths_are_added_changed_and_removed(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b": b"1", "a/c": b"2", "d": b"3"})
    edited = tx.tree(tree, {"a/b": b"4", "a/c": None, "e/f/g": b"5"})
    assert files_of(tx, edited) == {"a/b": b"4", "d": b"3", "e/f/g": b"5"}
    assert files_of(tx, tree) == {"a/b": b"1", "a/c": b"2", "d": b"3"}


def test_directories_left_empty_vanish(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b/c": b"1", "d": b"2"})
    assert [entry.name for entry in list_dir(tx, tx.tree(tree, {"a/b/c": None}), "")] == ["d"]
    assert tx.tree(tree, {"a/b/c": None, "d": None}) == EMPTY


def test_a_directory_is_removed_as_a_whole(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b/c": b"1", "a/d": b"2", "e": b"3"})
    assert files_of(tx, tx.tree(tree, {"a": None})) == {"e": b"3"}


def test_removing_what_is_not_there_changes_nothing(tx: Transaction) -> None:
    tree = tx.tree(None, {"a": b"1"})
    assert tx.tree(tree, {"b": None, "a/b/c": None, "x/y": None}) == tree


def test_a_file_gives_way_to_a_directory_and_back(tx: Transaction) -> None:
    tree = tx.tree(None, {"a": b"1"})
    directory = tx.tree(tree, {"a/b": b"2"})
    assert files_of(tx, directory) == {"a/b": b"2"}
    assert tx.tree(directory, {"a": b"1"}) == tree
    assert tx.tree(tree, {"a": None, "a/b": b"2"}) == directory
    assert tx.tree(directory, {"a": b"1", "a/b": None}) == tree


def test_a_directory_is_replaced_by_one_with_other_files(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b": b"1", "a/c": b"2"})
    assert files_of(tx, tx.tree(tree, {"a": None, "a/d": b"3"})) == {"a/d": b"3"}


def test_a_whole_directory_is_put_in_place_and_edited(tx: Transaction) -> None:
    inner = tx.tree(None, {"x": b"1", "y": b"2"})
    graft = TreeEntry(name="ignored", mode=MODE_TREE, id=ObjectId(inner))
    assert files_of(tx, tx.tree(None, {"a/b": graft})) == {"a/b/x": b"1", "a/b/y": b"2"}
    edited = tx.tree(None, {"a/b": graft, "a/b/x": None})
    assert files_of(tx, edited) == {"a/b/y": b"2"}


def test_an_empty_directory_put_in_place_vanishes(tx: Transaction) -> None:
    empty = TreeEntry(name="", mode=MODE_TREE, id=ObjectId(EMPTY))
    tx.tree(None, {})
    assert tx.tree(None, {"a/b": empty}) == EMPTY


def test_an_executable_file_stays_executable(tx: Transaction) -> None:
    tool = TreeEntry(name="", mode=MODE_EXECUTABLE, id=tx.blob(b"1"))
    tree = tx.tree(tx.tree(None, {"tool": tool}), {"tool": b"2"})
    assert entry_at(tx, tree, "tool") == TreeEntry(
        name="tool", mode=MODE_EXECUTABLE, id=tx.blob(b"2")
    )


def test_a_link_is_replaced_by_a_file_and_never_written_through(tx: Transaction) -> None:
    link = TreeEntry(name="", mode=MODE_LINK, id=tx.blob(b"/etc"))
    tree = tx.tree(None, {"a": link})
    assert entry_at(tx, tx.tree(tree, {"a": b"1"}), "a") == TreeEntry(
        name="a", mode=MODE_FILE, id=tx.blob(b"1")
    )
    assert files_of(tx, tx.tree(tree, {"a/b": b"1"})) == {"a/b": b"1"}


@pytest.mark.parametrize(
    "changes",
    [{"a": b"1", "a/b": b"2"}, {"a/b/c": b"2", "a": b"1"}, {"x/a/b/c": b"1", "x/a": b"1"}],
)
def test_a_file_with_files_below_it_is_refused(tx: Transaction, changes: dict[str, bytes]) -> None:
    with pytest.raises(InvalidInput, match="cannot be a file and hold other changed files too"):
        tx.tree(None, changes)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/./b",
        ".git/hooks/x",
        "a/.GIT/config",
        "a\0b",
        ".g\u200cit/config",
        "\ufeff.git/config",
        "git~1/config",
        "GIT~1",
        ".git. /config",
        ".git::$INDEX_ALLOCATION/config",
        "a\\b",
        "..\\a",
    ],
)
def test_a_path_that_could_leave_the_tree_is_refused(tx: Transaction, path: str) -> None:
    with pytest.raises(InvalidInput):
        tx.tree(None, {path: b"1"})
    assert tx.objects == ()


def test_names_that_only_look_like_git_are_allowed(tx: Transaction) -> None:
    names = [".github/x", ".gitignore", ".gitattributes", "git", "a.git/x", "git~2"]
    assert set(files_of(tx, tx.tree(None, dict.fromkeys(names, b"1")))) == set(names)


def test_only_the_directories_on_the_changed_paths_are_written(store: MemoryStore) -> None:
    setup = Transaction(store)
    base = setup.tree(None, {f"{d}/{e}/{n}": b"1" for d in "abc" for e in "xyz" for n in "123"})
    with store.exclusive():
        store.apply(setup.objects, [])
    tx = Transaction(store)
    tx.tree(base, {"a/x/1": b"2"})
    assert [raw.kind for raw in tx.objects] == ["blob", "tree", "tree", "tree"]


# --- commits and staging --------------------------------------------------------------------


def test_objects_are_staged_after_those_they_name(tx: Transaction) -> None:
    commit = add_commit(tx)
    assert [raw.kind for raw in tx.objects] == ["blob", "tree", "commit"]
    assert tx.objects[-1].id == commit


def test_a_commit_of_what_is_not_here_is_refused(tx: Transaction) -> None:
    absent = ObjectId("12" * 20)
    with pytest.raises(MissingObject, match=f"a commit cannot name {absent}"):
        tx.commit(tree=TreeId(absent), parents=[], message="m", author=SIGNATURE)
    with pytest.raises(MissingObject, match=f"a commit cannot name {absent}"):
        add_commit(tx, absent)


def test_staged_objects_are_read_before_they_are_applied(
    store: MemoryStore, tx: Transaction
) -> None:
    blob = tx.blob(b"12345")
    assert tx.has(blob)
    assert not store.has(blob)
    assert tx.read(blob, limit=5).data == b"12345"
    assert tx.find_prefix(blob[:6]) == [blob]
    with pytest.raises(InvalidInput, match=f"object {blob} holds 5 bytes, over 4"):
        tx.read(blob, limit=4)


def test_what_is_not_staged_is_read_from_the_store(store: MemoryStore) -> None:
    made = history(store, "a b")
    tx = Transaction(store)
    assert tx.read(made["a"]) == store.read(made["a"])
    assert tx.ref(MAIN) == tx.ref("HEAD") == made["b"]
    assert tx.find_prefix(made["a"][:10]) == [made["a"]]


def test_references_are_seen_as_they_will_be(store: MemoryStore) -> None:
    made = history(store, "a b")
    tx = Transaction(store)
    tx.set_ref(MAIN, old=made["b"], new=made["a"])
    tx.set_ref("refs/heads/x", old=None, new=made["b"])
    assert tx.ref(MAIN) == tx.ref("HEAD") == made["a"]
    assert tx.head() == Head(branch="main", commit=made["a"])
    assert tx.refs("refs/heads/") == {MAIN: made["a"], "refs/heads/x": made["b"]}
    assert store.refs("refs/heads/") == {MAIN: made["b"]}
    tx.set_ref(MAIN, old=made["a"], new=None)
    assert tx.refs("refs/") == {"refs/heads/x": made["b"]}


def test_updates_of_one_reference_are_chained(store: MemoryStore) -> None:
    made = history(store, "a b c", branch=None)
    tx = Transaction(store)
    tx.set_ref(MAIN, old=None, new=made["a"], message="one")
    tx.set_ref(MAIN, old=made["a"], new=made["b"])
    assert tx.updates == (RefUpdate(ref=MAIN, old=None, new=made["b"], message="one"),)
    with pytest.raises(RefChanged) as caught:
        tx.set_ref(MAIN, old=made["a"], new=made["c"])
    assert str(caught.value) == (
        f"{MAIN} is at {made['b']} in this transaction, not at {made['a']}"
    )


def test_a_bad_reference_name_is_refused_at_once(tx: Transaction) -> None:
    with pytest.raises(InvalidInput) as caught:
        tx.set_ref("main", old=None, new=None)
    assert str(caught.value) == (
        "'main' is not a usable reference name: it must begin with 'refs/'"
    )


# --- transact -------------------------------------------------------------------------------


def test_what_was_staged_is_applied_and_the_answer_returned(store: MemoryStore) -> None:
    def work(tx: Transaction) -> ObjectId:
        commit = add_commit(tx)
        tx.set_ref(MAIN, old=None, new=commit)
        return commit

    commit = transact(store, work)
    assert store.ref(MAIN) == commit
    assert store.read(commit).kind == "commit"


def test_nothing_is_applied_when_nothing_was_staged() -> None:
    store = RacingStore(races=0)
    assert transact(store, lambda tx: tx.ref(MAIN)) is None
    assert store.applied == 0


def test_an_error_of_the_work_leaves_everything_as_it_was(store: MemoryStore) -> None:
    def work(tx: Transaction) -> None:
        tx.set_ref(MAIN, old=None, new=add_commit(tx))
        raise KeyError("anything")

    with pytest.raises(KeyError):
        transact(store, work)
    assert (store.objects, store.refs("refs/")) == ({}, {})
    with store.exclusive():
        pass


def append(tx: Transaction) -> ObjectId:
    tip = tx.ref(MAIN)
    commit = add_commit(tx, *([tip] if tip else []))
    tx.set_ref(MAIN, old=tip, new=commit)
    return commit


def test_a_lost_race_is_run_again_on_what_stands_there_now() -> None:
    store = RacingStore(races=3)
    waits: list[int] = []
    commit = transact(store, append, pause=waits.append)
    assert waits == [1, 2, 3]
    assert store.ref(MAIN) == commit
    assert store.applied == 1


def test_a_race_lost_every_time_is_a_conflict() -> None:
    store = RacingStore(races=100)
    waits: list[int] = []
    with pytest.raises(Conflict) as caught:
        transact(store, append, attempts=4, pause=waits.append)
    assert waits == [1, 2, 3]
    assert str(caught.value).startswith(
        "the branch kept moving during 4 attempts: refs/heads/main is at "
    )
    assert isinstance(caught.value.__cause__, RefChanged)
    assert store.applied == 0


def test_a_precondition_is_checked_again_after_a_lost_race() -> None:
    store = RacingStore(races=1)

    def create(tx: Transaction) -> None:
        if tx.ref(MAIN) is not None:
            raise Conflict("somebody else was first")
        append(tx)

    with pytest.raises(Conflict, match="somebody else was first"):
        transact(store, create, pause=lambda failures: None)


def test_the_lock_is_free_while_waiting_for_another_attempt() -> None:
    store = RacingStore(races=1)

    def pause(failures: int) -> None:
        with store.exclusive():
            pass

    transact(store, append, pause=pause)


def test_a_transaction_inside_another_one_is_applied_with_it(store: MemoryStore) -> None:
    def outer(tx: Transaction) -> tuple[ObjectId, ObjectId]:
        one = transact(tx, append)
        two = transact(tx, append)
        assert store.ref(MAIN) is None
        return one, two

    one, two = transact(store, outer)
    assert store.ref(MAIN) == two
    assert b"parent " + one.encode() in store.read(two).data


def test_an_inner_transaction_is_checked_against_the_outer_one(store: MemoryStore) -> None:
    commit = commit_files(store, {"a": b"1"})
    tx = Transaction(store)
    update = RefUpdate(ref="refs/heads/x", old=commit, new=commit)
    with pytest.raises(RefChanged):
        tx.apply([], [RefUpdate(ref=MAIN, old=commit, new=None), update])
    assert tx.updates == ()
