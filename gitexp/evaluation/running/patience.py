"""Asking a system under test with patience: never too much at once, again where that may help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitexp.clock import Clock
from gitexp.evaluation.answers import (
    NOTHING_USED,
    Answer,
    Asking,
    Attempt,
    Caller,
    CallFailed,
    Usage,
)
from gitexp.evaluation.endpoints.loading import Endpoint, Retry
from gitexp.evaluation.running.rates import Rate
from gitexp.evaluation.running.responses import Responses
from gitexp.ids import Randomness

LONGEST_RETRY_AFTER = 300.0
"""The longest that a system may ask to wait; a call that is told to wait longer has failed."""

_MOST_DOUBLINGS = 64
"""More make no difference to any wait, and too many are no number any more."""

_RANDOM_BITS = 53


def wait_before(retry: Retry, attempt: int, failure: CallFailed, share: float) -> float | None:
    """Return the seconds to wait after an attempt, or None to give up.

    The wait is drawn evenly from 0 to backoff × 2^(attempt - 1), at most `max_backoff_seconds`:
    "full jitter", M. Brooker, "Exponential Backoff And Jitter", 2015. What the system asks for
    (Retry-After) is waited at least.

    Args:
        attempt: how many were made, from 1.
        share: a random number from 0 to 1.
    """
    asked = failure.retry_after or 0.0
    if not failure.retryable or attempt >= retry.attempts or asked > LONGEST_RETRY_AFTER:
        return None
    doublings = min(attempt - 1, _MOST_DOUBLINGS)
    most = min(retry.backoff_seconds * 2.0**doublings, retry.max_backoff_seconds)
    return max(most * share, asked)


class PatientCaller:
    """A system under test that is asked with patience.

    Args:
        rate: what its rate allows; None without a limit.
        responses: the cache; None without one.
        random: returns a number from 0 to 1.
        now: returns seconds that never run backwards.
    """

    def __init__(
        self,
        caller: Caller,
        endpoint: Endpoint,
        *,
        rate: Rate | None = None,
        responses: Responses | None = None,
        random: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._caller = caller
        self._retry = endpoint.retry
        self._slots: AbstractAsyncContextManager[Any] = (
            asyncio.Semaphore(endpoint.concurrency) if endpoint.concurrency else nullcontext()
        )
        self._rate = rate
        self._responses = responses
        self._endpoint = endpoint.digest
        self._random = random
        self._now = now

    async def call(self, asking: Asking) -> Answer:
        """Return the answer of the system, from the cache where it is there.

        Raises:
            CallFailed: it gave none, however often it was asked.
        """
        if self._responses is None:
            return await self._asked(asking)
        key = self._responses.key(self._endpoint, asking)
        known = self._responses.get(key)
        if known is not None:
            return known
        answer = await self._asked(asking)
        self._responses.put(key, answer)
        return answer

    async def _asked(self, asking: Asking) -> Answer:
        failures: tuple[Attempt, ...] = ()
        used = NOTHING_USED
        began = self._now()
        while True:
            try:
                answer = await self._once(asking)
            except CallFailed as exc:
                used = used + exc.usage
                seconds = wait_before(self._retry, len(failures) + 1, exc, self._random())
                if seconds is None:
                    raise _given_up(exc, failures, used) from exc
                failures = (*failures, _failed(exc, self._now() - began, seconds))
                if exc.retry_after and self._rate is not None:
                    self._rate.pause(exc.retry_after)
                await asyncio.sleep(seconds)
            else:
                if not failures:
                    return answer
                attempts, used = len(failures) + 1, used + answer.usage
                return replace(answer, attempts=attempts, failures=failures, usage=used)

    async def _once(self, asking: Asking) -> Answer:
        async with self._slots:
            if self._rate is None:
                return await self._caller.call(asking)
            await self._rate.admit()
            try:
                answer = await self._caller.call(asking)
            except CallFailed as exc:
                self._rate.used(exc.usage.tokens)
                raise
            self._rate.used(answer.usage.tokens)
            return answer

    async def close(self) -> None:
        """Let go of what the system under test holds."""
        await self._caller.close()


def _failed(exc: CallFailed, seconds: float, wait: float) -> Attempt:
    return Attempt(kind=exc.kind, message=str(exc), seconds=seconds, wait=round(wait, 3))


def _given_up(exc: CallFailed, failures: tuple[Attempt, ...], used: Usage) -> CallFailed:
    if not failures:
        return exc
    message = f"{exc} ({len(failures) + 1} attempts)"
    return CallFailed(message, kind=exc.kind, failures=failures, usage=used)


def patient(
    caller: Caller,
    endpoint: Endpoint,
    *,
    cache: Path | None,
    clock: Clock,
    random_bits: Randomness,
) -> Caller:
    """Return a system under test that is asked with patience; itself, where none is needed.

    Args:
        cache: the directory of the cache of responses; None without one.
    """
    limit = endpoint.rate_limit
    is_limited = limit.requests_per_minute or limit.tokens_per_minute
    use_cache = cache is not None and endpoint.cache
    if endpoint.retry.attempts <= 1 and not (endpoint.concurrency or is_limited or use_cache):
        return caller
    rate = Rate(
        requests_per_minute=limit.requests_per_minute,
        tokens_per_minute=limit.tokens_per_minute,
        now=clock.monotonic,
    )
    return PatientCaller(
        caller,
        endpoint,
        rate=rate if is_limited else None,
        responses=Responses(directory=cache) if cache is not None and use_cache else None,
        random=lambda: random_bits(_RANDOM_BITS) / 2**_RANDOM_BITS,
        now=clock.monotonic,
    )
