"""Reading reflogs."""

from __future__ import annotations

from pathlib import Path

from gitexp.store.disk import DiskStore
from gitexp.store.memory import MemoryStore
from gitexp.store.ref_moves import moves_of
from tests.real_git import Git

ONE, TWO = "1" * 40, "2" * 40
NONE = "0" * 40
WHO = "Ada Example <ada@example.org> 1767323045 +0100"


def store_with(directory: Path, text: str) -> DiskStore:
    Git(directory)("init", "--quiet")
    log = directory / ".git" / "logs" / "refs" / "heads" / "main"
    log.parent.mkdir(parents=True)
    log.write_text(text, encoding="utf-8")
    return DiskStore.discover(directory)


def test_each_line_is_a_move(tmp_path: Path) -> None:
    text = f"{NONE} {ONE} {WHO}\tbranch: made\n{ONE} {TWO} {WHO}\n{TWO} {NONE} {WHO}\tgone\n"
    moves = moves_of(store_with(tmp_path, text), "refs/heads/main")
    assert [(move.old, move.new, move.message) for move in moves] == [
        (None, ONE, "branch: made"),
        (ONE, TWO, ""),
        (TWO, None, "gone"),
    ]
    assert moves[0].by == "Ada Example <ada@example.org>"
    assert moves[0].at.isoformat() == "2026-01-02T03:04:05+00:00"


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    text = f"{NONE} {ONE} {WHO}\tfirst\nrubbish\n\n{ONE} {TWO} nobody\n{ONE} {TWO}"
    moves = moves_of(store_with(tmp_path, text), "refs/heads/main")
    assert [move.message for move in moves] == ["first"]


def test_what_was_not_kept_is_nothing(tmp_path: Path) -> None:
    assert moves_of(store_with(tmp_path, ""), "refs/heads/other") == []
    assert moves_of(MemoryStore(), "refs/heads/main") == []
