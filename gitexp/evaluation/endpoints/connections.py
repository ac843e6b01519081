"""Connections to systems over HTTP: requests, answers of bounded size, and what went wrong.

No cookie is kept from one sample to the next, and nothing of the environment is used unless the
endpoint asks for its proxies.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.clock import Clock
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.proxies import proxy_for
from gitexp.evaluation.endpoints.responses import MAX_BYTES, excerpt
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.evaluation.endpoints.waiting import retry_after

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from yarl import URL

_LARGE = 2**19
_MAX_ERROR = 2**16
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_KEEPS_METHOD = frozenset([307, 308])


class Request(NamedTuple):
    """What is sent."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None


class Received(NamedTuple):
    """What came back with a status that is an answer."""

    status: int
    body: bytes
    charset: str | None


class Explanation(NamedTuple):
    """What the body of an error says.

    Attributes:
        is_final: whether asking again cannot help, whatever the status says.
        status: an HTTP status that it names itself.
    """

    message: str
    is_final: bool = False
    status: int | None = None


Explain = Callable[[Any], "Explanation | None"]
"""Finds what a body of JSON says of an error."""


class Connections:
    """The connections of one endpoint, kept open from call to call, in one event loop.

    Raises:
        InvalidInput: aiohttp is not installed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secrets: Secrets,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        agent: str,
    ) -> None:
        self._endpoint = endpoint
        self._secrets = secrets
        self._clock = clock
        response = endpoint.options.get("response", {})
        self._limit: int = response.get("max_bytes", MAX_BYTES)
        self._accepted = frozenset(response.get("status", range(200, 300)))
        self._follows: bool = endpoint.options.get("redirects", False)
        self._environ = environ if endpoint.options.get("proxy") else {}
        self._session = _session(endpoint, agent)

    async def send(self, request: Request, *, explain: Explain | None = None) -> Received:
        """Return the answer to a request.

        Args:
            explain: finds the reason in the body of an error.

        Raises:
            CallFailed: there was none, or its status says that it is no answer.
        """
        try:
            return await self._send(request, _MAX_REDIRECTS if self._follows else 0, explain)
        except asyncio.TimeoutError as exc:
            raise self._failed(
                f"no answer within {self._endpoint.timeout:g} s", kind="Timeout", retryable=True
            ) from exc
        except (OSError, ValueError) as exc:
            raise self._unreachable(exc) from exc
        except Exception as exc:
            if not type(exc).__module__.startswith("aiohttp"):
                raise
            raise self._unreachable(exc) from exc

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _send(self, request: Request, redirects: int, explain: Explain | None) -> Received:
        async with self._session.request(
            request.method,
            request.url,
            data=_payload(request.body),
            headers=request.headers,
            allow_redirects=False,
            proxy=proxy_for(request.url, self._environ) if self._environ else None,
        ) as response:
            status = response.status
            if status in self._accepted:
                body = await self._body(response)
                return Received(status=status, body=body, charset=response.charset)
            if not redirects or status not in _REDIRECTS:
                raise await self._refused(response, explain)
            request = self._redirected(request, response)
        return await self._send(request, redirects - 1, explain)

    async def _body(self, response: ClientResponse) -> bytes:
        """Return the body of an answer, decompressed, unless it is too large."""
        length = response.content_length
        if length is not None and length <= self._limit and not _is_compressed(response):
            return await response.read()
        parts = bytearray()
        async for part in response.content.iter_any():
            parts += part
            if len(parts) > self._limit:
                response.close()
                raise self._failed(
                    f"the answer has more than {self._limit} bytes", kind="BadResponse"
                )
        return bytes(parts)

    async def _refused(self, response: ClientResponse, explain: Explain | None) -> CallFailed:
        status, reason = response.status, response.reason or ""
        if status in _REDIRECTS:
            said = Explanation(f"to {response.headers.get('Location', 'nowhere')}")
        else:
            said = _said(await _beginning(response), explain)
        return self._failed(
            f"HTTP {status} {reason}".strip() + f": {said.message}",
            kind=f"HTTP {status}",
            retryable=self._endpoint.retry.is_retryable(status) and not said.is_final,
            retry_after=retry_after(response.headers, self._clock),
        )

    def _redirected(self, request: Request, response: ClientResponse) -> Request:
        from yarl import URL

        target = request.url.join(URL(response.headers.get("Location", "")))
        if target.origin() != request.url.origin():
            raise self._failed(
                f"HTTP {response.status} leads away from {request.url.origin()}, "
                f"to {target.origin()}, and is not followed",
                kind=f"HTTP {response.status}",
            )
        if response.status in _KEEPS_METHOD or request.method == "GET":
            return Request(
                method=request.method, url=target, headers=request.headers, body=request.body
            )
        headers = {k: v for k, v in request.headers.items() if k.lower() != "content-type"}
        return Request(method="GET", url=target, headers=headers)

    def _unreachable(self, exc: Exception) -> CallFailed:
        from aiohttp import ClientConnectorCertificateError, ClientSSLError, InvalidURL

        if isinstance(exc, (ClientConnectorCertificateError, ClientSSLError)):
            return self._failed(f"the connection is not trusted: {exc}", kind="TLS")
        if isinstance(exc, (InvalidURL, ValueError)):
            return self._failed(f"the request cannot be sent: {exc}", kind="BadRequest")
        text = str(exc) or type(exc).__name__
        return self._failed(f"the connection failed: {text}", kind="Connection", retryable=True)

    def _failed(self, message: str, **fields: Any) -> CallFailed:
        return self._secrets.failed(f"{self._endpoint.what}: {message}", **fields)


def _session(endpoint: Endpoint, agent: str) -> ClientSession:
    try:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
    except ImportError as exc:
        raise InvalidInput(
            f"{endpoint.what} is asked by aiohttp, which is not installed",
            hint="Install it: `pip install 'gitexp[eval]'`.",
        ) from exc
    return ClientSession(
        connector=TCPConnector(limit=endpoint.concurrency or 0),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=endpoint.timeout),
        headers={"User-Agent": agent},
    )


async def _beginning(response: ClientResponse) -> str:
    """Return as much of an error's body as a message may need."""
    parts = bytearray()
    async for part in response.content.iter_any():
        parts += part
        if len(parts) > _MAX_ERROR:
            break
    return bytes(parts[:_MAX_ERROR]).decode("utf-8", "replace")


def _said(text: str, explain: Explain | None) -> Explanation:
    found = None
    if explain is not None:
        with contextlib.suppress(ValueError, RecursionError):
            found = explain(json.loads(text))
    return found or Explanation(excerpt(text))


def _payload(body: bytes | None) -> Any:
    # A large body is sent piece by piece, so that it does not hold up the other calls.
    return io.BytesIO(body) if body is not None and len(body) > _LARGE else body


def _is_compressed(response: ClientResponse) -> bool:
    return "Content-Encoding" in response.headers
