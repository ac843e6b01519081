"""A run that is going on: what is logged to it, and how it ends.

What was logged survives the death of the process as soon as the call returns. Any number of
threads, forked processes and other processes may log to one run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from json.encoder import encode_basestring
from pathlib import Path
from types import TracebackType
from typing import Any

from gitexp.clock import iso
from gitexp.errors import InvalidInput
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.journalling import journals
from gitexp.runs.journalling.journals import Journal
from gitexp.runs.keys import check_key, check_params, check_tags, refuse_changed
from gitexp.runs.metrics import metric_number, milliseconds, number_text, whole_number
from gitexp.runs.recording import closing
from gitexp.runs.references import Exit
from gitexp.runs.rows import Failure
from gitexp.runs.run import TERMINAL, Run, RunStatus
from gitexp.runs.tracking.endings import ending_of, failure_of, refuse_foreign_end
from gitexp.runs.tracking.interrupts import termination_raised


@dataclass(frozen=True, kw_only=True)
class Logged:
    """How much one batch added."""

    metrics: int = 0
    params: int = 0
    tags: int = 0


class ActiveRun:
    """A run that is going on, to log to.

    As a context manager it ends with its block: `finished`, `failed` by an exception, `killed` by
    Ctrl-C or SIGTERM. A process that forked inside the block may log, and does not end the run.
    """

    def __init__(self, workspace: Workspace, journal: Journal, run: Run) -> None:
        self._workspace = workspace
        self._journal = journal
        self._run = run
        self._clock = workspace.surroundings.clock
        self._began = self._clock.monotonic()
        self._keys: dict[str, str] = {}
        self._params: dict[str, Any] = dict(run.params)
        self._block = ExitStack()

    def __repr__(self) -> str:
        return f"<ActiveRun {self._run.id} of {self._run.experiment!r}>"

    @property
    def id(self) -> RunId:
        """The id of the run."""
        return self._run.id

    @property
    def experiment(self) -> str:
        """The name of the experiment when the run began."""
        return self._run.experiment

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The values of the version, the changes for this run included."""
        return self._run.parameters

    @property
    def parent(self) -> RunId | None:
        """The run that this one is a part of."""
        return self._run.parent

    @property
    def is_mine(self) -> bool:
        """Whether the run began in this very process and goes on."""
        return self._journal.is_open and self._journal.is_mine

    @property
    def is_open(self) -> bool:
        """Whether something can be logged by this process."""
        return self._journal.is_open

    def snapshot(self) -> Run:
        """Return the run as it stands, with what other processes logged.

        Raises:
            NotAllowed: it is over; it can be read from the ledger.
        """
        with self._journal.contents() as contents:
            return contents.state.run()

    def log_metric(
        self, name: str, value: float, step: int = 0, timestamp: int | None = None
    ) -> None:
        """Log one metric; see `log_metrics`."""
        self.log_metrics({name: value}, step, timestamp)

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, timestamp: int | None = None
    ) -> None:
        """Log the values of some metrics at one step, all or none.

        Args:
            timestamp: milliseconds since 1970 in UTC; now by default.

        Raises:
            InvalidInput: a name is no key, a value no number, step or timestamp no integer.
            NotAllowed: the run is over.
            StoreError: the disk does not take it; nothing was logged.
        """
        points = self._points(metrics, step, timestamp)
        if points:
            self._journal.write(f'{{"metrics":[{points}]}}'.encode())

    def _points(self, metrics: Mapping[str, Any], step: Any, timestamp: Any) -> str:
        place = f"{whole_number('step', step)},{self._millis(timestamp)}"
        keys = self._keys
        return ",".join(
            f"[{keys.get(name) or self._key(name)},"
            f"{number_text(value if type(value) is float else metric_number(name, value))},{place}]"
            for name, value in metrics.items()
        )

    def _key(self, name: Any) -> str:
        known = self._keys[name] = encode_basestring(check_key("metric", name))
        return known

    def _millis(self, timestamp: Any = None) -> int:
        if timestamp is None:
            return int(self._clock.now().timestamp() * 1000)
        return milliseconds(timestamp)

    def log_param(self, name: str, value: Any) -> None:
        """Log one param; see `log_params`."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params: typed values that never change within the run, all or none.

        The same value again changes nothing.

        Raises:
            Conflict: a param was logged with another value; the message names all of them.
        """
        self.log_batch(params=params)

    def set_tag(self, name: str, value: Any) -> None:
        """Set one tag; see `set_tags`."""
        self.set_tags({name: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags, replacing those of the same names; values become text."""
        self.log_batch(tags=tags)

    def delete_tag(self, name: str) -> None:
        """Remove a tag, if it is there."""
        self._append({"tags": {check_key("tag", name): None}})

    def log_batch(
        self,
        *,
        metrics: Mapping[str, float] | Iterable[tuple[str, float, int, int]] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        step: int = 0,
        timestamp: int | None = None,
    ) -> Logged:
        """Log metrics, params and tags together, all or nothing; returns how many there were.

        Args:
            metrics: values by name at `step`, or `(name, value, step, timestamp)` of each point.

        Raises:
            InvalidInput: something of it is wrong.
            Conflict: a param was logged with another value.
        """
        event: dict[str, Any] = {}
        points = self._batch_points(metrics, step, timestamp)
        if points:
            event["metrics"] = json.loads(f"[{','.join(points)}]")
        if params:
            event["params"] = check_params(params)
        if tags:
            event["tags"] = check_tags(tags)
        if event:
            self._append(event)
        return Logged(metrics=len(points), params=len(params or ()), tags=len(tags or ()))

    def _batch_points(self, metrics: Any, step: int, timestamp: int | None) -> list[str]:
        if isinstance(metrics, Mapping):
            at = self._millis(timestamp)
            metrics = [(name, value, step, at) for name, value in metrics.items()]
        return [self._points({name: value}, at, time) for name, value, at, time in metrics]

    def log_input(self, dataset: Mapping[str, Any]) -> None:
        """Log a dataset as an input: name, digest, source_type, source, schema, profile, tags."""
        from gitexp.runs.inputs import checked_input

        self._append({"inputs": [checked_input(dataset)]})

    def _append(self, event: Mapping[str, Any]) -> None:
        event = {**event, "at": self._millis()}
        params = event.get("params")
        if params is None:
            self._journal.append(event)
        else:
            self._journal.append_checked(event, lambda data: self._refuse_changed(data, params))
            self._params = {**params, **self._params}

    def _refuse_changed(self, data: bytes | None, params: Mapping[str, Any]) -> None:
        if data is not None:
            self._params = dict(self._run.params)
        for event in journals.entries(data or b"", holding=b'"params"'):
            for key, value in event.get("params", {}).items():
                self._params.setdefault(key, value)
        refuse_changed(self._params, params, self.id)

    def heartbeat(self) -> None:
        """Say that the run goes on; needed only where nothing was logged for a whole lease."""
        self._append({})

    def log_artifact(self, file: str | Path, artifact_path: str | None = None) -> Artifact:
        """Keep a file as an artifact of the run; returns what is recorded of it.

        Args:
            artifact_path: the directory among the artifacts to put it in.

        Raises:
            NotFound: there is no such file.
            InvalidInput: the path is not safe.
            Conflict: another artifact has that path.
        """
        from gitexp.runs.artifacts.kept import stage_file

        staged = stage_file(self._workspace, self.snapshot(), Path(file), artifact_path)
        return self._keep([staged])[0]

    def log_artifacts(
        self, directory: str | Path, artifact_path: str | None = None
    ) -> tuple[Artifact, ...]:
        """Keep all files below a directory as artifacts; see `log_artifact`."""
        from gitexp.runs.artifacts.kept import stage_directory

        staged = stage_directory(self._workspace, self.snapshot(), Path(directory), artifact_path)
        return self._keep(staged)

    def log_text(self, text: str, artifact_file: str) -> Artifact:
        """Keep a text as an artifact."""
        return self.log_bytes(text.encode("utf-8"), artifact_file)

    def log_dict(self, data: Any, artifact_file: str) -> Artifact:
        """Keep a value as an artifact in JSON, or in YAML where the name says so."""
        from gitexp.runs.artifacts.rendering import rendered_value

        return self.log_bytes(rendered_value(data, artifact_file), artifact_file)

    def log_figure(self, figure: Any, artifact_file: str) -> Artifact:
        """Keep a figure of matplotlib or plotly as an artifact, in the format of its name."""
        from gitexp.runs.artifacts.rendering import rendered_figure

        return self.log_bytes(rendered_figure(figure, artifact_file), artifact_file)

    def log_table(self, table: Any, artifact_file: str) -> Artifact:
        """Keep a table (a DataFrame, or columns by name) as an artifact: JSON, CSV or Parquet."""
        from gitexp.runs.artifacts.rendering import rendered_table

        return self.log_bytes(rendered_table(table, artifact_file), artifact_file)

    def log_bytes(self, data: bytes, artifact_file: str) -> Artifact:
        """Keep bytes as an artifact."""
        from gitexp.runs.artifacts.kept import stage_bytes

        return self._keep([stage_bytes(self._workspace, self.snapshot(), data, artifact_file)])[0]

    def _keep(self, artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
        kept = tuple(artifacts)
        if kept:
            event = {"artifacts": [artifact.to_dict() for artifact in kept], "at": self._millis()}
            self._journal.append_checked(event, lambda data: self._refuse_overwriting(kept))
        return kept

    def _refuse_overwriting(self, artifacts: Iterable[Artifact]) -> None:
        from gitexp.runs.artifacts.paths import Catalogue

        known = Catalogue(self.snapshot().artifacts)
        for artifact in artifacts:
            known.admit(artifact)

    def update(self, *, name: str | None = None, description: str | None = None) -> None:
        """Give the run another name or description."""
        fields = {"name": name, "description": description}
        if changed := {key: value for key, value in fields.items() if value is not None}:
            self._append({"set": changed})

    def begin(self) -> None:
        """Begin a scheduled run.

        Raises:
            NotAllowed: it is not scheduled.
        """
        began = self.snapshot().started(self._clock.now())
        assert began.started_at is not None
        self._append({"set": {"status": "running", "started_at": iso(began.started_at)}})

    def end(
        self,
        status: RunStatus = "finished",
        *,
        error: BaseException | Failure | None = None,
        exit: Exit | None = None,
        at: datetime | None = None,
    ) -> Run:
        """Return the run, over and recorded in Git.

        Args:
            status: `finished`, `failed` or `killed`.
            error: why, for the record.
            exit: how the program ended that was the run.
            at: when it ended; now by default.

        Raises:
            NotAllowed: it is over already, or an evaluation or a job that others carry out.
            StoreError: it cannot be recorded now; what was logged stays and is recorded later.
        """
        if status not in TERMINAL:
            raise InvalidInput(
                f"a run cannot end as {status!r}", hint="End it as finished, failed or killed."
            )
        if (self._run.evaluation or self._run.job) and not self.is_mine:
            with self._journal.contents() as contents:
                refuse_foreign_end(contents)
        moment = at or self._clock.now()
        failure = failure_of(error) if isinstance(error, BaseException) else error
        fields = closing.ending_fields(status, moment, self._seconds(moment), error=failure)
        if exit is not None:
            fields["exit"] = exit.to_dict()
        return closing.close(self._workspace, self._journal, {"set": fields})

    def _seconds(self, moment: datetime) -> float:
        """Return how long the run took, by a clock that never runs backwards where it can be."""
        if self._journal.is_held:
            return round(self._clock.monotonic() - self._began, 6)
        began = self._run.started_at or self._run.created_at
        return max(0.0, (moment.astimezone(timezone.utc) - began).total_seconds())

    def checkpoint(self, *, push: bool = False) -> bool:
        """Record what was logged so far, so that others see it; False when nothing was new.

        Args:
            push: send it to the shared remote.
        """
        from gitexp.runs.tracking.checkpoints import checkpoint

        return checkpoint(self._workspace, self._journal, push=push)

    def sync(self) -> None:
        """Make everything that was logged safe from a power cut now."""
        self._journal.sync()

    def close(self) -> None:
        """Let go of the run without ending it; it goes on for others until its lease runs out."""
        self._journal.close()

    def __enter__(self) -> ActiveRun:
        from gitexp.runs.tracking import fluent

        self._block.enter_context(termination_raised())
        self._block.enter_context(fluent.active(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        try:
            if self.is_mine or (self._journal.is_open and not self._journal.is_held):
                status, failure = ending_of(exc)
                self.end(status, error=failure)
        except BaseException:
            # Told to stop at this very moment, for example, which the block hands on.
            if not self._block.__exit__(*sys.exc_info()):
                raise
        return self._block.__exit__(kind, exc, traceback)
