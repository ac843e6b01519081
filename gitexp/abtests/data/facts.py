"""Facts about the state of a test: up to when it goes, and what was counted on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gitexp.clock import iso, parse_iso

_MOMENTS = ("until", "outdated")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a state.

    Attributes:
        layout: what its columns mean; a state with another layout is of no use.
        until: the moment up to which rows were taken in; None for a new one.
        rows, unknown, unusable: of the exposures, see `Exposures`.
        faults: by the key of a metric, why its totals are wrong.
        past: by the name of a source, how many rows it had before `until`.
        outdated: the moment up to which days were kept before rows of theirs came or went; None
            where all agree with the rows.
    """

    layout: str = ""
    until: datetime | None = None
    rows: int = 0
    unknown: int = 0
    unusable: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)
    past: Mapping[str, int] = field(default_factory=dict)
    outdated: datetime | None = None

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """Return the facts that a text holds."""
        data = json.loads(text)
        until, outdated = (data.pop(name, None) for name in _MOMENTS)
        return cls(until=_moment(until), outdated=_moment(outdated), **data)

    def to_json(self) -> str:
        """Return them as a text."""
        moments = {name: getattr(self, name) for name in _MOMENTS}
        return json.dumps({**self.__dict__, **{name: m and iso(m) for name, m in moments.items()}})


def _moment(text: str | None) -> datetime | None:
    return parse_iso(text) if text else None
