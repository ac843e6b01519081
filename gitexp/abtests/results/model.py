"""Results as values: what an A/B test has come to at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gitexp.abtests.data.sums import Exposures
from gitexp.abtests.definition import Method
from gitexp.abtests.metrics import Goal, MetricType, Role
from gitexp.abtests.results.judging import VariantResult
from gitexp.clock import iso

CheckState = Literal["passed", "failed", "warning", "unanswered"]
Action = Literal["ship", "roll back", "keep running", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """Something that has to be right before results mean anything."""

    name: str
    state: CheckState
    text: str
    p_value: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return dict(self.__dict__)


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """What a metric has come to.

    Attributes:
        fingerprint: the digest of the settings that make the number.
        mark: `added after launch` or `changed after launch`, as the history says; empty for none.
        variants: the control first.
        breakdown: the same by stratum; empty without strata.
        notes: what a reader should know.
        error: why there is nothing at all; None where there is.
    """

    key: str
    name: str
    type: MetricType
    goal: Goal
    role: Role
    guardrail: bool
    fingerprint: str
    mark: str = ""
    variants: tuple[VariantResult, ...] = ()
    breakdown: Mapping[str, tuple[VariantResult, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str | None = None

    def variant(self, key: str) -> VariantResult | None:
        """Return the result of a variant; None where there is none."""
        return next((each for each in self.variants if each.variant == key), None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "key": self.key,
            "name": self.name,
            "type": self.type,
            "goal": self.goal,
            "role": self.role,
            "guardrail": self.guardrail,
            "fingerprint": self.fingerprint,
            "mark": self.mark,
            "variants": [each.to_dict() for each in self.variants],
            "breakdown": {
                name: [each.to_dict() for each in found] for name, found in self.breakdown.items()
            },
            "notes": list(self.notes),
            "error": self.error,
        }


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the results speak for.

    Attributes:
        variant: the variant to ship; empty for every other action.
        reasons: why, a line each.
    """

    action: Action
    variant: str = ""
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"action": self.action, "variant": self.variant, "reasons": list(self.reasons)}


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a test has come to at a moment.

    Attributes:
        as_of: the moment up to which rows count.
        stored: the last day of which this was kept; empty where the rows were read just now.
    """

    experiment: str
    status: str
    started_at: datetime
    as_of: datetime
    method: Method
    confidence: float
    correction: str
    exposures: Exposures
    checks: tuple[Check, ...]
    metrics: tuple[MetricResult, ...]
    decision: Decision
    stored: str = ""

    def metric(self, key: str) -> MetricResult | None:
        """Return the result of a metric; None where there is none."""
        return next((each for each in self.metrics if each.key == key), None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "experiment": self.experiment,
            "status": self.status,
            "started_at": iso(self.started_at),
            "as_of": iso(self.as_of),
            "stored": self.stored or None,
            "method": self.method,
            "confidence": self.confidence,
            "correction": self.correction,
            "exposures": self.exposures.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
            "metrics": [metric.to_dict() for metric in self.metrics],
            "decision": self.decision.to_dict(),
        }


def difference_text(each: VariantResult) -> str:
    """Return a difference and its interval as people read them."""
    if each.difference is None:
        return ""

    def told(number: float | None) -> str:
        if number is None:
            return "…"
        return f"{100 * number:+.2f} %" if each.relative else f"{number:+.4g}"

    return f"{told(each.difference)} ({told(each.low)} to {told(each.high)})"
