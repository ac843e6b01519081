"""Names and numbers of experiments: MLflow's names are any text, its ids are numbers.

An experiment's name in MLflow is kept in the tag `mlflow.experimentName` of its header where it is
no name of gitexp; its directory and branches then have a name that was made of it. Without the
tag the two names are one.

Its number is the first 53 bits of the SHA-256 of its id, so it is the same in every clone and a
rename keeps it, and every language reads it exactly. The tag `mlflow.experimentId` names another
one: `0` for the default experiment, the former number for an imported one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from itertools import count

from gitexp.experiments.headers import Header
from gitexp.ids import name_fault

NAME_TAG = "mlflow.experimentName"
NUMBER_TAG = "mlflow.experimentId"
DEFAULT_NAME = "Default"
DEFAULT_NUMBER = 0

_BITS = 53
_LONGEST = 50
_UNUSABLE = re.compile(r"[^a-z0-9._-]+")


def number_of_id(experiment_id: str) -> int:
    """Return the number that follows from an experiment's id."""
    digest = hashlib.sha256(experiment_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _BITS)


def chosen_number(header: Header) -> int | None:
    """Return the number that an experiment's header names, or None."""
    text = header.tags.get(NUMBER_TAG, "")
    if text.isascii() and text.isdecimal() and int(text) < 2**63:
        return int(text)
    return DEFAULT_NUMBER if header.name == DEFAULT_NAME.lower() else None


def number_of(header: Header) -> int:
    """Return an experiment's number, as far as no other experiment has taken it."""
    chosen = chosen_number(header)
    return number_of_id(header.id) if chosen is None else chosen


def mlflow_name(header: Header) -> str:
    """Return an experiment's name in MLflow."""
    return header.tags.get(NAME_TAG, header.name)


def candidates(text: str) -> Iterator[str]:
    """Yield names of gitexp for a name of MLflow, the best first; there is no last one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = _UNUSABLE.sub("-", plain).strip("._-")
    name = re.sub(r"\.{2,}", ".", name)[:_LONGEST].strip("._-")
    if name and not name_fault(name):
        yield name
    stem = name if name and not name_fault(f"{name}-2") else "experiment"
    yield from (f"{stem}-{number}" for number in count(2))
