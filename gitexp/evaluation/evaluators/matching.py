"""Evaluators that compare: `exact-match`, `contains` and `numeric`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from gitexp.documents.canonical import canonical_plain_json
from gitexp.documents.problems import MISSING
from gitexp.evaluation.evaluators.cases import Case, Described, Judging
from gitexp.evaluation.evaluators.equality import equal, folding, is_number
from gitexp.evaluation.evaluators.verdicts import PASSED, brief, failed
from gitexp.runs.rows import Score

RELATIVE_TOLERANCE = 1e-9
"""The tolerance of `numeric` when its description gives none: that of floating point alone."""

MAX_SEARCHED_LENGTH = 200_000
"""The longest text, in characters, in which a number is looked for."""

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:(?<=\d)[eE][-+]?\d{1,4})?")
_PLAIN_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?\Z", re.ASCII)
_MAX_DIGITS = 5_000
_MAX_SEARCHED = 10**9


def exact_match(described: Described) -> Judging:
    """Return what compares an output with what is expected, whole.

    Text may be compared without regard to case or to white space at its ends. Numbers are equal
    by value, `1` and `1.0` alike; text and a number never are. With `any_of`, a list of expected
    things names several right answers.
    """
    fold = folding(described.options)
    if described.get("any_of"):
        return Judging(judge=_one_of(fold))
    return Judging(judge=_exact if fold is None else _folded_exact(fold))


def _exact(case: Case) -> Score:
    if equal(case.output, case.expected):
        return PASSED
    return failed(f"{brief(case.output)} is not {brief(case.expected)}")


def _folded_exact(fold: Callable[[Any], Any]) -> Callable[[Case], Score]:
    def judge(case: Case) -> Score:
        if equal(fold(case.output), fold(case.expected)):
            return PASSED
        return failed(f"{brief(case.output)} is not {brief(case.expected)}")

    return judge


def _one_of(fold: Callable[[Any], Any] | None) -> Callable[[Case], Score]:
    def judge(case: Case) -> Score:
        answers = case.expected if isinstance(case.expected, list) else [case.expected]
        output = fold(case.output) if fold else case.output
        if any(equal(output, fold(answer) if fold else answer) for answer in answers):
            return PASSED
        return failed(f"{brief(case.output)} is none of {brief(answers)}")

    return judge


def contains(described: Described) -> Judging:
    """Return what looks in an output for what is expected: a text in a text, an item in a list.

    What is looked for is in `values`, or else what the sample expects. Of several things all must
    be there, or one with `mode: any`.
    """
    fold = folding(described.options)
    values: Any = described.get("values", MISSING)
    wants_any = described.get("mode") == "any"

    def judge(case: Case) -> Score:
        wanted = case.expected if values is MISSING else values
        things = wanted if isinstance(wanted, list) else [wanted]
        output = fold(case.output) if fold else case.output
        holds = _holding(output, len(things))
        absent = [thing for thing in things if not holds(fold(thing) if fold else thing)]
        if not absent or (wants_any and len(absent) < len(things)):
            return PASSED
        missing = ", ".join(map(brief, absent[:5])) + (", …" if len(absent) > 5 else "")
        either = "any of " if wants_any and len(absent) > 1 else ""
        return failed(f"{brief(case.output)} does not contain {either}{missing}")

    return Judging(judge=judge, expects=values is MISSING)


def _holding(output: Any, times: int) -> Callable[[Any], bool]:
    """Return what says whether an output holds a thing, in bounded time if asked so often.

    Raises:
        ValueError: it would take too long.
    """
    if isinstance(output, list) and times == 1:
        return lambda thing: any(equal(item, thing) for item in output)
    if isinstance(output, list):
        # Items may be long themselves: each is gone through once, however many are looked for.
        known = {canonical_plain_json(item) for item in output}
        return lambda thing: canonical_plain_json(thing) in known
    if not isinstance(output, str):
        return lambda thing: False
    if len(output) * times > _MAX_SEARCHED:
        raise ValueError(f"{times} things are too many to look for in {len(output)} characters")
    return lambda thing: _is_in(output, thing)


def _is_in(output: str, thing: Any) -> bool:
    if not isinstance(thing, str):
        raise TypeError(f"a text cannot contain the expected {brief(thing)}, which is no text")
    return thing in output


def numeric(described: Described) -> Judging:
    """Return what compares an output with a number that is expected.

    It is close when |output - expected| <= max(tolerance, relative_tolerance * |expected|), in
    decimal arithmetic, so that 1.1 is within 0.1 of 1. A text that is a number counts as one,
    because a cell of a CSV file is text; with `find`, the first or last number in a text counts.
    """
    absolute, relative = _tolerances(described.options)
    find = described.get("find")

    def judge(case: Case) -> Score:
        want = number_of(case.expected)
        if want is None:
            raise ValueError(f"the expected {brief(case.expected)} is not a number")
        have = _found_number(case.output, find) if find else number_of(case.output)
        if have is None:
            none = "holds no number" if find else "is not a number"
            return failed(f"{brief(case.output)} {none}")
        difference = abs(have - want)
        if difference <= max(absolute, relative * abs(want)):
            return PASSED
        return failed(f"{_text(have)} differs from {_text(want)} by {_text(difference)}")

    return Judging(judge=judge)


def _tolerances(options: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    given = "tolerance" in options or "relative_tolerance" in options
    relative = options.get("relative_tolerance", 0 if given else RELATIVE_TOLERANCE)
    return Decimal(repr(options.get("tolerance", 0))), Decimal(repr(relative))


def number_of(value: Any) -> Decimal | None:
    """Return the number that a value is, or that a text is; None where it is none."""
    if is_number(value):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return number if number.is_finite() else None
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    text = value.strip()
    return _decimal(text) if _PLAIN_NUMBER.match(text) else None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _found_number(value: Any, which: str) -> Decimal | None:
    if not isinstance(value, str):
        return number_of(value)
    if len(value) > MAX_SEARCHED_LENGTH:
        raise ValueError(f"a text of {len(value)} characters is too long to look for a number in")
    found = [match for match in _NUMBER.findall(value) if any(map(str.isdecimal, match))]
    if not found:
        return None
    return _decimal((found[0] if which == "first" else found[-1]).replace(",", ""))


def _text(number: Decimal) -> str:
    text = str(number)
    return text if len(text) <= 40 else f"{number:.6g}"
