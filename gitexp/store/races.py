"""Races for a reference of a remote: when to try again, how long to wait, and when to give up."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from gitexp.errors import PushRejected

_MOST_RACES = 25
_MOST_UNMOVED = 3
_DECLINED = "hook declined"
"""What Git says where a hook of the server judged a push, and would judge it the same again."""


@dataclass
class Refusals:
    """The pushes that were refused: a race is worth many attempts, anything else only a few."""

    count: int = 0
    unmoved: int = 0

    def add(self, refusal: PushRejected, *, moved: bool) -> None:
        """Count a refusal, and raise it when there were enough of them.

        Args:
            moved: whether a reference of the push stands elsewhere now, so that it was a race.
        """
        self.count += 1
        # A reference that another push holds locked is refused too, before it moves.
        self.unmoved = 0 if moved else self.unmoved + 1
        if self.count >= _MOST_RACES or self.unmoved >= _MOST_UNMOVED:
            raise refusal
        if not moved and any(_DECLINED in reason for reason in refusal.refs.values()):
            raise refusal


def back_off(failures: int) -> None:
    """Wait a while, longer after more failures: up to half a second."""
    time.sleep(random.uniform(0, min(0.5, 0.02 * 2**failures)))
