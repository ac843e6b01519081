"""What is wrong with the document of an A/B test whose schema is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.abtests.amounts import Size, duration
from gitexp.abtests.definition import CONTROL
from gitexp.abtests.sources import listed
from gitexp.clock import parse_iso
from gitexp.documents.parsed import ParsedDocument
from gitexp.documents.problems import Problem, shown
from gitexp.documents.values import Path as Place
from gitexp.errors import InvalidInput
from gitexp.ids import name_fault

Fault = tuple[Place, str]

_ROUNDING = 1e-9
"""How far from 100 the sum of splits may be: what adding decimal fractions leaves."""

_OF_TYPE = {
    "denominator": "ratio",
    "start": "retention",
    "retention": "retention",
    "level": "quantile",
    "threshold": "proportion",
}
_NEEDED = {"ratio": "denominator", "retention": "retention", "quantile": "level"}
_MOMENTS = ("started_at", "ended_at", "frozen_at")
_ANY_MOMENT = "2000-01-01T00:00:00Z"
_SOME_TIME = "1d"
_LONGEST_PART = 255
_SOURCES = ("exposures", "events")
_WITHOUT_COVARIATE = ("retention", "quantile")


def problems_of(document: ParsedDocument, file: str) -> list[Problem]:
    """Return what is wrong with a document whose schema is right, each with its place."""
    return [document.problem(file, place, message) for place, message in faults(document.value)]


def faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a document whose schema is right."""
    if fault := name_fault(data["flag"]):
        yield ("flag",), f"{shown(data['flag'])} cannot be the key of a flag: {fault}"
    yield from _variant_faults(data)
    yield from _metric_faults(data)
    yield from _size_faults(("minimum", "effect"), data.get("minimum", {}).get("effect", 0))
    yield from _source_faults(data)
    wrong = list(_moment_faults(data))
    yield from wrong or _state_faults(data)
    yield from _prompt_faults(data)


def _variant_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    variants = data["variants"]
    if variants[0]["key"] != CONTROL:
        message = f"the first variant must be {shown(CONTROL)}, and is {shown(variants[0]['key'])}"
        yield ("variants", 0, "key"), message
    yield from _doubled([v["key"] for v in variants], ("variants",), "variant")
    stated = [variant["split"] for variant in variants if "split" in variant]
    if stated and len(stated) < len(variants):
        yield ("variants",), "either every variant has a split, or none"
    elif stated and abs(sum(stated) - 100) > _ROUNDING:
        yield ("variants",), f"the splits must add up to 100, and add up to {sum(stated):.12g}"


def _doubled(keys: list[str], place: Place, what: str) -> Iterator[Fault]:
    for position, key in enumerate(keys):
        if key in keys[:position]:
            yield (*place, position, "key"), f"{shown(key)} is the key of another {what} too"


def _metric_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    seen: set[str] = set()
    for role, metrics in data.get("metrics", {}).items():
        for position, metric in enumerate(metrics):
            place: Place = ("metrics", role, position)
            if metric["key"] in seen:
                yield (*place, "key"), f"{shown(metric['key'])} is the key of another metric too"
            elif metric["key"] in _SOURCES:
                yield (*place, "key"), f"{shown(metric['key'])} is the name of a source"
            seen.add(metric["key"])
            yield from (((*place, *inner), message) for inner, message in _faults_of(metric))


def _faults_of(metric: Mapping[str, Any]) -> Iterator[Fault]:
    kind = metric["type"]
    for key, of in _OF_TYPE.items():
        if key in metric and kind != of:
            yield (key,), f"only a metric of type {of} has it, and this is a {kind}"
    if (needed := _NEEDED.get(kind)) and needed not in metric:
        yield (), f"a metric of type {kind} needs {shown(needed)}"
    if kind in _WITHOUT_COVARIATE and "covariate" in metric:
        yield ("covariate",), f"a metric of type {kind} cannot be adjusted by a covariate"
    if kind in ("proportion", "retention") and "outliers" in metric:
        yield ("outliers",), f"a {kind} has no outliers"
    yield from _bound_faults(metric.get("outliers", {}))
    margin = metric.get("guardrail", {}).get("margin", 0)
    yield from _size_faults(("guardrail", "margin"), margin)
    lookback = metric.get("covariate", {}).get("lookback", _SOME_TIME)
    yield from _duration_faults(("window",), metric.get("window", _SOME_TIME))
    yield from _duration_faults(("covariate", "lookback"), lookback)
    yield from _period_faults(metric.get("retention"))


def _bound_faults(outliers: Mapping[str, Any]) -> Iterator[Fault]:
    for end in ("lower", "upper"):
        if {end, f"{end}_percentile"} <= outliers.keys():
            yield ("outliers", end), f"give either {end} or {end}_percentile"
    for kind in ("", "_percentile"):
        low, high = outliers.get(f"lower{kind}"), outliers.get(f"upper{kind}")
        if low is not None and high is not None and low >= high:
            yield ("outliers", f"lower{kind}"), f"{shown(low)} is not below {shown(high)}"


