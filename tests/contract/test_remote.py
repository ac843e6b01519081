"""What holds for every remote: in memory, through git and through dulwich, by every transport."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitexp.errors import (
    Conflict,
    InvalidInput,
    MissingObject,
    NotFound,
    PushRejected,
    RemoteUnavailable,
)
from gitexp.ids import ObjectId
from gitexp.store.model import PushUpdate
from gitexp.store.refnames import ref_name_fault
from tests.builders import commit_files, history, set_branch
from tests.contract.remotes_conftest import (
    EVERYDAY,
    REFSPEC,
    SERVERS,
    GitPlace,
    Person,
    Place,
    Servers,
    git,
    shared_place,
)

KINDS = [*EVERYDAY, *(pytest.param(kind, marks=pytest.mark.interop) for kind in SERVERS)]
X, Y = "refs/heads/x", "refs/heads/y"
ABSENT = ObjectId("1" * 40)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as running:
        keys = tmp_path_factory.mktemp("keys")
        yield Servers(tmp_path_factory.getbasetemp(), keys, running)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, servers: Servers) -> Place:
    return shared_place(request.param, tmp_path, servers)


@pytest.fixture
def ada(place: Place) -> Person:
    return place.person("ada")


@pytest.fixture
def line(ada: Person) -> dict[str, ObjectId]:
    """Three commits in a row, a, b, c, and s beside c."""
    return history(ada.store, "a b c s:b", branch="main")


def create(person: Person, **refs: ObjectId) -> None:
    """Push new branches, named by their last part."""
    person.remote.push(
        [PushUpdate(ref=f"refs/heads/{name}", old=None, new=id) for name, id in refs.items()]
    )


def move(ref: str, old: ObjectId | None, new: ObjectId | None) -> PushUpdate:
    return PushUpdate(ref=ref, old=old, new=new)


# Pushing.


def test_a_branch_is_created_moved_and_deleted(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    ada.remote.push([move(X, None, line["a"])])
    assert place.refs() == {X: line["a"]}
    ada.remote.push([move(X, line["a"], line["c"])])
    assert place.refs() == {X: line["c"]}
    ada.remote.push([move(X, line["c"], None)])
    assert place.refs() == {}


def test_an_empty_push_does_nothing(place: Place, ada: Person) -> None:
    ada.remote.push([])
    assert place.refs() == {}


def test_a_stale_old_value_is_refused_and_says_what_is_there(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["b"])
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], line["c"])])
    reason = f"it is at {line['b'][:12]} there and not at {line['a'][:12]}"
    assert caught.value.refs == {X: reason}
    assert caught.value.message == f"'origin' did not take the push: {X}: {reason}"
    assert caught.value.hint is not None
    assert "gitexp fetch" in caught.value.hint
    assert place.refs() == {X: line["b"]}


def test_creating_what_is_there_already_is_refused(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, None, line["b"])])
    assert caught.value.refs == {X: f"it is there already, at {line['a'][:12]}"}
    assert place.refs() == {X: line["a"]}


def test_moving_what_is_gone_is_refused(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], line["b"])])
    assert caught.value.refs == {X: "it is not there any more"}
    assert place.refs() == {}


def test_of_two_updates_one_stale_neither_moves_and_only_the_stale_one_is_named(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"], y=line["b"])
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], line["c"]), move(Y, line["a"], line["c"])])
    assert list(caught.value.refs) == [Y]
    assert place.refs() == {X: line["a"], Y: line["b"]}


def test_a_stale_deletion_is_refused(place: Place, ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["b"])
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], None)])
    assert list(caught.value.refs) == [X]
    assert place.refs() == {X: line["b"]}


def test_what_would_lose_commits_is_refused_before_anything_is_sent(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["c"])
    place.break_down()
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["c"], line["s"]), move(Y, None, line["a"])])
    assert caught.value.refs == {X: "the new value does not descend from the old one"}


def test_an_old_value_that_is_not_here_cannot_be_an_ancestor(
    ada: Person, line: dict[str, ObjectId]
) -> None:
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, ABSENT, line["a"])])
    assert list(caught.value.refs) == [X]


def test_outside_the_branches_a_reference_may_move_anywhere(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    pin = f"refs/gitexp/pins/{line['a']}"
    ada.remote.push([move(pin, None, line["c"])])
    ada.remote.push([move(pin, line["c"], line["s"])])
    assert place.refs() == {pin: line["s"]}


def test_the_branch_of_a_change_request_may_move_anywhere_by_compare_and_swap(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    branch = "refs/heads/change/bot/20260102-aaaaaaaa"
    ada.remote.push([move(branch, None, line["c"])])
    ada.remote.push([move(branch, line["c"], line["s"]), move(X, None, line["a"])])
    assert place.refs() == {branch: line["s"], X: line["a"]}
    with pytest.raises(PushRejected):
        ada.remote.push([move(branch, line["c"], line["b"])])
    assert place.refs()[branch] == line["s"]


def test_a_new_value_that_is_not_here_is_refused(place: Place, ada: Person) -> None:
    with pytest.raises(MissingObject) as caught:
        ada.remote.push([move(X, None, ABSENT)])
    assert ABSENT in caught.value.message
    assert place.refs() == {}


def test_a_push_can_be_repeated(place: Place, ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["a"])
    updates = [move(X, line["a"], line["b"]), move(Y, None, line["b"])]
    ada.remote.push(updates)
    ada.remote.push(updates)
    assert place.refs() == {X: line["b"], Y: line["b"]}


def test_a_deletion_can_be_repeated_beside_something_new(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    ada.remote.push([move(X, line["a"], None)])
    ada.remote.push([move(X, line["a"], None), move(Y, None, line["b"])])
    assert place.refs() == {Y: line["b"]}


def test_a_refusal_of_the_server_gives_its_reason_and_nothing_moves(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"], y=line["a"])
    place.refuse(Y, "frozen for the release")
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], line["b"]), move(Y, line["a"], line["b"])])
    assert Y in caught.value.refs
    assert place.refs() == {X: line["a"], Y: line["a"]}
    if place.runs_hooks:
        assert list(caught.value.refs) == [Y]
        assert "frozen for the release" in caught.value.message


def test_a_name_that_needs_a_file_as_a_directory_is_refused(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(f"{X}/y", None, line["a"])])
    assert list(caught.value.refs) == [f"{X}/y"]
    assert place.refs() == {X: line["a"]}


def test_fifty_references_go_in_one_push(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    updates = [move(f"refs/heads/many/{n}", None, line["c"]) for n in range(50)]
    ada.remote.push(updates)
    assert len(place.refs()) == 50


@pytest.mark.parametrize(
    "name",
    ["refs/heads/ä/ß-日本", "refs/heads/a$(id);'\"&|b", "refs/heads/-rf", "refs/gitexp/pins/x.y_z"],
)
def test_unusual_names_go_there_and_back(
    place: Place, ada: Person, line: dict[str, ObjectId], name: str
) -> None:
    ada.remote.push([move(name, None, line["a"])])
    assert ada.remote.list_refs([name]) == {name: line["a"]}
    ada.remote.fetch([f"+{name}:refs/copies/x"])
    assert ada.store.ref("refs/copies/x") == line["a"]


@pytest.mark.parametrize(
    "name",
    ["--upload-pack=touch x", "refs/heads/../x", "refs/heads/a b", "refs/heads/a\n", "main", ""],
)
def test_names_that_are_none_are_refused(
    place: Place, ada: Person, line: dict[str, ObjectId], name: str
) -> None:
    assert ref_name_fault(name)
    with pytest.raises(InvalidInput):
        ada.remote.push([move(name, None, line["a"])])
    with pytest.raises(InvalidInput):
        ada.remote.fetch([f"refs/heads/x:{name or 'x'}"])
    assert place.refs() == {}


def test_what_was_pushed_is_tracked(ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["a"])
    ada.remote.push([move(X, line["a"], line["b"]), move("refs/other/z", None, line["a"])])
    assert ada.store.refs("refs/remotes/") == {"refs/remotes/origin/x": line["b"]}
    ada.remote.push([move(X, line["b"], None)])
    assert ada.store.refs("refs/remotes/") == {}


def test_what_was_refused_is_not_tracked(ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["a"])
    with pytest.raises(PushRejected):
        ada.remote.push([move(X, line["b"], line["c"])])
    assert ada.store.refs("refs/remotes/") == {"refs/remotes/origin/x": line["a"]}


# Listing.


def test_references_are_listed_by_prefix_and_sorted(ada: Person, line: dict[str, ObjectId]) -> None:
    names = ["refs/heads/b", "refs/heads/a", "refs/heads/ab/c", "refs/gitexp/pins/p"]
    ada.remote.push([move(name, None, line["a"]) for name in names])
    assert list(ada.remote.list_refs(["refs/heads/a"])) == ["refs/heads/a", "refs/heads/ab/c"]
    assert list(ada.remote.list_refs(["refs/gitexp/", "refs/heads/b"])) == [
        "refs/gitexp/pins/p",
        "refs/heads/b",
    ]
    assert ada.remote.list_refs([]) == {}


def test_an_empty_remote_lists_nothing(ada: Person) -> None:
    assert ada.remote.list_refs(["refs/"]) == {}


# Fetching.


def test_branches_come_over_new_and_updated(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    bob = place.person("bob")
    create(ada, x=line["a"])
    bob.remote.fetch([REFSPEC])
    assert bob.store.refs("refs/") == {"refs/remotes/origin/x": line["a"]}
    ada.remote.push([move(X, line["a"], line["c"]), move(Y, None, line["s"])])
    bob.remote.fetch([REFSPEC])
    assert bob.store.refs("refs/") == {
        "refs/remotes/origin/x": line["c"],
        "refs/remotes/origin/y": line["s"],
    }
    assert bob.store.read(line["b"]) == ada.store.read(line["b"])


def test_everything_of_a_commit_comes_over(place: Place, ada: Person) -> None:
    files = {"d/e/f.yaml": b"deep\n", "d/e/g.yaml": b"same\n", "top": b"same\n"}
    first = commit_files(ada.store, files)
    second = commit_files(ada.store, {"d/e/f.yaml": b"deeper\n", "d/h/i": b"", "top": None})
    create(ada, x=second)
    bob = place.person("bob")
    bob.remote.fetch([REFSPEC])
    for commit in (first, second):
        assert contents(bob, commit) == contents(ada, commit)


def contents(person: Person, commit: ObjectId) -> dict[str, bytes]:
    from gitexp.store.trees import tree_of, walk_files

    tree = tree_of(person.store, commit)
    return {path: person.store.read(e.id).data for path, e in walk_files(person.store, tree)}


def test_one_reference_comes_by_its_exact_name(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"], y=line["c"])
    bob = place.person("bob")
    bob.remote.fetch([f"{X}:refs/mine/x"])
    assert bob.store.refs("refs/") == {"refs/mine/x": line["a"]}
    assert not bob.store.has(line["c"])


def test_a_refspec_without_a_destination_brings_objects_alone(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["c"])
    bob = place.person("bob")
    bob.remote.fetch([X])
    assert bob.store.has(line["c"])
    assert bob.store.refs("refs/") == {}


def test_a_commit_comes_by_its_id(place: Place, ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["c"])
    bob = place.person("bob")
    bob.remote.fetch([f"{line['b']}:refs/found/b"])
    assert bob.store.refs("refs/") == {"refs/found/b": line["b"]}


def test_a_missing_name_is_not_found(ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["a"])
    with pytest.raises(NotFound) as caught:
        ada.remote.fetch(["refs/heads/nowhere:refs/remotes/origin/nowhere"])
    assert caught.value.message == "the reference 'refs/heads/nowhere' is not on 'origin'"


def test_a_missing_object_is_not_found(ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["a"])
    with pytest.raises(NotFound) as caught:
        ada.remote.fetch([ABSENT])
    assert caught.value.message == f"the object '{ABSENT}' is not on 'origin'"


def test_what_is_gone_there_is_pruned_within_the_refspecs_alone(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"], y=line["a"])
    bob = place.person("bob")
    bob.remote.fetch([REFSPEC, "+refs/heads/*:refs/copies/*"])
    ada.remote.push([move(X, line["a"], None)])
    bob.remote.fetch([REFSPEC])
    assert "refs/remotes/origin/x" in bob.store.refs("refs/")
    bob.remote.fetch([REFSPEC], prune=True)
    assert list(bob.store.refs("refs/")) == [
        "refs/copies/x",
        "refs/copies/y",
        "refs/remotes/origin/y",
    ]


def test_a_name_that_became_a_directory_is_fetched_with_pruning(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    bob = place.person("bob")
    bob.remote.fetch([REFSPEC])
    ada.remote.push([move(X, line["a"], None)])
    ada.remote.push([move(f"{X}/sub", None, line["a"])])
    bob.remote.fetch([REFSPEC], prune=True)
    assert list(bob.store.refs("refs/")) == ["refs/remotes/origin/x/sub"]


def test_a_local_branch_does_not_lose_commits_without_a_plus(
    ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["s"], y=line["a"])
    set_branch(ada.store, "mine", line["c"])
    with pytest.raises(Conflict) as caught:
        ada.remote.fetch([f"{X}:refs/heads/mine", f"{Y}:refs/heads/new"])
    assert "mine would lose commits when 'origin' is fetched" in caught.value.message
    assert ada.store.ref("refs/heads/mine") == line["c"]
    assert ada.store.ref("refs/heads/new") == line["a"]
    ada.remote.fetch([f"+{X}:refs/heads/mine"])
    assert ada.store.ref("refs/heads/mine") == line["s"]


def test_tags_are_left_alone(place: Place, ada: Person, line: dict[str, ObjectId]) -> None:
    ada.remote.push([move(X, None, line["a"]), move("refs/tags/v1", None, line["a"])])
    bob = place.person("bob")
    bob.remote.fetch([REFSPEC])
    assert list(bob.store.refs("refs/")) == ["refs/remotes/origin/x"]


def test_a_depth_never_cuts_the_history_that_is_here(
    ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["c"])
    ada.remote.fetch([REFSPEC], depth=1)
    assert not ada.store.is_shallow()
    assert ada.store.read(line["a"])


def test_fetching_again_changes_nothing(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["c"])
    bob = place.person("bob")
    bob.remote.fetch([REFSPEC])
    bob.remote.fetch([REFSPEC], prune=True)
    assert bob.store.refs("refs/") == {"refs/remotes/origin/x": line["c"]}


def test_work_goes_back_and_forth(place: Place, ada: Person, line: dict[str, ObjectId]) -> None:
    bob = place.person("bob")
    create(ada, x=line["c"])
    bob.remote.fetch([REFSPEC])
    set_branch(bob.store, "x", line["c"])
    new = commit_files(bob.store, {"bob": b"was here\n"}, branch="x", at=90)
    bob.remote.push([move(X, line["c"], new)])
    ada.remote.fetch([REFSPEC])
    assert ada.store.ref("refs/remotes/origin/x") == new
    with pytest.raises(PushRejected):
        ada.remote.push([move(X, line["c"], commit_files(ada.store, {"ada": b"too"}))])
    assert place.refs() == {X: new}


# When it is not there.


def test_a_remote_that_is_down_is_unavailable(
    place: Place, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    place.break_down()
    for use in (
        lambda: ada.remote.list_refs(["refs/"]),
        lambda: ada.remote.fetch([REFSPEC]),
        lambda: ada.remote.push([move(X, line["a"], line["b"])]),
    ):
        with pytest.raises(RemoteUnavailable) as caught:
            use()
        assert caught.value.message.startswith("'origin' cannot be reached: ")
        assert caught.value.hint == (
            "Check the address and the connection with `git ls-remote origin`."
        )


# What only a server with hooks can do.


hooks_run = pytest.mark.parametrize(
    "place", [kind for kind in KINDS if kind not in ("memory", "dulwich+path")], indirect=True
)


@hooks_run
def test_what_a_hook_says_is_kept_and_cannot_reach_the_terminal(
    place: GitPlace, ada: Person, line: dict[str, ObjectId]
) -> None:
    place.hook("pre-receive", r"printf 'no \033[31mred\033]0;t\007 today\n' >&2; exit 1")
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, None, line["a"])])
    assert caught.value.refs == {X: "pre-receive hook declined"}
    first, *said = caught.value.message.split("\n")
    assert first == f"'origin' did not take the push: {X}: pre-receive hook declined"
    assert len(said) == 1
    assert said[0].startswith("remote: no ")
    assert said[0].isprintable()


@hooks_run
def test_a_push_that_arrived_although_the_connection_broke_is_a_success(
    place: GitPlace, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    place.hook("reference-transaction", '[ "$1" != committed ] || kill -9 $PPID')
    ada.remote.push([move(X, line["a"], line["b"]), move(Y, None, line["b"])])
    assert place.refs() == {X: line["b"], Y: line["b"]}
    assert ada.store.refs("refs/remotes/") == {
        "refs/remotes/origin/x": line["b"],
        "refs/remotes/origin/y": line["b"],
    }


@hooks_run
def test_a_push_that_did_not_arrive_before_the_connection_broke_is_an_error(
    place: GitPlace, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"])
    place.hook("pre-receive", "kill -9 $PPID")
    with pytest.raises(RemoteUnavailable):
        ada.remote.push([move(X, line["a"], line["b"])])
    assert place.refs() == {X: line["a"]}
    assert ada.store.refs("refs/remotes/") == {"refs/remotes/origin/x": line["a"]}


@hooks_run
def test_the_server_itself_compares_the_old_values(
    place: GitPlace, ada: Person, line: dict[str, ObjectId]
) -> None:
    create(ada, x=line["a"], y=line["c"])
    # Another push wins between the moment at which ours was shown the references and its end.
    place.hook(
        "pre-receive",
        f"unset GIT_QUARANTINE_PATH; git update-ref {X} {line['c']} {line['a']}",
    )
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], line["b"]), move("refs/heads/z", None, line["a"])])
    assert caught.value.refs == {X: f"it is at {line['c'][:12]} there and not at {line['a'][:12]}"}
    assert place.refs() == {X: line["c"], Y: line["c"]}


@hooks_run
def test_a_denied_deletion_says_so(place: GitPlace, ada: Person, line: dict[str, ObjectId]) -> None:
    create(ada, x=line["a"])
    git("config", "receive.denyDeletes", "true", cwd=place.bare)
    with pytest.raises(PushRejected) as caught:
        ada.remote.push([move(X, line["a"], None)])
    assert caught.value.refs == {X: "deletion prohibited"}
    assert place.refs() == {X: line["a"]}


@hooks_run
def test_without_atomic_pushes_one_reference_goes_and_several_are_refused(
    place: GitPlace, ada: Person, line: dict[str, ObjectId]
) -> None:
    git("config", "receive.advertiseAtomic", "false", cwd=place.bare)
    create(ada, x=line["a"])
    with pytest.raises(PushRejected) as caught:
        create(ada, y=line["a"], z=line["a"])
    assert set(caught.value.refs.values()) == {
        "the server cannot change several references all or none"
    }
    assert place.refs() == {X: line["a"]}
