"""The kinds of documents, and the address of the schema of each."""

from __future__ import annotations

from typing import Literal, get_args

DocumentKind = Literal[
    "project",
    "experiment",
    "parameters",
    "ab-test",
    "environment",
    "lock",
    "sample",
    "dataset",
    "endpoint",
    "evaluator",
    "workflow",
    "entrypoint",
    "prompt",
    "flag",
    "group",
    "change",
    "renewal",
    "vote",
    "closing",
    "run",
    "result",
    "metric",
    "event",
    "analysis",
    "fingerprint",
]
"""What a document is; `sample`, `result`, `metric` and `event` are the lines of a file."""

KINDS: tuple[DocumentKind, ...] = get_args(DocumentKind)

FORMAT = 1
"""The newest format of documents that this version reads, and the one that it writes."""


def schema_url(kind: DocumentKind) -> str:
    """Return the address of a schema, which is its `$id`."""
    return f"https://gitexp.dev/schemas/{FORMAT}/{kind}.schema.json"