def _size_faults(place: Place, size: str | float) -> Iterator[Fault]:
    try:
        Size.of(size)
    except InvalidInput as exc:
        yield place, exc.message


def _duration_faults(place: Place, text: str) -> Iterator[Fault]:
    try:
        length = duration(text)
    except InvalidInput as exc:
        yield place, exc.message
    else:
        if not length:
            yield place, "it must be longer than nothing"


def _period_faults(retention: Mapping[str, Any] | None) -> Iterator[Fault]:
    if not retention:
        return
    begin, end = retention.get("from", "0d"), retention["to"]
    try:
        is_empty = duration(begin) >= duration(end)
    except InvalidInput as exc:
        yield ("retention",), exc.message
    else:
        if is_empty:
            yield ("retention", "to"), f"{shown(end)} is not after {shown(begin)}"


def _source_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    sources = data.get("data", {})
    metrics = data.get("metrics", {})
    known = {metric["key"] for role in metrics.values() for metric in role}
    for key in sources.get("metrics", {}):
        if key not in known:
            yield ("data", "metrics", key), f"there is no metric {shown(key)}"
    if fault := zone_fault(sources.get("timezone", "UTC")):
        yield ("data", "timezone"), fault
    for place, source in _sources(sources):
        if "timezone" in source and (fault := zone_fault(source["timezone"])):
            yield (*place, "timezone"), fault
        if "files" in source and "sql" not in source:
            yield (*place, "files"), "only a query names files"
        if "attach" in source and not {"sql", "table"} & source.keys():
            yield (*place, "attach"), "only a query or a table is of an attached database"
        if "table" in source and "attach" not in source:
            yield (*place, "table"), 'a table is of a database in "attach"'
        yield from (((*place, *inner), fault) for inner, fault in _path_faults(source))


def _path_faults(source: Mapping[str, Any]) -> Iterator[Fault]:
    named: dict[Place, Any] = {("file",): source.get("file", ())}
    for key in ("files", "attach"):
        named |= {(key, name): paths for name, paths in source.get(key, {}).items()}
    for place, paths in named.items():
        parts = [p for path in listed(paths) if "://" not in path for p in path.split("/")]
        if any("**" in part and part != "**" for part in parts):
            yield place, 'in a path, "**" stands alone between slashes'
        if any(len(part.encode()) > _LONGEST_PART for part in parts):
            yield place, f"no file has a name of more than {_LONGEST_PART} bytes"


def _sources(data: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for key in ("exposures", "events"):
        if key in data:
            yield ("data", key), data[key]
    for key, source in data.get("metrics", {}).items():
        yield ("data", "metrics", key), source


def zone_fault(name: str) -> str | None:
    """Return why a text names no time zone; None where it does."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{shown(name)} is not a time zone, such as Europe/Berlin"
    return None


def _moment_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    for key in _MOMENTS:
        try:
            parse_iso(data.get(key, _ANY_MOMENT))
        except ValueError:
            yield (key,), f"{shown(data[key])} is not a moment that there is"


def _state_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    status = data.get("status", "draft")
    is_over = status == "stopped"
    if status != "draft" and "started_at" not in data:
        yield ("status",), f"a test that is {status} needs started_at"
    if is_over and "ended_at" not in data:
        yield ("status",), "a test that is stopped needs ended_at"
    for key in ("ended_at", "conclusion", "shipped"):
        if key in data and not is_over:
            yield (key,), f"only a test that is stopped has it, and this one is {status}"
    if status == "draft":
        for key in ("started_at", "frozen_at"):
            if key in data:
                yield (key,), "a draft has not been launched"
    if data.get("archived") and not is_over:
        yield ("archived",), f"a test must be stopped to be archived, and this one is {status}"
    if data.get("exposure_frozen") and status == "draft":
        yield ("exposure_frozen",), "the exposure of a draft has not begun"
    elif data.get("exposure_frozen", False) != ("frozen_at" in data):
        yield ("exposure_frozen",), "it is true where there is frozen_at, and nowhere else"
    if _is_before_launch(data, "frozen_at"):
        yield ("frozen_at",), "it was frozen before it was launched"
    if _is_before_launch(data, "ended_at"):
        yield ("ended_at",), "it ended before it was launched"
    if "shipped" in data and data["shipped"] not in [v["key"] for v in data["variants"]]:
        yield ("shipped",), f"there is no variant {shown(data['shipped'])}"


def _is_before_launch(data: Mapping[str, Any], key: str) -> bool:
    if not {"started_at", key} <= data.keys():
        return False
    return parse_iso(data[key]) < parse_iso(data["started_at"])


def _prompt_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    prompt = data.get("prompt")
    if prompt and len(prompt["versions"]) != len(data["variants"]):
        yield ("prompt", "versions"), "there must be one version for each variant"
    if prompt and "commits" in prompt and len(prompt["commits"]) != len(prompt["versions"]):
        yield ("prompt", "commits"), "there must be one commit for each version"
