"""A shared remote whose production takes two approvals, and the people who work with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gitexp.environments.binding import Binding, binding_at
from gitexp.environments.orders import Order
from gitexp.errors import ApprovalRequired
from gitexp.experiments.sharing import fetch_project
from gitexp.experiments.versions import Version
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.review.changes.collection import Changes
from gitexp.review.changes.opening import open_change
from gitexp.review.changes.reading import Change
from gitexp.review.policies.guard import guard
from gitexp.store.history import first_parent
from tests.builders import MOMENT, commit_files
from tests.environments.conftest import World, saved

HEAD = b"""\
format: 1

id: bot

parameters:
  temperature:
    type: number
    default: 0.7
  model:
    type: string
    required: true

environments:
  staging: {}
  production:
    policies:
"""
REVIEWED = b"      - {name: reviewed, approvals: {count: 2, expires_after: 7d}}\n"


class Hands:
    """A clock that stands still until somebody moves it on."""

    def __init__(self) -> None:
        self.moment = MOMENT

    def now(self) -> datetime:
        """Return the present moment."""
        return self.moment

    def monotonic(self) -> float:
        """Return the seconds since it began."""
        return (self.moment - MOMENT).total_seconds()

    def on(self, **time: float) -> None:
        """Move it on."""
        self.moment += timedelta(**time)


@dataclass
class Team(World):
    """A shared remote and people who ask, vote and apply."""

    clock: Hands = field(default_factory=Hands)
    people: dict[str, Workspace] = field(default_factory=dict)

    def person(self, name: str) -> Workspace:
        """Return somebody's clone; the same one each time."""
        if name not in self.people:
            made = self.clone(name)
            around = replace(made.surroundings, clock=self.clock)
            self.people[name] = replace(made, guard=guard, surroundings=around)
        return self.people[name]

    def configure(self, name: str, **settings: str) -> None:
        """Give somebody's clone other Git settings, each `section.key` as `section_key`."""
        named = {key.replace("_", ".", 1): value for key, value in settings.items()}
        vars(self.person(name).store)["_config"].update(named)

    def changes(self, name: str) -> Changes:
        """Return the change requests in somebody's clone."""
        return Changes(self.person(name))

    def fetch(self, name: str) -> None:
        """Bring everything over into somebody's clone."""
        fetch_project(self.person(name))

    def define(self, policies: bytes) -> ObjectId:
        """Put other policies for production on the trunk of the shared remote."""
        return commit_files(self.remote, {"gitexp.yaml": HEAD + policies})

    def groups(self, **groups: Mapping[str, list[str]]) -> None:
        """Put groups on the trunk of the shared remote: roles by the first names of people."""
        files: dict[str, bytes | None] = {}
        for name, members in groups.items():
            lines = [f"  {who}@example.org: {{roles: [{', '.join(roles)}]}}"
                     for who, roles in members.items()]  # fmt: skip
            files[f"groups/{name}.yaml"] = "\n".join(["members:", *lines, ""]).encode()
        commit_files(self.remote, files)

    def version(self, name: str = "Ada", **values: Any) -> Version:
        """Return a new shared version of the experiment `checkout`."""
        self.fetch(name)
        return saved(self.person(name), **values)

    def ask(self, name: str = "Ada", environment: str = "production", **asked: Any) -> Change:
        """Return the change request by which somebody asks for the latest version."""
        order = {"action": "promote", "experiment": "checkout", **asked}
        action = order.pop("action")
        workspace = self.person(name)
        return open_change(workspace, Order.of(workspace, action, environment, **order))

    def requested(self, name: str = "Ada", **values: Any) -> Change:
        """Return a change request for a new version."""
        self.version(name, **(values or {"temperature": 0.2}))
        return self.ask(name)

    def approved(self, change: str, *names: str) -> None:
        """Approve a change request in the names of people."""
        for name in names or ("Bob", "Cy"):
            self.changes(name).approve(change)

    def branches(self) -> dict[str, ObjectId]:
        """Return the branches of the shared remote, without `refs/heads/`."""
        found = self.remote.refs("refs/heads/")
        return {ref.removeprefix("refs/heads/"): tip for ref, tip in found.items()}

    def live(self, environment: str = "production") -> Binding | None:
        """Return what an environment's shared branch says."""
        tip = self.branches().get(f"env/bot/{environment}")
        return binding_at(self.remote, tip) if tip else None

    def moves(self, environment: str = "production") -> int:
        """Return how many commits an environment's shared branch has."""
        tip = self.branches().get(f"env/bot/{environment}")
        return len(list(first_parent(self.remote, tip))) if tip else 0

    def state(self, change: str, name: str = "Ada") -> str:
        """Return the state of a change request as somebody sees it after a fetch."""
        self.fetch(name)
        return self.changes(name).get(change).state


@pytest.fixture
def team() -> Team:
    """A shared remote with a project on its trunk."""
    made = Team()
    made.define(REVIEWED)
    return made


def required(caught: pytest.ExceptionInfo[ApprovalRequired]) -> tuple[str, ...]:
    """Return what an error says is missing."""
    return caught.value.missing
