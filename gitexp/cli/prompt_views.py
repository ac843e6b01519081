"""How prompts, their versions and what compares them are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.output import one_row
from gitexp.cli.tables import Column, Table, columns

if TYPE_CHECKING:
    from gitexp.prompts.collection import PromptSummary
    from gitexp.prompts.rendering import Rendered
    from gitexp.prompts.versions import PromptVersion

_LIST_COLUMNS = (
    Column(key="name", title="prompt", kind="id"),
    Column(key="versions", title="versions", kind="number"),
    Column(key="latest", title="latest", kind="hash", spare=3),
    Column(key="updated_at", title="changed", kind="time", spare=2),
    Column(key="variables", title="variables", kind="names", spare=4),
    Column(key="model", title="model", kind="code", optional=True),
    Column(key="problem", title="problem", optional=True),
    Column(key="description", title="description", spare=1),
)
_VERSION_COLUMNS = (
    Column(key="number", title="version", kind="number"),
    Column(key="version", title="commit", kind="hash"),
    Column(key="created_at", title="saved", kind="time", spare=2),
    Column(key="author", title="author", spare=3),
    Column(key="problem", title="problem", optional=True),
    Column(key="subject", title="message", data_key="message", spare=1),
)
_FIELDS = (
    Column(key="name", title="prompt", kind="id"),
    Column(key="number", title="version", kind="number"),
    Column(key="version", title="commit", kind="hash"),
    Column(key="created_at", title="saved", kind="time"),
    Column(key="author", title="author"),
    Column(key="subject", title="message"),
    Column(key="description", title="description"),
    Column(key="model", title="model", kind="code"),
    Column(key="settings", title="parameters", kind="value"),
    Column(key="needs", title="variables"),
    Column(key="problem", title="problem"),
    Column(key="text", title="template"),
)


def prompt_table(items: Sequence[PromptSummary]) -> Table:
    """Return a row for each prompt."""
    note = "" if items else "no prompts: a prompt is a file prompts/NAME.yaml of the trunk"
    return Table(columns=_LIST_COLUMNS, rows=[item.to_dict() for item in items], note=note)


def version_table(versions: Sequence[PromptVersion]) -> Table:
    """Return a row for each version of a prompt."""
    return Table(columns=_VERSION_COLUMNS, rows=[_version_row(version) for version in versions])


def _version_row(version: PromptVersion) -> dict[str, Any]:
    return version.to_dict() | {"subject": version.message.split("\n", 1)[0]}


def prompt_entry(version: PromptVersion) -> dict[str, Any]:
    """Return a version and what it says, as JSON has them."""
    said = version.prompt.definition if version.prompt else {}
    return {**version.to_dict(), "prompt": dict(said) if version.prompt else None}


def prompt_fields(version: PromptVersion) -> Table:
    """Return a version and what it says, for people."""
    row = _version_row(version)
    if prompt := version.prompt:
        row |= {
            "description": prompt.description,
            "model": prompt.model,
            "settings": dict(prompt.parameters) or None,
            "needs": "\n".join(
                f"{name}: {one.type}" + ("" if one.required else ", optional")
                for name, one in prompt.variables.items()
            ),
            "text": _template(prompt.definition["template"]),
        }
    return one_row(row, _FIELDS)


def _template(template: str | Sequence[Mapping[str, str]]) -> str:
    if isinstance(template, str):
        return template
    return "\n".join(f"[{message['role']}]\n{message['content']}" for message in template)


def rendered_text(rendered: Rendered) -> str:
    """Return a rendered prompt as people read it: its text, or its messages with their roles."""
    if rendered.text is not None:
        return rendered.text.rstrip("\n") + "\n"
    return _template([message.to_dict() for message in rendered.messages]).rstrip("\n") + "\n"


def rendered_table(rendered: Rendered) -> Table:
    """Return a row for each message of a rendered prompt."""
    rows = [message.to_dict() for message in rendered.messages]
    return Table(columns=columns(role="code", content="text"), rows=rows)


def template_table(templates: Sequence[Mapping[str, str]]) -> Table:
    """Return a row for each template of metrics."""
    return Table(columns=columns(key="id", label="text", description="text"), rows=templates)
