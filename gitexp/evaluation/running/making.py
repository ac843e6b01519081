"""Making rows: a sample goes through the workflow, its output is scored, secrets are masked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gitexp.clock import moment_of
from gitexp.documents.problems import MISSING
from gitexp.evaluation.answers import Asking, CallFailed
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.combining import Circumstances
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.scoring import Scoring
from gitexp.evaluation.running.outputs import masked
from gitexp.evaluation.workflows.work import OpenedWorkflow, Outcome, Step
from gitexp.runs.rows import Failure, ResultRow, RowStatus, Score, status_of
from gitexp.runs.tracking.endings import failure_of


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkItem:
    """One pass over one sample.

    Attributes:
        position: the place of the sample among those of the run.
    """

    position: int
    sample: Sample
    repeat: int = 0


@dataclass(kw_only=True, slots=True)
class ScoreStep:
    """When an evaluator scored, and what it said."""

    evaluator: str
    began_ns: int
    ended_ns: int
    score: Score


@dataclass(kw_only=True, slots=True)
class SampleTrace:
    """What happened for one sample, for its spans.

    Attributes:
        began_ns, ended_ns: nanoseconds since 1970.
        failure: why there is no output.
    """

    trace_id: str
    span_id: str
    item: WorkItem
    began_ns: int
    ended_ns: int
    steps: Sequence[Step]
    scores: Sequence[ScoreStep]
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A row and, where it was traced, what happened on the way."""

    row: ResultRow
    trace: SampleTrace | None = None


