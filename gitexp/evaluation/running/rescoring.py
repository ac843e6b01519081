"""Scoring a run again, or by more evaluators, from the outputs that it has recorded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import IO, Any

from gitexp.documents import layout
from gitexp.documents.problems import MISSING
from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.evaluators.evaluator import Evaluator, opened
from gitexp.evaluation.evaluators.loading import load_evaluator
from gitexp.evaluation.evaluators.people import recorded
from gitexp.evaluation.evaluators.scoring import Scoring, load_evaluation_workflow, load_scoring
from gitexp.evaluation.running.calls import CallThreads
from gitexp.evaluation.running.keeping import encoded_row
from gitexp.evaluation.running.loops import run_in_thread
from gitexp.evaluation.running.outputs import masked
from gitexp.evaluation.running.planning import project_directory
from gitexp.evaluation.running.progress import Report, progress_of
from gitexp.evaluation.running.recombining import combined, sample_of
from gitexp.evaluation.running.requests import CONCURRENCY
from gitexp.ids import Digest, VersionId
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.runs.masking import secrets_of
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import dump_events, name_now, reap_if_possible
from gitexp.runs.recording.later_lines import LaterLines
from gitexp.runs.recording.records import Content
from gitexp.runs.recording.results import order_of, rescored, rows_of, totals_of, updated
from gitexp.runs.recording.segments import new_segment
from gitexp.runs.references import Reference
from gitexp.runs.rows import ResultRow, RowKey, Score
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally
from gitexp.runs.tracking.starting import find_run, milliseconds_now, refuse_deleted
from gitexp.store.files import write_errors
from gitexp.store.streamed import StreamedBlob
from gitexp.store.trees import tree_of

_IN_MEMORY = 4 << 20
_PIECE = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a person says of one output.

    Attributes:
        sample: the sample's id.
        passed: the person's own verdict; None for the evaluator's rule.
    """

    sample: str
    value: Any
    repeat: int = 0
    passed: bool | None = None
    reason: str = ""


def rescore(
    workspace: Workspace,
    run_id: str,
    evaluators: Sequence[str],
    *,
    concurrency: int = CONCURRENCY,
    progress: Report | None = None,
) -> Run:
    """Return a run with scores of evaluators added or redone; the system is not asked again.

    Rows without an output stay as they are, and so does what people said. All new scores are
    recorded together at the end, and with them what the run's evaluation workflows make of them,
    as these are now; one that is gone keeps its scores.

    Raises:
        NotFound: there is no such run or evaluator.
        NotAllowed: the run goes on, is deleted, or has no rows.
        InvalidDocuments, InvalidInput: an evaluator is wrong.
    """
    reap_if_possible(workspace)
    run = _scorable(workspace, run_id)
    directory = project_directory(workspace)
    scoring = load_scoring(directory, evaluators, root=workspace.root)
    parameters = _parameters(workspace, run)
    redone = _Redone(run, _workflows(workspace, run, [one.name for one in scoring.evaluators]))
    tally, total = Tally(), run.stats.rows

    def take(row: ResultRow) -> None:
        found.add(order_of(row), encoded_row(row))
        tally.add(row)
        if progress is not None:
            progress(progress_of(tally.stats, total))

    async def work() -> None:
        threads = CallThreads(asyncio.get_running_loop())
        given: dict[str, Any] = {
            "directory": directory,
            "parameters": parameters,
            "environ": workspace.surroundings.environ,
            "threads": threads,
        }
        try:
            async with opened(scoring.evaluators, **given) as ready:
                again = _Again(redone, ready, parameters)
                await again.work(rows_of(workspace, run.id), take, concurrency)
        finally:
            threads.close()

    with LaterLines() as found:
        run_in_thread(work)
        return _recorded(workspace, redone, found, scoring.references)


