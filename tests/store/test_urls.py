"""Addresses: which are allowed, what is shown of them, and foreign text on a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.errors import InvalidInput
from gitexp.store.urls import (
    cache_key,
    check_url,
    looks_like_address,
    parse_address,
    redact,
    sanitize,
)


@pytest.mark.parametrize(
    "url",
    [
        "/srv/shared.git",
        "../shared.git",
        "shared",
        "a directory/with spaces",
        "file:///srv/shared.git",
        "ssh://git@example.org/team/shared.git",
        "ssh://example.org:2222/~ada/x",
        "ssh://[::1]:22/x",
        "git@example.org:team/shared.git",
        "example.org:shared.git",
        "[::1]:shared.git",
        "git://example.org/shared.git",
        "http://example.org/shared.git",
        "https://ada:secret@example.org:8443/shared.git?x=1",
    ],
)
def test_the_forms_that_people_use_are_allowed_as_they_are(url: str) -> None:
    assert check_url(url) == url


def test_scheme_and_host_are_written_in_lower_case() -> None:
    assert check_url("HTTPS://Ada@Example.ORG/Team/X.git") == "https://Ada@example.org/Team/X.git"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ext::sh -c id", "addresses of the form 'ext::' run a program"),
        ("fd::17/foo", "addresses of the form 'fd::' run a program"),
        ("persistent-https::x", "addresses of the form 'persistent-https::' run a program"),
        ("ftp://example.org/x", "the scheme 'ftp' is not allowed"),
        ("-uroot", "a part that begins with '-' could be taken for an option"),
        ("--upload-pack=touch x", "a part that begins with '-' could be taken for an option"),
        ("ssh://-oProxyCommand=id/x", "a part that begins with '-' could be taken for an option"),
        ("ssh://%2doProxyCommand=id/x", "a part that begins with '-' could be taken for an option"),
        ("ssh://-l@example.org/x", "a part that begins with '-' could be taken for an option"),
        ("-oProxyCommand=id:x", "a part that begins with '-' could be taken for an option"),
        ("ada@-host:x", "a part that begins with '-' could be taken for an option"),
        ("example.org:-x", "a part that begins with '-' could be taken for an option"),
        ("https:///x", "it names no host"),
        ("https://example.org:x/y", "the port is not a number"),
        ("https://a%0ahost=evil@example.org/x", "it holds a control character"),
        ("https://example.org/a%0D%0Ab", "it holds a control character"),
        ("/srv/a\nb", "it holds a control character"),
        ("/srv/\x1b[2J", "it holds a control character"),
        ("host:\u202egit", "it holds a control character"),
    ],
)
def test_other_forms_are_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_url(url)
    assert caught.value.message == f"the address '{redact(url)}' is not allowed: {reason}"
    assert caught.value.message.isprintable()


def test_an_empty_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^the address of a remote is empty$"):
        check_url(" ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/srv/shared.git", "/srv/shared.git"),
        ("https://example.org/x.git", "https://example.org/x.git"),
        ("https://ada:secret@example.org/x.git", "https://example.org/x.git"),
        ("https://ghp_token@example.org/x.git", "https://example.org/x.git"),
        ("https://ada:s@cr@t@example.org/x", "https://example.org/x"),
        ("https://ada:sec/ret@example.org/x", "https://example.org/x"),
        ("https://ada:sec?ret@example.org/x", "https://example.org/x"),
        ("https://example.org:8443/a@b/x", "https://example.org:8443/a@b/x"),
        ("https://example.org/x?private_token=abc", "https://example.org/x?***"),
        ("ssh://git@example.org/x", "ssh://git@example.org/x"),
        ("ssh://git:secret@example.org/x", "ssh://git@example.org/x"),
        ("git@example.org:x", "git@example.org:x"),
        ("ada:secret@example.org:x", "ada:***@example.org:x"),
    ],
)
def test_what_is_shown_holds_no_secret(url: str, shown: str) -> None:
    assert redact(url) == shown


secrets = st.text(st.characters(codec="utf-8", exclude_characters="@/?#"), min_size=8, max_size=20)


@given(secrets)
def test_no_password_is_ever_shown(secret: str) -> None:
    shown = redact(f"https://ada:{secret}@example.org/x.git")
    assert secret not in shown
    assert shown.isprintable()


@given(st.text())
def test_whatever_a_server_says_is_one_printable_line(text: str) -> None:
    assert sanitize(text).isprintable()
    assert redact(text).isprintable()


def test_a_server_line_keeps_its_words_and_loses_its_tricks() -> None:
    text = "\x1b[2Jgo to \u202ehttps://ada:secret@example.org/x\u202c\x07"
    assert sanitize(text) == ("\\x1b[2Jgo to \\u202ehttps://example.org/x\\u202c\\x07")


def test_a_long_server_line_is_cut() -> None:
    assert sanitize("x" * 500) == "x" * 299 + "…"


def test_the_same_repository_has_one_cache_key_whatever_the_credentials() -> None:
    keys = {
        cache_key(url)
        for url in (
            "https://example.org/x.git",
            "https://ada:secret@example.org/x.git",
            "HTTPS://token@Example.org:443/x.git/",
            "https://example.org/x.git?private_token=abc",
        )
    }
    assert len(keys) == 1
    assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in keys)


def test_other_repositories_have_other_cache_keys() -> None:
    urls = [
        "https://example.org/x.git",
        "http://example.org/x.git",
        "https://example.org:8443/x.git",
        "https://example.org/y.git",
        "ssh://example.org/x.git",
        "ssh://git@example.org/x.git",
        "example.org:x.git",
        "/example.org/x.git",
    ]
    assert len({cache_key(url) for url in urls}) == len(urls)


def test_a_path_and_its_file_url_have_one_cache_key() -> None:
    assert cache_key("/srv/x.git") == cache_key("file:///srv/x.git") == cache_key("/srv/./x.git")


def test_a_local_path_is_read_off_both_of_its_forms() -> None:
    assert parse_address("/srv/a b").local_path == Path("/srv/a b")
    assert parse_address("file:///srv/a%20b").local_path == Path("/srv/a b")
    assert parse_address("https://example.org/x").local_path is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("origin", False),
        ("my-remote", False),
        ("./x", True),
        ("..", True),
        ("host:x", True),
        ("https://x", True),
        ("ext::x", True),
        (f"a{os.sep}b", True),
    ],
)
def test_names_of_remotes_are_told_from_addresses(text: str, expected: bool) -> None:
    assert looks_like_address(text) is expected
