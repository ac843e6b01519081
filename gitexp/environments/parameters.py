"""Parameters: the resolved values that an application reads, with their types and their origin."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from gitexp.documents.problems import MISSING
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import Digest, ObjectId, VersionId

Source = Literal["environment", "experiment", "version"]
"""The selector that decided: an environment, an experiment's latest version, or a version."""

MASK = "<secret>"
"""What stands for a secret in every print."""

_SHORT = 10
_ACTUAL: Mapping[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where values come from.

    Attributes:
        experiment: the experiment's name, as the binding or the repository has it.
        experiment_id: the experiment's stable id.
        version: the version that holds the values.
        digest: over the canonical JSON of the values.
        environment: the environment that was read, or None.
        environment_commit: the commit of the environment's branch that was read, or None.
        source: the selector that decided.
        stale: whether the shared remote could not be asked, so that newer values may be live.
    """

    experiment: str
    experiment_id: str
    version: VersionId
    digest: Digest
    environment: str | None = None
    environment_commit: ObjectId | None = None
    source: Source = "environment"
    stale: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the provenance as JSON data."""
        return {
            "experiment": self.experiment,
            "experiment_id": self.experiment_id,
            "version": self.version,
            "digest": self.digest,
            "environment": self.environment,
            "environment_commit": self.environment_commit,
            "source": self.source,
            "stale": self.stale,
        }


class Parameters(Mapping[str, Any]):
    """A read-only mapping of slot names to native values.

    Values are reached by index, so a slot may have any name, `keys` and `values` included. Lists
    and objects are handed out as copies: changing one changes nothing here. The value of a secret
    slot is the name of an environment variable; `secret` looks it up.

    Attributes:
        provenance: where the values come from.
        types: the slot type of each value.
    """

    provenance: Provenance
    types: Mapping[str, str]

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        types: Mapping[str, str],
        provenance: Provenance,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._values = copy.deepcopy(dict(values))
        self._environ = environ
        self.types = {name: types.get(name, "") for name in values}
        self.provenance = provenance

    def __getitem__(self, name: str) -> Any:
        return _own(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        shown = {n: MASK if self.is_secret(n) else value for n, value in self._values.items()}
        origin = f"{self.provenance.experiment}@{self.provenance.version[:_SHORT]}"
        return f"Parameters({shown!r}, from {origin})"

    def __getstate__(self) -> dict[str, Any]:
        # The environment may hold the secrets themselves: it never travels with the values.
        return self.__dict__ | {"_environ": None}

    def is_secret(self, name: str) -> bool:
        """Return whether a slot holds a reference to a secret."""
        return self.types.get(name) == "secret"

    def to_dict(self) -> dict[str, Any]:
        """Return a plain mapping of the values; a secret is the name of its variable."""
        return copy.deepcopy(self._values)

    def masked(self) -> dict[str, Any]:
        """Return a plain mapping of the values for showing: each secret as `<secret>`."""
        return {n: MASK if self.is_secret(n) else v for n, v in self.to_dict().items()}

    def get_text(self, name: str, default: Any = MISSING) -> str:
        """Return the text of a slot, or `default` when it has no value.

        Raises:
            NotFound: it has no value and no default was given.
            InvalidInput: its value is no text, or is a secret.
        """
        return cast("str", self._typed(name, "text", (str,), default))

    def get_integer(self, name: str, default: Any = MISSING) -> int:
        """Return the integer of a slot, or `default`; raises as `get_text` does."""
        return cast("int", self._typed(name, "an integer", (int,), default))

    def get_number(self, name: str, default: Any = MISSING) -> float:
        """Return the number of a slot, integers included, or `default`; raises as `get_text`."""
        return cast("float", self._typed(name, "a number", (int, float), default))

    def get_boolean(self, name: str, default: Any = MISSING) -> bool:
        """Return the truth value of a slot, or `default`; raises as `get_text` does."""
        return cast("bool", self._typed(name, "a boolean", (bool,), default))

    def get_list(self, name: str, default: Any = MISSING) -> list[Any]:
        """Return a copy of the list of a slot, or `default`; raises as `get_text` does."""
        return cast("list[Any]", self._typed(name, "a list", (list,), default))

    def get_object(self, name: str, default: Any = MISSING) -> dict[str, Any]:
        """Return a copy of the object of a slot, or `default`; raises as `get_text` does."""
        return cast("dict[str, Any]", self._typed(name, "an object", (dict,), default))

    def secret(self, name: str, environ: Mapping[str, str] | None = None) -> str:
        """Return the secret that a slot refers to, looked up now.

        It is looked up in `environ`, else in the environment variables that the values were
        read with, else (after unpickling) in those of this process.

        Raises:
            NotFound: the slot has no value, or its variable is not set or empty.
            InvalidInput: it is no secret slot.
        """
        if name not in self._values:
            raise self._absent(name)
        if not self.is_secret(name):
            raise InvalidInput(
                f"parameter {name!r} is {_kind(self._values[name])}, not a secret",
                hint=f"Read it as parameters[{name!r}].",
            )
        variable = self._values[name]
        found = self._variables(environ).get(variable)
        if not found:
            state = "not set" if found is None else "empty"
            raise NotFound(
                f"the environment variable {variable}, which parameter {name!r} refers to, "
                f"is {state}",
                hint=f"Set {variable} to the secret before starting the program.",
            )
        return found

    def _variables(self, environ: Mapping[str, str] | None) -> Mapping[str, str]:
        known = environ if environ is not None else self._environ
        if known is not None:
            return known
        from gitexp.surroundings import Surroundings

        return Surroundings.of_process().environ

    def _typed(self, name: str, expected: str, allowed: tuple[type, ...], default: Any) -> Any:
        if name not in self._values:
            if default is MISSING:
                raise self._absent(name)
            return default
        value = self._values[name]
        if self.is_secret(name) or type(value) not in allowed:
            actual = "a secret" if self.is_secret(name) else _kind(value)
            raise InvalidInput(
                f"parameter {name!r} is {actual}, not {expected}",
                hint=f"Read it with `secret({name!r})`." if self.is_secret(name) else None,
            )
        return _own(value)

    def _absent(self, name: str) -> NotFound:
        import difflib

        close = difflib.get_close_matches(name, list(self._values), n=1)
        return NotFound(
            f"no parameter {name!r} in {self.provenance.experiment}"
            f"@{self.provenance.version[:_SHORT]}",
            hint=f"Did you mean {close[0]!r}?" if close else "Give a default for it.",
        )


def _kind(value: Any) -> str:
    return _ACTUAL.get(type(value), type(value).__name__)


def _own(value: T) -> T:
    """Return a value that the caller may change."""
    return copy.deepcopy(value) if isinstance(value, (list, dict)) else value
