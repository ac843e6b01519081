"""What breaks a JSON Schema, in our words and with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gitexp.documents.canonical import canonical_json
from gitexp.documents.conformance import conforms, type_matches
from gitexp.documents.patterns import pattern_fault
from gitexp.documents.strict_keywords import FORBIDDEN, STRICT_KEYWORDS, UNMATCHED, known_key
from gitexp.documents.values import Path
from gitexp.documents.wording import describe, forbidden, found, missing_key, nouns, unknown_key
from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, ValidationError

    Error = ValidationError | SchemaError

Schema = Mapping[str, Any] | bool


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong with a value: where, counted from the value, and what."""

    path: Path
    message: str


def faults_of(schema: Schema, value: Any) -> list[Fault]:
    """Return everything about a value that breaks a schema, without repetition.

    Stricter than the standard in three things: `1.0` is no integer, `$` at the end of a pattern
    matches at the very end alone, and a `$ref` never leaves the schema, so nothing is fetched.

    Raises:
        InvalidInput: the schema itself cannot be used.
    """
    try:
        if conforms(schema, value):
            return []
        return _all_faults(schema, value)
    except RecursionError as exc:
        raise _unusable("it refers to itself without end") from exc


def schema_fault(schema: Any) -> str | None:
    """Return why a value is not a usable JSON Schema, or None when it is one."""
    from jsonschema import Draft202012Validator, SchemaError

    if not isinstance(schema, (Mapping, bool)):
        return f"expected a JSON Schema, which is a mapping or a boolean, found {found(schema)}"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        return _summary(next(iter(_leaves(exc, schema))))
    return next(_pattern_faults(schema, ()), None)


_DATA = frozenset(["const", "default", "enum", "examples"])


def _pattern_faults(schema: Any, path: Path) -> Iterator[str]:
    """Yield what is wrong with the patterns in a schema, wherever one stands."""
    if isinstance(schema, list):
        for position, part in enumerate(schema):
            yield from _pattern_faults(part, (*path, position))
    if not isinstance(schema, Mapping):
        return
    own = schema.get("pattern")
    named = schema.get("patternProperties")
    patterns = [own] if isinstance(own, str) else []
    for pattern in [*patterns, *(named if isinstance(named, Mapping) else ())]:
        if fault := pattern_fault(pattern):
            yield _summary(Fault(path=path, message=f"the pattern {fault}"))
    if named and "unevaluatedProperties" in schema:
        message = "patternProperties and unevaluatedProperties do not go together here"
        yield _summary(Fault(path=path, message=message))
    for key, part in schema.items():
        if key not in _DATA:
            yield from _pattern_faults(part, (*path, key))


def _summary(fault: Fault) -> str:
    where = "/".join(map(str, fault.path))
    return f"not a JSON Schema: {where + ': ' if where else ''}{fault.message}"


def _unusable(reason: str) -> InvalidInput:
    return InvalidInput(
        f"the JSON Schema cannot be used: {reason}",
        hint="Correct the schema; a $ref may only name something in the schema itself.",
    )


def _all_faults(schema: Schema, value: Any) -> list[Fault]:
    from referencing.exceptions import Unresolvable

    validator = _validator(canonical_json(schema))
    try:
        errors = list(validator.iter_errors(value))
    except Unresolvable as exc:
        raise _unusable(f"$ref {exc.ref} is not in it") from exc
    except InvalidInput as exc:
        raise _unusable(exc.message) from exc
    faults = dict.fromkeys(fault for error in _telling(errors) for fault in _leaves(error, value))
    return sorted(faults, key=lambda fault: (_rank(fault.path, value), fault.message))


def _rank(path: Path, value: Any) -> tuple[int, ...]:
    """Return where a path comes in the order of a value; the library's order is not steady."""
    ranks: list[int] = []
    for step in path:
        steps: list[Any] = list(value) if isinstance(value, dict) else [*range(len(value))]
        ranks.append(steps.index(step) if step in steps else len(steps))
        value = value[step] if step in steps else {}
    return tuple(ranks)


def _telling(errors: list[ValidationError]) -> list[ValidationError]:
    """Leave out that a value is no choice where it is not even of the right type."""
    mistyped = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    return [
        error
        for error in errors
        if error.validator not in ("const", "enum") or tuple(error.absolute_path) not in mistyped
    ]


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Draft202012Validator:
    from referencing import Registry

    return _strict_class()(json.loads(schema), registry=Registry())


@lru_cache(maxsize=1)
def _strict_class() -> type[Draft202012Validator]:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    def is_integer(_: Any, value: Any) -> bool:
        return type_matches("integer", value)

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
    make: Any = extend
    strict: type[Draft202012Validator] = make(
        Draft202012Validator, STRICT_KEYWORDS, type_checker=checker
    )
    return strict


def _leaves(error: Error, value: Any) -> Iterator[Fault]:
    """Yield what one error of the library means; some of them mean several faults."""
    path: Path = tuple(error.absolute_path)
    if error.validator in ("anyOf", "oneOf"):
        yield from _alternative_faults(error, path, value)
    elif error.validator in ("additionalProperties", "unevaluatedProperties"):
        yield from _unknown_keys(error, path)
    elif "propertyNames" in error.relative_schema_path:
        message = _message(error, path, value)
        yield Fault(path=(*path, str(error.instance)), message=f"the key {message}")
    else:
        yield Fault(path=path, message=_message(error, path, value))


def _message(error: Error, path: Path, value: Any) -> str:
    if error.validator == UNMATCHED:
        return error.message
    if error.validator in (None, FORBIDDEN):
        return forbidden(_at(value, path[:-1]))
    if error.validator == "required":
        return missing_key(_missing(error))
    return describe(str(error.validator), error.validator_value, error.instance)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _missing(error: Error) -> str:
    # One error stands for one key, and the library names it only inside its message.
    required: Any = error.validator_value
    instance: Any = error.instance
    keys: list[str] = [key for key in required if key not in instance]
    return next((key for key in keys if error.message.startswith(repr(key))), keys[0])


def _unknown_keys(error: Error, path: Path) -> Iterator[Fault]:
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    instance: Any = error.instance
    for key in instance:
        if not known_key(schema, key):
            known = schema.get("properties", {})
            yield Fault(path=(*path, key), message=unknown_key(key, known))


def _alternative_faults(error: Error, path: Path, value: Any) -> Iterator[Fault]:
    """Yield the faults of the alternative that came nearest, or what all of them expect."""
    # An alternative that is just `false` has no path, and nothing to say.
    telling = (inner for inner in error.context or () if inner.relative_schema_path)
    context = sorted(telling, key=_branch)
    branches = [list(group) for _, group in groupby(context, key=_branch)]
    near = [branch for branch in branches if not any(map(_is_other_type, branch))]
    if not branches and error.context:
        yield Fault(path=path, message=forbidden(None))
    elif not branches:
        yield Fault(path=path, message=f"{found(error.instance)} fits more than one alternative")
    elif near:
        for inner in min(near, key=len):
            yield from _leaves(inner, value)
    else:
        yield Fault(path=path, message=_expected_types(branches, error.instance))


def _branch(error: ValidationError) -> int:
    return int(error.relative_schema_path[0])


def _is_other_type(error: ValidationError) -> bool:
    return error.validator == "type" and not error.relative_path


def _expected_types(branches: list[list[ValidationError]], value: Any) -> str:
    types: list[str] = []
    for error in (error for branch in branches for error in branch if _is_other_type(error)):
        expected: Any = error.validator_value
        types += [expected] if isinstance(expected, str) else expected
    return f"expected {nouns(dict.fromkeys(types))}, found {found(value)}"
