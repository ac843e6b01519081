"""What listing and searching runs have in common: the options, the table, the export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitexp.cli.groups import UsageFault
from gitexp.cli.output import Output
from gitexp.cli.run_views import run_hint
from gitexp.cli.safety import csv_text
from gitexp.cli.tables import Column, Kind, Table

if TYPE_CHECKING:
    from gitexp.runs.filters import Field
    from gitexp.runs.filters.conditions import FieldKind
    from gitexp.runs.searching import RunPage
    from gitexp.tracker import Runs

_PAGE = 100
_MOST_METRICS = 3
_FIRST_METRIC = 2

order_option = click.option(
    "--order-by",
    multiple=True,
    metavar="'FIELD [ASC|DESC]'",
    help="Order by a field; may be repeated  [default: the newest first]",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Show at most N  [default: {_PAGE}; all with --output]",
)
token_option = click.option("--page-token", metavar="TOKEN", help="Go on behind an earlier page")
deleted_option = click.option("--deleted", is_flag=True, help="Show deleted runs instead")
all_option = click.option("--all", "everything", is_flag=True, help="Show deleted runs as well")
columns_option = click.option(
    "--columns",
    metavar="FIELD,...",
    help="Show these fields, such as run_id,status,metrics.loss",
)
export_option = click.option(
    "--output",
    "export_to",
    metavar="FILE",
    help="Write a table to a .parquet or .csv file instead",
)

_OPTIONS = (
    order_option,
    limit_option,
    token_option,
    deleted_option,
    all_option,
    columns_option,
    export_option,
)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which runs to list, and how.

    Attributes:
        experiments: names; none for all.
        columns: the fields to show, as given; empty for the usual ones.
        export_to: a file to write to instead.
    """

    filter: str = ""
    experiments: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    page_token: str | None = None
    deleted: bool = False
    everything: bool = False
    columns: str | None = None
    export_to: str | None = None

    def page(self, runs: Runs) -> RunPage:
        """Return the page of runs that is asked for."""
        if self.deleted and self.everything:
            raise UsageFault("--deleted and --all contradict each other", hint="Give one of them.")
        return runs.search(
            self.filter,
            order_by=self.order_by,
            limit=self.limit or (None if self.export_to else _PAGE),
            page_token=self.page_token,
            experiments=self.experiments,
            lifecycle="all" if self.everything else "deleted" if self.deleted else "active",
        )


def listing_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a listing, which are the fields of `Listing`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def show_runs(output: Output, listing: Listing) -> None:
    """Write a page of runs, or export all of them."""
    session = output.session
    target = _target(output, listing)
    chosen = _chosen(listing.columns) if listing.columns else None
    page = listing.page(session.repository.runs)
    for name in page.unknown:
        session.say(f"no run here has {name}" + _meant(page.meant.get(name)))
    if target is not None:
        _export(output, page, target)
        return
    for name in _empty(page, chosen or ()):
        session.say(f"none of these runs has {name}")
    for_programs = output.format == "csv"
    columns = chosen or _usual(page, listing, in_full=for_programs)
    table = _table(page, columns, _note(page, listing))
    output.listing(
        page.documents,
        table if for_programs or chosen else _with_intervals(table, page),
        ids=[document["id"] for document in page.documents],
    )
    if page.next_page_token:
        session.say(f"there are more; go on with --page-token {page.next_page_token}")


def _meant(field: str | None) -> str:
    return f"; did you mean {field}?" if field else ""


def _empty(page: RunPage, chosen: Sequence[_Shown]) -> list[str]:
    """Return the metrics, params, tags and scores among some columns that no run of a page has."""
    from gitexp.runs.filters.reading import value_in

    return [
        field.text
        for _, field in chosen
        if field.kind in _PARTS.values()
        and field.text not in page.unknown
        and page.documents
        and all(value_in(document, field) is None for document in page.documents)
    ]


def shown_run(output: Output, document: Mapping[str, Any]) -> Table:
    """Return the table of one run, as a list of runs shows it."""
    from gitexp.runs.searching import RunPage

    page = RunPage(documents=(dict(document),))
    return _table(page, _usual(page, Listing(), in_full=output.format == "csv"), "")


def _target(output: Output, listing: Listing) -> Path | None:
    """Return the file to write to, checked before anything is read; None for none."""
    if listing.export_to is None:
        return None
    from gitexp.results.exports import check_export

    path = output.session.directory / listing.export_to
    check_export(path)
    return path


def _export(output: Output, page: RunPage, target: Path) -> None:
    from gitexp.results.exports import export
    from gitexp.results.tables import results_frame

    export(results_frame(page.documents), target, cell=csv_text)
    count = len(page.documents)
    output.session.say(f"{count} {'run' if count == 1 else 'runs'} written to {target}")


def _note(page: RunPage, listing: Listing) -> str:
    if page.documents:
        return ""
    if listing.filter or listing.page_token or listing.deleted:
        return "no such runs"
    return f"no runs yet; {run_hint(*(listing.experiments or ('EXPERIMENT',)))}"


# --- the table ------------------------------------------------------------------------------

_Shown = tuple[Column, "Field"]

