"""A server with an OpenAI-compatible API that evaluators ask, over one session for a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gitexp.environments.parameters import MASK, Parameters
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.evaluators.cases import Described, Opening

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

ATTEMPTS = 3
"""How often a server is asked until it answers, unless a description says."""

CONCURRENCY = 15
"""How many questions a server is asked at once, unless a description says."""

_TIMEOUT = 60.0
_MAX_ANSWER = 10 * 2**20
_SHOWN = 300
_RETRYABLE = frozenset([408, 409, 425, 429, 500, 502, 503, 504, 529])
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0


class Server:
    """A server that is asked with JSON and answers with it."""

    def __init__(self, session: ClientSession, described: Described, key: str) -> None:
        self._session = session
        self._url = described.options["base_url"].rstrip("/")
        self._key = key
        self._attempts: int = described.get("attempts", ATTEMPTS)
        self._places = asyncio.Semaphore(described.get("concurrency", CONCURRENCY))

    async def ask(self, path: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer, asked for again where that may help.

        Raises:
            CallFailed: there is none that can be used.
        """
        async with self._places:
            for attempt in range(1, self._attempts):
                try:
                    return await self._asked(path, question)
                except CallFailed as exc:
                    if not exc.retryable:
                        raise
                    await asyncio.sleep(_wait(attempt, exc.retry_after))
            return await self._asked(path, question)

    async def _asked(self, path: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        import aiohttp

        try:
            async with self._session.post(
                f"{self._url}/{path}", json=question, allow_redirects=False
            ) as response:
                body = await _body_of(response)
                return self._read(response, body)
        except asyncio.TimeoutError as exc:
            raise CallFailed("no answer in time", kind="Timeout", retryable=True) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise CallFailed(
                self._masked(f"{type(exc).__name__}: {exc}"), kind="Connection", retryable=True
            ) from exc

    def _read(self, response: ClientResponse, body: bytes) -> Mapping[str, Any]:
        status = response.status
        if status != 200:
            said = self._masked(body.decode("utf-8", "replace"))[:_SHOWN].strip()
            raise CallFailed(
                f"HTTP {status}{': ' if said else ''}{said}",
                kind=f"HTTP {status}",
                retryable=status in _RETRYABLE,
                retry_after=_retry_after(response.headers.get("Retry-After", "")),
            )
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise CallFailed("the server's answer is no JSON", kind="BadResponse") from exc
        if not isinstance(answer, dict):
            raise CallFailed("the server's answer is no object", kind="BadResponse")
        return answer

    def _masked(self, text: str) -> str:
        return text.replace(self._key, MASK) if self._key else text


@asynccontextmanager
async def connected(described: Described, opening: Opening) -> AsyncIterator[Server]:
    """Yield the server that a description names.

    Raises:
        InvalidInput: aiohttp is not installed, or the slot of the key holds no secret.
        NotFound: the key is not set.
    """
    try:
        import aiohttp
    except ImportError as exc:
        raise InvalidInput(
            f"{described.file} asks a server through aiohttp, which is not installed",
            hint="Install it: `pip install 'gitexp[eval]'`.",
        ) from exc
    key = _key_of(described, opening)
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=aiohttp.ClientTimeout(total=described.get("timeout", _TIMEOUT)),
        trust_env=described.get("proxy", False),
    ) as session:
        yield Server(session, described, key)


def _key_of(described: Described, opening: Opening) -> str:
    slot = described.get("api_key")
    if slot is None:
        return ""
    if not isinstance(opening.parameters, Parameters):
        raise InvalidInput(
            f"{described.file} needs the secret slot {slot!r}, and no version's values are given",
            hint="Score with the values of an experiment.",
        )
    return opening.parameters.secret(slot, opening.environ)


async def _body_of(response: ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(2**16):
        size += len(part)
        if size > _MAX_ANSWER:
            raise CallFailed(
                f"the server's answer is larger than {_MAX_ANSWER} bytes", kind="BadResponse"
            )
        parts.append(part)
    return b"".join(parts)


def _retry_after(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _wait(attempt: int, asked: float | None) -> float:
    seconds = _FIRST_WAIT * 2.0 ** (attempt - 1) if asked is None else asked
    return min(seconds, _LONGEST_WAIT)
