"""Requests to the API of a forge: one origin, one token, bounded in time and size.

The token is sent to the origin that was named and to no other: an answer that sends us to another
host is an error, and so is an address without encryption, except on this machine.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from gitexp.errors import GitexpError, InvalidInput, NotFound, RemoteError, RemoteUnavailable
from gitexp.evaluation.endpoints.proxies import proxy_for

_SECONDS = 20.0
_LARGEST_ANSWER = 16 * 2**20
_ATTEMPTS = 3
_PAUSE = 1.0
_MOST_PAGES = 200
_IN_TROUBLE = frozenset([429, 500, 502, 503, 504])
_PORTS = {"http": 80, "https": 443}
_HERE = frozenset(["localhost", "127.0.0.1", "::1"])
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")


@dataclass(frozen=True, kw_only=True)
class Login:
    """A token, and the header in which a forge wants it."""

    header: str
    prefix: str = ""
    token: str = field(repr=False)

    def headers(self) -> dict[str, str]:
        """Return the header with the token.

        Raises:
            InvalidInput: the token holds what no header may.
        """
        if not _TOKEN.match(self.token):
            raise InvalidInput(
                "the token is empty or holds spaces or line breaks",
                hint="Put the token alone into the variable.",
            )
        return {self.header: self.prefix + self.token}


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What came back: its JSON, and the address of the page behind it."""

    value: Any
    next: str = ""


