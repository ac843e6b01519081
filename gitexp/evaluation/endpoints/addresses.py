"""Addresses of requests: the host is named by a person, and data stays where data belongs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.compiling import MARK
from gitexp.evaluation.templates import Renders

if TYPE_CHECKING:
    from yarl import URL

_AUTHORITY = re.compile(r"[A-Za-z]+://[^/?#\\]*[/?#]")
_CLIMBING = re.compile(r"/\.\.?(?:/|$)")


class Address:
    """The address of a request: a template, and one of its query.

    Args:
        where: what the address is, in front of messages.
    """

    def __init__(self, url: Renders, query: Renders | None, *, where: str) -> None:
        self._url = url
        self._query = query
        self._where = where
        self._last: tuple[str, URL] | None = None

    def render(self, variables: Mapping[str, Any]) -> URL:
        """Return the address of one request.

        Raises:
            CallFailed: it is none, or data would name the host.
        """
        text: str = self._url.render(variables)
        if self._query is not None:
            text = self._with_query(text, self._query.render(variables))
        if self._last is None or self._last[0] != text:
            self._last = (text, self._parsed(text))
        return self._last[1]

    def _with_query(self, text: str, query: Mapping[str, Any]) -> str:
        try:
            return _with_query(text, query)
        except ValueError as exc:
            raise self._wrong(f"its query: {exc}") from exc

    def _parsed(self, text: str) -> URL:
        from yarl import URL

        try:
            url = URL(self._checked(text))
        except ValueError as exc:
            raise self._wrong(str(exc)) from exc
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise self._wrong("it does not begin with http:// or https:// and a host")
        return url

    def _checked(self, text: str) -> str:
        """Return an address without the marks of what came from data, if that stands well."""
        if MARK not in text:
            return text
        begin = _AUTHORITY.match(text)
        if begin is None or MARK in begin.group():
            raise self._wrong("data names the host; only parameters may")
        text = text.replace(MARK, "")
        if _CLIMBING.search(re.split("[?#]", text, maxsplit=1)[0], begin.end() - 1):
            raise self._wrong("data makes the path climb with . or ..")
        return text

    def _wrong(self, reason: str) -> CallFailed:
        return CallFailed(f"{self._where}: {reason}", kind="Template")


def _with_query(text: str, query: Mapping[str, Any]) -> str:
    found = encoded_pairs(query)
    if not found:
        return text
    text = text.partition("#")[0]
    return f"{text}{'&' if '?' in text else '?'}{found}"


def encoded_pairs(values: Mapping[str, Any]) -> str:
    """Return values as the text of a query or of a form; null is left out, a list repeats."""
    from gitexp.evaluation.sandbox import as_text

    pairs = [
        (key, as_text(part))
        for key, value in values.items()
        for part in (value if isinstance(value, list) else [value])
        if part is not None
    ]
    return urlencode(pairs, quote_via=quote, safe="")
