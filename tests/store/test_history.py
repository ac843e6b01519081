"""Ancestry, for clocks that run right and wrong, in whole and shallow clones."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.errors import MissingObject, StoreError
from gitexp.ids import ObjectId
from gitexp.store.history import (
    History,
    ahead_behind,
    commits_between,
    first_parent,
    is_ancestor,
    merge_base,
)
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RawObject
from gitexp.store.transaction import transact
from tests.builders import history

DIAMOND = "a b c:a d:b,c"
# Two merges across each other: both x1 and y1 are best common ancestors of x2 and y2.
CRISS_CROSS = "a x1:a y1:a x2:x1,y1 y2:y1,x1"


class CountingStore(MemoryStore):
    """A store that counts its reads."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.reads = 0

    def read(self, object_id: ObjectId, *, limit: int | None = None) -> RawObject:
        self.reads += 1
        return super().read(object_id, limit=limit)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def names(made: dict[str, ObjectId], commits: list[ObjectId]) -> str:
    by_id = {commit: name for name, commit in made.items()}
    return " ".join(by_id[commit] for commit in commits)


def chain(length: int, prefix: str = "n") -> str:
    return " ".join(f"{prefix}{number}" for number in range(length))


# --- merge bases and ancestors --------------------------------------------------------------


@pytest.mark.parametrize(
    "line, a, b, base",
    [
        ("a b c", "b", "c", "b"),
        ("a b c", "c", "c", "c"),
        (DIAMOND, "b", "c", "a"),
        (DIAMOND, "d", "b", "b"),
        ("a b c:a d:b,c e:c", "d", "e", "c"),
        ("a b r: s", "b", "s", None),
        (CRISS_CROSS, "x2", "y2", "y1"),
    ],
)
def test_the_merge_base_is_the_best_common_ancestor(
    store: MemoryStore, line: str, a: str, b: str, base: str | None
) -> None:
    made = history(store, line)
    expected = None if base is None else made[base]
    assert merge_base(store, made[a], made[b]) == expected
    assert merge_base(store, made[b], made[a]) == expected


def test_of_several_newest_merge_bases_the_first_id_is_taken(store: MemoryStore) -> None:
    made = history(store, "a@0 x1:a@1 y1:a@1 x2:x1,y1 y2:y1,x1")
    assert merge_base(store, made["x2"], made["y2"]) == min(made["x1"], made["y1"])


@pytest.mark.parametrize(
    "line",
    [
        "a@0 b@1 c@2 x:b@3 y:c@4",
        "a@9 b@8 c@7 x:b@6 y:c@5",
        "a@0 b@100 c@1 x:b@2 y:c@3",
        "a@0 b@1 c@100 x:b@200 y:c@2",
        "a@50 b@0 c@50 x:b@0 y:c@90",
        "a@0 b@0 c@0 x:b@0 y:c@0",
    ],
)
def test_wrong_clocks_do_not_change_the_answers(store: MemoryStore, line: str) -> None:
    made = history(store, line)
    assert merge_base(store, made["x"], made["y"]) == made["b"]
    assert ahead_behind(store, made["x"], made["y"]) == (1, 2)
    assert is_ancestor(store, made["a"], made["y"])
    assert not is_ancestor(store, made["c"], made["x"])


def test_a_common_ancestor_behind_a_clock_that_ran_late_is_no_merge_base(
    store: MemoryStore,
) -> None:
    # From old to new: p, q, f. Both sides merge q's line, and f's clock stood at zero.
    made = history(store, "p@50 q@60 f@0 c:f@100 x:c,q@110 y:c@120")
    assert merge_base(store, made["x"], made["y"]) == made["c"]
    assert ahead_behind(store, made["x"], made["y"]) == (1, 1)


def test_an_old_common_ancestor_with_a_clock_that_ran_ahead_is_no_merge_base(
    store: MemoryStore,
) -> None:
    # Both sides merge a directly, and reach it behind b, whose parent's clock stood at zero.
    made = history(store, "a@10 m:a@0 b:m@5 x:a,b@20 y:a,b@21")
    assert merge_base(store, made["x"], made["y"]) == made["b"]
    assert ahead_behind(store, made["x"], made["y"]) == (1, 1)


def test_commits_that_a_late_clock_hides_are_not_counted_as_ours(store: MemoryStore) -> None:
    # q is on both sides: of theirs it is an ancestor only behind f, whose clock stood at zero.
    made = history(store, "p@50 q@60 f@0 c:f@100 m:p@70 x:m,q,c@110 y:c@120")
    between = commits_between(store, made["x"], [made["y"]])
    assert names(made, [commit.id for commit in between]) == "x m"
    assert ahead_behind(store, made["x"], made["y"]) == (2, 1)


def test_ancestors_are_told_from_other_commits(store: MemoryStore) -> None:
    made = history(store, "a b c:a d:b,c r: s")
    reached = {
        name: "".join(other for other in made if is_ancestor(store, made[other], made[name]))
        for name in made
    }
    assert reached == {"a": "a", "b": "ab", "c": "ac", "d": "abcd", "r": "r", "s": "rs"}


def test_a_tag_stands_for_its_commit(store: MemoryStore) -> None:
    made = history(store, "a b")
    text = f"object {made['b']}\ntype commit\ntag v1\n\nm\n".encode()
    tag = transact(store, lambda tx: tx.add("tag", text))
    assert is_ancestor(store, made["a"], tag)
    assert merge_base(store, tag, made["b"]) == made["b"]
    assert ahead_behind(store, tag, made["a"]) == (1, 0)


