"""The experiments of a project as MLflow knows them: by number, and by a name of any kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlflow.entities import Experiment, ExperimentTag, LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_STATE, RESOURCE_ALREADY_EXISTS
from mlflow.utils.uri import append_to_uri_path

from gitexp.errors import AlreadyExists, NotFound, StoreError
from gitexp.experiments import lifecycle
from gitexp.experiments.catalog import visible_experiments
from gitexp.experiments.headers import Header, header_at
from gitexp.experiments.homes import Home
from gitexp.experiments.lifecycle import NewExperiment
from gitexp.integrations.mlflow import names
from gitexp.integrations.mlflow.experiment_tags import (
    CREATED_TAG,
    INTERNAL,
    LOCATION_TAG,
    UPDATED_TAG,
)
from gitexp.integrations.mlflow.moments import millis_of
from gitexp.integrations.mlflow.refusals import invalid, missing
from gitexp.project.groups import shared_trunk
from gitexp.project.workspace import Workspace
from gitexp.store.history import first_parent
from gitexp.store.trees import read_commit

_FARTHEST = 5000


@dataclass(frozen=True, kw_only=True)
class Known:
    """An experiment and what MLflow calls it.

    Attributes:
        home: where it lives; None for the default experiment as long as nobody has used it.
    """

    home: Home | None
    header: Header
    number: int

    @property
    def name(self) -> str:
        """The name in MLflow."""
        return names.mlflow_name(self.header)

    @property
    def id(self) -> str:
        """The id in MLflow."""
        return str(self.number)

    @property
    def is_active(self) -> bool:
        """Whether it is not deleted."""
        return self.header.lifecycle != "deleted"


class Experiments:
    """The experiments of a project.

    Args:
        artifact_root: below which artifacts stand that have no location of their own.
    """

    def __init__(self, workspace: Workspace, *, artifact_root: str) -> None:
        self._workspace = workspace
        self._artifact_root = artifact_root
        self._lock = threading.Lock()
        self._listed: tuple[object, dict[int, Known]] = (None, {})

    # --- finding --------------------------------------------------------------------------

    def all(self) -> list[Known]:
        """Return every experiment, the default one among them even if it is not there yet."""
        return list(self._by_number().values())

    def get(self, experiment_id: str | int | None) -> Known:
        """Return the experiment with an id of MLflow; without one, the default experiment.

        Raises:
            MlflowException: the id is no number, or there is no such experiment.
        """
        number = parse_number(experiment_id)
        known = self._by_number().get(number)
        if known is None:
            raise missing(f"No Experiment with id={number} exists")
        return known

    def active(self, experiment_id: str | int | None) -> Known:
        """Return an experiment that is not deleted, there from now on if it is the default one.

        Raises:
            MlflowException: there is none, or it is deleted.
        """
        known = self.get(experiment_id)
        if not known.is_active:
            raise invalid(
                f"The experiment {known.id} must be in the 'active' state. "
                f"Current state is {known.header.lifecycle}."
            )
        return known if known.home else self._make_default()

    def by_name(self, name: str) -> Known | None:
        """Return the experiment of a name of MLflow."""
        return next((known for known in self.all() if known.name == name), None)

    def by_gitexp(self) -> dict[str, Known]:
        """Return the experiments by their ids in gitexp."""
        return {known.header.id: known for known in self.all()}

    def _by_number(self) -> dict[int, Known]:
        state = self._state()
        seen, found = self._listed
        if seen != state:
            found = _numbered(visible_experiments(self._workspace))
            with self._lock:
                self._listed = (state, found)
        if names.DEFAULT_NUMBER in found:
            return found
        return {names.DEFAULT_NUMBER: self._unborn_default(), **found}

    def _state(self) -> object:
        """Return what changes whenever an experiment does."""
        workspace = self._workspace
        own = f"refs/heads/exp/{workspace.project_id}/"
        return (
            workspace.store.refs(own),
            workspace.store.refs(workspace.tracking(own)),
            workspace.trunk_tip(),
            shared_trunk(workspace),
        )

    def _unborn_default(self) -> Known:
        header = Header(
            id="", name=names.DEFAULT_NAME.lower(), tags={names.NAME_TAG: names.DEFAULT_NAME}
        )
        return Known(home=None, header=header, number=names.DEFAULT_NUMBER)

    def _make_default(self) -> Known:
        tags = {names.NUMBER_TAG: str(names.DEFAULT_NUMBER), names.NAME_TAG: names.DEFAULT_NAME}
        return self._create(names.DEFAULT_NAME, tags)

    # --- changing -------------------------------------------------------------------------

    def create(
        self, name: str, tags: Mapping[str, str], *, artifact_location: str | None = None
    ) -> Known:
        """Return a new experiment.

        Raises:
            MlflowException: the name is taken.
        """
        if self.by_name(name) is not None:
            raise MlflowException(
                f"Experiment(name={name}) already exists", error_code=RESOURCE_ALREADY_EXISTS
            )
        located = {LOCATION_TAG: artifact_location} if artifact_location else {}
        return self._create(name, {**tags, **located})

    def _create(self, name: str, tags: Mapping[str, str]) -> Known:
        now = str(self._now())
        tags = {**tags, CREATED_TAG: now, UPDATED_TAG: now}
        for candidate in names.candidates(name):
            kept = tags if candidate == name else {**tags, names.NAME_TAG: name}
            try:
                header = lifecycle.create(self._workspace, NewExperiment(name=candidate, tags=kept))
            except AlreadyExists:
                if (taken := self.by_name(name)) is not None and taken.home:
                    raise MlflowException(
                        f"Experiment(name={name}) already exists",
                        error_code=RESOURCE_ALREADY_EXISTS,
                    ) from None
                continue
            return self.by_gitexp()[header.id]
        raise AssertionError("there is always another name")

    def rename(self, experiment_id: str, name: str) -> None:
        """Give an experiment another name in MLflow; its directory and branches keep theirs.

        Raises:
            MlflowException: it is deleted, or the name is taken.
        """
        known = self.get(experiment_id)
        if not known.is_active:
            raise MlflowException(
                "Cannot rename a non-active experiment.", error_code=INVALID_STATE
            )
        other = self.by_name(name)
        if other is not None and other.number != known.number:
            raise MlflowException(
                f"Experiment(name={name}) already exists", error_code=RESOURCE_ALREADY_EXISTS
            )
        self._retag(
            known, {names.NAME_TAG: name, UPDATED_TAG: str(self._now())}, "rename in MLflow"
        )

    def tag(self, experiment_id: str, tags: Mapping[str, str | None]) -> None:
        """Set tags of an experiment, or remove those whose value is None.

        Raises:
            MlflowException: it is deleted, or has not the tag that is removed.
        """
        known = self.active(experiment_id)
        for key, value in tags.items():
            if value is None and key not in shown_tags(known.header):
                raise missing(f"No tag with name: {key} in experiment with id {known.id}")
        self._retag(known, tags, "tag")

    def _retag(self, known: Known, tags: Mapping[str, str | None], what: str) -> None:
        def change(header: Header) -> Header:
            merged = {**header.tags, **tags}
            return header.having(tags={k: v for k, v in merged.items() if v is not None})

        self._change(known, change, what)

    def touch(self, experiment_id: str) -> None:
        """Note that an experiment was changed now."""
        known = self.get(experiment_id)

        def change(header: Header) -> Header:
            return header.having(tags={**header.tags, UPDATED_TAG: str(self._now())})

        self._change(known, change, "change")

    def _change(self, known: Known, change: Callable[[Header], Header], what: str) -> None:
        home = known.home or self.active(known.id).home
        assert home is not None
        message = f"{home.name}: {what}"
        lifecycle.change_header(self._workspace, home.name, change, message=message, revive=True)

    def _now(self) -> int:
        return millis_of(self._workspace.surroundings.clock.now())

    # --- showing --------------------------------------------------------------------------

    def artifact_location(self, known: Known) -> str:
        """Return where the artifacts of an experiment's runs stand."""
        chosen = known.header.tags.get(LOCATION_TAG)
        return chosen or str(append_to_uri_path(self._artifact_root, known.id))

    def entity(self, known: Known) -> Experiment:
        """Return an experiment as MLflow has it."""
        created, updated = self._times(known)
        stage = LifecycleStage.ACTIVE if known.is_active else LifecycleStage.DELETED
        return Experiment(
            experiment_id=known.id,
            name=known.name,
            artifact_location=self.artifact_location(known),
            lifecycle_stage=stage,
            tags=[ExperimentTag(k, v) for k, v in shown_tags(known.header).items()],
            creation_time=created,
            last_update_time=updated,
        )

    def _times(self, known: Known) -> tuple[int, int]:
        told = known.header.tags
        tip = known.home.tip if known.home else self._workspace.trunk_tip()
        changed = millis_of(read_commit(self._workspace.store, tip).committer.when) if tip else 0
        updated = max(_millis_in(told, UPDATED_TAG) or 0, changed)
        created = _millis_in(told, CREATED_TAG)
        if created is None:
            created = self._first_commit(known) if known.home else changed
        return created, updated

    def _first_commit(self, known: Known) -> int:
        """Return when the experiment was there first, as far back as is looked."""
        key = f"mlflow/created/1/{known.header.id}"
        when = self._workspace.cache.get(key)
        if when is None:
            when = self._oldest(known)
            self._workspace.cache.put(key, when)
        return int(when)

    def _oldest(self, known: Known) -> int:
        assert known.home is not None
        when = 0
        for commit in first_parent(self._workspace.store, known.home.tip, limit=_FARTHEST):
            try:
                header_at(self._workspace, commit.id, known.home.name)
            except (NotFound, StoreError):
                break
            when = millis_of(commit.committer.when)
        return when


