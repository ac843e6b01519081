"""How the experiments of two states of a project differ: headers, and values with defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.errors import InvalidInput
from gitexp.experiments.changes import ValueChange, value_changes
from gitexp.ids import Digest, Name, name_fault
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import Contents, value_at
from gitexp.review.diffing.definitions import Definition
from gitexp.review.diffing.model import MASK, ChangeKind, ExperimentDiff, ParameterChange
from gitexp.review.diffing.paths import path_changes

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class State:
    """A project in one state, for looking at its experiments."""

    workspace: Workspace
    contents: Contents
    definition: Definition

    def names(self) -> set[str]:
        """Return the names of all experiments."""
        found = self.contents.names(layout.EXPERIMENTS_DIR)
        return {name for name in found if not name_fault(name) and self.has(name)}

    def has(self, name: str) -> bool:
        """Return whether there is an experiment of that name."""
        folder = layout.experiment_dir("", Name(name))
        files = (layout.HEADER_FILE, layout.PARAMETERS_FILE)
        return any(self.contents.id(f"{folder}/{file}") is not None for file in files)

    def experiment(self, name: str) -> Experiment:
        """Return what this state says of an experiment, valid or not."""
        header, wrong = value_at(self.workspace, self.contents, layout.header_path("", Name(name)))
        raw, bad = value_at(self.workspace, self.contents, layout.parameters_path("", Name(name)))
        own = raw if isinstance(raw, Mapping) else {}
        resolved, invalid = _resolved(self.definition, own) if bad is None else (None, None)
        return Experiment(
            header=header if isinstance(header, Mapping) else {},
            own=own,
            values=own if resolved is None else resolved,
            digest=None if resolved is None else digest_of(resolved),
            problems=tuple(problem for problem in (wrong, bad, invalid) if problem),
        )


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What one state says of an experiment.

    Attributes:
        own: the values that its file gives.
        values: the same with defaults, or as they stand where they are not valid.
        digest: over the values; None where they are not valid.
    """

    header: Mapping[str, Any]
    own: Values
    values: Values
    digest: Digest | None
    problems: tuple[str, ...]

    @property
    def id(self) -> str | None:
        """The stable id, where the header says it."""
        found = self.header.get("id")
        return found if isinstance(found, str) else None


def _resolved(definition: Definition, own: Values) -> tuple[dict[str, Any] | None, str | None]:
    if definition.project is None:
        return None, None
    try:
        return definition.project.resolve(own, file=layout.PARAMETERS_FILE), None
    except InvalidInput as exc:
        first, *others = exc.message.splitlines()
        return None, f"{first} (and {len(others)} more)" if others else first


def experiment_diffs(before: State, after: State, names: Iterable[str]) -> Iterator[ExperimentDiff]:
    """Yield how experiments differ, by name; those that do not are left out.

    Args:
        names: of those whose files differ. Where a default differs, all are looked at.
    """
    wanted = set(names)
    if before.definition.defaults != after.definition.defaults:
        wanted |= before.names() | after.names()
    pairs = dict(_pairs(before, after, wanted))
    types = {**before.definition.types, **after.definition.types}
    for name in sorted(pairs):
        found = _experiment_diff(name, *pairs[name], types)
        if found is not None:
            yield found


Pair = tuple["tuple[str, Experiment] | None", "tuple[str, Experiment] | None"]
"""An experiment's name and what is said of it, in each state; None where it is not there."""


def _pairs(before: State, after: State, names: Iterable[str]) -> Iterator[tuple[str, Pair]]:
    """Yield both sides of each experiment; one that was renamed is one experiment."""
    old = {name: before.experiment(name) for name in names if before.has(name)}
    new = {name: after.experiment(name) for name in names if after.has(name)}
    gone = {found.id: name for name, found in old.items() if name not in new and found.id}
    former = {name: gone[found.id] for name, found in new.items()
              if name not in old and found.id in gone}  # fmt: skip
    for name in old.keys() | new.keys():
        if name in former.values() and name not in new:
            continue
        earlier = former.get(name, name)
        yield (
            name,
            (
                (earlier, old[earlier]) if earlier in old else None,
                (name, new[name]) if name in new else None,
            ),
        )


def _experiment_diff(
    name: str,
    old: tuple[str, Experiment] | None,
    new: tuple[str, Experiment] | None,
    types: Mapping[str, str],
) -> ExperimentDiff | None:
    earlier, later = old[1] if old else None, new[1] if new else None
    present = later or earlier
    assert present is not None
    kind: ChangeKind = "changed" if old and new else "added" if new else "removed"
    header = path_changes(earlier.header if earlier else {}, later.header if later else {})
    parameters = tuple(parameter_changes(earlier, later, types))
    former = old[0] if old and old[0] != name else None
    former_id = earlier.id if earlier and earlier.id != present.id else None
    problems = (*(earlier.problems if earlier else ()), *(later.problems if later else ()))
    if kind == "changed" and not (header or parameters or former or _became(earlier, later)):
        return None
    return ExperimentDiff(
        name=name,
        kind=kind,
        former_name=former,
        id=present.id,
        former_id=former_id,
        digest_before=earlier.digest if earlier else None,
        digest_after=later.digest if later else None,
        header=header,
        parameters=parameters,
        problems=tuple(dict.fromkeys(problems)),
    )


def _became(earlier: Experiment | None, later: Experiment | None) -> bool:
    """Return whether what cannot be read, or is not valid, is another thing than before."""
    return bool(earlier and later and earlier.problems != later.problems)


def parameter_changes(
    before: Experiment | None, after: Experiment | None, types: Mapping[str, str]
) -> Iterator[ParameterChange]:
    """Yield the parameters that differ between two sides, one of which may not be there."""
    old, new = before.values if before else {}, after.values if after else {}
    given = {*(before.own if before else ()), *(after.own if after else ())}
    for change in value_changes(old, new, types):
        yield parameter_change(change, by_default=change.name not in given)


def parameter_change(change: ValueChange, *, by_default: bool = False) -> ParameterChange:
    """Return a change with what differs inside of its value; a secret is masked."""
    secret = change.type == "secret"
    before, after = change.before, change.after
    if secret:
        before = None if change.kind == "added" else MASK
        after = None if change.kind == "removed" else MASK
    inside = change.kind == "changed" and not secret and _have_parts(before, after)
    return ParameterChange(
        name=change.name,
        kind=change.kind,
        type=change.type,
        before=before,
        after=after,
        places=path_changes(before, after) if inside else (),
        by_default=by_default,
        secret=secret,
    )


def _have_parts(before: Any, after: Any) -> bool:
    mappings = isinstance(before, Mapping) and isinstance(after, Mapping)
    return mappings or (isinstance(before, list) and isinstance(after, list))
