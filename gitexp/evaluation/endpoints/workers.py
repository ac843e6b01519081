"""Endpoints of the type `command` whose program stays and answers sample after sample.

A line of JSON goes to a program's stdin for each sample, with `id`, `input`, `parameters`,
`outputs`, `metadata`, `repeat` and `seed`; a line comes back on its stdout with the same `id` and
either `output` or `error`, and `usage` where it is known. What it writes to stderr stands in
messages. It ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from gitexp.documents.problems import shown
from gitexp.evaluation.answers import Answer, Asking, CallFailed
from gitexp.evaluation.endpoints.commands import STDERR_BYTES, listen, spoken
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.processes import Program, Start, ending, started
from gitexp.evaluation.endpoints.responses import (
    Reader,
    bad_response,
    excerpt,
    json_of,
    kind_of,
    message_of,
    text_of,
    usage_of,
    with_cost,
)
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.runs.executing.output_ends import OutputEnd
from gitexp.runs.masking import masked_text

_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=dict)
_END_SECONDS = 2.0


class WorkersCaller:
    """A system that is a program, which runs as often as there are calls in flight."""

    def __init__(self, endpoint: Endpoint, start: Start, secrets: Secrets) -> None:
        self._endpoint = endpoint
        self._start = start
        self._secrets = secrets
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._room = asyncio.Semaphore(endpoint.concurrency) if endpoint.concurrency else None
        self._reader = Reader(endpoint.options.get("response", {}), endpoint.price, form="text")

    async def call(self, asking: Asking) -> Answer:
        """Return the answer of one of the programs; see `Caller.call`."""
        async with self._room or contextlib.nullcontext():
            worker = self._free()
            try:
                reply = await asyncio.wait_for(worker.ask(asking), self._endpoint.timeout)
            except asyncio.TimeoutError as exc:
                message = f"no answer within {self._endpoint.timeout:g} s"
                raise self._failed(message, kind="Timeout", retryable=True) from exc
            except CallFailed as exc:
                raise self._failed(str(exc), kind=exc.kind, retryable=exc.retryable) from exc
            finally:
                self._take_back(worker)
        return self._answer(reply)

    async def close(self) -> None:
        """End all the programs; each has a moment to do so by itself."""
        await asyncio.gather(*[worker.close() for worker in self._all])

    def _free(self) -> _Worker:
        """Return a program that has nothing to do: one that runs already, else a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_ready:
                return worker
            worker.give_up(self._all.discard)
        worker = _Worker(self._start, self._secrets)
        self._all.add(worker)
        return worker

    def _take_back(self, worker: _Worker) -> None:
        if worker.is_ready:
            self._idle.append(worker)
        else:
            worker.give_up(self._all.discard)

    def _answer(self, reply: Mapping[str, Any]) -> Answer:
        if reply.get("error") is not None:
            raise self._refused(reply["error"])
        if "output" not in reply:
            raise self._failed(
                f"the answer has neither output nor error: {shown(reply, 300)}", kind="BadResponse"
            )
        try:
            output, _ = self._reader.found_in(reply["output"])
            usage = usage_of(reply.get("usage"))
        except CallFailed as exc:
            raise self._failed(str(exc), kind=exc.kind) from exc
        return Answer(
            output=output,
            usage=with_cost(usage, self._endpoint.price),
            attributes={"process.executable.name": self._start.words[0]},
        )

    def _refused(self, error: Any) -> CallFailed:
        if not isinstance(error, dict):
            said = error if isinstance(error, str) else shown(error)
            return self._failed(message_of(said), kind="Error")
        kind = masked_text(str(error.get("type") or ""), self._secrets.hidden)
        return self._failed(
            message_of(str(error.get("message", "it gave no reason"))),
            kind=kind_of(kind),
            retryable=error.get("retryable") is True,
        )

    def _failed(self, message: str, *, kind: str, retryable: bool = False) -> CallFailed:
        return self._secrets.failed(
            f"{self._endpoint.what}: {message}", kind=kind, retryable=retryable
        )


class _Worker:
    """A program that answers one sample after the other; started when it is first asked."""

    def __init__(self, start: Start, secrets: Secrets) -> None:
        self._start = start
        self._said = OutputEnd(secrets.hidden, size=STDERR_BYTES)
        self._program: Program | None = None
        self._life: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._is_asked = False

    @property
    def is_ready(self) -> bool:
        """Whether it may be asked: it runs, and has answered all that it was asked."""
        runs = self._program is not None and self._program.code is None
        return runs and not self._is_asked

    async def ask(self, asking: Asking) -> Mapping[str, Any]:
        """Return what it answers to one sample."""
        line = _line(asking)
        program = self._program or await self._begin()
        self._is_asked = True
        try:
            program.stdin.write(line)
            await program.stdin.drain()
            answer = await program.stdout.readline()
        except ValueError as exc:  # from the stream: no line end within its limit
            message = f"the answer has more than {self._start.line} bytes"
            raise CallFailed(message, kind="BadResponse") from exc
        except OSError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise await self._died(program)
        reply = _reply(answer, asking.sample.id)
        self._is_asked = False
        return reply

    def give_up(self, over: Callable[[_Worker], None]) -> None:
        """Kill it, without waiting for its end; `over` is called then."""
        self._over.set()
        if self._life is None:
            over(self)
        else:
            self._life.add_done_callback(lambda _: over(self))

    async def close(self) -> None:
        """Let it end by itself, else end it."""
        if self._program is None or self._life is None:
            return
        self._program.stdin.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._program.over(), 0 if self._is_asked else _END_SECONDS)
        self._over.set()
        await asyncio.gather(self._life, return_exceptions=True)

    async def _begin(self) -> Program:
        self._program = program = await started(self._start)
        self._listening = asyncio.ensure_future(listen(program.stderr, self._said))
        self._life = asyncio.ensure_future(self._live(program))
        return program

    async def _live(self, program: Program) -> None:
        async with program.ended():
            await self._over.wait()
        if self._listening is not None:
            self._listening.cancel()

    async def _died(self, program: Program) -> CallFailed:
        try:
            code = await asyncio.wait_for(program.over(), _END_SECONDS)
        except asyncio.TimeoutError:
            return CallFailed("the program closed its output" + spoken(self._said), kind="Died")
        if self._listening is not None:  # to what it said last
            await asyncio.wait([self._listening], timeout=_END_SECONDS / 4)
        return CallFailed(ending(code)[1] + spoken(self._said), kind="Died", retryable=True)


def _line(asking: Asking) -> bytes:
    question = {
        "id": asking.sample.id,
        "input": asking.input,
        "parameters": asking.parameters,
        "outputs": asking.outputs,
        "metadata": asking.sample.metadata,
        "repeat": asking.repeat,
        "seed": asking.seed,
    }
    return _ENCODER.encode(question).encode("ascii") + b"\n"


def _reply(line: bytes, sample_id: str) -> Mapping[str, Any]:
    text = text_of(line)
    reply = json_of(text)
    if not isinstance(reply, dict):
        raise bad_response(f"the answer is no mapping: {excerpt(text)}")
    if reply.get("id") != sample_id:
        raise bad_response(
            f"the answer is to {shown(reply.get('id'))}, and {shown(sample_id)} was asked"
        )
    return reply
