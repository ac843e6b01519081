"""What all evaluators have in common: which part of which output is judged, and what passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.documents.values import same
from gitexp.evaluation.evaluators.cases import Case, Judging
from gitexp.evaluation.evaluators.verdicts import PASSED, brief, checked, failed, unscored
from gitexp.runs.rows import Score

OUTPUT = "output"
"""What is judged unless an evaluator names a task: the output of the last one."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What stands around the judgement of an evaluator.

    Attributes:
        on: the task whose output is judged.
        select: a dotted path into it.
        applies_to: what a sample's metadata must hold: a value, or one of a list of values.
        pass_at: the least number that passes; None where a number alone decides nothing.
        pass_labels: the labels that pass.
        negate: whether what would pass fails, and the other way round.
        expects: whether a sample that expects nothing cannot be judged.
        nothing: the value of an output that does not have the selected part.
    """

    on: str = OUTPUT
    select: str = ""
    applies_to: Mapping[str, Any] | None = None
    pass_at: float | None = None
    pass_labels: tuple[str, ...] = ()
    negate: bool = False
    expects: bool = True
    nothing: float | bool = False
    _is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        is_plain = self.applies_to is None and self.on == OUTPUT and not self.select
        object.__setattr__(self, "_is_plain", is_plain)

    def before(self, case: Case, outputs: Mapping[str, Any]) -> Case | Score:
        """Return the case with the part that is judged, or the score where none is needed."""
        if self._is_plain and case.expected is not MISSING and case.output is not MISSING:
            return case
        if self.applies_to is not None and not _applies(self.applies_to, case.sample.metadata):
            return unscored("the evaluator does not apply to this sample")
        if self.expects and case.expected is MISSING:
            return unscored("the sample expects nothing")
        if self.on != OUTPUT:
            case = case._replace(output=outputs.get(self.on, MISSING))
        if case.output is MISSING:
            return unscored(
                "there is no output" if self.on == OUTPUT else f"task {self.on!r} gave no output"
            )
        return self._selected(case) if self.select else case

    def _selected(self, case: Case) -> Case | Score:
        selected = select(case.output, self.select)
        if selected is MISSING:
            return failed(f"the output has no {self.select!r}", value=self.nothing)
        return case._replace(output=selected)

    def after(self, score: Score) -> Score:
        """Return what a judgement comes to: checked, with a verdict where there can be one."""
        if score is PASSED and not self.negate:
            return score
        score = checked(score)
        if score.error or score.value is None:
            return score if score.error or score.passed is None else self._turned(score)
        return self._turned(self._decided(score))

    def _decided(self, score: Score) -> Score:
        """Return a score with a verdict; one that the evaluator gave itself stands."""
        value = score.value
        if score.passed is not None:
            return score
        if isinstance(value, bool):
            return replace(score, passed=value)
        if isinstance(value, str):
            return self._labelled(score, value)
        if self.pass_at is None or value is None:
            return score
        passed = value >= self.pass_at
        reason = score.reason or ("" if passed else f"{value:g} is below {self.pass_at:g}")
        return replace(score, passed=passed, reason=reason)

    def _labelled(self, score: Score, label: str) -> Score:
        if not self.pass_labels:
            return score
        passed = label in self.pass_labels
        wanted = ", ".join(map(brief, self.pass_labels))
        return replace(
            score,
            passed=passed,
            reason=score.reason or ("" if passed else f"{brief(label)} is none of {wanted}"),
        )

    def _turned(self, score: Score) -> Score:
        if not self.negate or score.passed is None:
            return score
        value = not score.value if isinstance(score.value, bool) else score.value
        if score.passed:
            held = score.reason or "it holds"
            return replace(score, value=value, passed=False, reason=f"not wanted: {held}")
        return replace(score, value=value, passed=True, reason="")


def frame_of(options: Mapping[str, Any], judging: Judging) -> Frame:
    """Return the frame that the common keys of a description make."""
    negate = options.get("negate", False)
    return Frame(
        on=options.get("on", OUTPUT),
        select=options.get("select", ""),
        applies_to=options.get("applies_to"),
        pass_at=options.get("pass_at"),
        pass_labels=tuple(options.get("pass_labels", ())),
        negate=negate,
        expects=options.get("requires_expected", judging.expects),
        nothing=judging.worst(negate=negate) if judging.graded else False,
    )


def select(output: Any, path: str) -> Any:
    """Return the part of an output at a dotted path such as `answer.items.0`; MISSING if none."""
    return follow(output, path.split(".")) if path else output


def follow(output: Any, steps: Iterable[str]) -> Any:
    """Return the part of an output that keys and list positions lead to; MISSING if none."""
    for step in steps:
        if isinstance(output, Mapping) and step in output:
            output = output[step]
        elif isinstance(output, list) and step.isdecimal() and int(step) < len(output):
            output = output[int(step)]
        else:
            return MISSING
    return output


def _applies(wanted: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    return all(_is_one_of(select(metadata, path), value) for path, value in wanted.items())


def _is_one_of(value: Any, wanted: Any) -> bool:
    choices = wanted if isinstance(wanted, list) else [wanted]
    return value is not MISSING and any(same(value, choice) for choice in choices)
