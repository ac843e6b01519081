"""Finding runs: by a filter, in an order, page by page.

Recorded runs come from the index, those that go on on this machine from their journals; both are
asked the same question, and their answers are merged.
"""

from __future__ import annotations

import contextlib
import heapq
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, cmp_to_key
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.filters.conditions import Field, Order, fields_of
from gitexp.runs.filters.grammar import parse_filter, parse_order
from gitexp.runs.index import answers
from gitexp.runs.index.answers import Choice, Place
from gitexp.runs.index.connections import ask, connected
from gitexp.runs.index.entries import entry_of
from gitexp.runs.index.orders import Position, Step, compare, steps_of
from gitexp.runs.index.writing import Writer
from gitexp.runs.journalling import journals
from gitexp.runs.run import Run

if TYPE_CHECKING:
    import sqlite3

LifecycleChoice = Literal["active", "deleted", "all"]
"""Which runs are looked at: those that are not deleted, those that are, or both."""

_MOST_SUGGESTED = 5
_SHORTEST_PREFIX = 4
_NO_TOKEN = "Take the token of the page before, with the same filter and order; begin without one."

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """What is asked for.

    Attributes:
        filter: see `gitexp.runs.filters`; empty for all runs.
        order_by: fields, each with ASC or DESC behind it, such as `metrics.loss ASC`. Runs
            without the field come last; equal ones, and all without any order, the newest first.
        limit: how many runs a page holds; None for all.
        page_token: `RunPage.next_page_token` of the page before.
        experiments: names; none for all experiments of the project.
        hidden: names of experiments whose runs are left out.
    """

    filter: str = ""
    order_by: Sequence[str] = ()
    limit: int | None = 100
    page_token: str | None = None
    experiments: Sequence[str] = ()
    lifecycle: LifecycleChoice = "active"
    hidden: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """One page of runs.

    Attributes:
        documents: the runs as their documents, in order.
        next_page_token: what asks for the page behind this one; None for the last.
        unknown: the metrics, scores, params and tags of the question that no run has.
        meant: what was probably meant by some of those, by their texts.
    """

    documents: tuple[dict[str, Any], ...]
    next_page_token: str | None = None
    unknown: tuple[str, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs, made from their documents when they are first asked for."""
        return tuple(Run.from_dict(document) for document in self.documents)


def search(workspace: Workspace, query: RunQuery) -> RunPage:
    """Return a page of the runs that a query asks for.

    Pages neither repeat nor lose a run when others are added meanwhile.

    Raises:
        InvalidInput: filter, order or limit cannot be used, or the token is of another query.
        StoreError: a record is damaged; the message names it.
        Conflict: one run is recorded with two contents.
    """
    question = _Question.of(query)

    def work(sources: Sources) -> RunPage:
        places = sources.places(question)
        more = query.limit is not None and len(places) > query.limit
        shown = places[: query.limit] if more else places
        unknown = sorted(sources.unknown(question.fields), key=lambda field: field.text)
        return RunPage(
            documents=tuple(sources.documents(shown)),
            next_page_token=question.token(shown[-1][1].position) if more else None,
            unknown=tuple(field.text for field in unknown),
            meant={field.text: meant for field in unknown if (meant := sources.meant_by(field))},
        )

    return with_sources(workspace, question.choice, work)


def count(workspace: Workspace, query: RunQuery) -> int:
    """Return how many runs a query asks for, on all pages together.

    Raises:
        InvalidInput, StoreError, Conflict: as for `search`.
    """
    choice = choice_of(query)
    return with_sources(workspace, choice, lambda sources: sources.count(choice))


def find_run(workspace: Workspace, text: str) -> Run:
    """Return the run whose id is, or begins with, a text; a deleted one too.

    Raises:
        InvalidInput: the text is too short, or several runs begin with it.
        NotFound: no run does.
        StoreError, Conflict: it cannot be read.
    """

    def work(sources: Sources) -> Run:
        run_id = _resolved(sources, text)
        return Run.from_dict(sources.documents_by_id([run_id])[run_id])

    return with_sources(workspace, None, work)


def resolve(workspace: Workspace, text: str) -> RunId:
    """Return the id of the run whose id is, or begins with, a text.

    Raises:
        InvalidInput, NotFound, StoreError, Conflict: as for `find_run`.
    """
    return with_sources(workspace, None, lambda sources: RunId(_resolved(sources, text)))


def _resolved(sources: Sources, text: str) -> str:
    if len(text) < _SHORTEST_PREFIX:
        raise InvalidInput(
            f"{text!r} is too short for the beginning of a run id",
            hint=f"Give at least {_SHORTEST_PREFIX} characters.",
        )
    found = sources.ids_beginning(text, _MOST_SUGGESTED + 1)
    if not found:
        sources.raise_problem_of(text)
    return _only(text, found)


def documents(workspace: Workspace, run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the documents of runs by their ids; those that are not recorded here are left out.

    Raises:
        RepositoryBusy, MissingObject, DamagedObject: the index cannot be brought up to date.
    """
    return with_sources(workspace, None, lambda sources: sources.documents_by_id(run_ids))


def _only(text: str, found: list[str]) -> str:
    if not found:
        raise NotFound(
            f"no run is recorded here whose id begins with {text!r}",
            hint="`gitexp run search` lists the runs of all experiments; it may not be here yet: "
            "`gitexp fetch`.",
        )
    if len(found) > 1 and found[0] != text:
        listed = ", ".join(found[:_MOST_SUGGESTED])
        more = " and more" if len(found) > _MOST_SUGGESTED else ""
        raise InvalidInput(
            f"several runs begin with {text!r}: {listed}{more}", hint="Give more of the id."
        )
    return found[0]


# --- the question ---------------------------------------------------------------------------


def choice_of(query: RunQuery) -> Choice:
    """Return which runs a query asks for.

    Raises:
        InvalidInput: the filter cannot be used.
    """
    return Choice(
        condition=parse_filter(query.filter),
        experiments=tuple(query.experiments),
        lifecycle=query.lifecycle,
        hidden=tuple(query.hidden),
    )


@dataclass(frozen=True, kw_only=True)
class _Question:
    """A query that was read."""

    choice: Choice
    orders: tuple[Order, ...]
    steps: list[Step]
    limit: int | None
    behind: Position | None
    name: str = field(repr=False)

    @classmethod
    def of(cls, query: RunQuery) -> _Question:
        if query.limit is not None and query.limit < 1:
            raise InvalidInput(
                f"a page cannot hold {query.limit} runs", hint="Ask for 1 or more, or None for all."
            )
        choice = choice_of(query)
        orders = tuple(order for text in query.order_by for order in parse_order(text))
        steps, name = steps_of(orders), _name_of(choice, orders)
        return cls(
            choice=choice,
            orders=orders,
            steps=steps,
            limit=query.limit,
            behind=_read_token(query.page_token, name, steps) if query.page_token else None,
            name=name,
        )

    @property
    def fields(self) -> list[Field]:
        condition = self.choice.condition
        named = list(fields_of(condition)) if condition is not None else []
        return [*named, *(order.field for order in self.orders)]

    def token(self, position: Position) -> str:
        step, values = position
        text = json.dumps([self.name, step, [*values]], separators=(",", ":"))
        return urlsafe_b64encode(text.encode("utf-8")).decode("ascii").rstrip("=")


def _name_of(choice: Choice, orders: Sequence[Order]) -> str:
    """Return what tells a question from others, so that no token is used for another one."""
    asked = repr((choice.condition, sorted(choice.experiments), choice.lifecycle, tuple(orders)))
    return sha256(asked.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _read_token(token: str, name: str, steps: Sequence[Step]) -> Position:
    try:
        text = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8")
        asked, step, values = json.loads(text)
        usable = len(values) == len(steps[step].terms) if asked == name else True
    except (ValueError, TypeError, IndexError):
        raise InvalidInput(f"{token!r} is no page token", hint=_NO_TOKEN) from None
    if asked != name:
        raise InvalidInput("the page token is of another query", hint=_NO_TOKEN)
    if not usable or not all(map(_is_term, values)):
        raise InvalidInput(f"{token!r} is no page token", hint=_NO_TOKEN)
    return step, tuple(values)


def _is_term(value: Any) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or isinstance(value, (str, float))


# --- where the answer comes from ------------------------------------------------------------


class Sources(NamedTuple):
    """The indexes that a question is put to: of recorded runs, and of those that go on here."""

    connections: tuple[sqlite3.Connection, ...]
    going_on: tuple[str, ...]

    def each(self, choice: Choice) -> Iterator[tuple[int, sqlite3.Connection, Choice]]:
        """Yield the connections, and what to ask them: a run that goes on counts as it is now."""
        for number, connection in enumerate(self.connections):
            without = self.going_on if number == 0 else ()
            yield number, connection, choice._replace(without=without)

    def places(self, question: _Question) -> list[tuple[int, Place]]:
        """Return where the runs of a page are, and that of the next page's first."""
        limit = None if question.limit is None else question.limit + 1
        each = [
            [
                (number, place)
                for place in answers.places_of(
                    connection, choice, question.steps, behind=question.behind, limit=limit
                )
            ]
            for number, connection, choice in self.each(question.choice)
        ]
        merged = each[0] if len(each) == 1 else _merged(question.steps, each)
        return merged[:limit]

    def documents(self, places: Sequence[tuple[int, Place]]) -> list[dict[str, Any]]:
        """Return the documents of runs, in the order of their places."""
        found: dict[tuple[int, int], dict[str, Any]] = {}
        for number, connection in enumerate(self.connections):
            keys = [place.key for source, place in places if source == number]
            documents = answers.documents_of(connection, keys)
            found |= {(number, k): d for k, d in zip(keys, documents, strict=True)}
        return [found[source, place.key] for source, place in places]

    def count(self, choice: Choice) -> int:
        """Return how many runs are chosen."""
        return sum(answers.count_of(connection, part) for _, connection, part in self.each(choice))

    def unknown(self, fields: Sequence[Field]) -> set[Field]:
        """Return the fields that no run has."""
        each = [answers.unknown_fields(connection, fields) for connection in self.connections]
        return set.intersection(*each)

    def meant_by(self, unknown: Field) -> str | None:
        """Return the field of some run whose name is the most like that of one that no run has."""
        names = [name for c in self.connections for name in answers.names_of(c, unknown.kind)]
        close = get_close_matches(unknown.name, names, n=1)
        return Field(unknown.kind, close[0]).text if close else None

    def ids_beginning(self, prefix: str, limit: int) -> list[str]:
        """Return ids of runs that begin like this, sorted."""
        each = [answers.ids_beginning(c, prefix, limit) for c in self.connections]
        return sorted({run_id for ids in each for run_id in ids})[:limit]

    def raise_problem_of(self, prefix: str) -> None:
        """Raise the problem with a record of a run whose id begins like this, if there is one."""
        answers.raise_problem_of(self.connections[0], prefix)

    def documents_by_id(self, run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of those of some runs that are here."""
        found: dict[str, dict[str, Any]] = {}
        for connection in self.connections:
            # What goes on here is asked last, and counts.
            keys = answers.keys_of(connection, run_ids)
            found |= {d["id"]: d for d in answers.documents_of(connection, keys)}
        return found


def _merged(
    steps: Sequence[Step], each: Sequence[list[tuple[int, Place]]]
) -> list[tuple[int, Place]]:
    def earlier(one: tuple[int, Place], other: tuple[int, Place]) -> int:
        (left, ours), (right, theirs) = one[1].position, other[1].position
        return left - right or compare(steps[left], ours, theirs)

    return list(heapq.merge(*each, key=cmp_to_key(earlier)))


def with_sources(workspace: Workspace, choice: Choice | None, work: Callable[[Sources], T]) -> T:
    """Return what `work` makes of the recorded runs and of those that go on here.

    Args:
        choice: problems with records of its experiments are raised; None raises none.

    Raises:
        InvalidInput: a text of the question is no Unicode text.
        StoreError: a record is damaged; the message names it.
        Conflict: one run is recorded with two contents.
    """
    # In this order a run that ends meanwhile is seen twice, not missed.
    live = {run.id: run for run in journals.live(workspace)}

    def answer(connection: sqlite3.Connection) -> T:
        if choice is not None:
            answers.raise_problems(connection, choice.experiments)
        if not live:
            return work(Sources((connection,), ()))
        with contextlib.closing(_index_of(list(live.values()))) as overlay:
            return work(Sources((connection, overlay), tuple(live)))

    try:
        return ask(workspace, answer)
    except UnicodeEncodeError as exc:
        # What a shell hands over in another encoding has halves of characters in it.
        raise InvalidInput(f"{exc.object!r} is no Unicode text", hint="Write it in UTF-8.") from exc


def _index_of(runs: Sequence[Run]) -> sqlite3.Connection:
    """Return an index, in memory, of some runs."""
    connection = connected(":memory:")
    writer = Writer(connection)
    for run in runs:
        writer.add(entry_of(run.to_dict()), "", run.experiment)
    writer.flush()
    return connection
