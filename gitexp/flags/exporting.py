"""Flags in flagd's format: targeting as JsonLogic, shares by its `fractional`.

Who gets what differs, because flagd hashes otherwise (MurmurHash3); how many do is the same. What
the format cannot say is left out such that nobody gets a flag by it, and named in the notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gitexp.flags.deciding import IDENTIFIER
from gitexp.flags.documents import Condition, Flag, Rule
from gitexp.flags.operators import FITS_MISSING, NEGATED, number_of, text_of
from gitexp.flags.semver import Semver, bounds, semver

SCHEMA = "https://flagd.dev/schema/v0/flags.json"

_FINEST = 1000
_NUMBERS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_VERSIONS = {
    "semver_eq": "=",
    "semver_neq": "!=",
    "semver_gt": ">",
    "semver_gte": ">=",
    "semver_lt": "<",
    "semver_lte": "<=",
}
_RANGES = ("semver_tilde", "semver_caret", "semver_wildcard")
_TEXTS = ("exact", "in", "icontains", "starts_with", "ends_with")
_ALWAYS = "people are drawn by another hash, so some get another answer than from gitexp"

Logic = Any
"""A JsonLogic expression."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Flags in another format.

    Attributes:
        document: the file, as JSON data.
        notes: what is not as in gitexp, by the key of the flag; the empty key is of all flags.
    """

    document: dict[str, Any]
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return document and notes as JSON data."""
        return {"document": self.document, "notes": {k: list(v) for k, v in self.notes.items()}}


class _NotSaid(Exception):
    """Something that the format has no words for."""


def to_flagd(flags: Iterable[Flag]) -> Export:
    """Return flags in flagd's format, and what of them it cannot say."""
    found: dict[str, Any] = {}
    notes: dict[str, tuple[str, ...]] = {}
    drawn = False
    for flag in flags:
        writer = _Writer(flag)
        found[flag.key] = writer.document()
        drawn = drawn or writer.drawn
        if writer.notes:
            notes[flag.key] = tuple(dict.fromkeys(writer.notes))
    if drawn:
        notes = {"": (_ALWAYS,), **notes}
    return Export(document={"$schema": SCHEMA, "flags": found}, notes=notes)


