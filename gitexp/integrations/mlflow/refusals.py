"""Errors of gitexp as MLflow says them, with its error codes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    INVALID_STATE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_CONFLICT,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)

from gitexp.errors import (
    AlreadyExists,
    Conflict,
    GitexpError,
    InvalidInput,
    NotAllowed,
    NotFound,
    RepositoryBusy,
)

C = TypeVar("C", bound=type)

_CODES: tuple[tuple[type[GitexpError], int], ...] = (
    (InvalidInput, INVALID_PARAMETER_VALUE),
    (NotFound, RESOURCE_DOES_NOT_EXIST),
    (AlreadyExists, RESOURCE_ALREADY_EXISTS),
    (Conflict, RESOURCE_CONFLICT),
    (NotAllowed, INVALID_STATE),
    (RepositoryBusy, TEMPORARILY_UNAVAILABLE),
)


def as_mlflow(error: GitexpError) -> MlflowException:
    """Return an error as MLflow has it, the hint included."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL_ERROR)
    text = f"{error.message}. {error.hint}" if error.hint else error.message
    return MlflowException(text, error_code=code)


def invalid(text: str) -> MlflowException:
    """Return the error of a value that cannot be accepted."""
    return MlflowException(text, error_code=INVALID_PARAMETER_VALUE)


def missing(text: str) -> MlflowException:
    """Return the error of something that does not exist."""
    return MlflowException(text, error_code=RESOURCE_DOES_NOT_EXIST)


def speaks_mlflow(cls: C) -> C:
    """Return a class whose methods raise MLflow's errors in the place of gitexp's."""
    for name, member in list(vars(cls).items()):
        if callable(member) and not name.startswith("__"):
            setattr(cls, name, _translated(member))
    return cls


def _translated(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except GitexpError as exc:
            raise as_mlflow(exc) from exc

    return call
