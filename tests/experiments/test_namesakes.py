"""A former name beside the present one, and copies of an id: what is listed, refused, followed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gitexp.errors import Conflict, NotAllowed, NotFound
from gitexp.experiments import joining, lifecycle, sharing
from gitexp.experiments.catalog import Selection, known_experiments, list_experiments
from gitexp.experiments.headers import read_header
from gitexp.experiments.homes import experiment_names, get_home
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import list_versions, resolve_version
from gitexp.project.workspace import Workspace
from gitexp.status import status
from gitexp.store.trees import blob_at, tree_of
from tests.builders import commit_files, set_branch

FORMER = "experiment 'tone' is named 'voice' now"
FOLLOW = (
    "Follow it with `gitexp experiment rename tone voice`, which keeps what was saved here, "
    "then use 'voice'."
)


@pytest.fixture(autouse=True)
def renamed_elsewhere(workspace: Workspace, another_clone: Callable[[], Workspace]) -> Workspace:
    """Share `tone`, which somebody then renames to `voice`; nothing is fetched."""
    create(workspace, NewExperiment(name="tone"))
    save(workspace, "tone", Edit(patch={"model": "small"}))
    sharing.share(workspace, "tone")
    other = another_clone()
    lifecycle.rename(other, "tone", "voice")
    return other


@pytest.fixture
def fetched(workspace: Workspace) -> Workspace:
    sharing.fetch_project(workspace)
    return workspace


@pytest.mark.parametrize(
    "act",
    [
        lambda w: save(w, "tone", Edit(patch={"retries": 9})),
        lambda w: joining.pull(w, "tone"),
        lambda w: lifecycle.archive(w, "tone"),
        lambda w: lifecycle.change_header(w, "tone", lambda h: h, message="m"),
    ],
)
def test_what_would_change_a_former_name_is_refused_with_the_new_one(fetched, act) -> None:
    before = fetched.store.refs("")
    with pytest.raises(NotAllowed) as caught:
        act(fetched)
    assert (str(caught.value), caught.value.hint) == (FORMER, FOLLOW)
    assert fetched.store.refs("") == before


def test_a_former_name_that_is_not_here_leads_to_the_new_one(another_clone) -> None:
    with pytest.raises(NotFound) as caught:
        joining.pull(another_clone(), "tone")
    assert str(caught.value) == "no experiment 'tone' in project 'bot'"
    assert caught.value.hint == "It is named 'voice' now: `gitexp experiment show voice`."


def test_following_a_rename_moves_the_local_branch(fetched: Workspace) -> None:
    assert lifecycle.rename(fetched, "tone", "voice").name == "voice"
    home = get_home(fetched, "voice")
    assert (home.kind, home.local) == ("branch", home.shared)
    assert experiment_names(fetched) == ["voice"]


def test_what_was_saved_under_a_former_name_is_kept_and_joined(
    workspace: Workspace, renamed_elsewhere: Workspace
) -> None:
    save(workspace, "tone", Edit(patch={"retries": 9}))
    save(renamed_elsewhere, "voice", Edit(patch={"temperature": 1.5}))
    sharing.share(renamed_elsewhere, "voice")
    sharing.fetch_project(workspace)
    lifecycle.rename(workspace, "tone", "voice")
    with pytest.raises(Conflict, match="was saved here and on 'origin' since"):
        sharing.share(workspace, "voice")
    joining.pull(workspace, "voice")
    values = resolve_version(workspace, "voice").values
    assert (values["retries"], values["temperature"]) == (9, 1.5)
    assert sharing.share(workspace, "voice") is not None
    assert [v.values["retries"] for v in list_versions(workspace, "voice")][-1] == 9


def test_a_line_that_goes_on_under_a_former_name_stays_visible(workspace: Workspace) -> None:
    save(workspace, "tone", Edit(patch={"retries": 9}))
    sharing.fetch_project(workspace)
    notes = {home.name: header.note for home, header in known_experiments(workspace)}
    assert notes == {
        "tone": "named 'voice' now, which lacks what was saved here since; follow it: "
        "`gitexp experiment rename tone voice`",
        "voice": "lacks what was saved under its former name 'tone' since",
    }
    listed = list_experiments(workspace, Selection(), bound={}).items
    assert [item.description for item in listed] == list(notes.values())
    assert [hint.split(":")[0] for hint in status(workspace).hints[:2]] == ["tone", "voice"]


def test_a_former_name_that_was_merged_and_renamed_on_the_trunk_is_left_out(
    workspace: Workspace, renamed_elsewhere: Workspace
) -> None:
    tip = get_home(renamed_elsewhere, "voice").tip
    sharing.fetch_project(workspace)
    set_branch(workspace.store, "main", tip)
    sharing.push(
        workspace,
        [sharing.PushUpdate(ref="refs/heads/exp/bot/voice", old=tip, new=None)],
        what="voice",
    )
    sharing.fetch_project(workspace)
    assert [home.name for home, _ in known_experiments(workspace)] == ["voice"]


def test_copies_with_one_id_are_both_visible(workspace: Workspace) -> None:
    tip = get_home(workspace, "tone").tip
    header = blob_at(
        workspace.store, tree_of(workspace.store, tip), "experiments/tone/experiment.yaml"
    )
    assert header is not None
    copy = header.replace(b"name: tone", b"name: copy")
    commit_files(workspace.store, {"experiments/copy/experiment.yaml": copy})
    notes = {home.name: header.note for home, header in known_experiments(workspace)}
    assert notes == {
        "copy": "its id is that of 'tone' too; a copy needs one of its own",
        "tone": "its id is that of 'copy' too; a copy needs one of its own",
    }
    save(workspace, "copy", Edit(patch={"model": "large"}))
    save(workspace, "tone", Edit(patch={"model": "huge"}))


def test_a_rename_that_ended_after_its_push_can_be_run_again(
    renamed_elsewhere: Workspace,
) -> None:
    mine = renamed_elsewhere
    runs = commit_files(mine.store, {"runs/a": b"a"}, branch="runs/bot/voice")
    before = mine.store.ref("refs/heads/exp/bot/voice")
    lifecycle.rename(mine, "voice", "sound")
    for branch, tip in {"exp": before, "runs": runs}.items():  # as before the local half of it
        set_branch(mine.store, f"{branch}/bot/voice", tip)
        set_branch(mine.store, f"{branch}/bot/sound", None)
    assert lifecycle.rename(mine, "voice", "sound").name == "sound"
    assert experiment_names(mine) == ["sound"]
    assert mine.store.ref("refs/heads/runs/bot/sound") == runs
    assert mine.store.ref("refs/heads/runs/bot/voice") is None
    assert read_header(mine, "sound").name == "sound"


def test_runs_under_both_names_are_united(fetched: Workspace) -> None:
    commit_files(fetched.store, {"runs/a": b"a"}, branch="runs/bot/tone")
    commit_files(fetched.store, {"runs/b": b"b"}, branch="runs/bot/voice")
    lifecycle.rename(fetched, "tone", "voice")
    tip = fetched.store.ref("refs/heads/runs/bot/voice")
    assert tip is not None
    tree = tree_of(fetched.store, tip)
    assert [blob_at(fetched.store, tree, f"runs/{name}") for name in "ab"] == [b"a", b"b"]


def test_two_lines_under_both_names_are_left_for_a_person(
    workspace: Workspace, renamed_elsewhere: Workspace
) -> None:
    save(workspace, "tone", Edit(patch={"retries": 9}))
    sharing.fetch_project(workspace)
    save(workspace, "voice", Edit(patch={"retries": 8}))
    before = workspace.store.refs("")
    with pytest.raises(NotAllowed, match="both 'tone' and 'voice', which is its name now"):
        lifecycle.rename(workspace, "tone", "voice")
    assert workspace.store.refs("") == before
