from __future__ import annotations

from dataclasses import replace

import pytest

from gitexp.documents import layout
from gitexp.errors import AlreadyExists, Conflict, InvalidInput, NotAllowed, NotFound
from gitexp.experiments import lifecycle
from gitexp.experiments.catalog import Selection, list_experiments
from gitexp.experiments.headers import read_header
from gitexp.experiments.homes import experiment_names, find_home, get_home
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import share
from gitexp.experiments.versions import list_versions
from gitexp.project.workspace import Workspace
from gitexp.store.trees import entry_at, tree_of
from tests.builders import commit_files


def delete(workspace: Workspace, name: str) -> bool:
    return lifecycle.delete(workspace, name, unbind=lambda tx, experiment_id: [])


def names(workspace: Workspace, **selection: object) -> list[str]:
    page = list_experiments(workspace, Selection(**selection), bound={})  # type: ignore[arg-type]
    return [item.name for item in page.items]


def test_a_new_experiment_begins_at_the_trunk_with_a_header(workspace: Workspace) -> None:
    header = create(workspace, NewExperiment(name="tuning", tags={"team": "a"}))
    home = get_home(workspace, "tuning")
    assert (home.kind, home.shared) == ("branch", None)
    assert read_header(workspace, "tuning") == header
    assert header.id.startswith("x")


