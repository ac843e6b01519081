"""What two people, a forge and a hand-made branch can do to an experiment, and what must hold."""

from __future__ import annotations

import random

import pytest

from gitexp.documents import layout
from gitexp.errors import Conflict, NotAllowed, NotFound
from gitexp.experiments import lifecycle, sharing
from gitexp.experiments.catalog import Selection, list_experiments, superseding_name
from gitexp.experiments.headers import read_header
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.lineage import lineage
from gitexp.experiments.publishing import publish
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import latest_version, list_versions, resolve_version
from gitexp.ids import ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.cache import DerivedCache
from gitexp.store.trees import blob_at, entry_at, tree_of
from tests.builders import commit_files, set_branch
from tests.experiments.conftest import push_trunk

PATH = layout.parameters_path("", "tuning")
HEADER = layout.header_path("", "tuning")


@pytest.fixture(autouse=True)
def experiment(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    patch(workspace, model="small")


def patch(workspace: Workspace, **values: object):
    return save(workspace, "tuning", Edit(patch=values))


def text_of(workspace: Workspace, commit: ObjectId, path: str) -> bytes:
    return blob_at(workspace.store, tree_of(workspace.store, commit), path) or b""


def squash(workspace: Workspace) -> ObjectId:
    tip = get_home(workspace, "tuning").tip
    files = {path: text_of(workspace, tip, path) for path in (PATH, HEADER)}
    return commit_files(workspace.store, files)


def test_a_returned_value_is_the_callers_own(workspace: Workspace) -> None:
    version = resolve_version(workspace, "tuning")
    dict(version.values)["model"] = "changed"
    version.to_dict()["values"]["model"] = "changed"
    workspace.cache.get(f"version/2/{version.version}/{PATH}")["values"]["model"] = "changed"
    assert resolve_version(workspace, "tuning").values["model"] == "small"


def test_a_merged_branch_is_read_where_the_trunk_went_on(workspace: Workspace) -> None:
    tip = get_home(workspace, "tuning").tip
    set_branch(workspace.store, "main", tip)
    text = text_of(workspace, tip, PATH).replace(b"retries: 3", b"retries: 77")
    trunk = commit_files(workspace.store, {PATH: text})
    latest = latest_version(workspace, "tuning")
    assert latest is not None
    assert (latest.version, latest.values["retries"]) == (trunk, 77)
    saved = save(workspace, "tuning", Edit(patch={"retries": 78}), parent_version=trunk)
    assert saved.parent_version == trunk


def test_a_header_edit_on_the_trunk_survives_a_join(workspace: Workspace) -> None:
    squashed = squash(workspace)
    header = text_of(workspace, squashed, HEADER) + b"\ndescription: from the trunk\n"
    commit_files(workspace.store, {HEADER: header, "experiments/tuning/notes.md": b"kept\n"})
    patch(workspace, model="large")
    tip = get_home(workspace, "tuning").tip
    assert read_header(workspace, "tuning").description == "from the trunk"
    assert text_of(workspace, tip, "experiments/tuning/notes.md") == b"kept\n"


def test_a_header_commit_that_joins_keeps_the_trunks_values(workspace: Workspace) -> None:
    squashed = squash(workspace)
    text = text_of(workspace, squashed, PATH).replace(b"retries: 3", b"retries: 9")
    commit_files(workspace.store, {PATH: text})
    lifecycle.archive(workspace, "tuning")
    assert resolve_version(workspace, "tuning").values["retries"] == 9
    assert patch(workspace, model="large").values["retries"] == 9


def test_values_that_the_trunk_has_already_make_a_merge_and_no_version(
    workspace: Workspace,
) -> None:
    squashed = squash(workspace)
    text = text_of(workspace, squashed, PATH).replace(b"retries: 3", b"retries: 9")
    trunk = commit_files(workspace.store, {PATH: text})
    saved = patch(workspace, retries=9)
    assert (saved.version, saved.created) == (trunk, False)
    latest = latest_version(workspace, "tuning")
    assert latest is not None
    assert latest.version == trunk
    assert get_home(workspace, "tuning").tip != trunk
    assert not patch(workspace, retries=9).created
    assert [v.values["retries"] for v in list_versions(workspace, "tuning")] == [3, 9]


def test_publishing_what_the_trunk_has_already_moves_the_local_branch_too(
    workspace: Workspace,
) -> None:
    squashed = squash(workspace)
    text = text_of(workspace, squashed, PATH).replace(b"retries: 3", b"retries: 9")
    commit_files(workspace.store, {PATH: text})
    push_trunk(workspace)
    publish(workspace, NewExperiment(name="tuning"), {"retries": 9}, patch=True)
    home = get_home(workspace, "tuning")
    assert home.local == home.shared


def test_a_revert_on_the_trunk_is_not_undone(workspace: Workspace) -> None:
    small = text_of(workspace, get_home(workspace, "tuning").tip, PATH)
    patch(workspace, model="large")
    squash(workspace)
    commit_files(workspace.store, {PATH: small})
    assert patch(workspace, retries=5).values["model"] == "small"


def test_broken_values_are_replaced_whole_or_by_repairing_what_is_wrong(
    workspace: Workspace,
) -> None:
    broken = b"model: small\n\nretries: 9\n\ntemperature: 5\n"
    commit_files(workspace.store, {PATH: broken}, branch="exp/bot/tuning")
    assert patch(workspace, temperature=1).values["retries"] == 9
    commit_files(workspace.store, {PATH: b"a: 1\na: 2\n"}, branch="exp/bot/tuning")
    assert save(workspace, "tuning", Edit(values={"model": "new"})).values["model"] == "new"


def test_a_rename_loses_nobodys_runs(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    runs = "refs/heads/runs/bot/tuning"
    mine = commit_files(workspace.store, {"runs/a": b"a"}, branch="runs/bot/tuning")
    sharing.push(workspace, [sharing.PushUpdate(ref=runs, old=None, new=mine)], what="runs")
    other = another_clone()
    set_branch(other.store, "runs/bot/tuning", mine)
    theirs = commit_files(other.store, {"runs/b": b"b"}, branch="runs/bot/tuning")
    sharing.push(other, [sharing.PushUpdate(ref=runs, old=mine, new=theirs)], what="runs")
    sharing.fetch_project(workspace)
    lifecycle.rename(workspace, "tuning", "prompts")
    there = workspace.remote().list_refs(["refs/heads/runs/"])
    assert there == {"refs/heads/runs/bot/prompts": theirs}


def test_runs_on_both_sides_are_joined_before_a_rename(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    runs = "refs/heads/runs/bot/tuning"
    other = another_clone()
    theirs = commit_files(other.store, {"runs/b": b"b"}, branch="runs/bot/tuning")
    sharing.push(other, [sharing.PushUpdate(ref=runs, old=None, new=theirs)], what="runs")
    commit_files(workspace.store, {"runs/a": b"a"}, branch="runs/bot/tuning")
    sharing.fetch_project(workspace)
    with pytest.raises(NotAllowed, match="has runs here and others on 'origin'"):
        lifecycle.rename(workspace, "tuning", "prompts")


def test_unshare_does_not_delete_what_only_others_have(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    other = another_clone()
    patch(other, retries=7)
    sharing.share(other, "tuning")
    patch(workspace, retries=8)
    sharing.fetch_project(workspace)
    with pytest.raises(Conflict, match="has saves on 'origin' that are not here"):
        sharing.unshare(workspace, "tuning", bound_in=[])


def test_a_former_name_is_told_from_an_experiment(workspace, another_clone) -> None:
    sharing.share(workspace, "tuning")
    lifecycle.rename(another_clone(), "tuning", "prompts")
    sharing.fetch_project(workspace)
    assert superseding_name(workspace, "tuning") == "prompts"
    assert superseding_name(workspace, "prompts") is None


def test_a_branch_without_an_experiment_blocks_no_list(workspace: Workspace) -> None:
    trunk = workspace.trunk_tip()
    assert trunk is not None
    set_branch(workspace.store, "exp/bot/odd", trunk)
    commit_files(workspace.store, {"experiments/bad/experiment.yaml": b"id: 5\n"})
    items = list_experiments(workspace, Selection(), bound={}).items
    assert [item.name for item in items] == ["bad", "odd", "tuning"]
    assert items[0].description.startswith("cannot be read: ")
    with pytest.raises(NotFound):
        read_header(workspace, "odd")


def test_a_name_of_another_experiment_is_not_followed(workspace: Workspace) -> None:
    lifecycle.rename(workspace, "tuning", "prompts")
    create(workspace, NewExperiment(name="tuning"))
    patch(workspace, model="other")
    assert [v.values["model"] for v in list_versions(workspace, "tuning")] == ["other"]
    assert [v.values["model"] for v in list_versions(workspace, "prompts")] == ["small"]


def test_a_commit_before_a_rename_names_its_version(workspace: Workspace) -> None:
    first = resolve_version(workspace, "tuning")
    set_branch(workspace.store, "old", first.version)
    lifecycle.rename(workspace, "tuning", "prompts")
    assert resolve_version(workspace, "prompts", "old").version == first.version


def test_a_step_far_before_the_first_version_is_refused_at_once(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="has no version latest~99999999999: it has 1"):
        resolve_version(workspace, "tuning", "latest~99999999999")


@pytest.mark.parametrize("seed", range(25))
def test_a_lineage_with_a_cache_equals_one_from_scratch(workspace: Workspace, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(12):
        _random_step(workspace, rng)
        name = get_home(workspace, "tuning").name
        tip = rng.choice([get_home(workspace, name).tip, workspace.trunk_tip()])
        if entry_at(workspace.store, tree_of(workspace.store, tip), HEADER) is None:
            continue
        fresh = Workspace(**{**vars(workspace), "cache": DerivedCache(None)})
        assert lineage(workspace, tip, name) == lineage(fresh, tip, name)


def _random_step(workspace: Workspace, rng: random.Random) -> None:
    step = rng.randrange(5)
    if step == 0:
        squash(workspace)
    elif step == 1:
        text = f"model: m{rng.randrange(3)}\n".encode()
        commit_files(workspace.store, {PATH: text}, branch="exp/bot/tuning")
    elif step == 2:
        commit_files(workspace.store, {"src/app.py": f"{rng.random()}".encode()})
    else:
        try:
            patch(workspace, model=f"m{rng.randrange(3)}")
        except Conflict:
            push_trunk(workspace)
