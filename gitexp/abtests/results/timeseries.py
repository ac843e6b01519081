"""Time series: the cumulative result of a metric at the end of each day, from what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from gitexp.abtests.amounts import Size
from gitexp.abtests.data.sums import Exposures
from gitexp.abtests.definition import AbTest, Minimum, Prior, Statistics, Variant
from gitexp.abtests.metrics import Metric
from gitexp.abtests.results import days as store
from gitexp.abtests.results.calendars import began, days_of
from gitexp.abtests.results.days import DayRecord
from gitexp.abtests.results.fingerprints import Fingerprint, is_sound
from gitexp.abtests.results.judging import VariantResult, judge
from gitexp.clock import parse_iso
from gitexp.errors import InvalidInput, NotFound, StoreError
from gitexp.project.workspace import Workspace

SeriesStatus = Literal["pending", "partial", "completed", "failed"]

_SHORTEST = 8


@dataclass(frozen=True, kw_only=True)
class DayResult:
    """The cumulative result of a metric at the end of a day, the control first."""

    exposures: Exposures
    variants: tuple[VariantResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "exposures": self.exposures.to_dict(),
            "variants": [each.to_dict() for each in self.variants],
        }


@dataclass(frozen=True, kw_only=True)
class TimeSeries:
    """The course of a metric.

    Attributes:
        fingerprint: of the settings that the results were made with.
        history: whether these are not the settings of the test any more.
        status: `pending` without any day, `failed` where none could be computed, `completed`
            where every day that is over is there, else `partial`.
        days: every day from the launch to the end, or to today, by date; None where there is no
            result, as for today.
        errors: by date, why a day could not be computed.
        computed_at: when the newest of them was computed; None for none.
    """

    experiment: str
    metric: str
    fingerprint: str
    history: bool
    status: SeriesStatus
    days: Mapping[str, DayResult | None]
    errors: Mapping[str, str]
    computed_at: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        series = {day: found and found.to_dict() for day, found in self.days.items()}
        return {
            "experiment": self.experiment,
            "metric": self.metric,
            "fingerprint": self.fingerprint,
            "history": self.history,
            "status": self.status,
            "timeseries": series,
            "errors": dict(self.errors) or None,
            "computed_at": self.computed_at,
        }


def time_series(
    workspace: Workspace, test: AbTest, metric: str, fingerprint: str | None = None
) -> TimeSeries:
    """Return the course of a metric under a fingerprint, from the days that are kept.

    Args:
        fingerprint: or the beginning of one; that of the test as it is by default.

    Raises:
        NotAllowed: the test was not launched.
        NotFound: there is no such metric, or nothing under this fingerprint.
    """
    began(test)
    known = test.metric(metric)
    current = Fingerprint.of(test, known) if known is not None else None
    if current is not None and (fingerprint is None or _is_of(fingerprint, current.value)):
        return _series(workspace, test, metric, current.value, history=False)
    whole = _found(workspace, test, metric, fingerprint)
    return _series(workspace, test, metric, whole, history=True)


def fingerprints(workspace: Workspace, test: AbTest, metric: str) -> list[str]:
    """Return every fingerprint under which a metric has days, the current one first."""
    known = test.metric(metric)
    current = [Fingerprint.of(test, known).value] if known is not None else []
    others = [
        said["fingerprint"]
        for short in store.fingerprints_of(workspace, test.experiment, metric)
        if (said := store.settings_of(workspace, test.experiment, metric, short)) is not None
    ]
    return list(dict.fromkeys([*current, *others]))


def _is_of(text: str, fingerprint: str) -> bool:
    return len(text) >= _SHORTEST and fingerprint.startswith(text.lower())


def _found(workspace: Workspace, test: AbTest, metric: str, fingerprint: str | None) -> str:
    every = fingerprints(workspace, test, metric)
    if not every:
        raise NotFound(
            f"the A/B test of {test.experiment!r} has no metric {metric!r}",
            hint=f"`gitexp ab show {test.experiment}` lists its metrics.",
        )
    matching = [each for each in every if fingerprint and _is_of(fingerprint, each)]
    if len(matching) > 1:
        raise InvalidInput(f"several fingerprints begin with {fingerprint!r}")
    if not matching:
        raise NotFound(
            f"metric {metric!r} has no results under the fingerprint {fingerprint!r}",
            hint=f"There are: {', '.join(each[:16] for each in every)}.",
        )
    return matching[0]


def _series(
    workspace: Workspace, test: AbTest, key: str, fingerprint: str, *, history: bool
) -> TimeSeries:
    kept = store.days_of_metric(workspace, test.experiment, key, fingerprint)
    now = workspace.surroundings.clock.now()
    if history:
        said = store.settings_of(workspace, test.experiment, key, fingerprint)
        test, metric = _former(test, key, said)
        last = max((parse_iso(record.until) for record in kept.values()), default=now)
        test = replace(test, ended_at=last)
    else:
        found = test.metric(key)
        assert found is not None
        metric = found
    every = days_of(test, now)
    results = {day.name: _result(test, metric, kept.get(day.name)) for day in every}
    errors = {day: r.error for day, r in kept.items() if r.error is not None and day in results}
    over = [day.name for day in every if day.is_over]
    return TimeSeries(
        experiment=test.experiment,
        metric=key,
        fingerprint=fingerprint,
        history=history,
        status=_status([results[day] for day in over], bool(errors)),
        days=results,
        errors=errors,
        computed_at=max((record.computed_at for record in kept.values()), default=None),
    )


def _result(test: AbTest, metric: Metric, record: DayRecord | None) -> DayResult | None:
    if record is None or record.sums is None or record.exposures is None:
        return None
    judged = judge(test, metric, record.sums)
    return DayResult(exposures=record.exposures, variants=tuple(each.result for each in judged))


def _status(over: list[DayResult | None], failed: bool) -> SeriesStatus:
    there = [found for found in over if found is not None]
    if not there:
        return "failed" if failed else "pending"
    return "completed" if len(there) == len(over) else "partial"


def _former(test: AbTest, key: str, said: Mapping[str, Any] | None) -> tuple[AbTest, Metric]:
    """Return a test and a metric as they were under other settings.

    Raises:
        StoreError: the settings are not those that the fingerprint was made of.
    """
    if said is None or not is_sound(said):
        raise StoreError(
            f"the settings of metric {key!r} are not those of their fingerprint",
            hint="Such files are never changed; bring back what Git has of them.",
        )
    data, judged = said["settings"]["data"], said["settings"]["judgement"]
    prior = judged.get("prior")
    before = replace(
        test,
        started_at=parse_iso(data["started_at"]),
        variants=tuple(
            test.variant(name) or Variant(key=name, name=name, split=0.0)
            for name in data["variants"]
        ),
        data=replace(test.data, timezone=data.get("timezone", "UTC")),
        minimum=Minimum(sample_size=judged.get("minimum", test.minimum.sample_size)),
        statistics=Statistics(
            method=judged["method"],
            confidence=judged["confidence"],
            difference=judged["difference"],
            alternative=judged.get("alternative", "two-sided"),
            prior=Prior(**prior) if prior else None,
            tuning=judged.get("tuning", 5000),
        ),
    )
    guardrail = judged.get("guardrail")
    metric = Metric(
        key=key,
        type=data["metric"]["type"],
        goal=judged["goal"],
        guardrail=Size(**guardrail) if guardrail else None,
    )
    return before, metric
