"""What a report says, as values: plain, so that it can be written as JSON and read again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.documents.problems import Problem
from gitexp.errors import InvalidInput
from gitexp.ids import name_fault
from gitexp.review.diffing.model import ProjectDiff
from gitexp.review.diffing.results import RunBrief
from gitexp.review.policies.judgements import Requirement, Verdict

FORMAT = 1

Kind = Literal["project", "environment"]
"""What the change is about: the files of the project, or what an environment's branch holds."""

Relation = Literal["same", "other", "nothing", "unreadable"]
"""What is live: the very values of the change, others of the same experiment, or none of it."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One end of the change: what it was called by, and the commit."""

    label: str
    commit: str

    def to_dict(self) -> dict[str, Any]:
        """Return the point as JSON data."""
        return {"label": self.label, "commit": self.commit}


@dataclass(frozen=True, kw_only=True)
class Validity:
    """What validating the head came to.

    Attributes:
        files: how many documents were looked at.
        problems: what is wrong; those that the base has already are not the change's own.
        old: how many problems the base has as well.
    """

    files: int
    problems: tuple[Problem, ...] = ()
    old: int = 0

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as JSON data."""
        names = ("file", "place", "message", "line", "column")
        problems = [{name: getattr(p, name) for name in names} for p in self.problems]
        return {"valid": self.valid, "files": self.files, "problems": problems, "old": self.old}


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The runs that used exactly the values which an experiment has after the change.

    Attributes:
        digest: of the values; None where they are not valid.
        total: how many runs there are, whatever became of them.
        finished: how many of them finished.
        runs: the newest of them.
        problem: why they could not be looked up, in one line.
    """

    experiment: str
    digest: str | None
    total: int = 0
    finished: int = 0
    runs: tuple[RunBrief, ...] = ()
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the runs as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"runs": [run.to_dict() for run in self.runs]}


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What the change would mean for one environment and one experiment.

    Attributes:
        live: what is live there now, for people; None where nothing is.
        bound: whether the experiment is live there, so that the change is about it.
        verdict: what policies would say if the values were promoted now; None where that was
            not asked, as where they are live already.
        requirements: what each policy asks.
        problem: why policies could not be asked, in one line.
    """

    environment: str
    experiment: str
    relation: Relation
    live: str | None = None
    bound: bool = False
    verdict: Verdict | None = None
    requirements: tuple[Requirement, ...] = ()
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the effect as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"requirements": [asked.to_dict() for asked in self.requirements]}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a change of an environment asks for, in the words of its binding.

    Attributes:
        action: `promote`, `rollback` or `unbind`.
        live: what would be live, for people; None where nothing would.
        change: the id of the change request that it is, where it is one.
        passed_over: the policies that it passes over, with the reason in `reason`.
    """

    action: str
    live: str | None
    by: str
    at: str
    reason: str | None = None
    change: str | None = None
    passed_over: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what is asked as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"passed_over": list(self.passed_over)}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a change does, whether it is valid, how it did, and who decides.

    Attributes:
        base: what it would be merged into.
        head: what would be merged.
        compared: the commit that the head is compared with: where both lines parted.
        asked: what a change of an environment asks for; None for one of the project's files.
        notes: what a reader has to know about the report itself, a line each.
    """

    format: int = FORMAT
    project: str
    kind: Kind
    base: Point
    head: Point
    compared: str
    diff: ProjectDiff
    validity: Validity
    evaluated: tuple[Evaluated, ...] = ()
    effects: tuple[Effect, ...] = ()
    asked: Asked | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise InvalidInput(
                f"a report of format {self.format} cannot be read",
                hint="Make and show it with the same version of gitexp.",
            )
        if fault := name_fault(self.project):
            raise InvalidInput(f"{self.project!r} is no name of a project: {fault}")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return {
            "format": self.format,
            "project": self.project,
            "kind": self.kind,
            "base": self.base.to_dict(),
            "head": self.head.to_dict(),
            "compared": self.compared,
            "asked": self.asked.to_dict() if self.asked is not None else None,
            "validity": self.validity.to_dict(),
            "diff": self.diff.to_dict(),
            "evaluated": _dicts(self.evaluated),
            "effects": _dicts(self.effects),
            "notes": list(self.notes),
        }


def _dicts(items: Iterable[Evaluated | Effect]) -> list[dict[str, Any]]:
    return [item.to_dict() for item in items]
