"""Endpoints of the type `command`, started for every sample."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.documents.problems import shown
from gitexp.evaluation.answers import Answer, Asking, CallFailed
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.processes import Program, Start, ending, started
from gitexp.evaluation.endpoints.responses import MAX_BYTES, Reader
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.evaluation.sandbox import as_text
from gitexp.evaluation.templates import Renders, Template
from gitexp.runs.executing.output_ends import OutputEnd

STDERR_BYTES = 2000
"""How much of the end of what a program says on stderr stands in a message."""

_CHUNK = 2**16


class CommandCaller:
    """A system that is a program, started for every sample.

    Args:
        environ: the environment variables that the program is given, beside its own.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        templates: Mapping[str, Renders],
        secrets: Secrets,
        *,
        directory: Path,
        environ: Mapping[str, str],
    ) -> None:
        options = endpoint.options
        response = options.get("response", {})
        self._endpoint = endpoint
        self._templates = templates
        self._secrets = secrets
        self._directory = directory
        self._environ = environ
        self._stdin = templates.get("stdin") or Template(
            "{{ input }}", where=f"{endpoint.what}: stdin"
        )
        self._limit: int = response.get("max_bytes", MAX_BYTES)
        self._codes = frozenset(options.get("exit_codes", [0]))
        self._reader = Reader(response, endpoint.price, form="text")

    async def call(self, asking: Asking) -> Answer:
        """Return the answer of the program; see `Caller.call`."""
        variables = asking.variables()
        start = Start(
            words=words_of(self._templates["command"].render(variables), self._endpoint.what),
            directory=self._directory,
            environ=environ_of(self._templates.get("environment"), variables, self._environ),
        )
        given = as_text(self._stdin.render(variables))
        try:
            return await asyncio.wait_for(self._answer(start, given), self._endpoint.timeout)
        except asyncio.TimeoutError as exc:
            message = f"no answer within {self._endpoint.timeout:g} s"
            raise self._failed(message, kind="Timeout", retryable=True) from exc
        except CallFailed as exc:
            raise self._secrets.failed(
                f"{self._endpoint.what}: {exc}",
                kind=exc.kind,
                retryable=exc.retryable,
                usage=exc.usage,
            ) from exc

    async def close(self) -> None:
        """Do nothing; every program has ended with its call."""

    async def _answer(self, start: Start, given: str) -> Answer:
        program = await started(start)
        async with program.ended():
            data = await self._output(program, given.encode("utf-8", "surrogatepass"))
        output, usage = self._reader.read(_without_line_end(data))
        return Answer(
            output=output,
            usage=usage,
            attributes={
                "process.executable.name": start.words[0],
                "process.exit.code": program.code,
            },
        )

    async def _output(self, program: Program, given: bytes) -> bytes:
        output, said = bytearray(), OutputEnd(self._secrets.hidden, size=STDERR_BYTES)
        feeding = asyncio.ensure_future(feed(program, given))
        reading = [
            asyncio.ensure_future(self._take(program, output)),
            asyncio.ensure_future(listen(program.stderr, said)),
        ]
        try:
            code = await program.rest(*reading)
        finally:
            for task in (feeding, *reading):
                task.cancel()
        if len(output) > self._limit:
            raise CallFailed(f"the answer has more than {self._limit} bytes", kind="BadResponse")
        if code not in self._codes:
            kind, how = ending(code)
            raise CallFailed(how + spoken(said), kind=kind)
        return bytes(output)

    async def _take(self, program: Program, output: bytearray) -> None:
        while data := await program.stdout.read(_CHUNK):
            output += data
            if len(output) > self._limit:
                program.kill()
                return

    def _failed(self, message: str, *, kind: str, retryable: bool) -> CallFailed:
        return self._secrets.failed(
            f"{self._endpoint.what}: {message}", kind=kind, retryable=retryable
        )


def words_of(rendered: list[Any], what: str) -> list[str]:
    """Return a program and its arguments as texts that can be given to it.

    Raises:
        CallFailed: one of them cannot.
    """
    words = [as_text(word) for word in rendered]
    for position, word in enumerate(words):
        if "\x00" in word:
            raise CallFailed(
                f"{what}: command[{position}]: an argument holds no null character; "
                "give it to the program through stdin",
                kind="Template",
            )
    return words


def environ_of(
    template: Renders | None, variables: Mapping[str, Any], environ: Mapping[str, str]
) -> Mapping[str, str]:
    """Return environment variables with those of an endpoint among them."""
    if template is None:
        return environ
    own: Mapping[str, Any] = template.render(variables)
    return {**environ, **{name: as_text(value).replace("\x00", "") for name, value in own.items()}}


async def feed(program: Program, data: bytes) -> None:
    """Write to a program and close its input; it may end without having read it all."""
    with contextlib.suppress(OSError):
        program.stdin.write(data)
        await program.stdin.drain()
    program.stdin.close()


async def listen(stream: StreamReader, end: OutputEnd) -> None:
    """Read a stream to its end and keep the last of it."""
    while data := await stream.read(_CHUNK):
        end.add(data)


def spoken(end: OutputEnd) -> str:
    """Return what a program said last, as the end of a message."""
    text = end.text().strip()
    return f": {shown(text, STDERR_BYTES)}" if text else ""


def _without_line_end(data: bytes) -> bytes:
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data
