"""Rendering prompts: values for their variables, in a sandbox, once.

A value is never a template itself, so `{{` in it is just text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput
from gitexp.prompts.documents import Message, Prompt, Variable


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A prompt with values in it, ready to be sent.

    Attributes:
        text: the whole text; None for a chat.
        messages: the messages; of a text, one of the user.
    """

    name: str
    text: str | None
    messages: tuple[Message, ...]
    model: str
    parameters: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "name": self.name,
            "text": self.text,
            "messages": [message.to_dict() for message in self.messages],
            "model": self.model or None,
            "parameters": dict(self.parameters),
        }


def render(prompt: Prompt, values: Mapping[str, Any]) -> Rendered:
    """Return a prompt with values for its variables.

    Raises:
        InvalidInput: a value is missing, unknown or of another type, all of them at once, or the
            template cannot be rendered with them.
    """
    given = checked_values(prompt, values)
    text: str | None = None
    messages: tuple[Message, ...]
    if isinstance(prompt.template, str):
        text = _rendered(prompt, prompt.template, given)
        messages = (Message(role="user", content=text),)
    else:
        messages = tuple(
            Message(role=one.role, content=_rendered(prompt, one.content, given))
            for one in prompt.template
        )
    return Rendered(
        name=prompt.name,
        text=text,
        messages=messages,
        model=prompt.model,
        parameters=prompt.parameters,
    )


def checked_values(prompt: Prompt, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every variable, defaults filled in.

    Raises:
        InvalidInput: a value is missing, unknown or of another type, all of them at once.
    """
    faults = list(_value_faults(prompt, values))
    if faults:
        known = ", ".join(prompt.variables) or "none"
        raise InvalidInput(
            f"prompt {prompt.name!r} cannot be rendered: {'; '.join(faults)}",
            hint=f"Its variables are {known}.",
        )
    return {name: values.get(name, one.default) for name, one in prompt.variables.items()}


def _value_faults(prompt: Prompt, values: Mapping[str, Any]) -> Iterator[str]:
    for name in values:
        if name not in prompt.variables:
            yield f"there is no variable {shown(name)}"
    for name, variable in prompt.variables.items():
        if name not in values:
            if variable.required:
                yield f"{name} is missing"
        elif fault := variable.fault(values[name]):
            yield f"{name}: {fault}"


def _rendered(prompt: Prompt, template: str, values: Mapping[str, Any]) -> str:
    from gitexp.evaluation.answers import CallFailed
    from gitexp.evaluation.sandbox import as_text
    from gitexp.evaluation.templates import Template

    where = f"prompt {prompt.name!r}"
    try:
        return as_text(Template(template, where=where, names=values).render(values))
    except CallFailed as exc:
        raise InvalidInput(str(exc)) from exc


def over_samples(prompt: Prompt) -> Any:
    """Return the template such that it takes its variables from what a sample asks.

    It is a text, or a list of messages, for a task that transforms what it is given: each
    variable is the part of that name, and what is given as a whole where that has no parts.
    """
    head = "".join(_taken(name, variable) for name, variable in prompt.variables.items())
    if isinstance(prompt.template, str):
        return head + prompt.template
    return [
        {"role": message.role, "content": head + message.content} for message in prompt.template
    ]


def _taken(name: str, variable: Variable) -> str:
    if name == "input":
        return ""  # a template knows it already
    otherwise = "input" if variable.required else _literal(variable.default)
    found = f"input[{_literal(name)}] if input is mapping and {_literal(name)} in input"
    if variable.required:
        found = f"input[{_literal(name)}] if input is mapping"
    return f"{{% set {name} = {found} else {otherwise} %}}"


def _literal(value: Any) -> str:
    """Return a JSON value as a template writes it."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
