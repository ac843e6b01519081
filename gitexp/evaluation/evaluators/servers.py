"""A server with an OpenAI-compatible API that evaluators ask, connected as endpoints are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from gitexp.documents.problems import Problem
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.answers import Answer, Asking, Caller, CallFailed
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.endpoints.loading import Endpoint, endpoint_of
from gitexp.evaluation.evaluators.cases import Described, Opening
from gitexp.ids import Digest, VersionId

CONCURRENCY = 15
"""How many questions a server is asked at once, unless a description says."""

_TIMEOUT = 60.0
_COMMON = ("timeout", "concurrency", "retry", "rate_limit", "price", "proxy")
_USAGE = {"input_tokens": "/usage/prompt_tokens", "output_tokens": "/usage/completion_tokens"}
_PLACES = {"url": "base_url", "headers": "api_key"}


def server_of(described: Described, path: str) -> Endpoint:
    """Return the endpoint that is asked questions at a path below the base URL.

    Raises:
        InvalidDocuments: base URL or key are no templates of the kind that they may be.
    """
    from gitexp.evaluation.endpoints.checking import faults_in

    options = described.options
    data = {
        "type": "http",
        "url": f"{options['base_url'].rstrip('/')}/{path}",
        "headers": {"Authorization": f"Bearer {options['api_key']}"}
        if "api_key" in options
        else {},
        "json": "{{ input }}",
        "response": {"status": [200], "format": "json", "usage": _USAGE},
        "timeout": _TIMEOUT,
        "concurrency": CONCURRENCY,
        **{key: options[key] for key in _COMMON if key in options},
    }
    problems = [
        Problem(file=described.file, place=_PLACES.get(str(place[0]), ""), message=message)
        for place, message in faults_in(data)
    ]
    if problems:
        raise InvalidDocuments(problems, hint="Write the key as {{ secrets.SLOT }}.")
    return endpoint_of(described.file, data)


class Server:
    """A server that is asked with JSON and answers with it."""

    def __init__(self, caller: Caller, endpoint: Endpoint, parameters: Mapping[str, Any]) -> None:
        self._caller = caller
        self._endpoint = endpoint
        self._parameters = parameters

    async def ask(self, sample: Sample, question: Mapping[str, Any], *, time: int = 0) -> Answer:
        """Return the answer, asked for again where that may help.

        Args:
            sample: what the question is about.
            time: which of several times the same question is asked, from 0.

        Raises:
            CallFailed: there is none that can be used.
        """
        asking = Asking(sample=sample, input=question, parameters=self._parameters, repeat=time)
        try:
            return await self._caller.call(asking)
        except CallFailed as exc:
            message = str(exc).removeprefix(f"{self._endpoint.what}: ")
            raise CallFailed(message, kind=exc.kind) from exc


@asynccontextmanager
async def connected(
    described: Described, endpoint: Endpoint, opening: Opening
) -> AsyncIterator[Server]:
    """Yield the server of a description.

    Raises:
        InvalidInput: aiohttp is not installed, or the slot of the key holds no secret.
        NotFound: the key is not set.
    """
    from gitexp.evaluation.endpoints.opening import open_caller
    from gitexp.evaluation.running.patience import patient

    parameters = _parameters(described, opening)
    async with open_caller(
        endpoint,
        directory=opening.directory,
        parameters=parameters,
        environ=opening.environ,
        threads=opening.threads,
        clock=opening.clock,
    ) as caller:
        asked = patient(
            caller,
            endpoint,
            cache=opening.cache,
            clock=opening.clock,
            random_bits=opening.random_bits,
        )
        yield Server(asked, endpoint, parameters)


def _parameters(described: Described, opening: Opening) -> Parameters:
    """Return the values of an experiment, or values that are given without one."""
    if isinstance(opening.parameters, Parameters):
        return opening.parameters
    if "api_key" in described.options:
        raise InvalidInput(
            f"{described.file} needs a secret, and no experiment's values are given",
            hint="Score with the values of an experiment: `--experiment NAME`.",
        )
    nowhere = Provenance(experiment="", experiment_id="", version=VersionId(""), digest=Digest(""))
    return Parameters(opening.parameters, types={}, provenance=nowhere, environ=opening.environ)
