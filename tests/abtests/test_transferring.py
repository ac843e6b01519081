"""Copies of A/B tests in other projects."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.making import Copy, NewTest, create
from gitexp.abtests.reading import read_test
from gitexp.abtests.transferring import copy_into
from gitexp.errors import AlreadyExists, InvalidInput, NotAllowed
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import delete
from gitexp.project.workspace import Workspace
from gitexp.store.memory import MemoryStore
from tests.abtests.conftest import METRICS, Draft, file_at
from tests.builders import commit_files
from tests.experiments.conftest import CONFIG, DEFINITION, workspace_on

TWO = [{"key": "control", "split": 80}, {"key": "test", "split": 20}]


@pytest.fixture
def shop() -> Workspace:
    """Another project."""
    store = MemoryStore(config=CONFIG)
    commit_files(store, {"gitexp.yaml": DEFINITION})
    return workspace_on(store, None, seed=2)


def launched(workspace: Workspace) -> Workspace:
    """Return the workspace with a test that hands something out with a variant, and runs."""
    new = NewTest(
        experiment="warm",
        flag="words",
        variants=TWO,
        settings={"title": "Warm words", "metrics": METRICS, "minimum": {"sample_size": 70}},
        payloads={"test": {"tone": "warm"}},
    )
    create(workspace, new)
    lifecycle.launch(workspace, "warm")
    return workspace


def test_a_copy_in_another_project_is_a_draft_with_a_flag_that_is_off(
    workspace: Workspace, shop: Workspace
) -> None:
    made = copy_into(shop, launched(workspace), "warm", Copy()).test
    first = read_test(workspace, "warm")
    assert (made.experiment, made.title, made.flag) == ("warm", "Warm words", "words")
    assert (made.status, made.started_at, first.status) == ("draft", None, "running")
    assert (made.variants, made.metrics, made.minimum) == (
        first.variants,
        first.metrics,
        first.minimum,
    )
    flag = file_at(shop, "flags/words.yaml")
    assert flag["active"] is False
    assert flag["variants"] == [
        {"key": "control", "weight": 80},
        {"key": "test", "weight": 20, "payload": {"tone": "warm"}},
    ]
    assert lifecycle.launch(shop, "warm").test.status == "running"


def test_a_copy_in_another_project_may_have_other_names(
    workspace: Workspace, shop: Workspace
) -> None:
    copy = Copy(name="cosy", title="Cosy words", flag="tones")
    made = copy_into(shop, launched(workspace), "warm", copy).test
    assert (made.experiment, made.title, made.flag) == ("cosy", "Cosy words", "tones")


def test_what_is_taken_in_the_other_project_is_not_overwritten(
    workspace: Workspace, shop: Workspace
) -> None:
    copy_into(shop, launched(workspace), "warm", Copy())
    tip = get_home(shop, "warm").tip
    with pytest.raises(AlreadyExists, match="has an A/B test already"):
        copy_into(shop, workspace, "warm", Copy())
    assert get_home(shop, "warm").tip == tip
    commit_files(shop.store, {"gitexp.yaml": DEFINITION, "flags/more.yaml": b"active: true\n"})
    with pytest.raises(InvalidInput, match="has the variants none, not control, test"):
        copy_into(shop, workspace, "warm", Copy(name="cosy", flag="more"))


def test_a_test_of_the_versions_of_a_prompt_stays_in_its_project(
    draft: Draft, shop: Workspace
) -> None:
    compared: dict[str, Any] = {"name": "reply", "versions": [1, 2], "templates": ["cost"]}
    with pytest.raises(NotAllowed, match="compares versions of prompt 'reply'"):
        copy_into(shop, draft(prompt=compared), "warm", Copy())


def test_a_test_of_a_deleted_experiment_is_not_copied(draft: Draft, shop: Workspace) -> None:
    workspace = draft()
    delete(workspace, "warm", unbind=lambda tx, experiment: [])
    with pytest.raises(NotAllowed, match="experiment 'warm' is deleted"):
        copy_into(shop, workspace, "warm", Copy())
