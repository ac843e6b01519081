"""Connections to web servers with the proxies and certificates that Git would use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gitexp.store.gitconfig import parse_bool
from gitexp.store.lfs.settings import LfsSettings
from gitexp.store.watching import PATIENCE

if TYPE_CHECKING:
    from urllib3 import PoolManager

SLOWEST_ANSWER = 300.0
"""Seconds that a server may take to answer; it may have to store gigabytes first."""


def connections_to(url: str, settings: LfsSettings, *, at_once: int) -> PoolManager:
    """Return a pool of connections for a URL's server.

    Args:
        at_once: how many threads use it.
    """
    from urllib3 import PoolManager, ProxyManager, Timeout, make_headers

    given: dict[str, Any] = {
        "timeout": Timeout(connect=PATIENCE, read=SLOWEST_ANSWER),
        "maxsize": at_once,
        "retries": False,
        **(_certificates(url, settings) if url.startswith("https:") else {}),
    }
    proxy = proxy_for(url, settings)
    if proxy is None:
        return PoolManager(**given)
    parts = urlsplit(proxy)
    headers = {}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = dict(make_headers(proxy_basic_auth=login))
    return ProxyManager(proxy, proxy_headers=headers, **given)


def proxy_for(url: str, settings: LfsSettings) -> str | None:
    """Return the proxy for a URL, or None: the configuration first, then the environment."""
    scheme, environ = url.partition(":")[0], settings.environ
    configured = settings.strongest("http", "proxy", url)
    if configured is not None:
        found: str | None = configured
    else:
        names = [f"{scheme}_proxy", *(["HTTPS_PROXY"] * (scheme == "https")), "all_proxy"]
        names.append("ALL_PROXY")
        found = next((environ[name] for name in names if environ.get(name)), None)
    if not found or _is_exempt(url, environ):
        return None
    return found if "://" in found else f"http://{found}"


def _is_exempt(url: str, environ: Mapping[str, str]) -> bool:
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    host = urlsplit(url).netloc.rpartition("@")[2]
    return bool(exempt) and bool(proxy_bypass_environment(host, {"no": exempt}))


def _certificates(url: str, settings: LfsSettings) -> dict[str, Any]:
    environ = settings.environ
    verify = parse_bool(settings.strongest("http", "sslverify", url) or "true", True)
    if "GIT_SSL_NO_VERIFY" in environ:
        verify = False
    files = {
        "ca_certs": environ.get("GIT_SSL_CAINFO") or settings.strongest("http", "sslcainfo", url),
        "cert_file": environ.get("GIT_SSL_CERT") or settings.strongest("http", "sslcert", url),
        "key_file": environ.get("GIT_SSL_KEY") or settings.strongest("http", "sslkey", url),
    }
    given = {name: _home(path, environ) for name, path in files.items() if path}
    return {"cert_reqs": "CERT_REQUIRED" if verify else "CERT_NONE", **given}


def _home(path: str, environ: Mapping[str, str]) -> str:
    return environ.get("HOME", "~") + path[1:] if path.startswith("~/") else path
