"""Endpoints of the type `chat`: language models behind an OpenAI-compatible API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gitexp.evaluation.answers import Answer, Asking, CallFailed
from gitexp.evaluation.compiling import SECRETS
from gitexp.evaluation.endpoints.completions import Completion, completion_of, error_in
from gitexp.evaluation.endpoints.connections import Connections, Request
from gitexp.evaluation.endpoints.headers import Headers
from gitexp.evaluation.endpoints.loading import Endpoint
from gitexp.evaluation.endpoints.responses import with_cost
from gitexp.evaluation.endpoints.secrets import Secrets
from gitexp.evaluation.endpoints.web import json_bytes
from gitexp.evaluation.templates import Renders

if TYPE_CHECKING:
    from yarl import URL

_SETTINGS = (
    "temperature", "top_p", "max_tokens", "seed", "stop", "response_format", "tools", "tool_choice",
)  # fmt: skip
_TRACED = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
_PROVIDERS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
_PROVIDER_DOMAINS = {
    "openai.azure.com": "azure.ai.openai",
    "amazonaws.com": "aws.bedrock",
    "googleapis.com": "gcp.vertex_ai",
}


class ChatCaller:
    """A language model that is asked for chat completions."""

    def __init__(
        self,
        endpoint: Endpoint,
        templates: Mapping[str, Renders],
        secrets: Secrets,
        connections: Connections,
    ) -> None:
        self._endpoint = endpoint
        self._templates = templates
        self._secrets = secrets
        self._connections = connections
        self._settings = [(key, templates[key]) for key in _SETTINGS if key in templates]
        self._headers = Headers(
            templates.get("headers"), {"Content-Type": "application/json"}, what=endpoint.what
        )
        self._last: tuple[str, URL] | None = None

    async def call(self, asking: Asking) -> Answer:
        """Return the answer of the model; see `Caller.call`."""
        variables = asking.variables()
        variables[SECRETS] = self._secrets
        body = self._body(variables)
        request = Request(
            method="POST",
            url=self._url(variables),
            headers=self._authorised(variables, asking.traceparent),
            body=self._encoded(body),
        )
        received = await self._connections.send(request, explain=error_in)
        try:
            completion = completion_of(received, wants_json=_wants_json(body))
        except CallFailed as exc:
            raise self._failed(str(exc), exc) from exc
        usage = with_cost(completion.usage, self._endpoint.price)
        return Answer(
            output=completion.output,
            usage=usage,
            attributes=self._attributes(request.url, body, completion),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    def _url(self, variables: Mapping[str, Any]) -> URL:
        from yarl import URL

        base = str(self._templates["base_url"].render(variables))
        if self._last is None or self._last[0] != base:
            self._last = (base, self._checked(base, URL))
        return self._last[1]

    def _checked(self, base: str, make: Callable[[str], URL]) -> URL:
        path, mark, query = base.partition("?")
        try:
            url = make(f"{path.rstrip('/')}/chat/completions{mark}{query}")
        except ValueError as exc:
            raise self._wrong(f"base_url: {exc}") from exc
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise self._wrong(f"base_url: {base!r} does not begin with https:// and a host")
        return url

    def _wrong(self, message: str) -> CallFailed:
        return CallFailed(f"{self._endpoint.what}: {message}", kind="Template")

    def _authorised(self, variables: Mapping[str, Any], traceparent: str) -> Mapping[str, str]:
        headers = self._headers.render(variables, traceparent)
        key = self._templates.get("api_key")
        if key is None or "Authorization" in headers:
            return headers
        return {**headers, "Authorization": f"Bearer {key.render(variables)}"}

    def _body(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            "model": self._templates["model"].render(variables),
            "messages": self._messages(variables),
        }
        for key, template in self._settings:
            value = template.render(variables)
            if value is not None:
                body[key] = _response_format(value) if key == "response_format" else value
        if extra := self._templates.get("extra"):
            body.update(extra.render(variables))
        return {key: value for key, value in body.items() if value is not None}

    def _messages(self, variables: Mapping[str, Any]) -> list[Any]:
        if template := self._templates.get("messages"):
            messages = template.render(variables)
            if isinstance(messages, list):
                return messages
            raise self._wrong("messages: it gives no list")
        return [
            {"role": role, "content": _content(template.render(variables))}
            for role, key in (("system", "system"), ("user", "prompt"))
            if (template := self._templates.get(key)) is not None
        ]

    def _encoded(self, body: Mapping[str, Any]) -> bytes:
        try:
            return json_bytes(body)
        except (TypeError, ValueError, RecursionError) as exc:
            raise self._wrong(str(exc)) from exc

    def _failed(self, message: str, exc: CallFailed) -> CallFailed:
        return self._secrets.failed(
            f"{self._endpoint.what}: {message}",
            kind=exc.kind,
            retryable=exc.retryable,
            usage=with_cost(exc.usage, self._endpoint.price),
        )

    def _attributes(
        self, url: URL, body: Mapping[str, Any], completion: Completion
    ) -> dict[str, Any]:
        provider = self._endpoint.options.get("provider") or provider_of(url.host or "")
        asked = {
            name: body[key]
            for key, name in _TRACED.items()
            if isinstance(body.get(key), (int, float))
        }
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": body["model"],
            **asked,
            "gen_ai.output.type": "json" if _wants_json(body) else "text",
            **completion.attributes,
            "server.address": url.host,
            "server.port": url.port,
        }


def provider_of(host: str) -> str:
    """Return who provides a model, by the names of the GenAI conventions, else the host."""
    domain = next((d for d in _PROVIDER_DOMAINS if host.endswith(f".{d}")), "")
    return _PROVIDERS.get(host) or _PROVIDER_DOMAINS.get(domain, host)


def _content(value: Any) -> Any:
    """Return the content of a message: a list of parts as it is, anything else as text."""
    from gitexp.evaluation.sandbox import as_text

    return value if isinstance(value, list) and all(map(_is_part, value)) else as_text(value)


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _response_format(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"type": "json_object" if value == "json" else value}


def _wants_json(body: Mapping[str, Any]) -> bool:
    form = body.get("response_format")
    return isinstance(form, dict) and form.get("type") in ("json_object", "json_schema")
