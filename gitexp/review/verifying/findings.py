"""What a check of a repository finds: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from gitexp.ids import ObjectId

Check = Literal[
    "objects",
    "documents",
    "versions",
    "environments",
    "runs",
    "analyses",
    "changes",
    "signatures",
]
"""What is looked at: `objects` whether all of it can be read, `documents` whether files are valid,
the others whether things say the same as what they are about."""

CHECKS: tuple[Check, ...] = get_args(Check)

Severity = Literal["problem", "note"]
"""A `problem` means that something is wrong; a `note`, that something could not be looked at, or is
worth knowing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        message: what, in lower case without a full stop.
        advice: a sentence that says what to do.
        branch: the branch as people type it; empty where it is about no branch.
        commit: the commit that it is about, or that brought it about.
        path: the file in that commit.
        object: the object that cannot be read, where it is about one.
    """

    check: Check
    message: str
    advice: str = ""
    severity: Severity = "problem"
    branch: str = ""
    commit: ObjectId | None = None
    path: str = ""
    object: ObjectId | None = None

    @property
    def place(self) -> str:
        """Where it is, in one word: `env/bot/live@1a2b3c4d5e:environment.yaml`."""
        commit = f"@{self.commit[:10]}" if self.commit else ""
        where = f"{self.branch}{commit}" if self.branch else commit.removeprefix("@")
        return ":".join(part for part in (where, self.path) if part)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.message) if part)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON data."""
        return {
            "check": self.check,
            "severity": self.severity,
            "branch": self.branch or None,
            "commit": self.commit,
            "path": self.path or None,
            "object": self.object,
            "message": self.message,
            "advice": self.advice,
        }


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What came of checking a repository.

    Attributes:
        findings: problems first, otherwise by check and place.
        checks: what was looked at.
        looked_at: how many commits, versions, runs ... were looked at now, by kind; what an
            earlier check found in order and is unchanged since is not among them.
    """

    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    looked_at: Mapping[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(found for found in self.findings if found.severity == "problem")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What could not be looked at, or is worth knowing."""
        return tuple(found for found in self.findings if found.severity == "note")

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON data."""
        return {
            "sound": self.sound,
            "checks": list(self.checks),
            "looked_at": dict(self.looked_at),
            "problems": [found.to_dict() for found in self.problems],
            "notes": [found.to_dict() for found in self.notes],
        }
