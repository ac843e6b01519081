"""An inverted index over the official names of emoji, and how well a query fits each of them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

Features = tuple[str, ...]


class Index:
    """Scores every name that shares a feature with a query.

    A feature (a word or a group of letters) weighs `log(1 + names / names that have it)`, so that
    `face` says little and `sombrero` much. The score is Tversky's ratio over these weights, from 0
    (nothing in common) to 1: shared / (shared + only in the query + penalty * only in the name).
    """

    def __init__(self, documents: Sequence[Features]) -> None:
        unique = [tuple(dict.fromkeys(features)) for features in documents]
        found_in = Counter(feature for features in unique for feature in features)
        self._weights = {f: math.log(1 + len(unique) / n) for f, n in found_in.items()}
        self._weight_of_unknown = math.log(1 + len(unique))
        self._totals = [math.fsum(self._weights[f] for f in features) for features in unique]
        self._holders: dict[str, list[int]] = defaultdict(list)
        for number, features in enumerate(unique):
            for feature in features:
                self._holders[feature].append(number)

    def scores(self, query: Features, *, penalty: float) -> dict[int, float]:
        """Return the score of each name that shares a feature with the query, by its number."""
        features = tuple(dict.fromkeys(query))
        total = math.fsum(self._weights.get(f, self._weight_of_unknown) for f in features)
        shared: dict[int, float] = defaultdict(float)
        for feature in features:
            for number in self._holders.get(feature, ()):
                shared[number] += self._weights[feature]
        return {n: s / (total + penalty * (self._totals[n] - s)) for n, s in shared.items()}
