"""A team with a shared project and two flags on its trunk."""

from __future__ import annotations

import pytest

from tests.review.policies.conftest import Team
from tests.review.policies.conftest import team as bare_team

__all__ = ["bare_team"]

FLAG = """\
active: true

variants:
  - {key: control, weight: 50}
  - {key: test, weight: 50, payload: {color: red}}
"""
OTHER = "active: true\n\nrollout: 100\n"


@pytest.fixture
def team(bare_team: Team) -> Team:
    """The team, with `tone` live in production, and the flags `checkout` and `search`."""
    bare_team.define(files={"flags/checkout.yaml": FLAG, "flags/search.yaml": OTHER})
    bare_team.shared(temperature=0.5)
    bare_team.person("Ada").environments.promote("tone", "production")
    return bare_team
