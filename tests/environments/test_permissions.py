"""Who may move an environment: those who may write what is bound in it."""

from __future__ import annotations

import pytest

from gitexp.environments.promotion import promote, rollback, unbind
from gitexp.errors import Forbidden
from gitexp.project.workspace import Workspace
from tests.builders import commit_files
from tests.environments.conftest import DEFINITION, World, promoted, push_trunk, saved

RESEARCH = b"""\
members:
  ada@example.org: {roles: [write]}
  root@example.org: {roles: [admin]}
"""


@pytest.fixture
def eve(world: World, ada: Workspace) -> Workspace:
    """The clone of somebody outside the group that owns the project, with two promotions made."""
    owned = DEFINITION.replace(b"id: bot\n", b"id: bot\n\ngroup: research\n")
    commit_files(ada.store, {"gitexp.yaml": owned, "groups/research.yaml": RESEARCH})
    push_trunk(ada)
    promoted(ada)
    promoted(ada, temperature=0.9)
    return world.clone("Eve")


def test_a_promotion_takes_write_in_the_group_of_the_experiment(
    ada: Workspace, eve: Workspace, world: World
) -> None:
    saved(ada, temperature=0.2)
    before = world.remote.refs("refs/")
    with pytest.raises(Forbidden) as caught:
        promote(eve, "checkout", "production")
    assert str(caught.value) == (
        "eve@example.org may not promote experiment 'checkout' to 'production': it takes the "
        "role write in group 'research'"
    )
    assert caught.value.hint == "Ask root@example.org for it."
    assert world.remote.refs("refs/") == before
    assert promote(ada, "checkout", "production").created


def test_going_back_and_unbinding_take_it_too(ada: Workspace, eve: Workspace) -> None:
    with pytest.raises(Forbidden, match="may not roll back environment 'production'"):
        rollback(eve, "production")
    with pytest.raises(Forbidden, match="may not unbind environment 'production'"):
        unbind(eve, "production")
    assert rollback(ada, "production").created
    assert unbind(ada, "production").created
