"""A project in memory, and a second clone of it, for the tests of experiments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitexp.errors import NotFound
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from gitexp.store.protocol import Remote
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, commit_files, seeded_bits

DEFINITION = b"""\
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.7
    minimum: 0
    maximum: 2
  model:
    type: string
    required: true
  retries:
    type: integer
    default: 3
  prompt:
    type: text
    default: |
      Be kind.

environments:
  staging: {}
  production: {}
"""

CONFIG = {"user.name": "Ada Example", "user.email": "ada@example.org"}


def workspace_on(store: MemoryStore, remote: MemoryStore | None, seed: int) -> Workspace:
    """Return a workspace of project `bot` on a store, with `origin` where a remote is given."""

    def open_remote(name: str) -> Remote:
        if remote is None:
            raise NotFound(f"no remote {name!r}")
        return MemoryRemote(store, remote, name="origin")

    return Workspace(
        store=store,
        project_id=Name("bot"),
        open_remote=open_remote,
        surroundings=Surroundings(clock=FixedClock(), random_bits=seeded_bits(seed)),
    )


@pytest.fixture
def remote_store() -> MemoryStore:
    """The shared remote."""
    return MemoryStore()


@pytest.fixture
def workspace(remote_store: MemoryStore) -> Workspace:
    """A clone of the shared remote with the project's definition on its trunk."""
    store = MemoryStore(config={**CONFIG, "remote.origin.url": "memory:shared"})
    commit_files(store, {"gitexp.yaml": DEFINITION, "src/app.py": b"print(1)\n"})
    made = workspace_on(store, remote_store, seed=1)
    push_trunk(made)
    return made


@pytest.fixture
def another_clone(workspace: Workspace, remote_store: MemoryStore) -> Callable[[], Workspace]:
    """Makes further clones of the shared remote."""

    def clone() -> Workspace:
        store = MemoryStore(config={**CONFIG, "remote.origin.url": "memory:shared"})
        made = workspace_on(store, remote_store, seed=2)
        made.remote().fetch(["+refs/heads/*:refs/remotes/origin/*"])
        return replace(made)

    return clone


def push_trunk(workspace: Workspace) -> None:
    """Put the trunk on the shared remote."""
    from gitexp.store.model import PushUpdate

    remote = workspace.remote()
    old = remote.list_refs(["refs/heads/main"]).get("refs/heads/main")
    new = workspace.store.ref("refs/heads/main")
    remote.push([PushUpdate(ref="refs/heads/main", old=old, new=new)])
