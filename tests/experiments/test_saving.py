from __future__ import annotations

import pytest

from gitexp.documents import layout
from gitexp.errors import Conflict, InvalidDocuments, NotAllowed, NotFound
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import list_versions, resolve_version
from gitexp.project.workspace import Workspace
from gitexp.store.trees import blob_at, read_commit, tree_of
from tests.builders import commit_files


@pytest.fixture(autouse=True)
def experiment(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning", description="prompts"))


def patch(workspace: Workspace, **values: object):
    return save(workspace, "tuning", Edit(patch=values))


def test_a_save_is_one_commit_on_the_experiments_branch(workspace: Workspace) -> None:
    before = workspace.store.ref("refs/heads/exp/bot/tuning")
    version = patch(workspace, model="small")
    commit = read_commit(workspace.store, version.version)
    assert workspace.store.ref("refs/heads/exp/bot/tuning") == version.version
    assert commit.parents == (before,)
    assert version.created


def test_a_save_fills_defaults_in_the_order_of_the_slots(workspace: Workspace) -> None:
    version = patch(workspace, model="small")
    assert list(version.values.items()) == [
        ("temperature", 0.7),
        ("model", "small"),
        ("retries", 3),
        ("prompt", "Be kind.\n"),
    ]


def test_equal_values_make_no_commit(workspace: Workspace) -> None:
    first = patch(workspace, model="small")
    again = patch(workspace, model="small")
    assert not again.created
    assert again.version == first.version
    assert len(list_versions(workspace, "tuning")) == 1


def test_one_and_one_point_zero_are_the_same_number(workspace: Workspace) -> None:
    patch(workspace, model="small", temperature=1.0)
    assert not patch(workspace, temperature=1).created


def test_a_patch_keeps_the_other_values(workspace: Workspace) -> None:
    patch(workspace, model="small", temperature=1.5)
    version = patch(workspace, retries=5)
    assert version.values["temperature"] == 1.5
    assert version.values["model"] == "small"


def test_complete_values_return_the_rest_to_their_defaults(workspace: Workspace) -> None:
    patch(workspace, model="small", temperature=1.5)
    version = save(workspace, "tuning", Edit(values={"model": "large"}))
    assert version.values["temperature"] == 0.7


def test_an_unset_value_returns_to_its_default(workspace: Workspace) -> None:
    patch(workspace, model="small", temperature=1.5)
    version = save(workspace, "tuning", Edit(unset=["temperature"]))
    assert version.values["temperature"] == 0.7


def test_all_problems_are_reported_together_and_nothing_is_written(workspace: Workspace) -> None:
    before = workspace.store.refs("")
    with pytest.raises(InvalidDocuments) as caught:
        save(workspace, "tuning", Edit(patch={"temprature": 1, "retries": "5", "temperature": 3}))
    assert [(p.place, p.message) for p in caught.value.problems] == [
        ("temprature", "unknown parameter. Did you mean 'temperature'?"),
        ("retries", '"5" is not an integer'),
        ("temperature", "3 is greater than 2"),
        ("model", "required parameter of type string has no value"),
    ]
    assert workspace.store.refs("") == before


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1]])
def test_an_integer_is_nothing_but_an_integer(workspace: Workspace, value: object) -> None:
    with pytest.raises(InvalidDocuments):
        patch(workspace, model="small", retries=value)


@pytest.mark.parametrize("value", [True, "1", float("nan"), float("inf"), None])
def test_a_number_is_finite_and_no_text(workspace: Workspace, value: object) -> None:
    with pytest.raises(InvalidDocuments):
        patch(workspace, model="small", temperature=value)


def test_a_stale_parent_is_refused(workspace: Workspace) -> None:
    first = patch(workspace, model="small")
    second = patch(workspace, retries=4)
    with pytest.raises(Conflict) as caught:
        save(
            workspace,
            "tuning",
            Edit(patch={"retries": 5}),
            parent_version=first.version,
        )
    assert str(caught.value) == (
        f"{first.version[:10]} is not the latest version of 'tuning': {second.version[:10]} is"
    )
    assert resolve_version(workspace, "tuning").version == second.version


def test_the_latest_version_is_a_parent(workspace: Workspace) -> None:
    first = patch(workspace, model="small")
    second = save(workspace, "tuning", Edit(patch={"retries": 4}), parent_version=first.version[:8])
    assert second.parent_version == first.version


