"""Timelines: when values were live in an environment, as far as its commits can be believed.

The order of commits is certain, their dates are what somebody wrote. So a commit counts from the
latest of the dates that it and the commits before it carry, and one that is dated in the future
counts for nothing: neither does what it makes live, nor how long what was live before it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gitexp.environments.binding import Snapshot
from gitexp.environments.history import Unreadable, moves
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.review.policies.facts import SKEW, Period
from gitexp.store.protocol import Store
from gitexp.store.trees import read_commit


@dataclass(frozen=True, kw_only=True)
class Step:
    """One commit of an environment's branch.

    Attributes:
        digest: of the values that are live from here on; None where none are, or nobody knows.
        dates: every date that it carries.
    """

    digest: str | None
    dates: tuple[datetime, ...]


def steps_of(workspace: Workspace, environment: Name, *, reader: Store) -> list[Step]:
    """Return the moves of an environment, oldest first.

    Raises:
        MissingObject, DamagedObject: history is cut off.
    """
    found = [_step(reader, move) for move in moves(workspace, environment, reader=reader)]
    return found[::-1]


def _step(store: Store, move: Snapshot | Unreadable) -> Step:
    if isinstance(move, Unreadable):
        return Step(digest=None, dates=(move.commit.committer.when,))
    committed = read_commit(store, move.commit).committer.when
    return Step(digest=move.binding.digest, dates=(committed, move.binding.at))


def periods_of(steps: Sequence[Step], digest: str, now: datetime) -> list[Period]:
    """Return when values were live, oldest first.

    Args:
        steps: the moves of an environment, oldest first.
    """
    found: list[Period] = []
    start: datetime | None = None
    for step, moment in _dated(steps, now):
        is_live = step.digest == digest
        if start is not None and not is_live:
            # Nobody knows when it ended where that is dated in the future.
            found.append(Period(start=start, end=moment if moment <= now else start))
        if not is_live:
            start = None
        elif start is None:
            start = moment
    return [*found, Period(start=start)] if start is not None else found


def _dated(steps: Iterable[Step], now: datetime) -> Iterator[tuple[Step, datetime]]:
    """Yield each step with the moment from which it counts, never before those before it."""
    latest: datetime | None = None
    for step in steps:
        moment = max(step.dates if latest is None else (latest, *step.dates))
        if moment <= now + SKEW:
            moment = latest = min(moment, now)
        yield step, moment
