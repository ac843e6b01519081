"""Asking with patience: again where that may help, as late as asked for, never too much at once."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gitexp.evaluation.answers import Answer, Asking, CallFailed, Usage
from gitexp.evaluation.endpoints.loading import Endpoint, RateLimit, Retry
from gitexp.evaluation.running.patience import PatientCaller, patient, wait_before
from gitexp.evaluation.running.rates import Rate
from gitexp.runs.rows import Failure
from gitexp.runs.tallies import Stats
from tests.builders import FixedClock
from tests.evaluation.clocks import WaitingClock, in_no_time, waiting
from tests.evaluation.projects import Project
from tests.evaluation.servers import Reply, Scripted, serving
from tests.evaluation.systems import Asker


@pytest.fixture
def clock() -> Iterator[WaitingClock]:
    with waiting() as clock:
        yield clock


class Script:
    """Answers or fails as a list says, the last one for ever; remembers how many were in flight."""

    def __init__(self, *outcomes: Any) -> None:
        self._outcomes = list(outcomes)
        self.calls = 0
        self.flying = 0
        self.most = 0

    async def call(self, asking: Asking) -> Answer:
        self.calls += 1
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await asyncio.sleep(0.5)
            outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome if isinstance(outcome, Answer) else Answer(output=outcome)
        finally:
            self.flying -= 1

    async def close(self) -> None:
        pass


def busy(**more: Any) -> CallFailed:
    return CallFailed("busy", **{"kind": "HTTP 503", "retryable": True, **more})


def endpoint(**fields: Any) -> Endpoint:
    return Endpoint(**{"name": "bot", "type": "http", "digest": "d", **fields})


def caller(script: Script, clock: WaitingClock, **fields: Any) -> PatientCaller:
    rate = fields.pop("rate", None)
    return PatientCaller(
        script, endpoint(**fields), rate=rate, random=lambda: 1.0, now=clock.monotonic
    )


def asked(caller: PatientCaller, clock: WaitingClock, times: int = 1) -> Sequence[Any]:
    """Return the answers to questions that come all at once, or why there were none."""

    async def main() -> Sequence[Any]:
        asking = Asker().asking()
        calls = (caller.call(asking) for _ in range(times))
        return await asyncio.gather(*calls, return_exceptions=True)

    found: Sequence[Any] = in_no_time(main(), clock)
    return found


# --- trying again ---------------------------------------------------------------------------


def test_waits_double_up_to_the_most() -> None:
    retry = Retry(attempts=9, backoff_seconds=2, max_backoff_seconds=10)
    waits = [wait_before(retry, attempt, busy(), 1.0) for attempt in range(1, 10)]
    assert waits == [2, 4, 8, 10, 10, 10, 10, 10, None]
    assert wait_before(retry, 3, busy(), 0.25) == 2


def test_no_number_of_attempts_is_too_many() -> None:
    assert wait_before(Retry(attempts=10**6), 5000, busy(), 1.0) == 60


@pytest.mark.parametrize(("asked", "wait"), [(0.0, 1), (0.5, 1), (7, 7), (300, 300), (301, None)])
def test_what_the_system_asks_for_is_waited_at_least(asked: float, wait: float | None) -> None:
    assert wait_before(Retry(attempts=3), 1, busy(retry_after=asked), 1.0) == wait


def test_what_will_not_help_is_not_tried() -> None:
    assert wait_before(Retry(attempts=3), 1, busy(retryable=False), 1.0) is None


def test_what_attempts_used_up_is_counted(clock: WaitingClock) -> None:
    spent = busy(usage=Usage(input_tokens=3, cost=0.5))
    script = Script(spent, Answer(output=1, usage=Usage(input_tokens=4)))
    [answer] = asked(caller(script, clock, retry=Retry(attempts=2)), clock)
    assert answer.usage == Usage(input_tokens=7, cost=0.5)
    [failed] = asked(caller(Script(spent), clock, retry=Retry(attempts=2)), clock)
    assert failed.usage == Usage(input_tokens=6, cost=1.0)
    assert pickle.loads(pickle.dumps(failed)).usage == failed.usage


def test_it_is_asked_until_it_answers(clock: WaitingClock) -> None:
    script = Script(busy(), busy(retry_after=30), 42)
    [answer] = asked(caller(script, clock, retry=Retry(attempts=3)), clock)
    assert (answer.output, answer.attempts, script.calls) == (42, 3, 3)
    assert clock.slept == [0.5, 1, 0.5, 30, 0.5]


def test_giving_up_says_how_often_it_was_tried(clock: WaitingClock) -> None:
    script = Script(busy())
    [failure] = asked(caller(script, clock, retry=Retry(attempts=3)), clock)
    assert (str(failure), failure.kind, script.calls) == ("busy (3 attempts)", "HTTP 503", 3)


# --- not too much at once -------------------------------------------------------------------


def test_an_endpoint_has_so_many_calls_in_flight_at_most(clock: WaitingClock) -> None:
    script = Script(1)
    asked(caller(script, clock, concurrency=3), clock, times=20)
    assert (script.calls, script.most) == (20, 3)


def test_who_waits_to_try_again_keeps_nobody_else_waiting(clock: WaitingClock) -> None:
    script = Script(busy(retry_after=100), 1)
    answers = asked(caller(script, clock, concurrency=1, retry=Retry(attempts=2)), clock, times=3)
    assert [answer.attempts for answer in answers] == [2, 1, 1]
    assert clock.seconds == pytest.approx(101)


def test_a_system_that_asks_one_to_wait_is_left_alone_by_all(clock: WaitingClock) -> None:
    rate = Rate(requests_per_minute=60, now=clock.monotonic)
    script = Script(busy(retry_after=20), 1)
    asked(caller(script, clock, rate=rate, retry=Retry(attempts=2)), clock, times=4)
    assert script.calls == 5
    assert clock.seconds > 20


def test_tokens_that_an_answer_used_are_counted(clock: WaitingClock) -> None:
    rate = Rate(tokens_per_minute=60, now=clock.monotonic)
    answer = Answer(output=1, usage=Usage(input_tokens=10, output_tokens=20))
    asked(caller(Script(answer), clock, rate=rate, concurrency=1), clock, times=3)
    assert clock.seconds == pytest.approx(61, abs=3)


def test_patience_costs_nothing_where_none_is_needed() -> None:
    script = Script(1)
    given: dict[str, Any] = {"clock": FixedClock(), "random_bits": lambda bits: 0}
    assert patient(script, endpoint(retry=Retry()), cache=None, **given) is script
    assert patient(script, endpoint(retry=Retry()), cache=Path("c"), **given) is not script
    assert patient(script, endpoint(retry=Retry(), cache=False), cache=Path("c"), **given) is script
    limited = endpoint(retry=Retry(), rate_limit=RateLimit(requests_per_minute=5))
    assert patient(script, limited, cache=None, **given) is not script


# --- in an evaluation -----------------------------------------------------------------------

HTTP = """\
type: http

