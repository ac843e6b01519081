"""Uniting two states of an A/B test by key, as far as that is safe."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.documents import schemas
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.experiments.ab_tests import united_ab_test
from gitexp.store.trees import UNMERGED

BASE: dict[str, Any] = {
    "status": "draft",
    "flag": "words",
    "variants": [{"key": "control", "split": 50}, {"key": "test", "split": 50}],
}
LAUNCH = {"status": "running", "started_at": "2026-01-01T00:00:00Z"}


def united(ours: Any, theirs: Any, *, take: Any = None) -> Any:
    sides = (dump_yaml({**BASE, **side}) for side in ({}, ours, theirs))
    base, mine, other = sides
    found = united_ab_test("ab-test.yaml", base, mine, other, take=take)
    if isinstance(found, bytes):
        return schemas.load("ab-test", found, file="ab-test.yaml")
    return found


def test_a_step_and_a_change_of_what_is_free_are_put_together() -> None:
    metrics = {"primary": [{"key": "a", "type": "mean"}]}
    assert united(LAUNCH, {"metrics": metrics, "title": "T"}) == {
        **BASE,
        **LAUNCH,
        "metrics": metrics,
        "title": "T",
    }


def test_two_launches_are_left_to_people() -> None:
    assert united(LAUNCH, {**LAUNCH, "started_at": "2026-01-02T00:00:00Z"}) is UNMERGED


@pytest.mark.parametrize(
    "theirs",
    [
        {"exposure": {"event": "seen"}},
        {"flag": "other"},
        {"variants": [{"key": "control", "split": 60}, {"key": "test", "split": 40}]},
    ],
)
def test_a_launch_beside_a_change_of_what_it_locks_is_left_to_people(theirs: Any) -> None:
    assert united(LAUNCH, theirs) is UNMERGED
    assert united(theirs, LAUNCH) is UNMERGED


def test_a_side_that_is_taken_wins_as_a_whole() -> None:
    theirs = {"exposure": {"event": "seen"}, "title": "T"}
    assert united(LAUNCH, theirs, take="theirs") == {**BASE, **theirs}
    assert united(LAUNCH, theirs, take="ours") == {**BASE, **LAUNCH}


def test_two_values_of_one_key_are_left_to_people() -> None:
    assert united({"title": "A"}, {"title": "B"}) is UNMERGED
    assert united({"title": "A"}, {"title": "B"}, take="ours")["title"] == "A"


def test_two_files_that_were_made_apart_are_left_to_people() -> None:
    data = dump_yaml(BASE)
    assert united_ab_test("f", None, data, data, take=None) is UNMERGED
    assert united_ab_test("f", None, data, b"x", take="theirs") == b"x"


def test_what_cannot_be_read_is_left_to_people() -> None:
    data = dump_yaml(BASE)
    assert united_ab_test("f", data, b"status: begun\n", data, take=None) is UNMERGED
