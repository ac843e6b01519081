"""A provider for OpenFeature: applications use its standard client, the flags come from Git.

    from openfeature import api
    from gitexp.integrations.openfeature import GitexpProvider

    provider = GitexpProvider("production", repository="https://example.org/team/bot.git")
    api.set_provider_and_wait(provider)
    api.get_client().get_boolean_value("checkout", False, EvaluationContext("user-1"))

A boolean is whether somebody has the flag, also one with variants. A string is the key of their
variant, or the payload of a flag without any; numbers and objects are the payload. Where somebody
has not the flag, a boolean is false and anything else what the caller gave as default.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    FlagNotFoundError,
    ProviderFatalError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from gitexp.errors import GitexpError, NotBound, NotFound
from gitexp.flags.deciding import Evaluation
from gitexp.flags.documents import Flag
from gitexp.flags.serving import ServedFlags
from gitexp.serving import feature_flags
from gitexp.surroundings import Surroundings

if TYPE_CHECKING:
    from gitexp.repository import Repository

T = TypeVar("T")
_Objects = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_LAST_WAIT = 1.0
"""How many seconds a shutdown waits for a read that is going on: a remote may be silent."""


class GitexpProvider(AbstractProvider):
    """The flags that are published in an environment, for OpenFeature's client."""

    def __init__(
        self,
        environment: str | None = None,
        *,
        repository: Repository | str | Path | None = None,
        project: str | None = None,
        at: str | None = None,
        locked: bool = False,
        offline: bool = False,
        refresh: float | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Hold where the flags come from; they are read when the provider is set.

        Args:
            environment: its name; `GITEXP_ENVIRONMENT`, else `default`, when nothing is given.
            repository: a repository, a directory inside one, or the address of the shared
                remote, which needs no clone; the current directory by default.
            project: the id of the project, where an address holds several.
            at: a commit of the environment, to read what was published then.
            locked: read the commit that `gitexp.lock` pins.
            offline: never ask the remote.
            refresh: after how many seconds to look for newer flags, again and again, in a thread
                of its own; None leaves that to `refresh()`.
        """
        super().__init__()
        fetching = not (offline or locked or at is not None)
        if repository is not None and not isinstance(repository, (str, Path)):
            # What it holds open belongs to the thread that opened it.
            surroundings = repository.workspace.surroundings
            repository = repository.root_directory or repository

        def read() -> ServedFlags:
            return feature_flags(
                environment,
                repository=repository,
                project=project,
                at=at,
                locked=locked,
                offline=offline,
                fetch=fetching,
                surroundings=surroundings,
            )

        self._read = read
        self._every = refresh
        self._flags: ServedFlags | None = None
        self._is_fresh = False
        self._reading = Lock()
        self._ended = Event()
        self._thread: Thread | None = None
        _PROVIDERS.add(self)

    # --- the life of a provider ---------------------------------------------------------------

    def get_metadata(self) -> Metadata:
        """Return the name of the provider."""
        return Metadata(name="gitexp")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Read the flags, and begin to look for newer ones where that was asked for.

        What cannot be read now is looked for again and again too, and the client's handlers are
        told when it is there.

        Raises:
            ProviderFatalError: there is no such repository, project or environment.
            ProviderNotReadyError: it cannot be read now, or nothing was ever published there.
        """
        self._ended = Event()
        try:
            self._flags = self._read()
        except GitexpError as exc:
            if isinstance(exc, NotFound) and not isinstance(exc, NotBound):
                raise ProviderFatalError(_told(exc)) from exc
            self._begin_to_follow()
            raise ProviderNotReadyError(_told(exc)) from exc
        self._is_fresh = True
        self._begin_to_follow()

    def shutdown(self) -> None:
        """Stop looking for newer flags; a read that is going on comes to nothing."""
        self._ended.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_LAST_WAIT)

    def refresh(self) -> bool:
        """Read the flags again, and return whether they are others than before.

        The client's handlers are told of a change. Where the flags cannot be read, those that
        were read before stay, and handlers are told that they are stale, and when they no longer
        are.
        """
        return self._refreshed(GitexpError)

    def _refreshed(self, expected: type[Exception]) -> bool:
        with self._reading:
            before = self._flags
            try:
                found = self._read()
            except expected as exc:
                self._tell_stale(_told(exc))
                return False
            if self._ended.is_set():
                return False
            self._flags = found
            if found.provenance.stale:
                self._tell_stale("the remote cannot be reached; these flags were read earlier")
            elif not self._is_fresh:
                self._is_fresh = True
                self.emit_provider_ready(ProviderEventDetails())
            changed = _changed(before, found)
            if changed:
                details = ProviderEventDetails(flags_changed=changed)
                self.emit_provider_configuration_changed(details)
            return bool(changed)

    def _tell_stale(self, why: str) -> None:
        if self._flags is None or self._ended.is_set():
            return
        self._flags.provenance = replace(self._flags.provenance, stale=True)
        if self._is_fresh:
            self._is_fresh = False
            self.emit_provider_stale(ProviderEventDetails(message=why))

    def _begin_to_follow(self) -> None:
        if self._every is not None and self._thread is None and not self._ended.is_set():
            self._thread = Thread(
                target=self._follow, args=(self._ended,), name="gitexp-flags", daemon=True
            )
            self._thread.start()

    def _follow(self, ended: Event) -> None:
        while not ended.wait(self._every):
            # A thread that ends would leave an application with old flags, and tell nobody.
            self._refreshed(Exception)

    def go_on_in_child(self) -> None:
        """Look for newer flags in a forked process too, which has none of its parent's threads."""
        was_following, self._thread = self._thread is not None, None
        self._reading = Lock()  # a thread that is not here may have held it
        if was_following:
            self._ended = Event()
            self._begin_to_follow()

    @property
    def flags(self) -> ServedFlags:
        """The flags that are served now.

        Raises:
            ProviderNotReadyError: none were read yet.
        """
        flags = self._flags
        if flags is None:
            raise ProviderNotReadyError("no flags were read yet")
        return flags

    # --- values -------------------------------------------------------------------------------

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return whether somebody has a flag."""
        return self._resolved(
            flag_key, False, evaluation_context, lambda found, flag: found.enabled
        )

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Return the variant that somebody has, or the payload of a flag without variants."""

        def value(found: Evaluation, flag: Flag) -> str:
            return found.variant or _payload(found, flag, "text", (str,))

        return self._resolved(flag_key, default_value, evaluation_context, value)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Return the payload that somebody gets, an integer."""
        return self._of_payload(flag_key, default_value, evaluation_context, "an integer", (int,))

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Return the payload that somebody gets, a number."""
        found = self._of_payload(
            flag_key, default_value, evaluation_context, "a number", (int, float)
        )
        found.value = float(found.value)
        return found

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: _Objects,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[_Objects]:
        """Return the payload that somebody gets, a list or an object."""
        return self._of_payload(
            flag_key, default_value, evaluation_context, "a list or an object", (dict, list)
        )

    def _of_payload(
        self,
        key: str,
        default: T,
        context: EvaluationContext | None,
        expected: str,
        kinds: tuple[type, ...],
    ) -> FlagResolutionDetails[T]:
        return self._resolved(
            key, default, context, lambda found, flag: _payload(found, flag, expected, kinds)
        )

    def _resolved(
        self,
        key: str,
        otherwise: T,
        context: EvaluationContext | None,
        value: Callable[[Evaluation, Flag], T],
    ) -> FlagResolutionDetails[T]:
        flags = self.flags
        who = context.targeting_key if context is not None else None
        properties = context.attributes if context is not None else None
        try:
            found, flag = flags.evaluate(key, who, properties), flags[key]
        except NotFound as exc:
            raise FlagNotFoundError(_told(exc)) from exc
        if found.reason == "missing_identifier":
            by = f"property {flag.hashing.by!r}" if flag.hashing.by else "targeting key"
            raise TargetingKeyMissingError(f"flag {key!r} is drawn, and there is no {by}")
        return FlagResolutionDetails(
            value=value(found, flag) if found.enabled else otherwise,
            variant=found.variant,
            reason=_reason(found, flag),
            flag_metadata=_metadata(flags, key),
        )


