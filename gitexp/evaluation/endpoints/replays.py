"""Endpoints of the type `replay`: outputs that were recorded earlier, in a dataset or by a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitexp.documents.problems import MISSING
from gitexp.evaluation.answers import Answer, Asking, CallFailed
from gitexp.runs.rows import ResultRow


class DatasetReplay:
    """Answers with the output that the dataset has recorded for a sample."""

    def __init__(self, *, what: str) -> None:
        self._what = what

    async def call(self, asking: Asking) -> Answer:
        """Return the recorded output; see `Caller.call`."""
        if asking.sample.output is MISSING:
            raise CallFailed(
                f"{self._what}: the dataset has no output of sample {asking.sample.id!r}",
                kind="NotRecorded",
            )
        return Answer(output=asking.sample.output)

    async def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _Error:
    """That a row of a run is an error, and which."""

    kind: str
    message: str


class RunReplay:
    """Answers with the outputs of a run, by sample and repeat.

    Args:
        rows: the rows of the run.
        what: what it is called in messages.
    """

    def __init__(self, rows: Iterable[ResultRow], run: str, *, what: str) -> None:
        self._what = what
        self._run = run
        self._outputs = {(row.sample, row.repeat): _recorded(row) for row in rows}

    async def call(self, asking: Asking) -> Answer:
        """Return the recorded output; see `Caller.call`."""
        sample = asking.sample.id
        output = self._outputs.get((sample, asking.repeat), MISSING)
        if output is MISSING:
            number = f", repeat {asking.repeat}" if asking.repeat else ""
            raise self._absent(f"has no row of sample {sample!r}{number}")
        if isinstance(output, _Error):
            raise self._absent(f"has an error for sample {sample!r}: {output.message}")
        return Answer(output=output)

    async def close(self) -> None:
        """Do nothing."""

    def _absent(self, reason: str) -> CallFailed:
        return CallFailed(f"{self._what}: run {self._run} {reason}", kind="NotRecorded")


def _recorded(row: ResultRow) -> object:
    if row.error is not None:
        return _Error(row.error.type, row.error.message)
    return row.output
