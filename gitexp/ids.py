"""Names and identifiers: checked once where they enter, trusted from there on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, NewType

from gitexp.errors import InvalidInput

Name = NewType("Name", str)
"""A name that is one safe path segment and one safe segment of a Git reference."""

ObjectId = NewType("ObjectId", str)
"""The full lower-case hexadecimal id of a Git object: 40 digits, or 64 with SHA-256."""

VersionId = ObjectId
"""The id of the commit that saved a version."""

Digest = NewType("Digest", str)
"""`sha256:` and 64 hexadecimal digits over the canonical JSON of resolved values."""

RunId = NewType("RunId", str)
"""`20261121T131502-k3fgq2x7`: the UTC second at which the run began, and 40 random bits."""

ChangeId = NewType("ChangeId", str)
"""`20261121-k3fgq2x7`: the UTC day on which the change request was opened, and 40 random bits."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
SLOT_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$"
RUN_ID_PATTERN = r"^[0-9]{8}T[0-9]{6}-[a-z2-7]{8}$"

_NAME = re.compile(NAME_PATTERN[:-1] + r"\Z")
_SLOT = re.compile(SLOT_PATTERN[:-1] + r"\Z")
_RUN_ID = re.compile(RUN_ID_PATTERN[:-1] + r"\Z")
_CHANGE_ID = re.compile(r"[0-9]{8}-[a-z2-7]{8}\Z")
_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{stem}{digit}" for stem in ("com", "lpt") for digit in range(10)]
)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

Randomness = Callable[[int], int]
"""A source of random bits: called with a number of bits, it returns an integer below 2**bits."""


def parse_name(text: str, what: str = "name") -> Name:
    """Return a name that is safe as a path segment and in a Git reference on every system.

    Raises:
        InvalidInput: the text is not such a name; the message says which rule it breaks.
    """
    reason = name_fault(text)
    if reason:
        raise InvalidInput(
            f"{text!r} is not a usable {what}: {reason}",
            hint="Use lower-case letters, digits, '.', '_' and '-', beginning with a letter "
            "or digit, at most 63 characters.",
        )
    return Name(text)


def name_fault(text: Any) -> str | None:
    """Return why something that was read or given cannot be a name, or None when it can."""
    if not isinstance(text, str) or not _NAME.match(text):
        return "it must match [a-z0-9][a-z0-9._-]{0,62}"
    if text.endswith((".", ".lock")):
        return "it must not end with '.' or '.lock'"
    if ".." in text:
        return "it must not contain '..'"
    if text.split(".", 1)[0] in _WINDOWS_DEVICES:
        return "it is the name of a device on Windows"
    return None


def slot_name_fault(text: str) -> str | None:
    """Return why a text cannot name a parameter slot, or None when it can."""
    return None if _SLOT.match(text) else "it must match [a-zA-Z_][a-zA-Z0-9_]{0,62}"


def is_object_id(text: str) -> bool:
    """Return whether a text is a full object id."""
    return _OBJECT_ID.match(text) is not None


def system_bits(count: int) -> int:
    """Return random bits of the operating system; importing `secrets` for them costs 6 ms."""
    return int.from_bytes(os.urandom((count + 7) // 8), "big") >> (-count % 8)


def new_experiment_id(random_bits: Randomness = system_bits) -> str:
    """Return a new stable id of an experiment: `x` and 80 random bits in base 32."""
    return "x" + _base32(random_bits(80), 16)


def new_run_id(began: datetime, random_bits: Randomness = system_bits) -> RunId:
    """Return a new run id that sorts by the moment at which the run began."""
    stamp = began.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%S")
    return RunId(f"{stamp}-{_base32(random_bits(40), 8)}")


def new_change_id(opened: datetime, random_bits: Randomness = system_bits) -> ChangeId:
    """Return a new id of a change request that sorts by the day on which it was opened."""
    stamp = opened.astimezone(timezone.utc).strftime("%Y%m%d")
    return ChangeId(f"{stamp}-{_base32(random_bits(40), 8)}")


def is_change_id(text: str) -> bool:
    """Return whether a text is the id of a change request."""
    return _CHANGE_ID.match(text) is not None


def new_nonce(random_bits: Randomness = system_bits) -> str:
    """Return a random text of 16 letters and digits."""
    return _base32(random_bits(80), 16)


def parse_run_id(text: str) -> RunId:
    """Return a checked run id.

    Raises:
        InvalidInput: the text is no run id.
    """
    if not _RUN_ID.match(text):
        raise InvalidInput(
            f"{text!r} is not a run id",
            hint="A run id looks like 20261121T131502-k3fgq2x7; `gitexp results EXPERIMENT` "
            "lists them.",
        )
    return RunId(text)


def _base32(number: int, digits: int) -> str:
    return "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in reversed(range(digits)))
