"""Draws: numbers from 0 to 1 that depend on who asks alone, as PostHog and GrowthBook make them.

PostHog takes the first 15 hexadecimal digits of a SHA-1 over `PREFIX IDENTIFIER SALT`, without
blanks, over 0xfffffffffffffff. GrowthBook takes FNV-1a with 32 bits: in version 1 of `IDENTIFIER
SEED` modulo 1000, in version 2 of the decimal digits of that of `SEED IDENTIFIER` modulo 10,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha1
from itertools import pairwise
from typing import Literal

_SCALE = float(0xFFFFFFFFFFFFFFF)
_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_MASK = 0xFFFFFFFF

Draw = Callable[[str], float]
"""Tells the number of an identifier."""

Span = tuple[float, float]
"""A part of the numbers from 0 to 1: from the first, without the second."""


class PostHogDraws:
    """The numbers of identifiers after one prefix: `KEY.` for a flag, `holdout-` for holdouts."""

    __slots__ = ("_begun",)

    def __init__(self, prefix: str) -> None:
        self._begun = sha1(_encoded(prefix), usedforsecurity=False)

    def rollout(self, identifier: str) -> float:
        """Return the number that a rollout looks at, from 0 to 1."""
        return self.both(identifier, 0.0, "")[0]

    def both(self, identifier: str, bound: float, salt: str) -> tuple[float, float]:
        """Return the number for a rollout and, where that is within a bound, one with a salt.

        A prefix, and what two numbers have in common, is hashed once.
        """
        state = self._begun.copy()
        state.update(_encoded(identifier))
        first = _number(state.digest()) if bound < 1 else 0.0
        if first > bound or not salt:
            return first, 0.0
        state.update(salt.encode())
        return first, _number(state.digest())


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _number(digest: bytes) -> float:
    return (int.from_bytes(digest[:8], "big") >> 4) / _SCALE


def posthog_spans(weights: Iterable[float]) -> tuple[Span, ...]:
    """Return the part of each variant, by percentages, in their order."""
    spans: list[Span] = []
    begin = 0.0
    for weight in weights:
        end = begin + weight / 100
        spans.append((begin, end))
        begin = end
    return tuple(spans)


def fnv32a(text: str) -> int:
    """Return the 32 bits of FNV-1a over the UTF-16 units of a text."""
    found = _FNV_OFFSET
    for unit in _units(text):
        found = ((found ^ unit) * _FNV_PRIME) & _MASK
    return found


def _units(text: str) -> Iterable[int]:
    if text.isascii():
        return text.encode("ascii")
    data = text.encode("utf-16-le", "surrogatepass")
    return (low | high << 8 for low, high in zip(data[::2], data[1::2], strict=True))


def growthbook_draw(seed: str, identifier: str, version: Literal[1, 2]) -> float:
    """Return the number of an identifier from 0 to 1, without 1."""
    if version == 1:
        return fnv32a(identifier + seed) % 1000 / 1000
    return fnv32a(str(fnv32a(seed + identifier))) % 10000 / 10000


def in_namespace(identifier: str, name: str, span: Span) -> bool:
    """Return whether an identifier is in a share of a namespace of GrowthBook's."""
    begin, end = span
    return begin <= growthbook_draw(f"__{name}", identifier, 1) < end


def growthbook_spans(weights: Sequence[float], coverage: float) -> tuple[Span, ...]:
    """Return the part of each variant, by shares of 1, of whom a share is covered at all."""
    covered = min(max(coverage, 0.0), 1.0)
    shares = list(weights)
    if not 0.99 <= sum(shares) <= 1.01:
        shares = [1 / len(shares)] * len(shares)
    ends = [0.0]
    for share in shares:
        ends.append(ends[-1] + share)
    return tuple(
        (begin, begin + covered * share)
        for (begin, _), share in zip(pairwise(ends), shares, strict=True)
    )
