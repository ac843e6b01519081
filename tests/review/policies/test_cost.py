"""What policies cost where there are none: nothing of them is even imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from tests.review.policies.conftest import Team

PROMOTE = """\
import sys
from gitexp.repository import Repository
Repository.open().environments.promote("tone", sys.argv[1])
print(*sorted(name for name in sys.modules if name.startswith("gitexp.review")))
"""


def imported(team: Team, environment: str) -> list[str]:
    """Return the modules of reviews that a promotion in a process of its own imports."""
    done = subprocess.run(
        [sys.executable, "-c", PROMOTE, environment],
        cwd=team.directory / "ada",
        env=team.environ("Ada"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


def test_a_promotion_imports_nothing_of_policies_where_there_are_none(
    reviewed: Callable[[str], Team],
) -> None:
    team = reviewed("- {name: tried, order: {after: staging}}")
    team.shared(temperature=0.2)
    assert imported(team, "staging") == ["gitexp.review", "gitexp.review.moving"]
    found = imported(team, "production")
    assert "gitexp.review.policies.judging" in found
    unneeded = ("changes.opening", "policies.evaluations", "signatures.ssh", "signatures.signers")
    assert not {f"gitexp.review.{name}" for name in unneeded} & set(found)
