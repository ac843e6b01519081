"""The values of a job: those asked for, else the defaults; all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from gitexp.documents.problems import MISSING, ProblemCollector
from gitexp.errors import InvalidInput
from gitexp.evaluation.jobs.entrypoints import Entrypoint
from gitexp.project.definition import Project
from gitexp.project.slots import Slot, within

FILE = "job"
"""What stands in front of every problem of a job."""


def resolved(
    entrypoint: Entrypoint,
    project: Project,
    values: Mapping[str, Any],
    texts: Mapping[str, str],
    standing: Mapping[str, Any],
    found: ProblemCollector,
) -> dict[str, Any]:
    """Return the value of every parameter of a job: asked for, else the default.

    A parameter that has neither takes what the version has in a slot of its name. Else it is
    missing, unless it says that it need not be there: then it is left out, and never null.

    Args:
        texts: values as they were typed, read by the types of the parameters.
        standing: the values of the version.
        found: takes every missing, unknown and mistyped value.
    """
    complete: dict[str, Any] = {}
    for name in [*values, *texts]:
        if name not in entrypoint.parameters:
            found.add(FILE, name, f"unknown parameter.{_meant(name, entrypoint.parameters)}")
    for name, slot in entrypoint.parameters.items():
        value = _value(slot, values, texts, standing, found)
        if value is MISSING:
            continue
        wrong = list(_faults(slot, project.slots.get(name), value))
        for place, message in wrong:
            found.add(FILE, within(name, place), message)
        if not wrong:
            complete[name] = slot.normal(value)
    return complete


def _value(
    slot: Slot,
    values: Mapping[str, Any],
    texts: Mapping[str, str],
    standing: Mapping[str, Any],
    found: ProblemCollector,
) -> Any:
    """Return the value of a parameter before it is checked, or MISSING."""
    if slot.name in values:
        return values[slot.name]
    if slot.name in texts:
        try:
            return slot.parse(texts[slot.name])
        except InvalidInput as exc:
            found.add(FILE, "", exc.message)
            return MISSING
    value = standing.get(slot.name, MISSING) if slot.default is MISSING else slot.default
    if value is MISSING and slot.required:
        found.add(FILE, slot.name, f"required parameter of type {slot.type} has no value")
    return value


def _faults(slot: Slot, other: Slot | None, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a value, for the entrypoint and for the slot of the same name."""
    faults = slot.faults(value)
    yield from faults
    if other is not None and not faults:
        yield from other.faults(value)


def dataset_of(entrypoint: Entrypoint, asked: str, found: ProblemCollector) -> str:
    """Return the name of the dataset of a job; empty where it has none."""
    wanted = entrypoint.dataset
    if wanted is None:
        if asked:
            found.add(FILE, "dataset", f"entrypoint {entrypoint.name!r} takes no dataset")
        return ""
    name = asked or wanted.default
    if not name and wanted.required:
        found.add(FILE, "dataset", "required, and the entrypoint has no default")
    return name


def artifacts_of(
    entrypoint: Entrypoint, asked: Mapping[str, str], found: ProblemCollector
) -> dict[str, str]:
    """Return the artifacts of a job by the names that its entrypoint has for them."""
    for name in asked:
        if name not in entrypoint.artifacts:
            what = f"unknown artifact.{_meant(name, entrypoint.artifacts)}"
            found.add(FILE, f"artifacts.{name}", what)
    for name, wanted in entrypoint.artifacts.items():
        if wanted.required and name not in asked:
            found.add(FILE, f"artifacts.{name}", "required artifact is not given")
    return {name: text for name, text in asked.items() if name in entrypoint.artifacts}


def _meant(name: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(name, list(known), n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" There are {', '.join(sorted(known))}" if known else " The entrypoint has none"
