"""What a comparison of two states of a project says of A/B tests."""

from __future__ import annotations

import pytest

from gitexp.project.workspace import Workspace
from gitexp.review.diffing.comparing import compare
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files
from tests.runs.making import IDENTITY, workspace_on

TEST = """\
status: %s
flag: checkout
variants: [{key: control}, {key: test}]
metrics:
  primary:
    - {key: paid, type: proportion, event: %s}
    - {key: %s, type: mean}
%s"""
LAUNCHED = "started_at: '2026-01-01T00:00:00Z'\n"


def notes(before: str, after: str) -> tuple[str, ...]:
    workspace: Workspace = workspace_on(MemoryStore(config=IDENTITY))
    files = {"gitexp.yaml": b"format: 1\nid: bot\n"}
    for text in (before, after):
        files["experiments/warm/ab-test.yaml"] = text.encode()
        commit_files(workspace.store, files)
    return compare(workspace, "main~1", "main").notes


def test_metrics_that_come_change_or_go_after_the_launch_are_pointed_out() -> None:
    before = TEST % ("running", "paid", "revenue", LAUNCHED)
    assert notes(before, TEST % ("running", "order", "late", LAUNCHED)) == (
        "A/B test warm: metric paid is changed after launch",
        "A/B test warm: metric late is added after launch",
        "A/B test warm: metric revenue is taken away after launch",
    )


def test_tests_that_come_to_share_a_flag_are_pointed_out() -> None:
    """As where a test and its copy, each launched on its own branch, are merged."""
    workspace: Workspace = workspace_on(MemoryStore(config=IDENTITY))
    running = (TEST % ("running", "paid", "revenue", LAUNCHED)).encode()
    path = "experiments/%s/ab-test.yaml"
    files = {"gitexp.yaml": b"format: 1\nid: bot\n", path % "warm": running}
    files["experiments/readme.txt"] = b"No test"
    files[path % "over"] = running.replace(b": running", b": stopped") + (
        b"ended_at: '2026-02-01T00:00:00Z'\n"
    )
    commit_files(workspace.store, files)
    files[path % "warm-copy"] = running
    commit_files(workspace.store, files)
    shared = "A/B test warm-copy: flag checkout serves warm too"
    assert compare(workspace, "main~1", "main").notes == (shared,)
    files[path % "warm-copy"] = running.replace(b"status: running", b"status: paused")
    commit_files(workspace.store, files)
    assert compare(workspace, "main~1", "main").notes == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TEST % ("draft", "paid", "revenue", ""), TEST % ("draft", "order", "late", "")),
        (TEST % ("draft", "paid", "revenue", ""), TEST % ("running", "x", "late", LAUNCHED)),
        (
            TEST % ("running", "paid", "revenue", LAUNCHED),
            TEST % ("running", "paid", "revenue", f"note: Words\n{LAUNCHED}"),
        ),
        (TEST % ("running", "paid", "revenue", LAUNCHED), "status: odd\n"),
        (
            TEST % ("running", "paid", "revenue", LAUNCHED),
            TEST % ("running", "paid", "late, window: 5x", LAUNCHED),
        ),
    ],
)
def test_other_changes_are_only_shown(before: str, after: str) -> None:
    assert not [note for note in notes(before, after) if "metric" in note]
