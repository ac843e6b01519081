"""Runs as events, straight from the index: the newest first, no more than are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gitexp.clock import iso, parse_iso
from gitexp.project.workspace import Workspace
from gitexp.review.telling.events import Event
from gitexp.runs.searching import RunQuery, search

_PAGE = 1000
_NEWEST_FIRST = ("started_at DESC",)
_PLAIN = re.compile(r"[\w@.+ -]+")


def run_events(
    workspace: Workspace,
    *,
    experiments: Sequence[str] = (),
    hidden: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    author: str = "",
    limit: int | None = None,
) -> list[Event]:
    """Return runs as events, newest first, at most `limit`; those that did not begin come last.

    Args:
        experiments: names; none for all.
        hidden: names of experiments whose runs are left out.
        since, until: when they began, or were asked for where they did not; both included.
        author: a text that whoever ran them is known by, in any case.
    """
    query = RunQuery(
        filter=" AND ".join(_conditions(since, until, author)),
        order_by=_NEWEST_FIRST,
        limit=_PAGE if limit is None else min(limit, _PAGE),
        experiments=tuple(experiments),
        hidden=tuple(hidden),
        lifecycle="all",
    )
    found: list[Event] = []
    for document in _documents(workspace, query):
        if author.casefold() in document.get("who", "").casefold():
            found.append(_event(document))
        if limit is not None and len(found) >= limit:
            break
    return found


def _documents(workspace: Workspace, query: RunQuery) -> Iterator[dict[str, Any]]:
    """Yield the documents of all pages of a query."""
    token: str | None = None
    while True:
        page = search(workspace, RunQuery(**{**vars(query), "page_token": token}))
        yield from page.documents
        token = page.next_page_token
        if token is None:
            return


def _conditions(since: datetime | None, until: datetime | None, author: str) -> Iterator[str]:
    for operator, moment in ((">=", since), ("<=", until)):
        if moment is not None:
            begun = f"started_at {operator} '{iso(moment)}'"
            waiting = f"started_at IS NULL AND created_at {operator} '{iso(moment)}'"
            yield f"({begun} OR ({waiting}))"
    if author and _PLAIN.fullmatch(author):
        yield f"who ILIKE '%{author}%'"


def _event(document: Mapping[str, Any]) -> Event:
    began = document.get("started_at") or document["created_at"]
    return Event(
        kind="run",
        action=document["status"],
        at=parse_iso(began),
        by=document.get("who", ""),
        text=document.get("description") or document.get("name") or "",
        experiment=document["experiment"]["name"],
        version=document.get("version"),
        digest=document.get("digest"),
        run=document["id"],
        details=_details(document),
    )


def _details(document: Mapping[str, Any]) -> dict[str, Any]:
    dataset = document.get("dataset") or {}
    return {
        "name": document.get("name", ""),
        "ended_at": document.get("ended_at"),
        "duration_seconds": document.get("duration_seconds"),
        "dataset": dataset.get("name"),
        "stats": document.get("stats"),
        "lifecycle": document.get("lifecycle", "active"),
    }
