"""Derived data: it costs no more memory than it may, and a file that is wrong costs no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.store import cache
from gitexp.store.cache import DerivedCache


def held(values: DerivedCache) -> int:
    """Return how many characters of values are in memory."""
    return sum(map(len, [*values._recent.values(), *values._before.values()]))


def test_memory_is_bounded_and_what_is_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_RECENT", 10_000)
    values = DerivedCache(None)
    values.put("asked for", "a" * 100)
    for number in range(1000):
        values.put(f"key{number}", "x" * 200)
        assert values.get("asked for") == "a" * 100
        assert held(values) <= 21_000
    assert values.get("key999") == "x" * 200
    assert values.get("key0") is None


def test_what_left_memory_is_read_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_MOST_RECENT", 1000)
    values = DerivedCache(tmp_path)
    for number in range(100):
        values.put(f"key{number}", ["x" * 100, number])
    assert values.get("key3") == ["x" * 100, 3]  # not yet written
    values.flush()
    assert [values.get(f"key{number}") for number in range(100)] == [
        ["x" * 100, number] for number in range(100)
    ]


def test_what_was_dropped_is_gone_before_it_is_deleted_from_the_file(tmp_path: Path) -> None:
    values = DerivedCache(tmp_path)
    values.put("a", 1)
    values.flush()
    again = DerivedCache(tmp_path)
    again.drop("a")
    assert again.get("a") is None
    again.flush()
    assert DerivedCache(tmp_path).get("a") is None


def test_a_file_that_grew_too_large_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = DerivedCache(tmp_path)
    values.put("a", "x" * 10_000)
    values.close()
    assert DerivedCache(tmp_path).get("a") == "x" * 10_000
    monkeypatch.setattr(cache, "_MOST_BYTES", 5_000)
    again = DerivedCache(tmp_path)
    assert again.get("a") is None
    again.put("b", 1)
    again.flush()
    assert again.get("b") == 1


def test_a_damaged_file_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "cache-1.sqlite").write_bytes(b"nonsense" * 1000)
    values = DerivedCache(tmp_path)
    assert values.get("a") is None
    values.put("a", 1)
    assert values.get("a") == 1
    values.close()
    assert not (tmp_path / "cache-1.sqlite").exists()
