"""Where a run begins: an experiment, a version's values, and what is changed for this run alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents import schemas
from gitexp.documents.canonical import digest_of
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.values import same
from gitexp.errors import InvalidDocuments, NotAllowed
from gitexp.experiments.headers import Header, header_at
from gitexp.experiments.homes import Home, get_home
from gitexp.experiments.refusals import refuse_former_name
from gitexp.experiments.versions import Version, resolve_version
from gitexp.ids import RunId, new_run_id
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.runs import texts
from gitexp.runs.circumstances import Circumstances, circumstances_of
from gitexp.runs.masking import secrets_among
from gitexp.runs.run import Run
from gitexp.store.trees import tree_of


@dataclass(frozen=True, kw_only=True)
class Values:
    """The values of a run.

    Attributes:
        version: the version they are of; None for an experiment that has none yet.
        complete: every value, defaults filled in.
        overrides: those of them that differ from the version's.
        types: the type of every slot.
    """

    version: Version | None
    complete: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)


def values_of(
    workspace: Workspace, experiment: str, version: str, overrides: Mapping[str, Any]
) -> Values:
    """Return the values of a version of an experiment, some of them changed for a run.

    Raises:
        NotFound: there is no such version.
        InvalidDocuments: a value is wrong.
    """
    return values_at(workspace, resolve_version(workspace, experiment, version), overrides)


def values_at(workspace: Workspace, version: Version, overrides: Mapping[str, Any]) -> Values:
    """Return the values of a version, some of them changed for a run.

    Raises:
        InvalidInput: the version's values are not valid, or a value for the run is not.
    """
    found = version.checked()
    project = project_at(workspace, tree_of(workspace.store, found.version))
    complete = project.resolve({**found.values, **overrides}, file="parameters")
    changed = {
        name: complete[name]
        for name in overrides
        if name not in found.values or not same(complete[name], found.values[name])
    }
    return Values(version=found, complete=complete, overrides=changed, types=project.types())


def runnable(workspace: Workspace, experiment: str) -> Header:
    """Return the header of an experiment that can be run.

    Raises:
        NotFound: there is no such experiment.
        NotAllowed: it is deleted, or has another name now.
    """
    return runnable_at(workspace, get_home(workspace, experiment))


def runnable_at(workspace: Workspace, home: Home) -> Header:
    """Return the header of the experiment with a home; raises as `runnable` does."""
    header = header_at(workspace, home.tip, home.name)
    refuse_former_name(workspace, home)
    if header.lifecycle == "deleted":
        raise NotAllowed(
            f"experiment {header.name!r} is deleted",
            hint=f"Bring it back with `gitexp experiment restore {header.name}`.",
        )
    return header


def new_run(workspace: Workspace, header: Header, values: Values, **fields: Any) -> Run:
    """Return a new run of an experiment, not begun.

    Args:
        fields: more fields of the run, such as its name and its tags.
    """
    now = workspace.surroundings.clock.now()
    return Run(
        id=RunId(fields.pop("id", None) or new_run_id(now, workspace.surroundings.random_bits)),
        experiment=header.name,
        experiment_id=header.id,
        project=workspace.project_id,
        version=values.version.version if values.version else None,
        digest=digest_of(values.complete) if values.version else None,
        created_at=now,
        parameters=values.complete,
        overrides=values.overrides,
        who=str(workspace.signature()),
        **fields,
    )


def circumstances_for(workspace: Workspace, values: Values) -> Circumstances:
    """Return what surrounds a run of some values; what it shares with others is kept for it.

    The secrets that the values refer to are masked in it.
    """
    environ = workspace.surroundings.environ
    secrets = secrets_among(values.complete, values.types, environ)
    found = circumstances_of(workspace, secrets=secrets)
    for text in found.texts.values():
        texts.keep(workspace, text)
    return found


def checked(run: Run) -> Run:
    """Return the run, when its record could be read back.

    Raises:
        InvalidDocuments: it could not; every problem.
    """
    document = ParsedDocument(value=run.to_dict())
    problems = schemas.check("run", document, file="run")
    if problems:
        raise InvalidDocuments(problems)
    return run