def _payload(found: Evaluation, flag: Flag, expected: str, kinds: tuple[type, ...]) -> Any:
    """Return a payload of a type.

    Raises:
        TypeMismatchError: it is of another one.
    """
    if type(found.payload) in kinds:
        return found.payload
    what = f"variant {found.variant!r} of flag" if found.variant else "flag"
    raise TypeMismatchError(f"the payload of {what} {flag.key!r} is not {expected}")


def _reason(found: Evaluation, flag: Flag) -> Reason:
    if found.reason == "flag_disabled":
        return Reason.DISABLED
    if found.reason == "holdout":
        return Reason.SPLIT
    if found.reason != "condition_match":
        return Reason.DEFAULT
    if any(condition.rules for condition in flag.asked):
        return Reason.TARGETING_MATCH
    is_drawn = flag.variants or any(condition.rollout < 100 for condition in flag.asked)
    return Reason.SPLIT if is_drawn else Reason.STATIC


def _metadata(flags: ServedFlags, key: str) -> dict[str, bool | int | float | str]:
    origin = flags.provenance
    return {
        "project": origin.project,
        "environment": origin.environment,
        "environment_commit": origin.environment_commit,
        "digest": origin.digests[key],
        "stale": origin.stale,
    }


def _changed(before: ServedFlags | None, after: ServedFlags) -> list[str]:
    old = dict(before.provenance.digests) if before is not None else {}
    new = dict(after.provenance.digests)
    return [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _told(error: Exception) -> str:
    if not isinstance(error, GitexpError):
        return f"{type(error).__name__}: {error}"
    return f"{error.message}. {error.hint}" if error.hint else error.message


_PROVIDERS: WeakSet[GitexpProvider] = WeakSet()


def _go_on_in_child() -> None:
    for provider in list(_PROVIDERS):
        provider.go_on_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_on_in_child)
