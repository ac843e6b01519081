"""A run as people read it: its header, then all that it holds, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.cli.rendering import text_width
from gitexp.cli.tables import percent, read, value_text

Document = Mapping[str, Any]

_WIDEST = 32
"""A longer name stands out of the column of names, for which the others need not make room."""

_MLFLOW = "mlflow."


def run_page(document: Document) -> str:
    """Return everything of a run; a section that holds nothing is left out."""
    lines = _aligned({title: text for title, text in _header(document) if text})
    for title, values in _sections(document).items():
        if values:
            lines += ["", f"{title}:", *(f"    {line}" for line in _aligned(values))]
    tail = (document.get("exit") or {}).get("output_tail")
    if tail:
        lines += ["", "end of the output:", *(f"    {line}" for line in tail.splitlines())]
    return "\n".join(lines) + "\n"


def _aligned(values: Mapping[str, str]) -> list[str]:
    width = max((wide for wide in map(text_width, values) if wide <= _WIDEST), default=0)
    return [line for name, text in values.items() for line in _value_lines(name, text, width)]


def _value_lines(name: str, text: str, width: int) -> list[str]:
    if "\n" in text:
        return [f"{name}:", *(f"    {line}" for line in text.rstrip("\n").split("\n"))]
    return [f"{name}{' ' * (width - text_width(name))}  {text}".rstrip()]


def _header(document: Document) -> Iterator[tuple[str, str]]:
    yield "run", document["id"]
    yield "experiment", document["experiment"]["name"]
    yield "name", document.get("name", "")
    yield "status", _status(document)
    yield "created", f"{read(document['created_at'], 'time')} by {document['who']}"
    yield "took", read(document.get("duration_seconds"), "duration")
    yield "version", document["version"] or ""
    yield "digest", document["digest"] or ""
    yield "parent", document.get("parent") or ""
    yield "attempt", _attempt(document)
    yield "dataset", _dataset(document)
    yield "job", _job(document.get("job") or {})
    yield "workflow", (document.get("workflow") or {}).get("name", "")
    yield "endpoint", (document.get("endpoint") or {}).get("name", "")
    yield "evaluators", ", ".join(e["name"] for e in document.get("evaluators", ()))
    yield "results", _results(document)
    yield "code", _code(document["code"])
    yield "command", " ".join(document.get("argv", ()))
    yield "python", document.get("python", "")
    yield "platform", document.get("platform", "")
    yield "gitexp", document.get("gitexp", "")
    yield "packages", document.get("packages") or ""
    yield "description", document.get("description", "")


def _status(document: Document) -> str:
    ending = document.get("exit") or {}
    parts = [document["status"]]
    if ending.get("signal"):
        parts.append(f"by {ending['signal']}")
    elif ending.get("code"):
        parts.append(f"with exit code {ending['code']}")
    error = document.get("error")
    if error and ending:  # of a program, whose error is how it ended
        parts = [f"{document['status']}: {error['message']}"]
    elif error:
        parts[-1] += f": {error['type']}: {error['message']}"
    text = " ".join(parts)
    return f"{text} (deleted)" if document.get("lifecycle") == "deleted" else text


def _attempt(document: Document) -> str:
    if document.get("retry_of") is None:
        return ""
    return f"{document.get('attempt', 1)}, of {document['retry_of']}"


def _dataset(document: Document) -> str:
    dataset = document.get("dataset")
    if not dataset:
        return ""
    return f"{dataset['name']} ({dataset['samples']} samples, {dataset['digest']})"


def _job(job: Mapping[str, Any]) -> str:
    return f"through {job['entrypoint']['name']} in queue {job['queue']}" if job else ""


def _results(document: Document) -> str:
    stats = document.get("stats") or {}
    total = stats.get("total", 0)
    if not total and not stats.get("unscored"):
        return ""
    if not total:
        return f"{stats['unscored']} unscored"
    counts = [f"{stats.get(n, 0)} {n}" for n in ("passed", "failed")]
    counts.append("1 error" if stats.get("errors") == 1 else f"{stats.get('errors', 0)} errors")
    rates = f"pass rate {percent(stats['passed'] / total)}{_rates(document.get('rates') or {})}"
    unscored = f", {stats['unscored']} unscored" if stats.get("unscored") else ""
    return f"{', '.join(counts)} of {total}, {rates}{unscored}"


def _rates(rates: Mapping[str, Any]) -> str:
    """Return how sure the pass rate is, and the rate without errors where that is another."""
    passed, scored = rates.get("pass_rate", {}), rates.get("scored_pass_rate", {})
    interval = read(passed.get("interval"), "range")
    text = f" (95 %: {interval})" if interval else ""
    if scored.get("mean") != passed.get("mean") and scored:
        text += f", {percent(scored['mean'])} of those that were scored"
    return text


def _code(code: Mapping[str, Any]) -> str:
    if not code.get("commit"):
        return ""
    parts = [code["commit"]]
    if code.get("branch"):
        parts.append(f"on {code['branch']}")
    if code.get("dirty"):
        parts.append("with changes that are not committed")
    return " ".join(parts)


def _sections(document: Document) -> dict[str, dict[str, str]]:
    overrides = document["overrides"]
    return {
        "metrics": {n: _point(p) for n, p in sorted(document.get("metrics", {}).items())},
        "tries": _tries(document.get("rates") or {}),
        "scores": {n: _score(s) for n, s in document.get("scores", {}).items()},
        "calls": _usage(document.get("usage") or {}),
        "params": {n: value_text(v) for n, v in document.get("params", {}).items()},
        "parameters": {
            name: value_text(value) + (" (for this run)" if name in overrides else "")
            for name, value in document["parameters"].items()
        },
        "tags": _tags(document.get("tags", {})),
        "inputs": {i["name"]: i["digest"] for i in document.get("inputs", ())},
        "artifacts": {
            a["path"]: f"{a['size']} bytes, {a['stored']}" for a in document.get("artifacts", ())
        },
    }


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that people set; what MLflow keeps for itself is counted."""
    shown = {name: text for name, text in tags.items() if not name.startswith(_MLFLOW)}
    hidden = len(tags) - len(shown)
    if hidden:
        count = "1 tag" if hidden == 1 else f"{hidden} tags"
        shown[f"{_MLFLOW}*"] = f"{count} of MLflow; --format json shows them"
    return shown


