"""What endpoints and evaluators allow, kept for all workers of a run together.

A row is handed out when everything that it may ask has room for it: at most as many rows are at
work as an endpoint bears calls at once, and rows begin at its rate. What a row asked and used
beyond that, by further attempts and in tokens, is counted when it comes back, and the next rows
wait for it. Each worker keeps to the same limits by itself, which spaces the attempts of a row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from gitexp.clock import Clock
from gitexp.evaluation.endpoints.loading import RateLimit
from gitexp.evaluation.running.making import Made, WorkItem
from gitexp.evaluation.running.rates import Rate
from gitexp.evaluation.workflows.tasks import EndpointTask, Workflow, all_tasks
from gitexp.runs.rows import ResultRow

if TYPE_CHECKING:
    from gitexp.evaluation.running.opening import Parts
    from gitexp.evaluation.running.window import Answer


def limited(answer: Answer, workflow: Workflow, parts: Parts, clock: Clock) -> Answer:
    """Return what makes rows within the limits; `answer` itself where there are none."""
    gates = [*_endpoint_gates(workflow, parts, clock), *_evaluator_gates(parts, clock)]
    if not gates:
        return answer

    async def within_limits(item: WorkItem) -> Made:
        async with AsyncExitStack() as stack:
            for gate in gates:
                await stack.enter_async_context(gate.slots)
            for gate in gates:
                await gate.admit()
            made = await answer(item)
            for gate in gates:
                gate.count(made.row)
            return made

    return within_limits


def _endpoint_gates(workflow: Workflow, parts: Parts, clock: Clock) -> Iterator[_Gate]:
    asked = Counter(t.endpoint for t in all_tasks(workflow.tasks) if isinstance(t, EndpointTask))
    for name, endpoint in parts.endpoints.items():
        limit = endpoint.rate_limit
        if endpoint.concurrency or limit != RateLimit():
            yield _Gate(endpoint.concurrency, limit, clock, calls=asked[name])


def _evaluator_gates(parts: Parts, clock: Clock) -> Iterator[_Gate]:
    for evaluator in parts.scoring.evaluators:
        concurrency = evaluator.options.get("concurrency")
        limit: Mapping[str, Any] = evaluator.options.get("rate_limit") or {}
        if concurrency or limit:
            calls = evaluator.options.get("repeat", 1)
            rows = max(1, concurrency // calls) if concurrency else None
            yield _Gate(rows, RateLimit(**limit), clock, calls=calls, score=evaluator.name)


class _Gate:
    """What one system allows.

    Args:
        rows: how many rows may ask it at once; None for as many as there are.
        calls: how often a row asks it at most, where every attempt is the first.
        score: the evaluator that asks it; empty where tasks do.
    """

    def __init__(
        self,
        rows: int | None,
        limit: RateLimit,
        clock: Clock,
        *,
        calls: int = 1,
        score: str = "",
    ) -> None:
        self.slots = asyncio.Semaphore(rows or _MANY)
        self._rate = Rate(
            requests_per_minute=limit.requests_per_minute,
            tokens_per_minute=limit.tokens_per_minute,
            now=clock.monotonic,
        )
        self._calls = calls
        self._score = score
        self._owed = 0

    async def admit(self) -> None:
        """Return when there is room for one more row, and for what earlier ones still owe."""
        calls, self._owed = self._calls + self._owed, 0
        for _ in range(calls):
            await self._rate.admit()

    def count(self, row: ResultRow) -> None:
        """Count what a row used beyond what it was let in for."""
        usage = row.usage
        if self._score:
            score = row.scores.get(self._score)
            usage = (score and score.usage) or {}
        else:
            self._owed += row.attempts - 1
        self._rate.used(usage.get("input_tokens", 0) + usage.get("output_tokens", 0))


_MANY = 2**31
