"""Endpoints of the type `http`: a request made from templates, and an answer read by paths."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gitexp.evaluation.answers import Answer, Asking, CallFailed
from gitexp.evaluation.compiling import SECRETS
from gitexp.evaluation.endpoints.addresses import Address, encoded_pairs
from gitexp.evaluation.endpoints.connections import Connections, Request
from gitexp.evaluation.endpoints.headers import Headers
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.responses import Reader
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.evaluation.sandbox import plain
from gitexp.evaluation.templates import Renders

_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "body": "text/plain; charset=utf-8",
}
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain
)


def json_bytes(value: Any) -> bytes:
    """Return a value as compact JSON in UTF-8."""
    return _ENCODER.encode(value).encode("utf-8")


_ENCODERS: Mapping[str, Callable[[Any], bytes]] = {
    "json": json_bytes,
    "form": lambda value: encoded_pairs(value).encode("ascii"),
    "body": lambda value: (value if isinstance(value, str) else _ENCODER.encode(value)).encode(),
}


class HttpCaller:
    """A system that is asked by HTTP requests."""

    def __init__(
        self,
        endpoint: Endpoint,
        templates: Mapping[str, Renders],
        secrets: Secrets,
        connections: Connections,
    ) -> None:
        options = endpoint.options
        self._what = endpoint.what
        self._connections = connections
        self._secrets = secrets
        where = f"{endpoint.what}: url"
        self._address = Address(templates["url"], templates.get("query"), where=where)
        self._kind = next((key for key in _TYPES if key in templates), "")
        self._body = templates.get(self._kind)
        self._headers = Headers(
            templates.get("headers"),
            {"Content-Type": _TYPES[self._kind]} if self._kind else {},
            what=endpoint.what,
        )
        self._method = options.get("method", "POST" if self._kind else "GET")
        self._reader = Reader(options.get("response", {}), endpoint.price, form="json")

    async def call(self, asking: Asking) -> Answer:
        """Return the answer of the system; see `Caller.call`."""
        request = self._request(asking)
        received = await self._connections.send(request)
        try:
            output, usage = self._reader.read(received.body, received.charset)
        except CallFailed as exc:
            message = f"{self._what}: {exc}"
            raise self._secrets.failed(message, kind=exc.kind, usage=exc.usage) from exc
        return Answer(
            output=output,
            usage=usage,
            attributes={
                "http.request.method": self._method,
                "http.response.status_code": received.status,
                "server.address": request.url.host,
                "server.port": request.url.port,
            },
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    def _request(self, asking: Asking) -> Request:
        variables = asking.variables()
        variables[SECRETS] = self._secrets
        return Request(
            method=self._method,
            url=self._address.render(variables),
            headers=self._headers.render(variables, asking.traceparent),
            body=self._encoded(variables),
        )

    def _encoded(self, variables: Mapping[str, Any]) -> bytes | None:
        if self._body is None:
            return None
        value = self._body.render(variables)
        try:
            return _ENCODERS[self._kind](value)
        except (TypeError, ValueError, RecursionError) as exc:
            message = f"{self._what}: {self._kind}: {exc}"
            raise self._secrets.failed(message, kind="Template") from exc
