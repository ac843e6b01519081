"""Reading results: judged from the rows of this moment, or from the last day that was kept."""

from __future__ import annotations

from datetime import datetime

from gitexp.abtests.data.engine import Limits
from gitexp.abtests.data.opening import Access
from gitexp.abtests.data.sessions import Snapshot
from gitexp.abtests.definition import AbTest
from gitexp.abtests.launches import launch_of
from gitexp.abtests.reading import read_test
from gitexp.abtests.results.analysing import analyse
from gitexp.abtests.results.calendars import began, last_moment
from gitexp.abtests.results.computing import snapshot_at, stored_snapshot
from gitexp.abtests.results.model import Results
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.homes import get_home
from gitexp.project.workspace import Workspace


def results(
    workspace: Workspace,
    name: str,
    *,
    as_of: datetime | None = None,
    stored: bool = False,
    access: Access | None = None,
    limits: Limits | None = None,
) -> Results:
    """Return what the A/B test of an experiment has come to.

    The rows since the last day that was computed are read, up to now or to the end of the test.
    Of a test that has ended and whose last day is kept, nothing is read any more.

    Args:
        as_of: another moment that has passed.
        stored: take the last day that is kept, and read no rows at all.

    Raises:
        NotAllowed: the test was not launched, or its data is elsewhere and may not be read.
        NotFound: there is no such test, no data, or no day that is kept.
        InvalidInput: the exposures cannot be read, or the other moment has no zone.
    """
    if as_of is not None and as_of.tzinfo is None:
        raise InvalidInput(
            f"{as_of.isoformat()} has no offset from UTC",
            hint="Give a moment with a zone, such as datetime(2026, 1, 31, tzinfo=timezone.utc).",
        )
    test = read_test(workspace, name)
    began(test)
    now = workspace.surroundings.clock.now()
    moment = last_moment(test, min(as_of or now, now))
    kept = None if access is not None and access.tables else stored_snapshot(workspace, test)
    if kept is None and stored:
        raise NotFound(
            f"no day of the A/B test of {name!r} is kept here",
            hint=f"`gitexp ab recalculate {name}` computes the days; `gitexp fetch` brings them.",
        )
    if kept is not None and (stored or _is_whole(test, kept[1], moment)):
        return _judged(workspace, test, kept[1], day=kept[0])
    found = snapshot_at(workspace, test, moment, access=access, limits=limits)
    return _judged(workspace, test, found)


def _is_whole(test: AbTest, kept: Snapshot, moment: datetime) -> bool:
    """Return whether the last day that is kept is the end of a test, and nothing is missing."""
    return (
        test.ended_at is not None
        and kept.as_of == moment == test.ended_at
        and all(metric.key in kept.sums for metric in test.metrics)
    )


def _judged(workspace: Workspace, test: AbTest, found: Snapshot, *, day: str = "") -> Results:
    return analyse(
        test,
        exposures=found.exposures,
        sums=found.sums,
        faults=found.faults,
        as_of=found.as_of,
        marks=_marks(workspace, test),
        stored=day,
        changed=found.changed,
        outdated=found.outdated,
    )


def _marks(workspace: Workspace, test: AbTest) -> dict[str, str]:
    tip = get_home(workspace, test.experiment).tip
    launch = launch_of(workspace, test.experiment, tip)
    return {} if launch is None else dict(launch.marks(test))
