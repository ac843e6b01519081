"""Rows and spans beside a journal: what was appended is read, whatever failed in between."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from gitexp.errors import StoreError
from gitexp.runs.journalling.contents import line_of
from gitexp.runs.journalling.journals import open_journal, paths_of
from gitexp.runs.journalling.side_files import ROWS, SPANS, Sides
from gitexp.runs.recording.closing import reap
from gitexp.runs.recording.results import rows_of
from gitexp.store.disk import DiskStore
from tests.faults.injection import Fault, injected
from tests.runs.making import (
    add_row,
    begin_journal,
    disk_workspace,
    make_run,
    run_id,
    workspace_on,
)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    """What stands beside a journal on disk."""
    journal = tmp_path / "one.journal"
    journal.write_bytes(b"")
    return Sides(journal)


def said(sides: Sides, start: int = 0) -> list[bytes]:
    return [payload for _, payload in sides.payloads(ROWS, start=start)]


def test_lines_come_back_as_they_were_appended(sides: Sides) -> None:
    assert said(sides) == []
    for payload in (b"{}", b'{"a":"\\n"}', "ä\u2028".encode()):
        sides.append(ROWS, payload)
    assert said(sides) == [b"{}", b'{"a":"\\n"}', "ä\u2028".encode()]
    assert said(Sides(None)) == []


def test_reading_goes_on_from_a_place(sides: Sides) -> None:
    for payload in (b"first", b"second", b"third"):
        sides.append(ROWS, payload)
    places = [place for place, _ in sides.payloads(ROWS)]
    assert [said(sides, place) for place in places] == [
        [b"first", b"second", b"third"],
        [b"second", b"third"],
        [b"third"],
    ]


@pytest.mark.parametrize("keep", [1, 9, 12])
def test_a_line_that_was_cut_off_is_passed_over(sides: Sides, tmp_path: Path, keep: int) -> None:
    sides.append(ROWS, b"first")
    with (tmp_path / "one.rows").open("ab") as file:
        file.write(line_of(b"second")[:keep])
    assert said(sides) == [b"first"]
    sides.append(ROWS, b"third")
    assert said(sides) == [b"first", b"third"]


def test_a_line_that_the_disk_took_in_part_is_appended_again_whole(sides: Sides) -> None:
    """Its rest alone could come behind what another process appends meanwhile."""
    sides.append(ROWS, b"first")
    written: list[bytes] = []
    with injected(Fault(at=1, code=None)) as fault:
        real = os.write

        def write(descriptor: int, data: bytes) -> int:
            written.append(bytes(data))
            return real(descriptor, data)

        os.write = write
        try:
            sides.append(ROWS, b"second")
        finally:
            os.write = real
    assert fault.calls == ["write", "write"]
    assert written == [line_of(b"second"), line_of(b"second")]
    assert said(sides) == [b"first", b"second"]


def test_a_full_disk_is_told_and_spoils_nothing(sides: Sides) -> None:
    sides.append(ROWS, b"first")
    with injected(Fault(at=1, code=28)), pytest.raises(StoreError) as caught:
        sides.append(ROWS, b"second")
    assert "a finished row is lost" in f"{caught.value} {caught.value.hint}"
    sides.append(ROWS, b"third")
    assert said(sides) == [b"first", b"third"]


def test_what_is_appended_after_the_end_is_nothing(sides: Sides) -> None:
    """A call that was given up may answer when its run is over."""
    sides.append(ROWS, b"first")
    sides.close()
    sides.append(ROWS, b"late")
    sides.sync()
    assert said(sides) == [b"first"]


def test_lines_come_in_the_order_of_their_numbers_the_last_of_each(sides: Sides) -> None:
    for payload in (b"3 a", b"1 a", b"2 a", b"1 b"):
        sides.append(ROWS, payload)
    ordered = sides.in_order(ROWS, lambda payload: int(payload[:1]))
    assert [*ordered()] == [*ordered()] == [b"1 b", b"2 a", b"3 a"]


def test_lines_without_a_number_are_left_out_of_the_order(sides: Sides) -> None:
    for payload in (b"0 a", b"mark", b"1 a"):
        sides.append(ROWS, payload)
    ordered = sides.in_order(ROWS, lambda payload: None if payload == b"mark" else int(payload[:1]))
    assert list(ordered()) == [b"0 a", b"1 a"]


def test_whole_lines_that_cannot_be_read_are_kept_for_a_person(
    sides: Sides, tmp_path: Path
) -> None:
    sides.append(ROWS, b"first")
    sides.append(SPANS, b"span")
    path = tmp_path / "one.rows"
    path.write_bytes(path.read_bytes().replace(b"first", b"fixed"))
    assert said(sides) == []
    sides.put_aside_damaged()
    sides.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.journal", "one.rows.damaged"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(("shared", "mode"), [("group", 0o660), ("all", 0o664), ("", 0o600)])
def test_whoever_shares_the_repository_may_use_them(tmp_path: Path, shared: str, mode: int) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "p"], check=True)
    if shared:
        config = ["git", "-C", tmp_path / "p", "config", "core.sharedRepository", shared]
        subprocess.run(config, check=True)
    before = os.umask(0o077)
    try:
        workspace = workspace_on(DiskStore.open(tmp_path / "p"))
        journal = begin_journal(workspace, make_run(run_id(1), status="running"))
        add_row(journal, 0, "a")
        journal.sides.append(SPANS, b"{}")
    finally:
        os.umask(before)
    assert journal.path is not None
    found = [journal.path.with_suffix(suffix) for suffix in (".journal", ROWS, SPANS)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in found] == [mode] * 3
    journal.close()


def test_rows_are_recorded_with_the_run_that_was_left_behind(tmp_path: Path) -> None:
    workspace = disk_workspace(tmp_path / "p")
    journal = begin_journal(workspace, make_run(run_id(1), status="running"))
    add_row(journal, 1, "b")
    add_row(journal, 0, "a", status="failed")
    journal.close()
    [path] = paths_of(workspace, run_id(1))
    reopened = open_journal(path)
    assert reopened is not None
    reopened.close()
    [run] = reap(workspace)
    assert (run.stats.passed, run.stats.failed) == (1, 1)
    assert [row.sample for row in rows_of(workspace, run.id)] == ["a", "b"]
    private = workspace.store.private_dir
    assert private is not None
    assert list((private / "journals").iterdir()) == []
