"""Reference files: packed lines, reflogs and their rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import InvalidInput, StoreError
from gitexp.ids import ObjectId
from gitexp.store.disk import DiskStore
from gitexp.store.model import RefUpdate
from gitexp.store.reflogs import Reflogs, committer_line
from gitexp.store.refs import RefFiles
from gitexp.store.refupdates import without
from tests.builders import history

A, B = ObjectId("a" * 40), ObjectId("b" * 40)
PACKED = f"""# pack-refs with: peeled fully-peeled sorted
{A} refs/heads/main
{B} refs/heads/main2
{A} refs/tags/v1
^{B}
{B} refs/tags/v2
"""


@pytest.fixture
def refs(tmp_path: Path) -> RefFiles:
    (tmp_path / "packed-refs").write_text(PACKED)
    return RefFiles(git_dir=tmp_path, common_dir=tmp_path, hash_length=40)


def test_one_line_of_many_is_found_by_its_whole_name(refs: RefFiles) -> None:
    assert refs.read("refs/heads/main") == A
    assert refs.read("refs/heads/main2") == B
    assert refs.read("refs/tags/v1") == A
    for absent in ("refs/heads/mai", "refs/heads", "heads/main", "main", "refs/tags/v"):
        assert refs.read(absent) is None


def test_a_loose_reference_hides_the_packed_one(refs: RefFiles, tmp_path: Path) -> None:
    (tmp_path / "refs/heads").mkdir(parents=True)
    (tmp_path / "refs/heads/main").write_text(f"{B}\n")
    assert refs.read("refs/heads/main") == B
    assert refs.under("refs/heads/") == {"refs/heads/main": B, "refs/heads/main2": B}


def test_the_file_of_a_reference_is_read_once(
    refs: RefFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "refs/heads").mkdir(parents=True)
    (tmp_path / "refs/heads/main").write_text(f"{B}\n")
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    opened: list[str] = []
    real = os.open

    def recorded(path: str, *rest: Any, **named: Any) -> int:
        opened.append(Path(path).relative_to(tmp_path).as_posix())
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", recorded)
    assert refs.read("HEAD") == B
    assert opened == ["HEAD", "refs/heads/main"]


def test_a_prefix_need_not_end_with_a_directory(refs: RefFiles) -> None:
    assert list(refs.under("refs/tags/v")) == ["refs/tags/v1", "refs/tags/v2"]
    assert list(refs.under("refs/heads/main2")) == ["refs/heads/main2"]
    assert len(refs.under("")) == len(refs.under("refs")) == 4
    assert refs.under("HEAD") == refs.under("refs/x/") == {}


def test_lock_files_and_drafts_are_no_references(refs: RefFiles, tmp_path: Path) -> None:
    (tmp_path / "refs/heads").mkdir(parents=True)
    (tmp_path / "refs/heads/x.lock").write_text("")
    (tmp_path / "refs/heads/.hidden").write_text("")
    assert list(refs.under("refs/heads/")) == ["refs/heads/main", "refs/heads/main2"]
    assert refs.read("refs/heads/x.lock") is None


def test_a_damaged_packed_line_is_an_error(refs: RefFiles, tmp_path: Path) -> None:
    (tmp_path / "packed-refs").write_text(
        PACKED.replace(f"{B} refs/tags/v2", f"{'z' * 40} refs/tags/v2")
    )
    with pytest.raises(StoreError, match="the reference refs/tags/v2 is damaged"):
        refs.read("refs/tags/v2")


def test_removing_packed_lines_takes_what_their_tags_name_along() -> None:
    data = PACKED.encode()
    assert (
        without(data, ["refs/tags/v1"]) == PACKED.replace(f"{A} refs/tags/v1\n^{B}\n", "").encode()
    )
    assert (
        without(data, ["refs/heads/main"]) == PACKED.replace(f"{A} refs/heads/main\n", "").encode()
    )
    assert without(data, ["refs/heads/absent", "refs/heads"]) == data


def test_a_reference_is_moved_once_in_one_step(tmp_path: Path) -> None:
    with DiskStore.init(tmp_path) as store:
        names = history(store, "a b", branch="topic")
        update = RefUpdate(ref="refs/heads/topic", old=names["b"], new=names["a"])
        with store.exclusive(), pytest.raises(InvalidInput, match="moved twice in one step"):
            store.apply((), [update, update])


@pytest.mark.parametrize(
    "policy, bare, logged",
    [
        (None, False, {"HEAD", "refs/heads/x", "refs/remotes/o/x"}),
        (None, True, set()),
        ("false", False, set()),
        ("true", True, {"HEAD", "refs/heads/x", "refs/remotes/o/x"}),
        ("always", False, {"HEAD", "refs/heads/x", "refs/remotes/o/x", "refs/gitexp/x"}),
    ],
)
def test_what_is_logged_follows_the_configuration(
    tmp_path: Path, policy: str | None, bare: bool, logged: set[str]
) -> None:
    logs = Reflogs(git_dir=str(tmp_path), common_dir=str(tmp_path), policy=policy, bare=bare)
    for name in ("HEAD", "refs/heads/x", "refs/remotes/o/x", "refs/gitexp/x"):
        logs.append(name, RefUpdate(ref=name, old=None, new=A, message="m"), who=b"A <a@b> 1 +0000")
    top = tmp_path / "logs"
    assert {p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file()} == logged


def test_a_log_that_is_there_is_continued_whatever_is_configured(tmp_path: Path) -> None:
    log = tmp_path / "logs/refs/gitexp/x"
    log.parent.mkdir(parents=True)
    log.touch()
    logs = Reflogs(git_dir=str(tmp_path), common_dir=str(tmp_path), policy="false", bare=False)
    update = RefUpdate(ref="refs/gitexp/x", old=A, new=B, message="two\nlines\tand a tab")
    logs.append("refs/gitexp/x", update, who=b"A <a@b> 1 +0000")
    assert log.read_text() == f"{A} {B} A <a@b> 1 +0000\ttwo lines and a tab\n"


def test_the_committer_of_a_commit_is_taken_as_it_stands() -> None:
    commit = (
        b"tree x\nauthor A <a@b> 1 +0000\ncommitter B C <b@c> 2 -0130\n\ncommitter no <n> 3 +0000"
    )
    assert committer_line(commit) == b"B C <b@c> 2 -0130"
    assert committer_line(b"tree x\n\ncommitter no <n> 3 +0000\n") is None
