"""Judging: what the rules of a gate come to for a run, from numbers that are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.experiments.headers import Direction
from gitexp.results.gates.quantities import PASS_RATE, Interval, Quantity, quantity
from gitexp.results.gates.rules import Rule
from gitexp.results.pairings import MeasureKind, PairedMeasure, Pairing
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally

Outcome = Literal["passed", "failed", "unjudged"]

_SLACK = 1e-12
"""What rounding may take from a number that stands exactly at its limit."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one rule came to.

    Attributes:
        value: the number that was judged; for a regression, by how much it got worse.
        interval: of that number, where intervals were asked for and it has one.
        baseline: the number in the baseline, for a regression.
        current: the number in the run, for a regression; over the pairs, where it is paired.
        pairs: over how many pairs of rows a regression was judged.
        reason: why it could not be judged, or what a reader of the number has to know.
    """

    rule: Rule
    outcome: Outcome
    value: float | None = None
    interval: Interval | None = None
    baseline: float | None = None
    current: float | None = None
    pairs: int | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON has it."""
        return {
            "rule": self.rule.text,
            **self.rule.to_dict(),
            "outcome": self.outcome,
            "value": self.value,
            "interval": _finite(self.interval),
            "baseline": self.baseline,
            "current": self.current,
            "pairs": self.pairs,
            "reason": self.reason,
        }


def _finite(interval: Interval | None) -> list[float | str] | None:
    from gitexp.runs.metrics import plain_number

    return [plain_number(bound) for bound in interval] if interval else None


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """What a gate came to.

    Attributes:
        run: the id of the run.
        baseline: the id of the run that it was compared with, or None.
        verdicts: in the order of the rules.
        confidence: of the intervals; None where they were not asked for.
    """

    run: str
    baseline: str | None
    verdicts: tuple[Verdict, ...]
    confidence: float | None = None

    @property
    def outcome(self) -> Outcome:
        """Failed where a rule failed, else unjudged where one could not be judged, else passed."""
        outcomes = {verdict.outcome for verdict in self.verdicts}
        return (
            "failed" if "failed" in outcomes else "unjudged" if "unjudged" in outcomes else "passed"
        )

    @property
    def passed(self) -> bool:
        """Whether every rule was judged and passed."""
        return self.outcome == "passed"

    def count(self, outcome: Outcome) -> int:
        """Return how many rules came to an outcome."""
        return sum(1 for verdict in self.verdicts if verdict.outcome == outcome)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "run": self.run,
            "baseline": self.baseline,
            "outcome": self.outcome,
            "confidence": self.confidence,
            "rules": [verdict.to_dict() for verdict in self.verdicts],
        }


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a run when it is judged.

    Attributes:
        directions: which values are better, by metric or evaluator.
        tally: counted from its rows at the confidence wanted; None to judge without intervals.
        baseline: what it is compared with, or why there is nothing.
        baseline_tally: counted from the baseline's rows, where there are intervals.
        pairing: both row by row, or why that cannot be.
        subjects: what the rules are about that are judged together.
    """

    run: Run
    directions: Mapping[str, Direction] = field(default_factory=dict)
    tally: Tally | None = None
    baseline: Run | GitexpError | None = None
    baseline_tally: Tally | None = None
    pairing: Pairing | GitexpError | None = None
    subjects: tuple[str, ...] = ()


def judge(rule: Rule, evidence: Evidence) -> Verdict:
    """Return what a rule comes to."""
    if evidence.run.status != "finished":
        reason = f"the run is {evidence.run.status}, and not finished"
        return Verdict(rule=rule, outcome="unjudged", reason=reason)
    try:
        return _JUDGES[rule.kind](rule, evidence)
    except GitexpError as exc:
        return Verdict(rule=rule, outcome="unjudged", reason=exc.message)


def judge_all(rules: Sequence[Rule], evidence: Evidence, *, confidence: float | None) -> GateReport:
    """Return what all rules come to."""
    baseline = evidence.baseline
    evidence = replace(evidence, subjects=tuple(rule.subject for rule in rules if rule.subject))
    return GateReport(
        run=evidence.run.id,
        baseline=baseline.id if isinstance(baseline, Run) else None,
        verdicts=tuple(judge(rule, evidence) for rule in rules),
        confidence=confidence,
    )


def _judge_limit(rule: Rule, evidence: Evidence) -> Verdict:
    found = quantity(evidence.run, rule.subject, evidence.directions)
    assert found.value is not None
    interval = _interval(found, evidence.tally)
    low, high = interval or (found.value, found.value)
    is_good = _at_least(low, rule.limit) if rule.kind == "min" else _at_least(rule.limit, high)
    return Verdict(
        rule=rule,
        outcome="passed" if is_good else "failed",
        value=found.value,
        interval=interval,
        reason=_missing(found, evidence.run),
    )


def _missing(found: Quantity, run: Run) -> str:
    """Return how many rows an evaluator's number says nothing about; empty for none."""
    missing = run.stats.rows - found.rows if found.rows is not None else 0
    return f"{missing} of {run.stats.rows} rows have no score of it" if missing > 0 else ""


