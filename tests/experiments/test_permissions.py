"""Who may write and read an experiment: the members of its group, by their roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gitexp.errors import AlreadyExists, Forbidden, NotFound
from gitexp.experiments import lifecycle, sharing
from gitexp.experiments.headers import Header, read_header
from gitexp.experiments.homes import get_home
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.experiments.permissions import (
    find_visible,
    get_visible,
    needed_roles,
    owner_of,
    visible_experiments,
)
from gitexp.experiments.saving import Edit, save
from gitexp.project.workspace import Workspace
from gitexp.repository import Repository
from gitexp.store.memory import MemoryStore
from tests.builders import commit_files, set_branch
from tests.experiments.conftest import DEFINITION, push_trunk, workspace_on

RESEARCH = b"""\
members:
  ada@example.org: {roles: [write]}
  root@example.org: {roles: [admin]}
  rex@example.org: {roles: [read]}
"""
OTHERS = b"""\
members:
  zoe@example.org: {roles: [write]}
"""


def owned(workspace: Workspace, *, by: str = "research") -> None:
    """Give the project an owner and two groups, on the shared trunk."""
    files = {
        "gitexp.yaml": DEFINITION.replace(b"id: bot\n", f"id: bot\n\ngroup: {by}\n".encode()),
        "groups/research.yaml": RESEARCH,
        "groups/others.yaml": OTHERS,
    }
    commit_files(workspace.store, files)
    push_trunk(workspace)


def someone(workspace: Workspace, person: str) -> Workspace:
    """Return the same clone in somebody else's hands."""
    environ = {"GIT_AUTHOR_NAME": person, "GIT_AUTHOR_EMAIL": f"{person.lower()}@example.org"}
    return replace(workspace, surroundings=replace(workspace.surroundings, environ=environ))


def test_a_role_is_needed_in_the_group_that_owns_the_thing() -> None:
    assert needed_roles("", "") == ()
    assert needed_roles("a", "a") == (("write", "a"),)
    assert needed_roles("a", "b") == (("admin", "a"), ("write", "b"))
    assert needed_roles("", "b") == (("write", "b"),)
    assert needed_roles("a", "") == (("admin", "a"),)


def test_writers_of_the_projects_group_save_and_others_do_not(workspace: Workspace) -> None:
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    assert save(workspace, "tone", Edit(values={"model": "a"})).created
    for person, role in (("Rex", "a reader"), ("Zoe", "somebody of another group")):
        with pytest.raises(Forbidden) as caught:
            save(someone(workspace, person), "tone", Edit(patch={"model": "b"}))
        assert str(caught.value) == (
            f"{person.lower()}@example.org may not save experiment 'tone': it takes the role "
            "write in group 'research'"
        ), role
        assert caught.value.hint == "Ask root@example.org for it."
    assert save(workspace, "tone", Edit(values={"model": "a"})).created is False


def test_the_group_of_a_header_goes_before_that_of_the_project(workspace: Workspace) -> None:
    owned(workspace)
    zoe = someone(workspace, "Zoe")
    lifecycle.create(zoe, NewExperiment(name="tone", group="others"))
    assert owner_of(workspace, get_home(workspace, "tone")) == "others"
    assert save(zoe, "tone", Edit(values={"model": "a"})).created
    with pytest.raises(Forbidden, match=r"ada@example.org may not save experiment 'tone'"):
        save(workspace, "tone", Edit(patch={"model": "b"}))


@pytest.mark.parametrize(
    ("doing", "write"),
    [
        ("create", lambda w: lifecycle.create(w, NewExperiment(name="new"))),
        ("change", lambda w: lifecycle.archive(w, "tone")),
        ("rename", lambda w: lifecycle.rename(w, "tone", "other")),
        ("share", lambda w: sharing.share(w, "tone")),
        ("change", lambda w: lifecycle.delete(w, "tone", unbind=lambda tx, name: [])),
    ],
)
def test_every_write_is_refused(
    workspace: Workspace, doing: str, write: Callable[[Workspace], object]
) -> None:
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    before = workspace.store.refs("refs/")
    with pytest.raises(Forbidden, match=f"rex@example.org may not {doing} experiment"):
        write(someone(workspace, "Rex"))
    assert workspace.store.refs("refs/") == before


def test_unsharing_and_purging_are_refused(workspace: Workspace) -> None:
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    sharing.share(workspace, "tone")
    with pytest.raises(Forbidden, match="may not unshare experiment 'tone'"):
        sharing.unshare(someone(workspace, "Rex"), "tone", bound_in=[])
    lifecycle.delete(workspace, "tone", unbind=lambda tx, name: [])
    with pytest.raises(Forbidden, match="may not purge experiment 'tone'"):
        lifecycle.purge(someone(workspace, "Rex"), "tone")
    with pytest.raises(Forbidden, match="may not change experiment 'tone'"):
        lifecycle.restore(someone(workspace, "Rex"), "tone")


