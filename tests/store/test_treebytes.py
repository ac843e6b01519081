"""Trees between bytes and entries."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import DamagedObject, InvalidInput, StoreError
from gitexp.ids import ObjectId
from gitexp.store.model import (
    MODE_EXECUTABLE,
    MODE_FILE,
    MODE_GITLINK,
    MODE_LINK,
    MODE_TREE,
    TreeEntry,
    TreeId,
)
from gitexp.store.objects import make_object
from gitexp.store.treebytes import (
    encode_tree,
    find_entries,
    find_entry,
    parse_tree,
    replace_entries,
)

TREE = TreeId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
BLOB = ObjectId("ce013625030ba8dba906f756967f9e9ca394464a")


def entry(name: str, mode: int = MODE_FILE, object_id: ObjectId = BLOB) -> TreeEntry:
    return TreeEntry(name=name, mode=mode, id=object_id)


def test_entries_are_in_the_order_of_git() -> None:
    names = [entry("a.b"), entry("a", MODE_TREE, ObjectId(TREE)), entry("a-b"), entry("a0")]
    raw = make_object("tree", encode_tree(names))
    assert [found.name for found in parse_tree(raw)] == ["a-b", "a.b", "a", "a0"]


def test_a_tree_survives_the_round_trip() -> None:
    entries = [
        entry("\udcff not utf-8"),
        entry("a file"),
        entry("directory", MODE_TREE),
        entry("link", MODE_LINK),
        entry("module", MODE_GITLINK),
        entry("tool", MODE_EXECUTABLE),
        entry("ünï"),
    ]
    raw = make_object("tree", encode_tree(entries))
    assert sorted(parse_tree(raw), key=lambda e: e.name) == sorted(entries, key=lambda e: e.name)
    assert encode_tree(parse_tree(raw)) == raw.data


def test_a_sha256_tree_survives_the_round_trip() -> None:
    entries = [entry("a", object_id=ObjectId("ab" * 32))]
    assert parse_tree(make_object("tree", encode_tree(entries), hash_length=64)) == entries


@pytest.mark.parametrize(
    "written, read",
    [
        (b"100664", MODE_FILE),
        (b"100600", MODE_FILE),
        (b"100775", MODE_EXECUTABLE),
        (b"040000", MODE_TREE),
    ],
)
def test_modes_of_old_tools_are_read_as_git_reads_them(written: bytes, read: int) -> None:
    raw = make_object("tree", written + b" a\0" + bytes.fromhex(BLOB))
    assert parse_tree(raw) == [entry("a", read)]


@pytest.mark.parametrize("name", ["", ".", "..", ".git", ".GIT", ".Git", "a/b", "a\0b"])
def test_a_dangerous_name_is_not_written(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a name in a tree"):
        encode_tree([entry(name)])


def test_a_name_is_not_written_twice() -> None:
    with pytest.raises(InvalidInput, match="a tree cannot name 'a' twice"):
        encode_tree([entry("a"), entry("a", MODE_TREE)])


def test_an_unknown_mode_is_not_written() -> None:
    with pytest.raises(InvalidInput, match="100600 is no mode of a tree's entry \\('a'\\)"):
        encode_tree([entry("a", 0o100600)])


@pytest.mark.parametrize("name", [b".", b"..", b".git", b".gIt", b"a/b"])
def test_a_tree_with_a_dangerous_name_is_damaged(name: bytes) -> None:
    raw = make_object("tree", b"100644 " + name + b"\0" + bytes.fromhex(BLOB))
    with pytest.raises(DamagedObject, match=f"the tree {raw.id} has an entry named"):
        parse_tree(raw)


@pytest.mark.parametrize(
    "data",
    [
        b"100644 a",
        b"100644 a\0" + b"1" * 19,
        b"100644 \0" + b"1" * 20,
        b"100648 a\0" + b"1" * 20,
        b"x100644 a\0" + b"1" * 20,
        b"100644 a\0" + b"1" * 21,
        b"100644 a\0" + b"1" * 20 + b"\n",
    ],
)
def test_a_malformed_tree_is_damaged(data: bytes) -> None:
    raw = make_object("tree", data)
    with pytest.raises(DamagedObject, match=f"the tree {raw.id} is malformed"):
        parse_tree(raw)


def test_a_tree_with_a_name_twice_is_damaged() -> None:
    one = b"100644 a\0" + bytes.fromhex(BLOB)
    two = b"40000 a\0" + bytes.fromhex(TREE)
    with pytest.raises(DamagedObject, match="names an entry twice"):
        parse_tree(make_object("tree", one + two))


def test_one_entry_is_found_by_its_name() -> None:
    entries = [entry("a"), entry("b", MODE_TREE), entry("\udcff")]
    raw = make_object("tree", encode_tree(entries))
    assert [find_entry(raw, found.name) for found in entries] == entries
    assert find_entry(raw, "c") is None


def test_one_entry_is_not_looked_for_in_a_malformed_tree() -> None:
    one = b"100644 a\0" + bytes.fromhex(BLOB)
    with pytest.raises(DamagedObject, match="is malformed"):
        find_entry(make_object("tree", one + b"100644 b"), "a")
    with pytest.raises(DamagedObject, match="names an entry twice"):
        find_entry(make_object("tree", one + one), "a")
    with pytest.raises(StoreError, match="is a blob, not a tree"):
        find_entry(make_object("blob", b"hello\n"), "a")


def test_another_object_is_no_tree() -> None:
    with pytest.raises(StoreError, match=f"object {BLOB} is a blob, not a tree"):
        parse_tree(make_object("blob", b"hello\n"))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_tree_or_damaged(data: bytes) -> None:
    try:
        entries = parse_tree(make_object("tree", data))
    except DamagedObject:
        return
    assert len(encode_tree(entries)) <= len(data)


# --- changing a few entries -----------------------------------------------------------------

MODES = st.sampled_from([MODE_FILE, MODE_EXECUTABLE, MODE_LINK, MODE_GITLINK, MODE_TREE])
NAMES = st.text("abAB.-0/é", min_size=1, max_size=4).filter(lambda n: "/" not in n and n.strip("."))
ENTRIES = st.dictionaries(NAMES, MODES).map(
    lambda modes: {name: entry(name, mode) for name, mode in modes.items()}
)


@given(before=ENTRIES, put=ENTRIES, removed=st.sets(NAMES), hash_length=st.sampled_from([40, 64]))
def test_replacing_entries_writes_what_writing_all_of_them_does(
    before: dict[str, TreeEntry],
    put: dict[str, TreeEntry],
    removed: set[str],
    hash_length: int,
) -> None:
    object_id = ObjectId((BLOB * 2)[:hash_length])
    before, put = (_with_ids(entries, object_id) for entries in (before, put))
    raw = make_object("tree", encode_tree(before.values()), hash_length=hash_length)
    changes: Mapping[str, TreeEntry | None] = {**dict.fromkeys(removed), **put}
    after = {name: found for name, found in {**before, **changes}.items() if found is not None}
    assert replace_entries(raw, changes) == encode_tree(after.values())


def _with_ids(entries: dict[str, TreeEntry], object_id: ObjectId) -> dict[str, TreeEntry]:
    return {name: entry(name, found.mode, object_id) for name, found in entries.items()}


def test_what_stays_in_a_tree_is_brought_into_the_order_and_the_modes_of_git() -> None:
    digest = bytes.fromhex(BLOB)
    raw = make_object("tree", b"100664 b\0" + digest + b"040000 a\0" + digest)
    changed = replace_entries(raw, {"a.b": entry("a.b")})
    assert changed == encode_tree([entry("a", MODE_TREE), entry("b"), entry("a.b")])


@pytest.mark.parametrize("name", [".", "..", ".git", ".GiT", "a/b"])
def test_entries_are_not_put_beside_a_dangerous_name(name: str) -> None:
    one = b"100644 %s\0" % name.encode() + bytes.fromhex(BLOB)
    raw = make_object("tree", one)
    with pytest.raises(DamagedObject, match="has an entry named"):
        replace_entries(raw, {"a": entry("a")})
    with pytest.raises(DamagedObject, match="has an entry named"):
        find_entries(raw, ["a"])


@pytest.mark.parametrize("end", [b"100644 b", b"100644 a\0" + b"1" * 20])
def test_entries_are_not_put_into_a_damaged_tree(end: bytes) -> None:
    raw = make_object("tree", b"100644 a\0" + b"2" * 20 + end)
    with pytest.raises(DamagedObject):
        replace_entries(raw, {"c": entry("c")})


@pytest.mark.parametrize("changed", [entry(".git"), entry("a/b"), entry("a", 0o100600)])
def test_what_cannot_stand_in_a_tree_is_not_put_there(changed: TreeEntry) -> None:
    with pytest.raises(InvalidInput):
        replace_entries(make_object("tree", b""), {changed.name: changed})


def test_several_entries_are_found_at_once() -> None:
    raw = make_object("tree", encode_tree([entry("a"), entry("b", MODE_TREE)]))
    assert find_entries(raw, ["b", "c"]) == {"b": entry("b", MODE_TREE)}
