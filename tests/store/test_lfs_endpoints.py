"""Where the large files of a remote are, and which settings count for a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.store.disk import DiskStore
from gitexp.store.gitconfig import Setting
from gitexp.store.lfs.connections import proxy_for
from gitexp.store.lfs.endpoints import Operation, endpoint_of
from gitexp.store.lfs.settings import LfsSettings, lfs_settings
from tests.builders import commit_files


def settings(*lines: str, others: str = "", **environ: str) -> LfsSettings:
    """Return the settings `key=value`, the last the strongest."""
    pairs = [Setting(*line.split("=", 1)) for line in lines]
    theirs = dict(line.split("=", 1) for line in others.split()) if others else {}
    return LfsSettings(own=pairs, others=theirs, environ=environ)


def url_of(*lines: str, operation: Operation = "download", others: str = "") -> str:
    return endpoint_of(settings(*lines, others=others), "origin", operation).url


@pytest.mark.parametrize(
    ("remote", "api"),
    [
        ("https://git.example.org/foo/bar", "https://git.example.org/foo/bar.git/info/lfs"),
        ("https://git.example.org/foo/bar.git", "https://git.example.org/foo/bar.git/info/lfs"),
        ("https://git.example.org/foo/bar/", "https://git.example.org/foo/bar.git/info/lfs"),
        ("git@git.example.org:foo/bar.git", "https://git.example.org/foo/bar.git/info/lfs"),
        ("ssh://git@git.example.org:22/foo/bar", "https://git.example.org/foo/bar.git/info/lfs"),
        ("git://git.example.org/foo/bar", "https://git.example.org/foo/bar.git/info/lfs"),
    ],
)
def test_the_address_of_a_remote_suggests_its_api(remote: str, api: str) -> None:
    assert url_of(f"remote.origin.url={remote}") == api


def test_the_configuration_decides_in_the_order_of_git_lfs() -> None:
    lines = ["remote.origin.url=https://a.example.org/x"]
    for line in ("remote.origin.lfsurl=https://b.example.org", "lfs.url=https://c.example.org"):
        lines.append(line)
        assert url_of(*lines) == line.split("=")[1]
    lines.append("lfs.pushurl=https://d.example.org")
    assert url_of(*lines) == "https://c.example.org"
    assert url_of(*lines, operation="upload") == "https://d.example.org"


def test_pushes_go_where_git_pushes() -> None:
    lines = ["remote.origin.url=https://a.example.org/x", "remote.origin.pushurl=git@b.example:x"]
    assert url_of(*lines) == "https://a.example.org/x.git/info/lfs"
    assert url_of(*lines, operation="upload") == "https://b.example/x.git/info/lfs"


def test_addresses_are_rewritten_as_git_rewrites_them() -> None:
    lines = ["remote.origin.url=work:foo/bar", "url.https://git.example.org/.insteadof=work:"]
    assert url_of(*lines) == "https://git.example.org/foo/bar.git/info/lfs"


def test_a_file_of_the_repository_is_weaker_than_the_users_own_configuration() -> None:
    remote, others = "remote.origin.url=https://a.example.org/x", "lfs.url=https://z.example.org/"
    found = endpoint_of(settings(remote, others=others), "origin", "download")
    assert (found.url, found.trusted) == ("https://z.example.org", False)
    assert url_of(remote, "lfs.url=https://b.example.org", others=others) == "https://b.example.org"


@pytest.mark.parametrize("address", ["file:///etc", "/etc", "../other"])
def test_a_file_of_the_repository_names_no_directory(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        url_of("remote.origin.url=https://a.example.org/x", others=f"lfs.url={address}")
    assert caught.value.message == (
        f"the address '{address}' in .lfsconfig is not allowed: it names a directory of this "
        "machine"
    )


@pytest.mark.parametrize("address", ["ext::sh -c id", "ssh://-oProxyCommand=id/x", "ftp://x/y"])
def test_an_address_that_could_run_something_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput):
        url_of(f"lfs.url={address}")


def test_a_remote_that_is_not_configured_has_no_large_files() -> None:
    with pytest.raises(NotFound) as caught:
        url_of()
    assert caught.value.message == "the remote 'origin' is not configured"


def test_a_title_holds_no_secret() -> None:
    found = endpoint_of(settings("lfs.url=https://ada:geheim@a.example.org/x"), "origin", "upload")
    assert found.title == "the Git LFS server of 'origin' (https://a.example.org/x)"


def test_only_addresses_are_taken_from_lfsconfig(tmp_path: Path) -> None:
    with DiskStore.init(tmp_path / "here") as store:
        text = "[lfs]\n\turl = https://z.example.org\n\tstorage = /etc\n[core]\n\tsshCommand = id\n"
        (tmp_path / "here" / ".lfsconfig").write_text(text)
        assert lfs_settings(store, {}).others == {"lfs.url": "https://z.example.org"}
        assert lfs_settings(store, {}).get("core.sshcommand") is None


def test_a_bare_repository_has_the_lfsconfig_of_its_head(tmp_path: Path) -> None:
    with DiskStore.init(tmp_path / "here.git", bare=True) as store:
        assert lfs_settings(store, {}).others == {}
        commit_files(store, {".lfsconfig": b"[lfs]\n\turl = https://z.example.org\n"})
        assert lfs_settings(store, {}).others == {"lfs.url": "https://z.example.org"}


URL = "https://git.example.org/team/bot.git/info/lfs"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("https://git.example.org", True),
        ("https://git.example.org:443/", True),
        ("https://*.example.org/team", True),
        ("https://git.example.org/team/bot.git", True),
        ("https://git.example.org/te", False),
        ("https://git.example.org:8443", False),
        ("http://git.example.org", False),
        ("https://example.org", False),
        ("https://ada@git.example.org", False),
        ("https://git.example.org:port", False),
    ],
)
def test_a_setting_holds_for_urls_as_in_git(pattern: str, fits: bool) -> None:
    found = settings(f"http.{pattern}.extraheader=A: b").by_url("http", "extraheader", URL)
    assert found == ([(True, "A: b")] if fits else [])


def test_the_closest_setting_is_the_strongest() -> None:
    found = settings(
        "http.https://git.example.org/team.proxy=one",
        "http.proxy=two",
        "http.https://git.example.org.proxy=three",
    )
    assert [value for _, value in found.by_url("http", "proxy", URL)] == ["two", "three", "one"]


def test_a_proxy_comes_from_the_configuration_and_else_from_the_environment() -> None:
    environ = {"https_proxy": "proxy.example:3128", "no_proxy": "localhost,.example.com"}
    assert proxy_for(URL, settings()) is None
    assert proxy_for(URL, settings(**environ)) == "http://proxy.example:3128"
    assert proxy_for("https://git.example.com/x", settings(**environ)) is None
    assert proxy_for(URL, settings("http.proxy=http://p:1", **environ)) == "http://p:1"
    assert proxy_for(URL, settings("http.proxy=", **environ)) is None
