"""Prompts: what `prompts/NAME.yaml` says, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gitexp.documents.canonical import digest_of
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem, shown
from gitexp.documents.values import Path as Place
from gitexp.ids import Digest

VariableType = Literal["string", "integer", "number", "boolean", "list", "object"]

_KNOWN_TO_TEMPLATES = frozenset([
    "sample", "parameters", "outputs", "repeat", "seed", "secrets", "range",
    "true", "false", "none", "True", "False", "None",
])  # fmt: skip
"""What templates know already and no variable may be named; `input` may be one."""

_CLASSES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a chat, with `{{ variables }}` in its content."""

    role: str
    content: str

    def to_dict(self) -> dict[str, str]:
        """Return the message as JSON data."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of a template.

    Attributes:
        required: whether it must be given; one with a default need not be.
        default: the value where none is given.
    """

    type: VariableType = "string"
    required: bool = True
    default: Any = None
    description: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Variable:
        """Return the variable that a checked document describes."""
        required = data.get("required", "default" not in data)
        return cls(**{**data, "required": required})

    def fault(self, value: Any) -> str | None:
        """Return why a value is not one of this variable; None where it is."""
        is_bool = isinstance(value, bool)
        if isinstance(value, _CLASSES[self.type]) and is_bool == (self.type == "boolean"):
            return None
        return f"{shown(value)} is not of type {self.type}"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt: a template, its variables, and the model that it is for.

    Attributes:
        template: a text, or the messages of a chat.
        definition: all that the file says.
    """

    name: str
    description: str = ""
    template: str | tuple[Message, ...]
    variables: Mapping[str, Variable] = field(default_factory=dict)
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> Prompt:
        """Return the prompt that a checked document describes."""
        template = data["template"]
        return cls(
            name=name,
            description=data.get("description", ""),
            template=template if isinstance(template, str) else _messages(template),
            variables={
                key: Variable.from_dict(one) for key, one in data.get("variables", {}).items()
            },
            model=data.get("model", ""),
            parameters=dict(data.get("parameters", {})),
            tags=dict(data.get("tags", {})),
            definition=data,
        )

    @property
    def digest(self) -> Digest:
        """What tells whether two prompts say the same, whatever their layout."""
        return digest_of(dict(self.definition))

    @property
    def text(self) -> str:
        """The template as one text; of a chat, the contents of its messages, a line apart."""
        if isinstance(self.template, str):
            return self.template
        return "\n\n".join(message.content for message in self.template)

    def to_dict(self) -> dict[str, Any]:
        """Return name, digest and all that the file says."""
        return {"name": self.name, "digest": self.digest, **self.definition}


def _messages(data: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    return tuple(Message(role=one["role"], content=one["content"]) for one in data)


# --- what can be wrong ------------------------------------------------------------------------


def problems_of(document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with a document whose schema is right, each with its place."""
    return [document.problem(file, place, message) for place, message in faults(document.value)]


def faults(data: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a document whose schema is right."""
    variables = data.get("variables", {})
    for name, variable in variables.items():
        place: Place = ("variables", name)
        if name in _KNOWN_TO_TEMPLATES:
            yield place, f"templates know {shown(name)} already; call the variable otherwise"
        if "default" not in variable:
            continue
        if fault := Variable(type=variable.get("type", "string")).fault(variable["default"]):
            yield (*place, "default"), fault
        if variable.get("required"):
            yield (*place, "required"), "a variable with a default is not required"
    yield from _template_faults(data["template"], variables)


def _template_faults(template: Any, variables: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    from gitexp.evaluation.templates import template_faults

    parts = (
        [(("template",), template)]
        if isinstance(template, str)
        else [(("template", i, "content"), one["content"]) for i, one in enumerate(template)]
    )
    for place, text in parts:
        for where, message in template_faults(text, names=variables, place=place):
            told = message.removesuffix("; there are ")
            yield where, message if told == message else f"{told}: declare it in variables"
