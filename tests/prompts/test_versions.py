"""Versions of prompts, by the commits that change their file."""

from __future__ import annotations

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.project.workspace import Workspace
from gitexp.prompts.collection import Prompts
from gitexp.prompts.versions import prompt_versions, resolve_prompt
from gitexp.store.memory import MemoryStore
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of
from tests.builders import commit_files, signature
from tests.prompts.conftest import version_of


def store_of(workspace: Workspace) -> MemoryStore:
    assert isinstance(workspace.store, MemoryStore)
    return workspace.store


def test_a_version_is_a_commit_that_changes_the_file(workspace: Workspace) -> None:
    found = prompt_versions(workspace, "reply")
    assert [version.number for version in found] == [1, 2, 3]
    assert [version.message for version in found] == [
        "reply: Be brief.",
        "reply: Be warm.",
        "reply: Be both.",
    ]
    assert len({version.version for version in found}) == 3
    assert len({version.digest for version in found}) == 3


def test_numbers_stay_when_more_is_saved(workspace: Workspace) -> None:
    before = prompt_versions(workspace, "reply")
    commit_files(store_of(workspace), {"prompts/reply.yaml": version_of("Be odd.")}, at=9)
    commit_files(store_of(workspace), {"prompts/other.yaml": b"template: a\n"}, at=10)
    after = prompt_versions(workspace, "reply")
    assert after[:3] == before
    assert after[3].number == 4


@pytest.mark.parametrize(
    ("text", "number"),
    [("latest", 3), ("latest~", 2), ("latest~2", 1), ("1", 1), ("v2", 2), ("main", 3),
     ("main~2", 2)],
)  # fmt: skip
def test_a_version_is_found(workspace: Workspace, text: str, number: int) -> None:
    assert resolve_prompt(workspace, "reply", text).number == number


def test_a_version_is_found_by_its_hash_and_by_its_digest(workspace: Workspace) -> None:
    second = prompt_versions(workspace, "reply")[1]
    assert resolve_prompt(workspace, "reply", second.version[:12]) == second
    assert second.digest is not None
    assert resolve_prompt(workspace, "reply", second.digest) == second


@pytest.mark.parametrize("text", ["4", "v99", "latest~3", "0", "abcdef12", "nothing"])
def test_what_fits_no_version_is_refused(workspace: Workspace, text: str) -> None:
    with pytest.raises(NotFound) as caught:
        resolve_prompt(workspace, "reply", text)
    assert caught.value.message == f"prompt 'reply' has no version {text!r}: it has 3"


def test_an_unknown_prompt_is_refused_with_the_one_that_may_be_meant(workspace: Workspace) -> None:
    with pytest.raises(NotFound) as caught:
        prompt_versions(workspace, "replay")
    assert caught.value.message == "no prompt 'replay' in project 'bot'"
    assert caught.value.hint == "Did you mean 'reply'?"
    with pytest.raises(NotFound, match=r"no prompt '\.\./x'"):
        prompt_versions(workspace, "../x")


def test_a_branch_and_its_squash_are_one_version(workspace: Workspace) -> None:
    store = store_of(workspace)
    text = version_of("Be quick.")

    def work(tx: Transaction) -> None:
        main = tx.ref("refs/heads/main")
        assert main is not None
        tree = tx.tree(tree_of(tx, main), {"prompts/reply.yaml": text})
        squash = tx.commit(tree=tree, parents=[main], message="squash", author=signature(20))
        branch = tx.commit(tree=tree, parents=[main], message="branch", author=signature(19))
        merge = tx.commit(
            tree=tree, parents=[squash, branch], message="merge", author=signature(21)
        )
        tx.set_ref("refs/heads/main", old=main, new=merge)

    transact(store, work)
    found = prompt_versions(workspace, "reply")
    assert [version.message for version in found][3:] == ["squash"]
    assert resolve_prompt(workspace, "reply", found[3].aliases[0]).number == 4


def test_a_version_that_is_not_valid_is_listed_with_its_problem(workspace: Workspace) -> None:
    commit_files(store_of(workspace), {"prompts/reply.yaml": b"template: '{{ x }}'\n"}, at=9)
    found = prompt_versions(workspace, "reply")[-1]
    assert found.problem == (
        'prompts/reply.yaml: template: there is no variable "x": declare it in variables'
    )
    with pytest.raises(InvalidInput, match="version 4 of prompt 'reply' is not valid: "):
        found.checked()


def test_a_prompt_that_was_removed_keeps_its_versions(workspace: Workspace) -> None:
    commit_files(store_of(workspace), {"prompts/reply.yaml": None}, at=9)
    assert len(prompt_versions(workspace, "reply")) == 3
    assert Prompts(workspace).names() == []


def test_prompts_are_listed_searched_and_rendered(workspace: Workspace) -> None:
    prompts = Prompts(workspace)
    commit_files(store_of(workspace), {"prompts/other.yaml": b"template: a\n"}, at=9)
    assert [one.name for one in prompts.list()] == ["other", "reply"]
    (line,) = prompts.list(search="CUSTOM")
    assert (line.name, line.versions, line.variables) == ("reply", 3, ("name", "how"))
    assert line.to_dict()["updated_at"] == "2026-01-02T03:04:08Z"
    assert prompts.render("reply", {"name": "Ada"}, version=1).text == (
        "Answer Ada kindly.\nBe brief.\n"
    )
    assert prompts.get("reply").model == "small"
