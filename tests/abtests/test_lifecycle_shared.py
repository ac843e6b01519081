"""A/B tests in several clones: of two who move one at once, one does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.launches import launch_of
from gitexp.abtests.making import NewTest, create
from gitexp.abtests.reading import read_test
from gitexp.errors import Conflict
from gitexp.experiments.homes import get_home
from gitexp.experiments.joining import pull
from gitexp.experiments.sharing import fetch_project, share
from gitexp.project.workspace import Workspace
from tests.abtests.conftest import update
from tests.experiments.conftest import another_clone as another_clone
from tests.experiments.conftest import remote_store as remote_store
from tests.experiments.conftest import workspace as workspace

METRICS = {"primary": [{"key": "sales", "type": "mean"}]}
Clone = Callable[[], Workspace]


@pytest.fixture
def other(workspace: Workspace, another_clone: Clone) -> Workspace:
    """A second clone of a shared draft."""
    create(workspace, NewTest(experiment="warm", flag="words", settings={"metrics": METRICS}))
    share(workspace, "warm")
    return another_clone()


def test_a_second_launch_is_refused_where_it_is_shared_and_gives_way(
    workspace: Workspace, other: Workspace
) -> None:
    lifecycle.launch(workspace, "warm")
    lifecycle.launch(other, "warm")
    share(workspace, "warm")
    with pytest.raises(Conflict):
        share(other, "warm")
    fetch_project(other)
    with pytest.raises(Conflict) as caught:
        pull(other, "warm")
    assert "conflict in experiments/warm/ab-test.yaml" in caught.value.message
    assert caught.value.hint == (
        "Decide for one side of the A/B test with `gitexp pull warm --take theirs` or "
        "`--take ours`."
    )
    pull(other, "warm", take="theirs")
    launched = launch_of(other, "warm", get_home(other, "warm").tip)
    assert launched is not None
    assert launched.commit == get_home(workspace, "warm").tip
    assert read_test(other, "warm") == read_test(workspace, "warm")


def test_a_pause_here_and_a_new_metric_there_come_together(
    workspace: Workspace, other: Workspace
) -> None:
    lifecycle.launch(workspace, "warm")
    share(workspace, "warm")
    fetch_project(other)
    lifecycle.pause(workspace, "warm")
    share(workspace, "warm")
    more = {"primary": [*METRICS["primary"], {"key": "visits", "type": "mean"}]}
    update(other, "warm", {"metrics": more})
    fetch_project(other)
    pull(other, "warm")
    test = read_test(other, "warm")
    assert (test.status, [metric.key for metric in test.metrics]) == ("paused", ["sales", "visits"])
    launched = launch_of(other, "warm", get_home(other, "warm").tip)
    assert launched is not None
    assert launched.marks(test) == {"visits": "added after launch"}
