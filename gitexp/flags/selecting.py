"""Choosing flags that an A/B test may use: two variants or more, the first called `control`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from gitexp.errors import InvalidInput
from gitexp.flags.catalog import FlagEntry, list_flags
from gitexp.project.workspace import Workspace

MOST = 100
"""How many flags a page has at most."""

_ALWAYS = datetime.min.replace(tzinfo=timezone.utc)
_ORDERS: dict[str, Callable[[FlagEntry], Any]] = {
    "key": lambda entry: entry.key,
    "created_at": lambda entry: entry.created_at or _ALWAYS,
    "created_by": lambda entry: entry.created_by,
    "active": lambda entry: bool(entry.flag and entry.flag.active),
}


@dataclass(frozen=True, kw_only=True)
class FlagPage:
    """One page of flags, and how many there are on all pages."""

    results: tuple[FlagEntry, ...]
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return `{results, count}` as JSON data."""
        return {"results": [entry.to_dict() for entry in self.results], "count": self.count}


def eligible_flags(
    workspace: Workspace,
    *,
    search: str = "",
    active: bool | None = None,
    created_by: Sequence[str] = (),
    order: str = "-created_at",
    limit: int = 20,
    offset: int = 0,
) -> FlagPage:
    """Return one page of the flags that an A/B test may use.

    Args:
        search: a text that key or description contain, in any case.
        active: only those that are on, or only those that are off; None for both.
        created_by: only those whose maker has one of these addresses.
        order: `key`, `created_at`, `created_by` or `active`; with `-` in front, the other way
            round. Those that are equal in it come by key.
        limit: how many, at most 100.

    Raises:
        InvalidInput: limit or offset is no number that can be one, or the order is unknown.
    """
    checked = _checked_page(limit, offset)
    if order.removeprefix("-") not in _ORDERS:
        raise InvalidInput(
            f"{order!r} is no order of flags",
            hint=f"Orders are {', '.join(_ORDERS)}, with '-' in front the other way round.",
        )
    found = [e for e in list_flags(workspace) if _is_chosen(e, search, active, created_by)]
    found.sort(key=_ORDERS[order.removeprefix("-")], reverse=order.startswith("-"))
    begin, end = checked
    return FlagPage(results=tuple(found[begin:end]), count=len(found))


def _checked_page(limit: Any, offset: Any) -> tuple[int, int]:
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (limit, offset))
    if not whole or limit < 1 or offset < 0:
        raise InvalidInput(
            f"invalid limit or offset: {limit!r} and {offset!r}",
            hint=f"A limit is from 1 to {MOST}, an offset 0 or more.",
        )
    return offset, offset + min(limit, MOST)


def _is_chosen(
    entry: FlagEntry, search: str, active: bool | None, created_by: Sequence[str]
) -> bool:
    flag = entry.flag
    if flag is None or not flag.eligible:
        return False
    if search.casefold() not in f"{flag.key}\n{flag.description}".casefold():
        return False
    if active is not None and flag.active is not active:
        return False
    return not created_by or entry.created_by in created_by
