"""Conditions on a change: whether the values of an environment change as a policy describes.

What cannot be told is taken as a reason to ask: a value that was added, removed or is no number
has changed by an amount that nobody knows, so `changes_by` holds for it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitexp.environments.binding import Action
from gitexp.experiments.changes import same_value
from gitexp.project.policies import Condition, Operation

ANY = "*"
"""The parameter of a condition that any parameter fits."""

_ABSENT: Any = object()
_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,9})\]")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def holds(
    condition: Condition, *, action: Action, before: Mapping[str, Any], after: Mapping[str, Any]
) -> bool:
    """Return whether every key of a condition holds for a change of values.

    Args:
        action: what is really done: `promote`, `rollback`, `unbind` or `flags`.
    """
    if condition.action is not None and condition.action != action:
        return False
    if condition.parameter is None:
        return True
    pairs = _pairs(condition.parameter, before, after)
    return any(_changes_so(condition, old, new) for old, new in pairs)


def _pairs(
    parameter: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[Any, Any]]:
    """Yield the values before and after of what a parameter names, absent where there is none."""
    if parameter == ANY:
        names = dict.fromkeys([*before, *after])
        yield from ((before.get(n, _ABSENT), after.get(n, _ABSENT)) for n in names)
    else:
        yield value_at(before, parameter), value_at(after, parameter)


def value_at(values: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a path such as `model.name` or `tools[2].name`.

    A parameter of just that name goes before the path. Where there is nothing, it is a value
    that equals no other.
    """
    if path in values:
        return values[path]
    found: Any = values
    for match in _STEP.finditer(path):
        found = _below(found, match)
        if found is _ABSENT:
            break
    return found


def _below(value: Any, step: re.Match[str]) -> Any:
    key, position = step.groups()
    if position is not None:
        inside = isinstance(value, list) and int(position) < len(value)
        return value[int(position)] if inside else _ABSENT
    return value.get(key, _ABSENT) if isinstance(value, Mapping) else _ABSENT


def _changes_so(condition: Condition, old: Any, new: Any) -> bool:
    if old is _ABSENT and new is _ABSENT:
        return False
    if old is not _ABSENT and new is not _ABSENT and same_value(old, new):
        return False
    return (
        (condition.changes_by is None or _changes_by(condition.changes_by, old, new))
        and (not condition.has_before or _is_like(condition.before, old))
        and (not condition.has_after or _is_like(condition.after, new))
    )


def _changes_by(text: str, old: Any, new: Any) -> bool:
    if not (_is_number(old) and _is_number(new)):
        return True
    asked = Operation.parse(text)
    try:
        amount = abs(new - old)
        if asked.percent:
            amount = math.inf if old == 0 else 100 * amount / abs(old)
        return _compares(asked, amount)
    except OverflowError:
        return True  # too large a number to say by how much


def _is_like(wanted: Any, found: Any) -> bool:
    """Return whether a value is the wanted one, or compares as the text of it says."""
    if found is _ABSENT:
        return False
    if same_value(wanted, found):
        return True
    if not isinstance(wanted, str) or not _is_number(found):
        return False
    try:
        return _compares(Operation.parse(wanted), found)
    except ValueError:
        return False  # a plain text, which no number is
    except OverflowError:
        return True


def _compares(asked: Operation, number: float) -> bool:
    # Ten per cent of 0.7 is not quite 0.07: what stands at a limit but for rounding is at it.
    near = math.isclose(number, asked.number, rel_tol=1e-9, abs_tol=1e-12)
    return _COMPARE[asked.operator](asked.number if near else number, asked.number)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
