"""The A/B tests of a project: lists of them, and how many were launched and completed lately."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Literal

from gitexp.abtests.definition import AbTest
from gitexp.abtests.launches import history_of_test
from gitexp.abtests.reading import find_test
from gitexp.clock import iso
from gitexp.documents import layout
from gitexp.errors import InvalidInput
from gitexp.experiments.headers import Header
from gitexp.experiments.homes import Home
from gitexp.experiments.permissions import visible_experiments
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.trees import read_commit

StatusFilter = Literal["draft", "running", "paused", "stopped", "complete", "all"]

STATUSES: tuple[StatusFilter, ...] = ("draft", "running", "paused", "stopped", "complete", "all")
"""What a list may be narrowed to; `complete` is another word for `stopped`."""

ORDERS = (
    "name", "title", "created_at", "updated_at", "started_at", "ended_at", "duration", "status",
)  # fmt: skip
"""What a list may be ordered by; with a `-` in front, the other way round."""

_PROGRESS = ("draft", "running", "paused", "stopped")
_AS_ELSEWHERE = {"start_date": "started_at", "end_date": "ended_at"}
_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class AbTestSummary:
    """One line of the list of A/B tests.

    Attributes:
        archived: whether the test or its experiment is.
        created_by: the address of who made it.
        created_at, updated_at: when the first and the last commit of its file were made.
        duration: the seconds from its launch to its end, or until now; None for a draft.
        problem: why its file cannot be read; None for a good one.
    """

    name: str
    title: str
    description: str
    status: str
    archived: bool
    exposure_frozen: bool
    flag: str
    variants: tuple[str, ...]
    primary: tuple[str, ...]
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    duration: float | None
    conclusion: str | None
    shipped: str
    prompt: str
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON data."""
        return {
            key: iso(value) if isinstance(value, datetime) else value
            for key, value in vars(self).items()
        } | {"variants": list(self.variants), "primary": list(self.primary)}


