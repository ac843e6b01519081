"""The words for what breaks a JSON Schema: what stands there, and what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from gitexp.documents.problems import shown

_NOUNS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}

Words = Callable[[Any, Any], str]
"""Puts a broken rule into words: called with the keyword's value and the value that breaks it."""


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return the message for a key that is not known, with the one that was probably meant."""
    choices = sorted(known)
    close = get_close_matches(key, choices, n=1)
    if close:
        return f"unknown key {shown(key)}; did you mean {shown(close[0])}?"
    if not choices:
        return f"unknown key {shown(key)}; no keys are allowed here"
    return f"unknown key {shown(key)}; known are {', '.join(choices)}"


def missing_key(key: str) -> str:
    """Return the message for a key that must be there."""
    return f"the key {shown(key)} is missing"


def forbidden(owner: Any) -> str:
    """Return the message for a key that its neighbours rule out."""
    kind = owner.get("type") if isinstance(owner, Mapping) else None
    return f"not used with the type {shown(kind)}" if isinstance(kind, str) else "not allowed here"


def describe(keyword: str, expected: Any, value: Any) -> str:
    """Return in words how a value breaks one keyword of a schema."""
    words = _WORDS.get(keyword)
    return words(expected, value) if words else f"{shown(value)} breaks the rule {keyword}"


def nouns(types: str | Iterable[str]) -> str:
    """Return JSON types as a phrase: `an integer or null`."""
    names = [types] if isinstance(types, str) else list(types)
    return _alternatives([_NOUNS.get(name, name) for name in names])


def found(value: Any) -> str:
    """Return what stands there: collections by their kind, everything else by itself."""
    if isinstance(value, dict) and value:
        return "a mapping"
    if isinstance(value, list) and value:
        return "a list"
    return f"the text {shown(value)}" if isinstance(value, str) else shown(value)


def _alternatives(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _type(expected: Any, value: Any) -> str:
    return f"expected {nouns(expected)}, found {found(value)}"


def _enum(expected: Any, value: Any) -> str:
    message = f"{shown(value)} is not one of {', '.join(map(shown, expected))}"
    texts = [choice for choice in expected if isinstance(choice, str)]
    close = get_close_matches(value, texts, n=1) if isinstance(value, str) else []
    return f"{message}; did you mean {shown(close[0])}?" if close else message


def _const(expected: Any, value: Any) -> str:
    return f"expected {shown(expected)}, found {shown(value)}"


def _pattern(expected: Any, value: Any) -> str:
    return f"{shown(value)} does not match {shown(expected)[1:-1]}"


def _too_short(expected: Any, value: Any) -> str:
    if not value:
        return "the text is empty"
    return f"{shown(value)} is shorter than {expected} characters"


def _too_long(expected: Any, value: Any) -> str:
    return f"{shown(value)} is longer than {counted(expected, 'character')}"


def _compared(relation: str) -> Words:
    return lambda expected, value: f"{shown(value)} is {relation} {shown(expected)}"


def _counted_against(relation: str, unit: str) -> Words:
    def words(expected: Any, value: Any) -> str:
        verb = "is" if len(value) == 1 else "are"
        return f"{counted(len(value), unit)} {verb} {relation} {expected}"

    return words


def counted(number: int, unit: str) -> str:
    """Return a number with its unit in the singular or plural."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _repeated(expected: Any, value: Any) -> str:
    again = next((item for i, item in enumerate(value) if item in value[:i]), None)
    return f"the item {shown(again)} is repeated"


def _format(expected: Any, value: Any) -> str:
    return f"{shown(value)} is not a valid {expected}"


def _ruled_out(expected: Any, value: Any) -> str:
    return f"{shown(value)} is not allowed here"


_WORDS: dict[str, Words] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "not": _ruled_out,
    "minimum": _compared("less than"),
    "maximum": _compared("greater than"),
    "exclusiveMinimum": _compared("not greater than"),
    "exclusiveMaximum": _compared("not less than"),
    "multipleOf": _compared("not a multiple of"),
    "minLength": _too_short,
    "maxLength": _too_long,
    "minItems": _counted_against("fewer than", "item"),
    "maxItems": _counted_against("more than", "item"),
    "minProperties": _counted_against("fewer than", "key"),
    "maxProperties": _counted_against("more than", "key"),
    "uniqueItems": _repeated,
}
