"""What remains of a running test: the units that were planned and are not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gitexp.abtests.definition import AbTest
from gitexp.abtests.results.checking import planned_size
from gitexp.abtests.results.model import Results
from gitexp.clock import iso
from gitexp.errors import NotFound
from gitexp.stats.planning.running_time import remaining_days

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """How far a test has come.

    Attributes:
        planned: units over all variants.
        units: those that are there.
        per_day: how many came a day since the launch; None on the first day, which tells little.
        days: how many days are left at that rate; None where nothing has been seen yet.
        ends_at: when the planned number is reached then.
    """

    experiment: str
    planned: int
    units: int
    per_day: float | None
    days: float | None
    ends_at: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(self.__dict__)


def remaining(test: AbTest, found: Results) -> Remaining:
    """Return how long a test has to go on at the rate at which units came so far.

    Raises:
        NotFound: nobody planned how many units it takes.
    """
    planned = planned_size(test)
    if planned is None:
        raise NotFound(
            f"the A/B test of {test.experiment!r} has no plan",
            hint="Make one with `gitexp stats plan`, and keep its answer below `planning` in "
            "ab-test.yaml.",
        )
    passed = (found.as_of - found.started_at) / _DAY
    units = found.exposures.total
    rate = units / passed if passed >= 1 else None
    days = remaining_days(planned, units, rate)
    ends = None
    if days is not None and days < 36_500:
        ends = iso((found.as_of + days * _DAY).replace(microsecond=0))
    return Remaining(
        experiment=test.experiment,
        planned=planned,
        units=units,
        per_day=rate,
        days=days,
        ends_at=ends,
    )
