"""Where spans are sent, as the standard variables of OpenTelemetry say it.

The names and their meaning are those of the specification: "OpenTelemetry Protocol Exporter" and
"Environment Variable Specification". Nothing is sent unless an endpoint is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import SplitResult, unquote, urlsplit

from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    from yarl import URL

_PREFIX = "OTEL_EXPORTER_OTLP_"
_TIMEOUT = 10_000
_PORTS = {"http": 80, "https": 443}
_HINT = "Set OTEL_EXPORTER_OTLP_ENDPOINT to an address such as http://localhost:4318."


@dataclass(frozen=True, kw_only=True)
class Collector:
    """A server that takes spans by OTLP/HTTP.

    Attributes:
        timeout: the seconds that one request may take.
        compresses: whether requests are compressed with gzip.
        proxy: the proxy through which it is asked; None for none.
        certificate: a file with the certificates that it is trusted by; empty for the usual ones.
        client_certificate, client_key: files with which this side says who it is.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = _TIMEOUT / 1000
    compresses: bool = False
    proxy: str | None = field(default=None, repr=False)
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""

    @property
    def name(self) -> str:
        """Its address without what may be secret in one: user, password and query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _Place(NamedTuple):
    scheme: str
    host: str
    port: int


def collector_of(environ: Mapping[str, str]) -> Collector | None:
    """Return the collector that environment variables name; None where they name none.

    Raises:
        InvalidInput: a variable cannot be used; the message names it, without its value where
            that may be secret.
    """
    if _is_off(environ):
        return None
    url = _url(environ)
    if not url:
        return None
    parts = _checked(url)
    _check_protocol(environ)
    return Collector(
        url=url,
        headers=_headers(environ),
        timeout=_timeout(environ),
        compresses=_value(environ, "COMPRESSION").lower() == "gzip",
        proxy=_proxy(parts, environ),
        certificate=_value(environ, "CERTIFICATE"),
        client_certificate=_value(environ, "CLIENT_CERTIFICATE"),
        client_key=_value(environ, "CLIENT_KEY"),
    )


def service_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of the resource that environment variables give, its name among them.

    A list that cannot be read is passed over whole, as the specification wants it.
    """
    try:
        given = pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""), "OTEL_RESOURCE_ATTRIBUTES")
    except InvalidInput:
        given = {}
    name = environ.get("OTEL_SERVICE_NAME", "").strip()
    return {"service.name": "gitexp", **given, **({"service.name": name} if name else {})}


def pairs(text: str, variable: str) -> dict[str, str]:
    """Return what a list such as `a=b,c=d` says; values are percent-encoded.

    Raises:
        InvalidInput: a part of it is no pair.
    """
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = part.partition("=")
        if not (equals and key.strip()):
            raise InvalidInput(
                f"{variable} is no list of NAME=VALUE with commas between them",
                hint="Write a comma in a value as %2C.",
            )
        found[unquote(key.strip())] = unquote(value.strip())
    return found


def _value(environ: Mapping[str, str], name: str) -> str:
    """Return a setting, the one for traces before the one for everything."""
    special = environ.get(f"{_PREFIX}TRACES_{name}", "").strip()
    return special or environ.get(f"{_PREFIX}{name}", "").strip()


def _is_off(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return True
    exporters = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return exporters != "" and "otlp" not in {name.strip() for name in exporters.split(",")}


def _url(environ: Mapping[str, str]) -> str:
    """Return the address that takes spans: the one for traces as it is, else below the one."""
    special = environ.get(f"{_PREFIX}TRACES_ENDPOINT", "").strip()
    if special:
        return special
    base, mark, query = environ.get(f"{_PREFIX}ENDPOINT", "").strip().partition("?")
    return f"{base.rstrip('/')}/v1/traces{mark}{query}" if base else ""


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(
            "the OTLP endpoint does not begin with http:// or https:// and a host", hint=_HINT
        )
    return parts


def _check_protocol(environ: Mapping[str, str]) -> None:
    protocol = _value(environ, "PROTOCOL").lower()
    if protocol not in ("", "http/json", "http/protobuf"):
        raise InvalidInput(
            f"the OTLP protocol {protocol} is not spoken here",
            hint="Set OTEL_EXPORTER_OTLP_PROTOCOL=http/json, and the endpoint for OTLP/HTTP, "
            "whose port is usually 4318.",
        )


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    variable = f"{_PREFIX}HEADERS"
    if environ.get(f"{_PREFIX}TRACES_HEADERS", "").strip():
        variable = f"{_PREFIX}TRACES_HEADERS"
    found = pairs(environ.get(variable, ""), variable)
    for name, value in found.items():
        if not (_is_token(name) and value.isprintable() and _is_latin(value)):
            raise InvalidInput(f"{variable} has a header that cannot be sent")
    return found


def _is_token(name: str) -> bool:
    return name.isascii() and all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)


def _is_latin(value: str) -> bool:
    return all(ord(char) < 0x100 for char in value)


def _timeout(environ: Mapping[str, str]) -> float:
    text = _value(environ, "TIMEOUT")
    if not text:
        return _TIMEOUT / 1000
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 3_600_000):
        raise InvalidInput(f"{_PREFIX}TIMEOUT is {text!r}, which is no number of milliseconds")
    return int(text) / 1000


def _proxy(parts: SplitResult, environ: Mapping[str, str]) -> str | None:
    from gitexp.evaluation.endpoints.proxies import proxy_for

    port = parts.port or _PORTS[parts.scheme]
    place = _Place(scheme=parts.scheme, host=parts.hostname or "", port=port)
    return proxy_for(cast("URL", place), environ)
