"""Evaluators that ask somebody: functions, servers that embed, and people."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.evaluators.people import recorded
from gitexp.runs.rows import Score
from tests.evaluation.evaluating import asked, evaluator, secret_parameters
from tests.evaluation.servers import Scripted, serving

Judged = Callable[..., Score]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """Scores an output by a function with a body."""

    def judge(body: str, output: Any = "abc", expected: Any = "x", **options: Any) -> Score:
        text = f"import asyncio, math, sys, time\nfrom gitexp.runs.rows import Score\n{body}\n"
        (tmp_path / "mine.py").write_text(text)
        made = evaluator(tmp_path, type="python", callable="mine:judge", **options)
        return asked(made, output, expected, directory=tmp_path, metadata={"k": "v"})

    return judge


# --- functions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("True", Score(value=True, passed=True)),
        ("output == expected", Score(value=False, passed=False)),
        ("len(output)", Score(value=3)),
        ("0.5", Score(value=0.5)),
        ("'good'", Score(value="good")),
        ("None", Score(reason="the function gave no score")),
        ("{'score': 0.7, 'reason': 'near'}", Score(value=0.7, reason="near")),
        ("{'passed': False, 'reason': 'no'}", Score(value=False, passed=False, reason="no")),
        ("{'label': 'b', 'passed': True}", Score(value="b", passed=True)),
        ("Score(value=1, passed=True)", Score(value=1, passed=True)),
        ("sample.metadata['k'] == 'v'", Score(value=True, passed=True)),
    ],
)
def test_a_function_gives_a_score_in_many_forms(judged: Judged, result: str, found: Score) -> None:
    body = f"def judge(output, expected, sample, parameters):\n    return {result}"
    assert judged(body) == found
    assert judged("async " + body) == found


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ("math.nan", "the score nan is not a finite number"),
        ("math.inf", "the score inf is not a finite number"),
        ("10**400", "the score is larger than any number that is computed with"),
        ("[1]", "a score of type list is neither a number, a boolean nor a label"),
        ("''", "the label is empty or too long"),
        (
            "Score(value=1, usage={'cost': 'free'})",
            'BadResponse: the usage is no mapping of numbers: {"cost": "free"}',
        ),
        (
            "Score(value=1, usage={'cost': math.nan})",
            'BadResponse: the usage is no mapping of numbers: {"cost": NaN}',
        ),
        ("{'score': [1]}", "a score of type list is neither a number, a boolean nor a label"),
        ("{'passed': 'yes'}", 'the verdict "yes" is neither true nor false'),
        (
            "{'skore': 1}",
            (
                'TypeError: the function gave {"skore": 1}; a mapping holds `score`, `passed` and '
                "`reason`"
            ),
        ),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("(_ for _ in ()).throw(KeyboardInterrupt())", "KeyboardInterrupt"),
    ],
)
def test_rubbish_is_an_error_of_the_score(judged: Judged, result: str, error: str) -> None:
    body = f"def judge(output, expected, sample, parameters):\n    return {result}"
    for text in (body, "async " + body):
        found = judged(text)
        assert (found.error, found.value, found.passed) == (error, None, None)


def test_what_a_function_says_can_be_recorded(judged: Judged) -> None:
    said = "Score(value=1, reason=5, usage={'cost': 1, 'input_tokens': 2.5})"
    assert judged(f"def judge(*given):\n    return {said}") == Score(
        value=1, reason="5", usage={"cost": 1, "input_tokens": 2}
    )


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        ("Odd", "Odd: it cannot say why"),
        ("ValueError('\\ud800')", "ValueError: \\ud800"),
        ("Kind('x')", "Kind: x"),
    ],
)
def test_an_exception_of_any_kind_is_an_error_of_the_score(
    judged: Judged, raised: str, error: str
) -> None:
    body = (
        "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n"
        "class Kind(Exception):\n    kind = 5\n"
        f"def judge(*given):\n    raise {raised}"
    )
    assert judged(body) == Score(error=error)
    assert judged(body.replace("def judge", "async def judge")) == Score(error=error)


@pytest.mark.parametrize(
    "body",
    [
        "def judge(*given):\n    time.sleep(30)",
        "async def judge(*given):\n    await asyncio.sleep(30)",
    ],
)
def test_a_function_that_hangs_is_given_up(judged: Judged, body: str) -> None:
    found = judged(body, timeout=0.05)
    assert found == Score(error="Timeout: no score within 0.05 s")


def test_a_task_that_cancels_itself_cancels_its_score_alone(judged: Judged) -> None:
    body = (
        "async def judge(*given):\n    asyncio.current_task().cancel()\n    await asyncio.sleep(1)"
    )
    assert judged(body).error == "CancelledError: the call cancelled itself"


def test_a_number_passes_from_a_threshold_on_and_a_label_by_its_name(judged: Judged) -> None:
    number = "def judge(output, *rest):\n    return len(output) / 10"
    assert judged(number, "abc", pass_at=0.3) == Score(value=0.3, passed=True)
    assert judged(number, "ab", pass_at=0.3) == Score(
        value=0.2, passed=False, reason="0.2 is below 0.3"
    )
    label = "def judge(output, *rest):\n    return output"
    assert judged(label, "good", pass_labels=["good", "fair"]).passed is True
    assert judged(label, "bad", pass_labels=["good", "fair"]) == Score(
        value="bad", passed=False, reason='"bad" is none of "good", "fair"'
    )


def test_a_function_may_do_without_an_expected_answer_or_require_one(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def judge(output, expected, *rest):\n    return expected is None"
    )
    made = evaluator(tmp_path, type="python", callable="mine:judge")
    assert asked(made, "x", directory=tmp_path).passed is True
    strict = evaluator(tmp_path, type="python", callable="mine:judge", requires_expected=True)
    assert asked(strict, "x", directory=tmp_path) == Score(reason="the sample expects nothing")


def test_what_a_function_changes_changes_nothing_that_is_recorded(judged: Judged) -> None:
    output, expected = {"a": [1]}, [2]
    body = (
        "def judge(output, expected, sample, parameters):\n"
        "    output['a'].append(2)\n    expected.clear()\n    sample.metadata.clear()\n"
        "    return sample.output is not None"
    )
    assert judged(body, output, expected).passed is True
    assert (output, expected) == ({"a": [1]}, [2])


def test_a_function_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    made = evaluator(tmp_path, type="python", callable="nothing_here:judge")
    with pytest.raises(InvalidInput, match=r"nothing_here:judge cannot be imported"):
        asked(made, "x", directory=tmp_path)


# --- embeddings ------------------------------------------------------------------------------

EMBED = """\
def embed(texts):
    return [[float(text.count("a")), float(text.count("b")), 1.0] for text in texts]


