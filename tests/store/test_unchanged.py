"""Whether a working tree is still as it was, by the times of its files."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gitexp.store import unchanged
from gitexp.store.unchanged import Sight, now, sight_of

LATER = 10**18
"""Added to the present, it makes everything old enough to be relied upon."""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree with a file, a directory with a file, an ignored one and an empty one."""
    top = tmp_path / "top"
    for path in ("a", "lib/b", "out/c", ".git/HEAD"):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("1")
    (top / "empty/inner").mkdir(parents=True)
    return top


def see(top: Path, more: Sequence[str] = ()) -> Sight:
    """Look until what is seen can be relied upon."""
    while True:
        found = sight_of(str(top), skipped={"out"}, more=more, since=now())
        assert found is not None
        if found.holds():
            return found


@pytest.mark.parametrize(
    "change",
    [
        lambda top: (top / "a").write_text("22"),
        lambda top: (top / "a").unlink(),
        lambda top: (top / "a").chmod(0o755),
        lambda top: (top / "lib/b").rename(top / "lib/c"),
        lambda top: (top / "new").touch(),
        lambda top: (top / "lib/new").touch(),
        lambda top: (top / "empty/inner/new").touch(),
        lambda top: shutil.rmtree(top / "empty"),
        lambda top: (top / "link").symlink_to("a"),
    ],
)
def test_a_change_is_noticed(top: Path, change: Callable[[Path], object]) -> None:
    sight = see(top)
    assert sight.holds()
    change(top)
    assert not sight.holds()


@pytest.mark.parametrize("path", ["out/c", "out/new", ".git/index"])
def test_what_does_not_matter_may_change(top: Path, path: str) -> None:
    sight = see(top)
    (top / path).write_text("2")
    assert sight.holds()


def test_further_files_matter_whether_they_are_there_or_not(top: Path) -> None:
    more = [str(top / ".git/index"), str(top / ".git/HEAD")]
    sight = see(top, more)
    assert sight.holds()
    (top / ".git/index").touch()
    assert not sight.holds()


def test_what_changed_just_now_is_not_relied_upon(top: Path) -> None:
    sight = sight_of(str(top), skipped=(), since=now() - LATER)
    assert sight is not None
    assert not sight.holds()


def test_a_file_system_of_whole_seconds_is_trusted_later(top: Path) -> None:
    path = top / "a"
    os.utime(path, (2**32, 2**32))
    second = 10**9
    changed = 2**32 * second
    for later, trusted in ((1, False), (3, True)):
        sight = sight_of(str(top), skipped=(), since=changed + later * second)
        assert sight is not None
        assert sight.holds() is trusted


def test_a_repository_in_the_repository_is_not_seen_into(top: Path) -> None:
    (top / "lib/.git").write_text("gitdir: elsewhere\n")
    assert sight_of(str(top), skipped=(), since=now() + LATER) is None
    assert sight_of(str(top), skipped={"lib"}, since=now() + LATER) is not None


def test_too_many_paths_are_not_looked_at(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MOST_PATHS", 3)
    assert sight_of(str(top), skipped=(), since=now() + LATER) is None


def test_random_changes_are_all_noticed(top: Path) -> None:
    chance = random.Random(7)
    paths = [top / name for name in ("a", "lib/b", "lib/d", "empty/e", "f")]
    sight, before = see(top), _contents(top)
    for number in range(60):
        path = chance.choice(paths)
        if path.exists() and chance.random() < 0.4:
            path.unlink()
        else:
            path.write_text(str(number))
        assert not sight.holds() or _contents(top) == before
        sight, before = see(top), _contents(top)
        assert sight.holds()


def _contents(top: Path) -> dict[str, str]:
    files = (path for path in top.rglob("*") if path.is_file())
    return {str(path): path.read_text() for path in files}