def give(workspace: Workspace, group: str) -> Header:
    return lifecycle.change_header(
        workspace, "tone", lambda header: header.having(group=group), message="tone: describe"
    )


def test_giving_an_experiment_away_takes_admin_there_and_write_where_it_goes(
    workspace: Workspace,
) -> None:
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    with pytest.raises(Forbidden, match="the role admin in group 'research'"):
        give(workspace, "others")
    with pytest.raises(Forbidden, match=r"root@example.org .* the role write in group 'others'"):
        give(someone(workspace, "Root"), "others")
    assert give(someone(workspace, "Root"), "research").group == "research"


def test_nobody_takes_an_experiment_over_by_editing_its_header(
    workspace: Workspace, another_clone: Callable[[], Workspace]
) -> None:
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    sharing.share(workspace, "tone")
    zoe = someone(another_clone(), "Zoe")
    set_branch(zoe.store, "exp/bot/tone", get_home(zoe, "tone").tip)
    header = f"id: {read_header(zoe, 'tone').id}\nname: tone\ngroup: others\n".encode()
    commit_files(zoe.store, {"experiments/tone/experiment.yaml": header}, branch="exp/bot/tone")
    with pytest.raises(Forbidden, match=r"zoe@example.org may not save experiment 'tone'"):
        save(zoe, "tone", Edit(values={"model": "mine"}))


def test_a_group_that_does_not_exist_lets_nobody_in(workspace: Workspace) -> None:
    owned(workspace, by="ghosts")
    with pytest.raises(Forbidden) as caught:
        lifecycle.create(workspace, NewExperiment(name="tone"))
    assert str(caught.value) == (
        "ada@example.org may not create experiment 'tone': it takes the role write in group "
        "'ghosts', which does not exist"
    )
    assert caught.value.hint == "Somebody who may change main has to add groups/ghosts.yaml there."


def test_a_project_without_groups_refuses_nobody(workspace: Workspace) -> None:
    commit_files(
        workspace.store, {"gitexp.yaml": DEFINITION.replace(b"id: bot\n", b"id: bot\n\ngroup: x\n")}
    )
    push_trunk(workspace)
    lifecycle.create(someone(workspace, "Zoe"), NewExperiment(name="tone"))
    assert save(someone(workspace, "Rex"), "tone", Edit(values={"model": "a"})).created


def test_rights_that_a_clone_gives_itself_do_not_count(workspace: Workspace) -> None:
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    zoe = someone(workspace, "Zoe")
    mine = RESEARCH.replace(b"rex@", b"zoe@").replace(b"read", b"admin")
    commit_files(zoe.store, {"groups/research.yaml": mine})
    with pytest.raises(Forbidden):
        save(zoe, "tone", Edit(values={"model": "a"}))


# --- reading --------------------------------------------------------------------------------


def names(workspace: Workspace) -> list[str]:
    return [home.name for home, _ in visible_experiments(workspace)]


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """An experiment of each of two groups."""
    owned(workspace)
    lifecycle.create(workspace, NewExperiment(name="tone"))
    lifecycle.create(someone(workspace, "Zoe"), NewExperiment(name="tune", group="others"))
    return workspace


def test_experiments_of_other_groups_are_not_listed(two: Workspace) -> None:
    assert names(two) == ["tone"]
    assert names(someone(two, "Rex")) == ["tone"]
    assert names(someone(two, "Zoe")) == ["tune"]
    assert names(someone(two, "Eve")) == []


def test_what_one_may_not_read_is_not_found_and_not_suggested(two: Workspace) -> None:
    assert find_visible(two, "tune") is None
    with pytest.raises(NotFound) as caught:
        get_visible(two, "tune")
    assert str(caught.value) == "no experiment 'tune' in project 'bot'"
    assert caught.value.hint == "Did you mean 'tone'?"
    with pytest.raises(NotFound) as caught:
        get_visible(someone(two, "Eve"), "tune")
    assert caught.value.hint is not None
    assert "tone" not in caught.value.hint


def test_the_name_of_what_one_may_not_read_is_taken_all_the_same(two: Workspace) -> None:
    with pytest.raises(AlreadyExists, match="'tune' exists already"):
        lifecycle.create(two, NewExperiment(name="tune"))


def test_nobody_in_particular_is_shown_everything(
    two: Workspace, remote_store: MemoryStore
) -> None:
    sharing.share(two, "tone")
    sharing.share(someone(two, "Zoe"), "tune")
    store = MemoryStore(config={"remote.origin.url": "memory:shared"})
    reader = workspace_on(store, remote_store, seed=3)
    sharing.fetch_project(reader)
    assert names(reader) == ["tone", "tune"]


def test_the_repository_hides_what_one_may_not_read(two: Workspace) -> None:
    repository = Repository(two)
    assert repository.experiments.names() == ["tone"]
    assert [item.name for item in repository.experiments.list().items] == ["tone"]
    assert not repository.experiments.exists("tune")
    assert [e.name for e in repository.status().experiments] == ["tone"]
    with pytest.raises(NotFound):
        repository.experiments.get("tune")
