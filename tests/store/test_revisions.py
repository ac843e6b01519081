"""Revisions as users type them."""

from __future__ import annotations

from itertools import count

import pytest

from gitexp.errors import InvalidInput, MissingObject, NotFound
from gitexp.ids import ObjectId
from gitexp.store.memory import MemoryStore
from gitexp.store.model import RefUpdate
from gitexp.store.objects import make_object
from gitexp.store.revisions import resolve_revision
from gitexp.store.transaction import transact
from tests.builders import commit_files, history, set_branch

HINT = (
    "Name a commit by its id or at least 4 digits of it, or by a branch, a tag or HEAD, "
    "with ~2 or ^ behind it for what came before; `git log --oneline --all` lists commits."
)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def made(store: MemoryStore) -> dict[str, ObjectId]:
    return history(store, "a b c:a d:b,c e")


def set_ref(store: MemoryStore, ref: str, new: ObjectId) -> None:
    with store.exclusive():
        store.apply([], [RefUpdate(ref=ref, old=store.ref(ref), new=new)])


def add_tag(store: MemoryStore, target: ObjectId, kind: str = "commit") -> ObjectId:
    data = f"object {target}\ntype {kind}\ntag v1\n\nm\n".encode()
    return transact(store, lambda tx: tx.add("tag", data))


@pytest.mark.parametrize(
    "text, name",
    [
        ("main", "e"),
        ("refs/heads/main", "e"),
        ("heads/main", "e"),
        ("HEAD", "e"),
        ("@", "e"),
        ("main~", "d"),
        ("main~1", "d"),
        ("main~2", "b"),
        ("main^^", "b"),
        ("main^^2", "c"),
        ("main~1^2~1", "a"),
        ("main~0", "e"),
        ("main^0", "e"),
        ("main^{commit}", "e"),
        ("main^{}", "e"),
        ("main~^{commit}^2", "c"),
        ("@~3", "a"),
    ],
)
def test_a_revision_names_a_commit(
    store: MemoryStore, made: dict[str, ObjectId], text: str, name: str
) -> None:
    assert resolve_revision(store, text) == made[name]


def test_an_id_and_the_beginning_of_one_name_a_commit(
    store: MemoryStore, made: dict[str, ObjectId]
) -> None:
    commit = made["b"]
    for text in (commit, commit[:12], commit[:12].upper(), f"{commit[:12]}^0"):
        assert resolve_revision(store, text) == commit


def test_a_beginning_that_only_one_commit_has_is_unique_among_other_objects(
    store: MemoryStore, made: dict[str, ObjectId]
) -> None:
    prefix = made["b"][:4]

    contents = (b"%d" % number for number in count())
    data = next(d for d in contents if make_object("blob", d).id.startswith(prefix))
    blob = transact(store, lambda tx: tx.blob(data))
    assert store.find_prefix(prefix) == sorted([made["b"], blob])
    assert resolve_revision(store, prefix) == made["b"]


def test_an_ambiguous_beginning_lists_the_candidates(store: MemoryStore) -> None:
    seen: dict[str, ObjectId] = {}
    number, commit = 0, commit_files(store, {"n": b"0"})
    while commit[:4] not in seen:
        seen[commit[:4]] = commit
        number += 1
        commit = commit_files(store, {"n": b"%d" % number}, at=number)
    first, second = sorted([commit, seen[commit[:4]]])
    with pytest.raises(InvalidInput) as caught:
        resolve_revision(store, commit[:4])
    assert str(caught.value) == (
        f"'{commit[:4]}' is ambiguous: the ids of 2 commits begin with {commit[:4]}"
    )
    assert caught.value.hint == f"Type more digits of one of {first}, {second}."


def test_names_are_looked_up_in_the_order_of_git(
    store: MemoryStore, made: dict[str, ObjectId]
) -> None:
    lookups = [
        ("refs/remotes/x/HEAD", "a"),
        ("refs/heads/x", "c"),
        ("refs/tags/x", "d"),
        ("refs/x", "e"),
    ]
    for ref, name in lookups:
        set_ref(store, ref, made[name])
        assert resolve_revision(store, "x") == made[name]


def test_a_remote_and_its_branches_are_names(store: MemoryStore, made: dict[str, ObjectId]) -> None:
    set_ref(store, "refs/remotes/origin/main", made["c"])
    store.symbolic["refs/remotes/origin/HEAD"] = "refs/remotes/origin/main"
    assert resolve_revision(store, "origin/main") == made["c"]
    assert resolve_revision(store, "origin") == made["c"]
    assert resolve_revision(store, "origin~1") == made["a"]


