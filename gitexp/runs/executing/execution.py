"""Running any program as a run: what it is handed, and what is recorded of its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gitexp.documents.canonical import digest_of
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidInput, NotAllowed
from gitexp.experiments.headers import Header
from gitexp.experiments.versions import latest_version
from gitexp.ids import VersionId
from gitexp.project.workspace import Workspace
from gitexp.runs.executing.handover import Handover, handed_over, handover_of
from gitexp.runs.executing.output_ends import OutputEnd
from gitexp.runs.executing.programs import (
    GRACE,
    Command,
    Ending,
    Stopping,
    run_program,
    signal_name,
)
from gitexp.runs.executing.streams import Streams
from gitexp.runs.masking import masked_text, secrets_of
from gitexp.runs.references import Exit
from gitexp.runs.rows import Failure
from gitexp.runs.run import Run, RunStatus
from gitexp.runs.tracking.active import ActiveRun
from gitexp.runs.tracking.endings import ending_of
from gitexp.runs.tracking.origins import Values, runnable, values_of
from gitexp.runs.tracking.starting import NewRun, find_run, start_run

Begun = Callable[[ActiveRun, Handover], None]
"""Is told of the run and of what is handed over, before the program is started."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is to be run as a run.

    Attributes:
        words: the program and its arguments.
        directory: where it runs.
        streams: where its output ends.
        grace: seconds that it has to end once it was told to.
    """

    words: tuple[str, ...]
    directory: Path
    streams: Streams = field(default_factory=Streams)
    grace: float = GRACE


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A program that was run, and the run that is recorded of it."""

    run: Run
    ending: Ending


def execute(
    workspace: Workspace, new: NewRun, program: Program, *, begun: Begun | None = None
) -> Executed:
    """Return how a program ended that was run as a run, once that is recorded.

    The run is `finished` when the exit code is 0, `killed` when a signal ended the program or it
    was told to stop and did not end with 0, else `failed`. SIGINT, SIGTERM, SIGHUP and SIGQUIT of
    this process are passed on; they neither break this off nor keep it from being recorded.

    Args:
        new: the run; it is held by this process whatever it says.

    Raises:
        NotFound, NotAllowed, InvalidInput, InvalidDocuments: the run cannot begin; see `start_run`.
        StoreError: the run cannot be recorded now; what was logged stays and is recorded later.
    """
    if not program.words:
        raise InvalidInput("no program to run", hint="Name it after `--`.")
    parameters, revision = _parameters(workspace, new)
    workspace = _with_masked_words(workspace, secrets_of(parameters))
    handover_of(parameters)  # what cannot be handed over is refused before the run begins
    active = start_run(workspace, replace(new, version=revision, held=True))
    return execute_as(workspace, active, parameters, program, begun=begun)


def execute_as(
    workspace: Workspace,
    active: ActiveRun,
    parameters: Parameters,
    program: Program,
    *,
    begun: Begun | None = None,
    cause: Callable[[], Failure | None] = lambda: None,
) -> Executed:
    """Return how a program ended that was run as a run that goes on; see `execute`.

    Args:
        cause: says why the program was told to stop, once it is over.
    """
    try:
        handover = handover_of(parameters)
        if begun is not None:
            begun(active, handover)
        environ = workspace.surroundings.environ
        output = OutputEnd(secrets_of(parameters))
        with handed_over(handover, parameters, active.id, environ) as variables:
            return _run(workspace, active, program, variables, output, cause)
    except BaseException as exc:
        if active.is_open:
            status, failure = ending_of(exc)
            active.end("failed" if status == "finished" else status, error=failure)
        raise


def _run(
    workspace: Workspace,
    active: ActiveRun,
    program: Program,
    variables: Mapping[str, str],
    output: OutputEnd,
    cause: Callable[[], Failure | None],
) -> Executed:
    command = Command(words=program.words, directory=program.directory, environ=variables)
    with Stopping(grace=program.grace) as stopping:
        ending = run_program(command, output, stopping, streams=program.streams)
        run = _recorded(workspace, active, ending, output.text(), cause())
        return Executed(run=run, ending=ending)


def _parameters(workspace: Workspace, new: NewRun) -> tuple[Parameters, str | None]:
    """Return the values of the run, and the revision that stands for them from now on."""
    header = runnable(workspace, new.experiment)
    if new.version is None and not new.overrides and not _has_versions(workspace, header):
        return _typed(workspace, header, Values(version=None)), None
    values = values_of(workspace, header.name, new.version or "latest", new.overrides)
    assert values.version is not None  # a revision was resolved
    return _typed(workspace, header, values), values.version.version


def _has_versions(workspace: Workspace, header: Header) -> bool:
    return latest_version(workspace, header.name) is not None


def _typed(workspace: Workspace, header: Header, values: Values) -> Parameters:
    version = values.version.version if values.version else VersionId("")
    return Parameters(
        values.complete,
        types=values.types,
        provenance=Provenance(
            experiment=header.name,
            experiment_id=header.id,
            version=version,
            digest=digest_of(values.complete),
            source="version",
        ),
        environ=workspace.surroundings.environ,
    )


def _with_masked_words(workspace: Workspace, secrets: tuple[str, ...]) -> Workspace:
    surroundings = workspace.surroundings
    words = tuple(masked_text(word, secrets) for word in surroundings.argv)
    return replace(workspace, surroundings=replace(surroundings, argv=words))


def _recorded(
    workspace: Workspace, active: ActiveRun, ending: Ending, tail: str, cause: Failure | None
) -> Run:
    status, failure = _status(ending)
    if status == "killed" and cause is not None:
        failure = cause
    try:
        return active.end(status, error=failure, exit=_exit(ending, tail))
    except NotAllowed:
        # The program ended its run itself, and what it said stands.
        return find_run(workspace, active.id)


def _exit(ending: Ending, tail: str) -> Exit | None:
    if ending.fault:
        return None
    name = None if ending.signal is None else signal_name(ending.signal)
    return Exit(code=ending.code, signal=name, output_tail=tail)


def _status(ending: Ending) -> tuple[RunStatus, Failure | None]:
    if ending.fault:
        return "failed", Failure(type="NotStarted", message=ending.fault)
    if ending.code == 0:
        return "finished", None
    end = f"exit code {ending.code}"
    if ending.signal is not None:
        end = signal_name(ending.signal)
    if ending.told is not None and ending.told != ending.signal:
        told = signal_name(ending.told)
        return "killed", Failure(type="Killed", message=f"it was told to stop by {told}: {end}")
    if ending.signal is not None:
        return "killed", Failure(type="Killed", message=f"the program was ended by {end}")
    return "failed", Failure(type="ExitCode", message=f"the program ended with {end}")
