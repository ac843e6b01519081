"""Which paths an artifact may have, and which get in each other's way."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import Conflict, InvalidInput
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.paths import Catalogue, artifact_path, artifact_path_fault

OID = "0" * 64


def artifact(path: str, *, oid: str = OID, size: int = 1) -> Artifact:
    return Artifact.of(path, oid, size)


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "plots/loss.png",
        "100%.txt",
        "a%20b",
        "Модель/вес",
        "a b/c (1).txt",
        ".hidden",
        ".gitkeep",
    ],
)
def test_ordinary_paths_are_fine(path: str) -> None:
    assert artifact_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "/etc/passwd",
        "C:/x",
        "c:x",
        "a\\b",
        "..\\x",
        "%2e%2e/x",
        "%2E%2E%2Fx",
        "%252e%252e/x",
        "%25252e%25252e/x",
        "a%2fb",
        "a%5cb",
        "a%00b",
        "a%0ab",
        "%2fetc",
        "a\x00b",
        "a\nb",
        "a\x1b[2J",
        "a\u202eb",
        "con",
        "a/NUL.txt",
        "com1",
        "lpt¹.log",
        "a:stream",
        "a?",
        "a*",
        "trailing.",
        "trailing ",
        ".git/config",
        "a/.GIT/hooks/x",
        "git~1/x",
        ".g\u200cit/x",
        ".git /x",
        ".gitattributes",
        "a/.gitmodules",
        ".GitModules",
        "gitmod~1",
        "GI7EBA~1",
        "a/%2egit/x",
        "%2egitmodules",
        "x" * 256,
        "x/" * 3000 + "x",
        "\ud800",
    ],
)
def test_a_path_that_is_not_safe_everywhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        artifact_path(path)
    assert " is not a usable artifact path: " in caught.value.message
    assert caught.value.message.isprintable()


def test_the_message_says_which_rule_was_broken() -> None:
    with pytest.raises(InvalidInput) as caught:
        artifact_path("%252e%252e/x")
    assert caught.value.message == (
        '"%252e%252e/x" is not a usable artifact path: with its percent signs decoded, it has '
        "the segment '..'"
    )


def test_a_name_is_kept_in_one_normal_form() -> None:
    decomposed = unicodedata.normalize("NFD", "gemüse/größe.txt")
    assert artifact_path(decomposed) == "gemüse/größe.txt"


@given(st.text(max_size=40))
def test_whatever_is_accepted_stays_in_its_directory(text: str) -> None:
    if artifact_path_fault(text) is None:
        assert not text.startswith("/")
        assert not {"", ".", ".."} & set(text.split("/"))
        assert "\\" not in text


def test_the_same_artifact_again_changes_nothing() -> None:
    catalogue = Catalogue()
    assert catalogue.admit(artifact("a/b"))
    assert not catalogue.admit(artifact("a/b"))


@pytest.mark.parametrize("other", [artifact("a/b", oid="1" * 64), artifact("a/b", size=2)])
def test_other_content_under_the_same_path_is_refused(other: Artifact) -> None:
    with pytest.raises(Conflict) as caught:
        Catalogue([artifact("a/b")]).admit(other)
    assert caught.value.message == 'the artifact "a/b" is there already with other content'


@pytest.mark.parametrize(
    ("known", "path", "how"),
    [
        ("a/b", "A/b", "differs from it only in upper and lower case"),
        ("straße", "STRASSE", "differs from it only in upper and lower case"),
        ("a", "a/b", "is a file"),
        ("a", "A/b/c", "is a file"),
        ("a/b", "a", "is below it"),
        ("a/b/c", "a/B", "is below it"),
    ],
)
def test_a_path_in_the_way_of_another_is_refused(known: str, path: str, how: str) -> None:
    with pytest.raises(Conflict) as caught:
        Catalogue([artifact(known)]).check(path)
    assert caught.value.message == (f'the artifact path "{path}" cannot be used: "{known}" {how}')


def test_neighbours_are_in_nobodys_way() -> None:
    catalogue = Catalogue([artifact("a/b"), artifact("a-b"), artifact("a.b/c")])
    for path in ("a/c", "a/bb", "b", "a.c"):
        catalogue.check(path)


def test_an_artifact_is_found_by_its_very_path() -> None:
    catalogue = Catalogue([artifact("a/B")])
    assert catalogue.get("a/B") == artifact("a/B")
    assert catalogue.get("a/b") is None
    assert catalogue.get("a") is None