def judge(
    workspace: Workspace, run_id: str, evaluator: str, judgements: Iterable[Judgement]
) -> Run:
    """Return a run with what people say of its outputs recorded, all or nothing.

    Raises:
        NotFound: there is no such run, evaluator or sample in it.
        NotAllowed: the run goes on, or is deleted.
        InvalidInput: a value does not fit the evaluator; the message names the sample.
    """
    reap_if_possible(workspace)
    run = _scorable(workspace, run_id)
    known = load_evaluator(project_directory(workspace), evaluator, root=workspace.root)
    redone = _Redone(run, _workflows(workspace, run, [known.name]))
    said = _by_row(judgements)
    missing = set(said)
    with LaterLines() as found:
        for row in rows_of(workspace, run.id):
            if row.key in said:
                line = _judged(redone, row, known, said[row.key])
                found.add(order_of(row), encoded_row(line))
                missing.discard(row.key)
        if missing:
            raise NotFound(
                f"run {run.id} has no rows of {', '.join(map(_named, sorted(missing)))}",
                hint=f"See its samples: `gitexp run rows {run.id}`.",
            )
        return _recorded(workspace, redone, found, (known.reference,))


def _by_row(judgements: Iterable[Judgement]) -> dict[RowKey, Judgement]:
    found: dict[RowKey, Judgement] = {}
    for one in judgements:
        key = one.sample, one.repeat
        if key in found:
            raise InvalidInput(f"sample {_named(key)} is judged twice")
        found[key] = one
    return found


def _named(key: RowKey) -> str:
    sample, repeat = key
    return f"{sample} (repeat {repeat})" if repeat else sample


def _judged(redone: _Redone, row: ResultRow, evaluator: Evaluator, said: Judgement) -> ResultRow:
    try:
        score = recorded(evaluator, said.value, passed=said.passed, reason=said.reason)
    except InvalidInput as exc:
        raise InvalidInput(f"sample {said.sample}: {exc.message}", hint=exc.hint) from exc
    return redone.row(row, {evaluator.name: score})


def _scorable(workspace: Workspace, run_id: str) -> Run:
    run = find_run(workspace, run_id)
    refuse_deleted(run)
    if not run.is_over:
        raise NotAllowed(
            f"run {run.id} goes on", hint=f"Wait for its end: `gitexp run watch {run.id}`."
        )
    if not run.stats.rows:
        raise NotAllowed(
            f"run {run.id} has no rows that could be scored",
            hint="Only runs of `gitexp run evaluate` have rows.",
        )
    return run


def _parameters(workspace: Workspace, run: Run) -> Parameters:
    """Return the values that a run used."""
    types: Mapping[str, str] = {}
    if run.version is not None:
        types = project_at(workspace, tree_of(workspace.store, VersionId(run.version))).types()
    return Parameters(
        run.parameters,
        types=types,
        provenance=Provenance(
            experiment=run.experiment,
            experiment_id=run.experiment_id,
            version=VersionId(run.version or ""),
            digest=Digest(run.digest or ""),
            source="version",
        ),
        environ=workspace.surroundings.environ,
    )


class _Again:
    """Scores recorded rows with evaluators that are opened."""

    def __init__(
        self, redone: _Redone, ready: tuple[Evaluator, ...], parameters: Parameters
    ) -> None:
        self._redone = redone
        self._ready = ready
        self._secrets = secrets_of(parameters)
        self._parameters = parameters

    async def work(
        self, rows: Iterator[ResultRow], take: Callable[[ResultRow], None], concurrency: int
    ) -> None:
        async def slot() -> None:
            for row in rows:
                if row.output is not MISSING:
                    take(self._redone.row(row, await self._scores(row)))

        await asyncio.gather(*(slot() for _ in range(concurrency)))

    async def _scores(self, row: ResultRow) -> dict[str, Score]:
        sample = sample_of(row)
        found = {}
        for evaluator in self._ready:
            if evaluator.type == "human" and evaluator.name in row.scores:
                continue  # what a person said of it stays
            score = await evaluator.score(
                sample,
                row.output,
                usage=Usage.from_dict(row.usage),
                duration_seconds=row.duration_seconds,
                parameters=self._parameters,
                outputs={task["name"]: task.get("output", MISSING) for task in row.tasks},
            )
            found[evaluator.name] = Score.from_dict(masked(score.to_dict(), self._secrets))
        return found


