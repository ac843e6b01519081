"""Chat completions: the answers of OpenAI-compatible APIs, read."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents.problems import shown
from gitexp.evaluation.answers import CallFailed, Usage, is_amount
from gitexp.evaluation.endpoints.connections import Explanation, Received
from gitexp.evaluation.endpoints.responses import (
    bad_response,
    checked_output,
    excerpt,
    json_of,
    text_of,
)

_FOREVER = frozenset(["insufficient_quota", "billing_not_active", "access_terminated"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What a model answered.

    Attributes:
        attributes: what a trace says of the answer.
    """

    output: Any
    usage: Usage
    attributes: Mapping[str, Any]


def completion_of(received: Received, *, wants_json: bool) -> Completion:
    """Return what a model answered.

    The output is the tool calls where there are some, else the content: the value of its JSON
    where that was asked for, else its text.

    Raises:
        CallFailed: it holds an error, a refusal, or nothing that can be used.
    """
    data = json_of(text_of(received.body, received.charset))
    choice = _choice(data)
    reason = choice.get("finish_reason")
    usage = _usage(data.get("usage"))
    try:
        output = checked_output(_output(choice, wants_json=wants_json))
    except CallFailed as exc:
        exc.usage = usage
        raise
    return Completion(output=output, usage=usage, attributes=_attributes(data, reason, usage))


def _choice(data: Any) -> Mapping[str, Any]:
    choices = data.get("choices") if isinstance(data, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict) and isinstance(first.get("message"), dict):
        return first
    found = error_in(data) if isinstance(data, dict) and "error" in data else None
    if found is not None:  # some gateways send errors with the status 200
        status = found.status or 0
        raise CallFailed(
            found.message,
            kind=f"HTTP {status}" if status else "BadResponse",
            retryable=not found.is_final and (status == 429 or status >= 500),
        )
    raise bad_response(f"the answer has no choices: {shown(data, 300)}")


def _output(choice: Mapping[str, Any], *, wants_json: bool) -> Any:
    message = choice["message"]
    calls = message.get("tool_calls")
    if calls and isinstance(calls, list):
        return [_tool_call(call) for call in calls]
    content, refusal = _text(message.get("content")), message.get("refusal")
    if content is None and refusal:
        if wants_json:
            raise CallFailed(f"the model refused: {shown(refusal, 300)}", kind="Refusal")
        return refusal
    if content is None:
        raise bad_response(f"the answer has no content: {shown(message, 300)}")
    return _json_content(content, choice.get("finish_reason")) if wants_json else content


def _text(content: Any) -> str | None:
    """Return the text of a message, whose content may come in parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def _json_content(content: str, reason: Any) -> Any:
    try:
        return json_of(content)
    except CallFailed as exc:
        if reason != "length":
            raise
        raise bad_response(
            f"the answer was cut off at its most tokens: {excerpt(content)}"
        ) from exc


def _tool_call(call: Any) -> dict[str, Any]:
    """Return a tool call as `{name, arguments}`; arguments that are no JSON stay text."""
    function = call.get("function", call) if isinstance(call, dict) else None
    function = function if isinstance(function, dict) else {}
    name, arguments = function.get("name"), function.get("arguments", function.get("input"))
    if isinstance(arguments, str):
        with contextlib.suppress(CallFailed):
            arguments = json_of(arguments) if arguments.strip() else {}
    return {"name": name, "arguments": arguments}


def _usage(data: Any) -> Usage:
    if not isinstance(data, dict):
        return Usage()
    cost = data.get("cost")
    return Usage(
        input_tokens=_count(data, "prompt_tokens", "input_tokens"),
        output_tokens=_count(data, "completion_tokens", "output_tokens"),
        cost=cost if is_amount(cost) else None,
    )


def _count(data: Mapping[str, Any], *names: str) -> int | None:
    found = (data.get(name) for name in names)
    return next((n for n in found if type(n) is int and is_amount(n)), None)


def _attributes(data: Mapping[str, Any], reason: Any, usage: Usage) -> dict[str, Any]:
    found = {
        "gen_ai.response.id": data.get("id"),
        "gen_ai.response.model": data.get("model"),
        "gen_ai.response.finish_reasons": [reason] if isinstance(reason, str) else None,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "openai.response.system_fingerprint": data.get("system_fingerprint"),
    }
    return {name: value for name, value in found.items() if isinstance(value, (str, int, list))}


def error_in(data: Any) -> Explanation | None:
    """Return what the body of an error says, in the form of the API; None where it says nothing."""
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, str):
        return Explanation(message=error)
    if not isinstance(error, dict):
        return None
    code, kind = error.get("code"), error.get("type")
    message = error.get("message") or kind or code
    status = code if isinstance(code, int) and not isinstance(code, bool) else None
    return Explanation(
        message=shown(message, 500)[1:-1] if isinstance(message, str) else excerpt(str(error)),
        is_final=any(isinstance(word, str) and word in _FOREVER for word in (code, kind)),
        status=status,
    )
