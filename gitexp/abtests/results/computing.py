"""Computing: the days of a test that are over and not kept yet, and what there is just now.

A day is written to Git before the state of the rows goes past it. So whatever breaks a
calculation off, the next one goes on with the first day that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gitexp.abtests.data.engine import Limits
from gitexp.abtests.data.opening import Access
from gitexp.abtests.data.sessions import CHANGED, Session, Snapshot, session, working
from gitexp.abtests.definition import AbTest
from gitexp.abtests.metrics import Metric
from gitexp.abtests.results import days as store
from gitexp.abtests.results.calendars import Day, began, days_of
from gitexp.abtests.results.days import DayRecord
from gitexp.abtests.results.fingerprints import Fingerprint
from gitexp.clock import iso, parse_iso
from gitexp.errors import InvalidInput, NotFound
from gitexp.project.workspace import Workspace

Told = Callable[[Day], None]
"""Called with each day that was computed."""

Kept = Mapping[str, Mapping[str, DayRecord]]
"""The days that are kept, by the key of each metric and by date."""


@dataclass(frozen=True, kw_only=True)
class Recalculation:
    """What a calculation did.

    Attributes:
        days: how many days of the test are over.
        computed: the days of metrics that were computed from rows.
        reused: those whose statistics were there under other settings of judgement.
        failed: those that could not be computed, with the reason.
        notes: what should be known of the data.
    """

    experiment: str
    days: int
    computed: int = 0
    reused: int = 0
    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON data."""
        return {**self.__dict__, "failed": dict(self.failed), "notes": list(self.notes)}


def recalculate(
    workspace: Workspace,
    test: AbTest,
    *,
    metrics: Sequence[str] = (),
    force: bool = False,
    access: Access | None = None,
    limits: Limits | None = None,
    told: Told | None = None,
) -> Recalculation:
    """Compute the days that are over and not kept yet; nothing is computed twice.

    Args:
        metrics: the keys of some metrics; all by default.
        force: compute every day again from all rows, beside what is kept.
        told: called with each day once it is kept.

    Raises:
        NotAllowed: the test was not launched.
        NotFound: it has no such metric, or its exposures are not there.
        InvalidInput: the exposures cannot be read.
    """
    began(test)
    work = _Work(workspace, test, [metric_of(test, key) for key in metrics] or test.metrics)
    reused = work.reuse() if not force else 0
    notes: list[str] = []
    computed = 0
    if force or work.missing():

        def computing(data: Session) -> int:
            # Somebody else may have been at it while this waited.
            return work.compute(data, force=force, notes=notes, told=told)

        computed = working(workspace, test, computing, access=access, limits=limits)
    return Recalculation(
        experiment=test.experiment,
        days=len(work.days),
        computed=computed,
        reused=reused,
        failed=work.failures(),
        notes=tuple(notes),
    )


def metric_of(test: AbTest, key: str) -> Metric:
    """Return a metric of a test.

    Raises:
        NotFound: it has none with this key.
    """
    metric = test.metric(key)
    if metric is None:
        known = ", ".join(each.key for each in test.metrics) or "none"
        raise NotFound(
            f"the A/B test of {test.experiment!r} has no metric {key!r}",
            hint=f"Its metrics are: {known}.",
        )
    return metric


