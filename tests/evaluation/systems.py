"""Systems under test for tests of endpoints: real servers on this machine, and a way to ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from gitexp.environments.parameters import Parameters, Provenance
from gitexp.evaluation.answers import Answer, Asking, Caller, CallFailed
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.endpoints.checking import faults_in
from gitexp.evaluation.endpoints.loading import Endpoint, endpoint_of
from gitexp.evaluation.endpoints.opening import open_caller
from gitexp.evaluation.running.calls import CallThreads
from gitexp.ids import Digest, VersionId
from gitexp.runs.rows import ResultRow

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Yield the address of a server on this machine that answers every request with a handler."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def parameters_of(values: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Any:
    """Return parameters; `secrets` maps slots to the names of their variables."""
    secrets = secrets or {}
    return Parameters(
        {**values, **secrets},
        types=dict.fromkeys(secrets, "secret"),
        provenance=Provenance(
            experiment="tone", experiment_id="x", version=VersionId("0" * 40), digest=Digest("")
        ),
        environ={},
    )


def described(data: Mapping[str, Any]) -> Endpoint:
    """Return an endpoint named `bot`, of a document that is right."""
    assert faults_in(data) == []
    return endpoint_of("bot", data)


@dataclass(kw_only=True)
class Asker:
    """What asks an endpoint: values, secrets and whatever else it is opened with."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path()
    recorded: Callable[[str], Iterable[ResultRow]] | None = None
    clock: Any = None

    @asynccontextmanager
    async def opened(self, data: Mapping[str, Any]) -> AsyncIterator[Caller]:
        """Yield what asks an endpoint."""
        threads = CallThreads(asyncio.get_running_loop())
        try:
            async with open_caller(
                described(data),
                directory=self.directory,
                parameters=parameters_of(self.parameters, self.secrets),
                environ=self.environ,
                threads=threads,
                recorded=self.recorded,
                clock=self.clock,
            ) as caller:
                yield caller
        finally:
            threads.close()

    def asking(self, given: Any = "hi", **fields: Any) -> Asking:
        """Return what a task is given for a sample."""
        sample_fields = {
            name: fields.pop(name)
            for name in ("id", "expected", "output", "metadata")
            if name in fields
        }
        sample = Sample(**{"id": "s1", "input": given, **sample_fields})
        parameters = parameters_of(self.parameters, self.secrets)
        return Asking(sample=sample, input=given, parameters=parameters, **fields)

    async def ask(self, data: Mapping[str, Any], given: Any = "hi", **fields: Any) -> Answer:
        """Return the answer of an endpoint to one input."""
        async with self.opened(data) as caller:
            return await caller.call(self.asking(given, **fields))


async def failure(asked: Awaitable[Any]) -> CallFailed:
    """Return how a call failed."""
    try:
        answer = await asked
    except CallFailed as exc:
        return exc
    raise AssertionError(f"it answered {answer}")


def run(main: Awaitable[T]) -> T:
    """Return what a coroutine gives, bounded in time."""

    async def bounded() -> T:
        return await asyncio.wait_for(main, 60)

    return asyncio.run(bounded())


def asked(
    data: Mapping[str, Any],
    handler: Handler,
    given: Any = "hi",
    *,
    asker: Asker | None = None,
    **fields: Any,
) -> Answer:
    """Return the answer of an http endpoint; `BASE` in its url stands for the server."""

    async def main() -> Answer:
        async with serving(handler) as base:
            return await (asker or Asker()).ask(at(data, base), given, **fields)

    return run(main())


def failed(
    data: Mapping[str, Any],
    handler: Handler,
    given: Any = "hi",
    *,
    asker: Asker | None = None,
    **fields: Any,
) -> CallFailed:
    """Return how an http endpoint failed; see `asked`."""

    async def main() -> CallFailed:
        async with serving(handler) as base:
            return await failure((asker or Asker()).ask(at(data, base), given, **fields))

    return run(main())


def at(data: Mapping[str, Any], base: str) -> Mapping[str, Any]:
    """Return an endpoint that is at a server."""
    keys = ("url", "base_url")
    return {k: v.replace("BASE", base) if k in keys else v for k, v in data.items()}
