"""Filters over the samples of a dataset, in the language in which runs are filtered.

    metadata.lang = 'de' AND (input.length > 100 OR NOT id LIKE 'old-%')

What a sample does not have satisfies no comparison; only `IS NULL` does. A value is compared as a
number with a number, which a text may say as well (the cells of CSV are texts), and else as text.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.evaluation.datasets.sample import Sample
from gitexp.runs.filters.conditions import (
    And,
    Between,
    Comparator,
    Comparison,
    Condition,
    Field,
    In,
    Like,
    Not,
    Null,
    Or,
    Value,
)
from gitexp.runs.filters.fields import Vocabulary
from gitexp.runs.filters.grammar import parse_filter
from gitexp.runs.filters.tokens import fault, unquoted
from gitexp.runs.index.entries import param_number, param_text

_ATTRIBUTES: Mapping[str, Callable[[Sample], Any]] = {
    "id": lambda sample: sample.id,
    "input": lambda sample: sample.input,
    "expected": lambda sample: sample.expected,
    "output": lambda sample: sample.output,
    "metadata": lambda sample: sample.metadata,
    "split": lambda sample: sample.split,
    "weight": lambda sample: sample.weight,
}
_WITH_KEYS = ("input", "expected", "output", "metadata")
_COMPARED: Mapping[Comparator, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse_where(text: str) -> Condition | None:
    """Return what a filter over samples says, or None for one that says nothing.

    Raises:
        InvalidInput: it cannot be read, or names a field that samples do not have.
    """
    return parse_filter(text, _SAMPLES)


def _field_of(text: str, column: int, what: str) -> Field:
    owner, dot, key = ("", "", text) if text[0] in '`"' else text.partition(".")
    key = unquoted(key) if key[:1] in ("`", '"') else key
    if not dot:
        owner, key = key if text[0] in '`"' else owner, ""
    if owner not in _ATTRIBUTES or (dot and (owner not in _WITH_KEYS or not key)):
        raise fault(what, column, f"samples have no field {text!r}", hint=_suggestion(owner, key))
    return Field("sample", f"{owner}.{key}" if dot else owner)


def _suggestion(owner: str, key: str) -> str:
    if owner in _ATTRIBUTES:
        return f"Compare `{owner}` itself." if key else f"Name a key of it, as in `{owner}.KEY`."
    close = get_close_matches(owner, _ATTRIBUTES, n=1)
    if close:
        return f"Did you mean `{close[0]}{'.' if key else ''}{key}`?"
    keys = ", ".join(f"{name}.KEY" for name in _WITH_KEYS)
    return f"There are {', '.join(_ATTRIBUTES)}, {keys}."


_SAMPLES = Vocabulary(_field_of, "metadata.lang or split")


def fits(condition: Condition | None, sample: Sample) -> bool:
    """Return whether a sample satisfies a condition."""
    if condition is None:
        return True
    if isinstance(condition, Not):
        return not fits(condition.part, sample)
    if isinstance(condition, And):
        return all(fits(part, sample) for part in condition.parts)
    if isinstance(condition, Or):
        return any(fits(part, sample) for part in condition.parts)
    return _holds(condition, _value_in(sample, condition.field.name))


def _value_in(sample: Sample, field: str) -> Any:
    """Return the value of a field; None for what the sample does not have."""
    owner, dot, key = field.partition(".")
    value = _ATTRIBUTES[owner](sample)
    value = _inside(value, key) if dot else value
    return None if value is MISSING else value


def _inside(value: Any, key: str) -> Any:
    """Return what stands at a key, or else at a path of keys and positions with dots between."""
    if isinstance(value, Mapping) and key in value:
        return value[key]
    for step in key.split("."):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and _is_position(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _is_position(step: str) -> bool:
    return step.isdecimal() and len(step) < 10


def _holds(condition: Comparison | Between | In | Like | Null, found: Any) -> bool:
    if isinstance(condition, Null):
        return (found is None) != condition.negated
    if found is None:
        return False
    if isinstance(condition, Comparison):
        return _compares(found, condition.comparator, condition.value)
    if isinstance(condition, In):
        return condition.negated != any(_compares(found, "=", v) for v in condition.values)
    if isinstance(condition, Between):
        inside = _compares(found, ">=", condition.low) and _compares(found, "<=", condition.high)
        return inside != condition.negated
    segments = _segments(condition.pattern, condition.ignore_case)
    tail = len(condition.pattern.rpartition("%")[2])
    return _is_like(param_text(found), segments, tail) != condition.negated


def _compares(found: Any, comparator: Comparator, value: Value) -> bool:
    if isinstance(value, bool):
        same = param_text(found).lower() == str(value).lower()
        return comparator in ("=", "!=") and same == (comparator == "=")
    if isinstance(value, (int, float)):
        number = param_number(found)
        return _COMPARED[comparator](number, value) if number is not None else comparator == "!="
    return _COMPARED[comparator](param_text(found), value)


@lru_cache(maxsize=64)
def _segments(pattern: str, ignore_case: bool) -> tuple[re.Pattern[str], ...]:
    """Return what a pattern of LIKE has between its `%`, each to be found after the one before."""
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    texts = pattern.split("%")
    written = ["".join("." if c == "_" else re.escape(c) for c in text) for text in texts]
    return tuple(re.compile(text, flags) for text in written)


def _is_like(text: str, segments: Sequence[re.Pattern[str]], tail: int) -> bool:
    """Return whether a text fits; the leftmost place of each segment is the best one.

    Args:
        tail: how many characters the last segment takes.
    """
    if len(segments) == 1:
        return segments[0].fullmatch(text) is not None
    found = segments[0].match(text)
    for segment in segments[1:-1]:
        found = found and segment.search(text, found.end())
    start = len(text) - tail
    return bool(found and found.end() <= start and segments[-1].match(text, start))
