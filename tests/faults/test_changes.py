"""Change requests whose steps are killed: done or not done, and done by whoever tries again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.faults

PUSHES = {"open": 1, "approve": 3, "apply": 2, "reject": 2, "cancel": 2, "renew": 1}
"""How many pushes each step makes: the fact itself, an approval that applies it, the branch."""

CALLS = ("call:17", "call:90", "call:260")
"""Some calls to the system at which each step is killed."""

DONE = {
    "approve": "applied",
    "apply": "applied",
    "reject": "rejected",
    "cancel": "cancelled",
    "renew": "pending",
}
BEFORE = {
    "approve": "pending",
    "apply": "approved",
    "reject": "pending",
    "cancel": "pending",
    "renew": "stale",
}


def outcomes(tmp_path: Path, act: str, points: list[str]) -> list[dict[str, Any]]:
    """Return what was there after each kill, and after the step was done again."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.change_acts", str(tmp_path / "place"), act, *points],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def points(act: str) -> list[str]:
    """Return where a step is killed."""
    pushes = range(1, PUSHES[act] + 1)
    return [f"{kind}:{n}" for n in pushes for kind in ("before", "after")]


@pytest.mark.parametrize("act", sorted(DONE))
def test_a_step_that_is_killed_is_done_or_not_done(tmp_path: Path, act: str) -> None:
    at_pushes = points(act)
    found = outcomes(tmp_path, act, [*at_pushes, *CALLS])
    for outcome in found:
        judge(act, outcome)
    at_pushes_found = found[: len(at_pushes)]
    assert all(outcome["died"] for outcome in at_pushes_found)
    states = [outcome["killed"]["change"]["state"] for outcome in at_pushes_found]
    assert states[0] == BEFORE[act]
    assert states[-1] == DONE[act]
    assert any(outcome["died"] for outcome in found[len(at_pushes) :])


def judge(act: str, outcome: dict[str, Any]) -> None:
    """Check what was there after a kill, and that the same step can be done again."""
    killed, again = outcome["killed"], outcome["again"]
    between = {BEFORE[act], DONE[act], *(["approved"] if act == "approve" else [])}
    assert killed["change"]["state"] in between, outcome["point"]
    assert_consistent(killed)
    assert_consistent(again)
    assert again["change"]["state"] == DONE[act], outcome
    if outcome["said"]:
        # It had been done before it was killed, and what is over is not done again.
        assert killed["change"]["state"] == DONE[act] == "applied", outcome
        assert "is applied" in outcome["said"]


def assert_consistent(seen: dict[str, Any]) -> None:
    """Check that the environment moved as often as something was applied, and no vote is double."""
    change = seen["change"]
    applied = change["state"] == "applied"
    assert seen["moves"] == 1 + applied
    assert (change["commit"] is not None) == applied
    voters = [vote["by"] for vote in change["votes"]]
    assert len(voters) == len(set(voters))


def test_asking_that_is_killed_leaves_a_whole_change_request_or_none(tmp_path: Path) -> None:
    found = outcomes(tmp_path, "open", ["before:1", "after:1", *CALLS])
    for outcome in found:
        for seen in (outcome["killed"], outcome["again"]):
            branches = {ref for ref in seen["refs"] if ref.startswith("change/")}
            opened = {f"change/bot/{change}" for change in seen["opened"]}
            assert branches <= opened
        # Asking again finds what the killed one had opened, or opens it.
        assert len(outcome["again"]["opened"]) == outcome["before"]


def test_people_who_vote_at_once_have_one_vote_each_and_move_it_once(tmp_path: Path) -> None:
    (seen,) = outcomes(tmp_path, "race", ["Bob", "Cy", "Dan", "Bob", "Eve"])
    assert seen["change"]["state"] == "applied"
    assert_consistent(seen)
    assert seen["moves"] == 2
    voters = {vote["by"].partition(" ")[0] for vote in seen["change"]["votes"]}
    assert len(voters) >= 2  # whoever came after it was applied was too late
    assert voters <= {"Bob", "Cy", "Dan", "Eve"}


def test_of_approvals_and_a_rejection_at_once_one_side_wins_altogether(tmp_path: Path) -> None:
    (seen,) = outcomes(tmp_path, "race", ["Bob", "Cy", "Dan-"])
    assert seen["change"]["state"] in ("applied", "rejected")
    assert_consistent(seen)
    decisions = [vote["decision"] for vote in seen["change"]["votes"]]
    if seen["change"]["state"] == "applied":
        assert decisions == ["approve", "approve"]
    else:
        assert "reject" in decisions
