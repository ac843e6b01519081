"""Endpoints, opened: connected, imported or started, and ready to be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.clock import Clock, SystemClock
from gitexp.environments.parameters import Parameters
from gitexp.evaluation.answers import Caller
from gitexp.evaluation.endpoints.checking import templates_of
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.runs.rows import ResultRow

if TYPE_CHECKING:
    from gitexp.evaluation.running.calls import CallThreads

Recorded = Callable[[str], Iterable[ResultRow]]
"""Returns the recorded rows of a run by its id."""


@dataclass(frozen=True, kw_only=True)
class Surrounding:
    """What an endpoint is opened with.

    Attributes:
        directory: the project's directory.
        environ: environment variables: secrets, proxies, and what programs are given.
        threads: where synchronous functions run.
        recorded: finds the rows of a run for endpoints that replay one; None where they cannot.
    """

    directory: Path
    parameters: Parameters
    environ: Mapping[str, str]
    threads: CallThreads
    recorded: Recorded | None
    clock: Clock


@asynccontextmanager
async def open_caller(
    endpoint: Endpoint,
    *,
    directory: Path,
    parameters: Parameters,
    environ: Mapping[str, str],
    threads: CallThreads,
    recorded: Recorded | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Caller]:
    """Yield what asks a system, inside the running event loop.

    It keeps an attempt to the endpoint's `timeout` itself. It does not retry, limit or cache.

    Raises:
        InvalidInput: a function cannot be imported, or a library is not installed.
        NotFound: a secret that is needed is not set, or a run that is replayed is not there.
    """
    surrounding = Surrounding(
        directory=directory,
        parameters=parameters,
        environ=environ,
        threads=threads,
        recorded=recorded,
        clock=clock or SystemClock(),
    )
    async with AsyncExitStack() as stack:
        caller = _OPENERS[endpoint.type](endpoint, surrounding, stack)
        stack.push_async_callback(caller.close)
        yield caller


def _python(endpoint: Endpoint, given: Surrounding, stack: AsyncExitStack) -> Caller:
    from gitexp.evaluation.endpoints.functions import PythonCaller, imported_function

    function = stack.enter_context(
        imported_function(endpoint.options["callable"], given.directory, what=endpoint.what)
    )
    return PythonCaller(
        function, what=endpoint.what, timeout=endpoint.timeout, threads=given.threads
    )


def _http(endpoint: Endpoint, given: Surrounding, stack: AsyncExitStack) -> Caller:
    from gitexp.evaluation.endpoints.connections import Connections
    from gitexp.evaluation.endpoints.web import HttpCaller

    templates = templates_of(endpoint.what, endpoint.type, endpoint.options)
    secrets = Secrets(templates.values(), given.parameters, given.environ)
    connections = Connections(
        endpoint, secrets, environ=given.environ, clock=given.clock, agent=_agent()
    )
    return HttpCaller(endpoint, templates, secrets, connections)


def _agent() -> str:
    from gitexp import __version__

    return f"gitexp/{__version__}"


_OPENERS: Mapping[str, Callable[[Endpoint, Surrounding, AsyncExitStack], Caller]] = {
    "python": _python,
    "http": _http,
}