def _interval(found: Quantity, tally: Tally | None) -> Interval | None:
    """Return the interval of a quantity where intervals are wanted; none for what is exact.

    Raises:
        InvalidInput: it has none, though it is no exact number.
    """
    if tally is None or found.is_whole:
        return None
    interval = found.interval(tally)
    if interval is None:
        raise InvalidInput(f"{found.name!r} has no interval")
    return interval


def _at_least(value: float, limit: float) -> bool:
    return value >= limit - _SLACK * max(1.0, abs(limit))


def _judge_samples(rule: Rule, evidence: Evidence) -> Verdict:
    count = _samples(evidence)
    if _at_least(count, rule.limit):
        return Verdict(rule=rule, outcome="passed", value=count)
    few = "1 sample is" if count == 1 else f"{count} samples are"
    reason = f"{few} too few; {rule.limit:.12g} are asked for"
    return Verdict(rule=rule, outcome="unjudged", value=count, reason=reason)


def _samples(evidence: Evidence) -> int:
    """Return how many samples stand behind the number of the rules that has fewest of them."""
    return min(
        [count for subject in evidence.subjects for count in _behind(subject, evidence)]
        or _of_rows(evidence)
    )


def _of_rows(evidence: Evidence) -> list[int]:
    """Return how many samples were judged, and how many of them the baseline has too."""
    run, pairing = evidence.run, evidence.pairing
    passes = _found(pairing, PASS_RATE, "stats") if isinstance(pairing, Pairing) else None
    judged = int(run.rates.get(PASS_RATE, {}).get("samples", run.stats.total))
    return [judged] if passes is None else [judged, passes.samples]


def _behind(subject: str, evidence: Evidence) -> Iterator[int]:
    """Yield how many samples stand behind a number, and of how many the baseline has it too."""
    try:
        found = quantity(evidence.run, subject, evidence.directions)
        if found.samples is not None:
            yield found.samples
        if found.is_paired and isinstance(evidence.pairing, Pairing):
            yield _measure(found, evidence.pairing).samples
    except (InvalidInput, NotFound):
        return  # the rule about it says why it cannot be judged


def _judge_regression(rule: Rule, evidence: Evidence) -> Verdict:
    baseline = _there(evidence.baseline, "there is no baseline")
    now = quantity(evidence.run, rule.subject, evidence.directions)
    if now.direction is None:
        raise InvalidInput(
            f"nobody has said which values of {rule.subject!r} are better; "
            "say it in experiment.yaml, below metrics"
        )
    _check_same_samples(evidence.run, baseline)
    if now.is_paired:
        pairing = _there(evidence.pairing, "the runs are not paired")
        return _judge_pairs(rule, now, pairing, with_interval=evidence.tally is not None)
    before = quantity(baseline, rule.subject, evidence.directions)
    return _judge_difference(rule, before, now, evidence)


