"""Proxies, as environment variables name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Address(Protocol):
    """Where something is asked."""

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        ...

    @property
    def host(self) -> str | None:
        """The name or number of the machine."""
        ...

    @property
    def port(self) -> int | None:
        """The port."""
        ...


def proxy_for(url: Address, environ: Mapping[str, str]) -> str | None:
    """Return the proxy through which an address is asked; None for none.

    `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY` are read, and `NO_PROXY`, the lower case first.
    """
    scheme = url.scheme
    proxy = _variable(f"{scheme}_proxy", environ) or _variable("all_proxy", environ)
    if not proxy or _is_direct(url, _variable("no_proxy", environ)):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(name: str, environ: Mapping[str, str]) -> str:
    return environ.get(name) or environ.get(name.upper(), "")


def _is_direct(url: Address, exceptions: str) -> bool:
    """Return whether a host, or a domain around it, is among those asked without a proxy."""
    host = (url.host or "").lower()
    for entry in exceptions.lower().replace(",", " ").split():
        name, _, port = entry.partition(":")
        name = name.removeprefix("*").removeprefix(".")
        if port and port != str(url.port):
            continue
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False
