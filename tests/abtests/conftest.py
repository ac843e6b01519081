"""A project in memory, for the tests of A/B tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from gitexp.abtests import editing
from gitexp.abtests.editing import Edits
from gitexp.abtests.making import NewTest, create
from gitexp.abtests.steps import Outcome
from gitexp.documents import schemas
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from gitexp.store.trees import blob_at, tree_of
from tests.builders import FixedClock, commit_files
from tests.experiments.conftest import CONFIG, DEFINITION, workspace_on

METRICS = {"primary": [{"key": "sales", "type": "mean"}]}


@pytest.fixture
def workspace() -> Workspace:
    """A project with nothing but its definition."""
    store = MemoryStore(config=CONFIG)
    commit_files(store, {"gitexp.yaml": DEFINITION, "src/app.py": b"print(1)\n"})
    return workspace_on(store, None, seed=1)


Draft = Callable[..., Workspace]


@pytest.fixture
def draft(workspace: Workspace) -> Draft:
    """Makes a draft: `draft("warm", metrics=...)` returns the workspace."""

    def make(name: str = "warm", **settings: Any) -> Workspace:
        given = {"flag": "words", "variants": (), **settings}
        flag, variants = given.pop("flag"), given.pop("variants")
        settings = {"metrics": METRICS, **given}
        create(workspace, NewTest(experiment=name, flag=flag, variants=variants, settings=settings))
        return workspace

    return make


def at(workspace: Workspace, moment: datetime) -> Workspace:
    """Return the workspace at a moment."""
    around = replace(workspace.surroundings, clock=FixedClock(moment))
    return replace(workspace, surroundings=around)


def file_at(workspace: Workspace, path: str, *, branch: str = "exp/bot/warm") -> Any:
    """Return a YAML file of a branch as values; None where there is none."""
    tip = workspace.store.ref(f"refs/heads/{branch}")
    assert tip is not None
    data = blob_at(workspace.store, tree_of(workspace.store, tip), path)
    return None if data is None else schemas.parse(data, file=path).value


def update(workspace: Workspace, name: str, changes: Mapping[str, Any]) -> Outcome:
    """Change whole keys of the file of a test."""
    return editing.update(workspace, name, Edits(keys=changes))


def edit_by_hand(
    workspace: Workspace, name: str, changes: Mapping[str, Any], *, message: str = "by hand"
) -> None:
    """Commit other values into the file of a test, as a person would; None removes a key."""
    path = f"experiments/{name}/ab-test.yaml"
    data = {**file_at(workspace, path, branch=f"exp/bot/{name}"), **changes}
    content = dump_yaml({key: value for key, value in data.items() if value is not None})
    assert isinstance(workspace.store, MemoryStore)
    commit_files(
        workspace.store, {path: content}, branch=f"exp/bot/{name}", message=message, at=500
    )


def cut_off(workspace: Workspace, missing: str) -> Workspace:
    """Return a workspace on a clone in which a commit is missing."""
    from gitexp.store.cache import DerivedCache
    from tests.project.test_file_history import Shallow

    assert isinstance(workspace.store, MemoryStore)
    store = Shallow(workspace.store, ObjectId(missing))
    return replace(workspace, store=store, cache=DerivedCache(None))
