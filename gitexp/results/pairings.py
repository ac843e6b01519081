"""Pairings: two runs over the same samples, as values and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from gitexp.experiments.headers import Direction

MeasureKind = Literal["scores", "stats"]
Test = Literal["mcnemar", "t"]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A sample whose result is another one than in the baseline.

    Attributes:
        before, after: what the measure is for this sample in the baseline and in the run, over
            all passes that both have.
    """

    sample: str
    before: float
    after: float

    def to_dict(self) -> dict[str, Any]:
        """Return the sample with both numbers."""
        return {"sample": self.sample, "before": self.before, "after": self.after}


@dataclass(frozen=True, kw_only=True)
class PairedMeasure:
    """A measure of two runs over the rows in which both have it.

    Attributes:
        name: an evaluator, `EVALUATOR.pass_rate` for its verdicts where its values are others, or
            `pass_rate` for the rows themselves, whose errors have not passed.
        direction: which values are better; None where nobody has said.
        pairs: how many rows both runs have it in.
        samples: of how many samples these rows are.
        before, after: the means over these rows in the baseline and in the run.
        difference: what the mean rose by.
        interval: of the difference; None for a single sample.
        p_value: the probability of such a difference or a larger one if there were none; None
            for a single sample.
        test: how it was found, see `pairing`.
        only_before, only_after: for verdicts, the pairs of which one alone passed.
        unpaired_before, unpaired_after: rows that both runs have and one alone has a result in.
        increased, decreased: the samples in which it moved, those first that moved most.
        confidence: of the interval.
    """

    name: str
    kind: MeasureKind
    direction: Direction | None
    pairs: int
    samples: int
    before: float
    after: float
    difference: float
    interval: tuple[float, float] | None
    p_value: float | None
    test: Test | None
    only_before: int | None = None
    only_after: int | None = None
    unpaired_before: int = 0
    unpaired_after: int = 0
    increased: tuple[Moved, ...] = ()
    decreased: tuple[Moved, ...] = ()
    confidence: float = 0.95

    @property
    def is_clear(self) -> bool:
        """Whether interval and test both say that there is a difference."""
        if self.interval is None or self.p_value is None:
            return False
        low, high = self.interval
        return not low <= 0 <= high and self.p_value < 1 - self.confidence

    @property
    def better(self) -> tuple[Moved, ...] | None:
        """The samples that got better; None where nobody has said what that means."""
        return self._towards("maximize")

    @property
    def worse(self) -> tuple[Moved, ...] | None:
        """The samples that got worse; None where nobody has said what that means."""
        return self._towards("minimize")

    def _towards(self, direction: Direction) -> tuple[Moved, ...] | None:
        if self.direction is None:
            return None
        return self.increased if self.direction == direction else self.decreased

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it, the lists of samples in full."""
        data: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "direction": self.direction,
            "pairs": self.pairs,
            "samples": self.samples,
            "before": self.before,
            "after": self.after,
            "difference": self.difference,
            "interval": list(self.interval) if self.interval else None,
            "confidence": self.confidence,
            "p_value": self.p_value,
            "test": self.test,
            "clear": self.is_clear,
            "unpaired": {"before": self.unpaired_before, "after": self.unpaired_after},
        }
        if self.only_before is not None:
            data["only"] = {"before": self.only_before, "after": self.only_after}
        names = ("increased", "decreased") if self.direction is None else ("better", "worse")
        return data | {name: [m.to_dict() for m in getattr(self, name)] for name in names}


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two runs, row by row.

    Attributes:
        baseline, run: their ids.
        same_dataset: whether they were over the same dataset; if not, `changed` holds the common
            samples that ask or expect something else, which are not paired.
        pairs: how many rows, by sample and repeat, both have.
        repeats_differ: whether one has passes over common samples that the other has not.
        only_in_baseline, only_in_run: samples that the other does not have.
        other_evaluators: evaluators that are not the same in both, and so are not compared.
        measures: the pass rate first, then the evaluators by name.
    """

    baseline: str
    run: str
    same_dataset: bool
    pairs: int
    repeats_differ: bool
    only_in_baseline: tuple[str, ...]
    only_in_run: tuple[str, ...]
    changed: tuple[str, ...]
    other_evaluators: tuple[str, ...]
    measures: tuple[PairedMeasure, ...]

    def measure(self, name: str) -> PairedMeasure | None:
        """Return a measure by its name, or None."""
        return next((m for m in self.measures if m.name == name), None)

    def only(self, names: Iterable[str]) -> Pairing:
        """Return this pairing with these measures alone; `scores.NAME` names one too."""
        wanted = set(names)
        chosen = [m for m in self.measures if wanted & {m.name, f"{m.kind}.{m.name}"}]
        return replace(self, measures=tuple(chosen))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "baseline": self.baseline,
            "run": self.run,
            "same_dataset": self.same_dataset,
            "pairs": self.pairs,
            "repeats_differ": self.repeats_differ,
            "only_in_baseline": list(self.only_in_baseline),
            "only_in_run": list(self.only_in_run),
            "changed": list(self.changed),
            "other_evaluators": list(self.other_evaluators),
            "measures": [measure.to_dict() for measure in self.measures],
        }
