"""Experiments that take in what MLflow tracked: a known one, one of that name, or a new one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitexp.environments.live import bound_environments
from gitexp.errors import AlreadyExists
from gitexp.experiments import lifecycle
from gitexp.experiments.catalog import known_experiments
from gitexp.experiments.headers import Header
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.integrations.mlflow import names, tags
from gitexp.integrations.mlflow.experiment_tags import (
    CREATED_TAG,
    FORMER_LOCATION_TAG,
    SEEN_TAG,
    SOURCE_TAG,
    UPDATED_TAG,
)
from gitexp.integrations.mlflow.sources import SourceExperiment
from gitexp.project.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Taking:
    """An experiment that takes runs in.

    Attributes:
        is_new: whether it was made for them.
        problems: what of it could not be brought in.
    """

    header: Header
    is_new: bool = False
    problems: Sequence[str] = field(default=())


def taking(workspace: Workspace, source: SourceExperiment) -> Taking:
    """Return the experiment that takes in what an experiment of MLflow has.

    One that was imported before follows what MLflow did to it since.
    """
    headers = [header for _, header in known_experiments(workspace)]
    origin = f"{source.id}@{source.created or source.name}"
    for header in headers:
        if header.tags.get(SOURCE_TAG) == origin:
            return _followed(workspace, header, source)
    for header in headers:
        if names.mlflow_name(header) == source.name:
            return Taking(header=header)
    numbers = {names.number_of(header) for header in headers}
    header = _created(workspace, source, origin, numbers)
    return Taking(header=_followed(workspace, header, source).header, is_new=True)


def _created(
    workspace: Workspace, source: SourceExperiment, origin: str, numbers: set[int]
) -> Header:
    kept = {**source.tags, SOURCE_TAG: origin}
    if not source.deleted:
        # A deleted one is made to be so by a second commit, which may not come to be made.
        kept[SEEN_TAG] = tags.dumped(_state(source))
    if source.artifact_location:
        kept[FORMER_LOCATION_TAG] = source.artifact_location
    if source.id.isdecimal() and int(source.id) not in numbers:
        kept[names.NUMBER_TAG] = source.id
    for tag, moment in ((CREATED_TAG, source.created), (UPDATED_TAG, source.updated)):
        if moment is not None:
            kept[tag] = str(moment)
    return next(_attempts(workspace, source, kept))


def _attempts(
    workspace: Workspace, source: SourceExperiment, kept: dict[str, str]
) -> Iterator[Header]:
    for candidate in names.candidates(source.name):
        if candidate != source.name:
            kept[names.NAME_TAG] = source.name
        try:
            yield lifecycle.create(workspace, NewExperiment(name=candidate, tags=kept))
        except AlreadyExists:
            continue


def _state(source: SourceExperiment) -> dict[str, Any]:
    """Return what is kept of an experiment's state in MLflow, to know later what changed there."""
    text = json.dumps(dict(source.tags), sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return {"deleted": source.deleted, "tags": digest[:16]}


def _followed(workspace: Workspace, header: Header, source: SourceExperiment) -> Taking:
    """Return an experiment once it has what changed of it in MLflow since it was looked at last."""
    seen, now = tags.loaded(header.tags, SEEN_TAG), _state(source)
    if seen == now:
        return Taking(header=header)
    stage = _stage(seen, now)
    if stage == {"lifecycle": "deleted"} and (live := bound_environments(workspace, header.id)):
        return Taking(header=header, problems=[_live(header.name, live)])
    added = source.tags if now["tags"] != seen.get("tags") else {}
    after = lifecycle.change_header(
        workspace,
        header.name,
        lambda before: before.having(
            tags={**before.tags, **added, SEEN_TAG: tags.dumped(now)}, **stage
        ),
        message=f"{header.name}: {stage.get('lifecycle', 'tagged')} in MLflow",
        revive=True,
    )
    return Taking(header=after)


def _stage(seen: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Return the life-cycle that MLflow gave an experiment since; what it was given here stays."""
    if now["deleted"] == seen.get("deleted", False):
        return {}
    return {"lifecycle": "deleted" if now["deleted"] else "active"}


def _live(name: str, environments: Sequence[str]) -> str:
    where = ", ".join(environments)
    return (
        f"experiment {name}: it is deleted in MLflow and live here in {where}, so it stays; "
        f"`gitexp experiment delete {name}` deletes it"
    )
