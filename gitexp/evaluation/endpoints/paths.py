"""Paths into an answer: JSON pointers, which begin with a slash, and JMESPath expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gitexp.documents.problems import MISSING, shown
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed

Path = Callable[[Any], Any]
"""Finds a value in an answer; MISSING where there is none."""

_SIMPLE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d{1,9}\])*\Z", re.ASCII)
_STEPS = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]", re.ASCII)


@lru_cache(maxsize=512)
def compile_path(text: str) -> Path:
    """Return what finds a value.

    A pointer and a plain path such as `choices[0].text` tell null from nothing. Of any other
    JMESPath expression null is nothing, because it does not tell the two apart.

    Raises:
        InvalidInput: it is no path.
    """
    if text.startswith("/"):
        return _following(_pointer(text))
    if _SIMPLE.match(text):
        return _following([name if name else int(n) for name, n in _STEPS.findall(text)])
    return _expression(text)


def path_fault(text: str) -> str | None:
    """Return why a text is no path, or None when it is one."""
    try:
        compile_path(text)
    except InvalidInput as exc:
        return exc.message
    return None


def _pointer(text: str) -> list[str | int]:
    if re.search(r"~(?![01])", text):
        raise InvalidInput(f"{shown(text)} is no JSON pointer: after ~ comes 0 or 1")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _following(steps: list[Any]) -> Path:
    def find(value: Any) -> Any:
        for step in steps:
            if isinstance(value, dict):
                value = value.get(step, MISSING)
            elif isinstance(value, list):
                value = _item(value, step)
            else:
                return MISSING
        return value

    return find


def _item(values: list[Any], step: str | int) -> Any:
    if isinstance(step, str):
        if not re.fullmatch(r"0|[1-9]\d{0,9}", step, re.ASCII):
            return MISSING
        step = int(step)
    return values[step] if step < len(values) else MISSING


def _expression(text: str) -> Path:
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError
    except ImportError as exc:
        raise InvalidInput(
            f"{shown(text)} needs JMESPath, which is not installed",
            hint="Install it: `pip install 'gitexp[eval]'`. Or write a JSON pointer.",
        ) from exc
    try:
        compiled = jmespath.compile(text)
    except (JMESPathError, RecursionError) as exc:
        reason = str(exc).splitlines()[0].rstrip(":")
        reason = "it is nested too deep" if isinstance(exc, RecursionError) else reason
        raise InvalidInput(f"{shown(text)} is no JMESPath expression: {reason}") from exc

    def find(value: Any) -> Any:
        try:
            found = compiled.search(value)
        except (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError) as exc:
            # Functions of JMESPath do not check everything that they are given.
            raise CallFailed(
                f"{shown(text)} cannot be followed: {exc}", kind="BadResponse"
            ) from exc
        return MISSING if found is None else found

    return find
