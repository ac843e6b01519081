"""The course of a metric: every day of the test, in its own time zone, and none besides."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from gitexp.abtests.reading import read_test
from gitexp.abtests.results.calendars import days_of
from gitexp.abtests.results.computing import recalculate
from gitexp.abtests.results.timeseries import TimeSeries, fingerprints, time_series
from gitexp.errors import NotAllowed, NotFound
from gitexp.project.workspace import Workspace
from tests.abtests.data.making import ab_test, day
from tests.abtests.results.conftest import SALES, Launched, at, edit


def series(
    workspace: Workspace, metric: str = "sales", fingerprint: str | None = None
) -> TimeSeries:
    return time_series(workspace, read_test(workspace, "warm"), metric, fingerprint)


def compute(workspace: Workspace) -> None:
    recalculate(workspace, read_test(workspace, "warm"))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(timezone.utc)


def test_days_run_from_the_launch_to_today_whatever_was_computed(launched: Launched) -> None:
    workspace = at(launched(), day(2.5))
    found = series(workspace)
    assert found.days == {"2026-01-01": None, "2026-01-02": None, "2026-01-03": None}
    assert (found.status, found.errors, found.computed_at) == ("pending", {}, None)


def test_each_day_has_the_result_of_all_days_so_far(launched: Launched) -> None:
    workspace = at(launched(), day(3.5))
    compute(workspace)
    found = series(workspace)
    assert found.status == "completed"
    results = [result for result in found.days.values() if result is not None]
    assert len(results) == 3
    totals = [result.exposures.total for result in results]
    assert totals == sorted(totals)
    assert found.days["2026-01-04"] is None


def test_a_day_later_the_course_is_partial_until_it_is_computed(launched: Launched) -> None:
    workspace = launched()
    compute(at(workspace, day(2.5)))
    assert series(at(workspace, day(3.5))).status == "partial"
    compute(at(workspace, day(3.6)))
    assert series(at(workspace, day(3.7))).status == "completed"


def test_days_that_failed_say_why(launched: Launched) -> None:
    workspace = at(launched({**SALES, "value": "gain"}), day(1.5))
    compute(workspace)
    found = series(workspace)
    assert found.status == "failed"
    assert list(found.errors) == ["2026-01-01"]
    assert found.errors["2026-01-01"].startswith("the data of 'events' has no column 'gain'")


def test_results_under_former_settings_are_kept_as_history(launched: Launched) -> None:
    workspace = at(launched(), day(2.5))
    compute(workspace)
    before = series(workspace)
    edit(workspace, statistics={"confidence": 0.5001, "difference": "absolute"})
    now = series(workspace)
    assert now.fingerprint != before.fingerprint
    assert (now.status, now.history) == ("pending", False)
    kept = series(workspace, fingerprint=before.fingerprint[:16])
    assert kept.history
    known = {day: result for day, result in before.days.items() if result is not None}
    assert kept.days == known
    test = read_test(workspace, "warm")
    assert fingerprints(workspace, test, "sales") == [now.fingerprint, before.fingerprint]


def test_a_metric_that_was_removed_keeps_its_history(launched: Launched) -> None:
    workspace = at(launched(), day(1.5))
    compute(workspace)
    before = series(workspace)
    edit(workspace, metrics={"primary": [{**SALES, "key": "other"}]})
    assert series(workspace, fingerprint=before.fingerprint).history
    with pytest.raises(NotFound):
        series(workspace)


def test_an_unknown_fingerprint_names_the_known_ones(launched: Launched) -> None:
    workspace = at(launched(), day(1.5))
    known = series(workspace).fingerprint[:16]
    with pytest.raises(NotFound) as caught:
        series(workspace, fingerprint="0" * 16)
    assert str(caught.value) == (
        "metric 'sales' has no results under the fingerprint '0000000000000000'"
    )
    assert caught.value.hint == f"There are: {known}."


def test_a_draft_has_no_course(launched: Launched) -> None:
    workspace = launched()
    edit(workspace, status="draft", started_at=None)
    with pytest.raises(NotAllowed):
        series(workspace)


CALENDARS: list[tuple[str, str, str, str | None, list[tuple[str, str, bool]]]] = [
    (
        "a launch before midnight in UTC is on the next day in Berlin",
        "Europe/Berlin",
        "2026-01-01T23:30:00+00:00",
        None,
        [("2026-01-02", "2026-01-02T23:00:00+00:00", True), ("2026-01-03", "", False)],
    ),
    (
        "the day on which clocks go forward has 23 hours",
        "Europe/Berlin",
        "2026-03-28T23:00:00+00:00",
        None,
        [("2026-03-29", "2026-03-29T22:00:00+00:00", True), ("2026-03-30", "", False)],
    ),
    (
        "a test that ends at midnight ends with the day before",
        "America/New_York",
        "2026-01-01T05:00:00+00:00",
        "2026-01-03T05:00:00+00:00",
        [
            ("2026-01-01", "2026-01-02T05:00:00+00:00", True),
            ("2026-01-02", "2026-01-03T05:00:00+00:00", True),
        ],
    ),
    (
        "the last day of a test that ended counts up to its end",
        "UTC",
        "2026-01-01T12:00:00+00:00",
        "2026-01-02T06:00:00+00:00",
        [
            ("2026-01-01", "2026-01-02T00:00:00+00:00", True),
            ("2026-01-02", "2026-01-02T06:00:00+00:00", True),
        ],
    ),
]


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [each[1:] for each in CALENDARS],
    ids=[each[0] for each in CALENDARS],
)
def test_days_begin_at_midnight_where_the_test_is(
    zone: str, start: str, end: str | None, expected: list[tuple[str, str, bool]]
) -> None:
    ended: dict[str, Any] = {"ended_at": end} if end else {}
    test = ab_test(SALES, started_at=start, data={"timezone": zone}, **ended)
    known = [(moment(until) if until else None) for _, until, _ in expected]
    now = next((m for m in reversed(known) if m), moment(start))
    later = now.replace(hour=now.hour, minute=30)
    found = days_of(test, later)
    assert [(each.name, each.is_over) for each in found] == [(n, o) for n, _, o in expected]
    for each, until in zip(found, known, strict=True):
        assert until is None or each.until == until


def test_a_test_that_is_to_end_later_today_is_not_over() -> None:
    test = ab_test(SALES, ended_at="2026-01-02T18:00:00Z")
    assert [each.is_over for each in days_of(test, day(1.5))] == [True, False]
    assert [each.is_over for each in days_of(test, day(1.75))] == [True, True]