class _Writer:
    """Writes one flag, and notes what is lost on the way."""

    def __init__(self, flag: Flag) -> None:
        self.flag = flag
        self.notes: list[str] = []
        self.drawn = False

    def document(self) -> dict[str, Any]:
        flag = self.flag
        values: dict[str, Any] = {one.key: one.key for one in flag.variants}
        found: dict[str, Any] = {
            "state": "ENABLED" if flag.active else "DISABLED",
            "variants": values or {"on": True, "off": False},
            "defaultVariant": self._nobody,
        }
        targeting = self._targeting()
        # What everybody gets alike is no targeting, and the reason is then told as STATIC.
        found |= (
            {"targeting": targeting}
            if isinstance(targeting, dict)
            else {"defaultVariant": targeting}
        )
        self._note_losses()
        told = {"description": flag.description} if flag.description else {}
        return found | ({"metadata": told} if told else {})

    def _note_losses(self) -> None:
        flag = self.flag
        payloads = [flag.payload, *(one.payload for one in flag.variants)]
        if any(payload is not None for payload in payloads):
            self.notes.append("payloads are left out: the value is the key of the variant")
        if flag.hashing.namespace is not None:
            self.notes.append("the namespace is one of its own: it keeps no flags apart")

    def _targeting(self) -> Logic:
        otherwise: Logic = self._nobody
        for number in reversed(range(len(self.flag.asked))):
            condition = self.flag.asked[number]
            try:
                fits = [self._rule(rule) for rule in condition.rules]
            except _NotSaid as exc:
                self.notes.append(f"conditions[{number}] is left out: {exc}")
                continue
            otherwise = self._condition(fits, condition, otherwise)
        for share, name in self._gates():
            otherwise = {"if": [self._inside(share, name), otherwise, self._nobody]}
        return otherwise

    def _gates(self) -> Iterator[tuple[float, str]]:
        """Yield the shares of people whom the flag is for at all, and what each is drawn by."""
        flag = self.flag
        if flag.hashing.namespace is not None:
            begin, end = flag.hashing.namespace.span
            yield (end - begin) * 100, f"namespace-{flag.hashing.namespace.name}-"
        if flag.holdout is not None:
            yield 100 - flag.holdout.percent, "holdout-"

    @property
    def _nobody(self) -> Logic:
        return None if self.flag.variants else "off"

    def _condition(self, fits: list[Logic], condition: Condition, otherwise: Logic) -> Logic:
        outcome = self._outcome(condition)
        reached = (
            []
            if condition.rollout >= 100
            else [self._inside(condition.rollout, f"{self.flag.seed}.")]
        )
        if self.flag.early_exit and reached:
            chosen = {"if": [reached[0], outcome, self._nobody]}
            return {"if": [_all(fits), chosen, otherwise]} if fits else chosen
        asked = [*fits, *reached]
        return {"if": [_all(asked), outcome, otherwise]} if asked else outcome

    def _outcome(self, condition: Condition) -> Logic:
        variants = self.flag.variants
        if not variants:
            return "on"
        if self.flag.variant(condition.variant) is not None:
            return condition.variant
        shares = [(one.key, one.weight) for one in variants]
        return self._fractional(f"{self.flag.seed}.variant.", shares)

    def _inside(self, share: float, prefix: str) -> Logic:
        drawn = self._fractional(prefix, [("in", share), ("out", 100 - share)])
        return {"==": [drawn, "in"]}

    def _fractional(self, prefix: str, shares: list[tuple[str, float]]) -> Logic:
        self.drawn = True
        whole = all(float(share).is_integer() for _, share in shares)
        factor = 1 if whole else _FINEST
        buckets = [[key, round(share * factor)] for key, share in shares]
        who = _variable(self.flag.hashing.by or IDENTIFIER)
        return {"fractional": [{"cat": [prefix, who]}, *buckets]}

    def _rule(self, rule: Rule) -> Logic:
        """Return a rule as an expression; what needs a property asks first whether it is there."""
        name, value = rule.operator, _variable(rule.key)
        if name in NEGATED:
            opposite = Rule(key=rule.key, operator=NEGATED[name], value=rule.value)
            return {"!": [self._rule(opposite)]}
        there = {"!==": [value, None]}
        if name in ("is_set", "is_not_set"):
            return there if name == "is_set" else {"===": [value, None]}
        if name in FITS_MISSING:
            raise _NotSaid(f"{name} has no words in this format")
        return _all([there, self._comparison(name, value, rule.value)])

    def _comparison(self, name: str, value: Logic, wanted: Any) -> Logic:
        if name in _TEXTS:
            return self._text(name, value, wanted if isinstance(wanted, list) else [wanted])
        if name in _NUMBERS:
            return {_NUMBERS[name]: [value, number_of(wanted)]}
        if name in _VERSIONS:
            version = semver(text_of(wanted))
            assert version is not None  # a flag that is valid has one there
            return {"sem_ver": [value, _VERSIONS[name], _version(version)]}
        if name in _RANGES:
            low, high = bounds(name, text_of(wanted))
            first = {"sem_ver": [value, ">=", _version(low)]}
            return _all([first, {"sem_ver": [value, "<", _version(high)]}])
        raise _NotSaid(f"{name} has no words in this format")

    def _text(self, name: str, value: Logic, wanted: list[Any]) -> Logic:
        if any(isinstance(one, str) and one.lower() != one.upper() for one in wanted):
            self.notes.append("texts are compared with regard to upper and lower case")
        if name in ("exact", "in"):
            return {"in": [value, wanted]} if len(wanted) > 1 else {"==": [value, wanted[0]]}
        if name == "icontains":
            return _any([{"in": [text_of(one), value]} for one in wanted])
        return _any([{name: [value, text_of(one)]} for one in wanted])


def _variable(key: str) -> Logic:
    return {"var": "targetingKey" if key == IDENTIFIER else key}


def _version(version: Semver) -> str:
    return ".".join(map(str, version))


def _all(parts: list[Logic]) -> Logic:
    return parts[0] if len(parts) == 1 else {"and": parts}


def _any(parts: list[Logic]) -> Logic:
    return parts[0] if len(parts) == 1 else {"or": parts}
