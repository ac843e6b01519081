"""The story of A/B tests: every step, by whom and in which commit."""

from __future__ import annotations

from gitexp.abtests import lifecycle
from gitexp.experiments.homes import get_home
from gitexp.project.workspace import Workspace
from gitexp.review.telling.ab_events import ab_line
from gitexp.review.telling.timeline import LogQuery, timeline
from tests.abtests.conftest import Draft, edit_by_hand
from tests.abtests.conftest import draft as draft
from tests.abtests.conftest import workspace as workspace


def actions(workspace: Workspace) -> list[str]:
    return [event.action for event in ab_line(workspace, get_home(workspace, "warm"))]


def test_every_step_is_told(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.pause(workspace, "warm")
    lifecycle.resume(workspace, "warm")
    lifecycle.freeze(workspace, "warm")
    lifecycle.unfreeze(workspace, "warm")
    edit_by_hand(workspace, "warm", {"title": "Warm words"}, message="a better title")
    lifecycle.end(workspace, "warm", conclusion="won")
    lifecycle.ship(workspace, "warm", "test")
    lifecycle.archive(workspace, "warm")
    lifecycle.unarchive(workspace, "warm")
    lifecycle.reset(workspace, "warm")
    assert actions(workspace) == [
        "ab-create", "ab-launch", "ab-pause", "ab-resume", "ab-freeze", "ab-unfreeze", "ab-change",
        "ab-end", "ab-ship", "ab-archive", "ab-unarchive", "ab-reset",
    ]  # fmt: skip
    line = ab_line(workspace, get_home(workspace, "warm"))
    assert (line[0].text, line[6].text) == ("A/B test of control, test", "a better title")
    assert line[7].details == {"from": "running", "to": "stopped", "conclusion": "won"}
    assert line[8].details["shipped"] == "test"


def test_the_timeline_of_an_experiment_holds_the_steps(draft: Draft) -> None:
    workspace = draft()
    done = lifecycle.launch(workspace, "warm")
    told = timeline(workspace, LogQuery(experiment="warm"))
    launched = next(event for event in told.events if event.action == "ab-launch")
    assert (launched.kind, launched.commit, launched.experiment) == (
        "lifecycle",
        done.commit,
        "warm",
    )
    assert not any(
        event.action.startswith("ab-")
        for event in timeline(workspace, LogQuery(experiment="warm", kinds=("save",))).events
    )


def test_an_experiment_without_a_test_has_no_steps(workspace: Workspace) -> None:
    from gitexp.experiments.lifecycle import NewExperiment, create

    create(workspace, NewExperiment(name="warm"))
    assert actions(workspace) == []


def test_a_file_that_somebody_broke_is_told_too(draft: Draft) -> None:
    workspace = draft()
    edit_by_hand(workspace, "warm", {"colour": "red"}, message="oops")
    edit_by_hand(workspace, "warm", {"colour": None}, message="mended")
    assert actions(workspace) == ["ab-create", "ab-change", "ab-change"]
