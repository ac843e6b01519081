"""The types of evaluators, each with what makes it from its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from gitexp.evaluation.evaluators.cases import Described, Judging

MakeJudging = Callable[[Described], Judging]
"""From a checked description to how it judges."""

_ROOM = "gitexp.evaluation.evaluators"
_PLACES: Mapping[str, str] = {
    "exact-match": "matching:exact_match",
    "contains": "matching:contains",
    "regex": "patterns:regex",
    "numeric": "matching:numeric",
    "json-schema": "structures:json_schema",
    "json-fields": "structures:json_fields",
    "text-overlap": "overlaps:text_overlap",
    "embedding": "embeddings:embedding",
    "latency": "limits:latency",
    "cost": "limits:cost",
    "tokens": "limits:tokens",
    "python": "functions:python",
    "llm-judge": "judges:llm_judge",
    "human": "people:human",
}

TYPES: tuple[str, ...] = tuple(_PLACES)
"""Every type, in the order in which they are explained."""

BUILT_IN: tuple[str, ...] = ("exact-match", "contains", "numeric", "json-fields", "human")
"""The types that need no description, and are evaluators of their own name."""


def judging_of(described: Described) -> Judging:
    """Return how an evaluator judges; the code of its type is imported now.

    Raises:
        InvalidDocuments: the description is wrong in a way that its schema does not say.
        InvalidInput: a library that it needs is not installed.
    """
    return maker_of(described.options["type"])(described)


def maker_of(name: str) -> MakeJudging:
    """Return what makes evaluators of a type."""
    module, _, function = _PLACES[name].partition(":")
    maker: MakeJudging = getattr(import_module(f"{_ROOM}.{module}"), function)
    return maker
