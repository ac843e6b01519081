"""Evaluators of structured outputs: `json-schema` and `json-fields`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitexp.documents.conformance import quick_test
from gitexp.documents.problems import MISSING, Problem, place_of
from gitexp.documents.validation import faults_of, schema_fault
from gitexp.errors import InvalidDocuments
from gitexp.evaluation.evaluators.cases import Case, Described, Judging
from gitexp.evaluation.evaluators.equality import equal
from gitexp.evaluation.evaluators.framing import Frame, follow
from gitexp.evaluation.evaluators.json_texts import NoJson, read_json
from gitexp.evaluation.evaluators.types import maker_of
from gitexp.evaluation.evaluators.verdicts import PASSED, brief, broken, failed, unscored
from gitexp.runs.rows import Score

_SHOWN = 3
_MAX_FIELDS = 10_000


def json_schema(described: Described) -> Judging:
    """Return what checks an output against the JSON Schema in `schema`.

    An output that is text is read as JSON first, also out of a fence, unless `parse` is false.

    Raises:
        InvalidDocuments: the schema is none.
    """
    schema = described.options["schema"]
    if fault := schema_fault(schema):
        raise InvalidDocuments([Problem(file=described.file, place="schema", message=fault)])
    is_right, parsed = quick_test(schema), _parsing(described)

    def judge(case: Case) -> Score:
        try:
            value = parsed(case.output)
        except NoJson as exc:
            return failed(f"{brief(case.output)}: {exc}")
        faults = [] if is_right(value) else faults_of(schema, value)
        if not faults:
            return PASSED
        return failed(_listed([f"{place_of(f.path)}: {f.message}".lstrip(": ") for f in faults]))

    return Judging(judge=judge, expects=False)


def _parsing(described: Described) -> Callable[[Any], Any]:
    if not described.get("parse", True):
        return lambda output: output
    return lambda output: read_json(output) if isinstance(output, str) else output


def _listed(messages: list[str]) -> str:
    more = len(messages) - _SHOWN
    return "; ".join(messages[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field that `json-fields` compares.

    Attributes:
        path: what it is called in reasons.
        steps: where it stands in the output, and in what is expected.
        weight: how much it counts.
        judge: what compares it; None for equality.
    """

    path: str
    steps: tuple[str, ...]
    weight: float = 1.0
    judge: Callable[[Case], Score] | None = None
    frame: Frame | None = None


def json_fields(described: Described) -> Judging:
    """Return what compares an output with what is expected field by field.

    The score is the share of the fields, by weight, that are right; a field that is compared by
    degrees counts by its degree. Without `fields`, every value that stands at the end of a path
    in what is expected is a field. It passes when all are right, unless `pass_at` says otherwise.
    """
    parsed, least = _parsing(described), described.get("pass_at", 1.0)
    given = described.get("fields")
    fields = None if given is None else [_field(p, o, described) for p, o in given.items()]

    def judge(case: Case) -> Score:
        try:
            case = case._replace(output=parsed(case.output))
        except NoJson as exc:
            return failed(f"{brief(case.output)}: {exc}", value=0.0)
        scored = [
            (field, score)
            for field in (_leaves(case.expected) if fields is None else fields)
            if (score := _field_score(field, case)) is not None
        ]
        return _together(scored, least)

    return Judging(judge=judge, graded=True, expects=fields is None or _any_expects(given))


def _any_expects(fields: Any) -> bool:
    own = ("values", "pattern", "schema")
    return any(not any(key in options for key in own) for options in fields.values())


def _field(path: str, options: Mapping[str, Any], described: Described) -> Field:
    inner = Described(
        options=options,
        file=f"{described.file}: {place_of(('fields', path))}",
        directory=described.directory,
    )
    judging = maker_of(options.get("type", "exact-match"))(inner)
    frame = Frame(
        pass_at=options.get("pass_at"),
        negate=options.get("negate", False),
        expects=judging.expects,
    )
    return Field(
        path=path,
        steps=tuple(path.split(".")) if path else (),
        weight=options.get("weight", 1.0),
        judge=judging.judge,
        frame=frame,
    )


def _leaves(expected: Any) -> list[Field]:
    fields = [Field(path=".".join(steps), steps=steps) for steps in _paths(expected, ())]
    if len(fields) > _MAX_FIELDS:
        raise ValueError(f"more than {_MAX_FIELDS} fields are expected")
    return fields


def _paths(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _paths(child, (*path, key))
    else:
        yield path


def _field_score(field: Field, case: Case) -> Score | None:
    """Return the score of one field; None where the sample expects nothing of it."""
    want, have = _at(case.expected, field.steps), _at(case.output, field.steps)
    if field.frame is None or field.judge is None:
        if have is not MISSING and equal(have, want):
            return PASSED
        return _mismatch(have, want)
    if field.frame.expects and want is MISSING:
        return None
    if have is MISSING:
        return failed("is missing")
    try:
        return field.frame.after(field.judge(case._replace(output=have, expected=want)))
    except Exception as exc:
        return broken(exc)


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    return MISSING if value is MISSING else follow(value, steps)


def _mismatch(have: Any, want: Any) -> Score:
    return failed("is missing" if have is MISSING else f"{brief(have)} is not {brief(want)}")


def _together(scored: list[tuple[Field, Score]], least: float) -> Score:
    """Return the score that those of the fields come to; an error where one is an error."""
    for field, score in scored:
        if score.error:
            return Score(error=f"{field.path or 'the output'}: {score.error}")
    judged = [(field, score) for field, score in scored if score.value is not None]
    total = sum(field.weight for field, _ in judged)
    if total <= 0:
        return unscored("the sample expects nothing of the fields")
    reached = sum(field.weight * _degree(field, score) for field, score in judged) / total
    wrong = [
        f"{field.path or 'the output'}: {score.reason or f'{_degree(field, score):g}'}"
        for field, score in judged
        if _degree(field, score) < 1
    ]
    passed = round(reached, 9) >= least
    return Score(value=round(reached, 9), passed=passed, reason=_listed(wrong) if wrong else "")


def _degree(field: Field, score: Score) -> float:
    if isinstance(score.value, bool) or not isinstance(score.value, (int, float)):
        return 1.0 if score.passed else 0.0
    degree = min(max(float(score.value), 0.0), 1.0)
    return 1.0 - degree if field.frame is not None and field.frame.negate else degree
