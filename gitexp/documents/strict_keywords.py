"""Keywords of JSON Schema that are judged here and not by the library.

Patterns are matched in bounded time, and a key that is forbidden is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitexp.documents.patterns import matches, pattern_fault
from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from jsonschema import ValidationError

FORBIDDEN = "forbidden"
"""What an error of `properties` is of, whose schema for a key is just `false`."""

UNMATCHED = "unmatched"
"""What an error of a text is of that is too long to be matched; its message says so."""


def known_key(schema: Mapping[str, Any], key: str) -> bool:
    """Return whether `properties` or `patternProperties` speak of a key.

    Raises:
        InvalidInput: a pattern cannot be used, or the key is too long for it.
    """
    patterns = schema.get("patternProperties", {})
    return key in schema.get("properties", {}) or any(matches(p, key) for p in patterns)


def _pattern(_: Any, rule: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if not isinstance(value, str):
        return
    if fault := pattern_fault(rule):
        raise InvalidInput(fault)
    try:
        if not matches(rule, value):
            yield ValidationError("no match")
    except InvalidInput as exc:
        yield ValidationError(exc.message, validator=UNMATCHED)


def _properties(
    validator: Any, rules: Mapping[str, Any], value: Any, schema: Any
) -> Iterator[ValidationError]:
    """Judge each key as the library does, and say which one when its schema is just `false`."""
    from jsonschema import ValidationError

    for key in rules if isinstance(value, dict) else ():
        if key in value and rules[key] is False:
            yield ValidationError("forbidden", validator=FORBIDDEN, path=(key,))
        elif key in value:
            yield from validator.descend(value[key], rules[key], path=key, schema_path=key)


def _pattern_properties(
    validator: Any, rules: Mapping[str, Any], value: Any, schema: Any
) -> Iterator[ValidationError]:
    for pattern, rule in rules.items() if isinstance(value, dict) else ():
        for key, child in value.items():
            if matches(pattern, key):
                yield from validator.descend(child, rule, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, rule: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    others = [k for k in value if not known_key(schema, k)] if isinstance(value, dict) else []
    if rule is False and others:
        yield ValidationError("unknown keys")
    elif isinstance(rule, Mapping):
        for key in others:
            yield from validator.descend(value[key], rule, path=key)


STRICT_KEYWORDS: Mapping[str, Callable[..., Iterator[ValidationError]]] = {
    "pattern": _pattern,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
