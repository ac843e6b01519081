"""What a push asks for: references to move, what each of them is, and what is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gitexp.documents import layout
from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput
from gitexp.ids import ObjectId, is_object_id, name_fault

RefKind = Literal[
    "trunk",
    "experiment",
    "environment",
    "runs",
    "analyses",
    "change",
    "changes",
    "pin",
    "other",
]

_OWN: tuple[tuple[str, RefKind], ...] = (
    ("exp", "experiment"),
    ("env", "environment"),
    ("runs", "runs"),
    ("analyses", "analyses"),
    ("change", "change"),
    ("changes", "changes"),
)
_CHANGE_ID = re.compile(r"\d{8}-[a-z2-7]{8}")
_PRIVATE = "refs/gitexp/"
_TAGS = "refs/tags/"
_REPLACED = "refs/replace/"


@dataclass(frozen=True, kw_only=True)
class RefMove:
    """One reference that a push would move.

    Attributes:
        old: where it stands; None when the push makes it.
        new: where it would stand; None when the push deletes it.
    """

    ref: str
    old: ObjectId | None
    new: ObjectId | None

    @property
    def deletes(self) -> bool:
        """Whether the reference would be gone."""
        return self.new is None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a push is not taken: which reference, what is wrong, and what to do instead."""

    ref: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a reference is to gitexp.

    Attributes:
        project: the id of the project in its name; empty for `trunk`, `pin` and `other`.
        name: the experiment, environment or change; the object for a pin.
    """

    kind: RefKind
    project: str = ""
    name: str = ""


def parse_moves(lines: Iterable[str]) -> list[RefMove]:
    """Return what a pre-receive hook is told on its standard input, `OLD NEW REF` a line.

    Raises:
        InvalidInput: a line is none of these.
    """
    return [_parse(line.rstrip("\n")) for line in lines if line.strip()]


def _parse(line: str) -> RefMove:
    old, _, rest = line.partition(" ")
    new, _, ref = rest.partition(" ")
    if not (is_object_id(old) and is_object_id(new) and ref.startswith("refs/")):
        raise InvalidInput(
            f"{shown(line)} is no line of a pre-receive hook",
            hint="Git gives them to it; see `git help githooks`.",
        )
    return RefMove(ref=ref, old=_or_none(old), new=_or_none(new))


def _or_none(text: str) -> ObjectId | None:
    return ObjectId(text) if text.strip("0") else None


def place_of(ref: str, trunks: Iterable[str]) -> Place:
    """Return what a reference is.

    Args:
        trunks: the short names of the trunks of all projects.

    Raises:
        InvalidInput: it looks like one of gitexp's own and is none, so that people could take
            it for one; or it is a tag that hides one.
    """
    if ref.startswith(_PRIVATE):
        return _private(ref)
    if ref.startswith(_REPLACED):
        raise InvalidInput(
            f"{shown(ref)} would show people another history than the one that is here",
            hint="Keep replacements in your own clone.",
        )
    if ref.startswith(_TAGS):
        _refuse_hiding(ref.removeprefix(_TAGS), trunks)
        return Place(kind="other")
    if not ref.startswith(layout.BRANCHES):
        return Place(kind="other")
    branch = layout.branch_name(ref)
    folder, slash, rest = branch.partition("/")
    kind = dict(_OWN).get(folder) if slash else None
    if branch in trunks and kind is None:
        return Place(kind="trunk")
    if kind is None:
        _refuse_alike(branch, trunks)
        return Place(kind="other")
    return _own(ref, kind, rest)


def is_own(branch: str) -> bool:
    """Return whether a branch is in one of the folders that are gitexp's own."""
    folder, slash, _ = branch.partition("/")
    return bool(slash) and folder in dict(_OWN)


def _own(ref: str, kind: RefKind, rest: str) -> Place:
    project, _, name = rest.partition("/")
    if name_fault(project):
        raise _misnamed(ref, "no project can have the id that it names")
    if kind == "changes":
        if name:
            raise _misnamed(ref, "the changes of a project are one branch")
        return Place(kind=kind, project=project)
    if kind == "change":
        if not _CHANGE_ID.fullmatch(name):
            raise _misnamed(ref, "a change is named by a date and eight letters and digits")
    elif fault := name_fault(name):
        raise _misnamed(ref, fault)
    return Place(kind=kind, project=project, name=name)


def _private(ref: str) -> Place:
    version = ref.removeprefix(layout.PINS)
    if version == ref or not is_object_id(version):
        raise _misnamed(ref, f"below {_PRIVATE} there is nothing but pins")
    return Place(kind="pin", name=version)


def _refuse_hiding(tag: str, trunks: Iterable[str]) -> None:
    """Refuse a tag that Git would take for a branch of gitexp's where its short name is given."""
    folded = _folded(tag)
    if folded in trunks or (folded.split("/")[0] in dict(_OWN) and "/" in tag):
        raise InvalidInput(
            f"a tag {shown(tag)} would hide a branch of that name from people",
            hint="Give the tag another name.",
        )


def _refuse_alike(branch: str, trunks: Iterable[str]) -> None:
    folded = _folded(branch)
    if folded.split("/")[0] in dict(_OWN) or folded in trunks:
        raise InvalidInput(
            f"branch {shown(branch)} looks like one of gitexp's own and is none",
            hint="Give the branch another name.",
        )


def _folded(text: str) -> str:
    """Return a text as it looks to people: without case, marks, and letters of other alphabets."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in plain if not unicodedata.combining(c) and c.isprintable())
    return "/".join(part.strip() for part in kept.translate(_ALIKE).split("/"))


_ALIKE = str.maketrans(
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0455\u043f\u0433\u0501\u03bd\u03bf\u03c1\u0261",
    "aceopxyisnrdvopg",
)
"""Letters of the Cyrillic and Greek alphabets that are drawn as Latin ones."""


def _misnamed(ref: str, why: str) -> InvalidInput:
    return InvalidInput(f"{shown(ref)} is no reference of gitexp's: {why}")
