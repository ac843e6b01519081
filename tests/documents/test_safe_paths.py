"""Paths that stay in the repository on every operating system."""

from __future__ import annotations

import pytest

from gitexp.documents.layout import safe_path
from gitexp.documents.safe_paths import path_fault
from gitexp.errors import InvalidInput


@pytest.mark.parametrize(
    "path",
    [
        *("a", "a/b.c", "datasets/faq.jsonl", ".gitignore", ".github/x", "git", "a.git", "con1"),
        *("console", "a b/ü.txt", "日本語/x", "com10", "nulls.txt", "..a", "a..b", "git~x"),
    ],
)
def test_an_ordinary_path_is_returned_as_it_is(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "it is empty"),
        ("/etc/passwd", "it is absolute"),
        ("C:/x", "it is absolute"),
        ("c:x", "it is absolute"),
        ("a\\b", "it has a backslash"),
        ("\\\\server\\x", "it has a backslash"),
        ("..", "it has the segment '..'"),
        ("a/../../b", "it has the segment '..'"),
        ("./a", "it has the segment '.'"),
        ("a//b", "it has an empty segment"),
        ("a/", "it has an empty segment"),
        ("a\x00b", "it has a character that is not printed"),
        ("a\nb", "it has a character that is not printed"),
        ("a\x1b[31m", "it has a character that is not printed"),
        ("a\u202eb", "it has a character that is not printed"),
        ("a\ud800", "it has a character that is not printed"),
        ("a\u200db", '"a\\u200db" has a character that is not printed'),
        *[
            (path, "it reaches into a .git directory")
            for path in (
                *(".git", ".git/config", "a/.GIT/hooks/x", ".gIt", "git~1", "GIT~1/config"),
                *(".git.", ".git ", ".git...", ".git::$INDEX_ALLOCATION", ".git:x", "git~2"),
                *(".g\u200cit", ".git\u200d", "\u206a.git", ".g\u0131t"),
            )
        ],
        ("a./b", '"a." ends with a dot or a space, which Windows drops'),
        ("a /b", '"a " ends with a dot or a space, which Windows drops'),
        *[
            (path, f'"{path}" is the name of a device on Windows')
            for path in (
                "con",
                "NUL",
                "aux.txt",
                "com1",
                "LPT9.yaml",
                "com\u00b9",
                "CONIN$",
                "prn .x",
            )
        ],
        ("x/ab:c", '"ab:c" has a character that Windows does not allow'),
        ("a*", '"a*" has a character that Windows does not allow'),
        ("e\u0301", '"e\u0301" is not in the Unicode normal form NFC'),
        ("x" * 256, "a segment is longer than 255 bytes"),
        ("é" * 128, "a segment is longer than 255 bytes"),
        ("a/" * 2049 + "a", "it is longer than 4096 bytes"),
    ],
)
def test_a_path_that_could_reach_elsewhere_is_refused(path: str, reason: str) -> None:
    assert path_fault(path) == reason
    with pytest.raises(InvalidInput, match="is not a usable path: "):
        safe_path(path)
