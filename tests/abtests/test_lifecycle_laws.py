"""Laws of the life of an A/B test, whatever steps are tried in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitexp.abtests import lifecycle
from gitexp.abtests.launches import launch_of
from gitexp.abtests.making import NewTest, create
from gitexp.abtests.problems import faults
from gitexp.abtests.reading import read_test
from gitexp.abtests.steps import Outcome
from gitexp.errors import GitexpError
from gitexp.experiments.homes import get_home
from gitexp.project.workspace import Workspace
from gitexp.review.validating import validate
from gitexp.store.history import first_parent
from gitexp.store.memory import MemoryStore
from tests.abtests.conftest import METRICS, file_at, update
from tests.builders import commit_files
from tests.experiments.conftest import CONFIG, DEFINITION, workspace_on

Step = Callable[[Workspace], Outcome]
MORE: dict[str, Any] = {"primary": [*METRICS["primary"], {"key": "more", "type": "mean"}]}
STEPS: dict[str, Step] = {
    "launch": lambda w: lifecycle.launch(w, "warm"),
    "pause": lambda w: lifecycle.pause(w, "warm"),
    "resume": lambda w: lifecycle.resume(w, "warm"),
    "freeze": lambda w: lifecycle.freeze(w, "warm"),
    "unfreeze": lambda w: lifecycle.unfreeze(w, "warm"),
    "end": lambda w: lifecycle.end(w, "warm", conclusion="lost"),
    "ship": lambda w: lifecycle.ship(w, "warm", "test"),
    "reset": lambda w: lifecycle.reset(w, "warm"),
    "archive": lambda w: lifecycle.archive(w, "warm"),
    "unarchive": lambda w: lifecycle.unarchive(w, "warm"),
    "more": lambda w: update(w, "warm", {"metrics": MORE}),
    "fewer": lambda w: update(w, "warm", {"metrics": METRICS}),
    "split": lambda w: update(
        w, "warm", {"variants": [{"key": "control", "split": 60}, {"key": "test", "split": 40}]}
    ),
}
MOVES = {
    "launch": {("draft", "running")},
    "pause": {("running", "paused")},
    "resume": {("paused", "running")},
    "freeze": {("running", "running"), ("paused", "paused")},
    "unfreeze": {("running", "running"), ("paused", "paused")},
    "end": {("running", "stopped"), ("paused", "stopped")},
    "ship": {("running", "stopped"), ("paused", "stopped"), ("stopped", "stopped")},
    "reset": {("running", "draft"), ("paused", "draft"), ("stopped", "draft")},
    "archive": {("stopped", "stopped")},
    "unarchive": {("stopped", "stopped")},
}


def a_draft() -> Workspace:
    store = MemoryStore(config=CONFIG)
    commit_files(store, {"gitexp.yaml": DEFINITION})
    workspace = workspace_on(store, None, seed=1)
    create(workspace, NewTest(experiment="warm", flag="words", settings={"metrics": METRICS}))
    return workspace


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_a_step_is_one_commit_of_a_right_document_or_nothing(steps: list[str]) -> None:
    workspace = a_draft()
    for name in steps:
        tip, before = get_home(workspace, "warm").tip, read_test(workspace, "warm")
        try:
            done = STEPS[name](workspace)
        except GitexpError:
            assert get_home(workspace, "warm").tip == tip
            continue
        after = read_test(workspace, "warm")
        assert after == done.test
        assert list(faults(after.document)) == []
        made = [c.id for c in first_parent(workspace.store, get_home(workspace, "warm").tip)]
        assert made.index(tip) == (0 if done.commit is None else 1)
        if name in MOVES:
            assert (before.status, after.status) in MOVES[name]


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_what_a_launch_locked_stands_until_a_reset(steps: list[str]) -> None:
    workspace = a_draft()
    launched = None
    for name in steps:
        try:
            done = STEPS[name](workspace)
        except GitexpError:
            continue
        if name == "launch":
            launched = done
        elif name == "reset":
            launched = None
    test = read_test(workspace, "warm")
    found = launch_of(workspace, "warm", get_home(workspace, "warm").tip)
    assert (found is None) == (test.status == "draft") == (launched is None)
    if found is not None and launched is not None:
        assert found.commit == launched.commit
        assert list(found.locked(test)) == []
        assert test.variants == launched.test.variants
    assert validate(workspace, revision="exp/bot/warm").valid


@given(st.lists(st.sampled_from(["launch", "pause", "resume", "end", "reset"]), max_size=8))
def test_a_flag_is_on_while_its_test_runs(steps: list[str]) -> None:
    workspace = a_draft()
    for name in steps:
        try:
            STEPS[name](workspace)
        except GitexpError:
            continue
        status = read_test(workspace, "warm").status
        active = file_at(workspace, "flags/words.yaml")["active"]
        if status in ("running", "paused"):
            assert active == (status == "running")