def test_a_taken_name_is_refused(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    with pytest.raises(AlreadyExists, match="experiment 'tuning' exists already"):
        create(workspace, NewExperiment(name="tuning"))


def test_a_name_that_only_the_shared_remote_has_is_taken(workspace, another_clone) -> None:
    create(workspace, NewExperiment(name="tuning"))
    share(workspace, "tuning")
    with pytest.raises(AlreadyExists):
        create(another_clone(), NewExperiment(name="tuning"))


@pytest.mark.parametrize(
    "name",
    ["Tuning", "TUNING", "a/b", "..", "-x", ".git", "con", "nul.txt", "a..b", "a.lock", "a.", "",
     "x" * 64, "café", "a b", "a\n", "a~1", "a:b", "a@{1}"],
)  # fmt: skip
def test_an_unsafe_name_is_refused_and_nothing_is_written(workspace: Workspace, name: str) -> None:
    before = workspace.store.refs("")
    with pytest.raises(InvalidInput):
        create(workspace, NewExperiment(name=name))
    assert workspace.store.refs("") == before


def test_archived_experiments_are_hidden_until_they_are_unarchived(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    lifecycle.archive(workspace, "tuning")
    assert names(workspace) == []
    assert names(workspace, lifecycle="archived") == ["tuning"]
    lifecycle.unarchive(workspace, "tuning")
    assert names(workspace) == ["tuning"]


def test_what_is_not_archived_cannot_be_unarchived(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    with pytest.raises(NotAllowed) as caught:
        lifecycle.unarchive(workspace, "tuning")
    assert str(caught.value) == "experiment 'tuning' is active: there is nothing to unarchive"


def test_delete_is_undone_by_restore(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    version = save(workspace, "tuning", Edit(patch={"model": "small"}))
    assert delete(workspace, "tuning")
    assert not delete(workspace, "tuning")
    assert names(workspace) == []
    with pytest.raises(AlreadyExists, match="is deleted"):
        create(workspace, NewExperiment(name="tuning"))
    lifecycle.restore(workspace, "tuning")
    assert [v.version for v in list_versions(workspace, "tuning")] == [version.version]


def test_deleting_a_shared_experiment_reaches_the_remote(workspace, another_clone) -> None:
    create(workspace, NewExperiment(name="tuning"))
    share(workspace, "tuning")
    delete(workspace, "tuning")
    assert read_header(another_clone(), "tuning").lifecycle == "deleted"


def test_only_a_deleted_experiment_is_purged(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    share(workspace, "tuning")
    with pytest.raises(NotAllowed, match="experiment 'tuning' is not deleted"):
        lifecycle.purge(workspace, "tuning")
    delete(workspace, "tuning")
    lifecycle.purge(workspace, "tuning")
    assert find_home(workspace, "tuning") is None
    assert workspace.remote().list_refs(["refs/heads/exp/"]) == {}


def test_a_purge_stops_at_the_trunk(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    path = layout.header_path("", "tuning")
    tree = tree_of(workspace.store, get_home(workspace, "tuning").tip)
    entry = entry_at(workspace.store, tree, path)
    assert entry is not None
    commit_files(workspace.store, {path: workspace.store.read(entry.id).data})
    delete(workspace, "tuning")
    with pytest.raises(NotAllowed, match="main still holds experiments/tuning"):
        lifecycle.purge(workspace, "tuning")


def test_a_purge_keeps_what_was_saved_meanwhile(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    share(workspace, "tuning")
    delete(workspace, "tuning")
    real = workspace.open_remote("origin")

    class Slow:
        """A remote that takes so long that somebody restores the experiment meanwhile."""

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def push(self, updates: object) -> None:
            real.push(updates)
            lifecycle.restore(workspace, "tuning")

    slow = replace(workspace, open_remote=lambda name: Slow())
    with pytest.raises(Conflict) as caught:
        lifecycle.purge(slow, "tuning")
    assert str(caught.value) == (
        "experiment 'tuning' was written to while it was purged: exp/bot/tuning"
    )
    assert read_header(workspace, "tuning").lifecycle == "active"


def test_a_rename_keeps_id_and_versions(workspace: Workspace) -> None:
    header = create(workspace, NewExperiment(name="tuning"))
    first = save(workspace, "tuning", Edit(patch={"model": "small"}))
    lifecycle.rename(workspace, "tuning", "prompts")
    second = save(workspace, "prompts", Edit(patch={"model": "large"}))
    assert read_header(workspace, "prompts").id == header.id
    assert [v.version for v in list_versions(workspace, "prompts")] == [
        first.version,
        second.version,
    ]
    assert experiment_names(workspace) == ["prompts"]


def test_a_rename_of_a_shared_experiment_moves_it_on_the_remote(workspace, another_clone) -> None:
    create(workspace, NewExperiment(name="tuning"))
    save(workspace, "tuning", Edit(patch={"model": "small"}))
    share(workspace, "tuning")
    lifecycle.rename(workspace, "tuning", "prompts")
    assert experiment_names(another_clone()) == ["prompts"]
    assert len(list_versions(another_clone(), "prompts")) == 1


def test_a_rename_to_a_taken_name_is_refused(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    create(workspace, NewExperiment(name="prompts"))
    with pytest.raises(AlreadyExists):
        lifecycle.rename(workspace, "tuning", "prompts")


def test_the_list_is_searched_and_paged(workspace: Workspace) -> None:
    for name in ("alpha", "beta", "gamma"):
        create(workspace, NewExperiment(name=name, description=f"about {name.upper()}"))
    assert names(workspace, search="ALPHA") == ["alpha"]
    page = list_experiments(workspace, Selection(limit=2, offset=1), bound={})
    assert ([item.name for item in page.items], page.total) == (["beta", "gamma"], 3)


def test_the_list_is_filtered_by_tags_and_visibility(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="alpha", tags={"team": "a"}))
    create(workspace, NewExperiment(name="beta", tags={"team": "b"}))
    share(workspace, "beta")
    assert names(workspace, tags={"team": "a"}) == ["alpha"]
    assert names(workspace, visibility="shared") == ["beta"]


def test_an_unknown_experiment_is_met_with_a_suggestion(workspace: Workspace) -> None:
    create(workspace, NewExperiment(name="tuning"))
    with pytest.raises(NotFound) as caught:
        get_home(workspace, "tunning")
    assert (str(caught.value), caught.value.hint) == (
        "no experiment 'tunning' in project 'bot'",
        "Did you mean 'tuning'?",
    )
    with pytest.raises(NotFound) as caught:
        get_home(workspace, "tuning@latest~1")
    assert caught.value.hint == (
        "Name the version apart, where it can be chosen: tuning --version latest~1."
    )