def test_an_unknown_parent_is_refused_even_for_the_first_version(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        save(workspace, "tuning", Edit(patch={"model": "x"}), parent_version="0123456789")


def test_the_file_of_a_person_keeps_its_comments(workspace: Workspace) -> None:
    path = layout.parameters_path("", "tuning")
    text = b"# ours\ntemperature: 0.9  # warm\n\nmodel: small\n"
    commit_files(workspace.store, {path: text}, branch="exp/bot/tuning")
    patch(workspace, model="large")
    tip = get_home(workspace, "tuning").tip
    written = blob_at(workspace.store, tree_of(workspace.store, tip), path)
    assert written is not None
    assert written.startswith(b"# ours\ntemperature: 0.9  # warm\n\nmodel: large\n")


def test_a_commit_by_hand_is_a_version(workspace: Workspace) -> None:
    path = layout.parameters_path("", "tuning")
    commit = commit_files(
        workspace.store, {path: b"model: small\n"}, branch="exp/bot/tuning", message="by hand"
    )
    version = resolve_version(workspace, "tuning")
    assert version.version == commit
    assert version.values["temperature"] == 0.7
    assert version.message == "by hand"


def test_a_commit_by_hand_that_changes_nothing_of_the_values_is_no_version(
    workspace: Workspace,
) -> None:
    first = patch(workspace, model="small")
    commit_files(workspace.store, {"src/app.py": b"print(2)\n"}, branch="exp/bot/tuning")
    assert [v.version for v in list_versions(workspace, "tuning")] == [first.version]


def test_a_broken_commit_by_hand_is_listed_with_its_problem(workspace: Workspace) -> None:
    path = layout.parameters_path("", "tuning")
    commit_files(workspace.store, {path: b"model: 5\n"}, branch="exp/bot/tuning")
    version = resolve_version(workspace, "tuning")
    assert version.digest is None
    assert version.problem == f"{path}: model: 5 is not text"


def test_values_that_come_back_are_a_new_version_with_the_old_digest(
    workspace: Workspace,
) -> None:
    first = patch(workspace, model="small")
    patch(workspace, model="large")
    third = patch(workspace, model="small")
    assert third.created
    assert third.version != first.version
    assert third.digest == first.digest


def test_a_save_takes_the_definition_that_the_trunk_has_moved_on_to(workspace: Workspace) -> None:
    patch(workspace, model="small")
    definition = blob_at(
        workspace.store, tree_of(workspace.store, workspace.trunk_tip()), "gitexp.yaml"
    )
    assert definition is not None
    grown = definition.replace(b"parameters:\n", b"parameters:\n  seed:\n    type: integer\n")
    trunk = commit_files(workspace.store, {"gitexp.yaml": grown, "src/app.py": b"print(3)\n"})
    version = patch(workspace, seed=42)
    commit = read_commit(workspace.store, version.version)
    assert commit.parents[1] == trunk
    assert version.values["seed"] == 42
    assert blob_at(workspace.store, commit.tree, "src/app.py") == b"print(3)\n"


def test_a_trunk_that_does_not_merge_is_explained(workspace: Workspace) -> None:
    patch(workspace, model="small")
    commit_files(workspace.store, {"src/app.py": b"branch\n"}, branch="exp/bot/tuning")
    definition = blob_at(
        workspace.store, tree_of(workspace.store, workspace.trunk_tip()), "gitexp.yaml"
    )
    assert definition is not None
    grown = definition.replace(b"parameters:\n", b"parameters:\n  seed:\n    type: integer\n")
    commit_files(workspace.store, {"gitexp.yaml": grown, "src/app.py": b"trunk\n"})
    with pytest.raises(Conflict) as caught:
        patch(workspace, seed=42)
    assert str(caught.value) == (
        "main has moved on and does not merge cleanly into exp/bot/tuning: src/app.py"
    )


def squash_to_trunk(workspace: Workspace) -> str:
    tip = get_home(workspace, "tuning").tip
    tree = tree_of(workspace.store, tip)
    paths = [layout.parameters_path("", "tuning"), layout.header_path("", "tuning")]
    return commit_files(
        workspace.store, {path: blob_at(workspace.store, tree, path) for path in paths}
    )


def test_a_squash_on_the_trunk_is_the_same_version_under_two_hashes(workspace: Workspace) -> None:
    patch(workspace, model="small")
    second = patch(workspace, model="large")
    squash = squash_to_trunk(workspace)
    third = patch(workspace, model="huge")
    versions = list_versions(workspace, "tuning")
    assert [v.values["model"] for v in versions] == ["small", "large", "huge"]
    assert versions[1].aliases == (squash,)
    assert resolve_version(workspace, "tuning", squash).version == second.version
    assert third.parent_version == second.version


def test_a_save_after_a_squash_joins_the_trunk(workspace: Workspace) -> None:
    patch(workspace, model="small")
    squash = squash_to_trunk(workspace)
    version = patch(workspace, model="large")
    assert read_commit(workspace.store, version.version).parents[1] == squash


def test_what_the_trunk_changed_after_a_squash_is_not_lost(workspace: Workspace) -> None:
    patch(workspace, model="small")
    squash_to_trunk(workspace)
    path = layout.parameters_path("", "tuning")
    trunk = tree_of(workspace.store, workspace.trunk_tip())
    text = blob_at(workspace.store, trunk, path)
    assert text is not None
    commit_files(workspace.store, {path: text.replace(b"retries: 3", b"retries: 9")})
    version = patch(workspace, model="large")
    assert version.values["retries"] == 9
    assert version.values["model"] == "large"


def test_an_experiment_lives_on_the_trunk_when_its_branch_is_gone(workspace: Workspace) -> None:
    patch(workspace, model="small")
    squash = squash_to_trunk(workspace)
    from gitexp.store.transaction import transact

    branch = "refs/heads/exp/bot/tuning"
    transact(
        workspace.store,
        lambda tx: tx.set_ref(branch, old=tx.ref(branch), new=None),
    )
    assert get_home(workspace, "tuning").kind == "trunk"
    assert resolve_version(workspace, "tuning").version == squash
    version = patch(workspace, model="large")
    assert read_commit(workspace.store, version.version).parents == (squash,)
    assert get_home(workspace, "tuning").kind == "branch"


def test_a_deleted_experiment_takes_no_save(workspace: Workspace) -> None:
    from gitexp.experiments.lifecycle import delete

    delete(workspace, "tuning", unbind=lambda tx, experiment_id: [])
    with pytest.raises(NotAllowed, match="experiment 'tuning' is deleted"):
        patch(workspace, model="small")
