"""What differs between two states of a project: plain values, without any reading.

Places are paths of keys and list positions such as `tools[2].name`; an empty place is the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.ids import Digest, ObjectId, VersionId
from gitexp.review.diffing.results import ResultsDiff

ChangeKind = Literal["added", "removed", "changed"]
SideKind = Literal["revision", "worktree", "version", "environment"]

MASK = "<secret>"
"""What stands for the value of a secret slot."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison.

    Attributes:
        label: what people call it, such as `checkout@1a2b3c4d5e`, `env:production` or `main`.
        commit: the commit that was read; None for the working tree.
        experiment, version, digest: of a version and of what is live in an environment.
        environment: the environment, where one was named.
    """

    label: str
    kind: SideKind
    commit: ObjectId | None = None
    experiment: str | None = None
    version: VersionId | None = None
    digest: Digest | None = None
    environment: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON data."""
        return {
            "label": self.label,
            "kind": self.kind,
            "commit": self.commit,
            "experiment": self.experiment,
            "version": self.version,
            "digest": self.digest,
            "environment": self.environment,
        }


@dataclass(frozen=True, kw_only=True)
class PathChange:
    """One value that differs, by its place in a document.

    Attributes:
        kind: `added` and `removed` say that there is a value on one side only.
        before, after: the values; None on the side that has none.
    """

    place: str
    kind: ChangeKind
    before: Any = None
    after: Any = None

    @property
    def delta(self) -> float | None:
        """What a number rose by; None for other values."""
        return delta_of(self.before, self.after)

    @property
    def ratio(self) -> float | None:
        """The same as a ratio of the size of the number before; None where that is 0."""
        return ratio_of(self.before, self.after)

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON data; the side that has no value is left out."""
        return {"place": self.place, "kind": self.kind, **_sides(self)}


@dataclass(frozen=True, kw_only=True)
class ParameterChange:
    """A parameter whose value differs; defaults count as values.

    Attributes:
        name: the slot.
        type: the slot's type where it is known, else empty.
        places: what differs inside a list or an object; empty for other values.
        by_default: whether no file gives the value on either side, and another default does it.
        secret: whether it is a secret slot; both values are masked then.
    """

    name: str
    kind: ChangeKind
    type: str = ""
    before: Any = None
    after: Any = None
    places: tuple[PathChange, ...] = ()
    by_default: bool = False
    secret: bool = False

    @property
    def delta(self) -> float | None:
        """What a number rose by; None for other values."""
        return delta_of(self.before, self.after)

    @property
    def ratio(self) -> float | None:
        """The same as a ratio of the size of the number before; None where that is 0."""
        return ratio_of(self.before, self.after)

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON data; the side that has no value is left out."""
        return {
            "name": self.name,
            "kind": self.kind,
            "type": self.type,
            **_sides(self),
            "places": [place.to_dict() for place in self.places],
            "by_default": self.by_default,
            "secret": self.secret,
        }


