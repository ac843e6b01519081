"""Git's glob patterns for paths: `*` stays in one segment, `**` crosses them."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=256)
def compile_glob(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a pattern whose `fullmatch` tells whether a slash-separated path matches a glob."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        part, position = _translate(pattern, position)
        parts.append(part)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _translate(pattern: str, at: int) -> tuple[str, int]:
    """Return the expression for what stands at a position, and the position after it."""
    char = pattern[at]
    if char == "*":
        return _translate_stars(pattern, at)
    if char == "?":
        return "[^/]", at + 1
    if char == "[":
        return _translate_class(pattern, at)
    if char == "\\" and at + 1 < len(pattern):
        return re.escape(pattern[at + 1]), at + 2
    return re.escape(char), at + 1


def _translate_stars(pattern: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(pattern) and pattern[end] == "*":
        end += 1
    opens = at == 0 or pattern[at - 1] == "/"
    if end - at == 2 and opens:
        if pattern[end : end + 1] == "/":
            return "(?:.*/)?", end + 1
        if end == len(pattern):
            return ".*", end
    return "[^/]*", end


def _translate_class(pattern: str, at: int) -> tuple[str, int]:
    start = at + 1
    negated = pattern[start : start + 1] in ("!", "^")
    start += negated
    end = pattern.find("]", start + 1)
    if end < 0:
        return re.escape("["), at + 1
    # A character class never matches a separator, whatever it names.
    body = re.sub(r"([\\\[&~|^])", r"\\\1", pattern[start:end].replace("\\", ""))
    expression = f"(?!/)[{'^' if negated else ''}{body}]"
    try:
        re.compile(expression)
    except re.error:
        return "(?!)", end + 1
    return expression, end + 1