def test_a_blob_is_no_commit(store: MemoryStore) -> None:
    made = history(store, "a")
    blob = transact(store, lambda tx: tx.blob(b"1"))
    with pytest.raises(StoreError, match=f"object {blob} is a blob, not a commit"):
        merge_base(store, made["a"], blob)


def test_recent_questions_do_not_read_old_history() -> None:
    store = CountingStore()
    made = history(store, f"{chain(300)} x y:n299 z")
    for question in (
        lambda: is_ancestor(store, made["x"], made["z"]),
        lambda: is_ancestor(store, made["n298"], made["z"]),
        lambda: merge_base(store, made["x"], made["z"]),
        lambda: ahead_behind(store, made["x"], made["z"]),
        lambda: commits_between(store, made["z"], [made["x"]]),
    ):
        store.reads = 0
        question()
        assert store.reads < 12


def test_each_commit_is_read_once_for_several_questions() -> None:
    store = CountingStore()
    made = history(store, chain(50))
    asked = History(store)
    assert asked.is_ancestor(made["n0"], made["n49"])
    store.reads = 0
    assert not asked.is_ancestor(made["n49"], made["n0"])
    assert store.reads == 2


# --- between --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, tip, exclude, expected",
    [
        ("a b c", "c", "a", "c b"),
        ("a b c", "c", "", "c b a"),
        ("a b c", "a", "c", ""),
        (DIAMOND, "d", "b", "d c"),
        (DIAMOND, "d", "a", "d c b"),
        ("a b c:a d:b,c e:c f:d,e", "f", "b e", "f d"),
        ("a@9 b@8 c@7 d@6", "d", "a", "d c b"),
        ("a@0 b@9 c:a@5 d:c,b@1", "d", "a", "d b c"),
    ],
)
def test_commits_between_come_with_children_first(
    store: MemoryStore, line: str, tip: str, exclude: str, expected: str
) -> None:
    made = history(store, line)
    found = commits_between(store, made[tip], [made[name] for name in exclude.split()])
    assert names(made, [commit.id for commit in found]) == expected
    ids = History(store).ids_between(made[tip], [made[name] for name in exclude.split()])
    assert names(made, ids) == expected


def test_ahead_and_behind_count_both_sides(store: MemoryStore) -> None:
    made = history(store, "a b c:a d:c e:b,c f:d")
    assert ahead_behind(store, made["e"], made["f"]) == (2, 2)
    assert ahead_behind(store, made["b"], made["b"]) == (0, 0)
    assert ahead_behind(store, made["b"], made["a"]) == (1, 0)


def test_unrelated_histories_count_whole(store: MemoryStore) -> None:
    made = history(store, "a b r: s t")
    assert ahead_behind(store, made["b"], made["t"]) == (2, 3)


def test_the_first_parents_are_followed(store: MemoryStore) -> None:
    made = history(store, "a b c:a d:b,c e")
    line = [commit.id for commit in first_parent(store, made["e"])]
    assert names(made, line) == "e d b a"
    line = [commit.id for commit in first_parent(store, made["e"], limit=2)]
    assert names(made, line) == "e d"
    assert list(first_parent(store, made["e"], limit=0)) == []


# --- cut history ----------------------------------------------------------------------------


def shallow_clone(line: str, lost: str) -> tuple[MemoryStore, dict[str, ObjectId]]:
    store = MemoryStore(shallow=True)
    made = history(store, line)
    for name in lost.split():
        del store.objects[made[name]]
    return store, made


def test_a_shallow_clone_says_what_to_do_instead_of_guessing() -> None:
    store, made = shallow_clone("a b c:b d:b", "a b")
    questions = (
        lambda: merge_base(store, made["c"], made["d"]),
        lambda: is_ancestor(store, made["c"], made["d"]),
        lambda: ahead_behind(store, made["c"], made["d"]),
        lambda: commits_between(store, made["c"], []),
        lambda: list(first_parent(store, made["c"])),
    )
    for question in questions:
        with pytest.raises(MissingObject) as caught:
            question()
        assert str(caught.value) == (
            f"commit {made['b']} is not here: this clone is shallow, its history is cut off"
        )
        assert caught.value.hint == (
            "Run `git fetch --unshallow` to bring the rest of the history here."
        )


def test_a_shallow_clone_answers_what_it_can() -> None:
    store, made = shallow_clone("a b c d:c", "a b")
    assert is_ancestor(store, made["c"], made["d"])
    assert [commit.id for commit in first_parent(store, made["d"], limit=2)] == [
        made["d"],
        made["c"],
    ]


def test_a_walk_that_tolerates_the_cut_tells_where_it_was() -> None:
    store, made = shallow_clone("a b c:b d:b", "a b")
    asked = History(store, tolerate_shallow=True)
    assert asked.ahead_behind(made["c"], made["d"]) == (1, 1)
    assert asked.merge_base(made["c"], made["d"]) is None
    assert asked.cut == {made["c"], made["d"]}
    line = History(store, tolerate_shallow=True)
    assert [commit.id for commit in line.first_parent(made["d"])] == [made["d"]]
    assert line.cut == {made["d"]}


def test_a_whole_history_has_no_cut(store: MemoryStore) -> None:
    made = history(store, "a b c")
    asked = History(store, tolerate_shallow=True)
    assert len(asked.commits_between(made["c"], [])) == 3
    assert asked.cut == set()


def test_a_commit_missing_from_a_whole_clone_is_never_tolerated(store: MemoryStore) -> None:
    made = history(store, "a b c")
    del store.objects[made["a"]]
    for tolerate in (True, False):
        asked = History(store, tolerate_shallow=tolerate)
        with pytest.raises(MissingObject, match=f"object {made['a']} is not in this repository"):
            asked.commits_between(made["c"], [])
