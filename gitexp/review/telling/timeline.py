"""The timeline: everything that happened, from every branch, in one order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gitexp.environments.branches import environment_name, names_with_branches
from gitexp.errors import InvalidInput
from gitexp.experiments.headers import listed_header
from gitexp.experiments.homes import Home
from gitexp.experiments.namesakes import Known, known_experiments
from gitexp.experiments.permissions import get_visible, readable
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.review.changes.branches import current_ledger
from gitexp.review.telling import environment_events, experiment_events
from gitexp.review.telling.ab_events import ab_line
from gitexp.review.telling.events import KINDS, Event, Kind, Line, newest_first
from gitexp.review.telling.trunk_events import MOST_COMMITS, trunk_story

_OF_EXPERIMENTS: frozenset[Kind] = frozenset(["save", "header", "lifecycle", "share"])
_OF_TRUNK: frozenset[Kind] = frozenset(["share", "project"])
_OF_CHANGES: frozenset[Kind] = frozenset(["change", "approval"])
_OF_ENVIRONMENTS: frozenset[Kind] = frozenset(["promotion", "change", "approval"])


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """What is asked of the story of a project.

    Attributes:
        experiment: only what is about this one.
        environment: only what is about this one: its moves, and change requests for it.
        since, until: only what happened then, both included.
        author: only what was done by somebody whose name or address contains this, in any case.
        kinds: only these; none for all.
        limit: at most so many; None for all.
    """

    experiment: str | None = None
    environment: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    author: str = ""
    kinds: Collection[Kind] = ()
    limit: int | None = 100

    def checked(self) -> LogQuery:
        """Return this query.

        Raises:
            InvalidInput: a kind is unknown, or the limit is no number of events.
        """
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            hint = f"Kinds are {', '.join(KINDS)}."
            raise InvalidInput(f"{unknown[0]!r} is no kind of event", hint=hint)
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"{self.limit} is not a number of events", hint="Ask for 1 or more.")
        return self

    def wants(self, kinds: Collection[Kind]) -> bool:
        """Return whether events of some of these kinds are wanted."""
        asked = set(self.kinds or KINDS)
        if self.environment is not None:
            asked &= _OF_ENVIRONMENTS
        return bool(asked & set(kinds))

    def takes(self, event: Event) -> bool:
        """Return whether an event is wanted, whatever experiment it is about."""
        return (
            self.wants([event.kind])
            and (self.environment is None or event.environment == self.environment)
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at <= self.until)
            and self.author.casefold() in event.by.casefold()
        )


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What happened, newest first.

    Attributes:
        notes: what could not be told, a line each.
        more: whether older events were left out because of the limit.
    """

    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    more: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the timeline as JSON data."""
        return {
            "events": [event.to_dict() for event in self.events],
            "notes": list(self.notes),
            "more": self.more,
        }


def timeline(workspace: Workspace, query: LogQuery) -> Timeline:
    """Return what happened to a project, an experiment or an environment, newest first.

    What others alone may read is left out. In a shallow clone the story begins where the history
    is cut off, and a note says so.

    Raises:
        NotFound: there is no such experiment or environment.
        InvalidInput: a kind is unknown, or the limit is no number of events.
    """
    teller = _Teller(workspace, query.checked())
    lines = list(teller.lines())
    now = workspace.surroundings.clock.now()
    found = [event for event in newest_first(lines, now=now) if query.takes(event)]
    shown = found if query.limit is None else found[: query.limit]
    return Timeline(events=tuple(shown), notes=tuple(teller.notes), more=len(found) > len(shown))


@dataclass
class _Teller:
    """Collects the lines of events that a query may want."""

    workspace: Workspace
    query: LogQuery
    notes: list[str] = field(default_factory=list)
    versions: set[ObjectId] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    hidden_ids: frozenset[str] = frozenset()

    def lines(self) -> Iterator[Line]:
        """Yield every line of events; at one moment, what is told later happened later."""
        known = self._experiments()
        homes = [home for home, header in known if header.problem is None]
        told = [line for home in homes for line in self._experiment(home)]
        if self.query.wants(_OF_TRUNK):
            yield list(self._about(self._trunk()))
        yield from told
        if self.query.wants(["run"]):
            yield from ([run] for run in self._runs(known))  # runs are not on one line
        if self.query.wants(["promotion"]):
            yield from self._environments(known)
        if self.query.wants(_OF_CHANGES):
            yield from self._changes(known)

    def _experiments(self) -> list[Known]:
        """Return the experiments that are told about."""
        is_readable = readable(self.workspace)
        everything = known_experiments(self.workspace, tolerate_shallow=True)
        self.hidden = frozenset(home.name for home, _ in everything if not is_readable(home))
        self.hidden_ids = frozenset(h.id for home, h in everything if home.name in self.hidden)
        if self.query.experiment is None:
            return [known for known in everything if known[0].name not in self.hidden]
        home = get_visible(self.workspace, self.query.experiment, tolerate_shallow=True)
        return [(home, listed_header(self.workspace, home))]

    def _experiment(self, home: Home) -> Iterator[Line]:
        if not self.query.wants(_OF_EXPERIMENTS):
            return
        story = experiment_events.story_of(self.workspace, home)
        self.versions |= story.versions
        for name in story.names:
            self.names.setdefault(name, home.name)
        self.names[home.name] = home.name
        if story.cut:
            self._cut_off(f"experiment {home.name!r}")
        yield story.saves
        yield story.pushes
        if self.query.wants(["lifecycle"]):
            yield ab_line(self.workspace, home)

    def _trunk(self) -> Line:
        story = trunk_story(self.workspace, versions=self.versions)
        trunk = self.workspace.trunk
        if story.cut:
            self._cut_off(trunk)
        if story.capped:
            self.notes.append(f"{trunk} is told of its newest {MOST_COMMITS} commits alone")
        return story.events

    def _runs(self, known: list[Known]) -> Iterable[Event]:
        """Return the runs that are told about, oldest first."""
        from gitexp.review.telling.run_events import run_events

        query = self.query
        alone = query.experiment is not None
        found = run_events(
            self.workspace,
            experiments=[home.name for home, _ in known] if alone else (),
            hidden=() if alone else sorted(self.hidden),
            since=query.since,
            until=query.until,
            author=query.author,
            limit=None if query.limit is None else query.limit + 1,
        )
        return reversed(found)

    def _environments(self, known: list[Known]) -> Iterator[Line]:
        ids = {header.id for _, header in known}
        for name in self._names():
            story = environment_events.story_of(self.workspace, name)
            if story.problem:
                self.notes.append(f"environment {name!r} is told in part: {story.problem}")
            told = zip(story.moves, story.experiments, strict=True)
            yield [event for event, about in told if self._is_told(about, ids)]

    def _is_told(self, experiment_id: str | None, ids: Collection[str]) -> bool:
        """Return whether a move that is about an experiment is told."""
        if self.query.experiment is not None:
            return experiment_id in ids
        return experiment_id not in self.hidden_ids

    def _names(self) -> list[Name]:
        """Return the environments that are told about."""
        names = names_with_branches(self.workspace)
        if self.query.environment is None:
            return names
        wanted = environment_name(self.query.environment)
        if wanted not in names:
            current_project(self.workspace).environment(wanted)
        return [name for name in names if name == wanted]

    def _changes(self, known: list[Known]) -> Iterator[Line]:
        ids = {header.id for _, header in known}
        ledger = current_ledger(self.workspace)
        for change, problem in ledger.problems.items():
            self.notes.append(f"change request {change} cannot be read: {problem}")
        for facts in ledger.changes:
            if self._is_told(facts.request.experiment_id, ids):
                yield environment_events.change_line(facts)

    def _about(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield what is about the experiments that are told about, by their names of today.

        What is about none is told with all of them, and so is what no branch holds any more,
        unless it may be one that is hidden.
        """
        alone = self.query.experiment is not None
        for event in events:
            if event.experiment in self.names:
                yield replace(event, experiment=self.names[event.experiment])
            elif not alone and (event.experiment is None or not self.hidden):
                yield event

    def _cut_off(self, what: str) -> None:
        self.notes.append(
            f"the history of {what} is cut off in this clone: `git fetch --unshallow` brings it"
        )
