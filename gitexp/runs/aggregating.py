"""Sums over many runs: what runs of the same values over the same samples add up to.

The sums of recorded runs are made by the index, so they cost no document of any run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.clock import iso
from gitexp.project.workspace import Workspace
from gitexp.runs.filters.conditions import Field
from gitexp.runs.index.answers import Choice
from gitexp.runs.index.conditions import ALWAYS, Sql, joined, key_of
from gitexp.runs.index.entries import Entry, entry_of, microseconds
from gitexp.runs.index.schema import SUBJECT_COLUMNS
from gitexp.runs.searching import RunQuery, Sources, choice_of, with_sources
from gitexp.runs.tallies import Stats

if TYPE_CHECKING:
    import sqlite3

MAX_BRIEFS = 10
"""How many runs of the same values over the same samples are named, the newest ones."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY = 86_400_000_000


class Grouping(NamedTuple):
    """What runs are kept apart by, beside their values and samples.

    Attributes:
        tag: the value of this tag; empty for none.
        day: whether by the day on which they were made, in UTC.
    """

    tag: str = ""
    day: bool = False


class Subject(NamedTuple):
    """What runs must share for their results to be added up.

    Attributes:
        group: the tag's value or the day, where runs are grouped by one; else None.
        samples: how many the dataset held; None without a dataset.
        evaluators: names and digests, sorted.
    """

    group: str | None
    version: str | None
    digest: str | None
    dataset: str | None
    dataset_path: str | None
    dataset_digest: str | None
    samples: int | None
    evaluators: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the runs of one subject add up to.

    The rows of a run that did not finish are those that happened to be done first, so they count
    in nothing but `runs`.

    Attributes:
        runs: how many they are.
        finished: how many of them finished.
        stats: the sum over those that finished.
        most: the largest total of one of those.
        example: the id of one of the runs.
    """

    subject: Subject
    runs: int
    finished: int
    stats: Stats
    most: int
    example: str

    @property
    def judged(self) -> int:
        """How many different samples were judged: those of the run that judged the most."""
        return self.most if self.subject.samples is None else min(self.most, self.subject.samples)


@dataclass(frozen=True, kw_only=True)
class Brief:
    """One run in short."""

    subject: Subject
    id: str
    status: str
    created: int
    stats: Stats

    def to_dict(self) -> dict[str, Any]:
        """Return id, status, `created_at` and stats."""
        return {
            "id": self.id,
            "status": self.status,
            "created_at": iso(_EPOCH + timedelta(microseconds=self.created)),
            "stats": self.stats.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """The sums over some runs.

    Attributes:
        briefs: the newest `MAX_BRIEFS` runs of each subject, the newest first; none where runs
            are grouped by more than what they were made with.
    """

    tallies: tuple[Tally, ...]
    briefs: tuple[Brief, ...]


def aggregate(workspace: Workspace, query: RunQuery, by: Grouping | None = None) -> Aggregate:
    """Return the sums over all runs that a query asks for; its order and limit are left out.

    Raises:
        InvalidInput: the filter cannot be used.
        StoreError: a record is damaged; the message names it.
        Conflict: one run is recorded with two contents.
    """
    choice, group = choice_of(query), _group(by or Grouping())

    def work(sources: Sources) -> Aggregate:
        each = [(connection, part) for _, connection, part in sources.each(choice)]
        briefs = [b for source in each for b in _briefs(*source)] if group is None else []
        tallies = [t for source in each for t in _tallies(*source, group)]
        return Aggregate(tallies=tuple(tallies), briefs=_newest_first(briefs))

    return with_sources(workspace, choice, work)


def aggregate_of(documents: Iterable[Mapping[str, Any]], by: Grouping | None = None) -> Aggregate:
    """Return the sums over runs that are at hand as documents: a tally and a brief for each."""
    tallies, briefs = [], []
    for document in documents:
        entry = entry_of(document)
        subject = _subject_of(document, entry, by or Grouping())
        tallies.append(_tally_of(document, entry, subject))
        briefs.append(
            Brief(
                subject=subject,
                id=entry.id,
                status=document["status"],
                created=microseconds(document["created_at"]),
                stats=Stats.from_dict(document.get("stats", {})),
            )
        )
    return Aggregate(tallies=tuple(tallies), briefs=_newest_first(briefs))


def _tally_of(document: Mapping[str, Any], entry: Entry, subject: Subject) -> Tally:
    finished = document["status"] == "finished"
    stats = Stats.from_dict(document.get("stats", {})) if finished else Stats()
    return Tally(
        subject=subject,
        runs=1,
        finished=int(finished),
        stats=stats,
        most=stats.total,
        example=entry.id,
    )


def _newest_first(briefs: Iterable[Brief]) -> tuple[Brief, ...]:
    return tuple(sorted(briefs, key=lambda brief: (-brief.created, brief.id)))


def _subject_of(document: Mapping[str, Any], entry: Entry, by: Grouping) -> Subject:
    group = document.get("tags", {}).get(by.tag) if by.tag else None
    if by.day:
        group = _day_text(microseconds(document["created_at"]) // _DAY)
    return _subject(group, entry.subject)


def _subject(group: str | None, row: Sequence[Any]) -> Subject:
    version, digest, dataset, path, dataset_digest, samples, evaluators = row
    return Subject(
        group=group,
        version=version,
        digest=digest,
        dataset=dataset,
        dataset_path=path,
        dataset_digest=dataset_digest,
        samples=samples if dataset is not None else None,
        evaluators=tuple((name, known) for name, known in json.loads(evaluators)),
    )


def _day_text(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


# --- by the index ---------------------------------------------------------------------------


class _Group(NamedTuple):
    """What keeps runs apart.

    Attributes:
        sql: an expression for its value in a run `r`.
        whole: an expression for the whole of the value `a.grp`, where that is shortened.
        text: how the value reads.
    """

    sql: Sql
    whole: str
    text: Callable[[Any], str | None]


def _group(by: Grouping) -> _Group | None:
    if by.tag:
        key = key_of(Field("tag", by.tag))
        lookup = f"(SELECT text FROM tags WHERE key = {key.text} AND run = r.key)"
        whole = "coalesce((SELECT text FROM texts WHERE short = a.grp), a.grp)"
        return _Group(Sql(lookup, key.values), whole, lambda value: value)
    return _Group(Sql(f"r.created / {_DAY}"), "a.grp", _day_text) if by.day else None


_COUNTS = ("r.passed", "r.failed", "r.errors", "r.unscored")
_SUMS = ", ".join(f"sum(CASE r.status WHEN 'finished' THEN {c} ELSE 0 END)" for c in _COUNTS)
_MOST = "max(CASE r.status WHEN 'finished' THEN r.total ELSE 0 END)"
_SUBJECT = ", ".join(f"s.{name}" for name in SUBJECT_COLUMNS)


def _tallies(
    connection: sqlite3.Connection, choice: Choice, group: _Group | None
) -> Iterator[Tally]:
    test = joined("AND", [ALWAYS, *choice.tests(choice.few(connection))])
    value, whole, more = Sql("NULL"), "NULL", ""
    if group is not None:
        value, whole, more = group.sql, group.whole, ", grp"
    # The sums are made before anything is joined, from one narrow index.
    query = (
        f"SELECT {whole}, a.*, r.id, {_SUBJECT}"
        f" FROM (SELECT {value.text} AS grp, r.subject AS subject, max(r.key) AS one,"
        f" count(*), sum(r.status = 'finished'), {_SUMS}, {_MOST}"
        f" FROM runs r WHERE {test.text} GROUP BY r.subject{more}) a"
        " JOIN subjects s ON s.subject = a.subject JOIN runs r ON r.key = a.one"
    )
    for row in connection.execute(query, (*value.values, *test.values)):
        runs, finished, passed, failed, errors, unscored, most, example = row[4:12]
        yield Tally(
            subject=_subject(group.text(row[0]) if group is not None else None, row[12:]),
            runs=runs,
            finished=finished,
            stats=Stats(passed=passed, failed=failed, errors=errors, unscored=unscored),
            most=most,
            example=example,
        )


def _briefs(connection: sqlite3.Connection, choice: Choice) -> Iterator[Brief]:
    test = joined("AND", [ALWAYS, *choice.tests(choice.few(connection))])
    query = (
        f"SELECT r.id, r.status, r.created, {', '.join(_COUNTS)}, {_SUBJECT} FROM"
        " (SELECT r.key AS one, row_number() OVER"
        " (PARTITION BY r.subject ORDER BY r.created DESC) AS place"
        f" FROM runs r WHERE {test.text}) a JOIN runs r ON r.key = a.one"
        f" JOIN subjects s ON s.subject = r.subject WHERE a.place <= {MAX_BRIEFS}"
    )
    for row in connection.execute(query, test.values):
        run_id, status, created, passed, failed, errors, unscored = row[:7]
        yield Brief(
            subject=_subject(None, row[7:]),
            id=run_id,
            status=status,
            created=created,
            stats=Stats(passed=passed, failed=failed, errors=errors, unscored=unscored),
        )