class _Work:
    def __init__(self, workspace: Workspace, test: AbTest, metrics: Sequence[Metric]) -> None:
        self._workspace = workspace
        self._test = test
        self._prints = {metric.key: Fingerprint.of(test, metric) for metric in metrics}
        now = workspace.surroundings.clock.now()
        self.days = [day for day in days_of(test, now) if day.is_over]

    def kept(self) -> Kept:
        """Return the days that are kept, by the key of each metric."""
        return {
            key: store.days_of_metric(self._workspace, self._test.experiment, key, made.value)
            for key, made in self._prints.items()
        }

    def missing(self, known: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """Return the keys of metrics that lack a day, by day.

        Args:
            known: by key, why metrics cannot be computed now; a day that failed for that very
                reason is not tried again.
        """
        kept = self.kept()

        def lacks(key: str, day: Day) -> bool:
            record = kept[key].get(day.name)
            if record is not None and record.error is not None:
                return record.error != (known or {}).get(key)
            return not _is_done(record, day)

        found = {day.name: [key for key in self._prints if lacks(key, day)] for day in self.days}
        return {day: keys for day, keys in found.items() if keys}

    def failures(self) -> dict[str, str]:
        """Return the last error of each metric whose last day failed."""
        found = {}
        for key, days in self.kept().items():
            last = max(days.values(), key=lambda record: record.day, default=None)
            if last is not None and last.error is not None:
                found[key] = last.error
        return found

    # --- from other settings ----------------------------------------------------------------

    def reuse(self) -> int:
        """Keep days whose statistics are there under other settings of judgement."""
        kept = self.kept()
        records = [r for key in self._prints for r in self._reusable(key, kept[key])]
        if records:
            store.write(self._workspace, self._test.experiment, records, self._prints)
        return len(records)

    def _reusable(self, key: str, kept: Mapping[str, DayRecord]) -> Iterator[DayRecord]:
        wanted = {day.name: day for day in self.days if day.name not in kept}
        made, name = self._prints[key], self._test.experiment
        for other in store.fingerprints_of(self._workspace, name, key) if wanted else ():
            said = store.settings_of(self._workspace, name, key, other)
            if other == made.value[:16] or said is None or said["data"] != made.data:
                continue
            found = store.days_of_metric(self._workspace, name, key, other)
            for day in list(wanted):
                record = found.get(day)
                if record is not None and record.sums and _is_done(record, wanted[day]):
                    del wanted[day]
                    yield replace(record, fingerprint=made.value, attempt=1)

    # --- from rows --------------------------------------------------------------------------

    def compute(self, data: Session, *, force: bool, notes: list[str], told: Told | None) -> int:
        """Compute what is missing, day after day; returns how many days of metrics."""
        every = {day.name: list(self._prints) for day in self.days}
        missing = every if force else self.missing(data.faults)
        wanted = [day for day in self.days if day.name in missing]
        if not wanted:
            return 0
        if data.has_changed():
            notes.append(
                f"{CHANGED}; the days that are kept stay as they are, unless they are "
                "computed again with --force"
            )
            data.reset(outdated=data.until)
        is_whole = force and len(self._prints) == len(self._test.metrics)
        if force or (data.until is not None and data.until > wanted[0].until):
            data.reset(outdated=None if is_whole else data.outdated)
        kept = self.kept()
        computed = 0
        for day in self.days:
            if day.until > wanted[-1].until:
                break
            written = self._day(data, day, missing.get(day.name, []), kept, force=force)
            computed += written
            if written and told is not None:
                told(day)
        return computed

    def _day(self, data: Session, day: Day, keys: Sequence[str], kept: Kept, *, force: bool) -> int:
        if not keys and data.until is not None and data.until >= day.until:
            return 0
        with data.on_to(day.until):
            records = self._records(day, keys, data.snapshot(keys), kept, force) if keys else []
            if records:
                store.write(self._workspace, self._test.experiment, records, self._prints)
        return len(records)

    def _records(
        self, day: Day, keys: Sequence[str], found: Snapshot, kept: Kept, force: bool
    ) -> list[DayRecord]:
        made = [self._record(day, key, found, kept[key].get(day.name)) for key in keys]
        # The same failure is no news.
        return [
            record
            for record in made
            if force or record.error is None or not _failed_so(record, kept)
        ]

    def _record(self, day: Day, key: str, found: Snapshot, before: DayRecord | None) -> DayRecord:
        sums = found.sums.get(key)
        by = self._workspace.signature()
        return DayRecord(
            metric=key,
            fingerprint=self._prints[key].value,
            data=self._prints[key].data,
            day=day.name,
            attempt=before.attempt + 1 if before is not None else 1,
            until=iso(day.until),
            sums=sums,
            exposures=found.exposures if sums is not None else None,
            error=None if sums is not None else found.faults.get(key, "it was not computed"),
            source=found.source,
            computed_at=iso(self._workspace.surroundings.clock.now()),
            by=str(by),
        )


def _failed_so(record: DayRecord, kept: Kept) -> bool:
    before = kept[record.metric].get(record.day)
    return before is not None and before.error == record.error


def _is_done(record: DayRecord | None, day: Day) -> bool:
    return record is not None and record.sums is not None and record.until == iso(day.until)


# --- just now ---------------------------------------------------------------------------------


def snapshot_at(
    workspace: Workspace,
    test: AbTest,
    moment: datetime,
    *,
    access: Access | None = None,
    limits: Limits | None = None,
) -> Snapshot:
    """Return the sums at a moment, from the rows since the last day that was computed.

    Raises:
        NotFound, NotAllowed, InvalidInput: the exposures cannot be read.
    """
    if moment < began(test):
        raise InvalidInput(
            f"{iso(moment)} is before the launch of {test.experiment!r} at {iso(began(test))}"
        )
    changed = False

    def looking(data: Session) -> Snapshot | None:
        nonlocal changed
        changed = data.has_changed()
        if changed or (data.until is not None and data.until > moment):
            return None
        with data.looking_at(moment):
            return data.snapshot()

    found = working(workspace, test, looking, access=access, limits=limits)
    if found is not None:
        return found
    # What was taken in stays as it is, so that whoever recalculates is told as well.
    fresh = session(workspace, test, access=access, limits=limits, keep=False)
    with fresh as data, data.looking_at(moment):
        return replace(data.snapshot(), changed=changed)


def stored_snapshot(workspace: Workspace, test: AbTest) -> tuple[str, Snapshot] | None:
    """Return the last day that is kept of a test, with its sums; None where there is none."""
    kept = {
        metric.key: store.days_of_metric(
            workspace, test.experiment, metric.key, Fingerprint.of(test, metric).value
        )
        for metric in test.metrics
    }
    whole = [r for days in kept.values() for r in days.values() if r.exposures is not None]
    one = max(whole, key=lambda record: record.day, default=None)
    if one is None or one.exposures is None:
        return None
    records = {key: days[one.day] for key, days in kept.items() if one.day in days}
    faults = {key: r.error for key, r in records.items() if r.error is not None}
    return one.day, Snapshot(
        as_of=parse_iso(one.until),
        exposures=one.exposures,
        sums={key: r.sums for key, r in records.items() if r.sums is not None},
        faults=faults,
        source=one.source,
    )
