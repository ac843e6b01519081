"""Changes of the definition of an A/B test, key by key, with the locks that its steps have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitexp.abtests.definition import LAUNCHED_FACTS, AbTest
from gitexp.abtests.fitting import gap_notes
from gitexp.abtests.steps import Outcome, Plan, Standing, checked, take
from gitexp.abtests.switches import flag_in
from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput
from gitexp.project.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What is to be changed in the file of a test.

    A place is the keys on the way, with points between: `statistics.method`. In a list it is the
    `key` of a part: `metrics.primary.paid.window`; a part that is not there is added. A key with
    points stands in quotes: `metrics.primary."page.load".window`.

    Attributes:
        keys: new values of whole keys of the file; None removes one.
        places: new values of places.
        removed: places that are to go.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Any] = field(default_factory=dict)
    removed: Sequence[str] = ()

    @property
    def touched(self) -> Iterable[str]:
        """The keys of the file that are changed."""
        return [*self.keys, *(_steps(place)[0] for place in (*self.places, *self.removed))]

    def applied(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a document with the changes; whether it is right then is another question.

        Raises:
            InvalidInput: a place leads through something without parts, or one that is to go is
                not there.
        """
        found = {k: v for k, v in {**document, **self.keys}.items() if v is not None}
        for place, value in self.places.items():
            found = _with(found, place, value)
        for place in self.removed:
            found = _without(found, place)
        return found


def update(workspace: Workspace, name: str, edits: Edits) -> Outcome:
    """Change the definition of a test.

    Raises:
        NotAllowed: the test is launched, and the change is of what locks then.
        InvalidInput: a key is one that the steps of its life write, or a place cannot be changed.
        InvalidDocuments: the definition would not be right.
    """
    written = ("status", *LAUNCHED_FACTS)
    own = [key for key in dict.fromkeys(edits.touched) if key in written and key != "note"]
    if own:
        raise InvalidInput(
            f"cannot change {', '.join(map(shown, own))} directly",
            hint="Take the step that does: launch, pause, resume, end, ship, reset, archive ...",
        )

    def step(standing: Standing) -> Plan:
        document = checked(workspace, name, edits.applied(standing.document))
        after = AbTest.from_dict(name, document)
        flag = flag_in(workspace, standing.tree, after.flag, reader=standing.reader)
        about = ", ".join(dict.fromkeys(edits.touched))
        return Plan(document=document, notes=gap_notes(after, flag), about=about)

    return take(workspace, name, step, doing="change")


# --- places -----------------------------------------------------------------------------------

_LISTS = (("variants",), ("metrics", "primary"), ("metrics", "secondary"))
"""Where the parts of a list stand, which are named by their keys."""


def _with(document: Mapping[str, Any], place: str, new: Any) -> dict[str, Any]:
    """Return a document with another value at a place."""
    steps = _steps(place)

    def put(value: Any, depth: int) -> Any:
        if depth == len(steps):
            return new
        step = steps[depth]
        if isinstance(value, Mapping):
            empty: Any = [] if steps[: depth + 1] in _LISTS else {}
            return {**value, step: put(value.get(step, empty), depth + 1)}
        at = _position(value, step, place)
        part = put({} if at is None else value[at], depth + 1)
        if not isinstance(part, Mapping):
            raise InvalidInput(f"{place}: {shown(part)} has no keys", hint=_HINT)
        part = {"key": step, **part}
        return [*value, part] if at is None else [*value[:at], part, *value[at + 1 :]]

    return dict(put(document, 0))


def _without(document: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return a document without what is at a place."""
    steps = _steps(place)

    def cut(value: Any, depth: int) -> Any:
        step, is_last = steps[depth], depth + 1 == len(steps)
        if isinstance(value, Mapping):
            if step not in value:
                raise InvalidInput(f"there is nothing in {shown(place)} to remove", hint=_HINT)
            rest = {key: part for key, part in value.items() if key != step}
            return rest if is_last else {**value, step: cut(value[step], depth + 1)}
        at = _position(value, step, place)
        if at is None:
            raise InvalidInput(f"there is nothing in {shown(place)} to remove", hint=_HINT)
        changed = [] if is_last else [cut(value[at], depth + 1)]
        return [*value[:at], *changed, *value[at + 1 :]]

    return dict(cut(document, 0))


_HINT = (
    "A place is a key of ab-test.yaml, or keys with points between: `statistics.method`. A key "
    "with points stands in double quotes."
)
_STEP = re.compile(r'"[^"]+"|[^".]+')
_PLACE = re.compile(rf"(?:{_STEP.pattern})(?:\.(?:{_STEP.pattern}))*")


def _steps(place: str) -> tuple[str, ...]:
    if not _PLACE.fullmatch(place):
        raise InvalidInput(f"{shown(place)} is not a place", hint=_HINT)
    return tuple(step.strip('"') for step in _STEP.findall(place))


def _position(value: Any, key: str, place: str) -> int | None:
    """Return where the part with a key stands in a list; None where there is none."""
    if not isinstance(value, list):
        raise InvalidInput(f"{place}: {shown(value)} has no parts", hint=_HINT)
    keys = [part.get("key") if isinstance(part, Mapping) else None for part in value]
    return keys.index(key) if key in keys else None