class Web:
    """The API of a forge.

    Args:
        address: where it begins, such as `https://forge.example/api/v1`.
        environ: names proxies.
        pause: waits for so many seconds before a request is repeated.
    """

    def __init__(
        self,
        address: str,
        login: Login,
        *,
        environ: Mapping[str, str] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address.rstrip("/")
        self._parts = checked_address(self.address)
        self._headers = {
            "User-Agent": "gitexp",
            "Accept": "application/json",
            **login.headers(),
        }
        self._opener = _opener(self._parts, environ or {})
        self._pause = pause

    def get(self, path: str) -> Any:
        """Return the JSON that stands at a path.

        Raises:
            NotFound: nothing stands there.
            RemoteUnavailable: the forge cannot be reached, or refused the token.
            RemoteError: it answered with something else than JSON, or refused.
        """
        return self._asked("GET", self.address + path).value

    def send(self, method: str, path: str, document: Mapping[str, Any]) -> Any:
        """Return the answer to a document that is sent; raises as `get` does."""
        return self._asked(method, self.address + path, document).value

    def pages(self, path: str) -> Iterator[Any]:
        """Yield what the pages of a list hold, following the links between them.

        Raises:
            RemoteError: there is no end to the pages, or one leads to another host; or as `get`.
        """
        url = self.address + path
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= _MOST_PAGES:
                raise RemoteError(f"the pages of {_shown(url)} have no end")
            seen.add(url)
            answer = self._asked("GET", url)
            if not isinstance(answer.value, list):
                raise RemoteError(f"{_shown(url)} is no list")
            yield from answer.value
            url = urljoin(url, answer.next) if answer.next else ""
            if url:
                _check_same_origin(self._parts, url)

    def _asked(self, method: str, url: str, document: Mapping[str, Any] | None = None) -> _Answer:
        """Return an answer; what may be sent twice is, where the forge is in trouble."""
        attempts = 1 if method == "POST" else _ATTEMPTS
        for attempt in range(1, attempts):
            try:
                return self._once(method, url, document)
            except _InTrouble:
                self._pause(_PAUSE * attempt)
        try:
            return self._once(method, url, document)
        except _InTrouble as exc:
            raise RemoteUnavailable(exc.message, hint="Run it again later.") from exc

    def _once(self, method: str, url: str, document: Mapping[str, Any] | None) -> _Answer:
        headers = dict(self._headers)
        data = None
        if document is not None:
            data = json.dumps(document).encode()
            headers["Content-Type"] = "application/json"
        request = Request(url, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                return _read(answer, answer.headers, url)
        except HTTPError as exc:
            raise _refusal(exc, method, url) from exc
        except (URLError, HTTPException, OSError) as exc:
            reason = exc.reason if isinstance(exc, URLError) else exc
            raise _InTrouble(f"{_shown(url)} cannot be reached: {reason}") from exc


class _InTrouble(RemoteUnavailable):
    """The forge could not answer now."""


def checked_address(address: str) -> SplitResult:
    """Return the parts of an address to which a token may be sent.

    Raises:
        InvalidInput: it is none.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise InvalidInput(f"{address!r} is no address: {exc}") from exc
    if not host or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise InvalidInput(
            f"{_shown(address)!r} is no address of a forge",
            hint="Write it as https://forge.example/api/v1, without a login.",
        )
    if parts.scheme == "http" and host not in _HERE:
        raise InvalidInput(
            f"{_shown(address)} is not encrypted, and the token would be readable on its way",
            hint="Use the address that begins with https://.",
        )
    return parts


@dataclass(frozen=True, kw_only=True)
class _Address:
    """Where the forge is asked."""

    scheme: str
    host: str | None
    port: int | None


def _opener(parts: SplitResult, environ: Mapping[str, str]) -> OpenerDirector:
    """Return what asks, through the proxy that the environment names."""
    port = parts.port or _PORTS[parts.scheme]
    where = _Address(scheme=parts.scheme, host=parts.hostname, port=port)
    proxy = None if parts.hostname in _HERE else proxy_for(where, environ)
    named = {parts.scheme: proxy} if proxy else {}
    return build_opener(ProxyHandler(named), _SameOrigin(parts))


class _SameOrigin(HTTPRedirectHandler):
    """Follows a redirect of a question to the same origin, and no other one."""

    def __init__(self, parts: SplitResult) -> None:
        self._parts = parts

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _check_same_origin(self._parts, newurl)
        if req.get_method() != "GET":
            raise RemoteError(
                f"{_shown(req.full_url)} has moved to {_shown(newurl)}",
                hint="Name the new address of the forge or of the repository.",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_same_origin(ours: SplitResult, url: str) -> None:
    theirs = urlsplit(url)
    if _origin(ours) != _origin(theirs):
        raise RemoteError(
            f"the forge at {ours.netloc} sends us to {_shown(url)}, which gets no token",
            hint="Name the address at which the forge itself answers.",
        )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _read(body: IO[bytes], headers: HTTPMessage, url: str) -> _Answer:
    data = body.read(_LARGEST_ANSWER + 1)
    if len(data) > _LARGEST_ANSWER:
        raise RemoteError(f"the answer of {_shown(url)} is larger than {_LARGEST_ANSWER} bytes")
    try:
        value = json.loads(data) if data.strip() else None
    except (ValueError, RecursionError) as exc:
        raise RemoteError(
            f"the answer of {_shown(url)} is no JSON", hint="Check the address of the API."
        ) from exc
    link = _NEXT.search(headers.get("Link") or "")
    return _Answer(value=value, next=link[1] if link else "")


def _refusal(error: HTTPError, method: str, url: str) -> GitexpError:
    with error:
        said = _explanation(error)
    what = f"{method} {_shown(url)}: {error.code} {said}".rstrip()
    if error.code in _IN_TROUBLE:
        return _InTrouble(what)
    if error.code == 401:
        return RemoteUnavailable(f"the token is refused by {what}", hint="Give a valid token.")
    if error.code == 403:
        return RemoteError(
            f"the token is not allowed to do this: {what}",
            hint="On GitHub the job needs `permissions: pull-requests: write`; elsewhere the "
            "token needs the right to comment.",
        )
    if error.code == 404:
        return NotFound(
            f"there is nothing at {what}",
            hint="Check the repository and the number, and what the token may see.",
        )
    return RemoteError(f"refused: {what}")


def _explanation(error: HTTPError) -> str:
    """Return what a forge says about a refusal, as one short line."""
    try:
        said = json.loads(error.read(1 << 16))
        text = said.get("message") or said.get("error") or ""
    except (ValueError, AttributeError, OSError, RecursionError):
        text = error.reason
    return " ".join(str(text).split())[:200]


def _shown(url: str) -> str:
    """Return an address as it may be printed: without a login and without a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