@dataclass(frozen=True, kw_only=True)
class ExperimentDiff:
    """How one experiment differs.

    Attributes:
        name: its name, the later one where it was renamed.
        former_name: its name before; None where that is the same.
        id: its stable id; None where no header can be read.
        former_id: the id that the values before belong to; None where that is the same one.
        digest_before, digest_after: over its values with defaults; None where there are none or
            they are not valid.
        header: what differs in its header.
        problems: what could not be read, a line each; such values are compared as they stand.
        results: by dataset, how the newest runs of both sets of values differ.
    """

    name: str
    kind: ChangeKind
    former_name: str | None = None
    id: str | None = None
    former_id: str | None = None
    digest_before: Digest | None = None
    digest_after: Digest | None = None
    header: tuple[PathChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
    problems: tuple[str, ...] = ()
    results: tuple[ResultsDiff, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the experiment as JSON data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "former_name": self.former_name,
            "id": self.id,
            "former_id": self.former_id,
            "digest_before": self.digest_before,
            "digest_after": self.digest_after,
            "header": _dicts(self.header),
            "parameters": _dicts(self.parameters),
            "problems": list(self.problems),
            "results": _dicts(self.results),
        }


@dataclass(frozen=True, kw_only=True)
class EntryDiff:
    """How one named entry of the project's definition differs: a slot, or an environment."""

    name: str
    kind: ChangeKind
    changes: tuple[PathChange, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON data."""
        return {"name": self.name, "kind": self.kind, "changes": _dicts(self.changes)}


@dataclass(frozen=True, kw_only=True)
class DocumentDiff:
    """How one document of the project differs.

    Attributes:
        type: what it is, such as `endpoint`, `evaluator`, `group` or `flag`.
        path: where it stands, relative to the project.
        problem: why it is compared as a text, in one line; None when its values are compared.
    """

    type: str
    name: str
    path: str
    kind: ChangeKind
    changes: tuple[PathChange, ...] = ()
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the document as JSON data."""
        return {
            "type": self.type,
            "name": self.name,
            "path": self.path,
            "kind": self.kind,
            "changes": _dicts(self.changes),
            "problem": self.problem,
        }


@dataclass(frozen=True, kw_only=True)
class SampleDiff:
    """A sample of a dataset that is not the same on both sides, by its id."""

    id: str
    kind: ChangeKind
    changes: tuple[PathChange, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the sample as JSON data."""
        return {"id": self.id, "kind": self.kind, "changes": _dicts(self.changes)}


@dataclass(frozen=True, kw_only=True)
class DatasetDiff:
    """How one dataset differs, sample by sample.

    Attributes:
        path: where it stands on the later side that has it, relative to the project.
        digest_before, digest_after: over the samples; of a large file, over its bytes.
        samples_before, samples_after: how many samples there are; None where that is not known.
        added, removed, changed, same: how many samples are so; None where that is not known.
        samples: the first of those that are not the same; `left_out` says how many are not here.
        large: whether a side is a pointer to a large file, so that the digests alone are compared.
        problem: why the samples are not compared, in one line.
    """

    name: str
    path: str
    kind: ChangeKind
    digest_before: str | None = None
    digest_after: str | None = None
    samples_before: int | None = None
    samples_after: int | None = None
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    same: int | None = None
    samples: tuple[SampleDiff, ...] = ()
    left_out: int = 0
    large: bool = False
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the dataset as JSON data."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"samples": _dicts(self.samples)}


@dataclass(frozen=True, kw_only=True)
class FileDiff:
    """A file that gitexp gives no meaning, such as code, and that differs."""

    path: str
    kind: ChangeKind

    def to_dict(self) -> dict[str, Any]:
        """Return the file as JSON data."""
        return {"path": self.path, "kind": self.kind}


@dataclass(frozen=True, kw_only=True)
class ProjectDiff:
    """How two states of a project differ, from `a` to `b`.

    Where both sides are sets of values (versions or environments), `experiments` has one entry,
    or none when they are equal, and the other sections are empty.

    Attributes:
        base: the commit at which `a` was replaced by the merge base of both sides.
        settings: what differs in the project's definition beside slots and environments.
        environments: declared environments, with their policies.
        documents: groups, endpoints, evaluators, workflows, entrypoints, flags, prompts and so on.
        files: what else differs between two revisions.
        notes: what a reader of the differences has to know, a line each.
    """

    a: Side
    b: Side
    base: ObjectId | None = None
    experiments: tuple[ExperimentDiff, ...] = ()
    settings: tuple[PathChange, ...] = ()
    slots: tuple[EntryDiff, ...] = ()
    environments: tuple[EntryDiff, ...] = ()
    documents: tuple[DocumentDiff, ...] = ()
    datasets: tuple[DatasetDiff, ...] = ()
    files: tuple[FileDiff, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def of_values(self) -> bool:
        """Whether two sets of values were compared, and not two states of a whole project."""
        return self.a.kind not in ("revision", "worktree") or self.b.kind not in (
            "revision",
            "worktree",
        )

    @property
    def changes(self) -> tuple[ParameterChange, ...]:
        """The parameters that differ, of all experiments."""
        return tuple(change for found in self.experiments for change in found.parameters)

    @property
    def same(self) -> bool:
        """Whether nothing differs; results are not looked at."""
        sections = (
            *(self.settings, self.slots, self.environments),
            *(self.documents, self.datasets, self.files),
        )
        return not any(sections) and not any(_differs(found) for found in self.experiments)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON data; `changes` is there where values were compared."""
        data: dict[str, Any] = {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "base": self.base,
            "same": self.same,
        }
        if self.of_values:
            data["changes"] = [_plain_change(change) for change in self.changes]
        for name in _SECTIONS:
            data[name] = _dicts(getattr(self, name))
        return data | {"notes": list(self.notes)}


_SECTIONS = ("experiments", "settings", "slots", "environments", "documents", "datasets", "files")


def delta_of(before: Any, after: Any) -> float | None:
    """Return what a number rose by; None for other values."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (before, after))
    return after - before if numbers else None


def ratio_of(before: Any, after: Any) -> float | None:
    """Return what a number rose by as a ratio of its size before; None where that is 0."""
    delta = delta_of(before, after)
    return delta / abs(before) if delta is not None and before else None


def _differs(found: ExperimentDiff) -> bool:
    return found.kind != "changed" or bool(
        found.former_name or found.header or found.parameters or found.problems
    )


def _plain_change(change: ParameterChange) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": change.name, "kind": change.kind, "type": change.type}
    return entry | {key: v for key, v in _sides(change).items() if key in ("before", "after")}


def _sides(change: PathChange | ParameterChange) -> dict[str, Any]:
    """Return the values and, of numbers, how they differ."""
    data: dict[str, Any] = {}
    if change.kind != "added":
        data["before"] = change.before
    if change.kind != "removed":
        data["after"] = change.after
    if change.delta is not None:
        data |= {"delta": change.delta, "ratio": change.ratio}
    return data


def _dicts(items: Iterable[Any]) -> list[Mapping[str, Any]]:
    return [item.to_dict() for item in items]
