"""The history of one file, by the commits that change it."""

from __future__ import annotations

import pytest

from gitexp.ids import Name, ObjectId
from gitexp.project.file_history import file_history, folded
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.protocol import Remote
from tests.builders import Files, history


def workspace_on(store: MemoryStore) -> Workspace:
    def none(name: str) -> Remote:
        raise AssertionError(name)

    return Workspace(store=store, project_id=Name("bot"), open_remote=none)


def found(line: str, files: dict[str, Files], *, paths: tuple[str, ...] = ("p",)) -> list[str]:
    """Return the names of the commits that changed a file."""
    store = MemoryStore()
    commits = history(store, line, files=files)
    names = {commit: name for name, commit in commits.items()}
    tip = commits[line.split()[-1].split(":")[0].split("@")[0]]
    known = file_history(workspace_on(store), tip, paths)
    return [names[change.commit] for change in known.changes]


def test_a_commit_that_leaves_the_file_alone_is_none_of_its_changes() -> None:
    files: dict[str, Files] = {"b": {"p": b"1"}, "d": {"p": b"2"}}
    assert found("a b c d e", files) == ["b", "d"]


def test_a_file_that_comes_back_has_changed_again() -> None:
    files: dict[str, Files] = {"a": {"p": b"1"}, "b": {"p": None}, "c": {"p": b"1"}}
    assert found("a b c", files) == ["a", "c"]


def test_clocks_that_ran_wrong_change_nothing() -> None:
    files: dict[str, Files] = {"a": {"p": b"1"}, "b": {"p": b"2"}, "c": {"p": b"3"}}
    assert found("a@900 b@500 c@1", files) == ["a", "b", "c"]


def test_a_merge_that_takes_one_side_is_no_change_and_its_lines_follow_each_other() -> None:
    files: dict[str, Files] = {
        "a": {"p": b"1"},
        "b": {"p": b"2"},
        "c": {"other": b"x"},
        "m": {"p": b"2", "other": b"x"},
    }
    assert found("a b c:a m:b,c", files) == ["a", "b"]


def test_a_merge_that_holds_something_new_is_a_change() -> None:
    files: dict[str, Files] = {
        "a": {"p": b"1"},
        "b": {"p": b"2"},
        "c": {"p": b"3"},
        "m": {"p": b"4"},
    }
    assert found("a b c:a m:b,c", files) == ["a", "b", "c", "m"]


def test_a_file_is_followed_to_where_it_was_before() -> None:
    files: dict[str, Files] = {
        "a": {"old": b"1"},
        "b": {"old": b"2"},
        "c": {"old": None, "p": b"2"},
        "d": {"p": b"3"},
    }
    assert found("a b c d", files, paths=("p", "old")) == ["a", "b", "d"]


@pytest.mark.parametrize("seen", [(), ("b",), ("b", "m"), ("c",), ("m", "b")])
def test_what_was_found_before_does_not_change_the_answer(seen: tuple[str, ...]) -> None:
    store = MemoryStore()
    files: dict[str, Files] = {
        "a": {"p": b"1"},
        "b": {"p": b"2"},
        "c": {"p": b"3"},
        "m": {"p": b"2"},
        "e": {"p": b"5"},
    }
    commits = history(store, "a b c:a m:b,c e", files=files)
    fresh = file_history(workspace_on(store), commits["e"], ["p"])
    workspace = workspace_on(store)
    for name in seen:
        file_history(workspace, commits[name], ["p"])
    assert file_history(workspace, commits["e"], ["p"]) == fresh
    assert [change.commit for change in fresh.changes] == [commits[n] for n in "abce"]


def test_the_same_content_on_parallel_lines_is_one_change_with_aliases() -> None:
    store = MemoryStore()
    files: dict[str, Files] = {
        "a": {"p": b"1"},
        "b": {"p": b"2"},
        "c": {"p": b"2"},
        "m": {"p": b"2"},
        "e": {"p": b"1"},
    }
    commits = history(store, "a b c:a m:b,c e", files=files)
    known = file_history(workspace_on(store), commits["e"], ["p"])
    kept = folded(store, known)
    assert [change.commit for change in kept] == [commits[name] for name in "abe"]
    assert kept[1].aliases == (commits["c"],)


def test_a_history_may_end_where_the_file_is_absent() -> None:
    store = MemoryStore()
    files: dict[str, Files] = {
        "a": {"p": b"1"},
        "b": {"p": None},
        "d": {"p": b"2"},
        "e": {"p": b"3"},
    }
    commits = history(store, "a b c d e", files=files)
    known = file_history(workspace_on(store), commits["e"], ["p"], until_absent=True)
    assert [change.commit for change in known.changes] == [commits["d"], commits["e"]]


class Shallow(MemoryStore):
    """A clone whose history is cut off above one commit."""

    def __init__(self, whole: MemoryStore, missing: ObjectId) -> None:
        super().__init__()
        self.__dict__.update(whole.__dict__)
        self.missing = missing

    def read(self, object_id, *, limit=None):  # type: ignore[no-untyped-def]
        from gitexp.errors import MissingObject

        if object_id == self.missing:
            raise MissingObject("not here")
        return super().read(object_id, limit=limit)

    def is_shallow(self) -> bool:
        return True


def test_a_shallow_clone_says_that_older_changes_may_be_missing() -> None:
    store = MemoryStore()
    commits = history(store, "a b c", files={"a": {"p": b"1"}, "c": {"p": b"2"}})
    known = file_history(workspace_on(Shallow(store, commits["a"])), commits["c"], ["p"])
    assert known.cut
    assert [change.commit for change in known.changes] == [commits["c"]]
