"""One request that hands spans to a collector, and what came of it."""

from __future__ import annotations

import gzip
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from gitexp.clock import Clock
from gitexp.errors import InvalidInput
from gitexp.evaluation.endpoints.waiting import retry_after
from gitexp.evaluation.tracing.collectors import Collector

_RETRYABLE = frozenset([429, 502, 503, 504])
_MOST_OF_AN_ANSWER = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a request.

    Attributes:
        problem: why the spans were not taken; empty where they were.
        is_retryable: whether the same request may succeed later.
        wait: the seconds that the collector asked to wait; None where it did not.
        rejected: how many of the spans it did not take although the request was right.
        answered: whether it was there at all.
    """

    problem: str = ""
    is_retryable: bool = False
    wait: float | None = None
    rejected: int = 0
    answered: bool = True


class _NoRedirects(HTTPRedirectHandler):
    """Lets no request go elsewhere: its headers are for the collector alone."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def sender_of(collector: Collector, *, version: str, clock: Clock) -> Callable[[bytes], Reply]:
    """Return what sends a body to a collector.

    Raises:
        InvalidInput: a certificate or key cannot be read.
    """
    opener = _opener(collector)
    headers = {
        "User-Agent": f"gitexp/{version}",
        **collector.headers,
        "Content-Type": "application/json",
    }
    if collector.compresses:
        headers["Content-Encoding"] = "gzip"

    def send(body: bytes) -> Reply:
        data = gzip.compress(body, 1) if collector.compresses else body
        request = Request(collector.url, data=data, headers=headers, method="POST")
        return _sent(opener, request, collector.timeout, clock)

    return send


def _opener(collector: Collector) -> OpenerDirector:
    scheme = collector.url.partition(":")[0].lower()
    proxies = {scheme: collector.proxy} if collector.proxy else {}
    handlers: list[Any] = [ProxyHandler(proxies), _NoRedirects()]
    if scheme == "https":
        handlers.append(HTTPSHandler(context=_context(collector)))
    return build_opener(*handlers)


def _context(collector: Collector) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=collector.certificate or None)
        if collector.client_certificate:
            context.load_cert_chain(collector.client_certificate, collector.client_key or None)
    except (OSError, ValueError) as exc:
        raise InvalidInput(f"a certificate for OTLP cannot be used: {exc}") from exc
    return context


def _sent(opener: OpenerDirector, request: Request, timeout: float, clock: Clock) -> Reply:
    try:
        with opener.open(request, timeout=timeout) as response:
            return _read(response.read(_MOST_OF_AN_ANSWER))
    except HTTPError as exc:
        with exc:
            return Reply(
                problem=f"HTTP {exc.code}",
                is_retryable=exc.code in _RETRYABLE,
                wait=retry_after(cast("Mapping[str, str]", exc.headers), clock),
            )
    except (OSError, http.client.HTTPException, ValueError) as exc:
        reason = exc.reason if isinstance(exc, URLError) else exc
        problem = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return Reply(problem=problem, is_retryable=True, answered=False)


def _read(body: bytes) -> Reply:
    """Return what the answer of a collector says that took a request."""
    try:
        partial = json.loads(body or b"{}").get("partialSuccess") or {}
        rejected = int(partial.get("rejectedSpans") or 0)
    except (ValueError, TypeError, AttributeError):
        return Reply()
    if rejected <= 0:
        return Reply()
    return Reply(rejected=rejected, problem=str(partial.get("errorMessage") or "rejected")[:300])
