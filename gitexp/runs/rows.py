"""Rows of a run: what one sample gave, and what the evaluators made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gitexp.clock import iso, parse_iso
from gitexp.documents.problems import MISSING

RowStatus = Literal["passed", "failed", "error", "unscored"]
RowKey = tuple[str, int]
"""A sample's id and the number of the repeat: what a row is known by inside its run."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one evaluator made of one output.

    Attributes:
        value: the score itself: a number, a verdict or a label; None when there is none.
        passed: whether the output is good enough; None when the evaluator cannot tell, as for a
            sample that expects nothing. Unscored is not zero.
        reason: why, in a few words.
        error: what broke inside the evaluator; such a score has no value.
        usage: what the evaluator itself used up, as a judge does: `input_tokens`,
            `output_tokens`, `cost`, as far as known; None when it asked nobody.
    """

    value: float | bool | str | None = None
    passed: bool | None = None
    reason: str = ""
    error: str = ""
    usage: Mapping[str, Any] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Score:
        """Return the score that a checked mapping describes."""
        return cls(
            value=data.get("value"),
            passed=data.get("passed"),
            reason=data.get("reason") or "",
            error=data.get("error") or "",
            usage=data.get("usage"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `from_dict` reads; what is empty is left out."""
        data: dict[str, Any] = {"value": self.value, "passed": self.passed}
        if self.reason:
            data["reason"] = self.reason
        if self.error:
            data["error"] = self.error
        if self.usage:
            data["usage"] = dict(self.usage)
        return data


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why something gave no result: the type of the exception and what it says."""

    type: str
    message: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Failure | None:
        """Return the failure that a checked mapping describes, or None."""
        return cls(type=data["type"], message=data["message"]) if data else None

    def to_dict(self) -> dict[str, Any]:
        """Return type and message."""
        return {"type": self.type, "message": self.message}


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """What one sample gave: a line of `results.jsonl`.

    Attributes:
        sample: the sample's id.
        repeat: which pass over the sample it is, from 0.
        position: the place of the sample in its dataset, from 0; rows are in this order.
        status: what all its scores come to, by `status_of`.
        output: what the system under test returned; MISSING when it raised.
        expected: the right answer; MISSING when the sample has none.
        weight: how much the sample counts.
        usage: what the calls used up: `input_tokens`, `output_tokens`, `cost`, as far as known.
        attempts: how often the system was asked until it answered.
        cached: whether it was answered from the cache of responses.
        tasks: what the single tasks gave, where the workflow has more than one: `name`, `output`
            and `duration_seconds` of each.
        trace_id: what its spans are found by; empty where nothing was traced.
        rescored: whether only the scores count, those of a row that was scored again later.
    """

    sample: str
    repeat: int = 0
    position: int | None = None
    status: RowStatus
    input: Any = MISSING
    output: Any = MISSING
    expected: Any = MISSING
    scores: Mapping[str, Score] = field(default_factory=dict)
    error: Failure | None = None
    started_at: datetime | None = None
    duration_seconds: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    usage: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1
    cached: bool = False
    tasks: tuple[Mapping[str, Any], ...] = ()
    trace_id: str = ""
    rescored: bool = False

    @property
    def key(self) -> RowKey:
        """What the row is known by inside its run."""
        return self.sample, self.repeat

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ResultRow:
        """Return the row that a checked mapping describes."""
        started = data.get("started_at")
        return cls(
            sample=data["sample"],
            repeat=data["repeat"],
            position=data.get("position"),
            status=data["status"],
            input=data.get("input", MISSING),
            output=data.get("output", MISSING),
            expected=data.get("expected", MISSING),
            scores={name: Score.from_dict(score) for name, score in data["scores"].items()},
            error=Failure.from_dict(data.get("error")),
            started_at=parse_iso(started) if started else None,
            duration_seconds=data.get("duration_seconds"),
            metadata=data.get("metadata", {}),
            weight=data.get("weight", 1.0),
            usage=data.get("usage", {}),
            attempts=data.get("attempts", 1),
            cached=data.get("cached", False),
            tasks=tuple(data.get("tasks", ())),
            trace_id=data.get("trace_id", ""),
            rescored=data.get("rescored", False),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that `from_dict` reads; what is missing is left out."""
        data: dict[str, Any] = {
            "sample": self.sample,
            "repeat": self.repeat,
            "status": self.status,
        }
        if self.position is not None:
            data["position"] = self.position
        if self.input is not MISSING:
            data["input"] = self.input
        if self.output is not MISSING:
            data["output"] = self.output
        if self.expected is not MISSING:
            data["expected"] = self.expected
        data["scores"] = {name: score.to_dict() for name, score in self.scores.items()}
        if self.error is not None:
            data["error"] = self.error.to_dict()
        if self.started_at is not None:
            data["started_at"] = iso(self.started_at)
        if self.duration_seconds is not None:
            data["duration_seconds"] = self.duration_seconds
        self._add_particulars(data)
        return data

    def _add_particulars(self, data: dict[str, Any]) -> None:
        """Add what most rows do not have."""
        if self.metadata:
            data["metadata"] = dict(self.metadata)
        if self.weight != 1.0:
            data["weight"] = self.weight
        if self.usage:
            data["usage"] = dict(self.usage)
        if self.attempts != 1:
            data["attempts"] = self.attempts
        if self.cached:
            data["cached"] = True
        if self.tasks:
            data["tasks"] = [dict(task) for task in self.tasks]
        if self.trace_id:
            data["trace_id"] = self.trace_id
        if self.rescored:
            data["rescored"] = True


def status_of(scores: Mapping[str, Score], *, error: Failure | None = None) -> RowStatus:
    """Return what the scores of one sample come to.

    It is an error when the system under test raised; else failed when any score failed; else an
    error when any evaluator broke, because the sample was not judged; else unscored when no
    evaluator could tell; else passed.
    """
    if error is not None:
        return "error"
    verdicts = [score.passed for score in scores.values() if not score.error]
    if False in verdicts:
        return "failed"
    if any(score.error for score in scores.values()):
        return "error"
    return "passed" if True in verdicts else "unscored"
