"""Laws of editing and merging trees."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitexp.store.memory import MemoryStore
from gitexp.store.model import MergedTree, TreeId
from gitexp.store.transaction import Transaction
from gitexp.store.trees import UNMERGED, Unmerged, changed_paths, merge_trees, walk_files

# Few names and contents, so that paths meet, clash and become equal often.
NAMES = st.sampled_from(["a", "b", "c", "a.x"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.sampled_from([b"1", b"2", b"3"])
EDITS = st.lists(st.tuples(PATHS, st.none() | CONTENTS), max_size=8)
Files = dict[str, bytes]
Edits = list[tuple[str, "bytes | None"]]


def apply_to_model(files: Files, edits: Edits) -> Files:
    """Return the files after each edit in turn, as a file system would have them."""
    for path, content in edits:
        parents = [path[:at] for at, c in enumerate(path) if c == "/"]
        gone = {old for old in files if old == path or old.startswith(path + "/")}
        if content is not None:
            gone.update(parents)
        files = {old: data for old, data in files.items() if old not in gone}
        if content is not None:
            files[path] = content
    return files


def build(tx: Transaction, files: Files) -> TreeId:
    return tx.tree(None, files)


def files_of(tx: Transaction, tree: TreeId) -> Files:
    return {path: tx.read(entry.id).data for path, entry in walk_files(tx, tree)}


FILES = EDITS.map(lambda edits: apply_to_model({}, edits))


def new_transaction() -> Transaction:
    return Transaction(MemoryStore())


@given(EDITS)
def test_edits_one_by_one_give_what_a_file_system_would_hold(edits: Edits) -> None:
    tx = new_transaction()
    tree = build(tx, {})
    for path, content in edits:
        tree = tx.tree(tree, {path: content})
    assert files_of(tx, tree) == apply_to_model({}, edits)


@given(FILES, EDITS)
def test_an_edited_tree_is_the_one_built_from_its_files(files: Files, edits: Edits) -> None:
    tx = new_transaction()
    tree = build(tx, files)
    for path, content in edits:
        tree = tx.tree(tree, {path: content})
    assert tree == build(tx, apply_to_model(files, edits))


@given(FILES, FILES)
def test_one_edit_leads_from_any_tree_to_any_other(old: Files, new: Files) -> None:
    tx = new_transaction()
    changes: dict[str, bytes | None] = {path: None for path in old if path not in new}
    assert tx.tree(build(tx, old), {**changes, **new}) == build(tx, new)


@given(FILES, FILES)
def test_changed_paths_are_the_difference_of_the_files(old: Files, new: Files) -> None:
    tx = new_transaction()
    changes = list(changed_paths(tx, build(tx, old), build(tx, new)))
    paths = [path for path, _, _ in changes]
    assert paths == sorted(paths)
    assert set(paths) == {p for p in old.keys() | new.keys() if old.get(p) != new.get(p)}
    for path, before, after in changes:
        assert (before and tx.read(before.id).data) == old.get(path)
        assert (after and tx.read(after.id).data) == new.get(path)


def merge(tx: Transaction, base: Files, ours: Files, theirs: Files) -> MergedTree:
    return merge_trees(tx, build(tx, base), build(tx, ours), build(tx, theirs))


@given(FILES, FILES, FILES)
def test_a_merge_does_not_depend_on_the_side(base: Files, ours: Files, theirs: Files) -> None:
    tx = new_transaction()
    assert merge(tx, base, ours, theirs) == merge(tx, base, theirs, ours)


@given(FILES, FILES)
def test_a_merge_with_an_unchanged_side_is_the_other_side(base: Files, ours: Files) -> None:
    tx = new_transaction()
    assert merge(tx, base, ours, base) == MergedTree(tree=build(tx, ours))
    assert merge(tx, base, base, ours) == MergedTree(tree=build(tx, ours))
    assert merge(tx, base, ours, ours) == MergedTree(tree=build(tx, ours))


@given(FILES, FILES, FILES)
def test_a_merge_takes_every_file_from_the_side_that_changed_it(
    base: Files, ours: Files, theirs: Files
) -> None:
    tx = new_transaction()
    answer = merge(tx, base, ours, theirs)
    paths = base.keys() | ours.keys() | theirs.keys()
    both = {
        path
        for path in paths
        if len({ours.get(path), theirs.get(path), base.get(path)}) > 1
        and ours.get(path) != theirs.get(path)
        and base.get(path) not in (ours.get(path), theirs.get(path))
    }
    assert both <= set(answer.conflicts)
    if answer.tree is not None:
        expected = {
            path: ours.get(path) if ours.get(path) != base.get(path) else theirs.get(path)
            for path in paths
        }
        assert files_of(tx, answer.tree) == {p: c for p, c in expected.items() if c is not None}
    else:
        clashes = {p for p in answer.conflicts if any(q.startswith(p + "/") for q in paths)}
        assert set(answer.conflicts) == both | clashes


@given(FILES, FILES, FILES)
def test_a_decided_merge_conflicts_only_where_a_file_meets_a_directory(
    base: Files, ours: Files, theirs: Files
) -> None:
    def longest(path: str, *sides: bytes | None) -> bytes | Unmerged | None:
        return max((side for side in sides if side is not None), default=UNMERGED)

    tx = new_transaction()
    trees = [build(tx, files) for files in (base, ours, theirs)]
    answer = merge_trees(tx, *trees, combine=longest)
    paths = base.keys() | ours.keys() | theirs.keys()
    for path in answer.conflicts:
        assert any(other.startswith(path + "/") for other in paths)
