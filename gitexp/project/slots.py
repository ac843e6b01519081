"""Parameter slots: the typed parameters of a project, and the strict check of values.

A value is never coerced: `True` is no integer, `"5"` is no number, NaN and infinities are
refused. The one normal form is that of a `number`: it is held as a float where a float holds it
exactly, so that `1` and `1.0` are the same value.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from gitexp.documents.patterns import matches, pattern_fault
from gitexp.documents.problems import MISSING, place_of, shown
from gitexp.errors import InvalidInput

SlotType = Literal[
    "text",
    "string",
    "integer",
    "number",
    "boolean",
    "enum",
    "list",
    "object",
    "model",
    "secret",
]
SLOT_TYPES: tuple[SlotType, ...] = get_args(SlotType)

Fault = tuple[str, str]
"""A place inside a value (empty for the value itself) and what is wrong there."""

_TEXT_TYPES = frozenset({"text", "string", "model", "secret"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_SCHEMA_KEYWORDS = frozenset(
    {"items", "properties", "additionalProperties", "minItems", "maxItems", "uniqueItems"}
)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One typed parameter of a project.

    Attributes:
        name: the key in `parameters.yaml`.
        type: what its values are.
        description: what it is for.
        required: whether a version without a value (and without a default) is refused.
        default: the value that a save fills in, or MISSING.
        options: the allowed values of an `enum`, or of any other type when given.
        constraints: JSON Schema keywords beyond the type, such as `minimum` or `pattern`.
    """

    name: str
    type: SlotType
    description: str = ""
    required: bool = False
    default: Any = MISSING
    options: tuple[Any, ...] = ()
    constraints: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> Slot:
        """Return the slot that a checked mapping of `gitexp.yaml` describes."""
        known = {"type", "description", "required", "default", "options"}
        return cls(
            name=name,
            type=data["type"],
            description=data.get("description", ""),
            required=data.get("required", False),
            default=data.get("default", MISSING),
            options=tuple(data.get("options", ())),
            constraints={key: value for key, value in data.items() if key not in known},
        )

    def definition_faults(self) -> list[Fault]:
        """Return what is wrong with the slot itself, each with its key in the definition."""
        if self.type == "enum" and not self.options:
            return [("options", "an enum needs options")]
        faults = [
            (key, fault)
            for key, schema in self._schemas().items()
            if (fault := schema_fault(schema)) is not None
        ]
        if "pattern" in self.constraints and (fault := pattern_fault(self.constraints["pattern"])):
            faults.append(("pattern", fault))
        if faults or self.default is MISSING:
            return faults
        return [(within("default", place), message) for place, message in self.faults(self.default)]

    def _schemas(self) -> dict[str, Any]:
        """Return the parts of the definition that are JSON Schemas, by their key."""
        own = {k: {k: v} for k, v in self.constraints.items() if k in _SCHEMA_KEYWORDS}
        whole = {k: v for k, v in self.constraints.items() if k == "schema"}
        return own | whole

    def faults(self, value: Any) -> list[Fault]:
        """Return everything that is wrong with a value; nothing when it may be saved."""
        fault = _TYPE_CHECKS[self.type](value)
        if fault:
            return [("", f"{shown(value)} is {fault}")]
        if self.options and not any(_same(value, option) for option in self.options):
            choices = ", ".join(shown(option) for option in self.options)
            return [("", f"{shown(value)} is not one of {choices}")]
        return _constraint_faults(value, self.constraints)

    def normal(self, value: Any) -> Any:
        """Return the normal form of a value that has no faults; lists and objects are copied."""
        if isinstance(value, (list, dict)):
            return copy.deepcopy(value)
        if self.type == "number" and isinstance(value, int):
            as_float = float(value) if abs(value) < 2**1000 else math.inf
            return as_float if as_float == value else value
        return value

    def parse(self, text: str) -> Any:
        """Return the value that a text from the command line stands for, by the slot's type.

        Raises:
            InvalidInput: the text is no such value.
        """
        try:
            return _PARSERS[self.type](self, text)
        except (ValueError, RecursionError) as exc:
            raise InvalidInput(
                f"{self.name}: {shown(text)} is not {_ARTICLES[self.type]}",
                hint=_PARSE_HINTS.get(self.type),
            ) from exc


def within(name: str, place: str) -> str:
    """Return the place of something inside a named value: `tools[0]`, `limits.top`."""
    return f"{name}{'' if place.startswith('[') else '.'}{place}" if place else name


def _same(value: Any, option: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, True is not 1."""
    return isinstance(value, bool) == isinstance(option, bool) and bool(value == option)


def _text_fault(value: Any) -> str | None:
    if not isinstance(value, str):
        return "not text"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "not valid Unicode text"
    return None


def _secret_fault(value: Any) -> str | None:
    if isinstance(value, str) and _VARIABLE.match(value):
        return None
    return "not the name of an environment variable (a secret slot holds a name, never a value)"


def _integer_fault(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else "not an integer"


def _number_fault(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "not a number"
    return None if math.isfinite(value) else "not a finite number"


def _boolean_fault(value: Any) -> str | None:
    return None if isinstance(value, bool) else "not true or false"


def _list_fault(value: Any) -> str | None:
    return _json_fault(value) if isinstance(value, list) else "not a list"


def _object_fault(value: Any) -> str | None:
    return _json_fault(value) if isinstance(value, dict) else "not an object"


def _enum_fault(value: Any) -> str | None:
    return _json_fault(value)


def _json_fault(value: Any) -> str | None:
    """Return why a value is no JSON value, or None."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "an object with keys that are not text"
        value = list(value.values())
    if isinstance(value, list):
        return next((fault for item in value if (fault := _json_fault(item))), None)
    if isinstance(value, float):
        return None if math.isfinite(value) else "not a finite number"
    if isinstance(value, str):
        return _text_fault(value)
    return None if value is None or isinstance(value, (bool, int)) else "not a JSON value"


_TYPE_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    **dict.fromkeys(("text", "string", "model"), _text_fault),
    "secret": _secret_fault,
    "integer": _integer_fault,
    "number": _number_fault,
    "boolean": _boolean_fault,
    "enum": _enum_fault,
    "list": _list_fault,
    "object": _object_fault,
}


