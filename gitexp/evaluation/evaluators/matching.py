"""Evaluators: from a sample and an output to a score.

An evaluator is described by `evaluators/NAME.yaml`, or is one of the built-in ones, whose names
are their types: `exact-match`, `contains` and `numeric`. All three compare with what the sample
expects; where it expects nothing they cannot tell, and say so. An evaluator that breaks gives a
score with an error, which is neither a failure nor a zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import MISSING, shown
from gitexp.documents.values import same
from gitexp.errors import NotFound
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.files import read_document
from gitexp.ids import parse_name
from gitexp.runs.rows import Score
from gitexp.runs.run import Reference

DEFAULT_EVALUATOR = "exact-match"
"""What scores a run when neither the run nor the experiment names an evaluator."""

RELATIVE_TOLERANCE = 1e-9
"""The tolerance of `numeric` when its description gives none: that of floating point alone."""

Judge = Callable[[Any, Any, Mapping[str, Any]], Score]
"""Scores an output against what is expected, with the evaluator's options."""


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """An evaluator, ready to score.

    Attributes:
        name: what scores are filed under.
        digest: over its description.
        options: its description.
    """

    name: str
    digest: str
    options: Mapping[str, Any]
    judge: Judge

    @property
    def reference(self) -> Reference:
        """What a run records of it."""
        return Reference(name=self.name, digest=self.digest)

    def score(self, sample: Sample, output: Any) -> Score:
        """Return the score of an output; whatever breaks is an error of that score."""
        if sample.expected is MISSING:
            return Score(reason="the sample expects nothing")
        try:
            selected = select(output, self.options.get("select", ""))
            if selected is MISSING:
                return _failed(f"the output has no {self.options['select']!r}")
            return self.judge(selected, sample.expected, self.options)
        except Exception as exc:
            return Score(error=f"{type(exc).__name__}: {exc}")


def load_evaluators(
    directory: Path, names: Iterable[str], *, root: str = ""
) -> tuple[Evaluator, ...]:
    """Return the evaluators of these names, each once, in their order.

    Raises:
        NotFound: a name is neither a file of the project nor built in.
        InvalidDocuments: everything that is wrong in a file.
    """
    return tuple(load_evaluator(directory, name, root=root) for name in dict.fromkeys(names))


def load_evaluator(directory: Path, name: str, *, root: str = "") -> Evaluator:
    """Return an evaluator by its name; a file of the project wins over a built-in one.

    Raises:
        NotFound: the name is neither.
        InvalidDocuments: everything that is wrong in the file.
    """
    checked = parse_name(name, "evaluator name")
    path = layout.evaluator_path("", checked)
    options: Mapping[str, Any] = {"type": name}
    if name not in _JUDGES or (directory / path).exists():
        file = layout.join(root, path)
        options = _described(directory, path, name, file)
    return Evaluator(
        name=name, digest=digest_of(options), options=options, judge=_JUDGES[options["type"]]
    )


def _described(directory: Path, path: str, name: str, file: str) -> Mapping[str, Any]:
    try:
        return read_document(directory, path, "evaluator", what=f"evaluator {name!r}", file=file)
    except NotFound as exc:
        built_in = ", ".join(sorted(_JUDGES))
        raise NotFound(
            exc.message, hint=f"Make the file {path}, or use a built-in one: {built_in}."
        ) from exc


def select(output: Any, path: str) -> Any:
    """Return the part of an output at a dotted path such as `answer.items.0`; MISSING if none."""
    for step in path.split(".") if path else ():
        if isinstance(output, Mapping) and step in output:
            output = output[step]
        elif isinstance(output, list) and step.isdecimal() and int(step) < len(output):
            output = output[int(step)]
        else:
            return MISSING
    return output


def _failed(reason: str) -> Score:
    return Score(value=False, passed=False, reason=reason)


_PASSED = Score(value=True, passed=True)


def exact_match(output: Any, expected: Any, options: Mapping[str, Any]) -> Score:
    """Return whether an output equals what is expected.

    Text may be compared without regard to case or to white space at its ends. Numbers are equal
    by value, `1` and `1.0` alike; text and a number never are.
    """
    if _equal(_folded(output, options), _folded(expected, options)):
        return _PASSED
    return _failed(f"{shown(output)} is not {shown(expected)}")


def contains(output: Any, expected: Any, options: Mapping[str, Any]) -> Score:
    """Return whether an output holds what is expected: a text in a text, an item in a list.

    Of a list of expected things, all must be there.

    Raises:
        TypeError: the expected thing is no text, and the output is one.
    """
    output, wanted = _folded(output, options), _folded(expected, options)
    wanted = wanted if isinstance(wanted, list) else [wanted]
    absent = [thing for thing in wanted if not _holds(output, thing)]
    if not absent:
        return _PASSED
    return _failed(f"{shown(output)} does not contain {', '.join(map(shown, absent))}")


def numeric(output: Any, expected: Any, options: Mapping[str, Any]) -> Score:
    """Return whether an output is a number close to the expected one.

    It is close when |output - expected| <= max(tolerance, relative_tolerance * |expected|). A
    text that is a number counts as one, because a cell of a CSV file is text.

    Raises:
        ValueError: what is expected is no number.
    """
    want, have = _number(expected), _number(output)
    if want is None:
        raise ValueError(f"the expected {shown(expected)} is not a number")
    if have is None:
        return _failed(f"{shown(output)} is not a number")
    difference = abs(have - want)
    if difference <= _tolerance(want, options):
        return _PASSED
    return _failed(f"{have!r} differs from {want!r} by {difference!r}")


def _tolerance(expected: float, options: Mapping[str, Any]) -> float:
    absolute: float = options.get("tolerance", 0.0)
    given = "tolerance" in options or "relative_tolerance" in options
    relative = options.get("relative_tolerance", 0.0 if given else RELATIVE_TOLERANCE)
    return float(max(absolute, relative * abs(expected)))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _folded(value: Any, options: Mapping[str, Any]) -> Any:
    """Return a value whose texts are as the options want them compared."""
    if isinstance(value, list):
        return [_folded(item, options) for item in value]
    if not isinstance(value, str):
        return value
    text = value.strip() if options.get("strip") else value
    return text.casefold() if options.get("ignore_case") else text


def _equal(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    return same(left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _holds(output: Any, thing: Any) -> bool:
    if isinstance(output, list):
        return any(_equal(item, thing) for item in output)
    if not isinstance(output, str):
        return False
    if not isinstance(thing, str):
        raise TypeError(f"a text cannot contain the expected {shown(thing)}, which is no text")
    return thing in output


_JUDGES: Mapping[str, Judge] = {
    "exact-match": exact_match,
    "contains": contains,
    "numeric": numeric,
}
