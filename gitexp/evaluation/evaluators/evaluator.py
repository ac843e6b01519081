"""An evaluator, ready to score."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.clock import Clock, SystemClock
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.cases import NOTHING, AsyncJudge, Case, Connect, Judge, Opening
from gitexp.evaluation.evaluators.framing import Frame
from gitexp.evaluation.evaluators.verdicts import broken
from gitexp.ids import Randomness, system_bits
from gitexp.runs.references import Reference
from gitexp.runs.rows import Score

if TYPE_CHECKING:
    from gitexp.evaluation.running.calls import CallThreads


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """From a sample and an output to a score.

    One that judges at once has `judge`; one that asks somebody has `connect`, and can score after
    `opened`.

    Attributes:
        name: what scores are filed under.
        digest: over its description.
        options: its description.
        frame: which part of the output is judged, and what passes.
        scale: the least and the largest number that it gives.
        timeout: the seconds that one score may take, where it asks somebody; None where each of
            its questions has a time of its own.
    """

    name: str
    digest: str
    options: Mapping[str, Any]
    frame: Frame
    judge: Judge | None = None
    connect: Connect | None = None
    asking: AsyncJudge | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    timeout: float | None = None

    @property
    def type(self) -> str:
        """What kind of evaluator it is, such as `exact-match`."""
        return str(self.options["type"])

    @property
    def weight(self) -> float:
        """How much it counts among others."""
        return float(self.options.get("weight", 1.0))

    @property
    def on(self) -> str:
        """Whose output it judges: `output` for that of the last task, else a task's name."""
        return self.frame.on

    @property
    def is_async(self) -> bool:
        """Whether it asks somebody, so that `score_now` cannot be used."""
        return self.judge is None

    @property
    def reference(self) -> Reference:
        """What a run records of it."""
        return Reference(name=self.name, digest=self.digest)

    def score_now(
        self,
        sample: Sample,
        output: Any,
        *,
        usage: Usage | None = None,
        duration_seconds: float | None = None,
        parameters: Mapping[str, Any] = NOTHING,
        outputs: Mapping[str, Any] = NOTHING,
    ) -> Score:
        """Return the score of an output, judged at once; whatever breaks is an error of it.

        Args:
            output: what the last task gave; MISSING where there is none.
            usage: what the calls used up.
            duration_seconds: how long they took.
            outputs: what the single tasks gave, by their names.
        """
        assert self.judge is not None, "an evaluator that asks somebody scores with `score`"
        try:
            case = Case(output, sample.expected, sample, usage, duration_seconds, parameters)
            found = self.frame.before(case, outputs)
            if isinstance(found, Score):
                return found
            return self.frame.after(self.judge(found))
        except Exception as exc:
            return broken(exc)

    async def score(
        self,
        sample: Sample,
        output: Any,
        *,
        usage: Usage | None = None,
        duration_seconds: float | None = None,
        parameters: Mapping[str, Any] = NOTHING,
        outputs: Mapping[str, Any] = NOTHING,
    ) -> Score:
        """Return the score of an output, as `score_now` does, also where somebody is asked.

        One that takes longer than its timeout is given up, which is an error of the score.
        """
        if self.judge is not None:
            return self.score_now(
                sample,
                output,
                usage=usage,
                duration_seconds=duration_seconds,
                parameters=parameters,
                outputs=outputs,
            )
        case = Case(output, sample.expected, sample, usage, duration_seconds, parameters)
        return await self._asked(case, outputs)

    async def _asked(self, case: Case, outputs: Mapping[str, Any]) -> Score:
        from gitexp.evaluation.running.calls import CallEnded, CallTimeout, within

        assert self.asking is not None, "an evaluator that asks somebody is opened first"
        try:
            found = self.frame.before(case, outputs)
            if isinstance(found, Score):
                return found
            return self.frame.after(await within(self.timeout, _awaited(self.asking, found)))
        except CallTimeout:
            return Score(error=f"Timeout: no score within {self.timeout:g} s")
        except CallEnded as exc:
            return broken(exc.reason)
        except Exception as exc:
            return broken(exc)


async def _awaited(asking: AsyncJudge, case: Case) -> Score:
    return await asking(case)


@asynccontextmanager
async def opened(
    evaluators: Sequence[Evaluator],
    *,
    directory: Path,
    parameters: Mapping[str, Any],
    environ: Mapping[str, str],
    threads: CallThreads,
    cache: Path | None = None,
    clock: Clock | None = None,
    random_bits: Randomness = system_bits,
) -> AsyncIterator[tuple[Evaluator, ...]]:
    """Yield evaluators that can score, in their order, connected with what they ask.

    Args:
        directory: the project's directory in the working tree.
        threads: where synchronous functions run.
        cache: the directory of the cache of responses, for judges; None without one.

    Raises:
        InvalidInput: one of them cannot be connected: a function that cannot be imported, a
            library that is not installed, a slot that holds no secret.
        NotFound: a secret that one of them needs is not set.
    """
    opening = Opening(
        directory=directory,
        parameters=parameters,
        environ=environ,
        threads=threads,
        cache=cache,
        clock=clock or SystemClock(),
        random_bits=random_bits,
    )
    async with AsyncExitStack() as stack:
        yield tuple([await _opened(evaluator, opening, stack) for evaluator in evaluators])


async def _opened(evaluator: Evaluator, opening: Opening, stack: AsyncExitStack) -> Evaluator:
    if evaluator.connect is None:
        return evaluator
    asking = await stack.enter_async_context(evaluator.connect(opening))
    return replace(evaluator, asking=asking)
