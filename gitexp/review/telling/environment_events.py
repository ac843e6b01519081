"""What happened to environments: how they were moved, what was asked, and who voted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gitexp.environments.binding import Snapshot
from gitexp.environments.history import Unreadable, moves
from gitexp.environments.live import live_since
from gitexp.environments.published import flag_changes
from gitexp.errors import DamagedObject, MissingObject
from gitexp.experiments.changes import value_changes
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.review.changes.model import ChangeFacts, Terms, Vote
from gitexp.review.telling.events import Event
from gitexp.store.protocol import Store


@dataclass(frozen=True, kw_only=True)
class EnvironmentStory:
    """The moves of one environment.

    Attributes:
        moves: oldest first.
        experiments: the ids of the experiments that they bound, in the same order; of a move
            that unbound one, the id of that one.
        problem: why what came before is not known; empty where all is.
    """

    moves: tuple[Event, ...]
    experiments: tuple[str | None, ...]
    problem: str = ""


def story_of(workspace: Workspace, environment: Name) -> EnvironmentStory:
    """Return the moves of an environment, as far as this clone knows them."""
    found: list[Snapshot | Unreadable] = []
    problem = ""
    try:
        found.extend(moves(workspace, environment))
    except (MissingObject, DamagedObject) as exc:
        problem = exc.message.splitlines()[0]
    found.reverse()
    events, bound, before = [], [], None
    for move in found:
        about = _about(move, before)
        event = _event(workspace.store, move, before, environment)
        events.append(_without_changes(event) if problem and before is None else event)
        bound.append(about.binding.experiment_id if about else None)
        before = move if isinstance(move, Snapshot) else before
    return EnvironmentStory(moves=tuple(events), experiments=tuple(bound), problem=problem)


def _without_changes(event: Event) -> Event:
    """Return an event of which nobody knows what it changed."""
    return replace(event, details={**event.details, "changes": []})


def _about(move: Snapshot | Unreadable, before: Snapshot | None) -> Snapshot | None:
    """Return what a move is about: what it bound, else what was bound until then."""
    return move if isinstance(move, Snapshot) and move.binding.bound else before


def _event(
    store: Store, move: Snapshot | Unreadable, before: Snapshot | None, environment: str
) -> Event:
    if isinstance(move, Unreadable):
        author = move.commit.author
        return Event(
            kind="promotion",
            action="unreadable",
            at=author.when,
            by=str(author),
            text=move.problem,
            environment=environment,
            commit=move.commit.id,
        )
    binding = move.binding
    about = _about(move, before)
    return Event(
        kind="promotion",
        action=binding.action,
        at=live_since(store, move),
        by=binding.by,
        text=binding.reason or "",
        experiment=about.binding.experiment if about else None,
        environment=environment,
        version=binding.version,
        digest=binding.digest,
        change=binding.change,
        commit=move.commit,
        details=_details(move, before),
    )


def _details(move: Snapshot, before: Snapshot | None) -> dict[str, Any]:
    old = before.binding if before else None
    types = {**(old.types if old else {}), **move.binding.types}
    changes = value_changes(before.values if before else {}, move.values, types)
    details: dict[str, Any] = {
        "previous_version": old.version if old else None,
        "changes": [change.to_dict() for change in changes],
    }
    if move.binding.bypass:
        details["bypass"] = move.binding.bypass.to_dict()
    if flags := flag_changes(old.flags if old else {}, move.binding.flags):
        details["flags"] = dict(flags)
    return details | {"signed": move.binding.signature is not None}


# --- change requests ------------------------------------------------------------------------


def change_line(facts: ChangeFacts) -> tuple[Event, ...]:
    """Return what happened to a change request, oldest first, as its files tell it."""
    told = sorted(_told(facts), key=lambda event: event.at)
    if facts.closing is None:
        return tuple(told)
    closing = facts.closing
    end = _change_event(
        facts,
        closing.state,
        closing.by,
        closing.at,
        closing.reason,
        commit=closing.commit,
    )
    return (*told, end)


def _told(facts: ChangeFacts) -> Iterator[Event]:
    opened = facts.request.opened
    yield _asked(facts, "open", opened)
    for terms in facts.renewals:
        yield _asked(facts, "renew", terms)
    for vote in facts.votes:
        yield _voted(facts, vote)


def _asked(facts: ChangeFacts, action: str, terms: Terms) -> Event:
    details = {"asks": facts.request.action, "policies": list(terms.policy.asking)}
    return _change_event(
        facts, action, terms.by, terms.at, terms.reason, commit=terms.head, **details
    )


def _voted(facts: ChangeFacts, vote: Vote) -> Event:
    counts = vote.subject == facts.terms.subject
    event = _change_event(
        facts,
        vote.decision,
        vote.by,
        vote.at,
        vote.reason,
        commit=None,
        counts=counts,
        signed=vote.signature is not None,
    )
    return replace(event, kind="approval")


def _change_event(
    facts: ChangeFacts,
    action: str,
    by: str,
    at: Any,
    reason: str | None,
    *,
    commit: str | None,
    **details: Any,
) -> Event:
    request = facts.request
    return Event(
        kind="change",
        action=action,
        at=at,
        by=by,
        text=reason or "",
        experiment=request.experiment,
        environment=request.environment,
        version=request.version,
        digest=request.digest,
        change=facts.id,
        commit=commit,
        details=details,
    )