def _there(thing: Any, otherwise: str) -> Any:
    """Return a thing.

    Raises:
        NotFound: there is none.
        GitexpError: the thing is the reason why there is none.
    """
    if thing is None:
        raise NotFound(otherwise)
    if isinstance(thing, GitexpError):
        raise thing
    return thing


def _check_same_samples(run: Run, baseline: Run) -> None:
    ours, theirs = (one.dataset.digest if one.dataset else None for one in (run, baseline))
    if ours != theirs:
        raise InvalidInput(f"the baseline {baseline.id} is over another dataset")


def _judge_pairs(rule: Rule, now: Quantity, pairing: Pairing, *, with_interval: bool) -> Verdict:
    found = _measure(now, pairing)
    falls = now.direction == "maximize"
    interval = found.interval if with_interval else None
    if with_interval and interval is None:
        raise InvalidInput(f"the difference of {rule.subject!r} has no interval")
    worse = _worse(interval or (found.difference, found.difference), falls=falls)
    return Verdict(
        rule=rule,
        outcome="passed" if _at_least(rule.limit, worse[1]) else "failed",
        value=_worse((found.difference, found.difference), falls=falls)[0],
        interval=worse if with_interval else None,
        baseline=found.before,
        current=found.after,
        pairs=found.pairs,
        reason=_caution(found),
    )


def _measure(now: Quantity, pairing: Pairing) -> PairedMeasure:
    name = now.name
    found = _found(pairing, name, now.measured)
    if found is None and name.endswith(".pass_rate"):
        found = _found(pairing, name.removesuffix(".pass_rate"), now.measured)
        found = found if found is not None and found.only_before is not None else None
    if found is not None:
        return found
    others = ", ".join(repr(other) for other in pairing.other_evaluators)
    if others:
        raise InvalidInput(f"evaluators are not the same in the baseline: {others}")
    raise NotFound(f"run {pairing.baseline} has no {name!r} for the same samples")


def _found(pairing: Pairing, name: str, kind: MeasureKind) -> PairedMeasure | None:
    """Return a measure; an evaluator may be called like what is counted of the rows."""
    return next((m for m in pairing.measures if (m.name, m.kind) == (name, kind)), None)


def _worse(change: Interval, *, falls: bool) -> Interval:
    """Return by how much something got worse, given how much it rose."""
    low, high = change
    # Adding nothing makes no minus of 0.
    return (-high + 0.0, -low + 0.0) if falls else change


def _caution(found: PairedMeasure) -> str:
    count = found.unpaired_before
    if not count:
        return ""
    rows = "1 row has" if count == 1 else f"{count} rows have"
    return f"{rows} a score in the baseline alone"


def _judge_difference(rule: Rule, before: Quantity, now: Quantity, evidence: Evidence) -> Verdict:
    """Judge two numbers that are not paired; their intervals are taken at their worst ends."""
    assert before.value is not None
    assert now.value is not None
    falls = now.direction == "maximize"
    change = now.value - before.value
    ours, theirs = _interval(now, evidence.tally), _interval(before, evidence.baseline_tally)
    interval = None
    if ours and theirs:
        interval = _worse((ours[0] - theirs[1], ours[1] - theirs[0]), falls=falls)
    value = _worse((change, change), falls=falls)[0]
    return Verdict(
        rule=rule,
        outcome="passed" if _at_least(rule.limit, interval[1] if interval else value) else "failed",
        value=value,
        interval=interval,
        baseline=before.value,
        current=now.value,
    )


_JUDGES: Mapping[str, Callable[[Rule, Evidence], Verdict]] = {
    "min": _judge_limit,
    "max": _judge_limit,
    "max-regression": _judge_regression,
    "min-samples": _judge_samples,
}
