"""What every store keeps to, in memory and on disk."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from gitexp.errors import (
    DamagedObject,
    InvalidInput,
    MissingObject,
    RefChanged,
    RepositoryBusy,
    StoreError,
)
from gitexp.ids import ObjectId
from gitexp.store.model import Head, NewObject, RawObject, RefUpdate, TreeId
from gitexp.store.objects import encode_commit, make_object
from gitexp.store.protocol import Store
from gitexp.store.streamed import StreamedBlob
from gitexp.store.transaction import Transaction, transact
from gitexp.store.treebytes import encode_tree
from gitexp.store.trees import blob_at, read_commit
from tests.builders import commit_files, history, signature
from tests.contract.conftest import Tampering

MAIN = "refs/heads/main"
SIDE = "refs/heads/side"


def apply(store: Store, updates: Sequence[RefUpdate], objects: Sequence[NewObject] = ()) -> None:
    with store.exclusive():
        store.apply(objects, updates)


def move(store: Store, old: ObjectId | None, new: ObjectId | None, ref: str = MAIN) -> None:
    apply(store, [RefUpdate(ref=ref, old=old, new=new, message="test")])


def put(store: Store, data: bytes) -> ObjectId:
    raw = make_object("blob", data, hash_length=store.hash_length)
    apply(store, [], [raw])
    return raw.id


def three_commits(store: Store) -> tuple[ObjectId, ObjectId, ObjectId]:
    made = history(store, "a b c", branch=None)
    return made["a"], made["b"], made["c"]


def run_together(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def content(store: Store, commit: ObjectId, path: str) -> bytes:
    found = blob_at(store, read_commit(store, commit).tree, path)
    assert found is not None
    return found


# --- objects --------------------------------------------------------------------------------


def test_what_was_written_is_read_back(store: Store) -> None:
    blob = put(store, b"hello\n")
    assert store.read(blob) == RawObject(id=blob, kind="blob", data=b"hello\n")
    assert store.has(blob)


def test_an_id_is_the_one_that_git_gives(store: Store) -> None:
    assert put(store, b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert store.hash_length == 40


def test_the_empty_blob_and_the_empty_tree_are_objects_like_others(store: Store) -> None:
    raws = [make_object("blob", b""), make_object("tree", b"")]
    apply(store, [], raws)
    assert [store.read(raw.id) for raw in raws] == raws


def test_every_kind_of_object_is_read_with_its_kind(store: Store) -> None:
    tree = make_object("tree", encode_tree([]))
    commit = make_object(
        "commit",
        encode_commit(
            tree=TreeId(tree.id),
            parents=[],
            author=signature(),
            committer=signature(),
            message="first",
        ),
    )
    tag = make_object(
        "tag",
        f"object {commit.id}\ntype commit\ntag v1\n"
        "tagger Ada Example <ada@example.org> 1767323045 +0000\n\nfirst\n".encode(),
    )
    apply(store, [], [tree, commit, tag])
    assert [store.read(raw.id).kind for raw in (tree, commit, tag)] == ["tree", "commit", "tag"]


def test_many_objects_at_once_are_all_there(store: Store) -> None:
    raws = [make_object("blob", b"%d" % number) for number in range(300)]
    apply(store, [], raws)
    assert [store.read(raw.id) for raw in raws] == raws


def test_writing_an_object_again_changes_nothing(store: Store) -> None:
    blob = put(store, b"hello\n")
    assert put(store, b"hello\n") == blob
    assert store.read(blob).data == b"hello\n"


def test_a_blob_is_written_piece_by_piece(store: Store) -> None:
    pieces = [b"%d\n" % number * 10_000 for number in range(30)]
    blob = StreamedBlob(lambda: pieces, hash_length=store.hash_length)
    whole = make_object("blob", b"".join(pieces), hash_length=store.hash_length)
    assert (blob.id, blob.size) == (whole.id, whole.size)
    apply(store, [], [blob])
    assert store.read(blob.id) == whole


def test_many_blobs_are_written_piece_by_piece(store: Store) -> None:
    blobs = [
        StreamedBlob(lambda n=n: (b"%d %d\n" % (n, i) for i in range(n)))  # type: ignore[misc]
        for n in range(30)
    ]
    apply(store, [], blobs)
    assert [store.read(blob.id).data for blob in blobs] == [blob.data for blob in blobs]


def test_a_blob_whose_pieces_change_meanwhile_is_not_written(store: Store) -> None:
    passes = iter([b"one", b"one", b"two"])
    blob = StreamedBlob(lambda: [next(passes)], hash_length=store.hash_length)
    with pytest.raises(DamagedObject, match=f"^the bytes of object {blob.id} changed"):
        apply(store, [], [blob])
    assert not store.has(blob.id)


@pytest.mark.parametrize("size", [0, 10, 1 << 16, 3 << 20])
@pytest.mark.parametrize("among", [1, 20])
def test_an_object_is_read_piece_by_piece(store: Store, size: int, among: int) -> None:
    data = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    blobs = [make_object("blob", data + b"%d" % number) for number in range(among)]
    apply(store, [], blobs)
    for blob in blobs:
        assert b"".join(store.pieces(blob.id)) == blob.data
    with pytest.raises(InvalidInput, match=f"^object {blobs[0].id} holds {size + 1} bytes, over 0"):
        store.pieces(blobs[0].id, limit=0)


def test_a_missing_object_has_no_pieces(store: Store) -> None:
    with pytest.raises(MissingObject):
        store.pieces(ObjectId("1" * 40))


def test_a_damaged_object_has_no_pieces(store: Store, tampering: Tampering) -> None:
    blob = put(store, b"hello\n" * 100_000)
    tampering.change(blob)
    with pytest.raises(DamagedObject):
        store.pieces(blob)


def test_a_missing_object_is_an_error(store: Store) -> None:
    absent = ObjectId("12" * 20)
    assert not store.has(absent)
    with pytest.raises(MissingObject, match=absent):
        store.read(absent)


def test_a_lost_object_is_missing(store: Store, tampering: Tampering) -> None:
    blob = put(store, b"hello\n")
    tampering.remove(blob)
    with pytest.raises(MissingObject):
        store.read(blob)


def test_a_changed_object_is_never_returned(store: Store, tampering: Tampering) -> None:
    blob = put(store, b"hello\n")
    tampering.change(blob)
    with pytest.raises(DamagedObject, match=blob):
        store.read(blob)


def test_a_damaged_object_is_healed_by_writing_it_again(store: Store, tampering: Tampering) -> None:
    blob = put(store, b"hello\n")
    tampering.change(blob)
    put(store, b"hello\n")
    assert store.read(blob).data == b"hello\n"


def test_an_object_over_the_limit_is_refused(store: Store) -> None:
    blob = put(store, b"x" * 1000)
    assert len(store.read(blob, limit=1000).data) == 1000
    with pytest.raises(InvalidInput, match="1000"):
        store.read(blob, limit=999)


def test_a_prefix_finds_the_objects_that_begin_with_it(store: Store) -> None:
    blobs = [put(store, b"%d" % number) for number in range(300)]
    for prefix in {blob[:4] for blob in blobs}:
        assert store.find_prefix(prefix) == sorted(b for b in blobs if b.startswith(prefix))
    assert store.find_prefix(blobs[0]) == [blobs[0]]
    assert store.find_prefix("0" * 39) == []
    assert store.find_prefix("not hexadecimal") == []
    with pytest.raises(InvalidInput) as caught:
        store.find_prefix("abc")
    assert str(caught.value) == "'abc' is too short for the beginning of an object id"


# --- references -----------------------------------------------------------------------------


def test_a_reference_is_created_moved_and_deleted(store: Store) -> None:
    a, b, _ = three_commits(store)
    seen = []
    for old, new in ((None, a), (a, b), (b, None), (None, a)):
        move(store, old, new, SIDE)
        seen.append((store.ref(SIDE), store.refs("refs/").get(SIDE)))
    assert seen == [(a, a), (b, b), (None, None), (a, a)]


def test_a_reference_that_exists_is_not_created_again(store: Store) -> None:
    a, b, _ = three_commits(store)
    move(store, None, a)
    with pytest.raises(RefChanged, match=MAIN):
        move(store, None, b)
    assert store.ref(MAIN) == a


def test_a_stale_old_value_is_refused(store: Store) -> None:
    a, b, c = three_commits(store)
    move(store, None, b)
    with pytest.raises(RefChanged, match=MAIN):
        move(store, a, c)
    assert store.ref(MAIN) == b


def test_an_absent_reference_is_neither_moved_nor_deleted(store: Store) -> None:
    a, b, _ = three_commits(store)
    for new in (b, None):
        with pytest.raises(RefChanged):
            move(store, a, new)
    assert store.ref(MAIN) is None


def test_a_deletion_with_a_stale_old_value_is_refused(store: Store) -> None:
    a, b, _ = three_commits(store)
    move(store, None, a)
    with pytest.raises(RefChanged):
        move(store, b, None)
    assert store.ref(MAIN) == a


def test_an_update_to_the_same_value_only_checks(store: Store) -> None:
    a, b, _ = three_commits(store)
    move(store, None, a)
    move(store, a, a)
    assert store.ref(MAIN) == a
    with pytest.raises(RefChanged):
        move(store, b, b)


def test_several_references_move_together(store: Store) -> None:
    a, b, c = three_commits(store)
    move(store, None, a)
    move(store, None, a, "refs/heads/gone")
    apply(
        store,
        [
            RefUpdate(ref=MAIN, old=a, new=b),
            RefUpdate(ref="refs/heads/new", old=None, new=c),
            RefUpdate(ref="refs/heads/gone", old=a, new=None),
        ],
    )
    assert store.refs("refs/heads/") == {MAIN: b, "refs/heads/new": c}


@pytest.mark.parametrize("stale", [0, 1, 2])
def test_one_stale_reference_keeps_all_of_them(store: Store, stale: int) -> None:
    a, b, c = three_commits(store)
    names = [f"refs/heads/{name}" for name in ("one", "three", "two")]
    for name in names:
        move(store, None, a, name)
    updates = [
        RefUpdate(ref=name, old=c if number == stale else a, new=b)
        for number, name in enumerate(names)
    ]
    with pytest.raises(RefChanged, match=names[stale]):
        apply(store, updates)
    assert store.refs("refs/heads/") == dict.fromkeys(names, a)


def test_references_are_listed_by_prefix_and_sorted(store: Store) -> None:
    a, _, _ = three_commits(store)
    for name in ("refs/heads/b", "refs/heads/a/x", "refs/tags/b", "refs/heads/bb"):
        move(store, None, a, name)
    assert list(store.refs("refs/heads/b")) == ["refs/heads/b", "refs/heads/bb"]
    assert list(store.refs("refs/heads/")) == ["refs/heads/a/x", "refs/heads/b", "refs/heads/bb"]
    assert list(store.refs("refs/")) == [*store.refs("refs/heads/"), "refs/tags/b"]
    assert store.refs("refs/remotes/") == {}


@pytest.mark.parametrize(
    "first, second", [("refs/heads/a", "refs/heads/a/b"), ("refs/heads/a/b", "refs/heads/a")]
)
def test_a_reference_cannot_be_a_directory_of_another(
    store: Store, first: str, second: str
) -> None:
    a, b, _ = three_commits(store)
    move(store, None, a, first)
    with pytest.raises(StoreError, match=second):
        move(store, None, b, second)
    assert store.refs("refs/") == {first: a}


def test_two_new_references_that_need_each_others_place_are_refused(store: Store) -> None:
    a, b, _ = three_commits(store)
    for names in (("refs/heads/a", "refs/heads/a/b"), ("refs/heads/c/d", "refs/heads/c")):
        with pytest.raises(StoreError):
            apply(store, [RefUpdate(ref=name, old=None, new=b) for name in names])
    assert store.refs("refs/") == {}
    move(store, None, a, "refs/heads/a")
    assert store.refs("refs/") == {"refs/heads/a": a}


def test_a_name_that_begins_alike_needs_no_directory(store: Store) -> None:
    a, _, _ = three_commits(store)
    names = ["refs/heads/a", "refs/heads/a.b", "refs/heads/ab", "refs/heads/ab-c/d"]
    apply(store, [RefUpdate(ref=name, old=None, new=a) for name in names])
    assert list(store.refs("refs/")) == names


def test_a_deleted_reference_makes_room_for_a_directory(store: Store) -> None:
    a, _, _ = three_commits(store)
    move(store, None, a, "refs/heads/a")
    move(store, a, None, "refs/heads/a")
    move(store, None, a, "refs/heads/a/b")
    move(store, a, None, "refs/heads/a/b")
    move(store, None, a, "refs/heads/a")
    assert store.refs("refs/") == {"refs/heads/a": a}


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "HEAD",
        "refs/heads/../../config",
        "refs/heads/a..b",
        "refs/heads/a.lock",
        "refs/heads/a.lock/b",
        "refs/heads/.a",
        "refs/heads/a b",
        "refs/heads/a\nb",
        "refs/heads/",
        "refs/heads//a",
        "refs/heads/a~1",
        "refs/heads/a@{1}",
        "../refs/heads/a",
    ],
)
def test_a_bad_reference_name_is_refused_and_names_nothing(store: Store, name: str) -> None:
    a, _, _ = three_commits(store)
    with pytest.raises(InvalidInput):
        move(store, None, a, name)
    assert store.ref(name) is None
    assert store.refs("refs/") == {}


def test_a_reference_to_an_unknown_object_is_refused(store: Store) -> None:
    with pytest.raises(MissingObject, match="12" * 20):
        move(store, None, ObjectId("12" * 20))
    assert store.ref(MAIN) is None


def test_a_branch_holds_nothing_but_commits(store: Store) -> None:
    blob = put(store, b"hello\n")
    with pytest.raises(StoreError) as caught:
        move(store, None, blob, SIDE)
    assert str(caught.value) == f"{SIDE} cannot point at {blob}: it is a blob, not a commit"
    move(store, None, blob, "refs/tags/blob")
    assert store.refs("refs/") == {"refs/tags/blob": blob}


def test_a_reference_is_not_moved_twice_in_one_step(store: Store) -> None:
    a, b, _ = three_commits(store)
    updates = [RefUpdate(ref=SIDE, old=None, new=a), RefUpdate(ref=SIDE, old=a, new=b)]
    with pytest.raises((InvalidInput, RefChanged)):
        apply(store, updates)
    assert store.refs("refs/") == {}


def test_a_refused_update_writes_no_reference_and_can_be_tried_again(store: Store) -> None:
    a, b, _ = three_commits(store)
    for _ in range(2):
        with pytest.raises(RefChanged):
            move(store, b, a, SIDE)
    move(store, None, a, SIDE)
    assert store.refs("refs/") == {SIDE: a}


def test_objects_and_references_are_applied_together(store: Store) -> None:
    transaction = Transaction(store)
    commit = transaction.commit(
        tree=transaction.tree(None, {"a/b": b"content"}),
        parents=[],
        message="first",
        author=signature(),
    )
    transaction.set_ref(MAIN, old=None, new=commit)
    apply(store, transaction.updates, transaction.objects)
    assert store.ref(MAIN) == commit
    assert content(store, commit, "a/b") == b"content"


def test_a_commit_can_be_read_as_soon_as_it_is_acknowledged(store: Store) -> None:
    for number in range(5):
        commit = commit_files(store, {"file": b"%d" % number}, at=number)
        assert content(store, commit, "file") == b"%d" % number


# --- HEAD, configuration, kinds of clones ---------------------------------------------------


def test_head_of_an_empty_repository_is_a_branch_without_a_commit(store: Store) -> None:
    assert store.head() == Head(branch="main", commit=None)
    assert store.ref("HEAD") is None


def test_head_follows_its_branch(store: Store) -> None:
    commit = commit_files(store, {"file": b"1"})
    assert store.head() == Head(branch="main", commit=commit)
    assert store.ref("HEAD") == commit


def test_a_key_that_is_not_configured_is_none(store: Store) -> None:
    assert store.config("gitexp.nothing") is None


def test_a_new_repository_is_not_shallow(store: Store) -> None:
    assert not store.is_shallow()


# --- the lock -------------------------------------------------------------------------------


def test_the_lock_is_held_by_one_thread_at_a_time(store: Store) -> None:
    holders: list[int] = []
    most = 0

    def work() -> None:
        nonlocal most
        for _ in range(20):
            with store.exclusive():
                holders.append(threading.get_ident())
                time.sleep(0)  # Gives the other threads a turn.
                most = max(most, len(holders))
                holders.pop()

    run_together([work] * 6)
    assert most == 1


def test_the_lock_is_not_reentrant(store: Store) -> None:
    with store.exclusive(), pytest.raises(RepositoryBusy), store.exclusive():
        pass
    with store.exclusive():
        pass


def test_writing_without_the_lock_is_a_mistake_in_the_program(store: Store) -> None:
    with pytest.raises(RuntimeError, match="needs the lock"):
        store.apply([make_object("blob", b"1")], [])


def test_the_lock_is_free_again_after_an_error(store: Store) -> None:
    with pytest.raises(KeyError), store.exclusive():
        raise KeyError("anything")
    with store.exclusive():
        pass


def test_no_increment_of_many_threads_is_lost(store: Store) -> None:
    def add_one(transaction: Transaction) -> None:
        tip = transaction.ref(MAIN)
        parents = [tip] if tip else []
        count = int(content(transaction, tip, "count")) if tip else 0
        commit = transaction.commit(
            tree=transaction.tree(None, {"count": b"%d" % (count + 1)}),
            parents=parents,
            message="one more",
            author=signature(count),
        )
        transaction.set_ref(MAIN, old=tip, new=commit)

    def work() -> None:
        for _ in range(5):
            transact(store, add_one)

    run_together([work] * 4)
    tip = store.ref(MAIN)
    assert tip is not None
    assert content(store, tip, "count") == b"20"
