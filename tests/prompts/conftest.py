"""A project in memory with a prompt of some versions on its trunk."""

from __future__ import annotations

import pytest

from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files
from tests.experiments.conftest import CONFIG, DEFINITION, workspace_on

PROMPT = """\
description: Answers customers

template: |
  Answer {{ name }} {{ how }}.
  %s

variables:
  name: {type: string}
  how: {type: string, default: kindly}

model: small

parameters: {temperature: 0.2}
"""


def version_of(text: str) -> bytes:
    """Return a version of the prompt."""
    return (PROMPT % text).encode()


@pytest.fixture
def workspace() -> Workspace:
    """A project whose trunk has three versions of the prompt `reply`."""
    store = MemoryStore(config=CONFIG)
    commit_files(store, {"gitexp.yaml": DEFINITION, "src/app.py": b"print(1)\n"})
    for number, text in enumerate(("Be brief.", "Be warm.", "Be both."), 1):
        commit_files(
            store, {"prompts/reply.yaml": version_of(text)}, message=f"reply: {text}", at=number
        )
    commit_files(store, {"src/app.py": b"print(2)\n"}, message="code", at=4)
    return workspace_on(store, None, seed=1)