url: URL

json: "{{ input }}"

retry:
  attempts: 3
  backoff_seconds: 0
"""


def test_an_evaluation_tries_again_as_the_endpoint_says(project: Project) -> None:
    project.dataset([{"id": "a", "input": "q", "expected": "r"}])
    replies = [
        Reply(status=429, body="", headers={"Retry-After": "0"}),
        Reply(status=503, body=""),
        "r",
    ]
    with serving(Scripted(replies)) as server:
        project.write("endpoints/bot.yaml", HTTP.replace("URL", server.url))
        run = project.run()
        [row] = project.rows(run)
    assert (run.stats, row.attempts, row.output) == (Stats(passed=1), 3, "r")
    assert len(server.requests) == 3


def test_the_number_of_retries_may_be_given_for_one_run(project: Project) -> None:
    project.dataset([{"id": "a", "input": "q", "expected": "r"}])
    with serving(Scripted([Reply(status=503, body="down"), "r"])) as server:
        project.write("endpoints/bot.yaml", HTTP.replace("URL", server.url))
        run = project.run(retries=0)
        [row] = project.rows(run)
    assert (run.stats, len(server.requests)) == (Stats(errors=1), 1)
    assert row.error is not None
    assert row.error.type == "HTTP 503"


def test_the_time_of_an_attempt_may_be_given_for_one_run(project: Project) -> None:
    project.code("import threading\ndef answer(x, p): threading.Event().wait()\n")
    run = project.run(timeout=0.05, limit=1)
    [row] = project.rows(run)
    assert row.error == Failure(type="Timeout", message="endpoint 'bot': no answer within 0.05 s")
