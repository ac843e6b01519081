"""Evaluators tried on one output, without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitexp.environments.parameters import Parameters
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.cases import NOTHING
from gitexp.evaluation.evaluators.evaluator import Evaluator, opened
from gitexp.runs.rows import Score


def scores_of(
    evaluators: Sequence[Evaluator],
    sample: Sample,
    output: Any,
    *,
    directory: Path,
    parameters: Mapping[str, Any] = NOTHING,
    environ: Mapping[str, str] = NOTHING,
    usage: Usage | None = None,
    duration_seconds: float | None = None,
) -> dict[str, Score]:
    """Return the scores of one output by the evaluators' names, with no secret in them.

    Args:
        directory: the project's directory in the working tree.
        parameters: the values of a version, where an evaluator needs them.
        environ: the environment variables that secret slots refer to.

    Raises:
        InvalidInput, NotFound: an evaluator cannot be opened; see `opened`.
    """
    from gitexp.evaluation.running.loops import run_in_thread

    found: dict[str, Score] = {}

    async def work() -> None:
        import asyncio

        from gitexp.evaluation.running.calls import CallThreads

        threads = CallThreads(asyncio.get_running_loop())
        try:
            async with opened(
                evaluators,
                directory=directory,
                parameters=parameters,
                environ=environ,
                threads=threads,
            ) as ready:
                for one in ready:
                    found[one.name] = await one.score(
                        sample,
                        output,
                        usage=usage,
                        duration_seconds=duration_seconds,
                        parameters=parameters,
                    )
        finally:
            threads.close()

    run_in_thread(work)
    return {name: _masked(score, parameters) for name, score in found.items()}


def _masked(score: Score, parameters: Mapping[str, Any]) -> Score:
    from gitexp.evaluation.running.outputs import masked
    from gitexp.runs.masking import secrets_of

    if not isinstance(parameters, Parameters):
        return score
    return Score.from_dict(masked(score.to_dict(), secrets_of(parameters)))