@dataclass(frozen=True, kw_only=True)
class AbTestPage:
    """A part of a list, and how long the whole is."""

    items: tuple[AbTestSummary, ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class AbTestSelection:
    """Which A/B tests to list, and in which order.

    Attributes:
        archived: only those that are, or are not; None takes both.
        flag: only those of this flag.
        created_by: only those whose maker has one of these addresses; empty for all.
        search: a text that name, title or description contain, in any case.
        prompt: only those that compare versions of this prompt.
        event: only those that count this event, as exposure or in a metric.
        order: one of `ORDERS`, perhaps with `-` in front.

    Raises:
        InvalidInput: there is no such status or order.
    """

    status: str = "all"
    archived: bool | None = False
    flag: str = ""
    created_by: tuple[str, ...] = ()
    search: str = ""
    prompt: str = ""
    event: str = ""
    order: str = "-created_at"
    limit: int = 100
    offset: int = 0

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InvalidInput(
                f"{self.status!r} is not a status", hint=f"One of {', '.join(STATUSES)}."
            )
        if self._key not in ORDERS:
            raise InvalidInput(
                f"{self.order!r} is not an order",
                hint=f"One of {', '.join(ORDERS)}, with - in front for the other way round.",
            )
        if self.limit < 0 or self.offset < 0:
            raise InvalidInput("limit and offset are 0 or more")

    @property
    def _key(self) -> str:
        key = self.order.removeprefix("-")
        return _AS_ELSEWHERE.get(key, key)

    def takes(self, test: AbTest, header: Header) -> bool:
        """Return whether a test fits, by what it and its experiment say."""
        text = f"{header.name}\n{test.title}\n{header.description}".casefold()
        wanted = "stopped" if self.status == "complete" else self.status
        return (
            wanted in ("all", test.status)
            and self.archived in (None, is_archived(test, header))
            and self.flag in ("", test.flag)
            and self.prompt in ("", test.prompt.name if test.prompt else "")
            and self.search.casefold() in text
            and (not self.event or self.event in _events(test))
        )

    def ordered(self, items: list[AbTestSummary]) -> list[AbTestSummary]:
        """Return summaries in order; those that lack what it goes by come last."""
        key = _BY.get(self._key) or (lambda item: getattr(item, self._key))
        there = [item for item in items if key(item) is not None]
        lacking = [item for item in items if key(item) is None]
        there.sort(key=lambda item: item.name)
        there.sort(key=key, reverse=self.order.startswith("-"))
        return there + sorted(lacking, key=lambda item: item.name)


_BY: Mapping[str, Callable[[AbTestSummary], Any]] = {
    "status": lambda item: _PROGRESS.index(item.status) if item.status in _PROGRESS else None,
}


def is_archived(test: AbTest, header: Header) -> bool:
    """Return whether a test is archived, or the whole experiment."""
    return test.archived or header.lifecycle == "archived"


def _events(test: AbTest) -> set[str]:
    rows = [row for m in test.metrics for row in (m.rows, m.denominator, m.start) if row]
    return {test.exposure.event, *(row.event for row in rows)}


def list_tests(workspace: Workspace, selection: AbTestSelection) -> AbTestPage:
    """Return one page of the A/B tests that fit; those of deleted experiments never do.

    A test whose file cannot be read is in every list, with its problem.
    """
    now = workspace.surroundings.clock.now()
    found = []
    for home, header, test in _known(workspace):
        if isinstance(test, AbTest):
            if not selection.takes(test, header):
                continue
            item = _summary(workspace, home, header, test, now)
        else:
            item = _broken(home, header, test)
        if not selection.created_by or item.created_by in selection.created_by or item.problem:
            found.append(item)
    ordered = selection.ordered(found)
    page = ordered[selection.offset : selection.offset + selection.limit]
    return AbTestPage(items=tuple(page), total=len(found))


def _known(workspace: Workspace) -> Iterator[tuple[Home, Header, AbTest | str]]:
    """Yield the experiments that have an A/B test, with the test, or why it cannot be read."""
    for home, header in visible_experiments(workspace):
        if header.lifecycle == "deleted" or header.problem is not None:
            continue
        try:
            test = find_test(workspace, home.tip, home.name)
        except InvalidInput as exc:
            yield home, header, exc.message
            continue
        if test is not None:
            yield home, header, test


def _broken(home: Home, header: Header, problem: str) -> AbTestSummary:
    return AbTestSummary(
        name=home.name,
        title=home.name,
        description=header.description,
        status="unreadable",
        archived=False,
        exposure_frozen=False,
        flag="",
        variants=(),
        primary=(),
        created_by="",
        created_at=None,
        updated_at=None,
        started_at=None,
        ended_at=None,
        duration=None,
        conclusion=None,
        shipped="",
        prompt="",
        problem=problem,
    )


def _summary(
    workspace: Workspace, home: Home, header: Header, test: AbTest, now: datetime
) -> AbTestSummary:
    made = origin(workspace, home.name, home.tip)
    return AbTestSummary(
        name=home.name,
        title=test.title,
        description=header.description,
        status=test.status,
        archived=is_archived(test, header),
        exposure_frozen=test.exposure_frozen,
        flag=test.flag,
        variants=tuple(variant.key for variant in test.variants),
        primary=tuple(metric.key for metric in test.primary),
        created_by=made.created_by,
        created_at=made.created_at,
        updated_at=made.updated_at,
        started_at=test.started_at,
        ended_at=test.ended_at,
        duration=seconds_of(test, now),
        conclusion=test.conclusion,
        shipped=test.shipped,
        prompt=test.prompt.name if test.prompt else "",
    )


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who made a test and when, and when its file was changed last; nothing where history is cut.

    Attributes:
        created_by: the address of who made it.
    """

    created_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        moments = {"created_at": self.created_at, "updated_at": self.updated_at}
        told = {key: iso(moment) if moment else None for key, moment in moments.items()}
        return {"created_by": self.created_by, **told}


def origin(workspace: Workspace, name: str, tip: ObjectId) -> Origin:
    """Return who made the A/B test of an experiment, and when, by the history of its file."""
    key = f"ab-test-origin/1/{tip}/{layout.ab_test_path(workspace.root, Name(name))}"
    known = workspace.cache.get(key)
    if known is not None:
        by, *moments = known
        created_at, updated_at = map(datetime.fromisoformat, moments)
        return Origin(created_by=by, created_at=created_at, updated_at=updated_at)
    history = history_of_test(workspace, name, tip)
    ends = [history.changes[i].commit for i in (0, -1)] if history.changes else []
    authors = [read_commit(workspace.store, commit).author for commit in ends]
    if history.cut or not authors:
        return Origin(updated_at=authors[-1].when if authors else None)
    first, last = authors
    workspace.cache.put(key, [first.email, first.when.isoformat(), last.when.isoformat()])
    return Origin(created_by=first.email, created_at=first.when, updated_at=last.when)


def seconds_of(test: AbTest, now: datetime) -> float | None:
    """Return how long a test ran, or has run until now; None for a draft."""
    if test.started_at is None:
        return None
    return ((test.ended_at or now) - test.started_at).total_seconds()


# --- how many lately --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AbTestCounts:
    """How many tests were launched and completed lately; without archived and deleted ones.

    Attributes:
        launched_last_30d: launched today or on one of the 30 days before.
        launched_previous_30d: launched on one of the 30 days before those.
        percent_change: of the two; 100 where there were none before and are some now.
        active_experiments: launched and not ended.
        completed_last_30d: ended today or on one of the 30 days before.
    """

    launched_last_30d: int
    launched_previous_30d: int
    percent_change: float
    active_experiments: int
    completed_last_30d: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON data."""
        return dict(vars(self))


def count_tests(workspace: Workspace) -> AbTestCounts:
    """Return how many A/B tests were launched and completed lately, by days of UTC."""
    today = workspace.surroundings.clock.now().astimezone(timezone.utc).date()
    tests = [
        test
        for _, header, test in _known(workspace)
        if isinstance(test, AbTest) and not is_archived(test, header)
    ]
    begun = [_day(test.started_at) for test in tests if test.started_at is not None]
    ended = [_day(test.ended_at) for test in tests if test.ended_at is not None]
    lately, before = today - timedelta(days=_DAYS), today - timedelta(days=2 * _DAYS)
    last = sum(lately <= day <= today for day in begun)
    previous = sum(before <= day < lately for day in begun)
    return AbTestCounts(
        launched_last_30d=last,
        launched_previous_30d=previous,
        percent_change=_percent_change(last, previous),
        active_experiments=len(begun) - len(ended),
        completed_last_30d=sum(lately <= day <= today for day in ended),
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(timezone.utc).date()


def _percent_change(now: int, before: int) -> float:
    if before == 0:
        return 100.0 if now else 0.0
    return round((now - before) / before * 100, 1)
