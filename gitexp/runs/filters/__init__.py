"""The language in which runs are chosen and ordered: from a text to checked conditions.

    metrics.loss < 0.5 AND (params.model LIKE 'bert%' OR NOT tags.stage IN ('draft', 'test'))

A condition compares a field of a run with a value. Fields are `metrics.NAME` (the latest value),
`params.NAME` (logged params, else the resolved parameters), `tags.NAME`, `scores.EVALUATOR` (the
mean), `stats.NAME`, `datasets.name`, `datasets.digest` and `datasets.context` (any of the run's
inputs), and attributes such as `status` or `attributes.created_at`. A name with odd characters is
put in back-ticks or double quotes. Every filter that MLflow understands means the same here.

What a run does not have satisfies no comparison, `!=`, `NOT IN` and `NOT LIKE` among them; only
`IS NULL` does, and `NOT (...)` around a comparison, which is true whenever that is not.
"""

from __future__ import annotations

from gitexp.runs.filters.conditions import (
    And,
    Between,
    Comparison,
    Condition,
    Field,
    In,
    Like,
    Not,
    Null,
    Or,
    Order,
    Span,
    Value,
    fields_of,
)
from gitexp.runs.filters.grammar import parse_fields, parse_filter, parse_order

__all__ = [
    "And",
    "Between",
    "Comparison",
    "Condition",
    "Field",
    "In",
    "Like",
    "Not",
    "Null",
    "Or",
    "Order",
    "Span",
    "Value",
    "fields_of",
    "parse_fields",
    "parse_filter",
    "parse_order",
]
