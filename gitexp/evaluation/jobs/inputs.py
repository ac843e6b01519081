"""Artifacts of earlier runs that a job is given: pinned when it is created, copied when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.documents.problems import ProblemCollector
from gitexp.errors import Conflict, GitexpError, InvalidInput
from gitexp.evaluation.jobs.values import FILE
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.run import Run
from gitexp.runs.tracking.starting import find_run, resolve_run_id


def pinned(
    workspace: Workspace, asked: Mapping[str, str], found: ProblemCollector
) -> dict[str, dict[str, Any]]:
    """Return the run, the path and the digest of each artifact that is named as `RUN/PATH`.

    Args:
        found: takes every name that stands for no artifact.
    """
    artifacts: dict[str, dict[str, Any]] = {}
    for name, text in asked.items():
        try:
            run, artifact = _artifact(workspace, text)
        except GitexpError as exc:
            found.add(FILE, f"artifacts.{name}", exc.message)
        else:
            artifacts[name] = {"run": run.id, "path": artifact.path, "digest": artifact.digest}
    return artifacts


def _artifact(workspace: Workspace, text: str) -> tuple[Run, Artifact]:
    run_text, slash, path = text.partition("/")
    if not slash or not run_text or not path:
        raise InvalidInput(f"{text!r} names no artifact; write RUN/PATH")
    run = find_run(workspace, resolve_run_id(workspace, run_text))
    for artifact in run.artifacts:
        if artifact.path == path:
            return run, artifact
    raise InvalidInput(f"run {run.id} has no artifact {path!r}")


def copied(
    workspace: Workspace, artifacts: Mapping[str, Mapping[str, Any]], directory: Path
) -> dict[str, str]:
    """Return the paths of copies of the artifacts of a job, by their names.

    Raises:
        Conflict: an artifact is not what it was when the job was created.
        StoreError: one cannot be read or written.
    """
    from gitexp.runs.artifacts.kept import download

    paths: dict[str, str] = {}
    for name, pin in artifacts.items():
        run, artifact = _artifact(workspace, f"{pin['run']}/{pin['path']}")
        if artifact.digest != pin["digest"]:
            raise Conflict(f"artifact {name!r} is not what it was when the job was created")
        (path,) = download(workspace, run, artifact.path, directory / name)
        paths[name] = str(path)
    return paths
