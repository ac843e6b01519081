"""Typed text to features: words, and the groups of letters in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_APOSTROPHES = str.maketrans("", "", "'’")
_WORD_WITH_NUMBER = re.compile(r"([a-z]{2,})(\d+)")
_ENDINGS = ("ing", "er", "ed", "s")
_SHORTEST_STEM = 3


def words_of(
    text: str, *, separators: str, glossary: Mapping[str, tuple[str, ...]], fold_endings: bool
) -> tuple[str, ...]:
    """Return the words of a text in lower case, without accents, apostrophes and separators.

    A word of the glossary is replaced by what it means there.
    """
    plain = _without_accents(text.lower()).translate(_APOSTROPHES)
    spaced = plain.translate({ord(mark): " " for mark in separators})
    typed = (part for word in spaced.split() for part in _parts(word))
    meant = (known for word in typed for known in glossary.get(word, (word,)))
    return tuple(stem_of(word) if fold_endings else word for word in meant)


def letter_groups_of(words: tuple[str, ...], length: int) -> tuple[str, ...]:
    """Return the groups of `length` neighbouring letters of each word, its two edges marked."""
    groups: list[str] = []
    for word in words:
        edged = f"^{word}$"
        groups += [edged[i : i + length] for i in range(max(1, len(edged) - length + 1))]
    return tuple(groups)


def stem_of(word: str) -> str:
    """Return a word without a common English ending: `smirking` and `smirk` become one."""
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM and not stem.endswith("s"):
            return stem
    return word


def read_glossary(text: str) -> dict[str, tuple[str, ...]]:
    """Return the meanings in a text with a line `word = what it means` for each word.

    Raises:
        ValueError: a line has another form.
    """
    meanings: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        word, equals, meaning = (part.strip() for part in line.partition("="))
        if not word or not equals or not meaning:
            raise ValueError(f"glossary, line {number}: {line!r} is not `word = meaning`")
        meanings[word] = tuple(meaning.split())
    return meanings


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _parts(word: str) -> tuple[str, ...]:
    numbered = _WORD_WITH_NUMBER.fullmatch(word)
    return numbered.groups() if numbered else (word,)
