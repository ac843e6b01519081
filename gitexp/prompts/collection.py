"""The prompts of a project as its users hold them: listed, found and rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitexp.clock import iso
from gitexp.ids import VersionId
from gitexp.project.workspace import Workspace
from gitexp.prompts.documents import Prompt
from gitexp.prompts.rendering import Rendered, render
from gitexp.prompts.versions import (
    PromptVersion,
    prompt_names,
    prompt_versions,
    resolve_prompt,
)


@dataclass(frozen=True, kw_only=True)
class PromptSummary:
    """One line of the list of prompts.

    Attributes:
        versions: how many versions there are; the latest has this number.
        problem: why the latest version is not valid; None for a good one.
    """

    name: str
    description: str
    versions: int
    latest: VersionId
    updated_at: datetime
    model: str
    variables: tuple[str, ...]
    tags: Mapping[str, str]
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON data."""
        return {
            **vars(self),
            "updated_at": iso(self.updated_at),
            "variables": list(self.variables),
            "tags": dict(self.tags),
        }


class Prompts:
    """The prompts of a project, as its trunk has them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def names(self) -> list[str]:
        """Return the names of all prompts, sorted."""
        return prompt_names(self._workspace)

    def versions(self, name: str) -> list[PromptVersion]:
        """Return the versions of a prompt, oldest to newest.

        Raises:
            NotFound: there is no such prompt.
        """
        found = prompt_versions(self._workspace, name)
        self._workspace.cache.flush()
        return found

    def version(self, name: str, version: str | int = "latest") -> PromptVersion:
        """Return the version of a prompt that a number, a hash or a revision names.

        Raises:
            NotFound: there is no such prompt, or nothing fits.
        """
        return resolve_prompt(self._workspace, name, str(version))

    def get(self, name: str, version: str | int = "latest") -> Prompt:
        """Return what a version of a prompt says.

        Raises:
            NotFound: there is no such prompt, or nothing fits.
            InvalidInput: that version is not valid.
        """
        return self.version(name, version).checked()

    def render(
        self, name: str, values: Mapping[str, Any] | None = None, *, version: str | int = "latest"
    ) -> Rendered:
        """Return a version of a prompt with values for its variables.

        Raises:
            NotFound: there is no such prompt, or nothing fits.
            InvalidInput: a value is missing, unknown or of another type.
        """
        return render(self.get(name, version), values or {})

    def list(self, *, search: str = "") -> list[PromptSummary]:
        """Return a line for each prompt whose name or description contains a text, by name."""
        lines = (_summary(self.versions(name)) for name in self.names())
        wanted = search.casefold()
        return [one for one in lines if wanted in f"{one.name}\n{one.description}".casefold()]


def _summary(versions: list[PromptVersion]) -> PromptSummary:
    latest = versions[-1]
    prompt = latest.prompt
    return PromptSummary(
        name=latest.name,
        description=prompt.description if prompt else "",
        versions=len(versions),
        latest=latest.version,
        updated_at=latest.created_at,
        model=prompt.model if prompt else "",
        variables=tuple(prompt.variables) if prompt else (),
        tags=prompt.tags if prompt else {},
        problem=latest.problem,
    )
