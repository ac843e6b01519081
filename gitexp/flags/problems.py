"""What can be wrong with a flag whose schema is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import MISSING, Problem, shown
from gitexp.documents.values import Path as Place
from gitexp.flags.operators import value_fault

Fault = tuple[Place, str]

_ROUNDING = 1e-6
_WITHOUT_VALUE = ("is_set", "is_not_set")


def problems_of(document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with a document whose schema is right, each with its place."""
    return [document.problem(file, place, message) for place, message in faults(document.value)]


def faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a document whose schema is right."""
    yield from _variant_faults(data.get("variants", ()))
    if data.get("variants") and "payload" in data:
        yield ("payload",), "the variants have payloads of their own; this is of a flag without any"
    keys = [variant["key"] for variant in data.get("variants", ())]
    for number, condition in enumerate(data.get("conditions", ())):
        place: Place = ("conditions", number)
        for inner, message in _condition_faults(condition, keys):
            yield (*place, *inner), message
    yield from _hashing_faults(data.get("hashing", "posthog"))


def _variant_faults(variants: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for number, variant in enumerate(variants):
        first = seen.setdefault(variant["key"], number)
        if first != number:
            message = f"{shown(variant['key'])} is the key of variants[{first}] too"
            yield ("variants", number, "key"), message
    total = sum(variant["weight"] for variant in variants)
    if variants and abs(total - 100) > _ROUNDING:
        yield ("variants",), f"the weights add up to {total:.12g}, not to 100"


def _condition_faults(condition: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Fault]:
    chosen = condition.get("variant")
    if chosen is not None and chosen not in keys:
        known = ", ".join(keys) or "none"
        yield ("variant",), f"{shown(chosen)} is no variant of the flag; there are: {known}"
    for number, rule in enumerate(condition.get("properties", ())):
        for inner, message in _rule_faults(rule):
            yield ("properties", number, *inner), message


def _rule_faults(rule: Mapping[str, Any]) -> Iterator[Fault]:
    operator, value = rule.get("operator", "exact"), rule.get("value", MISSING)
    if operator in _WITHOUT_VALUE:
        if value is not MISSING:
            yield ("value",), f"{operator} compares with nothing"
    elif value is MISSING or value is None:
        yield (), f"value is missing; {operator} compares with it"
    elif fault := value_fault(operator, value):
        yield ("value",), fault


def _hashing_faults(hashing: Any) -> Iterator[Fault]:
    if isinstance(hashing, str):
        return
    if hashing.get("method", "posthog") == "posthog":
        for key in ("version", "namespace"):
            if key in hashing:
                yield ("hashing", key), f"{key} belongs to growthbook, and posthog hashes here"
    space = hashing.get("namespace")
    if space and space["from"] >= space["to"]:
        message = f"{space['from']} is not below {space['to']}, so nobody is in it"
        yield ("hashing", "namespace", "from"), message