@dataclass(frozen=True, kw_only=True)
class RowMaker:
    """Makes rows, with everything opened that they need.

    Attributes:
        evaluators: in the order of the scores.
        now: returns the present moment in nanoseconds since 1970.
        scoring: which evaluators wait for others, what their scores come to, and which decide.
        secrets: texts that no row may hold.
        seed: what the seeds of the samples depend on; None for none.
        new_id: returns so many random bytes in hexadecimal; None where nothing is traced.
        has_tasks: whether rows say what the single tasks gave.
    """

    workflow: OpenedWorkflow
    evaluators: tuple[Evaluator, ...]
    parameters: Mapping[str, Any]
    now: Callable[[], int]
    scoring: Scoring
    secrets: tuple[str, ...] = ()
    seed: int | None = None
    new_id: Callable[[int], str] | None = None
    has_tasks: bool = False
    _rounds: tuple[tuple[Evaluator, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        rounds = tuple(
            tuple(one for one in self.evaluators if one.name in names)
            for names in self.scoring.rounds
        )
        object.__setattr__(self, "_rounds", rounds)

    async def made(self, item: WorkItem) -> Made:
        """Return the row of a sample; whatever fails on the way is an error in it."""
        sample, new_id = item.sample, self.new_id
        trace_id, span_id = (new_id(16), new_id(8)) if new_id else ("", "")
        began = self.now()
        asking = Asking(
            sample=sample,
            input=sample.input,
            parameters=self.parameters,
            repeat=item.repeat,
            seed=_seed(self.seed, item),
            trace_id=trace_id,
        )
        outcome = await self.workflow.work(asking)
        seconds = (self.now() - began) // 1000 / 1e6
        failure = self._failure(outcome.error) if outcome.error is not None else None
        steps: list[ScoreStep] = []
        scores = {} if failure else await self._scores(sample, outcome, seconds, steps)
        row = self._row(item, outcome, failure, scores, began, seconds, trace_id)
        if new_id is None:
            return Made(row=row)
        trace = SampleTrace(
            trace_id=trace_id,
            span_id=span_id,
            item=item,
            began_ns=began,
            ended_ns=self.now(),
            steps=[self._traced(step) for step in outcome.steps],
            scores=steps,
            failure=failure,
        )
        return Made(row=row, trace=trace)

    def _row(
        self,
        item: WorkItem,
        outcome: Outcome,
        failure: Failure | None,
        scores: Mapping[str, Score],
        began: int,
        seconds: float,
        trace_id: str,
    ) -> ResultRow:
        sample = item.sample
        return ResultRow(
            sample=sample.id,
            repeat=item.repeat,
            position=item.position,
            status=self.status(scores, failure),
            input=sample.input,
            output=masked(outcome.output, self.secrets),
            expected=sample.expected,
            scores=scores,
            error=failure,
            started_at=moment_of(began),
            duration_seconds=seconds,
            metadata=sample.metadata,
            weight=sample.weight,
            usage=outcome.usage.to_dict(),
            attempts=outcome.attempts,
            cached=outcome.cached,
            tasks=self._tasks(outcome) if self.has_tasks else (),
            trace_id=trace_id,
        )

    def _tasks(self, outcome: Outcome) -> tuple[Mapping[str, Any], ...]:
        return tuple(
            {
                "name": step.name,
                **({} if step.output is MISSING else {"output": masked(step.output, self.secrets)}),
                "duration_seconds": round((step.ended_ns - step.began_ns) / 1e9, 6),
            }
            for step in outcome.steps
        )

    # --- scores ---------------------------------------------------------------------------------

    async def _scores(
        self, sample: Sample, outcome: Outcome, seconds: float, steps: list[ScoreStep]
    ) -> Mapping[str, Score]:
        outputs = {step.name: step.output for step in outcome.steps}
        given = {
            "usage": outcome.usage,
            "duration_seconds": seconds,
            "parameters": self.parameters,
            "outputs": outputs,
        }
        return await self.scored(sample, outcome.output, given, steps)

    async def scored(
        self, sample: Sample, output: Any, given: Mapping[str, Any], steps: list[ScoreStep]
    ) -> Mapping[str, Score]:
        """Return the scores of an output by the evaluators' names.

        Args:
            given: the keyword arguments of `Evaluator.score` beside sample and output.
            steps: takes when each evaluator scored.
        """
        scores: dict[str, Score] = {}
        usage, seconds = given["usage"], given["duration_seconds"]
        for evaluators in self._rounds:
            asked = evaluators
            if self.scoring.combines:
                about = Circumstances(sample=sample, scores=scores, usage=usage, seconds=seconds)
                over = {one.name: self.scoring.passed_over(one.name, about) for one in evaluators}
                scores |= {name: score for name, score in over.items() if score is not None}
                asked = tuple(one for one in evaluators if over[one.name] is None)
            new = await self._asked(asked, sample, output, given)
            steps += new
            scores |= {step.evaluator: step.score for step in new}
        if self.scoring.combines:
            scores |= self.scoring.combine(sample, scores, usage, seconds)
        return scores

    async def _asked(
        self,
        evaluators: tuple[Evaluator, ...],
        sample: Sample,
        output: Any,
        given: Mapping[str, Any],
    ) -> list[ScoreStep]:
        if not any(one.is_async for one in evaluators):
            return [self._timed_now(one, sample, output, given) for one in evaluators]
        import asyncio

        waiting = [self._timed(one, sample, output, given) for one in evaluators]
        return await asyncio.gather(*waiting)

    def status(self, scores: Mapping[str, Score], failure: Failure | None) -> RowStatus:
        """Return what the scores that decide come to."""
        if self.scoring.combines:
            scores = {name: scores[name] for name in self.scoring.deciding if name in scores}
        return status_of(scores, error=failure)

    def _timed_now(
        self, evaluator: Evaluator, sample: Sample, output: Any, given: Mapping[str, Any]
    ) -> ScoreStep:
        began = self.now()
        score = self._masked_score(evaluator.score_now(sample, output, **given))
        return ScoreStep(evaluator=evaluator.name, began_ns=began, ended_ns=self.now(), score=score)

    async def _timed(
        self, evaluator: Evaluator, sample: Sample, output: Any, given: Mapping[str, Any]
    ) -> ScoreStep:
        began = self.now()
        score = self._masked_score(await evaluator.score(sample, output, **given))
        return ScoreStep(evaluator=evaluator.name, began_ns=began, ended_ns=self.now(), score=score)

    # --- what may be recorded -------------------------------------------------------------------

    def _masked_score(self, score: Score) -> Score:
        if not self.secrets:
            return score
        return Score.from_dict(masked(score.to_dict(), self.secrets))

    def _traced(self, step: Step) -> Step:
        """Return a step as spans may tell it: masked, its error of a type that is known."""
        if step.error is not None:
            failure = self._failure(step.error)
            step = replace(step, error=CallFailed(failure.message, kind=failure.type))
        if not self.secrets:
            return step
        return replace(
            step,
            output=masked(step.output, self.secrets),
            attributes=masked(dict(step.attributes), self.secrets),
            failures=tuple(
                replace(one, message=masked(one.message, self.secrets)) for one in step.failures
            ),
        )

    def _failure(self, exc: Exception) -> Failure:
        from gitexp.evaluation.running.calls import CallEnded

        reason = exc.reason if isinstance(exc, CallEnded) else exc
        found = failure_of(reason)
        kind = exc.kind if isinstance(exc, CallFailed) else found.type
        return Failure(type=kind, message=masked(found.message, self.secrets))


def _seed(seed: int | None, item: WorkItem) -> int | None:
    """Return a number of 31 bits that is the same for the same run seed, sample and repeat."""
    if seed is None:
        return None
    text = f"{seed}\0{item.sample.id}\0{item.repeat}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1
