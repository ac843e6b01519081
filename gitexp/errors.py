"""Errors: one root, a class only where a caller tells them apart.

GitexpError
├── InvalidInput          a value, name or option that cannot be accepted
│   └── InvalidDocuments  one or more files or values break their schema; all problems at once
├── NotFound              no such experiment, version, environment, dataset ...
│   └── NotBound          the environment exists and no version is bound to it
├── AlreadyExists         the name is taken
├── Conflict              somebody else moved what this write was based on
│   └── Diverged          two lines of versions that must be joined by parameter
├── NotAllowed            the state of things forbids it (bound, private, archived ...)
│   ├── ApprovalRequired  a policy asks for people's approval first; a change request waits for it
│   └── Refused           a policy forbids it, and no approval would help
├── Forbidden             who asks lacks the role for it in the group that owns the thing
├── UncommittedWork       the write would overwrite files that were edited and not committed
├── StoreError            the repository cannot be read or written
│   ├── MissingObject     an object is not here (shallow or partial clone, or damage)
│   ├── DamagedObject     an object is here and its bytes are not what its name says
│   ├── RefChanged        a compare-and-swap found another value
│   └── RepositoryBusy    another process holds a lock for longer than the wait
└── RemoteError           the shared remote could not be used
    ├── RemoteUnavailable it could not be reached, or refused the credentials
    └── PushRejected      it was reached and refused the update; nothing was changed there

Messages are in lower case without a full stop and say what and which value. The hint is a
sentence that says what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitexp.documents.problems import Problem


class GitexpError(Exception):
    """The root of every error that gitexp raises on purpose."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive the default protocol, which replays `args`.
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(cls: type[GitexpError], args: tuple[Any, ...], state: dict[str, Any]) -> GitexpError:
    error = cls.__new__(cls)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error


class InvalidInput(GitexpError):
    """A value, name or option that cannot be accepted."""


class InvalidDocuments(InvalidInput):
    """One or more files or values break their schema; `problems` holds every one of them."""

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), hint=hint)


class NotFound(GitexpError):
    """No such experiment, version, environment, dataset or file."""


class NotBound(NotFound):
    """The environment exists and no version is bound to it."""


class AlreadyExists(GitexpError):
    """The name is taken."""


class Conflict(GitexpError):
    """Somebody else moved what this write was based on; nothing was written."""


class Diverged(Conflict):
    """Two lines of versions change the same parameters; `parameters` names them.

    `parameters` maps each name to its `(base, ours, theirs)` values.
    """

    def __init__(
        self,
        message: str,
        *,
        parameters: Mapping[str, tuple[Any, Any, Any]],
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.parameters = dict(parameters)


class NotAllowed(GitexpError):
    """The state of things forbids it: bound, private, archived, deleted ..."""


class ApprovalRequired(NotAllowed):
    """A policy asks for approval first.

    `change` is the id of the change request that waits for it, None where none was opened;
    `missing` says what is lacking, a line each, and `approvers` names who can give it.
    """

    def __init__(
        self,
        message: str,
        *,
        change: str | None = None,
        missing: Sequence[str] = (),
        approvers: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.change = change
        self.missing = tuple(missing)
        self.approvers = tuple(approvers)


class Refused(NotAllowed):
    """A policy forbids it, and no approval would help; `reasons` says why, a line each."""

    def __init__(self, message: str, *, reasons: Sequence[str] = (), hint: str | None = None):
        super().__init__(message, hint=hint)
        self.reasons = tuple(reasons)


class Forbidden(GitexpError):
    """Who asks lacks the role for it in the group that owns the thing."""


class UncommittedWork(GitexpError):
    """The write would overwrite files that were edited and not committed."""


class StoreError(GitexpError):
    """The repository cannot be read or written."""


class MissingObject(StoreError):
    """An object is not in this clone, which may be shallow, partial or damaged."""


class DamagedObject(StoreError):
    """An object is here and its bytes are not what its name says."""


class RefChanged(StoreError):
    """A compare-and-swap of a reference found another value; nothing was written."""


class RepositoryBusy(StoreError):
    """Another process holds a lock of the repository for longer than the wait."""


class RemoteError(GitexpError):
    """The shared remote could not be used."""


class RemoteUnavailable(RemoteError):
    """The remote could not be reached, or it refused the credentials."""


class PushRejected(RemoteError):
    """The remote refused the update and changed nothing; `refs` maps each ref to the reason."""

    def __init__(
        self, message: str, *, refs: Mapping[str, str] | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.refs = dict(refs or {})
