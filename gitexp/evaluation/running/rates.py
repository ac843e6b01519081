"""Rates: so many calls, and so many tokens, in a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_MINUTE = 60.0
_BURST_SECONDS = 1.0
"""What may be used at once after a pause: what the rate allows in a second, at least one call."""


class Rate:
    """Lets calls through at a rate, in the order in which they come.

    Calls are spaced by the generic cell rate algorithm (ITU-T I.371): one may come early by what
    the rate allows in a second. Tokens are counted when a call has used them, and the next ones
    wait until the rate has made up for them.

    Args:
        now: returns seconds that never run backwards.
    """

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        now: Callable[[], float],
    ) -> None:
        self._interval = _MINUTE / requests_per_minute if requests_per_minute else 0.0
        self._per_token = _MINUTE / tokens_per_minute if tokens_per_minute else 0.0
        self._now = now
        self._next_call = self._next_token = self._paused = now()
        self._line = asyncio.Lock()

    async def admit(self) -> None:
        """Return when one more call may be made."""
        async with self._line:
            while (seconds := self._wait()) > 0:
                await asyncio.sleep(seconds)
            self._next_call = max(self._next_call, self._now()) + self._interval

    def _wait(self) -> float:
        ahead = max(0.0, _BURST_SECONDS - self._interval)
        ready = max(self._next_call - ahead, self._next_token - _BURST_SECONDS, self._paused)
        return ready - self._now()

    def used(self, tokens: int) -> None:
        """Count tokens that a call used."""
        self._next_token = max(self._next_token, self._now()) + tokens * self._per_token

    def pause(self, seconds: float) -> None:
        """Let no call through for so long."""
        self._paused = max(self._paused, self._now() + seconds)
