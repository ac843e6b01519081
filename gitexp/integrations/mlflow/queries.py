"""MLflow's filters and orders of runs, said in gitexp's own language.

MLflow reads them first, so what it refuses is refused in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlflow.entities import ViewType
from mlflow.store.tracking import SEARCH_MAX_RESULTS_THRESHOLD
from mlflow.utils.search_utils import SearchUtils

from gitexp.integrations.mlflow import tags
from gitexp.integrations.mlflow.refusals import invalid
from gitexp.runs.searching import LifecycleChoice

_PREFIXES: Mapping[str, str] = {
    "metric": "metrics",
    "parameter": "params",
    "tag": "tags",
    "dataset": "datasets",
}
_ATTRIBUTES: Mapping[str, str] = {
    "run_id": "run_id",
    "run_name": "name",
    "status": "status",
    "start_time": "started_at",
    "end_time": "ended_at",
}
_VIEWS: Mapping[int, LifecycleChoice] = {
    ViewType.ACTIVE_ONLY: "active",
    ViewType.DELETED_ONLY: "deleted",
    ViewType.ALL: "all",
}
_NEWEST_FIRST = ("attributes.started_at DESC", "attributes.run_id ASC")
_USER = f"tags.`{tags.USER}`"
_LOCATION = "artifact_uri"


def lifecycle_of(view: int) -> LifecycleChoice:
    """Return which runs one of MLflow's views shows."""
    return _VIEWS[view]


def check_page_size(size: int | None, *, optional: bool = False) -> None:
    """Raise an error when a page cannot have so many entries.

    Raises:
        MlflowException: it cannot.
    """
    if size is None and optional:
        return
    supplied = f"Invalid value {size} for parameter 'max_results' supplied. It must be"
    if size is None or size < 1:
        raise invalid(f"{supplied} a positive integer")
    if size > SEARCH_MAX_RESULTS_THRESHOLD:
        raise invalid(f"{supplied} at most {SEARCH_MAX_RESULTS_THRESHOLD}")


class Filter(NamedTuple):
    """One of MLflow's filters.

    Attributes:
        text: in gitexp's language.
        located: comparisons of `artifact_uri`, which no record holds: comparator and value.
    """

    text: str
    located: tuple[tuple[str, str], ...] = ()

    def takes(self, artifact_uri: str) -> bool:
        """Return whether a run with such an address fits, as far as the address goes."""
        return all(
            SearchUtils.get_comparison_func(comparator)(artifact_uri, value)
            for comparator, value in self.located
        )


def filter_of(text: str | None) -> Filter:
    """Return one of MLflow's filters in gitexp's language.

    Raises:
        MlflowException: MLflow does not understand it.
    """
    conditions, located = [f"tags.`{tags.HOLDER}` IS NULL"], []
    for said in SearchUtils.parse_search_filter(text):
        kind, key = said["type"], SearchUtils.translate_key_alias(said["key"])
        comparator = said["comparator"].upper()
        _check_comparator(kind, key, comparator)
        if kind == "attribute" and key == _LOCATION:
            located.append((comparator, said["value"]))
        else:
            conditions.append(_comparison(kind, key, comparator, said["value"]))
    return Filter(" AND ".join(conditions), tuple(located))


def _comparison(kind: str, key: str, comparator: str, value: Any) -> str:
    if kind == "attribute" and key == "user_id":
        given = f"who {_behind(comparator, value)}"
        return f"({_USER} {_behind(comparator, value)} OR ({_USER} IS NULL AND {given}))"
    number = kind == "metric" or key in SearchUtils.NUMERIC_ATTRIBUTES
    return f"{_field(kind, key)} {_behind(comparator, value, number=number)}"


def _check_comparator(kind: str, key: str, comparator: str) -> None:
    known = (
        SearchUtils.is_metric(kind, comparator)
        or SearchUtils.is_param(kind, comparator)
        or SearchUtils.is_tag(kind, comparator)
        or SearchUtils.is_attribute(kind, key, comparator)
        or SearchUtils.is_dataset(kind, comparator)
    )
    if not known:
        raise invalid(f"Invalid search expression type '{kind}'")


def _field(kind: str, key: str) -> str:
    if kind == "attribute":
        return f"attributes.{_ATTRIBUTES[key]}"
    return f"{_PREFIXES[kind]}.`{key}`"


def _behind(comparator: str, value: Any, *, number: bool = False) -> str:
    """Return what stands behind a field."""
    if value is None:
        return comparator
    if isinstance(value, (list, tuple, set)):
        return f"{comparator} ({', '.join(_quoted(one) for one in value)})"
    return f"{comparator} {str(value) if number else _quoted(value)}"


def _quoted(value: Any) -> str:
    doubled = str(value).replace("'", "''")
    return f"'{doubled}'"


def orders_of(order_by: Sequence[str] | None) -> tuple[str, ...]:
    """Return MLflow's order of runs in gitexp's language, the newest first behind all of it.

    Raises:
        MlflowException: MLflow does not understand it.
    """
    named = [_order(text) for text in order_by or ()]
    return (*(order for order in named if order), *_NEWEST_FIRST)


def _order(text: str) -> str:
    kind, key, ascending = SearchUtils.parse_order_by_for_search_runs(text)
    key = SearchUtils.translate_key_alias(key)
    direction = "ASC" if ascending else "DESC"
    if kind == "dataset":
        raise invalid(f"Invalid order_by entity type '{kind}'")
    if kind == "attribute" and key == "user_id":
        return f"{_USER} {direction}"
    if kind == "attribute" and key == _LOCATION:
        return f"attributes.run_id {direction}"
    return f"{_field(kind, key)} {direction}"
