"""A team with a shared project and two flags on its trunk."""

from __future__ import annotations

import pytest

from tests.review.policies.conftest import Team, team
from tests.review.policies.conftest import made_team as bare_team

__all__ = ["bare_team", "team"]

FLAG = """\
active: true

variants:
  - {key: control, weight: 50}
  - {key: test, weight: 50, payload: {color: red}}
"""
OTHER = "active: true\n\nrollout: 100\n"


@pytest.fixture(scope="session")
def made_team(bare_team: Team, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team that is only ever copied, with `tone` live in production, and two flags."""
    made = bare_team.copied(tmp_path_factory.mktemp("flags"))
    made.define(files={"flags/checkout.yaml": FLAG, "flags/search.yaml": OTHER})
    made.shared(temperature=0.5)
    made.person("Ada").environments.promote("tone", "production")
    return made
