"""Endpoints, opened: connected, imported or started, and ready to be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.clock import Clock, SystemClock
from gitexp.environments.parameters import Parameters
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import Caller, CallFailed
from gitexp.evaluation.endpoints.checking import templates_of
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.evaluation.templates import Renders
from gitexp.runs.rows import ResultRow

if TYPE_CHECKING:
    from gitexp.evaluation.endpoints.connections import Connections
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
        function,
        what=endpoint.what,
        timeout=endpoint.timeout,
        threads=given.threads,
        price=endpoint.price,
    )


def _http(endpoint: Endpoint, given: Surrounding, stack: AsyncExitStack) -> Caller:
    from gitexp.evaluation.endpoints.web import HttpCaller

    return HttpCaller(endpoint, *_connected(endpoint, given))


def _chat(endpoint: Endpoint, given: Surrounding, stack: AsyncExitStack) -> Caller:
    from gitexp.evaluation.endpoints.chat import ChatCaller

    return ChatCaller(endpoint, *_connected(endpoint, given))


def _connected(
    endpoint: Endpoint, given: Surrounding
) -> tuple[dict[str, Renders], Secrets, Connections]:
    from gitexp.evaluation.endpoints.connections import Connections

    templates = templates_of(endpoint.what, endpoint.type, endpoint.options)
    secrets = Secrets(templates.values(), given.parameters, given.environ)
    connections = Connections(
        endpoint, secrets, environ=given.environ, clock=given.clock, agent=_agent()
    )
    return templates, secrets, connections


def _command(endpoint: Endpoint, given: Surrounding, stack: AsyncExitStack) -> Caller:
    from gitexp.evaluation.endpoints.commands import CommandCaller

    templates = templates_of(endpoint.what, endpoint.type, endpoint.options)
    secrets = Secrets(templates.values(), given.parameters, given.environ)
    if endpoint.options.get("protocol") == "jsonl":
        return _workers(endpoint, given, templates, secrets)
    return CommandCaller(
        endpoint, templates, secrets, directory=given.directory, environ=given.environ
    )


def _workers(
    endpoint: Endpoint, given: Surrounding, templates: Mapping[str, Renders], secrets: Secrets
) -> Caller:
    from gitexp.evaluation.endpoints.commands import environ_of, words_of
    from gitexp.evaluation.endpoints.processes import Start
    from gitexp.evaluation.endpoints.responses import MAX_BYTES
    from gitexp.evaluation.endpoints.workers import WorkersCaller

    variables = {"parameters": given.parameters}
    try:
        words = words_of(templates["command"].render(variables), endpoint.what)
        environ = environ_of(templates.get("environment"), variables, given.environ)
    except CallFailed as exc:
        raise InvalidInput(str(exc), hint="Correct the endpoint, or set the parameter.") from exc
    limit = endpoint.options.get("response", {}).get("max_bytes", MAX_BYTES)
    start = Start(words=words, directory=given.directory, environ=environ, line=limit)
    return WorkersCaller(endpoint, start, secrets)


def _replay(endpoint: Endpoint, given: Surrounding, stack: AsyncExitStack) -> Caller:
    from gitexp.evaluation.endpoints.replays import DatasetReplay, RunReplay

    run = endpoint.options.get("run")
    if run is None:
        return DatasetReplay(what=endpoint.what)
    if given.recorded is None:
        raise InvalidInput(
            f"{endpoint.what} replays run {run}, and recorded runs cannot be read here",
            hint="Run it with `--executor local`.",
        )
    return RunReplay(given.recorded(run), run, what=endpoint.what)


def _agent() -> str:
    from gitexp import __version__

    return f"gitexp/{__version__}"


_OPENERS: Mapping[str, Callable[[Endpoint, Surrounding, AsyncExitStack], Caller]] = {
    "python": _python,
    "http": _http,
    "chat": _chat,
    "command": _command,
    "replay": _replay,
}
