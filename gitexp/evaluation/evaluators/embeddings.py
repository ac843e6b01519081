"""The evaluator `embedding`: how near an output is to an expected text, by cosine similarity."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import mul
from typing import Any

from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.cases import AsyncJudge, Case, Described, Judging, Opening
from gitexp.evaluation.evaluators.functions import called
from gitexp.evaluation.evaluators.servers import Server, connected, server_of
from gitexp.evaluation.evaluators.verdicts import brief, graded
from gitexp.runs.rows import Score

MAX_LENGTH = 200_000
"""The longest text that is embedded, in characters."""

_TIMEOUT = 60.0

Vectors = Sequence[Sequence[float]]
Embed = Callable[[Sample, Sequence[str]], Awaitable[tuple[Vectors, Usage]]]
"""From a sample and texts to a vector of each text, in their order, and what that used up."""


def embedding(described: Described) -> Judging:
    """Return what compares texts by the vectors that a server, a function or a model here makes.

    Of a list of expected texts the nearest one counts. The score is a number from -1 to 1, which
    says nothing of passing without `pass_at`.

    Raises:
        InvalidInput: a model here is named, and the library that runs it is not installed.
    """
    embedding_by = _by_server
    if "callable" in described.options:
        embedding_by = _by_function
    elif "local_model" in described.options:
        _require_local_models()
        embedding_by = _by_local_model

    @asynccontextmanager
    async def connect(opening: Opening) -> AsyncIterator[AsyncJudge]:
        async with embedding_by(described, opening) as embed:
            yield _judge_by(embed)

    if embedding_by is _by_server:
        server_of(described, "embeddings")
    timeout = None if "base_url" in described.options else described.get("timeout", _TIMEOUT)
    return Judging(connect=connect, graded=True, scale=(-1.0, 1.0), timeout=timeout)


def _judge_by(embed: Embed) -> AsyncJudge:
    async def judge(case: Case) -> Score:
        wanted = case.expected if isinstance(case.expected, list) else [case.expected]
        texts = [_required(text) for text in wanted]
        if not isinstance(case.output, str):
            return graded(0.0, f"{brief(case.output)} is not text")
        output = _required(case.output)
        if output in texts:
            return graded(1.0)
        if not output.strip() or not any(text.strip() for text in texts):
            return graded(0.0, "there is nothing to compare")
        vectors, usage = await embed(
            case.sample, [output, *(text for text in texts if text.strip())]
        )
        nearest = max(_cosine(vectors[0], other) for other in vectors[1:])
        score = graded(nearest, f"similarity {nearest:.3g}")
        return Score(value=score.value, reason=score.reason, usage=usage.to_dict() or None)

    return judge


def _required(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"the expected {brief(text)} is not text")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a text of {len(text)} characters is too long to be embedded")
    return text


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    lengths: float = math.hypot(*left) * math.hypot(*right)
    if not lengths:
        raise ValueError("a vector is zero")
    product: float = sum(map(mul, left, right))
    return max(-1.0, min(1.0, product / lengths))


def _checked(vectors: Any, texts: Sequence[str]) -> Vectors:
    """Return vectors as lists of numbers, one for each text.

    Raises:
        ValueError: they are something else.
    """
    vectors = vectors.tolist() if hasattr(vectors, "tolist") else vectors
    found = [vector.tolist() if hasattr(vector, "tolist") else vector for vector in vectors]
    if len(found) != len(texts):
        raise ValueError(f"{len(found)} vectors for {len(texts)} texts")
    if len({len(vector) for vector in found}) != 1 or not found[0]:
        raise ValueError("the vectors are of different lengths")
    if not all(_is_number(number) for vector in found for number in vector):
        raise ValueError("a vector holds something that is no finite number")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


@asynccontextmanager
async def _by_server(described: Described, opening: Opening) -> AsyncIterator[Embed]:
    options, endpoint = described.options, server_of(described, "embeddings")
    question = {"model": options["model"], "encoding_format": "float"}
    if "dimensions" in options:
        question["dimensions"] = options["dimensions"]
    async with connected(described, endpoint, opening) as server:

        async def embed(sample: Sample, texts: Sequence[str]) -> tuple[Vectors, Usage]:
            return await _asked(server, sample, {**question, "input": list(texts)}, texts)

        yield embed


async def _asked(
    server: Server, sample: Sample, question: Mapping[str, Any], texts: Sequence[str]
) -> tuple[Vectors, Usage]:
    answer = await server.ask(sample, question)
    try:
        rows = sorted(answer.output["data"], key=lambda row: row["index"])
        vectors = [row["embedding"] for row in rows]
    except (LookupError, TypeError) as exc:
        raise ValueError("the server's answer holds no embeddings") from exc
    return _checked(vectors, texts), answer.usage


@asynccontextmanager
async def _by_function(described: Described, opening: Opening) -> AsyncIterator[Embed]:
    from gitexp.evaluation.endpoints.functions import imported_function

    name = described.options["callable"]
    with imported_function(name, opening.directory, what=described.file) as function:

        async def embed(sample: Sample, texts: Sequence[str]) -> tuple[Vectors, Usage]:
            vectors = await called(function, (list(texts),), opening.threads)
            return _checked(vectors, texts), Usage()

        yield embed


@asynccontextmanager
async def _by_local_model(described: Described, opening: Opening) -> AsyncIterator[Embed]:
    from importlib import import_module

    library: Any = await opening.threads.call(lambda: import_module("sentence_transformers"))
    name = described.options["local_model"]
    model: Any = await opening.threads.call(lambda: library.SentenceTransformer(name))

    async def embed(sample: Sample, texts: Sequence[str]) -> tuple[Vectors, Usage]:
        vectors = await opening.threads.call(lambda: model.encode(list(texts)))
        return _checked(vectors, texts), Usage()

    yield embed


def _require_local_models() -> None:
    from importlib.util import find_spec

    if find_spec("sentence_transformers") is None:
        raise InvalidInput(
            "a local_model runs with sentence-transformers, which is not installed",
            hint="Install it: `pip install 'gitexp[embeddings]'`. Or name a base_url.",
        )
