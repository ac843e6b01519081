"""Rules: what a gate asks of a run, as values and as texts.

    min accuracy=0.9             the mean of an evaluator is at least so much
    max latency.p95=2.0          a number is at most so much
    max-regression accuracy=0.02 it got worse than in the baseline by at most so much
    max-error-rate 0.01          short for max error_rate=0.01
    max-unscored 0.05            short for max unscored_rate=0.05
    min-samples 100              fewer samples are too few to judge anything

What a subject may be stands in `quantities`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from gitexp.errors import InvalidInput

RuleKind = Literal["min", "max", "max-regression", "min-samples"]
KINDS: tuple[RuleKind, ...] = get_args(RuleKind)

ERROR_RATE = "error_rate"
UNSCORED_RATE = "unscored_rate"
_SHORT: dict[str, str] = {"max-error-rate": ERROR_RATE, "max-unscored": UNSCORED_RATE}
_HINT = "Write it as `min accuracy=0.9`, `max latency.p95=2.0` or `max-regression accuracy=0.02`."


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something that is asked of a run.

    Attributes:
        subject: what it is asked of, such as an evaluator; empty for `min-samples`.
        limit: what is still good enough.

    Raises:
        InvalidInput: the kind is unknown, the limit is no finite number, or there is no subject.
    """

    kind: RuleKind
    subject: str = ""
    limit: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"there is no rule {self.kind!r}", hint=f"Use {', '.join(KINDS)}.")
        if not math.isfinite(self.limit):
            raise InvalidInput(f"{self.kind} {self.subject}: {self.limit!r} is no finite number")
        if bool(self.subject) == (self.kind == "min-samples"):
            raise InvalidInput(f"the rule {self.text!r} is not complete", hint=_HINT)
        if self.kind in ("max-regression", "min-samples") and self.limit < 0:
            raise InvalidInput(f"{self.text}: the limit is less than 0")

    @property
    def text(self) -> str:
        """The text that `parse` reads."""
        return f"{self.kind} {self.subject}={self.limit:.12g}" if self.subject else self._short

    @property
    def _short(self) -> str:
        return f"{self.kind} {self.limit:.12g}"

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON has it."""
        return {"kind": self.kind, "subject": self.subject or None, "limit": self.limit}


def parse(text: str) -> Rule:
    """Return the rule that a text says, such as `min accuracy=0.9`.

    Raises:
        InvalidInput: it is no rule.
    """
    kind, _, rest = text.strip().partition(" ")
    return rule_of(kind, rest)


def rule_of(kind: str, text: str) -> Rule:
    """Return the rule of a kind, or of a short form of one, with what it asks.

    Args:
        text: `SUBJECT=NUMBER`, and only the number where the kind has no subject.

    Raises:
        InvalidInput: it is no rule.
    """
    if kind in _SHORT:
        return Rule(kind="max", subject=_SHORT[kind], limit=_number(kind, text))
    if kind == "min-samples":
        return Rule(kind="min-samples", limit=_number(kind, text))
    subject, _, limit = text.rpartition("=")
    if not subject.strip():
        raise InvalidInput(f"{kind} {text!r} is no rule", hint=_HINT)
    number = _number(f"{kind} {subject}", limit)
    return Rule(kind=cast(RuleKind, kind), subject=subject.strip(), limit=number)


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{what}: {text!r} is no number", hint=_HINT) from None
