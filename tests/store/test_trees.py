"""Trees by path: looking up, walking, comparing and merging."""

from __future__ import annotations

import pytest

from gitexp.errors import DamagedObject, InvalidInput, MissingObject, StoreError
from gitexp.ids import ObjectId
from gitexp.store import trees
from gitexp.store.memory import MemoryStore
from gitexp.store.model import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_GITLINK,
    MODE_LINK,
    MODE_TREE,
    MergedTree,
    RawObject,
    TreeEntry,
    TreeId,
)
from gitexp.store.transaction import Transaction
from gitexp.store.trees import (
    UNMERGED,
    Unmerged,
    blob_at,
    changed_paths,
    entry_at,
    list_dir,
    merge_trees,
    read_commit,
    read_tree,
    tree_of,
    walk_files,
)
from tests.builders import history, signature

MODULE = ObjectId("33" * 20)


class CountingStore(MemoryStore):
    """A store that remembers which objects were read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[ObjectId] = []

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        self.reads.append(object_id)
        return super().read(object_id, limit=limit)


@pytest.fixture
def tx() -> Transaction:
    return Transaction(MemoryStore())


def link(tx: Transaction, target: bytes) -> TreeEntry:
    return TreeEntry(name="", mode=MODE_LINK, id=tx.blob(target))


def module() -> TreeEntry:
    return TreeEntry(name="", mode=MODE_GITLINK, id=MODULE)


def files_of(tx: Transaction, tree: TreeId) -> dict[str, bytes]:
    return {path: tx.read(entry.id).data for path, entry in walk_files(tx, tree)}


# --- commits and tags -----------------------------------------------------------------------


def add_tag(tx: Transaction, target: ObjectId, kind: str) -> ObjectId:
    return tx.add("tag", f"object {target}\ntype {kind}\ntag v1\n\nm\n".encode())


def test_a_tag_is_followed_to_its_commit(tx: Transaction) -> None:
    commit = tx.commit(tree=tx.tree(None, {}), parents=[], message="m", author=signature())
    tag = add_tag(tx, add_tag(tx, commit, "commit"), "tag")
    assert read_commit(tx, tag) == read_commit(tx, commit)
    assert tree_of(tx, tag) == tree_of(tx, commit) == tx.tree(None, {})


def test_a_tree_is_its_own_tree(tx: Transaction) -> None:
    tree = tx.tree(None, {"a": b"1"})
    assert tree_of(tx, ObjectId(tree)) == tree


def test_a_blob_is_neither_commit_nor_tree(tx: Transaction) -> None:
    blob = tx.blob(b"1")
    for read in (read_commit, tree_of):
        with pytest.raises(StoreError, match=f"object {blob} is a blob, not a commit"):
            read(tx, blob)


def test_an_endless_chain_of_tags_is_refused(tx: Transaction) -> None:
    target = tx.commit(tree=tx.tree(None, {}), parents=[], message="m", author=signature())
    for _ in range(20):
        target = add_tag(tx, target, "tag")
    with pytest.raises(StoreError, match="more than 16 tags lead on from tag"):
        read_commit(tx, target)


# --- looking up -----------------------------------------------------------------------------


def test_an_entry_is_found_by_its_path(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b/c": b"1"})
    assert entry_at(tx, tree, "a/b/c") == TreeEntry(name="c", mode=MODE_FILE, id=tx.blob(b"1"))
    assert entry_at(tx, tree, "") == TreeEntry(name="", mode=MODE_TREE, id=ObjectId(tree))


@pytest.mark.parametrize("path", ["b", "a/c", "a/b/c/d", "a/b/c/d/e"])
def test_an_absent_entry_is_none(tx: Transaction, path: str) -> None:
    tree = tx.tree(None, {"a/b/c": b"1"})
    assert entry_at(tx, tree, path) is None
    assert blob_at(tx, tree, path) is None
    assert list_dir(tx, tree, path) == []


@pytest.mark.parametrize("path", ["/a", "a/", "a//b", "a/../b", "./a", ".git/config", "a\0b"])
def test_a_malformed_path_is_refused(tx: Transaction, path: str) -> None:
    tree = tx.tree(None, {"a/b": b"1"})
    for lookup in (entry_at, blob_at, list_dir):
        with pytest.raises(InvalidInput, match="is not a usable path"):
            lookup(tx, tree, path)


def test_a_directory_is_listed(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b": b"1", "a/c/d": b"2", "e": b"3"})
    assert [entry.name for entry in list_dir(tx, tree, "a")] == ["b", "c"]
    assert [entry.name for entry in list_dir(tx, tree, "")] == ["a", "e"]
    assert list_dir(tx, tree, "e") == []


def test_the_content_of_a_file_is_read(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b": b"1"})
    assert blob_at(tx, tree, "a/b") == b"1"


@pytest.mark.parametrize("path", ["link", "link/below", "link/below/deeper"])
def test_a_symbolic_link_is_never_followed(tx: Transaction, path: str) -> None:
    tree = tx.tree(None, {"link": link(tx, b"/etc"), "real/below": b"1"})
    with pytest.raises(InvalidInput) as caught:
        blob_at(tx, tree, path)
    assert str(caught.value) == "link is a symbolic link, not a file"


@pytest.mark.parametrize("path", ["module", "module/below"])
def test_a_submodule_is_never_followed(tx: Transaction, path: str) -> None:
    with pytest.raises(InvalidInput, match=r"^module is a submodule, not a file$"):
        blob_at(tx, tx.tree(None, {"module": module()}), path)


def test_a_directory_is_no_file(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b/c": b"1"})
    with pytest.raises(InvalidInput, match=r"^a/b is a directory, not a file$"):
        blob_at(tx, tree, "a/b")
    with pytest.raises(InvalidInput, match=r"^the root is a directory, not a file$"):
        blob_at(tx, tree, "")


def test_a_file_over_the_limit_is_refused_by_its_path(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b": b"12345"})
    assert blob_at(tx, tree, "a/b", limit=5) == b"12345"
    with pytest.raises(InvalidInput, match=r"^a/b is larger than 4 bytes$"):
        blob_at(tx, tree, "a/b", limit=4)


def test_a_file_that_is_another_object_is_damage(tx: Transaction) -> None:
    empty = ObjectId(tx.tree(None, {}))
    tree = tx.tree(None, {"a": TreeEntry(name="", mode=MODE_FILE, id=empty)})
    with pytest.raises(DamagedObject, match=f"the tree's entry a says file, and {empty} is a tree"):
        blob_at(tx, tree, "a")


def test_a_missing_directory_is_an_error_and_not_empty(tx: Transaction) -> None:
    gone = TreeEntry(name="a", mode=MODE_TREE, id=ObjectId("12" * 20))
    tree = tx.directory([gone])
    for look in (lambda: entry_at(tx, tree, "a/b"), lambda: list(walk_files(tx, tree))):
        with pytest.raises(MissingObject, match=gone.id):
            look()


# --- walking and comparing ------------------------------------------------------------------


def test_every_file_below_a_path_is_walked_in_order(tx: Transaction) -> None:
    tree = tx.tree(
        None,
        {"a/z": b"1", "a.txt": b"2", "a/b/c": b"3", "l": link(tx, b"x"), "m": module()},
    )
    assert [path for path, _ in walk_files(tx, tree)] == ["a.txt", "a/b/c", "a/z", "l", "m"]
    assert [path for path, _ in walk_files(tx, tree, "a")] == ["a/b/c", "a/z"]
    assert list(walk_files(tx, tree, "a.txt")) == []
    assert list(walk_files(tx, tree, "nowhere")) == []


def deep_tree(tx: Transaction, content: bytes) -> TreeId:
    tree = tx.tree(None, {"file": content})
    for _ in range(trees.MAX_TREE_DEPTH + 1):
        tree = tx.directory([TreeEntry(name="d", mode=MODE_TREE, id=ObjectId(tree))])
    return tree


def test_a_tree_nested_too_deep_is_refused(tx: Transaction) -> None:
    one, two = deep_tree(tx, b"1"), deep_tree(tx, b"2")
    for walk in (
        lambda: list(walk_files(tx, one)),
        lambda: list(changed_paths(tx, one, two)),
        lambda: merge_trees(tx, None, one, two),
    ):
        with pytest.raises(StoreError, match="is nested deeper than 256 directories"):
            walk()


def test_a_path_nested_too_deep_is_refused(tx: Transaction) -> None:
    with pytest.raises(InvalidInput, match="is nested deeper than 256 directories"):
        tx.tree(None, {"/".join(["d"] * 300): b"1"})


def test_a_few_trees_that_name_billions_of_files_are_refused(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MAX_WALKED_ENTRIES", 10_000)
    tree = tx.tree(None, {})
    for _ in range(10):
        names = [str(number) for number in range(10)]
        tree = tx.directory(
            TreeEntry(name=name, mode=MODE_TREE, id=ObjectId(tree)) for name in names
        )
    with pytest.raises(StoreError, match="the tree holds more than 10,000 entries"):
        list(walk_files(tx, tree))


def test_changes_are_those_of_files(tx: Transaction) -> None:
    old = tx.tree(None, {"a/kept": b"1", "a/gone": b"2", "b/c": b"3", "d": b"4"})
    new = tx.tree(old, {"a/gone": None, "a/new": b"5", "d": b"6"})
    changes = {
        path: (before and before.id, after and after.id)
        for path, before, after in changed_paths(tx, old, new)
    }
    assert changes == {
        "a/gone": (tx.blob(b"2"), None),
        "a/new": (None, tx.blob(b"5")),
        "d": (tx.blob(b"4"), tx.blob(b"6")),
    }


def test_nothing_differs_between_equal_trees_and_everything_from_none(tx: Transaction) -> None:
    tree = tx.tree(None, {"a/b": b"1", "c": b"2"})
    assert list(changed_paths(tx, tree, tree)) == []
    assert [path for path, old, _ in changed_paths(tx, None, tree) if old is None] == ["a/b", "c"]
    assert [path for path, _, new in changed_paths(tx, tree, None) if new is None] == ["a/b", "c"]


def test_a_file_that_became_a_directory_is_removed_and_its_files_are_added(
    tx: Transaction,
) -> None:
    old = tx.tree(None, {"a": b"1"})
    new = tx.tree(None, {"a/b": b"2"})
    seen = [(path, bool(was), bool(now)) for path, was, now in changed_paths(tx, old, new)]
    assert seen == [("a", True, False), ("a/b", False, True)]


def test_a_changed_mode_is_a_change(tx: Transaction) -> None:
    old = tx.tree(None, {"a": b"1"})
    new = tx.tree(None, {"a": TreeEntry(name="", mode=MODE_EXECUTABLE, id=tx.blob(b"1"))})
    assert [path for path, _, _ in changed_paths(tx, old, new)] == ["a"]


def test_equal_directories_are_not_read_to_compare_or_merge() -> None:
    store = CountingStore()
    tx = Transaction(store)
    base = tx.tree(None, {f"{d}/{n}": b"1" for d in "abc" for n in range(5)})
    ours, theirs = tx.tree(base, {"a/1": b"2"}), tx.tree(base, {"b/1": b"3"})
    with store.exclusive():
        store.apply(tx.objects, [])
    store.reads.clear()
    assert len(list(changed_paths(store, base, ours))) == 1
    assert len(store.reads) == 4
    store.reads.clear()
    merge_trees(Transaction(store), base, ours, theirs)
    assert len(store.reads) == 3


# --- merging --------------------------------------------------------------------------------

BASE = {"a": b"1", "d/x": b"1", "d/y": b"1"}


def merged(
    tx: Transaction,
    ours: dict[str, bytes | TreeEntry | None],
    theirs: dict[str, bytes | TreeEntry | None],
) -> MergedTree:
    """Merge two edits of BASE both ways round, which must give the same."""
    base = tx.tree(None, BASE)
    one, two = tx.tree(base, ours), tx.tree(base, theirs)
    answer = merge_trees(tx, base, one, two)
    assert answer == merge_trees(tx, base, two, one)
    return answer


def test_changes_of_different_files_are_joined(tx: Transaction) -> None:
    answer = merged(tx, {"a": b"2", "d/x": None, "n/new": b"3"}, {"d/y": b"4", "e": b"5"})
    assert answer.tree is not None
    assert files_of(tx, answer.tree) == {"a": b"2", "d/y": b"4", "e": b"5", "n/new": b"3"}
    assert answer.conflicts == ()


def test_the_same_change_on_both_sides_is_no_conflict(tx: Transaction) -> None:
    answer = merged(tx, {"a": b"2", "d/x": None, "n": b"3"}, {"a": b"2", "d/x": None, "n": b"3"})
    assert answer.tree is not None
    assert files_of(tx, answer.tree) == {"a": b"2", "d/y": b"1", "n": b"3"}


@pytest.mark.parametrize(
    "ours, theirs, conflicts",
    [
        ({"a": b"2"}, {"a": b"3"}, ("a",)),
        ({"a": b"2"}, {"a": None}, ("a",)),
        ({"n": b"2"}, {"n": b"3"}, ("n",)),
        ({"d/x": b"2", "a": b"2"}, {"d/x": b"3", "a": b"3"}, ("a", "d/x")),
        ({"d/x": b"2"}, {"d": None}, ("d/x",)),
        ({"n": b"2"}, {"n/m": b"3"}, ("n",)),
        ({"a": b"2"}, {"a": None, "a/b": b"3"}, ("a",)),
        ({"d": b"2"}, {"d/x": b"3"}, ("d/x",)),
    ],
)
def test_different_changes_of_a_file_conflict(
    tx: Transaction,
    ours: dict[str, bytes | TreeEntry | None],
    theirs: dict[str, bytes | TreeEntry | None],
    conflicts: tuple[str, ...],
) -> None:
    assert merged(tx, ours, theirs) == MergedTree(tree=None, conflicts=conflicts)


def test_an_untouched_file_gives_way_to_a_directory(tx: Transaction) -> None:
    answer = merged(tx, {"a": None, "a/b": b"2"}, {"d/x": b"3"})
    assert answer.tree is not None
    assert files_of(tx, answer.tree) == {"a/b": b"2", "d/x": b"3", "d/y": b"1"}


def test_a_directory_that_both_sides_emptied_together_vanishes(tx: Transaction) -> None:
    answer = merged(tx, {"d/x": None, "a": b"2"}, {"d/y": None})
    assert answer.tree is not None
    assert [entry.name for entry in read_tree(tx, answer.tree)] == ["a"]


def test_everything_removed_leaves_the_empty_tree(tx: Transaction) -> None:
    answer = merged(tx, {"d": None}, {"a": None})
    assert answer.tree == tx.tree(None, {})


def test_a_change_of_mode_and_one_of_content_are_joined(tx: Transaction) -> None:
    executable = TreeEntry(name="", mode=MODE_EXECUTABLE, id=tx.blob(b"1"))
    answer = merged(tx, {"a": executable}, {"a": b"2"})
    assert answer.tree is not None
    expected = TreeEntry(name="a", mode=MODE_EXECUTABLE, id=tx.blob(b"2"))
    assert entry_at(tx, answer.tree, "a") == expected


def test_links_and_submodules_are_merged_whole(tx: Transaction) -> None:
    other = TreeEntry(name="", mode=MODE_GITLINK, id=ObjectId("44" * 20))
    answer = merged(tx, {"l": link(tx, b"1"), "m": module()}, {"l": link(tx, b"2"), "m": other})
    assert answer.conflicts == ("l", "m")
    assert merged(tx, {"l": link(tx, b"1"), "m": module()}, {"a": b"2"}).conflicts == ()


def test_a_file_and_a_link_at_one_path_conflict(tx: Transaction) -> None:
    assert merged(tx, {"a": link(tx, b"1")}, {"a": b"2"}).conflicts == ("a",)


def test_the_caller_decides_what_both_sides_changed(tx: Transaction) -> None:
    asked: list[tuple[str, bytes | None, bytes | None, bytes | None]] = []

    def combine(
        path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None
    ) -> bytes | Unmerged | None:
        asked.append((path, base, ours, theirs))
        return {"a": b"both", "d/x": None}.get(path, UNMERGED)

    base = tx.tree(None, BASE)
    ours = tx.tree(base, {"a": b"2", "d/x": b"2", "d/y": b"2"})
    theirs = tx.tree(base, {"a": b"3", "d/x": None})
    answer = merge_trees(tx, base, ours, theirs, combine=combine)
    assert asked == [("a", b"1", b"2", b"3"), ("d/x", b"1", b"2", None)]
    assert answer.tree is not None
    assert files_of(tx, answer.tree) == {"a": b"both", "d/y": b"2"}

    clash = merge_trees(tx, base, ours, tx.tree(theirs, {"d/y": b"3"}), combine=combine)
    assert clash == MergedTree(tree=None, conflicts=("d/y",))


def test_a_file_too_large_for_a_document_conflicts(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MAX_DOCUMENT_BYTES", 10)
    base = tx.tree(None, BASE)
    ours, theirs = tx.tree(base, {"a": b"x" * 11}), tx.tree(base, {"a": b"3"})
    answer = merge_trees(tx, base, ours, theirs, combine=lambda *sides: b"never asked")
    assert answer.conflicts == ("a",)


def test_unrelated_trees_merge_without_a_base(tx: Transaction) -> None:
    one, two = tx.tree(None, {"a": b"1", "b": b"2"}), tx.tree(None, {"a": b"1", "c": b"3"})
    answer = merge_trees(tx, None, one, two)
    assert answer.tree is not None
    assert files_of(tx, answer.tree) == {"a": b"1", "b": b"2", "c": b"3"}


def test_a_history_in_one_line_has_the_files_it_names() -> None:
    store = MemoryStore()
    made = history(store, "a b c:a d:b,c", files={"c": {"other": b"1"}})
    assert read_commit(store, made["d"]).parents == (made["b"], made["c"])
    assert blob_at(store, tree_of(store, made["c"]), "other") == b"1"
    assert store.ref("refs/heads/main") == made["d"]
