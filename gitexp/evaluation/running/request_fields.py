"""The kinds of the fields of a request, for requests that come as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitexp.errors import InvalidInput

Check = tuple[Callable[[Any], bool], str]
"""Whether a value is right, and what to say of one that is not."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


def _are_tasks(value: Any) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, (list, tuple)) and all(isinstance(one, Mapping) for one in value)


_TEXT: Check = (lambda value: isinstance(value, str), "no text")
_FLAG: Check = (lambda value: isinstance(value, bool), "neither true nor false")
_WHOLE: Check = (_is_whole, "no whole number")
_NUMBER: Check = (_is_number, "no number")
_MAPPING: Check = (lambda value: isinstance(value, Mapping), "no mapping")
_NAMES: Check = (_are_names, "no list of names")

REQUEST: Mapping[str, Check] = {
    **dict.fromkeys(("experiment", "dataset", "endpoint", "version", "name"), _TEXT),
    **dict.fromkeys(("description", "span_workflow_name", "generation_method"), _TEXT),
    **dict.fromkeys(("executor", "scheduler"), _TEXT),
    **dict.fromkeys(("enable_tracing", "cache", "exact"), _FLAG),
    **dict.fromkeys(("batch_size", "concurrency", "repeats", "seed", "retries"), _WHOLE),
    **dict.fromkeys(("selection", "overrides", "arguments", "tags", "limits"), _MAPPING),
    **dict.fromkeys(("evaluators", "evaluator_workflows"), _NAMES),
    "timeout": _NUMBER,
    "workflow": (_are_tasks, "neither a name nor a list of tasks"),
}
LIMITS: Mapping[str, Check] = {
    "fail_fast": _FLAG,
    **dict.fromkeys(("max_errors", "max_tokens"), _WHOLE),
    **dict.fromkeys(("max_error_rate", "max_cost", "max_seconds"), _NUMBER),
}
SELECTION: Mapping[str, Check] = {
    **dict.fromkeys(("split", "where"), _TEXT),
    **dict.fromkeys(("limit", "sample"), _WHOLE),
    "seed": (lambda value: isinstance(value, str) or _is_whole(value), "no whole number or text"),
}


def check_kinds(data: Mapping[str, Any], checks: Mapping[str, Check], *, what: str) -> None:
    """Raise `InvalidInput` for the first field that is unknown or of another kind.

    Args:
        what: has no such field, as "a request has".
    """
    for name, value in data.items():
        if name not in checks:
            raise InvalidInput(
                f"{what} no field {name!r}", hint=f"There are {', '.join(sorted(checks))}."
            )
        fits, fault = checks[name]
        if not fits(value):
            given = list(value) if isinstance(value, tuple) else value
            raise InvalidInput(f"{name} is {given!r}, {fault}")
