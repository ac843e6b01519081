"""The header of an experiment: what `experiment.yaml` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gitexp.documents import layout
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.homes import Home, get_home
from gitexp.ids import Name, ObjectId
from gitexp.project.reading import read_document
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.trees import tree_of

Lifecycle = Literal["active", "archived", "deleted"]
Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, kw_only=True)
class Header:
    """What `experiment.yaml` says.

    Attributes:
        id: stable for the experiment's life; a rename keeps it.
        group: the group that owns it; empty leaves it to the project's.
        lifecycle: `archived` is hidden in lists, `deleted` is refused until it is restored.
        evaluators: the evaluators of a run that names none.
        metrics: the direction in which each metric is better.
        problem: why the file cannot be read, in a list; None for a good one.
        note: what is odd about it beside others, in a list; None where nothing is.
    """

    id: str
    name: str
    description: str = ""
    group: str = ""
    hypothesis: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    lifecycle: Lifecycle = "active"
    entrypoints: tuple[str, ...] = ()
    evaluators: tuple[str, ...] = ()
    metrics: Mapping[str, Direction] = field(default_factory=dict)
    artifact_location: str = ""
    problem: str | None = None
    note: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Header:
        """Return the header that a checked document describes."""
        return cls(
            id=data["id"],
            name=data["name"],
            description=data.get("description", ""),
            group=data.get("group", ""),
            hypothesis=data.get("hypothesis", ""),
            tags=dict(data.get("tags", {})),
            lifecycle=data.get("lifecycle", "active"),
            entrypoints=tuple(data.get("entrypoints", ())),
            evaluators=tuple(data.get("evaluators", ())),
            metrics={name: m["direction"] for name, m in data.get("metrics", {}).items()},
            artifact_location=data.get("artifact_location", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the document; what was left empty is left out."""
        data: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "group": self.group,
            "hypothesis": self.hypothesis,
            "tags": dict(self.tags),
            "lifecycle": self.lifecycle,
            "entrypoints": list(self.entrypoints),
            "evaluators": list(self.evaluators),
            "metrics": {name: {"direction": d} for name, d in self.metrics.items()},
            "artifact_location": self.artifact_location,
        }
        return {key: value for key, value in data.items() if value}

    def having(self, **changes: Any) -> Header:
        """Return this header with some fields replaced."""
        return replace(self, **changes)


def listed_header(workspace: Workspace, home: Home, *, reader: Store | None = None) -> Header:
    """Return an experiment's header, or one that says why it cannot be read."""
    try:
        return header_at(workspace, home.tip, home.name, reader=reader)
    except (NotFound, InvalidInput) as exc:
        return Header(id=f"unreadable:{home.branch}", name=home.name, problem=exc.message)


def read_header(workspace: Workspace, name: str, *, reader: Store | None = None) -> Header:
    """Return an experiment's header as its home has it.

    Raises:
        NotFound: there is no such experiment.
    """
    home = get_home(workspace, name, reader=reader)
    return header_at(workspace, home.tip, name, reader=reader)


def header_at(
    workspace: Workspace, commit: ObjectId, name: str, *, reader: Store | None = None
) -> Header:
    """Return an experiment's header in a commit.

    Raises:
        NotFound: the commit holds no such experiment.
    """
    path = layout.header_path(workspace.root, Name(name))
    key = f"header/2/{commit}/{path}"
    data = workspace.cache.get(key)
    if data is None:
        tree = tree_of(reader or workspace.store, commit)
        data = read_document(workspace, tree, path, "experiment", reader=reader)
        if data is None:
            raise NotFound(
                f"{path} is not in commit {commit[:10]}",
                hint="A branch below exp/ holds an experiment's directory; delete one without.",
            )
        workspace.cache.put(key, data)
    return Header.from_dict(data)


def id_at(
    workspace: Workspace, commit: ObjectId, name: str, *, reader: Store | None = None
) -> str | None:
    """Return an experiment's id in a commit; None where there is none that can be read."""
    try:
        return header_at(workspace, commit, name, reader=reader).id
    except (NotFound, InvalidInput):
        return None