def zero(texts):
    return [[0.0] for _ in texts]


def short(texts):
    return [[1.0]]


def ragged(texts):
    return [[1.0] * (n + 1) for n, _ in enumerate(texts)]


def nan(texts):
    return [[float("nan")] for _ in texts]
"""


def embedded(directory: Path, function: str, output: Any, expected: Any, **options: Any) -> Score:
    (directory / "vectors.py").write_text(EMBED)
    made = evaluator(directory, type="embedding", callable=f"vectors:{function}", **options)
    return asked(made, output, expected, directory=directory)


def test_texts_are_compared_by_their_vectors(tmp_path: Path) -> None:
    near = embedded(tmp_path, "embed", "aa", "aaa", pass_at=0.9)
    assert (near.value, near.passed) == (0.989949494, True)
    assert near.reason == "similarity 0.99"
    far = embedded(tmp_path, "embed", "aaaa", "bbbb", pass_at=0.9)
    assert (far.passed, far.value) == (False, 0.058823529)
    assert embedded(tmp_path, "embed", "aa", ["bb", "aa c"]).value == 1.0
    assert embedded(tmp_path, "embed", "same", "same") == Score(value=1.0)
    assert embedded(tmp_path, "embed", " ", "same").value == 0.0
    assert embedded(tmp_path, "embed", 5, "same") == Score(value=0.0, reason="5 is not text")


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("zero", "ValueError: a vector is zero"),
        ("short", "ValueError: 1 vectors for 2 texts"),
        ("ragged", "ValueError: the vectors are of different lengths"),
        ("nan", "ValueError: a vector holds something that is no finite number"),
    ],
)
def test_vectors_that_are_none_are_an_error(tmp_path: Path, function: str, error: str) -> None:
    assert embedded(tmp_path, function, "a", "b") == Score(error=error)


def test_a_server_embeds_both_texts_at_once() -> None:
    answer = {
        "data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 1]}],
        "usage": {"prompt_tokens": 8},
    }
    with serving(Scripted([answer])) as server:
        made = evaluator(
            type="embedding", base_url=server.url, model="m", dimensions=2,
            api_key="{{ secrets.key }}",
        )  # fmt: skip
        found = asked(
            made, "left", "right",
            parameters=secret_parameters({"key": "KEY"}, "key"), environ={"KEY": "s3cr3t-key"},
        )  # fmt: skip
    assert (found.value, found.usage) == (0.707106781, {"input_tokens": 8})
    [request] = server.requests
    assert request.path == "/v1/embeddings"
    assert request.headers["Authorization"] == "Bearer s3cr3t-key"
    assert request.body == {
        "model": "m", "encoding_format": "float", "dimensions": 2, "input": ["left", "right"],
    }  # fmt: skip


def test_a_model_here_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    if "sentence_transformers" not in sys.modules:
        with pytest.raises(InvalidInput, match="sentence-transformers, which is not installed"):
            evaluator(type="embedding", local_model="tiny")
    library: Any = types.ModuleType("sentence_transformers")
    library.__spec__ = types.SimpleNamespace(name="sentence_transformers")
    library.SentenceTransformer = lambda name: types.SimpleNamespace(
        encode=lambda texts: [[1.0, float(len(text) > 3)] for text in texts]
    )
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    assert asked(evaluator(type="embedding", local_model="tiny"), "abcd", "efgh").value == 1.0


def test_one_way_to_embed_is_named() -> None:
    for options in ({}, {"callable": "a:b", "local_model": "m"}):
        with pytest.raises(InvalidDocuments):
            evaluator(type="embedding", **options)


# --- people ----------------------------------------------------------------------------------


def test_what_a_person_says_is_held_against_the_scale() -> None:
    stars = evaluator(type="human", min=1, max=5, pass_at=4)
    assert recorded(stars, 4, reason="fine") == Score(value=4, passed=True, reason="fine")
    assert recorded(stars, "2").passed is False
    assert recorded(stars, 2, passed=True) == Score(value=2, passed=True)
    verdict = evaluator(type="human")
    assert recorded(verdict, "yes") == Score(value=True, passed=True)
    assert recorded(verdict, False) == Score(value=False, passed=False)
    label = evaluator(type="human", labels=["good", "bad"], pass_labels=["good"])
    assert recorded(label, "Good") == Score(value="good", passed=True)


@pytest.mark.parametrize(
    ("options", "value", "hint"),
    [
        ({"min": 1, "max": 5}, 6, "It is a number from 1 to 5."),
        ({"min": 1, "max": 5}, True, "It is a number from 1 to 5."),
        ({"min": 1, "max": 5}, "nan", "It is a number from 1 to 5."),
        ({"labels": ["a", "b"]}, "c", 'It is one of "a", "b".'),
        ({}, 1, "It is yes or no."),
        ({}, "perhaps", "It is yes or no."),
    ],
)
def test_what_does_not_fit_the_scale_is_refused(
    options: dict[str, Any], value: Any, hint: str
) -> None:
    with pytest.raises(InvalidInput, match="is no score of 'e'") as caught:
        recorded(evaluator(type="human", **options), value)
    assert caught.value.hint == hint


def test_people_do_not_score_for_other_evaluators() -> None:
    with pytest.raises(InvalidInput, match="evaluator 'e' scores by itself; it is exact-match"):
        recorded(evaluator(type="exact-match"), True)
