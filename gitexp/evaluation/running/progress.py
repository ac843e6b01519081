"""How far an evaluation is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gitexp.runs.tallies import Stats


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: `done` of `total` rows, and what became of them."""

    done: int
    total: int
    passed: int = 0
    failed: int = 0
    errors: int = 0
    unscored: int = 0

    @property
    def percent(self) -> float:
        """The share that is done, from 0 to 100."""
        return round(100 * self.done / self.total, 1) if self.total else 100.0


Report = Callable[[Progress], None]


def progress_of(stats: Stats, total: int) -> Progress:
    """Return how far a run with these totals is."""
    return Progress(
        done=stats.rows,
        total=total,
        passed=stats.passed,
        failed=stats.failed,
        errors=stats.errors,
        unscored=stats.unscored,
    )
