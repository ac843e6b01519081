"""The program of a job: its templates become words, each one argument whatever its values hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.errors import InvalidInput
from gitexp.ids import RunId


def words_of(command: Sequence[str], entrypoint: str, variables: Mapping[str, Any]) -> list[str]:
    """Return a program and its arguments.

    Args:
        variables: see `variables_of`.

    Raises:
        InvalidInput: a template names what is not there, or makes what no argument can hold.
    """
    from gitexp.evaluation.answers import CallFailed
    from gitexp.evaluation.endpoints.commands import words_of as checked_words
    from gitexp.evaluation.templates import render_all

    where = f"entrypoint {entrypoint!r}"
    try:
        rendered = render_all(list(command), variables, where=f"{where}: command")
        return checked_words(rendered, where)
    except CallFailed as exc:
        raise InvalidInput(str(exc), hint=f"See `gitexp entrypoint show {entrypoint}`.") from exc


def variables_of(
    *,
    parameters: Mapping[str, Any],
    dataset: Mapping[str, Any] | None,
    artifacts: Mapping[str, str],
    run_id: RunId,
    job_id: RunId | None = None,
    attempt: int = 1,
) -> dict[str, Any]:
    """Return what the templates of a command may name.

    Args:
        dataset: its name, path and digest.
        artifacts: the paths of copies, by name.
        job_id: that of the first attempt, where this is a later one.
    """
    return {
        "parameters": dict(parameters),
        "dataset": dataset,
        "artifacts": dict(artifacts),
        "job": {"id": job_id or run_id, "run": run_id, "attempt": attempt},
    }
