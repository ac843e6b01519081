"""Sending spans to a collector, from a thread of its own that a run never waits for.

What waits to be sent is bounded. Where the collector is slower than the run, or is not there, spans
are left out and counted; they are beside the rows of the run in any case.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import count

from gitexp.evaluation.tracing.requests import Reply
from gitexp.runs.recording.spans import TAIL

MOST_WAITING = 16 << 20
"""Bytes of spans that wait at most."""

BATCH = 1 << 20
"""Bytes of spans in one request, or those of one sample."""

ATTEMPTS = 5
"""How often a request is made at most, where the collector asks for it or is not there."""

_DELAY = 1.0
_LONGEST_WAIT = 30.0
_LAST_WAIT = 1.0
_PATIENCE = 5.0
_SOME_PATIENCE = 2.0
_LITTLE_PATIENCE = 1.0


class Exporter:
    """Sends spans in batches.

    The waits between attempts double from `first_wait` on and are drawn evenly from their upper
    half; what the collector asks for (Retry-After) is waited at least.

    Args:
        name: of the collector, for people.
        head: opens the TracesData of a request.
        send: makes one request.
        random: returns a number from 0 to 1.
        first_wait: the seconds after the first attempt.
    """

    def __init__(
        self,
        name: str,
        head: bytes,
        send: Callable[[bytes], Reply],
        *,
        random: Callable[[], float],
        first_wait: float = 1.0,
    ) -> None:
        self.name = name
        self._head = head
        self._send = send
        self._random = random
        self._first_wait = first_wait
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._size = 0
        self._lost = self._sending = 0
        self._problem = ""
        self._has_answered = self._is_down = self._gave_up = False
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gitexp-spans", daemon=True)
        self._thread.start()

    def put(self, spans: bytes, number: int) -> None:
        """Have spans sent later; where too many wait already, they are left out."""
        with self._lock:
            if self._size + len(spans) > MOST_WAITING:
                self._lost += number
                self._problem = self._problem or "the collector is slower than the run"
                return
            self._waiting.append((spans, number))
            self._size += len(spans)
            is_full = self._size >= BATCH
        if is_full:
            self._ready.set()

    def close(self) -> tuple[int, str]:
        """Return how many spans were not delivered, and why, after trying to deliver the rest.

        That takes up to 5 seconds; up to 2 where the collector has not answered once so far, and
        one where it is known to be down.
        """
        self._closing.set()
        self._ready.set()
        patience = _PATIENCE if self._has_answered else _SOME_PATIENCE
        self._thread.join(_LITTLE_PATIENCE if self._is_down else patience)
        with self._lock:
            left = self._sending + sum(number for _, number in self._waiting)
            self._gave_up = True
            problem = self._problem or ("the collector does not answer" if left else "")
            return self._lost + left, problem

    # --- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._ready.wait(_DELAY)
            self._ready.clear()
            is_last = self._closing.is_set()
            while not self._gave_up and (batch := self._next_batch()):
                self._deliver(batch)
            if is_last:
                return

    def _next_batch(self) -> list[bytes]:
        found: list[bytes] = []
        size = 0
        with self._lock:
            while self._waiting and (not found or size + len(self._waiting[0][0]) <= BATCH):
                spans, number = self._waiting.popleft()
                found.append(spans)
                size += len(spans)
                self._sending += number
            self._size -= size
        return found

    def _deliver(self, batch: list[bytes]) -> None:
        body = self._head + b",".join(batch) + TAIL
        reply = self._tried(body)
        with self._lock:
            lost = self._sending if reply.problem and not reply.rejected else reply.rejected
            self._lost += min(lost, self._sending)
            self._problem = reply.problem or self._problem
            self._sending = 0

    def _tried(self, body: bytes) -> Reply:
        for attempt in count(1):
            reply = self._send(body)
            self._is_down = reply.is_retryable
            self._has_answered = self._has_answered or reply.answered
            if not self._is_down or attempt == ATTEMPTS or not self._rested(attempt, reply):
                break
        self._gave_up = self._gave_up or (self._is_down and self._closing.is_set())
        return reply

    def _rested(self, attempt: int, reply: Reply) -> bool:
        """Wait before another attempt; False where nobody waits for it any more."""
        seconds = self._wait(attempt, reply)
        if not self._closing.is_set():
            self._closing.wait(seconds)  # when the run ends, one more attempt is made at once
            return not self._gave_up
        if self._gave_up or not reply.answered or seconds > _LAST_WAIT:
            return False
        threading.Event().wait(seconds)
        return True

    def _wait(self, attempt: int, reply: Reply) -> float:
        most = min(self._first_wait * 2.0 ** (attempt - 1), _LONGEST_WAIT)
        return max(most * (0.5 + self._random() / 2), min(reply.wait or 0.0, _LONGEST_WAIT))
