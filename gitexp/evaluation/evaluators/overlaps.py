"""The evaluator `text-overlap`: how much of an expected text is in an output, from 0 to 1.

BLEU and chrF are those of sacrebleu, the longest common subsequence and the distance of
Levenshtein those of rapidfuzz. Words are runs of letters, digits and underscores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from gitexp.documents.canonical import canonical_json
from gitexp.errors import InvalidInput
from gitexp.evaluation.evaluators.cases import Case, Described, Judging
from gitexp.evaluation.evaluators.equality import folding
from gitexp.evaluation.evaluators.verdicts import brief, graded
from gitexp.runs.rows import Score

MAX_LENGTH = 100_000
"""The most characters of an output, and of all that is expected of it, that are compared."""

_MAX_WORK = 4 * 10**6
_EACH = 100
"""What comparing with one more expected text costs beside its characters, in characters."""

_WORD = re.compile(r"\w+")

Overlap = Callable[[Any, Any], float]
"""From an output and an expected text, both of them alike in type, to a number from 0 to 1."""


def text_overlap(described: Described) -> Judging:
    """Return what measures how much an output and an expected text have in common.

    Of a list of expected texts the one that is nearest counts. `f1` and `jaccard` compare lists
    as well, item by item.

    Raises:
        InvalidInput: the library that the method needs is not installed.
    """
    method = described.options["method"]
    overlap, fold = _METHODS[method](), folding(described.options)
    takes_lists = method in _OF_LISTS

    def judge(case: Case) -> Score:
        output = fold(case.output) if fold else case.output
        expected = fold(case.expected) if fold else case.expected
        references = _references(expected, output, takes_lists)
        if not _is_comparable(output, takes_lists):
            return graded(0.0, f"{brief(case.output)} is not text")
        if len(references) * (len(output) + _EACH) > _MAX_WORK:
            raise ValueError(
                f"{len(references)} expected texts are too many to compare with an output of "
                f"length {len(output)}"
            )
        best = max(overlap(output, reference) for reference in references)
        return graded(best, "" if best >= 1 else f"{method} {best:.3g}")

    return Judging(judge=judge, graded=True)


def _is_comparable(value: Any, takes_lists: bool) -> bool:
    if isinstance(value, str) and len(value) > MAX_LENGTH:
        raise ValueError(f"a text of {len(value)} characters is too long to be compared")
    return isinstance(value, str) or (takes_lists and isinstance(value, list))


def _references(expected: Any, output: Any, takes_lists: bool) -> Sequence[Any]:
    """Return the texts or lists that an output may come near to."""
    if isinstance(output, list) and takes_lists:
        return [expected if isinstance(expected, list) else [expected]]
    references = expected if isinstance(expected, list) else [expected]
    for reference in references:
        if not isinstance(reference, str):
            raise TypeError(f"the expected {brief(reference)} is not text")
    if not references:
        raise ValueError("the expected list is empty")
    if (length := sum(map(len, references))) > MAX_LENGTH:
        raise ValueError(f"{length} expected characters are too many to compare with")
    return references


def _items(value: Any) -> list[Hashable]:
    """Return the words of a text, or the items of a list in a form that can be counted."""
    if isinstance(value, str):
        return list(_WORD.findall(value))
    return [canonical_json(item) for item in value]


def _f1() -> Overlap:
    def overlap(output: Any, expected: Any) -> float:
        have, want = Counter(_items(output)), Counter(_items(expected))
        if not have or not want:
            return float(have == want)
        return 2 * (have & want).total() / (have.total() + want.total())

    return overlap


def _jaccard() -> Overlap:
    def overlap(output: Any, expected: Any) -> float:
        have, want = set(_items(output)), set(_items(expected))
        return len(have & want) / len(have | want) if have | want else 1.0

    return overlap


def _bleu() -> Overlap:
    metric = _library("sacrebleu.metrics", "BLEU")(effective_order=True)

    def overlap(output: Any, expected: Any) -> float:
        return _ratio(output, expected, metric.sentence_score(output, [expected]).score)

    return overlap


def _chrf() -> Overlap:
    metric = _library("sacrebleu.metrics", "CHRF")()

    def overlap(output: Any, expected: Any) -> float:
        return _ratio(output, expected, metric.sentence_score(output, [expected]).score)

    return overlap


def _ratio(output: str, expected: str, score: float) -> float:
    """Return a score of sacrebleu as a ratio; texts that are equal are equal, empty ones too."""
    return 1.0 if output == expected else min(score / 100, 1.0)


def _rouge_l() -> Overlap:
    common: Callable[[Any, Any], int]
    common = _library("rapidfuzz.distance", "LCSseq").similarity

    def overlap(output: Any, expected: Any) -> float:
        have, want = _items(output), _items(expected)
        if not have or not want:
            return float(have == want)
        return 2 * common(have, want) / (len(have) + len(want))

    return overlap


def _levenshtein() -> Overlap:
    similarity: Overlap = _library("rapidfuzz.distance", "Levenshtein").normalized_similarity
    return similarity


def _library(module: str, name: str) -> Any:
    from importlib import import_module

    try:
        return getattr(import_module(module), name)
    except ImportError as exc:
        library = module.partition(".")[0]
        raise InvalidInput(
            f"text-overlap needs {library}, which is not installed",
            hint="Install it: `pip install 'gitexp[eval]'`.",
        ) from exc


_METHODS: dict[str, Callable[[], Overlap]] = {
    "f1": _f1,
    "jaccard": _jaccard,
    "bleu": _bleu,
    "chrf": _chrf,
    "rouge-l": _rouge_l,
    "levenshtein": _levenshtein,
}
_OF_LISTS = ("f1", "jaccard")
