"""Scores as evaluators make them: passed, failed, unscored, graded or broken, with a reason."""

from __future__ import annotations

import math
from typing import Any

from gitexp.documents.problems import shown
from gitexp.evaluation.answers import CallFailed
from gitexp.runs.rows import Score
from gitexp.runs.tracking.endings import failure_of

MAX_REASON = 1_000
"""The longest reason or error that is kept, in characters."""

PASSED = Score(value=True, passed=True)
"""What a plain yes comes to; scores are never changed, so one does for all."""

_SHORT = 60
_ENOUGH = 400
_LARGEST = 10**300


def failed(reason: str, *, value: float | bool = False) -> Score:
    """Return the score of an output that is not good enough."""
    return Score(value=value, passed=False, reason=reason)


def unscored(reason: str) -> Score:
    """Return the score of an output that cannot be judged, which is not zero."""
    return Score(reason=reason)


def graded(value: float, reason: str = "") -> Score:
    """Return the score of a number between 0 and 1, without binary noise."""
    return Score(value=round(float(value), 9), reason=reason)


def broken(exc: BaseException) -> Score:
    """Return the score of an evaluator that raised."""
    failure = failure_of(exc)
    kind = str(exc.kind) if isinstance(exc, CallFailed) else failure.type
    said = failure.message
    return Score(error=shortened(said if said.startswith(kind) else f"{kind}: {said}".rstrip(": ")))


def shortened(text: str) -> str:
    """Return a text as long as a reason may be."""
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"


def brief(value: Any) -> str:
    """Return a value as short JSON for a reason, at once for short texts and for endless ones."""
    if type(value) is str:
        if len(value) <= _SHORT and value.isprintable() and '"' not in value and "\\" not in value:
            return f'"{value}"'
        value = value[:_ENOUGH]
    return shown(value)


def checked(score: Score) -> Score:
    """Return a score as it can be recorded.

    A number that is none, such as NaN, and a value of another type are errors of the evaluator; so
    is a verdict that is neither yes nor no.
    """
    fault = _fault(score)
    if fault:
        return Score(error=fault, usage=score.usage)
    if len(score.reason) > MAX_REASON or len(score.error) > MAX_REASON:
        return Score(
            value=score.value,
            passed=score.passed,
            reason=shortened(score.reason),
            error=shortened(score.error),
            usage=score.usage,
        )
    return score


def _fault(score: Score) -> str:
    value: Any = score.value
    passed: Any = score.passed
    if passed is not None and not isinstance(passed, bool):
        return f"the verdict {brief(passed)} is neither true nor false"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"the score {value!r} is not a finite number"
    if isinstance(value, str):
        return "" if 0 < len(value) <= MAX_REASON else "the label is empty or too long"
    if value is None or (isinstance(value, int) and abs(value) <= _LARGEST):
        return ""
    if isinstance(value, int):
        return "the score is larger than any number that is computed with"
    return f"a score of type {type(value).__name__} is neither a number, a boolean nor a label"
