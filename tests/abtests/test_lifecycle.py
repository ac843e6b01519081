"""The life of an A/B test, step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from gitexp.abtests import lifecycle
from gitexp.abtests.launches import launch_of
from gitexp.abtests.reading import read_test
from gitexp.abtests.steps import Outcome
from gitexp.clock import iso
from gitexp.errors import InvalidDocuments, InvalidInput, MissingObject, NotAllowed, NotFound
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import delete
from gitexp.experiments.renaming import rename
from gitexp.project.workspace import Workspace
from gitexp.store.trees import read_commit
from tests.abtests.conftest import Draft, at, cut_off, edit_by_hand, file_at, update
from tests.builders import commit_files
from tests.experiments.conftest import DEFINITION

TEST = "experiments/warm/ab-test.yaml"
FLAG = "flags/words.yaml"
FIT = (
    "`gitexp ab launch warm --fit-flag` makes flag words fit: it gets the variants and the splits "
    "of the test."
)
PUBLISH = (
    "Applications see flag words as it is shared and then published: "
    "`gitexp flag publish words ENVIRONMENT --experiment warm`."
)


def message_of(workspace: Workspace) -> str:
    tip = get_home(workspace, "warm").tip
    return read_commit(workspace.store, tip).message.strip()


def weights(workspace: Workspace) -> list[float]:
    return [variant["weight"] for variant in file_at(workspace, FLAG)["variants"]]


# --- the steps --------------------------------------------------------------------------------


def test_a_launch_starts_the_clock_and_turns_the_flag_on_in_one_commit(draft: Draft) -> None:
    workspace = draft()
    before = get_home(workspace, "warm").tip
    done = lifecycle.launch(workspace, "warm")
    assert done.commit == get_home(workspace, "warm").tip
    assert read_commit(workspace.store, done.commit).parents == (before,)
    assert message_of(workspace) == "warm: launch A/B test"
    assert done.test.status == "running"
    assert done.test.started_at is not None
    assert file_at(workspace, TEST)["started_at"].endswith("Z")
    assert file_at(workspace, FLAG)["active"] is True
    assert done.notes == (
        "Results need exposures: name them below `data` in ab-test.yaml.",
        PUBLISH,
    )


def test_a_pause_turns_the_flag_off_and_a_resumption_turns_it_on(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    assert lifecycle.pause(workspace, "warm").test.status == "paused"
    assert file_at(workspace, FLAG)["active"] is False
    assert lifecycle.resume(workspace, "warm").test.status == "running"
    assert file_at(workspace, FLAG)["active"] is True


def test_exposure_is_frozen_and_unfrozen(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    frozen = lifecycle.freeze(workspace, "warm").test
    assert (frozen.status, frozen.exposure_frozen) == ("running", True)
    assert frozen.frozen_at is not None
    thawed = lifecycle.unfreeze(workspace, "warm").test
    assert (thawed.exposure_frozen, thawed.frozen_at) == (False, None)


def test_an_end_keeps_the_flag_and_what_came_out_of_it(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    done = lifecycle.end(workspace, "warm", conclusion="lost", note="no effect")
    assert (done.test.status, done.test.conclusion, done.test.note) == (
        "stopped",
        "lost",
        "no effect",
    )
    assert done.test.started_at is not None
    assert done.test.ended_at is not None
    assert done.test.started_at < done.test.ended_at
    assert file_at(workspace, FLAG)["active"] is True
    assert done.notes == ("The flag words is still on: ship a variant, or switch it off.",)


def test_a_conclusion_can_be_drawn_later(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.end(workspace, "warm")
    assert lifecycle.conclude(workspace, "warm", conclusion="won").test.conclusion == "won"
    with pytest.raises(InvalidInput, match="'great' is not a conclusion") as caught:
        lifecycle.conclude(workspace, "warm", conclusion="great")
    assert caught.value.hint == "One of won, lost, inconclusive, stopped_early, invalid."


def test_shipping_gives_everybody_one_variant_and_ends_the_test(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    done = lifecycle.ship(workspace, "warm", "test", conclusion="won")
    assert (done.test.status, done.test.shipped, done.test.conclusion) == ("stopped", "test", "won")
    assert weights(workspace) == [0, 100]
    assert [variant.split for variant in done.test.variants] == [50, 50]
    assert done.notes[0].startswith(
        "Applications see flag words as it is shared and then published"
    )


def test_a_test_that_is_over_can_still_ship_and_keeps_its_end(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    ended = lifecycle.end(workspace, "warm").test.ended_at
    done = lifecycle.ship(workspace, "warm", "control")
    assert (done.test.shipped, done.test.ended_at) == ("control", ended)
    assert weights(workspace) == [100, 0]


def test_shipping_to_everyone_leaves_no_condition_in_the_way(draft: Draft) -> None:
    workspace = draft()
    flag = file_at(workspace, FLAG)
    narrow = [{"rollout": 10}]
    edit_flag(workspace, {**flag, "rollout": 20, "conditions": narrow})
    lifecycle.launch(workspace, "warm")
    lifecycle.ship(workspace, "warm", "test", to_everyone=True)
    after = file_at(workspace, FLAG)
    assert after["rollout"] == 100
    assert after["conditions"] == [{"rollout": 100}, *narrow]


def edit_flag(workspace: Workspace, flag: Any) -> None:
    from gitexp.documents.yaml_writer import dump_yaml

    commit_files(
        workspace.store, {FLAG: dump_yaml(flag)}, branch="exp/bot/warm", message="flag", at=400
    )


def test_conditions_that_pass_the_lot_over_are_pointed_out(draft: Draft) -> None:
    workspace = draft()
    narrow = [{"properties": [{"key": "staff", "value": True}], "variant": "control"}]
    edit_flag(workspace, {**file_at(workspace, FLAG), "conditions": narrow})
    launched = lifecycle.launch(workspace, "warm")
    assert (
        "Conditions of flag words give control to all who fit them: those are not drawn by lot, "
        "so keep them out of the exposures."
    ) in launched.notes
    shipped = lifecycle.ship(workspace, "warm", "test")
    assert shipped.notes[0] == "Conditions of the flag still give control to all who fit them."
    to_all = lifecycle.ship(workspace, "warm", "test", to_everyone=True)
    assert not any("still give" in note for note in to_all.notes)


def test_a_flag_that_serves_another_test_is_pointed_out(draft: Draft) -> None:
    workspace = draft()
    draft("other")
    lifecycle.launch(workspace, "other")
    notes = lifecycle.launch(workspace, "warm").notes
    assert "Flag words serves other too, which goes on." in notes


def test_a_deleted_test_serves_nobody(draft: Draft) -> None:
    workspace = draft()
    draft("other")
    lifecycle.launch(workspace, "other")
    delete(workspace, "other", unbind=lambda tx, experiment: [])
    assert not any("serves" in note for note in lifecycle.launch(workspace, "warm").notes)


@pytest.mark.parametrize("step", [lifecycle.end, lifecycle.freeze])
def test_clocks_that_are_a_little_apart_take_no_step_back(
    draft: Draft, step: Callable[[Workspace, str], Outcome]
) -> None:
    workspace = draft()
    begun = lifecycle.launch(workspace, "warm").test.started_at
    assert begun is not None
    test = step(at(workspace, begun - timedelta(minutes=4)), "warm").test
    assert begun in (test.ended_at, test.frozen_at)


@pytest.mark.parametrize("step", [lifecycle.end, lifecycle.freeze])
def test_a_launch_that_is_still_to_come_is_not_followed_by_anything(
    draft: Draft, step: Callable[[Workspace, str], Outcome]
) -> None:
    workspace = draft()
    edit_by_hand(workspace, "warm", {"status": "running", "started_at": "2030-01-01T00:00:00Z"})
    with pytest.raises(NotAllowed) as caught:
        step(workspace, "warm")
    assert caught.value.message == (
        "the A/B test of 'warm' begins at 2030-01-01T00:00:00Z, which is still to come"
    )


def test_the_moment_of_a_launch_that_was_edited_by_hand_is_found(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    test = read_test(workspace, "warm")
    edit_by_hand(workspace, "warm", {"started_at": "2026-01-02T00:00:00Z"})
    launched = launch_of(workspace, "warm", get_home(workspace, "warm").tip)
    assert launched is not None
    assert test.started_at is not None
    assert list(launched.locked(test)) == []
    assert list(launched.locked(read_test(workspace, "warm"))) == [
        (("started_at",), f"it was {iso(test.started_at)}")
    ]


def test_shipping_to_everyone_leaves_no_holdout_and_no_namespace(draft: Draft) -> None:
    workspace = draft()
    hashing = {"method": "growthbook", "namespace": {"name": "n", "from": 0, "to": 0.5}}
    flag = {**file_at(workspace, FLAG), "hashing": hashing, "holdout": {"id": "h", "percent": 5}}
    edit_flag(workspace, flag)
    lifecycle.launch(workspace, "warm")
    lifecycle.ship(workspace, "warm", "test", to_everyone=True)
    after = file_at(workspace, FLAG)
    assert after["hashing"] == {"method": "growthbook"}
    assert "holdout" not in after


def test_what_the_flag_has_not_cannot_be_shipped(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    with pytest.raises(InvalidInput) as caught:
        lifecycle.ship(workspace, "warm", "other")
    assert caught.value.message == "there is no variant 'other' on flag 'words'"
    assert caught.value.hint == "There are control, test."


def test_a_reset_forgets_the_launch_and_leaves_the_flag(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.freeze(workspace, "warm")
    lifecycle.end(workspace, "warm", conclusion="invalid", note="wrong data")
    lifecycle.archive(workspace, "warm")
    done = lifecycle.reset(workspace, "warm")
    assert set(file_at(workspace, TEST)) == {"status", "flag", "variants", "metrics"}
    assert done.test.status == "draft"
    assert file_at(workspace, FLAG)["active"] is True
    assert done.notes == ("The flag words is still on, as a reset leaves it.",)


def test_a_reset_says_what_keeps_a_shipped_test_from_being_launched_again(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.ship(workspace, "warm", "test")
    assert lifecycle.reset(workspace, "warm").notes == (
        "The flag words is still on, as a reset leaves it.",
        "It cannot be launched like this: flag 'words' shares by 0/100, and the test by 50/50.",
        FIT,
    )


def test_a_launch_refused_for_its_flag_says_how_that_is_made_to_fit(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.ship(workspace, "warm", "test")
    lifecycle.reset(workspace, "warm")
    with pytest.raises(NotAllowed) as caught:
        lifecycle.launch(workspace, "warm")
    assert caught.value.hint == FIT
    done = lifecycle.launch(workspace, "warm", fit_flag=True)
    assert done.commit == get_home(workspace, "warm").tip
    assert weights(workspace) == [50, 50]
    assert done.notes[-1] == PUBLISH


def test_a_flag_that_is_made_to_fit_keeps_what_it_hands_out(draft: Draft) -> None:
    workspace = draft()
    flag = file_at(workspace, FLAG)
    payloads = [
        {"key": "test", "weight": 60, "payload": {"tone": "warm"}},
        {"key": "other", "weight": 40},
    ]
    edit_flag(workspace, {**flag, "rollout": 20, "variants": payloads})
    lifecycle.launch(workspace, "warm", fit_flag=True)
    after = file_at(workspace, FLAG)
    assert (after["active"], after["rollout"]) == (True, 20)
    assert after["variants"] == [
        {"key": "test", "weight": 50, "payload": {"tone": "warm"}},
        {"key": "control", "weight": 50},
    ]


def test_a_flag_that_is_not_there_is_made_or_taken_from_the_trunk(draft: Draft) -> None:
    workspace = draft()
    update(workspace, "warm", {"flag": "new"})
    draft("cold", flag="cold-words")
    text = b"active: false\nrollout: 10\nvariants:\n- {key: test, weight: 100}\n"
    commit_files(workspace.store, {"flags/there.yaml": text}, at=450)
    update(workspace, "cold", {"flag": "there"})
    lifecycle.launch(workspace, "warm", fit_flag=True)
    lifecycle.launch(workspace, "cold", fit_flag=True)
    made = file_at(workspace, "flags/new.yaml")
    assert (made["active"], [one["weight"] for one in made["variants"]]) == (True, [50, 50])
    taken = file_at(workspace, "flags/there.yaml", branch="exp/bot/cold")
    assert (taken["rollout"], len(taken["variants"])) == (10, 2)


def test_what_does_not_lie_in_the_flag_is_not_mended_by_fitting_it(draft: Draft) -> None:
    workspace = draft(metrics={})
    edit_flag(workspace, {**file_at(workspace, FLAG), "rollout": 0})
    with pytest.raises(NotAllowed) as caught:
        lifecycle.launch(workspace, "warm", fit_flag=True)
    assert caught.value.message.endswith(
        "flag 'words' is rolled out to nobody; it has no primary metric"
    )
    assert caught.value.hint == (
        "Correct that in its ab-test.yaml and in the flag, then launch it again."
    )


def test_a_step_brings_in_a_trunk_whose_definition_has_moved_on(draft: Draft) -> None:
    workspace = draft()
    before = get_home(workspace, "warm").tip
    moved = DEFINITION.replace(b"  staging: {}\n", b"")
    trunk = commit_files(workspace.store, {"gitexp.yaml": moved}, at=450)
    done = lifecycle.launch(workspace, "warm")
    assert done.commit is not None
    assert read_commit(workspace.store, done.commit).parents == (before, trunk)
    assert done.notes[-1] == PUBLISH.replace("ENVIRONMENT", "production")


def test_shipping_again_to_everyone_adds_no_second_condition(draft: Draft) -> None:
    workspace = draft()
    edit_flag(workspace, {**file_at(workspace, FLAG), "conditions": [{"rollout": 10}]})
    lifecycle.launch(workspace, "warm")
    for variant in ("test", "control"):
        lifecycle.ship(workspace, "warm", variant, to_everyone=True)
    assert file_at(workspace, FLAG)["conditions"] == [{"rollout": 100}, {"rollout": 10}]


def test_a_test_is_archived_and_shown_again(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.end(workspace, "warm")
    assert lifecycle.archive(workspace, "warm").test.archived
    assert not lifecycle.unarchive(workspace, "warm").test.archived


# --- what is refused --------------------------------------------------------------------------

NOT_YET = "has not been launched yet: it is draft, and must be running, paused or stopped"
STEPS: dict[str, Callable[[Workspace], Outcome]] = {
    "launch": lambda w: lifecycle.launch(w, "warm"),
    "pause": lambda w: lifecycle.pause(w, "warm"),
    "resume": lambda w: lifecycle.resume(w, "warm"),
    "freeze": lambda w: lifecycle.freeze(w, "warm"),
    "unfreeze": lambda w: lifecycle.unfreeze(w, "warm"),
    "end": lambda w: lifecycle.end(w, "warm"),
    "conclude": lambda w: lifecycle.conclude(w, "warm", conclusion="won"),
    "ship": lambda w: lifecycle.ship(w, "warm", "test"),
    "reset": lambda w: lifecycle.reset(w, "warm"),
    "archive": lambda w: lifecycle.archive(w, "warm"),
    "unarchive": lambda w: lifecycle.unarchive(w, "warm"),
}


@pytest.mark.parametrize(
    ("before", "step", "message"),
    [
        ("launch", "launch", "is running, and must be draft to be launched"),
        ("launch pause", "launch", "is paused, and must be draft to be launched"),
        ("launch end", "launch", "has ended: it is stopped, and must be draft to be launched"),
        ("", "pause", "has not been launched yet: it is draft, and must be running to be paused"),
        ("launch pause", "pause", "is paused, and must be running to be paused"),
        ("launch", "resume", "is running, and must be paused to be resumed"),
        ("", "freeze",
         "has not been launched yet: it is draft, and must be running or paused to be frozen"),
        ("", "end",
         "has not been launched yet: it is draft, and must be running or paused to be ended"),
        ("launch end", "end",
         "has ended: it is stopped, and must be running or paused to be ended"),
        ("launch", "conclude",
         "is running, and must be stopped to have a conclusion"),
        ("", "ship", f"{NOT_YET} to be shipped"),
        ("", "reset", f"{NOT_YET} to be reset"),
        ("launch", "archive", "is running, and must be stopped to be archived"),
        ("launch end archive", "archive", "is archived already"),
        ("launch end", "unarchive", "is not archived: it is stopped"),
    ],
)  # fmt: skip
def test_a_step_that_the_state_forbids_names_both_states(
    draft: Draft, before: str, step: str, message: str
) -> None:
    workspace = draft()
    for verb in before.split():
        STEPS[verb](workspace)
    tip = get_home(workspace, "warm").tip
    with pytest.raises(NotAllowed) as caught:
        STEPS[step](workspace)
    assert caught.value.message == f"the A/B test of 'warm' {message}"
    assert get_home(workspace, "warm").tip == tip


def test_an_exposure_is_frozen_once(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    with pytest.raises(NotAllowed, match="the exposure of the A/B test of 'warm' is not frozen"):
        lifecycle.unfreeze(workspace, "warm")
    lifecycle.freeze(workspace, "warm")
    with pytest.raises(NotAllowed, match="the exposure of the A/B test of 'warm' is frozen al"):
        lifecycle.freeze(workspace, "warm")


def test_an_experiment_without_a_test_takes_no_step(workspace: Workspace) -> None:
    from gitexp.experiments.lifecycle import NewExperiment, create

    create(workspace, NewExperiment(name="warm"))
    with pytest.raises(NotFound) as caught:
        lifecycle.launch(workspace, "warm")
    assert caught.value.message == "experiment 'warm' has no A/B test"
    assert caught.value.hint == "Make it one with `gitexp ab create warm --flag KEY`."


def test_a_deleted_experiment_takes_no_step(draft: Draft) -> None:
    workspace = draft()
    delete(workspace, "warm", unbind=lambda tx, experiment: [])
    with pytest.raises(NotAllowed, match="experiment 'warm' is deleted"):
        lifecycle.launch(workspace, "warm")


# --- what a launch needs ----------------------------------------------------------------------


def refusal(workspace: Workspace) -> str:
    with pytest.raises(NotAllowed) as caught:
        lifecycle.launch(workspace, "warm")
    start = "the A/B test of 'warm' is not ready to be launched: "
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start)


def test_a_launch_needs_a_metric_that_decides(draft: Draft) -> None:
    assert refusal(draft(metrics={})) == "it has no primary metric"


def test_a_launch_needs_its_flag(draft: Draft) -> None:
    workspace = draft()
    commit_files(workspace.store, {FLAG: None}, branch="exp/bot/warm", at=400)
    assert refusal(workspace) == "there is no flag 'words'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"variants": [{"key": "control", "weight": 40}, {"key": "test", "weight": 60}]},
            "flag 'words' shares by 40/60, and the test by 50/50",
        ),
        (
            {"variants": [{"key": "control", "weight": 50}, {"key": "b", "weight": 50}]},
            "flag 'words' has the variants control, b, and the test control, test",
        ),
        ({"rollout": 0}, "flag 'words' is rolled out to nobody"),
    ],
)
def test_a_launch_needs_a_flag_that_gives_its_variants(
    draft: Draft, change: Any, message: str
) -> None:
    workspace = draft()
    edit_flag(workspace, {**file_at(workspace, FLAG), **change})
    assert refusal(workspace) == message


def test_everything_that_a_launch_lacks_is_said_at_once(draft: Draft) -> None:
    workspace = draft(
        metrics={"secondary": [{"key": "a", "type": "mean"}]},
        data={"exposures": {"file": "e.csv"}},
    )
    commit_files(workspace.store, {FLAG: None}, branch="exp/bot/warm", at=400)
    assert refusal(workspace) == (
        "there is no flag 'words'; it has no primary metric; metric 'a' has no source of data"
    )


# --- what a launch locks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flag": "other"}, "flag: it was 'words'"),
        (
            {"variants": [{"key": "control", "split": 60}, {"key": "test", "split": 40}]},
            "variants: the splits were 50/50",
        ),
        (
            {"variants": [{"key": "control"}, {"key": "other"}]},
            "variants: they were control, test",
        ),
        ({"exposure": {"event": "seen"}}, "exposure: the exposure rule was another one"),
    ],
)
def test_what_locks_at_launch_cannot_be_changed_later(
    draft: Draft, changes: Any, message: str
) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    with pytest.raises(NotAllowed) as caught:
        update(workspace, "warm", changes)
    assert caught.value.message == (
        "the A/B test of 'warm' is running, and its variants, splits, flag and exposure are "
        f"locked since its launch: {message}"
    )
    lifecycle.reset(workspace, "warm")
    assert update(workspace, "warm", changes).commit is not None


def test_metrics_words_and_statistics_change_at_any_time(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    named = [{"key": "control", "name": "Old"}, {"key": "test", "name": "New", "description": "x"}]
    after = update(
        workspace,
        "warm",
        {"variants": named, "statistics": {"method": "bayesian"}, "title": "Warm words"},
    ).test
    assert [variant.name for variant in after.variants] == ["Old", "New"]
    assert (after.statistics.method, after.title) == ("bayesian", "Warm words")


def test_what_a_step_writes_is_not_changed_directly(draft: Draft) -> None:
    workspace = draft()
    with pytest.raises(InvalidInput, match='cannot change "status", "shipped" directly'):
        update(workspace, "warm", {"status": "stopped", "shipped": "test"})


def test_a_change_that_is_not_right_is_refused(draft: Draft) -> None:
    workspace = draft()
    with pytest.raises(InvalidDocuments) as caught:
        update(workspace, "warm", {"statistics": {"confidence": 2}, "colour": "red"})
    assert len(caught.value.problems) == 2


def test_a_change_to_what_stands_already_makes_no_commit(draft: Draft) -> None:
    workspace = draft(title="Warm")
    assert update(workspace, "warm", {"title": "Warm"}).commit is None


# --- what history proves ----------------------------------------------------------------------


def marks(workspace: Workspace) -> dict[str, str]:
    launched = launch_of(workspace, "warm", get_home(workspace, "warm").tip)
    assert launched is not None
    return dict(launched.marks(read_test(workspace, "warm")))


def test_a_metric_that_was_added_after_the_launch_is_marked(draft: Draft) -> None:
    workspace = draft(metrics={"primary": [{"key": "sales", "type": "mean"}]})
    lifecycle.launch(workspace, "warm")
    assert marks(workspace) == {}
    update(
        workspace,
        "warm",
        {
            "metrics": {
                "primary": [
                    {"key": "sales", "type": "mean", "name": "Sales"},
                    {"key": "visits", "type": "mean"},
                ]
            }
        },
    )
    assert marks(workspace) == {"visits": "added after launch"}


def test_a_mark_is_no_field_that_somebody_could_leave_out(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    changed = {"primary": [{"key": "sales", "type": "proportion"}, {"key": "b", "type": "mean"}]}
    edit_by_hand(workspace, "warm", {"metrics": changed})
    assert marks(workspace) == {"sales": "changed after launch", "b": "added after launch"}


def test_a_launch_after_a_reset_is_the_one_that_counts(draft: Draft) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.reset(workspace, "warm")
    assert launch_of(workspace, "warm", get_home(workspace, "warm").tip) is None
    update(workspace, "warm", {"metrics": {"primary": [{"key": "b", "type": "mean"}]}})
    second = lifecycle.launch(workspace, "warm").commit
    launched = launch_of(workspace, "warm", get_home(workspace, "warm").tip)
    assert launched is not None
    assert launched.commit == second
    assert marks(workspace) == {}


def test_a_launch_by_hand_counts(draft: Draft) -> None:
    workspace = draft()
    edit_by_hand(workspace, "warm", {"status": "running", "started_at": "2026-01-01T00:00:00Z"})
    launched = launch_of(workspace, "warm", get_home(workspace, "warm").tip)
    assert launched is not None
    assert launched.commit == get_home(workspace, "warm").tip


def test_a_launch_is_found_through_a_rename(draft: Draft) -> None:
    workspace = draft()
    commit = lifecycle.launch(workspace, "warm").commit
    rename(workspace, "warm", "cosy")
    launched = launch_of(workspace, "cosy", get_home(workspace, "cosy").tip)
    assert launched is not None
    assert launched.commit == commit
    assert lifecycle.end(workspace, "cosy").test.status == "stopped"


def test_a_shallow_clone_does_not_guess_what_was_launched(
    draft: Draft,
) -> None:
    workspace = draft()
    lifecycle.launch(workspace, "warm")
    lifecycle.pause(workspace, "warm")
    home = get_home(workspace, "warm")
    launched, first = home.tip, read_commit(workspace.store, home.tip).parents[0]
    cut = cut_off(workspace, first)
    with pytest.raises(MissingObject) as caught:
        launch_of(cut, "warm", launched)
    assert caught.value.message == (
        "the history of this clone is cut off after the launch of the A/B test of 'warm'"
    )
    assert caught.value.hint == "Fetch the rest with `git fetch --unshallow`."


# --- races ------------------------------------------------------------------------------------


def test_of_those_who_launch_at_once_one_does(draft: Draft) -> None:
    workspace = draft()
    start = threading.Barrier(4)

    def launch(_: int) -> Outcome | NotAllowed:
        start.wait()
        try:
            return lifecycle.launch(workspace, "warm")
        except NotAllowed as exc:
            return exc

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(launch, range(4)))
    won = [one for one in done if isinstance(one, Outcome)]
    lost = {one.message for one in done if isinstance(one, NotAllowed)}
    assert [one.commit for one in won] == [get_home(workspace, "warm").tip]
    assert lost == {"the A/B test of 'warm' is running, and must be draft to be launched"}
