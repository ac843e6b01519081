"""What several tries at a sample are worth: pass@k and pass^k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial


class Tries:
    """How often each sample was tried, and how often it passed."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[int, int, float]] = {}

    def add(self, sample: int, *, passed: bool, weight: float = 1.0) -> None:
        """Count one more try at a sample; all tries at a sample weigh the same."""
        tries, passes, _ = self._found.get(sample, (0, 0, weight))
        self._found[sample] = (tries + 1, passes + passed, weight)

    def numbers(self) -> dict[str, dict[str, float]]:
        """Return `pass_at` and `pass_hat` by k, from 1 up to the most tries at a sample.

        With n tries of which c passed, pass@k, that at least one of k tries passes, is estimated
        for each sample by 1 - C(n - c, k) / C(n, k), without bias: M. Chen et al., "Evaluating
        large language models trained on code", arXiv:2107.03374 (2021). pass^k, that all of k
        tries pass, is C(c, k) / C(n, k): S. Yao et al., "τ-bench", arXiv:2406.12045 (2024). Both
        are means over the samples that were tried k times or more.
        """
        weights = self._weights()
        most = max((tries for tries, _ in weights), default=0)
        found: dict[str, dict[str, float]] = {"pass_at": {}, "pass_hat": {}}
        for k in range(1, most + 1):
            tried = {key: weight for key, weight in weights.items() if key[0] >= k}
            found["pass_at"][str(k)] = _mean(tried, partial(pass_at, k))
            found["pass_hat"][str(k)] = _mean(tried, partial(pass_hat, k))
        return found if most else {}

    def _weights(self) -> dict[tuple[int, int], float]:
        """Return what the samples weigh together that were tried and passed equally often."""
        weights: dict[tuple[int, int], float] = {}
        counts = Counter(self._found.values())
        for (tries, passes, weight), count in sorted(counts.items()):
            if weight > 0:
                weights[tries, passes] = weights.get((tries, passes), 0.0) + weight * count
        return weights


def pass_at(k: int, tries: int, passes: int) -> float:
    """Return the estimate that at least one of k tries passes, from more tries than that."""
    return 1.0 - pass_hat(k, tries, tries - passes)


def pass_hat(k: int, tries: int, passes: int) -> float:
    """Return the estimate that all of k tries pass, from more tries than that."""
    return math.comb(passes, k) / math.comb(tries, k)


def _mean(weights: Mapping[tuple[int, int], float], value: Callable[[int, int], float]) -> float:
    total = math.fsum(weights.values())
    return math.fsum(weight * value(*key) for key, weight in weights.items()) / total
