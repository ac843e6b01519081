"""What is wrong with policies that neither their schema nor the definition alone can see.

Rules that no gate can read, datasets that are not there, parameters that no slot holds, more
approvals than there are people named, signatures by nobody's keys, and orders without a first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gitexp.documents import layout
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem, shown
from gitexp.documents.values import Path as Place
from gitexp.errors import InvalidInput
from gitexp.ids import Name, name_fault
from gitexp.project.sources import Source
from gitexp.review.policies.conditions import ANY
from gitexp.review.policies.evaluations import rule_fault

Valid = Callable[[str, DocumentKind], "ParsedDocument | None"]
"""Returns the document at a path when it is a valid one of a kind, else None."""

Fault = tuple[Place, str]


def policy_problems(source: Source, valid: Valid) -> list[Problem]:
    """Return what is wrong with the policies of a project's environments."""
    if layout.PROJECT_FILE not in source.paths:
        return []
    document = valid(layout.PROJECT_FILE, "project")
    if document is None:
        return []
    file = source.shown(layout.PROJECT_FILE)
    faults = _faults(document.value, source)
    return [document.problem(file, place, message) for place, message in faults]


def _faults(definition: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    slots = definition.get("parameters", {})
    for name, declared in definition.get("environments", {}).items():
        for number, policy in enumerate((declared or {}).get("policies", ())):
            start = ("environments", name, "policies", number)
            found = (
                *_condition_faults(policy, slots),
                *_gate_faults(policy, source),
                *_approval_faults(policy),
                *_signature_faults(policy, source),
                *_order_faults(name, policy, definition["environments"]),
            )
            yield from (((*start, *place), message) for place, message in found)


def _condition_faults(policy: Mapping[str, Any], slots: Mapping[str, Any]) -> Iterator[Fault]:
    for number, condition in enumerate(policy.get("when", ())):
        parameter = condition.get("parameter", ANY)
        slot = re.split(r"[.\[]", parameter, maxsplit=1)[0]
        if parameter != ANY and parameter not in slots and slot not in slots:
            yield ("when", number, "parameter"), f"there is no parameter slot {shown(slot)}"


def _gate_faults(policy: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    for number, gate in enumerate(policy.get("gates", ())):
        for position, text in enumerate(gate["rules"]):
            if fault := rule_fault(text):
                yield ("gates", number, "rules", position), fault
        dataset = gate.get("dataset")
        if dataset and not _has_dataset(source, dataset):
            yield ("gates", number, "dataset"), f"there is no dataset {shown(dataset)}"


def _has_dataset(source: Source, name: str) -> bool:
    if name_fault(name):
        return False
    return any(_is_there(source, path) for path in layout.dataset_paths("", Name(name)))


def _approval_faults(policy: Mapping[str, Any]) -> Iterator[Fault]:
    asked = policy.get("approvals", {})
    users, count = asked.get("users", ()), asked.get("count", 1)
    if users and not asked.get("groups") and count > len(users):
        few = "1 person is" if len(users) == 1 else f"{len(users)} people are"
        yield ("approvals", "count"), f"{count} people must approve, and {few} named who may"


def _signature_faults(policy: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    files = (layout.SIGNERS_FILE, layout.GPG_KEYS_FILE)
    asked = [key for key in ("signed", "versions") if policy.get(key)]
    if asked and not any(_is_there(source, file) for file in files):
        message = f"nobody's key counts: there is neither {files[0]} nor {files[1]}"
        yield (asked[0],), message


def _order_faults(
    environment: str, policy: Mapping[str, Any], environments: Mapping[str, Any]
) -> Iterator[Fault]:
    """Yield the orders by which an environment comes after itself, so that nothing can be first."""
    for after in _always_after(policy):
        seen, waiting = {after}, [after]
        while waiting:
            more = {e for p in _policies(environments, waiting.pop()) for e in _always_after(p)}
            waiting += more - seen
            seen |= more
        if environment in seen - {after}:
            yield ("order",), f"{environment} comes after {after}, which comes after {environment}"


def _policies(environments: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (environments.get(name) or {}).get("policies", ())
    return found


def _always_after(policy: Mapping[str, Any]) -> list[str]:
    """Return what a policy always asks to come before."""
    order = policy.get("order", ())
    steps = [order] if "after" in order else order
    return [] if "when" in policy else [step["after"] for step in steps]


def _is_there(source: Source, path: str) -> bool:
    try:
        return source.read(path) is not None
    except InvalidInput:
        return True
