"""Texts that many runs share: whole or not there, and gone when nobody needs them."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gitexp.documents import layout
from gitexp.errors import StoreError
from gitexp.project.workspace import Workspace
from gitexp.runs import texts
from gitexp.runs.artifacts.staging import discard_stale
from gitexp.runs.run import Run
from tests.runs.making import disk_workspace, make_run

TEXT = b"numpy==2.1.0\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return disk_workspace(tmp_path / "project")


def kept(workspace: Workspace) -> Path:
    assert workspace.store.private_dir is not None
    return workspace.store.private_dir / "texts" / texts.digest_of_text(TEXT)[len("sha256:") :]


def run_with(digest: str) -> Run:
    run = make_run()
    return replace(run, machine=replace(run.machine, packages=digest))


def test_a_text_that_is_kept_belongs_to_its_runs(workspace: Workspace) -> None:
    digest = texts.keep(workspace, TEXT)
    assert texts.of_run(workspace, run_with(digest)) == {layout.packages_path(digest): TEXT}


@pytest.mark.parametrize("left", [b"", TEXT[:4], bytes(len(TEXT))])
def test_what_a_power_cut_left_of_a_text_is_written_again(
    workspace: Workspace, left: bytes
) -> None:
    digest = texts.keep(workspace, TEXT)
    kept(workspace).write_bytes(left)
    assert texts.of_run(workspace, run_with(digest)) == {}
    assert texts.keep(workspace, TEXT) == digest
    assert texts.of_run(workspace, run_with(digest)) == {layout.packages_path(digest): TEXT}
    assert os.listdir(kept(workspace).parent) == [kept(workspace).name]


def test_a_text_that_cannot_be_read_is_named(workspace: Workspace) -> None:
    digest = texts.keep(workspace, TEXT)
    kept(workspace).unlink()
    kept(workspace).mkdir()
    with pytest.raises(StoreError) as caught:
        texts.of_run(workspace, run_with(digest))
    assert caught.value.message == f"cannot read {kept(workspace)}: Is a directory"


def test_a_text_stays_for_a_day_and_while_a_journal_mentions_it(workspace: Workspace) -> None:
    digest = texts.keep(workspace, TEXT)
    discard_stale(workspace)
    assert kept(workspace).exists()
    assert workspace.store.private_dir is not None
    journal = workspace.store.private_dir / "journals" / "one.journal"
    journal.parent.mkdir()
    journal.write_text(f'{{"packages":"{digest}"}}')
    discard_stale(workspace, older_than=timedelta(days=-1))
    assert kept(workspace).exists()
    journal.unlink()
    discard_stale(workspace, older_than=timedelta(days=-1))
    assert not kept(workspace).exists()


def test_a_text_that_is_kept_again_is_young(workspace: Workspace) -> None:
    texts.keep(workspace, TEXT)
    os.utime(kept(workspace), (0, 0))
    texts.keep(workspace, TEXT)
    discard_stale(workspace)
    assert kept(workspace).exists()
