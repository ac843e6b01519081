"""Evaluation workflows: several evaluators, some of them on a condition, and what they come to.

`workflows/NAME.yaml` lists evaluators under `evaluators`. Each gives its own score, and together
they give one that is filed under the workflow's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.documents.problems import MISSING
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.equality import equal, is_number
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.framing import select
from gitexp.evaluation.evaluators.verdicts import brief, checked, unscored
from gitexp.runs.references import Reference
from gitexp.runs.rows import Score

Combining = Literal["weighted-mean", "mean", "min", "max", "all", "any"]
Source = Literal["score", "metadata", "latency", "cost", "tokens"]


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What conditions are about: one output that was scored.

    Attributes:
        scores: those that are known, by the evaluators' names.
        seconds: how long the system took.
    """

    sample: Sample
    scores: Mapping[str, Score]
    usage: Usage
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """When an evaluator is asked.

    Attributes:
        key: the evaluator whose score, or the path of the metadata, it is about.
    """

    source: Source
    key: str
    operator: str
    value: Any

    def holds(self, about: Circumstances) -> bool:
        """Return whether it holds; never, where what it is about is not known."""
        found = _known(self, about)
        return found is not MISSING and _OPERATORS[self.operator](found, self.value)

    def __str__(self) -> str:
        what = f"{self.source} {self.key}".strip()
        return f"{what} {self.operator} {brief(self.value)}"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One evaluator of a workflow.

    Attributes:
        when: the condition on which it is asked; None for always.
        otherwise: what counts where the condition does not hold; MISSING for nothing.
    """

    evaluator: Evaluator
    weight: float
    when: Condition | None = None
    otherwise: Any = MISSING


@dataclass(frozen=True, kw_only=True)
class EvaluationWorkflow:
    """Evaluators and what their scores come to.

    Attributes:
        digest: over the workflow's description.
        pass_at: the least number that passes; None where the number alone decides nothing.
    """

    name: str
    digest: str
    parts: tuple[Part, ...]
    combine: Combining = "weighted-mean"
    pass_at: float | None = None

    @property
    def reference(self) -> Reference:
        """What a run records of it."""
        return Reference(name=self.name, digest=self.digest)

    def score(self, about: Circumstances) -> Score:
        """Return the one score that the single ones come to.

        What is unscored is left out. A single score that is an error, or that says nothing of
        what is asked here, makes an error of this one.
        """
        counted, said = [], []
        for part in self.parts:
            degree = _counted(part, about, as_verdict=self.combine in ("all", "any"))
            if isinstance(degree, str):
                return Score(error=f"{part.evaluator.name}: {degree}")
            if degree is not None:
                counted.append((degree, part.weight))
                said.append(f"{part.evaluator.name} {degree:.3g}")
        value = _COMBINE[self.combine](counted) if counted else None
        if value is None:
            return unscored("none of its evaluators could tell")
        return checked(self._verdict(value, ", ".join(said)))

    def _verdict(self, value: float, said: str) -> Score:
        if self.combine in ("all", "any"):
            return Score(value=bool(value), passed=bool(value), reason="" if value else said)
        value = round(value, 9)
        passed = None if self.pass_at is None else value >= self.pass_at
        return Score(value=value, passed=passed, reason=said)


def _counted(part: Part, about: Circumstances, *, as_verdict: bool) -> float | str | None:
    """Return how far a part is fulfilled, 0 to 1; None to leave it out, a text for an error."""
    if part.when is not None and not part.when.holds(about):
        return None if part.otherwise in (MISSING, None) else float(part.otherwise)
    score = about.scores.get(part.evaluator.name)
    if score is None or (score.value is None and not score.error):
        return None
    if score.error:
        return score.error
    if as_verdict or isinstance(score.value, str):
        if score.passed is None:
            return f"{brief(score.value)} says nothing of passing; give it pass_at or pass_labels"
        return float(score.passed)
    return _degree(part.evaluator, score.value)


def _degree(evaluator: Evaluator, value: Any) -> float:
    if isinstance(value, bool):
        return float(value)
    low, high = evaluator.scale
    degree = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0
    return 1.0 - degree if evaluator.frame.negate else degree


def _weighted_mean(counted: Sequence[tuple[float, float]]) -> float | None:
    total = sum(weight for _, weight in counted)
    return sum(degree * weight for degree, weight in counted) / total if total else None


def _degrees(combine: Callable[[list[float]], float]) -> Callable[..., float | None]:
    return lambda counted: combine([degree for degree, _ in counted])


_COMBINE: Mapping[Combining, Callable[[Sequence[tuple[float, float]]], float | None]] = {
    "weighted-mean": _weighted_mean,
    "mean": _degrees(lambda degrees: sum(degrees) / len(degrees)),
    "min": _degrees(min),
    "max": _degrees(max),
    "all": _degrees(min),
    "any": _degrees(max),
}


def _known(condition: Condition, about: Circumstances) -> Any:
    if condition.source == "score":
        score = about.scores.get(condition.key)
        return MISSING if score is None or score.value is None else score.value
    if condition.source == "metadata":
        return select(about.sample.metadata, condition.key)
    measured = {
        "latency": about.seconds,
        "cost": about.usage.cost,
        "tokens": about.usage.tokens if about.usage.to_dict() else None,
    }
    found = measured[condition.source]
    return MISSING if found is None else found


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a comparison of two numbers or two texts; anything else has no order."""

    def holds(found: Any, value: Any) -> bool:
        found, value = _as_number(found), _as_number(value)
        if is_number(found) and is_number(value):
            return compare(found, value)
        return isinstance(found, str) and isinstance(value, str) and compare(found, value)

    return holds


def _as_number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": equal,
    "ne": lambda found, value: not equal(found, value),
    "lt": _ordered(lambda found, value: found < value),
    "lte": _ordered(lambda found, value: found <= value),
    "gt": _ordered(lambda found, value: found > value),
    "gte": _ordered(lambda found, value: found >= value),
    "in": lambda found, value: any(equal(found, one) for one in value),
}

OPERATORS: tuple[str, ...] = tuple(_OPERATORS)
"""How a condition compares; the texts in a workflow's file."""