def test_a_branch_named_like_an_id_wins_over_a_prefix_and_loses_to_a_full_id(
    store: MemoryStore, made: dict[str, ObjectId]
) -> None:
    set_branch(store, made["b"][:7], made["c"])
    set_branch(store, made["b"], made["c"])
    assert resolve_revision(store, made["b"][:7]) == made["c"]
    assert resolve_revision(store, made["b"]) == made["b"]


def test_annotated_tags_lead_to_their_commit(store: MemoryStore, made: dict[str, ObjectId]) -> None:
    tag = add_tag(store, add_tag(store, made["d"]), "tag")
    set_ref(store, "refs/tags/v1", tag)
    assert resolve_revision(store, "v1") == made["d"]
    assert resolve_revision(store, "v1^{commit}~1") == made["b"]
    assert resolve_revision(store, tag) == made["d"]


def test_a_detached_head_is_a_commit(store: MemoryStore, made: dict[str, ObjectId]) -> None:
    store.detach_head(made["c"])
    assert resolve_revision(store, "HEAD") == made["c"]
    assert resolve_revision(store, "@^") == made["a"]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("nothing", "nothing has that name"),
        ("abc", "nothing has that name"),
        ("0000", "nothing has that name"),
        ("main:file", "nothing has that name"),
        ("main@{1}", "nothing has that name"),
        (":/message", "nothing has that name"),
        ("../main", "nothing has that name"),
        ("refs/heads/../heads/main", "nothing has that name"),
        ("a..b", "nothing has that name"),
        ("\x1b[31m", "nothing has that name"),
        ("main^{tree}", "'^{tree}' cannot follow a name"),
        ("main^-", "'-' cannot follow a name"),
        ("main~1x", "'x' cannot follow a name"),
        ("main^{/fix}", "'^{/fix}' cannot follow a name"),
    ],
)
def test_anything_else_is_not_found(
    store: MemoryStore, made: dict[str, ObjectId], text: str, reason: str
) -> None:
    with pytest.raises(NotFound) as caught:
        resolve_revision(store, text)
    assert str(caught.value) == f"there is no commit {text!r} in this repository: {reason}"
    assert caught.value.hint == HINT


@pytest.mark.parametrize("text, parents", [("main~4", 0), ("main^2", 1), ("main~1^3", 2)])
def test_a_step_beyond_history_is_not_found(
    store: MemoryStore, made: dict[str, ObjectId], text: str, parents: int
) -> None:
    with pytest.raises(NotFound, match=f"has {parents} parents"):
        resolve_revision(store, text)


@pytest.mark.parametrize("text", ["", "-x", "--help", "-", "a" * 2000])
def test_text_that_cannot_be_a_revision_is_refused(store: MemoryStore, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_revision(store, text)
    assert str(caught.value) == f"{text[:80]!r} cannot be a revision"


def test_an_id_that_is_not_here_is_not_found(store: MemoryStore) -> None:
    with pytest.raises(NotFound) as caught:
        resolve_revision(store, "12" * 20)
    assert str(caught.value) == f"there is no commit {'12' * 20} in this repository"
    assert caught.value.hint == "Run `gitexp fetch` if somebody else made it."


def test_an_object_of_another_kind_is_not_found(
    store: MemoryStore, made: dict[str, ObjectId]
) -> None:
    blob = transact(store, lambda tx: tx.blob(b"1"))
    with pytest.raises(NotFound, match="in this repository: it names a blob"):
        resolve_revision(store, blob)
    with pytest.raises(NotFound, match="in this repository: it names no commit"):
        resolve_revision(store, blob[:10])


def test_head_without_a_commit_is_not_found(store: MemoryStore) -> None:
    with pytest.raises(NotFound, match="there is no commit 'HEAD' in this repository"):
        resolve_revision(store, "HEAD")


def test_a_step_beyond_a_shallow_clone_says_what_to_do() -> None:
    store = MemoryStore(shallow=True)
    made = history(store, "a b c")
    del store.objects[made["a"]]
    assert resolve_revision(store, "main~1") == made["b"]
    for text in ("main~2", "main~3"):
        with pytest.raises(MissingObject, match="this clone is shallow") as caught:
            resolve_revision(store, text)
        assert caught.value.hint is not None
        assert "git fetch --unshallow" in caught.value.hint
