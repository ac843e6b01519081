"""What a judge or a person may say: a number between bounds, one of some labels, or yes or no."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gitexp.documents.problems import MISSING, ProblemCollector
from gitexp.evaluation.evaluators.cases import Described
from gitexp.evaluation.evaluators.verdicts import brief

_YES = {"true": True, "yes": True, "pass": True, "passed": True}
_NO = {"false": False, "no": False, "fail": False, "failed": False}
_WORDS = {**_YES, **_NO}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What may be said; without labels and bounds it is yes or no.

    Attributes:
        low, high: the bounds of a number; both or neither.
        labels: in the order in which they are described.
    """

    low: float | None = None
    high: float | None = None
    labels: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest number."""
        return (0.0, 1.0) if self.low is None or self.high is None else (self.low, self.high)

    @property
    def is_number(self) -> bool:
        """Whether a number is said."""
        return self.low is not None

    @property
    def key(self) -> str:
        """What it is called in a judge's answer: `score`, `label` or `passed`."""
        return "label" if self.labels else "score" if self.is_number else "passed"

    @property
    def hint(self) -> str:
        """What may be said, as a sentence."""
        if self.labels:
            return f"It is one of {', '.join(map(brief, self.labels))}."
        if self.is_number:
            return f"It is a number from {self.low:g} to {self.high:g}."
        return "It is yes or no."

    def read(self, value: Any) -> Any:
        """Return the number, label or truth value that was meant; MISSING where it is none."""
        if self.labels:
            return self._label(value)
        if self.is_number:
            return self._number(value)
        if isinstance(value, bool):
            return value
        word = value.strip().casefold() if isinstance(value, str) else value
        return _WORDS.get(word, MISSING) if isinstance(word, str) else MISSING

    def _label(self, value: Any) -> Any:
        if not isinstance(value, str):
            return MISSING
        if value in self.labels:
            return value
        near = [one for one in self.labels if one.casefold() == value.strip().casefold()]
        return near[0] if len(near) == 1 else MISSING

    def _number(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) <= 40:
            try:
                value = float(value)
            except ValueError:
                return MISSING
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return MISSING
        low, high = self.bounds
        return value if math.isfinite(value) and low <= value <= high else MISSING


def scale_of(described: Described) -> Scale:
    """Return the scale that a description makes.

    Raises:
        InvalidDocuments: it makes none, or what passes lies outside of it.
    """
    low, high = described.get("min"), described.get("max")
    labels = tuple(described.get("labels", ()))
    found = ProblemCollector()
    if (low is None) != (high is None):
        found.add(described.file, "min" if low is None else "max", "min and max go together")
    elif low is not None and low >= high:
        found.add(described.file, "max", f"{high:g} is not more than min, which is {low:g}")
    if labels and low is not None:
        found.add(described.file, "labels", "a score is a label or a number, not both")
    _check_passing(described, labels, is_number=low is not None, found=found)
    found.raise_if_any(hint="Give min and max, or labels, or neither for yes and no.")
    return Scale(low=low, high=high, labels=labels)


def _check_passing(
    described: Described, labels: tuple[str, ...], *, is_number: bool, found: ProblemCollector
) -> None:
    if described.get("pass_at") is not None and not is_number:
        found.add(described.file, "pass_at", "it needs min and max")
    for label in described.get("pass_labels", ()):
        if label not in labels:
            found.add(described.file, "pass_labels", f"{brief(label)} is none of the labels")
