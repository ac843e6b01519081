"""What is wrong with an endpoint beyond its schema: templates, paths, and keys that clash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents.values import Path as Place
from gitexp.evaluation.compiling import SECRETS, is_template
from gitexp.evaluation.endpoints.paths import path_fault
from gitexp.evaluation.templates import VARIABLES, Renders, Template, compile_all
from gitexp.evaluation.templates import template_faults as faults_of_templates

Fault = tuple[Place, str]
"""Where, and what is wrong."""

_WITH_SECRETS = VARIABLES | {SECRETS}
_CONTROL = frozenset(["content-length", "transfer-encoding", "connection", "upgrade", "host"])


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A key of an endpoint whose texts are templates.

    Attributes:
        names: the variables that they may name.
        address: whether it is an address, see `Template`.
    """

    names: frozenset[str] = VARIABLES
    address: bool = False


_SECRET = Slot(names=_WITH_SECRETS)
_OF_PARAMETERS = Slot(names=frozenset(["parameters"]))

SLOTS: Mapping[str, Mapping[str, Slot]] = {
    "python": {},
    "http": {
        "url": Slot(names=_WITH_SECRETS, address=True),
        "headers": _SECRET,
        "query": _SECRET,
        "json": _SECRET,
        "form": _SECRET,
        "body": _SECRET,
    },
    "command": {"command": Slot(), "stdin": Slot(), "environment": Slot()},
    "chat": {
        "base_url": _OF_PARAMETERS,
        "api_key": Slot(names=frozenset([SECRETS])),
        "headers": _SECRET,
        **dict.fromkeys(
            [
                "model", "system", "prompt", "messages", "temperature", "top_p", "max_tokens",
                "seed", "stop", "response_format", "tools", "tool_choice", "extra",
            ],
            Slot(),
        ),
    },
    "replay": {},
}  # fmt: skip
"""Where templates stand, by the type of the endpoint."""


def templates_of(what: str, kind: str, options: Mapping[str, Any]) -> dict[str, Renders]:
    """Return the compiled templates of an endpoint by their keys.

    Args:
        what: what the endpoint is called in messages.

    Raises:
        InvalidInput: one of them is wrong.
    """
    return {
        key: Template(options[key], where=f"{what}: {key}", names=slot.names, address=True)
        if slot.address
        else compile_all(options[key], where=what, names=slot.names, place=(key,))
        for key, slot in SLOTS[kind].items()
        if key in options
    }


def faults_in(data: Mapping[str, Any]) -> list[Fault]:
    """Return everything that is wrong with an endpoint whose schema is right."""
    kind = data["type"]
    found = [
        fault
        for key, slot in SLOTS[kind].items()
        if key in data
        for fault in faults_of_templates(
            data[key], place=(key,), names=slot.names, address=slot.address
        )
    ]
    found += _path_faults(data.get("response", {}))
    found += _OWN_FAULTS[kind](data) if kind in _OWN_FAULTS else ()
    return found


def _path_faults(response: Mapping[str, Any]) -> Iterator[Fault]:
    named: list[tuple[Place, str]] = []
    if "extract" in response:
        named.append((("response", "extract"), response["extract"]))
    named += [(("response", "usage", key), text) for key, text in response.get("usage", {}).items()]
    for place, text in named:
        if response.get("format") == "text":
            yield place, "text has nothing to follow a path in; let the format be json"
        elif message := path_fault(text):
            yield place, message


def _http_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    bodies = [key for key in ("json", "form", "body") if key in data]
    for key in bodies[1:]:
        yield (key,), f"the body is given by {bodies[0]} already"
    if bodies and data.get("method") == "GET":
        yield ("method",), "a GET request has no body; use POST"
    yield from _header_faults(data)


def _header_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    for name in data.get("headers", {}):
        if name.lower() in _CONTROL:
            yield ("headers", name), "this header is set by the client itself"


def _chat_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    if "messages" in data:
        for key in ("system", "prompt"):
            if key in data:
                yield (key,), "the messages are given by messages already"
    elif "prompt" not in data:
        yield (), "the key prompt is missing, or messages in its place"
    if "api_key" in data and SECRETS not in data["api_key"]:
        yield ("api_key",), "a key in a file is no secret; name a secret slot: {{ secrets.SLOT }}"
    for key in ("temperature", "top_p", "max_tokens", "seed"):
        if isinstance(data.get(key), str) and not is_template(data[key]):
            yield (key,), f"{data[key]!r} is neither a number nor a template"
    form = data.get("response_format")
    if isinstance(form, str) and form not in ("json", "text") and "{{" not in form:
        yield ("response_format",), f"{form!r} is not json, text or a mapping"
    yield from _header_faults(data)


def _command_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    if "status" in data.get("response", {}):
        yield ("response", "status"), "a program has no HTTP status; see exit_codes"
    program = data["command"][0]
    for _, message in faults_of_templates(program, names=_OF_PARAMETERS.names):
        yield ("command", 0), message
    if data.get("protocol") != "jsonl":
        return
    for key in ("stdin", "exit_codes"):
        if key in data:
            yield (key,), "not used with the protocol jsonl"
    for key in ("command", "environment"):
        for place, message in faults_of_templates(
            data.get(key), names=_OF_PARAMETERS.names, place=(key,)
        ):
            if place != ("command", 0):
                yield place, f"the program is started once for many samples: {message}"


_OWN_FAULTS = {"http": _http_faults, "chat": _chat_faults, "command": _command_faults}
