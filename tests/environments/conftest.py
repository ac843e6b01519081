"""A shared remote in memory, clones of it, and a project with one shared experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.environments.promotion import promote
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import share
from gitexp.experiments.versions import Version
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.memory import MemoryStore
from gitexp.store.memory_remote import MemoryRemote
from gitexp.store.model import PushUpdate
from gitexp.store.protocol import Remote
from gitexp.store.trees import entry_at, tree_of
from gitexp.surroundings import Surroundings
from tests.builders import FixedClock, commit_files, seeded_bits

DEFINITION = b"""\
# The bot.
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.7
  model:
    type: string
    required: true
  retries:
    type: integer
    default: 3
  tools:
    type: list
  api_key:
    type: secret

environments:
  default: {}
  staging:
    description: Before it goes live
  production: {}   # live
"""


@dataclass
class World:
    """A shared remote and the people who work with it.

    `before_push`, when set, runs once just before the next push, as somebody quicker would.
    """

    remote: MemoryStore = field(default_factory=MemoryStore)
    remotes: list[MemoryRemote] = field(default_factory=list)
    before_push: Callable[[], Any] | None = None
    after_push: Callable[[], Any] | None = None
    pushes: int = 0
    asked: int = 0

    def clone(self, name: str = "Ada", *, environ: dict[str, str] | None = None) -> Workspace:
        """Return a workspace of somebody's clone."""
        store = MemoryStore(
            config={
                "user.name": name,
                "user.email": f"{name.lower()}@example.org",
                "remote.origin.url": "/memory/shared.git",
            }
        )
        real = MemoryRemote(store, self.remote)
        self.remotes.append(real)
        surroundings = Surroundings(
            clock=FixedClock(),
            random_bits=seeded_bits(len(self.remotes)),
            environ=environ or {},
        )
        workspace = Workspace(
            store=store,
            project_id="bot",
            open_remote=lambda _: _Observed(real, self),
            surroundings=surroundings,
        )
        real.fetch(["+refs/heads/*:refs/remotes/origin/*"])
        return workspace

    def take_down(self) -> None:
        """Make the remote unreachable for everybody."""
        for remote in self.remotes:
            remote.down = True


class _Observed:
    """A remote in front of which somebody else may act first; everything else is the real one."""

    def __init__(self, real: MemoryRemote, world: World) -> None:
        self._real = real
        self._world = world
        self.name = real.name
        self.url = real.url

    def list_refs(self, prefixes: Any) -> Any:
        self._world.asked += 1
        return self._real.list_refs(prefixes)

    def fetch(self, refspecs: Any, *, depth: int | None = None, prune: bool = False) -> None:
        self._world.asked += 1
        self._real.fetch(refspecs, depth=depth, prune=prune)

    def push(self, updates: Any) -> None:
        before, self._world.before_push = self._world.before_push, None
        if before:
            before()
        self._world.pushes += 1
        self._real.push(updates)
        after, self._world.after_push = self._world.after_push, None
        if after:
            after()


def push_trunk(workspace: Workspace) -> None:
    """Put the trunk on the shared remote."""
    remote: Remote = workspace.remote()
    old = remote.list_refs(["refs/heads/main"]).get("refs/heads/main")
    new = workspace.store.ref("refs/heads/main")
    remote.push([PushUpdate(ref="refs/heads/main", old=old, new=new)])


def saved(workspace: Workspace, name: str = "checkout", **values: Any) -> Version:
    """Return a new shared version of an experiment, which is created where it is new."""
    if not workspace.store.ref(f"refs/heads/exp/bot/{name}"):
        create(workspace, NewExperiment(name=name))
    version = save(workspace, name, Edit(patch={"model": "small", **values}))
    share(workspace, name)
    return version


@pytest.fixture
def world() -> World:
    """A shared remote with a project on its trunk."""
    made = World()
    commit_files(made.remote, {"gitexp.yaml": DEFINITION})
    return made


@pytest.fixture
def ada(world: World) -> Workspace:
    """Ada's clone, with the trunk as a local branch."""
    workspace = world.clone("Ada")
    _open_trunk(workspace)
    return workspace


@pytest.fixture
def grace(world: World, ada: Workspace) -> Workspace:
    """Grace's clone of the same remote."""
    return world.clone("Grace")


@pytest.fixture
def on_disk(tmp_path: Path, ada: Workspace) -> Workspace:
    """Ada's clone with a project directory, for files of the working tree."""
    return replace(ada, directory=tmp_path)


def _open_trunk(workspace: Workspace) -> None:
    from gitexp.store.transaction import transact

    tip = workspace.store.ref("refs/remotes/origin/main")
    transact(workspace.store, lambda tx: tx.set_ref("refs/heads/main", old=None, new=tip))


def promoted(workspace: Workspace, environment: str = "production", **values: Any) -> Version:
    """Return a new shared version that is live in an environment."""
    version = saved(workspace, **values)
    promote(workspace, "checkout", environment)
    return version


def break_production(world: World) -> ObjectId:
    """Return a commit on production's shared branch that cannot be read as a binding."""
    return commit_files(
        world.remote,
        {"environment.yaml": b"format: 1\n", "parameters.yaml": b"{}\n"},
        branch="env/bot/production",
    )


def lose_values(workspace: Workspace, environment: str) -> None:
    """Take the values of an environment's tip out of a clone, and forget what was read of it."""
    store = workspace.store
    assert isinstance(store, MemoryStore)
    tip = store.ref(f"refs/remotes/origin/env/bot/{environment}")
    assert tip is not None
    entry = entry_at(store, tree_of(store, tip), "parameters.yaml")
    assert entry is not None
    del store.objects[entry.id]
    object.__setattr__(workspace, "cache", DerivedCache(None))
