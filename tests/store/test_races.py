"""When a push that was refused is tried again."""

from __future__ import annotations

import pytest

from gitexp.errors import PushRejected
from gitexp.store.races import Refusals


def refusal(reason: str) -> PushRejected:
    return PushRejected("no", refs={"refs/heads/x": reason})


def attempts(reason: str, *, moved: bool) -> int:
    """Return how often a push is tried that is refused every time."""
    refusals = Refusals()

    def push_on() -> None:
        while True:
            refusals.add(refusal(reason), moved=moved)

    with pytest.raises(PushRejected):
        push_on()
    return refusals.count


def test_a_race_is_worth_many_attempts() -> None:
    assert attempts("it is at abc there and not at def", moved=True) == 25


def test_a_reference_that_does_not_move_is_worth_a_few() -> None:
    assert attempts("failed to lock", moved=False) == 3


def test_a_hook_is_asked_once_unless_something_moved() -> None:
    assert attempts("pre-receive hook declined", moved=False) == 1
    assert attempts("pre-receive hook declined", moved=True) == 25


def test_a_race_among_other_refusals_begins_the_count_anew() -> None:
    refusals = Refusals()
    for moved in (False, False, True, False, False):
        refusals.add(refusal("failed to lock"), moved=moved)
    with pytest.raises(PushRejected):
        refusals.add(refusal("failed to lock"), moved=False)
