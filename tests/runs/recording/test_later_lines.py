"""Lines that came later, put in order on the disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from gitexp.errors import StoreError
from gitexp.runs.recording.later_lines import LaterLines


def taken(later: LaterLines, below: int) -> list[tuple[int, list[bytes]]]:
    return [(number, list(lines)) for number, lines in later.take(below)]


def test_lines_are_taken_in_the_order_of_their_numbers() -> None:
    with LaterLines() as later:
        for number, line in ((7, b"a"), (3, b"b"), (7, b"c"), (2**63, b""), (5, b"d")):
            later.add(number, line)
        later.sort()
        assert taken(later, 3) == []
        assert taken(later, 6) == [(3, [b"b"]), (5, [b"d"])]
        assert taken(later, 6) == []
        assert taken(later, 2**64) == [(7, [b"a", b"c"]), (2**63, [b""])]


def test_some_that_were_added_first_may_come_last() -> None:
    with LaterLines() as later:
        for line in (b"live", b"part", b"other"):
            later.add(1, line)
        later.sort(last=1)
        assert taken(later, 2) == [(1, [b"part", b"other", b"live"])]


def test_many_lines_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lines = [b"%d " % number * 1000 for number in range(2000)]
    with LaterLines() as later:
        for number, line in enumerate(lines):
            later.add(number, line)
        later.sort()
        assert [line for _, [line] in taken(later, 2**64)] == lines
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with LaterLines() as later, pytest.raises(StoreError, match=r"cannot be put in order$"):
        later.add(1, b"x" * (8 << 20))
