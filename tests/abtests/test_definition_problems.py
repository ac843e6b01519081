"""What can be wrong with the document of an A/B test whose schema is right."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.abtests.problems import problems_of, zone_fault
from gitexp.documents import schemas
from gitexp.documents.parsed import ParsedDocument

GOOD: dict[str, Any] = {"flag": "f", "variants": [{"key": "control"}, {"key": "test"}]}
RUNNING = {"status": "running", "started_at": "2026-01-01T00:00:00Z"}
STOPPED = {**RUNNING, "status": "stopped", "ended_at": "2026-01-02T00:00:00Z"}


def problems(**given: Any) -> list[str]:
    document = ParsedDocument(value={**GOOD, **given})
    assert schemas.check("ab-test", document, file="f") == []
    return [str(problem).removeprefix("f: ") for problem in problems_of(document, "f")]


def of_metric(**metric: Any) -> list[str]:
    found = problems(metrics={"primary": [{"key": "a", "type": "mean", **metric}]})
    return [text.removeprefix("metrics.primary[0]") for text in found]


def test_a_good_document_has_no_problems() -> None:
    assert problems() == []
    assert problems(**STOPPED, conclusion="won", shipped="test", archived=True) == []
    assert problems(**RUNNING, exposure_frozen=True, frozen_at="2026-01-01T10:00:00+02:00") == []


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([{"key": "a"}, {"key": "b"}],
         'variants[0].key: the first variant must be "control", and is "a"'),
        ([{"key": "control"}, {"key": "control"}],
         'variants[1].key: "control" is the key of another variant too'),
        ([{"key": "control", "split": 1}, {"key": "b"}],
         "variants: either every variant has a split, or none"),
        ([{"key": "control", "split": 33.3}, {"key": "b", "split": 66.6}],
         "variants: the splits must add up to 100, and add up to 99.9"),
    ],
)  # fmt: skip
def test_variants_are_held_to_each_other(variants: Any, message: str) -> None:
    assert problems(variants=variants) == [message]


def test_splits_of_decimal_fractions_may_add_up_to_a_hundred() -> None:
    thirds = [{"key": key, "split": 33.3} for key in ("control", "a")]
    assert problems(variants=[*thirds, {"key": "b", "split": 33.4}]) == []


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({"type": "ratio"}, ': a metric of type ratio needs "denominator"'),
        ({"type": "retention"}, ': a metric of type retention needs "retention"'),
        ({"type": "quantile"}, ': a metric of type quantile needs "level"'),
        ({"level": 0.5}, ".level: only a metric of type quantile has it, and this is a mean"),
        ({"threshold": 2},
         ".threshold: only a metric of type proportion has it, and this is a mean"),
        ({"type": "quantile", "level": 0.5, "covariate": {"lookback": "1d"}},
         ".covariate: a metric of type quantile cannot be adjusted by a covariate"),
        ({"type": "proportion", "outliers": {"upper": 1}},
         ".outliers: a proportion has no outliers"),
        ({"outliers": {"upper": 1, "upper_percentile": 99}},
         ".outliers.upper: give either upper or upper_percentile"),
        ({"outliers": {"lower": 2, "upper": 1}}, ".outliers.lower: 2 is not below 1"),
        ({"outliers": {"lower_percentile": 99, "upper_percentile": 1}},
         ".outliers.lower_percentile: 99 is not below 1"),
        ({"type": "retention", "retention": {"from": "2d", "to": "1d"}},
         '.retention.to: "1d" is not after "2d"'),
        ({"type": "retention", "retention": {"to": "9999999999d"}},
         '.retention: "9999999999d" is longer than 36500 days'),
        ({"window": "99999999999999999999w"},
         '.window: "99999999999999999999w" is longer than 36500 days'),
        ({"window": "0.0h"}, ".window: it must be longer than nothing"),
        ({"covariate": {"lookback": "1" + "0" * 400 + "s"}},
         f'.covariate.lookback: "1{"0" * 77}… is longer than 36500 days'),
        ({"covariate": {"lookback": "0d"}},
         ".covariate.lookback: it must be longer than nothing"),
        ({"guardrail": {"margin": "9" * 400 + "%"}},
         f'.guardrail.margin: "{"9" * 78}… is not the size of a difference'),
    ],
)  # fmt: skip
def test_a_metric_has_what_its_type_needs_and_nothing_else(metric: Any, message: str) -> None:
    assert of_metric(**metric) == [message]


def test_keys_of_metrics_are_their_own() -> None:
    metrics = {role: [{"key": "a", "type": "mean"}] for role in ("primary", "secondary")}
    assert problems(metrics=metrics) == [
        'metrics.secondary[0].key: "a" is the key of another metric too'
    ]


@pytest.mark.parametrize("key", ["exposures", "events"])
def test_a_metric_is_not_called_as_a_source_is(key: str) -> None:
    metrics = {"primary": [{"key": key, "type": "mean"}]}
    data = {"metrics": {key: {"file": "own.csv"}}}
    assert problems(metrics=metrics, data=data) == [
        f'metrics.primary[0].key: "{key}" is the name of a source'
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"metrics": {"b": {"file": "b.csv"}}}, 'data.metrics.b: there is no metric "b"'),
        ({"timezone": "Mars/Olympus"},
         'data.timezone: "Mars/Olympus" is not a time zone, such as Europe/Berlin'),
        ({"events": {"file": "a", "timezone": "../etc"}},
         'data.events.timezone: "../etc" is not a time zone, such as Europe/Berlin'),
        ({"events": {"file": "a", "files": {"b": "b"}}},
         "data.events.files: only a query names files"),
        ({"exposures": {"file": "a", "attach": {"b": "b"}}},
         "data.exposures.attach: only a query or a table is of an attached database"),
        ({"events": {"file": "data/**.csv"}},
         'data.events.file: in a path, "**" stands alone between slashes'),
        ({"events": {"sql": "SELECT 1", "files": {"a": ["data/**/a.csv", "b**"]}}},
         'data.events.files.a: in a path, "**" stands alone between slashes'),
        ({"events": {"sql": "SELECT 1", "attach": {"a": "é" * 128}}},
         "data.events.attach.a: no file has a name of more than 255 bytes"),
        ({"exposures": {"table": "a"}},
         'data.exposures.table: a table is of a database in "attach"'),
    ],
)  # fmt: skip
def test_sources_are_held_to_metrics_and_zones(data: Any, message: str) -> None:
    assert problems(data=data) == [message]


@pytest.mark.parametrize(
    ("state", "messages"),
    [
        ({"status": "running"}, ["status: a test that is running needs started_at"]),
        ({**RUNNING, "status": "stopped"}, ["status: a test that is stopped needs ended_at"]),
        ({**RUNNING, "conclusion": "won"},
         ["conclusion: only a test that is stopped has it, and this one is running"]),
        ({"shipped": "test"},
         ["shipped: only a test that is stopped has it, and this one is draft"]),
        ({**STOPPED, "shipped": "x"}, ['shipped: there is no variant "x"']),
        ({"started_at": "2026-01-01T00:00:00Z"}, ["started_at: a draft has not been launched"]),
        ({**RUNNING, "archived": True},
         ["archived: a test must be stopped to be archived, and this one is running"]),
        ({"exposure_frozen": True},
         ["exposure_frozen: the exposure of a draft has not begun"]),
        ({**RUNNING, "exposure_frozen": True},
         ["exposure_frozen: it is true where there is frozen_at, and nowhere else"]),
        ({**RUNNING, "frozen_at": "2026-01-01T00:00:00Z"},
         ["exposure_frozen: it is true where there is frozen_at, and nowhere else"]),
        ({**RUNNING, "exposure_frozen": True, "frozen_at": "2025-01-01T00:00:00Z"},
         ["frozen_at: it was frozen before it was launched"]),
        ({**RUNNING, "started_at": "0001-01-01T00:00:00+23:59"},
         ['started_at: "0001-01-01T00:00:00+23:59" is not a moment that there is']),
        ({**STOPPED, "ended_at": "2025-01-01T00:00:00Z"},
         ["ended_at: it ended before it was launched"]),
        ({**RUNNING, "started_at": "2026-13-01T00:00:00Z"},
         ['started_at: "2026-13-01T00:00:00Z" is not a moment that there is']),
    ],
)  # fmt: skip
def test_where_a_test_stands_agrees_with_itself(state: Any, messages: list[str]) -> None:
    assert problems(**state) == messages


def test_a_prompt_has_a_version_for_each_variant() -> None:
    prompt = {"name": "p", "versions": [1, 2, 3], "templates": ["cost"]}
    assert problems(prompt=prompt) == [
        "prompt.versions: there must be one version for each variant"
    ]
    hashes = ["a" * 40, "b" * 40]
    two = {**prompt, "versions": [1, 2]}
    assert problems(prompt={**two, "commits": hashes}) == []
    assert problems(prompt={**two, "commits": [*hashes, "c" * 40]}) == [
        "prompt.commits: there must be one commit for each version"
    ]


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York"])
def test_zones_that_there_are(name: str) -> None:
    assert zone_fault(name) is None


@pytest.mark.parametrize("key", ["con", "a..b", "a.lock"])
def test_a_flag_is_called_as_a_file_can_be(key: str) -> None:
    (problem,) = problems(flag=key)
    assert problem.startswith(f'flag: "{key}" cannot be the key of a flag: it ')


def test_an_effect_is_a_number_that_there_is() -> None:
    (problem,) = problems(minimum={"effect": "9" * 400 + "%"})
    assert problem.startswith('minimum.effect: "999')
    assert problem.endswith("is not the size of a difference")
