"""Asking a system under test with patience: never too much at once, again where that may help."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gitexp.evaluation.answers import Answer, Asking, Caller, CallFailed
from gitexp.evaluation.running.rates import Rate
from gitexp.evaluation.running.responses import Responses

ATTEMPTS = 3
"""How often a call is tried, unless the endpoint or the request says otherwise."""

BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 30.0
LONGEST_RETRY_AFTER = 300.0
"""The longest that a system may ask to wait; a call that is told to wait longer has failed."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a call is tried, and how long is waited in between.

    The wait before attempt n + 1 is drawn evenly from 0 to backoff × 2^(n - 1), at most
    `max_backoff_seconds`: "full jitter", M. Brooker, "Exponential Backoff And Jitter", 2015. What
    the system asks for (Retry-After) is waited at least.
    """

    attempts: int = ATTEMPTS
    backoff_seconds: float = BACKOFF_SECONDS
    max_backoff_seconds: float = MAX_BACKOFF_SECONDS

    def wait(self, attempt: int, failure: CallFailed, share: float) -> float | None:
        """Return the seconds to wait after an attempt, or None to give up.

        Args:
            attempt: how many were made, from 1.
            share: a random number from 0 to 1.
        """
        asked = failure.retry_after or 0.0
        if not failure.retryable or attempt >= self.attempts or asked > LONGEST_RETRY_AFTER:
            return None
        most = min(self.backoff_seconds * 2 ** (attempt - 1), self.max_backoff_seconds)
        return max(most * share, asked)


class Ahead(Protocol):
    """What a system's rate allows."""

    async def admit(self) -> None:
        """Return when one more call may be made."""

    def used(self, tokens: int) -> None:
        """Count tokens that a call used."""

    def pause(self, seconds: float) -> None:
        """Let no call through for so long."""


class PatientCaller:
    """A system under test that is asked with patience.

    Args:
        concurrency: calls of it at once; None for as many as there are.
        rate: what its rate allows; None without a limit.
        responses: the cache; None without one.
        endpoint: what the cache files its answers under.
        random: returns a number from 0 to 1.
    """

    def __init__(
        self,
        caller: Caller,
        *,
        patience: Patience,
        concurrency: int | None = None,
        rate: Ahead | None = None,
        responses: Responses | None = None,
        endpoint: str = "",
        random: Callable[[], float],
    ) -> None:
        self._caller = caller
        self._patience = patience
        self._slots: AbstractAsyncContextManager[Any] = (
            asyncio.Semaphore(concurrency) if concurrency else nullcontext()
        )
        self._rate = rate
        self._responses = responses
        self._endpoint = endpoint
        self._random = random

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
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._once(asking)
            except CallFailed as exc:
                seconds = self._patience.wait(attempt, exc, self._random())
                if seconds is None:
                    raise _given_up(exc, attempt) from exc
                if exc.retry_after and self._rate is not None:
                    self._rate.pause(exc.retry_after)
                await asyncio.sleep(seconds)
            else:
                return answer if attempt == 1 else replace(answer, attempts=attempt)

    async def _once(self, asking: Asking) -> Answer:
        async with self._slots:
            if self._rate is None:
                return await self._caller.call(asking)
            await self._rate.admit()
            answer = await self._caller.call(asking)
            self._rate.used(answer.usage.tokens)
            return answer

    async def close(self) -> None:
        """Let go of what the system under test holds."""
        await self._caller.close()


def _given_up(exc: CallFailed, attempts: int) -> CallFailed:
    if attempts == 1:
        return exc
    return CallFailed(f"{exc} ({attempts} attempts)", kind=exc.kind)


def patient(
    caller: Caller,
    *,
    patience: Patience,
    concurrency: int | None = None,
    rate: Rate | None = None,
    responses: Responses | None = None,
    endpoint: str = "",
    random: Callable[[], float],
) -> Caller:
    """Return a system under test that is asked with patience; itself, where none is needed."""
    if patience.attempts <= 1 and not concurrency and rate is None and responses is None:
        return caller
    return PatientCaller(
        caller,
        patience=patience,
        concurrency=concurrency,
        rate=rate,
        responses=responses,
        endpoint=endpoint,
        random=random,
    )
