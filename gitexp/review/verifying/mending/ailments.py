"""What ails a repository: what it is, what it means, what is lost, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gitexp.errors import GitexpError

Kind = Literal[
    "lock", "write", "object", "pack", "reference", "index", "cache", "run", "rename", "pin",
    "configuration", "content",
]  # fmt: skip

State = Literal["found", "mended", "not mended"]

Remedy = Callable[[], str]
"""Mends something and returns what was done, as the end of a sentence."""


@dataclass(frozen=True, kw_only=True)
class Ailment:
    """One thing that is wrong.

    Attributes:
        what: what and where, in lower case without a full stop.
        means: a sentence that says what it means for people.
        lost: a sentence that says what is lost, or that nothing is.
        mend: a sentence that says what mending does, or what a person can do.
        remedy: mends it; None where that takes a person.
        state: whether it was mended.
        outcome: what was done, or why that failed.
    """

    kind: Kind
    what: str
    means: str
    lost: str
    mend: str
    remedy: Remedy | None = field(default=None, compare=False, repr=False)
    state: State = "found"
    outcome: str = ""

    @property
    def mendable(self) -> bool:
        """Whether it can be mended without asking anybody."""
        return self.remedy is not None

    def treated(self) -> Ailment:
        """Return this ailment after its remedy was tried."""
        if self.remedy is None:
            return self
        try:
            return replace(self, state="mended", outcome=self.remedy())
        except GitexpError as exc:
            return replace(self, state="not mended", outcome=exc.message)
        except OSError as exc:
            return replace(self, state="not mended", outcome=exc.strerror or str(exc))

    def to_dict(self) -> dict[str, Any]:
        """Return the ailment as JSON data."""
        return {
            "kind": self.kind,
            "what": self.what,
            "means": self.means,
            "lost": self.lost,
            "mend": self.mend,
            "mendable": self.mendable,
            "state": self.state,
            "outcome": self.outcome or None,
        }


UNSEEN = "not everything could be looked at"
"""How a note begins that tells why something was not looked at."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What ails a repository, and what came of mending it.

    Attributes:
        fixed: whether what is safe to mend was mended.
        notes: what could not be looked at.
    """

    ailments: tuple[Ailment, ...]
    fixed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong, or nothing any more, as far as could be looked."""
        return not self.remaining

    @property
    def complete(self) -> bool:
        """Whether everything could be looked at."""
        return not any(note.startswith(UNSEEN) for note in self.notes)

    @property
    def remaining(self) -> tuple[Ailment, ...]:
        """What is wrong still."""
        return tuple(one for one in self.ailments if one.state != "mended")

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON data."""
        return {
            "healthy": self.healthy,
            "fixed": self.fixed,
            "ailments": [one.to_dict() for one in self.ailments],
            "notes": list(self.notes),
        }