def parse_number(experiment_id: str | int | None) -> int:
    """Return the number that an experiment's id in MLflow is; without one, the default's.

    Raises:
        MlflowException: it is no number.
    """
    if experiment_id is None or experiment_id == "":
        return names.DEFAULT_NUMBER
    try:
        return int(experiment_id)
    except (TypeError, ValueError):
        raise invalid(
            f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer."
        ) from None


def shown_tags(header: Header) -> dict[str, str]:
    """Return an experiment's tags as MLflow shows them."""
    told = {"mlflow.note.content": header.description} if header.description else {}
    return {**told, **{k: v for k, v in header.tags.items() if k not in INTERNAL}}


def _millis_in(tags: Mapping[str, str], key: str) -> int | None:
    text = tags.get(key, "")
    return int(text) if text.isascii() and text.isdecimal() else None


def _numbered(found: Sequence[tuple[Home, Header]]) -> dict[int, Known]:
    """Return experiments by number; of two with one number, the second has the one of its id.

    Raises:
        AlreadyExists: two ids have one number, which chance alone does once in a million years.
    """
    readable = [(home, header) for home, header in found if header.problem is None]
    numbered: dict[int, Known] = {}
    for home, header in sorted(readable, key=lambda known: known[1].id):
        chosen = names.chosen_number(header)
        number = names.number_of_id(header.id) if chosen is None or chosen in numbered else chosen
        if number in numbered:
            raise AlreadyExists(
                f"experiments {numbered[number].header.name!r} and {header.name!r} have one number",
                hint=f"Give one of them another in the tag {names.NUMBER_TAG} of its header.",
            )
        numbered[number] = Known(home=home, header=header, number=number)
    return numbered
