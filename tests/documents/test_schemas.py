"""The schemas of every kind of document, and what breaks them in our words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gitexp.documents.conformance import conforms
from gitexp.documents.json_codec import dump_json
from gitexp.documents.kinds import KINDS, DocumentKind, schema_url
from gitexp.documents.limits import MAX_PROBLEMS
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.schemas import check, load, parse, schema_dir, schema_of
from gitexp.documents.validation import faults_of
from gitexp.errors import InvalidDocuments

COMMIT, DIGEST = "a" * 40, "sha256:" + "b" * 64
EXPERIMENT = {"id": "x" + "a" * 16, "name": "warm"}
PROJECT = """\
format: 1
id: bot
name: The bot
trunk: main
parameters:
  model: {type: model, required: true, options: [a, b]}
  temperature:
    type: number
    minimum: 0
    exclusiveMaximum: 2.5
    default: 1
  tone: {type: enum, options: [warm, cold]}
  stop: {type: list, items: {type: string}, maxItems: 4, uniqueItems: true}
  limits: {type: object, properties: {n: {type: integer}}, additionalProperties: false}
  key: {type: secret}
environments:
  production: {description: what people use}
  staging: {}
"""
RUN = {
    "format": 1,
    "id": "20261121T131502-k3f5q2x7",
    "project": "bot",
    "experiment": EXPERIMENT,
    "version": COMMIT,
    "digest": DIGEST,
    "selector": {"kind": "version", "value": "latest"},
    "status": "finished",
    "created_at": "2026-11-21T13:15:02Z",
    "started_at": "2026-11-21T13:15:02.123456+01:00",
    "ended_at": "2026-11-21T13:15:03Z",
    "duration_seconds": 1.5,
    "parameters": {"a": 1},
    "overrides": {},
    "dataset": {"name": "faq", "path": "datasets/faq.csv", "digest": DIGEST, "samples": 3},
    "endpoint": {"name": "bot", "digest": DIGEST},
    "evaluators": [{"name": "exact", "digest": DIGEST}],
    "code": {"commit": COMMIT, "dirty": True, "branch": "b", "diff": DIGEST, "untracked": ["a"]},
    "who": "Ada <ada@example.org>",
    "argv": ["gitexp", "run"],
    "stats": {"total": 3, "passed": 2, "failed": 1, "errors": 0, "unscored": 0},
    "scores": {"exact": {"mean": 0.5, "count": 3, "worst": "NaN"}},
    "metrics": {"loss": {"value": "NaN", "step": 3, "timestamp": 1763730000000}},
    "params": {"lr": 0.1, "layers": [1, 2]},
    "tags": {"a": "b"},
    "artifacts": [{"path": "a/b.txt", "size": 3, "digest": DIGEST, "stored": "git"}],
}
BINDING = {
    "format": 1,
    "project": "bot",
    "environment": "production",
    "action": "promote",
    "experiment": EXPERIMENT,
    "version": COMMIT,
    "digest": DIGEST,
    "types": {"model": "model"},
    "by": "Ada <ada@example.org>",
    "at": "2026-11-21T13:15:02Z",
}
VOTED = {"by": "Ada <ada@example.org>", "at": "2026-11-21T13:15:02Z"}
TERMS = {
    "from": COMMIT,
    "head": COMMIT,
    "subject": DIGEST,
    "expires_at": "2026-12-05T13:15:02Z",
    "policy": {"commit": None, "digest": DIGEST, "asking": ["p"], "documents": [{"name": "p"}]},
}
CHANGE = {
    "format": 1,
    "id": "20261121-k3f5q2x7",
    "project": "bot",
    "environment": "production",
    "action": "promote",
    "experiment": EXPERIMENT,
    "version": COMMIT,
    "digest": DIGEST,
    "requested_by": "Ada <ada@example.org>",
    "requested_at": "2026-11-21T13:15:02Z",
    **TERMS,
}
ANALYSIS = {
    "format": 1,
    "metric": "sales",
    "fingerprint": "f" * 64,
    "data": "d" * 64,
    "day": "2026-11-21",
    "until": "2026-11-22T00:00:00Z",
    "status": "completed",
    "exposures": {"units": {"control": 2}, "multiple": 0, "unknown": 0, "unusable": 0, "rows": 2},
    "statistics": [{"variant": "control", "count": 2, "means": [1.5], "products": [[0.5]]}],
    "source": DIGEST,
    "computed_at": "2026-11-22T00:00:01Z",
    "by": "Ada <ada@example.org>",
}
VALID: dict[DocumentKind, tuple[str, str | bytes]] = {
    "project": ("gitexp.yaml", PROJECT),
    "experiment": (
        "experiment.yaml",
        (
            f"id: {EXPERIMENT['id']}\nname: warm\nlifecycle: active\ntags: {{team: x}}\n"
            "evaluators: [exact]\nmetrics: {exact: {direction: maximize}}\n"
        ),
    ),
    "parameters": ("parameters.yaml", "model: a\nlimits: {n: 1}\n"),
    "environment": ("environment.yaml", dump_json(BINDING)),
    "lock": (
        "gitexp.lock",
        (
            f"format: 1\nproject: bot\nenvironments:\n  production:\n    commit: {COMMIT}\n"
            f"    experiment: warm\n    version: {COMMIT}\n    digest: {DIGEST}\n"
        ),
    ),
    "sample": ("faq.jsonl", '{"id": 1, "input": "x", "expected": null, "weight": 0}\n'),
    "dataset": (
        "faq.dataset.yaml",
        (
            f"url: s3://corpora/faq.parquet\ndigest: {DIGEST}\nfields:\n  input: question\n"
            "  metadata: [lang]\nsplits:\n  hard: metadata.lang = 'de'\n"
        ),
    ),
    "endpoint": ("bot.yaml", "type: python\ncallable: a.b:c.d\ntimeout: 1.5\n"),
    "evaluator": ("exact.yaml", "type: exact-match\nstrip: true\nselect: a.0\n"),
    "workflow": ("all.yaml", "evaluators:\n  - evaluator: exact\ncombine: mean\n"),
    "entrypoint": ("nightly.yaml", "workflow: ask\nparameters: {n: {type: integer}}\n"),
    "ab-test": (
        "ab-test.yaml",
        (
            "status: running\nflag: checkout\nvariants:\n  - {key: control, split: 50}\n"
            "  - {key: test, split: 50}\nmetrics:\n  primary:\n    - key: sales\n"
            "      type: mean\n      guardrail: {margin: 1%}\n      where: {plan: [a, null]}\n"
            "statistics: {confidence: 0.9}\ndata: {exposures: {file: a.csv}}\n"
            "started_at: 2026-11-21T13:15:02Z\n"
        ),
    ),
    "prompt": (
        "reply.yaml",
        (
            "template:\n  - {role: user, content: 'Hi {{ name }}'}\n"
            "variables: {name: {type: string}}\nmodel: m\n"
        ),
    ),
    "flag": (
        "checkout.yaml",
        (
            "active: true\nvariants:\n  - {key: control, weight: 50}\n"
            "  - {key: test, weight: 50, payload: {color: red}}\nrollout: 20\n"
            "conditions:\n  - properties: [{key: plan, operator: in, value: [pro]}]\n"
            "holdout: {id: 1, percent: 5}\nhashing: {method: growthbook, version: 2}\n"
        ),
    ),
    "group": (
        "leads.yaml",
        "members:\n  alice@example.com: {name: Alice, roles: [admin], usernames: [alice]}\n",
    ),
    "change": ("change.yaml", dump_json(CHANGE)),
    "renewal": ("1.yaml", dump_json({"format": 1, "change": CHANGE["id"], **TERMS, **VOTED})),
    "vote": (
        "v.yaml",
        dump_json(
            {"format": 1, "change": CHANGE["id"], "decision": "approve", **VOTED}
            | {"subject": DIGEST}
        ),
    ),
    "closing": (
        "closed.yaml",
        dump_json({"format": 1, "change": CHANGE["id"], "state": "applied", **VOTED}),
    ),
    "run": ("r.json", dump_json(RUN)),
    "result": (
        "results.jsonl",
        (
            '{"sample": "1", "repeat": 0, "status": "passed", "output": {"a": 1}, "error": null,'
            ' "scores": {"exact": {"value": 1, "passed": true}}}\n'
        ),
    ),
    "metric": ("metrics.jsonl", '{"metric": "loss", "value": 0.5, "step": -1, "timestamp": 5}\n'),
    "event": ("e.jsonl", '{"at": 5, "metrics": [["loss", "NaN", 1, 5]], "tags": {"a": null}}\n'),
    "analysis": ("2026-11-21.json", dump_json(ANALYSIS)),
    "fingerprint": (
        "settings.json",
        dump_json(
            {"format": 1, "metric": "sales", "fingerprint": "f" * 64, "data": "d" * 64}
            | {"settings": {"version": 1, "data": {}, "judgement": {}}}
        ),
    ),
}


def messages(kind: DocumentKind, value: Any) -> list[str]:
    document = ParsedDocument(value=value)
    return [str(problem).removeprefix("f: ") for problem in check(kind, document, file="f")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_a_schema_and_describes_every_field(kind: DocumentKind) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schema_url(kind) == f"https://gitexp.dev/schemas/1/{kind}.schema.json"
    fields = list(_fields(schema))
    assert fields
    for place, field in fields:
        assert field.get("title"), place
        assert field.get("description", "").endswith("."), place


def _fields(schema: Any, place: str = "") -> Any:
    for name, field in schema.get("properties", {}).items():
        yield f"{place}/{name}", field
        yield from _fields(field, f"{place}/{name}")
    for inner in ("items", "additionalProperties", *schema.get("$defs", {})):
        found = schema.get(inner) or schema.get("$defs", {}).get(inner)
        if isinstance(found, dict) and "$ref" not in found:
            yield from _fields(found, f"{place}/{inner}")
    if not place and schema.get("type") == "object" and "properties" not in schema:
        yield "/", {**schema, "description": schema["description"]}


def test_there_is_a_schema_for_every_kind_and_no_other() -> None:
    files = {path.name for path in schema_dir().iterdir()}
    assert files == {f"{kind}.schema.json" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_document_is_loaded(kind: DocumentKind) -> None:
    file, data = VALID[kind]
    value = load(kind, data, file=file)
    assert value == parse(data, file=file).value
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        Draft202012Validator(schema_of(kind)).validate(row)
        assert conforms(schema_of(kind), row), "to judge it takes a library that is slow to import"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "parameters"])
def test_an_unknown_key_is_refused_at_the_root_of_every_kind(kind: DocumentKind) -> None:
    file, data = VALID[kind]
    value = parse(data, file=file).value
    row = value[0] if isinstance(value, list) else value
    assert messages(kind, {**row, "zzzzzzzz": 1})[0].startswith(
        'zzzzzzzz: unknown key "zzzzzzzz"; known are '
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "parameters"])
def test_an_empty_document_lacks_something(kind: DocumentKind) -> None:
    assert messages(kind, {})
    assert messages(kind, 1) == ["expected a mapping, found 1"]
    assert messages(kind, None) == ["the file is empty"]


def test_no_parameters_are_written_as_an_empty_mapping() -> None:
    assert messages("parameters", {}) == []
    assert messages("parameters", None) == ["the file is empty; write {} where there are no values"]


def test_all_problems_are_reported_in_the_order_of_their_lines() -> None:
    text = PROJECT.replace("trunk: main", "trnk: main").replace("minimum: 0", "minimum: low")
    text = text.replace("id: bot", "id: Bot").replace("staging", "Staging")
    with pytest.raises(InvalidDocuments) as caught:
        load("project", text, file="gitexp.yaml")
    assert str(caught.value).split("\n") == [
        'gitexp.yaml:2: id: "Bot" does not match ^[a-z0-9][a-z0-9._-]{0,62}$',
        'gitexp.yaml:4: trnk: unknown key "trnk"; did you mean "trunk"?',
        'gitexp.yaml:9: parameters.temperature.minimum: expected a number, found the text "low"',
        (
            'gitexp.yaml:18: environments.Staging: the key "Staging" does not match '
            "^[a-z0-9][a-z0-9._-]{0,62}$"
        ),
    ]
    assert caught.value.hint == (
        "Correct the file at the places named; `gitexp validate` checks it again."
    )


@pytest.mark.parametrize("kind", ["project", "environment", "lock", "run"])
def test_a_newer_format_is_the_only_problem_of_a_document(kind: DocumentKind) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        load(kind, "unknown: 1\nformat: 2\n", file="f.yaml")
    assert str(caught.value) == (
        "f.yaml:2: format: format 2 is newer than this gitexp understands (1)"
    )
    assert caught.value.hint == "Upgrade gitexp: `pip install --upgrade gitexp`."


def test_a_parameter_may_be_called_format() -> None:
    assert load("parameters", "format: 2\n", file="f.yaml") == {"format": 2}


@pytest.mark.parametrize("stated", ["0", "true", '"1"', "1.5"])
def test_a_format_that_never_was_is_refused(stated: str) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        load("project", f"format: {stated}\nid: bot\n", file="f.yaml")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].place == "format"


def slot(**rules: Any) -> list[str]:
    value = {"format": 1, "id": "bot", "parameters": {"s": rules}}
    return [text.removeprefix("parameters.s") for text in messages("project", value)]


def test_a_slot_has_a_type_that_exists() -> None:
    assert slot() == [': the key "type" is missing']
    assert slot(type="intger") == [
        (
            '.type: "intger" is not one of "text", "string", "integer", "number", "boolean", '
            '"enum", "list", "object", "model", "secret"; did you mean "integer"?'
        )
    ]


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("text", {"minimum": 1}),
        ("integer", {"pattern": "x"}),
        ("number", {"items": True}),
        ("boolean", {"options": [True]}),
        ("list", {"properties": {}}),
        ("object", {"minItems": 1}),
        ("secret", {"options": ["A"]}),
    ],
)
def test_a_rule_that_its_type_does_not_use_is_refused(kind: str, rules: dict[str, Any]) -> None:
    key = next(iter(rules))
    assert slot(type=kind, **rules) == [f'.{key}: not used with the type "{kind}"']


def test_an_enum_needs_options_that_differ() -> None:
    assert slot(type="enum") == [': the key "options" is missing']
    assert slot(type="enum", options=[]) == [".options: 0 items are fewer than 1"]
    assert slot(type="enum", options=["a", "b", "a"]) == ['.options: the item "a" is repeated']
    assert slot(type="enum", options=["a", 1, True]) == []


def test_an_evaluator_takes_the_options_of_its_type() -> None:
    assert messages("evaluator", {"type": "numeric", "tolerance": 0.1}) == []
    assert messages("evaluator", {"type": "numeric", "strip": True}) == [
        'strip: not used with the type "numeric"'
    ]
    assert messages("evaluator", {"type": "contains", "tolerance": -1}) == [
        "tolerance: -1 is less than 0",
        'tolerance: not used with the type "contains"',
    ]


@pytest.mark.parametrize("callable_", ["a", "a:", ":b", "a.b", "a:b()", "a-b:c", "a:b\n", "1:b"])
def test_an_endpoint_names_a_function_of_a_module(callable_: str) -> None:
    found = messages("endpoint", {"type": "python", "callable": callable_})
    assert len(found) == 1
    assert "does not match" in found[0]


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda binding: binding.pop(key)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_without("by"), ['the key "by" is missing']),
        (lambda b: b.update(at="yesterday"), ['at: "yesterday" does not match ^']),
        (lambda b: b.update(version=None), ["version: expected text, found null"]),
        (lambda b: b.update(action="unbind", experiment=None, version=None, digest=None), []),
        (lambda b: b.update(types={"a": "b"}), ['types.a: "b" is not one of "text", ']),
        (lambda b: b["experiment"].pop("id"), ['experiment: the key "id" is missing']),
        (lambda b: b.update(version=COMMIT + "\n"), [f'version: "{COMMIT}\\n" does not match ^']),
    ],
)
def test_a_binding_is_whole(
    change: Callable[[dict[str, Any]], object], expected: list[str]
) -> None:
    binding = copy.deepcopy(BINDING)
    change(binding)
    found = messages("environment", binding)
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected))


def test_rows_are_checked_one_by_one_and_name_their_lines() -> None:
    text = '{"input": 1}\n\n{"inptu": 1}\n{"input": 1, "weight": -1}\n[]\n'
    with pytest.raises(InvalidDocuments) as caught:
        load("sample", text, file="d.jsonl")
    assert str(caught.value).split("\n") == [
        'd.jsonl:3: [1]: the key "input" is missing',
        'd.jsonl:3: [1].inptu: unknown key "inptu"; did you mean "input"?',
        "d.jsonl:4: [2].weight: -1 is less than 0",
        "d.jsonl:5: [3]: expected a mapping, found []",
    ]


def test_wrong_rows_without_end_are_cut_off() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        load("sample", '{"a": 1}\n' * 10_000, file="d.jsonl")
    assert len(caught.value.problems) == MAX_PROBLEMS


def test_a_dataset_may_be_yaml() -> None:
    samples = [{"input": "x", "expected": "y"}]
    assert load("sample", "- input: x\n  expected: y\n", file="d.yaml") == samples
    with pytest.raises(InvalidDocuments, match=r'd\.yaml:2: \[1\]: the key "input" is missing'):
        load("sample", "- input: x\n- expected: y\n", file="d.yaml")


@pytest.mark.parametrize("text", ["input: x\n", "", "text\n"])
def test_a_dataset_is_a_list(text: str) -> None:
    with pytest.raises(InvalidDocuments, match="expected a list of samples"):
        load("sample", text, file="d.yaml")


def test_a_score_may_hold_what_json_has_no_number_for() -> None:
    run = {**RUN, "scores": {"a": {"x": "Infinity", "y": None, "z": "high", "l": [0, 1]}}}
    assert messages("run", run) == [
        'scores.a.z: "high" is not one of "NaN", "Infinity", "-Infinity"'
    ]


def test_the_schemas_are_written_as_the_codec_writes() -> None:
    for path in schema_dir().iterdir():
        data = path.read_bytes()
        assert dump_json(json.loads(data)) == data


def test_faults_are_found_even_by_a_schema_with_false() -> None:
    faults = faults_of({"properties": {"a": False}, "type": "object"}, {"a": 1})
    assert [(fault.path, fault.message) for fault in faults] == [(("a",), "not allowed here")]
