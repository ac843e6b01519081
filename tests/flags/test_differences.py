"""What a comparison of two states of a project says of flags."""

from __future__ import annotations

import pytest

from gitexp.project.workspace import Workspace
from gitexp.review.diffing.comparing import compare
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files
from tests.runs.making import IDENTITY, workspace_on

DEFINITION = b"format: 1\nid: bot\n"
FLAG = """\
active: true
variants:
  - {key: control, weight: %d}
  - {key: test, weight: %d}
"""


@pytest.fixture
def workspace() -> Workspace:
    """A project with one flag."""
    made = workspace_on(MemoryStore(config=IDENTITY))
    files = {"gitexp.yaml": DEFINITION, "flags/checkout.yaml": (FLAG % (50, 50)).encode()}
    commit_files(made.store, files)
    return made


def notes(workspace: Workspace, text: str) -> tuple[str, ...]:
    commit_files(workspace.store, {"flags/checkout.yaml": text.encode()})
    return compare(workspace, "main~1", "main").notes


def test_a_change_that_moves_people_is_pointed_out(workspace: Workspace) -> None:
    assert notes(workspace, FLAG % (60, 40)) == (
        "flag checkout: 10 % of those with the flag change their variant",
    )


def test_a_change_that_moves_nobody_is_only_shown(workspace: Workspace) -> None:
    assert notes(workspace, FLAG % (50, 50) + "description: The new one\n") == ()


def test_a_flag_that_is_not_valid_has_no_note(workspace: Workspace) -> None:
    assert notes(workspace, "active: maybe\n") == ()
