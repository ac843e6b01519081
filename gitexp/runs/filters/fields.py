"""The fields that a filter may name, and the values that fit each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Literal, NamedTuple

from gitexp.runs.filters.conditions import Field, FieldKind
from gitexp.runs.filters.tokens import fault, unquoted

FieldType = Literal["text", "number", "moment", "hash", "flag", "status", "typed"]
"""What a field holds; `typed` is a param, which may be text, a number or a truth value.

So may what a sample has.
"""

PREFIXES: Mapping[str, FieldKind] = {
    "metrics": "metric",
    "metric": "metric",
    "params": "param",
    "param": "param",
    "parameters": "param",
    "parameter": "param",
    "tags": "tag",
    "tag": "tag",
    "attributes": "attribute",
    "attribute": "attribute",
    "attr": "attribute",
    "run": "attribute",
    "scores": "score",
    "score": "score",
    "stats": "stat",
    "datasets": "dataset",
    "dataset": "dataset",
}

ATTRIBUTES: Mapping[str, FieldType] = {
    "run_id": "text",
    "name": "text",
    "description": "text",
    "status": "status",
    "experiment": "text",
    "experiment_id": "text",
    "version": "hash",
    "digest": "hash",
    "commit": "hash",
    "branch": "text",
    "dirty": "flag",
    "created_at": "moment",
    "started_at": "moment",
    "ended_at": "moment",
    "duration": "number",
    "who": "text",
    "dataset": "text",
    "endpoint": "text",
    "lifecycle": "text",
    "parent": "text",
    "attempt": "number",
    "retry_of": "text",
    "exit_code": "number",
    "error": "text",
}

_ALIASES: Mapping[str, str] = {
    "id": "run_id",
    "run_name": "name",
    "run name": "name",
    "start_time": "created_at",
    "created": "created_at",
    "end_time": "ended_at",
    "duration_seconds": "duration",
    "user_id": "who",
    "user": "who",
    "lifecycle_stage": "lifecycle",
    "parent_run_id": "parent",
}

STATS = ("total", "passed", "failed", "errors", "unscored", "pass_rate", "scored_pass_rate")
DATASET_PARTS = ("name", "digest", "context")

_TYPES: Mapping[FieldKind, FieldType] = {
    "metric": "number",
    "score": "number",
    "stat": "number",
    "param": "typed",
    "tag": "text",
    "dataset": "text",
    "sample": "typed",
}

_CLOSED: Mapping[FieldKind, tuple[str, ...]] = {"stat": STATS, "dataset": DATASET_PARTS}


def type_of(field: Field) -> FieldType:
    """Return what a field holds."""
    return ATTRIBUTES[field.name] if field.kind == "attribute" else _TYPES[field.kind]


def field_of(text: str, column: int, what: str) -> Field:
    """Return the field that a text names, such as `metrics.loss`, `` tags.`a b` `` or `status`.

    Raises:
        InvalidInput: there is no such field; the error suggests the one that was probably meant.
    """
    prefix, dot, name = ("", "", text) if text[0] in '`"' else text.partition(".")
    name = unquoted(name) if name[:1] in ("`", '"') else name
    if not dot:
        return _attribute(name or prefix, column, what)
    kind = PREFIXES.get(prefix)
    if kind is None:
        raise fault(what, column, f"unknown field {text!r}", hint=_prefix_hint(prefix, name))
    if kind == "attribute":
        return _attribute(name, column, what)
    if not name:
        raise fault(what, column, f"{text!r} names nothing")
    if name not in _CLOSED.get(kind, (name,)):
        hint = _suggestion(name, _CLOSED[kind], f"{prefix}.")
        raise fault(what, column, f"unknown field {text!r}", hint=hint)
    return Field(kind, name)


class Vocabulary(NamedTuple):
    """The fields that a filter may name.

    Attributes:
        field_of: returns the field that a text names, given its column and what is being read.
        example: such fields, for messages.
    """

    field_of: Callable[[str, int, str], Field]
    example: str


RUNS = Vocabulary(field_of, "metrics.loss or status")
"""The fields of runs."""


def _attribute(name: str, column: int, what: str) -> Field:
    known = _ALIASES.get(name) or _ALIASES.get(name.lower()) or name
    if known not in ATTRIBUTES:
        hint = _suggestion(name, [*ATTRIBUTES, *_ALIASES], "", listed=list(ATTRIBUTES))
        others = ", ".join(
            f"`{prefix}.{_quoted(name)}`" for prefix in ("metrics", "params", "tags")
        )
        hint += f" A metric, param or tag is written {others}."
        raise fault(what, column, f"unknown attribute {name!r}", hint=hint)
    return Field("attribute", known)


def _quoted(name: str) -> str:
    """Return a name as it is written behind a prefix."""
    plain = all(letter.isalnum() or letter in "_./:@-" for letter in name)
    return name if plain and name else f'"{name}"'


def _prefix_hint(prefix: str, name: str) -> str:
    close = get_close_matches(prefix, PREFIXES, n=1)
    if close:
        return f"Did you mean `{_written(PREFIXES[close[0]])}{name}`?"
    return f"Fields begin with {', '.join(dict.fromkeys(map(_written, PREFIXES.values())))}"


def _written(kind: FieldKind) -> str:
    """Return the prefix of a kind of fields, as it is usually written."""
    return "attributes." if kind == "attribute" else Field(kind, "").text


def _suggestion(
    name: str,
    choices: list[str] | tuple[str, ...],
    before: str,
    *,
    listed: list[str] | None = None,
) -> str:
    close = get_close_matches(name, choices, n=1)
    if close:
        return f"Did you mean `{before}{close[0]}`?"
    return f"There are {', '.join(before + choice for choice in listed or choices)}."
