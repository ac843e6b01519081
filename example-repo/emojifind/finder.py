"""The system under test: `answer` maps what a person typed to the emoji to offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from emojifind.index import Index
from emojifind.text import letter_groups_of, read_glossary, words_of

NOTHING = "none"
"""What is answered when no emoji fits well enough."""

_NAMES = Path(__file__).with_name("names.tsv")


def answer(sample_input: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the best emoji for a typed short code, its score, and the row of suggestions.

    `emoji` and `suggestions` are `none` when nothing reaches the parameter `min_score`.

    Raises:
        ValueError: the input is not a text with something in it.
    """
    if not isinstance(sample_input, str) or not sample_input.strip():
        raise ValueError(f"a short code is a text with something in it, not {sample_input!r}")
    ranked = _ranked(sample_input, Settings.of(parameters))
    close = [(score, emoji) for score, emoji in ranked if score >= parameters["min_score"]]
    offered = [emoji for _, emoji in close[: parameters["suggestions"]]]
    return {
        "emoji": offered[0] if offered else NOTHING,
        "score": close[0][0] if close else 0.0,
        "suggestions": " ".join(offered) or NOTHING,
    }


@dataclass(frozen=True)
class Settings:
    """The parameters on which the ranking depends."""

    matching: str
    gram_length: int
    extra_words_penalty: float
    fold_endings: bool
    ignored_words: frozenset[str]
    separators: str
    glossary: str

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Settings:
        """Return the settings that a mapping of parameter values holds."""
        return cls(
            matching=parameters["matching"],
            gram_length=parameters["gram_length"],
            extra_words_penalty=parameters["extra_words_penalty"],
            fold_endings=parameters["fold_endings"],
            ignored_words=frozenset(parameters["ignored_words"]),
            separators=parameters["separators"],
            glossary=parameters["glossary"],
        )


def _ranked(typed: str, settings: Settings) -> list[tuple[float, str]]:
    words = _words(typed, settings)
    penalty = settings.extra_words_penalty
    scores = [
        _index(settings, kind).scores(_features(words, settings, kind), penalty=penalty)
        for kind in _kinds(settings.matching)
    ]
    found = {number for by_number in scores for number in by_number}
    means = {n: sum(s.get(n, 0.0) for s in scores) / len(scores) for n in found}
    best_first = sorted((-round(mean, 4), number) for number, mean in means.items())
    return [(-negated, _emoji_and_names()[number][0]) for negated, number in best_first]


def _kinds(matching: str) -> tuple[str, ...]:
    return ("words", "letters") if matching == "both" else (matching,)


def _words(text: str, settings: Settings) -> tuple[str, ...]:
    words = words_of(
        text,
        separators=settings.separators,
        glossary=_glossary(settings.glossary),
        fold_endings=settings.fold_endings,
    )
    return tuple(word for word in words if word not in settings.ignored_words) or words


def _features(words: tuple[str, ...], settings: Settings, kind: str) -> tuple[str, ...]:
    return words if kind == "words" else letter_groups_of(words, settings.gram_length)


# Building an index takes longer than a hundred answers, and a run asks with the same settings.
@lru_cache(maxsize=8)
def _index(settings: Settings, kind: str) -> Index:
    names = (_words(name, settings) for _, name in _emoji_and_names())
    return Index([_features(words, settings, kind) for words in names])


@lru_cache(maxsize=8)
def _glossary(text: str) -> dict[str, tuple[str, ...]]:
    return read_glossary(text)


@lru_cache(maxsize=1)
def _emoji_and_names() -> tuple[tuple[str, str], ...]:
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    return tuple((emoji, name) for emoji, name in pairs)
