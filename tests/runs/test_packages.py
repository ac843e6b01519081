"""The list of packages, and how long it is believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.runs.packages import packages_text
from gitexp.store.cache import DerivedCache


@pytest.fixture
def cache(tmp_path: Path) -> DerivedCache:
    return DerivedCache(tmp_path / "cache")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    return site


def install(site: Path, name: str, version: str, *, file: str = "METADATA") -> Path:
    """Put a package's metadata into a directory."""
    suffix = "dist-info" if file == "METADATA" else "egg-info"
    directory = site / f"{name}-{version}.{suffix}"
    directory.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: 9\n"
    (directory / file).write_text(text)
    return directory


def test_names_are_in_their_normal_form_and_sorted(site: Path, cache: DerivedCache) -> None:
    install(site, "Zope.Interface", "6.0")
    install(site, "a_b", "1!2.0+local", file="PKG-INFO")
    assert packages_text(cache, [str(site)]) == b"a-b==1!2.0+local\nzope-interface==6.0\n"


def test_of_two_of_one_name_the_first_counts(
    site: Path, cache: DerivedCache, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    later.mkdir()
    install(site, "tool", "1")
    install(later, "tool", "2")
    assert packages_text(cache, [str(site), str(later)]) == b"tool==1\n"
    assert packages_text(cache, [str(later), str(site)]) == b"tool==2\n"


def test_a_new_package_is_seen_by_the_same_process(site: Path, cache: DerivedCache) -> None:
    install(site, "one", "1")
    assert packages_text(cache, [str(site)]) == b"one==1\n"
    install(site, "two", "2")
    os.utime(site, ns=(1, 1))
    assert packages_text(cache, [str(site)]) == b"one==1\ntwo==2\n"


def test_metadata_is_read_once_for_all_processes(site: Path, tmp_path: Path) -> None:
    found = install(site, "one", "1")
    first = DerivedCache(tmp_path / "cache")
    packages_text(first, [str(site)])
    first.close()
    # The directory of all packages stays as it is, so nothing below it is read again.
    (found / "METADATA").write_text("Name: other\nVersion: 2\n")
    assert packages_text(DerivedCache(tmp_path / "cache"), [str(site)]) == b"one==1\n"
    assert packages_text(DerivedCache(tmp_path / "another"), [str(site)]) == b"other==2\n"


def test_what_is_no_package_is_passed_over(site: Path, cache: DerivedCache) -> None:
    (site / "broken-1.dist-info").mkdir()
    (site / "nameless-1.dist-info").mkdir()
    (site / "nameless-1.dist-info" / "METADATA").write_text("Version: 1\n")
    assert packages_text(cache, [str(site), str(site / "not there"), "bad\0path"]) == b""


def test_a_header_ends_at_an_empty_line_however_lines_end(site: Path, cache: DerivedCache) -> None:
    for name, end in (("one", "\n"), ("two", "\r\n")):
        text = f"Name: {name}\nVersion: 1\n\nVersion: 9\n"
        (install(site, name, "1") / "METADATA").write_text(text, newline=end)
        text = f"Name: {name}-described\n\nVersion: 9\n"
        (install(site, f"{name}-described", "1") / "METADATA").write_text(text, newline=end)
    assert packages_text(cache, [str(site)]) == b"one==1\ntwo==1\n"