def _point(point: Mapping[str, Any]) -> str:
    return f"{read(point['value'], 'value')} at step {point['step']}"


def _tries(rates: Mapping[str, Any]) -> dict[str, str]:
    """Return what one try and the most tries are worth, where samples were repeated."""
    found: dict[str, str] = {}
    for sign, name in (("@", "pass_at"), ("^", "pass_hat")):
        by_k = rates.get(name, {})
        shown = list(by_k)[1:_FEW_TRIES] + list(by_k)[_FEW_TRIES:][-1:]
        found |= {f"pass{sign}{k}": percent(by_k[k]) for k in shown}
    return found


_FEW_TRIES = 5


def _score(numbers: Mapping[str, Any]) -> str:
    mean, interval = numbers.get("mean"), numbers.get("interval")
    said = [f"{n} {numbers[n]}" for n in ("passed", "failed", "errors") if n in numbers]
    if numbers.get("unscored"):
        said.append(f"unscored {numbers['unscored']}")
    if mean is not None:
        between = f" (95 %: {interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
        said.insert(0, f"mean {mean:.6g}{between}")
    labels = numbers.get("labels") or {}
    said += [f"{label} {count}" for label, count in list(labels.items())[:_MOST_LABELS]]
    if len(labels) > _MOST_LABELS:
        said.append(f"{len(labels) - _MOST_LABELS} more labels")
    return ", ".join(said)


_MOST_LABELS = 8


def _usage(usage: Mapping[str, Any]) -> dict[str, str]:
    """Return how long calls took, and what they used up."""
    latency = usage.get("latency_seconds") or {}
    found = {"latency": ", ".join(f"{n} {read(s, 'latency')}" for n, s in latency.items())}
    for name in ("input_tokens", "output_tokens", "cost", "retries", "cached"):
        if name in usage:
            found[name.replace("_", " ")] = read(usage[name], "number")
    return {name: text for name, text in found.items() if text}
