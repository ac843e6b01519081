"""The evaluator `llm-judge`: a language model that scores by a rubric."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from gitexp.documents.problems import MISSING, Problem
from gitexp.errors import InvalidDocuments
from gitexp.evaluation.answers import Answer, Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.cases import AsyncJudge, Case, Described, Judging, Opening
from gitexp.evaluation.evaluators.json_texts import NoJson, find_object, read_json
from gitexp.evaluation.evaluators.prompts import Prompt, verdict_schema
from gitexp.evaluation.evaluators.scales import Scale, scale_of
from gitexp.evaluation.evaluators.servers import Server, connected, server_of
from gitexp.evaluation.evaluators.verdicts import brief, broken
from gitexp.runs.rows import Score

_MAX_CONTENT = 100_000


class Unreadable(Exception):
    """A judge's answer holds no verdict.

    Attributes:
        usage: what the answer used up all the same.
    """

    usage = Usage()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One answer of a judge."""

    value: float | bool | str
    reason: str = ""
    usage: Usage


def llm_judge(described: Described) -> Judging:
    """Return what asks a model, once or several times, by the rubric of a description.

    Raises:
        InvalidDocuments: scale, what passes, or how answers are combined do not go together.
        InvalidInput: the rubric is no template.
    """
    scale = scale_of(described)
    _check_combining(described, scale)
    judge = _Judge(described, scale)
    return Judging(
        connect=judge.connect,
        expects=False,
        graded=scale.is_number,
        scale=scale.bounds,
        timeout=None,
    )


def _check_combining(described: Described, scale: Scale) -> None:
    combine = described.get("combine")
    if combine is not None and (combine == "majority") == scale.is_number:
        fitting = "mean or median" if scale.is_number else "majority"
        message = f"{brief(combine)} does not fit; {scale.hint[0].lower()}{scale.hint[1:-1]}"
        problem = Problem(file=described.file, place="combine", message=message)
        raise InvalidDocuments([problem], hint=f"Write {fitting}.")


class _Judge:
    def __init__(self, described: Described, scale: Scale) -> None:
        self._described = described
        self._scale = scale
        self._prompt = Prompt(described, scale)
        self._endpoint = server_of(described, "chat/completions")
        self._repeat: int = described.get("repeat", 1)

    @asynccontextmanager
    async def connect(self, opening: Opening) -> AsyncIterator[AsyncJudge]:
        async with connected(self._described, self._endpoint, opening) as server:

            async def judge(case: Case) -> Score:
                question = self._question(case)
                asked = [self._asked(server, case.sample, question, n) for n in range(self._repeat)]
                return self._scored(await asyncio.gather(*asked, return_exceptions=True))

            yield judge

    def _question(self, case: Case) -> dict[str, Any]:
        options = self._described.options
        question: dict[str, Any] = {
            "model": options["model"],
            "messages": self._prompt.messages(case),
            "temperature": options.get("temperature", 0),
        }
        if "max_tokens" in options:
            question["max_tokens"] = options["max_tokens"]
        form = _FORMATS[options.get("structured", "json-schema")](self._scale)
        return question if form is None else {**question, "response_format": form}

    async def _asked(
        self, server: Server, sample: Sample, question: Mapping[str, Any], time: int
    ) -> Verdict:
        answer = await server.ask(sample, question, time=time)
        try:
            return self._verdict(answer)
        except Unreadable as exc:
            exc.usage = answer.usage
            raise

    def _scored(self, answers: Sequence[Verdict | BaseException]) -> Score:
        """Return what verdicts come to; the first question that failed speaks for all of them."""
        for answer in answers:
            if isinstance(answer, Exception):
                return replace(broken(answer), usage=_used(answers))
            if isinstance(answer, BaseException):
                raise answer
        return self._together([answer for answer in answers if isinstance(answer, Verdict)])

    def _verdict(self, answer: Answer) -> Verdict:
        said = _find(self._scale, _content(answer.output))
        value = self._scale.read(said.get(self._scale.key))
        if value is MISSING:
            raise Unreadable(
                f"the judge's {self._scale.key} is {brief(said.get(self._scale.key))}; "
                f"{self._scale.hint[0].lower()}{self._scale.hint[1:-1]}"
            )
        reason = said.get("reason")
        return Verdict(
            value=value, reason=reason if isinstance(reason, str) else "", usage=answer.usage
        )

    def _together(self, verdicts: Sequence[Verdict]) -> Score:
        usage = _used(verdicts)
        if len(verdicts) == 1:
            return Score(value=verdicts[0].value, reason=verdicts[0].reason, usage=usage)
        said = ", ".join(brief(verdict.value) for verdict in verdicts)
        if self._scale.is_number:
            middle = statistics.median if self._combine == "median" else statistics.fmean
            value: Any = round(middle([float(verdict.value) for verdict in verdicts]), 9)
        else:
            value = _majority(verdicts)
        if value is None:
            return Score(reason=f"the judge is divided: {said}", usage=usage)
        agreeing = [verdict for verdict in verdicts if verdict.value == value] or verdicts
        return Score(value=value, reason=f"{said}: {agreeing[0].reason}", usage=usage)

    @property
    def _combine(self) -> str:
        return str(self._described.get("combine", "mean"))


def _used(answers: Sequence[Verdict | BaseException]) -> dict[str, Any] | None:
    """Return what answers used up together, those that cannot be read too."""
    used = [answer.usage for answer in answers if isinstance(answer, (Verdict, Unreadable))]
    return sum(used, Usage()).to_dict() or None


def _majority(verdicts: Sequence[Verdict]) -> bool | str | None:
    """Return what is said most often; None where two things are."""
    counted = Counter(verdict.value for verdict in verdicts).most_common(2)
    if len(counted) == 2 and counted[0][1] == counted[1][1]:
        return None
    value: Any = counted[0][0]
    return value  # type: ignore[no-any-return]


_FORMATS: Mapping[str, Any] = {
    "json-schema": lambda scale: {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": verdict_schema(scale)},
    },
    "json-object": lambda scale: {"type": "json_object"},
    "none": lambda scale: None,
}


def _content(answer: Any) -> str:
    """Return what a judge wrote.

    Raises:
        Unreadable: it wrote nothing.
    """
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (LookupError, TypeError, AttributeError) as exc:
        raise Unreadable("the server's answer holds no message") from exc
    if refusal:
        raise Unreadable(f"the judge refused: {brief(refusal)}")
    if isinstance(content, list):
        parts = [part.get("text", "") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str) or not content.strip():
        cut = choice.get("finish_reason") == "length"
        raise Unreadable(f"the judge said nothing{'; max_tokens is too low' if cut else ''}")
    return content[-_MAX_CONTENT:]


def _find(scale: Scale, content: str) -> Mapping[str, Any]:
    """Return the verdict in what a judge wrote: an object, or else the bare value."""
    try:
        return find_object(content, scale.key)
    except NoJson:
        bare: Any = content.strip()
        if scale.read(bare) is MISSING:
            try:
                bare = read_json(bare)
            except NoJson as exc:
                raise Unreadable(f"the judge's answer holds no verdict: {brief(content)}") from exc
        if isinstance(bare, dict) or scale.read(bare) is MISSING:
            raise Unreadable(f"the judge's answer holds no verdict: {brief(content)}") from None
        return {scale.key: bare}
