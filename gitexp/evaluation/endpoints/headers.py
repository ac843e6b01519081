"""Headers of requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.templates import Constant, Renders

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Headers:
    """The headers of the requests of an endpoint.

    Args:
        templates: a mapping of templates; a header whose template gives null is left out.
        usual: what is sent unless the templates name it.
        what: what the endpoint is called in messages.
    """

    def __init__(self, templates: Renders | None, usual: Mapping[str, str], *, what: str) -> None:
        self._templates = templates
        self._what = what
        self._usual = dict(usual)
        self._static: dict[str, str] | None = None
        if templates is None or isinstance(templates, Constant):
            self._static = self._merged({} if templates is None else templates.render({}))

    def render(self, variables: Mapping[str, Any], traceparent: str = "") -> dict[str, str]:
        """Return the headers of one request.

        Args:
            traceparent: the trace that the request belongs to; empty for none.

        Raises:
            CallFailed: one of them cannot be sent.
        """
        found = self._static
        if found is None:
            assert self._templates is not None  # else they are static
            found = self._merged(self._templates.render(variables))
        if traceparent and "traceparent" not in found:
            return {**found, "traceparent": traceparent}
        return found

    def _merged(self, given: Mapping[str, Any]) -> dict[str, str]:
        headers = {name: self._value(name, v) for name, v in given.items() if v is not None}
        named = {name.lower() for name in headers}
        return {**{k: v for k, v in self._usual.items() if k.lower() not in named}, **headers}

    def _value(self, name: str, value: Any) -> str:
        from gitexp.evaluation.sandbox import as_text

        text = as_text(value)
        if _CONTROL.search(text):
            raise CallFailed(
                f"{self._what}: headers.{name}: it holds a line feed or another control character",
                kind="Template",
            )
        return text