_PASS_RATE = "stats.pass_rate"
_USUAL: Mapping[str, Column] = {
    "run_id": Column(key="run_id", title="run", kind="id"),
    "experiment": Column(key="experiment", title="experiment", kind="code", spare=6),
    "name": Column(key="name", title="name", optional=True, spare=5),
    "status": Column(key="status", title="status"),
    "created_at": Column(key="created_at", title="created", kind="time", spare=7),
    "duration": Column(key="duration", title="took", kind="duration", spare=8),
    "version": Column(key="version", title="version", kind="hash", optional=True, spare=9),
    "dataset": Column(key="dataset", title="dataset", kind="code", optional=True, spare=4),
    "stats.total": Column(key="stats.total", title="total", kind="number", optional=True, spare=4),
    _PASS_RATE: Column(key=_PASS_RATE, title="pass rate", kind="percent", optional=True, spare=3),
}
_INTERVAL = Column(key="interval", title="95 % interval", kind="range", optional=True, spare=9)
_KINDS: Mapping[str, Kind] = {
    "run_id": "id",
    "experiment": "code",
    "version": "hash",
    "digest": "digest",
    "commit": "hash",
    "created_at": "time",
    "started_at": "time",
    "ended_at": "time",
    "duration": "duration",
    "dirty": "flag",
    "pass_rate": "percent",
    "scored_pass_rate": "percent",
}
_BESIDE: Mapping[str, Kind] = {"metric": "number", "score": "number"}
_PARTS: Mapping[str, FieldKind] = {
    "metrics": "metric",
    "params": "param",
    "tags": "tag",
    "scores": "score",
}


def _chosen(text: str) -> list[_Shown]:
    from gitexp.runs.filters import parse_fields

    return [_shown(field) for field in parse_fields(text)]


def _shown(field: Field, *, spare: int = 0) -> _Shown:
    is_measured = field.kind in ("attribute", "stat")
    kind = _KINDS.get(field.name, "value") if is_measured else _BESIDE.get(field.kind, "value")
    title = field.name if field.kind == "metric" else field.text
    return Column(key=field.text, title=title, kind=kind, spare=spare), field


def _usual(page: RunPage, listing: Listing, *, in_full: bool) -> list[_Shown]:
    """Return the usual columns, those that were asked about, and the commonest metrics.

    For programs they are all metrics, params, tags and scores of the page.
    """
    from gitexp.runs.filters.fields import field_of

    known = [(column, field_of(key, 1, "column")) for key, column in _USUAL.items()]
    if len(listing.experiments) == 1 and not in_full:
        known = [shown for shown in known if shown[0].key != "experiment"]
    if in_full:
        return [*known, *map(_shown, _side_fields(page))]
    named = [field for field in _named(listing) if field.kind in _PARTS.values()]
    common = [field for field in _common_metrics(page) if field not in named][:_MOST_METRICS]
    # The commonest metric says more than how many samples an evaluation had.
    spares = (_FIRST_METRIC, *range(10, 10 + _MOST_METRICS))
    more = [_shown(field, spare=spare) for field, spare in zip(common, spares, strict=False)]
    return [*known, *map(_shown, named), *more]


def _named(listing: Listing) -> list[Field]:
    """Return the fields that filter and order speak of, each once."""
    from gitexp.runs.filters import fields_of, parse_filter, parse_order

    condition = parse_filter(listing.filter)
    fields = list(fields_of(condition)) if condition is not None else []
    fields += [order.field for text in listing.order_by for order in parse_order(text)]
    return list(dict.fromkeys(fields))


def _side_fields(page: RunPage) -> list[Field]:
    from gitexp.runs.filters import Field

    return [
        Field(kind, name)
        for part, kind in _PARTS.items()
        for name in sorted({name for document in page.documents for name in document.get(part, ())})
    ]


def _common_metrics(page: RunPage) -> list[Field]:
    from gitexp.runs.filters import Field

    counts = Counter(name for document in page.documents for name in document.get("metrics", ()))
    return [Field("metric", name) for name, _ in sorted(counts.items(), key=_commonest_first)]


def _commonest_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _table(page: RunPage, shown: Sequence[_Shown], note: str) -> Table:
    from gitexp.runs.filters.reading import value_in

    rows = [
        {column.key: value_in(document, field) for column, field in shown}
        for document in page.documents
    ]
    return Table(columns=[column for column, _ in shown], rows=rows, note=note)


def _with_intervals(table: Table, page: RunPage) -> Table:
    """Return the table with how sure the pass rates are, for people."""
    columns = list(table.columns)
    keys = [column.key for column in columns]
    if _PASS_RATE not in keys:
        return table
    columns.insert(keys.index(_PASS_RATE) + 1, _INTERVAL)
    rows = [
        {**row, _INTERVAL.key: _interval(document)}
        for row, document in zip(table.rows, page.documents, strict=True)
    ]
    return replace(table, columns=columns, rows=rows)


def _interval(document: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the interval of a run's pass rate; None where several rows are of one sample.

    How far these agree is known from the rows alone, which a list does not read.
    """
    from gitexp.runs.tallies import Stats
    from gitexp.stats.intervals import wilson_interval

    stats = Stats.from_dict(document.get("stats") or {})
    samples = (document.get("dataset") or {}).get("samples") or 0
    repeats = (document.get("evaluation") or {}).get("repeats", 1)
    if repeats > 1 or stats.total > samples:
        return None
    found = wilson_interval(stats.passed, stats.total)
    return (found.low, found.high) if found else None
