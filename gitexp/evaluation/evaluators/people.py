"""The evaluator `human`: a score that a person records after the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidInput
from gitexp.evaluation.evaluators.cases import Case, Described, Judging
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.scales import Scale, scale_of
from gitexp.evaluation.evaluators.verdicts import brief, unscored
from gitexp.runs.rows import Score

WAITING = "no person has scored it yet"
"""The reason of a score that somebody still has to record."""


def human(described: Described) -> Judging:
    """Return what leaves every output unscored until a person scores it.

    Raises:
        InvalidDocuments: the scale is none.
    """
    scale = scale_of(described)
    return Judging(judge=_waiting, expects=False, scale=scale.bounds)


def _waiting(case: Case) -> Score:
    return unscored(WAITING)


def recorded(
    evaluator: Evaluator, value: Any, *, passed: bool | None = None, reason: str = ""
) -> Score:
    """Return the score that a person's judgement comes to, checked against the evaluator's scale.

    Args:
        value: a number, a verdict or a label, as the evaluator's description asks.
        passed: the person's own verdict; that of `pass_at` or `pass_labels` when None.

    Raises:
        InvalidInput: the evaluator is not `human`, or the value does not fit it.
    """
    if evaluator.type != "human":
        raise InvalidInput(
            f"evaluator {evaluator.name!r} scores by itself; it is {evaluator.type}",
            hint="Only scores of an evaluator of type human are recorded by people.",
        )
    scale = _scale(evaluator.options)
    found = scale.read(value)
    if found is MISSING:
        raise InvalidInput(f"{brief(value)} is no score of {evaluator.name!r}", hint=scale.hint)
    return evaluator.frame.after(Score(value=found, passed=passed, reason=reason))


def _scale(options: Mapping[str, Any]) -> Scale:
    return Scale(
        low=options.get("min"), high=options.get("max"), labels=tuple(options.get("labels", ()))
    )
