"""Requests to a Git LFS server: logged in when it asks for it, repeated when it is in trouble."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin

from gitexp.errors import GitexpError, NotFound, RemoteError
from gitexp.store.lfs.connections import SLOWEST_ANSWER, connections_to
from gitexp.store.lfs.credentials import (
    Credentials,
    Login,
    Server,
    login_in,
    server_of,
    without_login,
)
from gitexp.store.lfs.endpoints import Endpoint
from gitexp.store.lfs.settings import LfsSettings
from gitexp.store.pushes import unanswered, unavailable
from gitexp.store.urls import redact, sanitize

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_RETRIES = 3
_REDIRECTS = 5
_IN_TROUBLE = frozenset([408, 429, 500, 502, 503, 504])
_MOVED = frozenset([301, 302, 307, 308])
_LONGEST_PAUSE = 10
_LONGEST_EXPLANATION = 1 << 16
_AGENT = "gitexp (git-lfs client)"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        headers: with an `Authorization` among them, nobody is asked for another one.
        body: opens what is sent, again for each attempt.
        own: whether the user's own login may be sent.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], IO[bytes]] | None = None
    own: bool = True


class Web:
    """The way to a Git LFS server and to wherever it sends us; threads may share it.

    Args:
        given: headers for the server itself, such as ssh got from it.
        at_once: how many threads share it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: LfsSettings,
        credentials: Credentials,
        *,
        given: Mapping[str, str],
        at_once: int,
    ) -> None:
        self.endpoint = endpoint
        self._settings = settings
        self._credentials = credentials
        self._given = dict(given)
        self._at_once = at_once
        self._attempts = 1 + settings.number("lfs.transfer.maxretries", _RETRIES)
        self._longest_pause = settings.number("lfs.transfer.maxretrydelay", _LONGEST_PAUSE)
        self._pools: dict[Server, PoolManager] = {}
        if login := login_in(endpoint.url):
            credentials.remember(endpoint.url, login)

    @property
    def base(self) -> str:
        """The address of the API, without a login in it."""
        return without_login(self.endpoint.url)

    def close(self) -> None:
        """End all connections."""
        for pool in self._pools.values():
            pool.clear()

    @contextlib.contextmanager
    def answer(self, request: Request) -> Iterator[BaseHTTPResponse]:
        """Yield the answer to a request that succeeded; its body is still to be read.

        Raises:
            RemoteUnavailable: the server cannot be reached, or refused the credentials.
            NotFound: it says that this is not there.
            RemoteError: it refused the request.
        """
        with self._translated(), self._opened(request) as response:
            yield response

    def take(self, request: Request, work: Callable[[BaseHTTPResponse], object]) -> None:
        """Hand the answer to a request over, and once more from its beginning where it breaks off.

        Raises:
            RemoteUnavailable, NotFound, RemoteError: as for `answer`.
        """
        from urllib3.exceptions import ProtocolError

        with self._translated():
            for attempt in itertools.count(1):
                with self._opened(request) as response:
                    try:
                        work(response)
                    except ProtocolError:
                        if attempt >= self._attempts:
                            raise
                    else:
                        return
                self._wait(attempt, None)

    @contextlib.contextmanager
    def _opened(self, request: Request) -> Iterator[BaseHTTPResponse]:
        response = self._answered(request)
        try:
            if not 200 <= response.status < 300:
                raise self._refusal(request, response)
            yield response
        finally:
            response.close()
            response.release_conn()

    def _wait(self, attempt: int, wanted: str | None) -> None:
        time.sleep(min(_pause_after(attempt, wanted), self._longest_pause))

    def _answered(self, request: Request) -> BaseHTTPResponse:
        """Return the answer of the last attempt, whatever it is."""
        from urllib3.exceptions import ProtocolError

        for attempt in range(1, self._attempts):
            wanted = None
            with contextlib.suppress(ProtocolError):
                response = self._logged_in(request)
                if response.status not in _IN_TROUBLE:
                    return response
                wanted = response.headers.get("Retry-After")
                _let_go(response)
            self._wait(attempt, wanted)
        return self._logged_in(request)

    def _logged_in(self, request: Request) -> BaseHTTPResponse:
        headers, login = self._headers(request)
        response = self._followed(request, headers)
        while response.status == 401 and request.own and (login or not _authorized(headers)):
            login = self._credentials.ask(request.url, login)
            if login is None:
                break
            _let_go(response)
            headers = {**headers, "Authorization": login.header}
            response = self._followed(request, headers)
        if login is not None and response.status < 400:
            self._credentials.worked(request.url, login)
        return response

    def _headers(self, request: Request) -> tuple[dict[str, str], Login | None]:
        """Return the headers of a request, and the login among them."""
        headers = {"User-Agent": _AGENT}
        if request.own:
            headers |= self._extra(request.url)
            if server_of(request.url) == server_of(self.base):
                headers |= self._given
        if _authorized(request.headers):
            headers = _without_authorization(headers)
        headers |= request.headers
        login = None
        if request.own and not _authorized(headers):
            login = self._credentials.known(request.url)
        return headers | ({"Authorization": login.header} if login else {}), login

    def _extra(self, url: str) -> dict[str, str]:
        """Return the headers of `http.extraHeader`.

        Those that the configuration wants for all servers go to the one that the user's own
        configuration names, and not to one that a file of the repository or a server names.
        """
        known = self.endpoint.trusted and server_of(url) == server_of(self.base)
        found: dict[str, str] = {}
        for scoped, line in self._settings.by_url("http", "extraheader", url):
            name, colon, value = line.partition(":")
            if not line:
                found.clear()
            elif colon and (scoped or known):
                found[name.strip()] = value.strip()
        return found

    def _followed(self, request: Request, headers: Mapping[str, str]) -> BaseHTTPResponse:
        url = without_login(request.url)
        for _ in range(_REDIRECTS):
            response = self._sent(request, url, headers)
            target = response.headers.get("Location")
            if response.status not in _MOVED or not target:
                return response
            _let_go(response)
            target = self._moved_to(url, target)
            if server_of(target) != server_of(url):
                headers = _without_authorization(headers)
            url = target
        raise self._lost("without end")

    def _sent(self, request: Request, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        pool, sent = self._pool(url), dict(headers)
        with contextlib.ExitStack() as opened:
            given: dict[str, Any] = {}
            if request.body is not None:
                given["body"] = opened.enter_context(request.body())
                given["chunked"] = sent.pop("Transfer-Encoding", "").lower() == "chunked"
                if given["chunked"]:
                    sent.pop("Content-Length", None)
            return pool.request(
                request.method,
                url,
                headers=sent,
                preload_content=False,
                decode_content=False,
                redirect=False,
                **given,
            )

    def _moved_to(self, url: str, location: str) -> str:
        """Return where a redirect leads, unless it is no address or a less safe one."""
        try:
            target = urljoin(url, location)
            scheme = server_of(target).scheme
        except ValueError as exc:
            raise self._lost("to no address") from exc
        if scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:")):
            raise self._lost(f"to {redact(target)}, which is less safe")
        return target

    def _lost(self, how: str) -> GitexpError:
        line = f"it redirects {how}"
        return unavailable(self.endpoint.title, self.endpoint.remote, line, denied=False)

    def _pool(self, url: str) -> PoolManager:
        server = server_of(url)
        if server not in self._pools:
            self._pools[server] = connections_to(url, self._settings, at_once=self._at_once)
        return self._pools[server]

    def _refusal(self, request: Request, response: BaseHTTPResponse) -> GitexpError:
        said = explanation(response.read(_LONGEST_EXPLANATION))
        status = f"HTTP {response.status}" + (f": {said}" if said else "")
        title, remote = self.endpoint.title, self.endpoint.remote
        if response.status in (401, 403, 407):
            return unavailable(title, remote, status, denied=True)
        if response.status in (404, 410):
            return NotFound(
                f"{title} does not have what was asked for: {sanitize(status)}",
                hint="See `git lfs env` for the address; `git config lfs.url URL` sets another.",
            )
        return RemoteError(
            f"{title} refused: {sanitize(status)}",
            hint="Ask those who run it, or set another one with `git config lfs.url URL`.",
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        title, remote = self.endpoint.title, self.endpoint.remote
        try:
            yield
        except ReadTimeoutError as exc:
            raise unanswered(title, remote, SLOWEST_ANSWER) from exc
        except HTTPError as exc:
            raise unavailable(title, remote, str(exc), denied=False) from exc


def explanation(body: bytes) -> str:
    """Return what a server says of an error, in one line; empty when it says nothing readable."""
    import json

    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = said.get("message") if isinstance(said, dict) else None
    return sanitize(message) if isinstance(message, str) else ""


def _pause_after(attempt: int, wanted: str | None) -> float:
    """Return how many seconds to wait after a failed attempt: what the server wants, else more."""
    if wanted and re.fullmatch(r"\s*[0-9]+\s*", wanted):
        return float(wanted)
    return 0.2 * 2.0**attempt * random.uniform(0.5, 1.0)


def _let_go(response: BaseHTTPResponse) -> None:
    response.drain_conn()
    response.release_conn()


def _without_authorization(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


def _authorized(headers: Mapping[str, str]) -> bool:
    return any(name.lower() == "authorization" for name in headers)
