"""The evaluator `regex`: whether an output matches a pattern, in bounded time.

Patterns are followed by an automaton whose time grows with the text alone. What it cannot follow,
references to groups above all, is left to the library `regex`, which gives up after a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gitexp.documents.patterns import MAX_MATCHED_LENGTH, matches, pattern_fault
from gitexp.documents.problems import Problem
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.evaluators.cases import Case, Described, Judging
from gitexp.evaluation.evaluators.verdicts import PASSED, brief, failed
from gitexp.runs.rows import Score

SECONDS = 0.5
"""How long a pattern that the automaton cannot follow may take on one text."""

Matches = Callable[[str], bool]


def regex(described: Described) -> Judging:
    """Return what looks for a pattern in an output, anywhere in it unless `full` is given.

    `$` stands for the end alone. With `pattern_from: expected` the sample says what pattern it
    expects, and only patterns that the automaton can follow are taken.

    Raises:
        InvalidDocuments: the pattern is none, or nothing here can follow it.
    """
    if "pattern" in described.options:
        pattern = _complete(described.options["pattern"], described)
        return Judging(judge=_judge_of(pattern, _matching(pattern, described)), expects=False)
    return Judging(judge=_expecting(described))


def _judge_of(pattern: str, is_match: Matches) -> Callable[[Case], Score]:
    def judge(case: Case) -> Score:
        if isinstance(case.output, str) and is_match(case.output):
            return PASSED
        return _mismatch(case.output, pattern)

    return judge


def _expecting(described: Described) -> Callable[[Case], Score]:
    def judge(case: Case) -> Score:
        if not isinstance(case.expected, str):
            raise TypeError(f"the expected {brief(case.expected)} is no pattern")
        pattern = _complete(case.expected, described)
        if isinstance(case.output, str) and matches(pattern, case.output):
            return PASSED
        return _mismatch(case.output, pattern)

    return judge


def _mismatch(output: Any, pattern: str) -> Score:
    if not isinstance(output, str):
        return failed(f"{brief(output)} is not text")
    return failed(f"{brief(output)} does not match {brief(pattern)}")


def _complete(pattern: str, described: Described) -> str:
    if described.get("full"):
        pattern = rf"\A(?:{pattern})\Z"
    return f"(?i:{pattern})" if described.get("ignore_case") else pattern


def _matching(pattern: str, described: Described) -> Matches:
    fault = pattern_fault(pattern)
    if fault is None:
        return lambda text: matches(pattern, text)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        problem = Problem(file=described.file, place="pattern", message=fault)
        raise InvalidDocuments([problem], hint="Correct the pattern.") from exc
    return _bounded(pattern, fault, described)


def _bounded(pattern: str, fault: str, described: Described) -> Matches:
    try:
        library = import_module("regex")
    except ImportError as exc:
        raise InvalidInput(
            f"{described.file}: pattern: {fault}",
            hint="Write it otherwise, or install what gives up after a time: "
            "`pip install 'gitexp[eval]'`.",
        ) from exc
    compiled = library.compile(pattern)

    def is_match(text: str) -> bool:
        if len(text) > MAX_MATCHED_LENGTH:
            raise ValueError(f"a text of {len(text)} characters is too long to be matched")
        found: bool = compiled.search(text, timeout=SECONDS) is not None
        return found

    return is_match