def _constraint_faults(value: Any, constraints: Mapping[str, Any]) -> list[Fault]:
    faults = [
        ("", message)
        for keyword, bound in constraints.items()
        if (check := _SIMPLE_CHECKS.get(keyword)) and (message := check(value, bound))
    ]
    schema = {key: constraints[key] for key in constraints if key in _SCHEMA_KEYWORDS}
    for part in (schema, constraints.get("schema", {})):
        if part:
            faults += _schema_faults(value, part)
    return faults


def _schema_faults(value: Any, schema: Mapping[str, Any]) -> list[Fault]:
    from gitexp.documents.validation import faults_of

    return [(place_of(fault.path), fault.message) for fault in faults_of(schema, value)]


def schema_fault(schema: Any) -> str | None:
    """Return why a value is not a usable JSON Schema, or None when it is one."""
    from gitexp.documents import validation

    return validation.schema_fault(schema)


def _numeric(check: Callable[[Any, Any], bool], words: str) -> Callable[[Any, Any], str | None]:
    def fault(value: Any, bound: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or check(value, bound):
            return None
        return f"{shown(value)} is {words} {shown(bound)}"

    return fault


def _length(check: Callable[[int, int], bool], words: str) -> Callable[[Any, Any], str | None]:
    def fault(value: Any, bound: Any) -> str | None:
        if not isinstance(value, str) or check(len(value), bound):
            return None
        return f"{shown(value)} is {words} {bound} characters"

    return fault


def _pattern_fault(value: Any, pattern: str) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        found = matches(pattern, value)
    except InvalidInput as exc:
        return exc.message
    return None if found else f"{shown(value)} does not match {pattern}"


def _is_multiple(value: float, step: float) -> bool:
    """Return whether a value is a multiple of a step, both as the decimals that they show."""
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    from decimal import Context, Decimal

    context = Context(prec=1500, Emax=10**6, Emin=-(10**6))
    return context.remainder(Decimal(repr(value)), Decimal(repr(step))) == 0


_SIMPLE_CHECKS: Mapping[str, Callable[[Any, Any], str | None]] = {
    "minimum": _numeric(lambda value, bound: value >= bound, "less than"),
    "maximum": _numeric(lambda value, bound: value <= bound, "greater than"),
    "exclusiveMinimum": _numeric(lambda value, bound: value > bound, "not greater than"),
    "exclusiveMaximum": _numeric(lambda value, bound: value < bound, "not less than"),
    "multipleOf": _numeric(_is_multiple, "not a multiple of"),
    "minLength": _length(lambda length, bound: length >= bound, "shorter than"),
    "maxLength": _length(lambda length, bound: length <= bound, "longer than"),
    "pattern": _pattern_fault,
}


def _parse_text(slot: Slot, text: str) -> str:
    return text


def _parse_integer(slot: Slot, text: str) -> int:
    if not _INTEGER.match(text):
        raise ValueError(text)
    return int(text)


def _parse_number(slot: Slot, text: str) -> float:
    if not _NUMBER.match(text):
        raise ValueError(text)
    number: float = int(text) if _INTEGER.match(text) else float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return cast("float", slot.normal(number))


def _parse_boolean(slot: Slot, text: str) -> bool:
    return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse(text)


def _parse_json(slot: Slot, text: str) -> Any:
    value = json.loads(text, parse_constant=_refuse)
    if slot.type != "enum" and not isinstance(value, list if slot.type == "list" else dict):
        raise ValueError(text)
    return value


def _parse_enum(slot: Slot, text: str) -> Any:
    """Return the option that the text spells; text options are compared as they stand."""
    if text in slot.options:
        return text
    try:
        return _parse_json(slot, text)
    except ValueError:
        return text


def _refuse(text: str) -> Any:
    raise ValueError(text)


_PARSERS: Mapping[str, Callable[[Slot, str], Any]] = {
    **dict.fromkeys(_TEXT_TYPES, _parse_text),
    "integer": _parse_integer,
    "number": _parse_number,
    "boolean": _parse_boolean,
    "enum": _parse_enum,
    "list": _parse_json,
    "object": _parse_json,
}
_ARTICLES: Mapping[str, str] = {
    "integer": "an integer",
    "number": "a finite number",
    "boolean": "true or false",
    "enum": "an option",
    "list": "a JSON list",
    "object": "a JSON object",
}
_PARSE_HINTS: Mapping[str, str] = {
    "boolean": "Write true or false.",
    "list": """Write it as JSON, such as '["a", "b"]'.""",
    "object": """Write it as JSON, such as '{"key": 1}'.""",
}
