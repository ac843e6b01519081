"""Timelines: when values were live in an environment, as far as its commits can be believed.

The order of commits is certain, their dates are what somebody wrote. So a commit counts from the
latest of the dates that it and the commits before it carry, and one that is dated in the future
counts for nothing: neither does what it makes live, nor how long what was live before it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gitexp.clock import SKEW, iso, parse_iso
from gitexp.environments.binding import UNREADABLE, environment_at
from gitexp.environments.branches import tip_of
from gitexp.environments.history import line_of_commits
from gitexp.environments.published import flag_mark
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.review.policies.facts import Period
from gitexp.review.policies.moves import values_mark
from gitexp.store.model import Commit
from gitexp.store.protocol import Store

_READING = "environment-step/3"
"""Changes when the same commit may be read as something else, and so makes old entries unused."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One commit of an environment's branch.

    Attributes:
        dates: every date that it carries.
        marks: of the values and the flags that are live from here on; none where nobody knows.
    """

    dates: tuple[datetime, ...]
    marks: frozenset[str] = frozenset()


def steps_of(workspace: Workspace, environment: Name, *, reader: Store) -> list[Step]:
    """Return what the commits of an environment's branch say, oldest first.

    Each commit is read once, ever.

    Raises:
        MissingObject, DamagedObject: history is cut off.
    """
    tip = tip_of(workspace, environment, reader=reader)
    commits = line_of_commits(workspace, tip, reader=reader) if tip is not None else ()
    found = [_step(workspace, environment, reader, commit) for commit in commits]
    workspace.cache.flush()
    return found[::-1]


def _step(workspace: Workspace, environment: Name, store: Store, commit: Commit) -> Step:
    key = f"{_READING}/{workspace.project_id}/{environment}/{commit.id}"
    known = workspace.cache.get(key)
    if known is not None:
        dates = tuple(map(parse_iso, known["dates"]))
        return Step(dates=dates, marks=frozenset(known["marks"]))
    try:
        binding = environment_at(
            store,
            commit.id,
            environment=environment,
            project=workspace.project_id,
            cache=workspace.cache,
        ).binding
    except UNREADABLE:
        return Step(dates=(commit.committer.when,))
    marks = [flag_mark(name, digest) for name, digest in binding.flags.items()]
    if (mark := values_mark(binding)) is not None:
        marks.append(mark)
    step = Step(dates=(commit.committer.when, binding.at), marks=frozenset(marks))
    said = [iso(date) for date in step.dates]
    workspace.cache.put(key, {"dates": said, "marks": marks})
    return step


def periods_of(steps: Sequence[Step], mark: str, now: datetime) -> list[Period]:
    """Return when values or a flag were live, oldest first.

    Args:
        steps: the moves of an environment, oldest first.
        mark: of the values, or of the flag.
    """
    found: list[Period] = []
    start: datetime | None = None
    for step, moment in _dated(steps, now):
        is_live = mark in step.marks
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
