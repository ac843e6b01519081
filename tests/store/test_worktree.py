"""The parts that working trees are made of: the index, attributes, sparse patterns and globs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import StoreError
from gitexp.ids import ObjectId
from gitexp.store.attributes import Attributes
from gitexp.store.gitconfig import GitConfig, Place
from gitexp.store.gitindex import FileStat, Index, new_entry
from gitexp.store.sparse import SparseCheckout
from gitexp.store.wildmatch import compile_glob

ID = ObjectId("a" * 40)


def config(git_dir: Path, text: str = "") -> GitConfig:
    git_dir.mkdir(exist_ok=True)
    (git_dir / "config").write_text(text)
    environ = {"HOME": str(git_dir), "GIT_CONFIG_NOSYSTEM": "1"}
    return GitConfig(Place(str(git_dir), str(git_dir), lambda: None), environ)


def file_stat(number: int = 1, *, mtime: int = 1) -> FileStat:
    return FileStat(1, 2, mtime, 0, 5, number, 0o100644, 8, 9, 10)


PATHS = st.lists(
    st.binary(min_size=1, max_size=40).filter(lambda b: b"\0" not in b), unique=True, max_size=30
)


@given(PATHS, st.booleans())
def test_an_index_is_read_as_it_was_written(paths: list[bytes], skips: bool) -> None:
    index = Index(hash_length=40)
    for number, path in enumerate(paths):
        index.put(path, new_entry(file_stat(number), ID, skips_worktree=skips and number % 2 == 0))
    data = index.encode()
    again = Index.parse(data, hash_length=40, path="index")
    assert sorted(path for path, _ in again.entries) == sorted(paths)
    assert all(again.staged(p).stat == index.staged(p).stat for p in paths)  # type: ignore[union-attr]
    assert again.encode() == data


@pytest.mark.parametrize("length", [0, 11, 12, 31, 40, 70])
def test_an_index_that_is_cut_short_is_refused(length: int) -> None:
    index = Index(hash_length=40)
    index.put(b"path", new_entry(file_stat(), ID))
    with pytest.raises(StoreError, match=r"the index the/index is damaged"):
        Index.parse(index.encode()[:length], hash_length=40, path="the/index")


@given(st.integers(0, 200), st.integers(0, 7))
def test_a_flipped_bit_in_an_index_is_noticed(position: int, bit: int) -> None:
    index = Index(hash_length=40)
    for name in (b"a", b"b/c"):
        index.put(name, new_entry(file_stat(), ID))
    data = bytearray(index.encode())
    data[position % len(data)] ^= 1 << bit
    with pytest.raises(StoreError, match=r"is damaged|is not supported"):
        Index.parse(bytes(data), hash_length=40, path="index")


def test_entries_as_young_as_the_index_are_read_again_by_git() -> None:
    index = Index(hash_length=40)
    index.put(b"old", new_entry(file_stat(mtime=99), ID))
    index.put(b"young", new_entry(file_stat(mtime=100), ID))
    index.distrust(100 * 10**9)
    sizes = {path: entry.stat.size for (path, _), entry in index.entries.items()}
    assert sizes == {b"old": 10, b"young": 0}


@pytest.mark.parametrize(
    "glob, matching, others",
    [
        ("*.txt", ["a.txt", ".txt"], ["a/b.txt", "a.txt.x"]),
        ("a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]),
        ("a/**/c", ["a/c", "a/b/c", "a/b/b/c"], ["a/bc", "ac"]),
        ("**/c", ["c", "a/c", "a/b/c"], ["bc"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("[a-c]?", ["ax", "c1"], ["dx", "a/", "a"]),
        ("[!a]", ["b", "]"], ["a", "/"]),
        ("[]x]", ["]", "x"], ["a"]),
        ("a\\*b", ["a*b"], ["axb"]),
        ("[", ["["], ["a"]),
        ("a.b+c(d)", ["a.b+c(d)"], ["aXb+c(d)"]),
    ],
)
def test_globs_match_as_those_of_git(glob: str, matching: list[str], others: list[str]) -> None:
    pattern = compile_glob(glob)
    assert [text for text in matching if not pattern.fullmatch(text)] == []
    assert [text for text in others if pattern.fullmatch(text)] == []


@given(st.text(alphabet="ab*?[]!-\\/^", max_size=12), st.text(alphabet="ab/-]", max_size=8))
def test_no_glob_crashes(glob: str, text: str) -> None:
    compile_glob(glob).fullmatch(text)


def test_cone_patterns_include_and_leave_out_directories(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "info/sparse-checkout").write_text("/*\n!/*/\n/a/\n!/a/*/\n/a/b/\n")
    sparse = SparseCheckout(str(tmp_path), config(tmp_path, "[core]\nsparseCheckout = true\n"))
    inside = ["top.txt", "a/x", "a/b/y", "a/b/c/z"]
    outside = ["q/x", "a/c/x", "a/c/d/e"]
    assert [path for path in inside if sparse.leaves_out(path)] == []
    assert [path for path in outside if not sparse.leaves_out(path)] == []


def test_without_sparse_checkout_nothing_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "info/sparse-checkout").write_text("!/*\n")
    assert not SparseCheckout(str(tmp_path), config(tmp_path)).leaves_out("a")


@pytest.mark.parametrize(
    "settings, attributes, blob, written",
    [
        ("", "", b"a\n", b"a\n"),
        ("autocrlf = true", "", b"a\n", b"a\r\n"),
        ("autocrlf = true", "", b"a\r\nb\n", b"a\r\nb\n"),
        ("autocrlf = true", "", b"\0\n", b"\0\n"),
        ("autocrlf = true", "* -text", b"a\n", b"a\n"),
        ("autocrlf = true", "* binary", b"a\n", b"a\n"),
        ("autocrlf = true", "* eol=lf", b"a\n", b"a\n"),
        ("autocrlf = input", "", b"a\n", b"a\n"),
        ("eol = crlf", "* text", b"a\n", b"a\r\n"),
        ("eol = crlf", "", b"a\n", b"a\n"),
        ("", "*.txt text eol=crlf", b"a\n", b"a\r\n"),
        ("", "# * eol=crlf\n*.md eol=crlf", b"a\n", b"a\n"),
        ("", "* eol=crlf\nd/x.txt !eol !text", b"a\n", b"a\n"),
    ],
)
def test_line_endings_are_converted_and_back(
    tmp_path: Path, settings: str, attributes: str, blob: bytes, written: bytes
) -> None:
    (tmp_path / ".gitattributes").write_text(attributes)
    found = config(tmp_path / ".git", f"[core]\n{settings}\n")
    conversion = Attributes(str(tmp_path), str(tmp_path / ".git"), found).conversion("d/x.txt")
    assert conversion.to_worktree(blob) == written
    assert written == blob or conversion.to_blob(written) == blob


@pytest.mark.parametrize(
    "attributes, foreign",
    [
        ("* filter=lfs", None),
        ("* -filter", None),
        ("* filter=crypt", "filter=crypt"),
        ("* working-tree-encoding=UTF-16", "working-tree-encoding"),
        ("* ident", "ident"),
    ],
)
def test_what_only_git_can_convert_is_named(
    tmp_path: Path, attributes: str, foreign: str | None
) -> None:
    (tmp_path / ".gitattributes").write_text(attributes)
    found = Attributes(str(tmp_path), str(tmp_path / ".git"), config(tmp_path / ".git"))
    assert found.conversion("x").foreign == foreign
