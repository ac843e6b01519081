"""The project definition: what `gitexp.yaml` says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitexp.documents.problems import MISSING, Problem, ProblemCollector, shown
from gitexp.errors import NotFound
from gitexp.ids import name_fault
from gitexp.project.slots import Slot, within
from gitexp.store.refnames import ref_name_fault

if TYPE_CHECKING:
    from gitexp.project.policies import Policy

FORMAT = 1
DEFAULT_TRUNK = "main"


@dataclass(frozen=True, kw_only=True)
class EnvironmentDeclaration:
    """An environment that the project declares; its branch says what is live in it."""

    name: str
    description: str = ""
    policies: tuple[Policy, ...] = ()

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> EnvironmentDeclaration:
        """Return the environment that a checked document declares."""
        return cls(
            name=name,
            description=data.get("description", ""),
            policies=_policies(data.get("policies", ())),
        )


@dataclass(frozen=True, kw_only=True)
class Project:
    """What `gitexp.yaml` says.

    Attributes:
        id: the project's segment in branch names.
        trunk: the branch on which experiments begin and to which they are merged.
        remote: the name of the shared remote.
        slots: the typed parameters, by name, in the order of the file.
        environments: the declared environments, by name, in the order of the file.
    """

    id: str
    name: str = ""
    description: str = ""
    group: str = ""
    trunk: str = "main"
    remote: str = "origin"
    slots: Mapping[str, Slot] = field(default_factory=dict)
    environments: Mapping[str, EnvironmentDeclaration] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, file: str) -> Project:
        """Return the project that a checked document describes.

        Raises:
            InvalidDocuments: what the schema cannot see is wrong, all of it at once.
        """
        found = ProblemCollector()
        found.extend(_policy_problems(data, file=file))
        found.extend(cls.trusted(_without_policies(data)).faults(file=file))
        found.raise_if_any(
            hint="Correct the definition on the trunk and commit it; `gitexp validate` checks it."
        )
        return cls.trusted(data)

    @classmethod
    def trusted(cls, data: Mapping[str, Any]) -> Project:
        """Return the project of a document that `from_dict` has accepted before."""
        slots = {n: Slot.from_dict(n, s) for n, s in data.get("parameters", {}).items()}
        return cls(
            id=data["id"],
            name=data.get("name", ""),
            description=data.get("description", ""),
            group=data.get("group", ""),
            trunk=data.get("trunk", "main"),
            remote=data.get("remote", "origin"),
            slots=slots,
            environments={
                name: EnvironmentDeclaration.from_dict(name, e or {})
                for name, e in data.get("environments", {}).items()
            },
        )

    def environment(self, name: str) -> EnvironmentDeclaration:
        """Return a declared environment.

        Raises:
            NotFound: the project declares no environment of that name.
        """
        if name in self.environments:
            return self.environments[name]
        raise NotFound(
            f"environment {name!r} is not declared in project {self.id!r}",
            hint=_suggest(name, self.environments)
            or f"Declare it with `gitexp env create {name}`.",
        )

    def faults(self, *, file: str) -> list[Problem]:
        """Return what is wrong beyond the schema: names, options, constraints, defaults."""
        found = ProblemCollector()
        for place, message in name_faults(self.id, self.trunk, self.remote):
            found.add(file, place, message)
        for name in self.environments:
            if fault := name_fault(name):
                found.add(file, f"environments.{name}", f"{name!r} is not a usable name: {fault}")
        for slot in self.slots.values():
            for inner, message in slot.definition_faults():
                found.add(file, f"parameters.{slot.name}.{inner}", message)
        return found.problems

    def types(self) -> dict[str, str]:
        """Return the type of every slot."""
        return {name: slot.type for name, slot in self.slots.items()}

    def slot(self, name: str) -> Slot:
        """Return a declared slot.

        Raises:
            NotFound: the project declares no slot of that name.
        """
        if name in self.slots:
            return self.slots[name]
        raise NotFound(f"no parameter slot {name!r}", hint=self.slot_hint(name))

    def slot_hint(self, name: str) -> str:
        """Return what to do about an unknown slot name."""
        return (
            _suggest(name, self.slots)
            or f"Declare it under `parameters` in gitexp.yaml on {self.trunk}, and commit that."
        )

    def problems_of(self, values: Mapping[str, Any], *, file: str) -> list[Problem]:
        """Return everything that is wrong with a set of values: unknown, missing, mistyped."""
        found = ProblemCollector()
        for name, value in values.items():
            if name not in self.slots:
                found.add(file, name, f"unknown parameter. {self.slot_hint(name)}")
                continue
            for place, message in self.slots[name].faults(value):
                found.add(file, within(name, place), message)
        for name, slot in self.slots.items():
            if slot.required and name not in values and slot.default is MISSING:
                found.add(file, name, f"required parameter of type {slot.type} has no value")
        return found.problems

    def resolve(self, values: Mapping[str, Any], *, file: str) -> dict[str, Any]:
        """Return the complete values, defaults filled in, in the order of the slots.

        Raises:
            InvalidDocuments: every unknown, missing and mistyped value, all at once.
        """
        found = ProblemCollector()
        found.extend(self.problems_of(values, file=file))
        found.raise_if_any(hint="`gitexp.yaml` says what each parameter takes.")
        complete = {n: s.default for n, s in self.slots.items() if s.default is not MISSING}
        complete |= values
        return {n: s.normal(complete[n]) for n, s in self.slots.items() if n in complete}


def _policies(documents: Sequence[Mapping[str, Any]]) -> tuple[Policy, ...]:
    if not documents:
        return ()
    from gitexp.project.policies import policies_of

    return policies_of(documents)


def _policy_problems(data: Mapping[str, Any], *, file: str) -> list[Problem]:
    environments = data.get("environments", {})
    if not any((declaration or {}).get("policies") for declaration in environments.values()):
        return []
    from gitexp.project.policies import policy_faults

    return [
        Problem(file=file, place=f"environments.{name}.policies{place}", message=message)
        for name, declaration in environments.items()
        for place, message in policy_faults(
            (declaration or {}).get("policies", ()), environment=name, environments=environments
        )
    ]


def _without_policies(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document whose environments ask for nothing."""
    declared = data.get("environments", {})
    plain = {
        n: {k: v for k, v in (e or {}).items() if k != "policies"} for n, e in declared.items()
    }
    return {**data, "environments": plain}


def name_faults(identity: str, trunk: str, remote: str) -> list[tuple[str, str]]:
    """Return what is wrong with the names by which a project finds its branches, by their keys."""
    faults = (
        ("id", identity, "name", name_fault(identity)),
        ("trunk", trunk, "branch", ref_name_fault(f"refs/heads/{trunk}")),
        ("remote", remote, "name of a remote", ref_name_fault(f"refs/remotes/{remote}/main")),
    )
    return [(k, f"{shown(n)} is not a usable {what}: {f}") for k, n, what, f in faults if f]


def _suggest(name: str, known: Mapping[str, Any]) -> str | None:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else None