def _workflows(workspace: Workspace, run: Run, evaluators: Sequence[str]) -> Scoring:
    """Return those evaluation workflows of a run that are about some of these evaluators."""
    found = []
    for name in run.evaluation.get("evaluator_workflows", ()):
        with contextlib.suppress(NotFound):
            found.append(
                load_evaluation_workflow(project_directory(workspace), name, root=workspace.root)
            )
    return Scoring(
        evaluators=(),
        workflows=tuple(
            one for one in found if any(part.evaluator.name in evaluators for part in one.parts)
        ),
    )


@dataclass(frozen=True)
class _Redone:
    """A run, and the workflows whose scores change with those of its evaluators."""

    run: Run
    workflows: Scoring

    def row(self, row: ResultRow, scores: Mapping[str, Score]) -> ResultRow:
        """Return a line that changes the scores of a row, and its status with them."""
        together = combined(self.workflows, row, {**row.scores, **scores})
        return rescored(self.run, row, {**scores, **together})

    def references(self, evaluators: Iterable[Reference]) -> list[dict[str, str]]:
        """Return what the run records of everything that scored it."""
        every = (*self.run.evaluators, *evaluators, *self.workflows.references)
        return [one.to_dict() for one in {one.name: one for one in every}.values()]


def _recorded(
    workspace: Workspace,
    redone: _Redone,
    found: LaterLines,
    evaluators: Sequence[Reference],
) -> Run:
    """Record new scores and the totals that they come to, in one commit.

    Scoring may take long, and others may have scored the run meanwhile: verdicts and totals are
    those of the rows as they are now, and are recorded again where somebody came in between.
    """
    while True:
        run = _scorable(workspace, redone.run.id)
        known = ledger.segments_of(workspace, run.id)
        name = new_segment(workspace, after=known)
        experiment = name_now(workspace, run)
        message = f"run {experiment}: {run.id} scored"
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            again = replace(redone, run=run)
            files = _files(workspace, again, found, evaluators, name, file)
            ledger.write(workspace, experiment, files, message=message)
        if set(ledger.segments_of(workspace, run.id)) == {*known, name}:
            return ledger.get(workspace, run.id)


def _files(
    workspace: Workspace,
    redone: _Redone,
    found: LaterLines,
    evaluators: Sequence[Reference],
    name: str,
    file: IO[bytes],
) -> dict[str, Content]:
    """Return what is recorded of new scores, as the segment with this name.

    Args:
        file: holds the lines, as long as what is returned is used.
    """
    run_id = redone.run.id
    rows = _scored(redone, rows_of(workspace, run_id), found, file)
    event = {
        "set": {**totals_of(rows), "evaluators": redone.references(evaluators)},
        "at": milliseconds_now(workspace),
    }
    return {
        layout.segment_path(run_id, name): dump_events([event]),
        layout.results_part_path(run_id, name): StreamedBlob(
            partial(_pieces, file), hash_length=workspace.store.hash_length
        ),
    }


def _scored(
    redone: _Redone, rows: Iterable[ResultRow], found: LaterLines, file: IO[bytes]
) -> Iterator[ResultRow]:
    """Yield rows with their new scores, and write the lines that say what is new."""
    found.sort()
    for order, together in groupby(rows, key=order_of):
        lines = [json.loads(line) for _, lines in found.take(order + 1) for line in lines]
        new = {line.key: line.scores for line in map(ResultRow.from_dict, lines)}
        for row in together:
            if row.key not in new:
                yield row
                continue
            line = redone.row(row, new[row.key])
            with write_errors("the new scores are not recorded"):
                file.write(encoded_row(line) + b"\n")
            yield updated(row, line)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece
