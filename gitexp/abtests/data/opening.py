"""Opening sources: files of the project, addresses, queries, databases, runs and DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitexp.abtests.data.engine import Engine
from gitexp.abtests.data.quoting import fits, identifier, literals
from gitexp.abtests.data.relations import Relation
from gitexp.abtests.definition import AbTest
from gitexp.abtests.sources import Format, Source
from gitexp.documents.canonical import digest_of
from gitexp.errors import InvalidInput, NotAllowed, NotFound
from gitexp.project.workspace import Workspace

_SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a caller lets a test read, and what it brings along itself.

    Attributes:
        remote: whether addresses and databases on other machines may be read.
        tables: DataFrames in place of sources, by `exposures`, `events` or the key of a metric.
    """

    remote: bool = False
    tables: Mapping[str, Any] = field(default_factory=dict)


class Sources:
    """The sources of a test, opened one after the other and each once.

    Everything that may be read is named before anything is read: afterwards the engine opens no
    other file.
    """

    def __init__(self, workspace: Workspace, test: AbTest, access: Access) -> None:
        self._workspace = workspace
        self._test = test
        self._access = access
        self._files: dict[str, list[Path]] = {}
        self._faults: dict[str, Exception] = {}
        self._open: dict[str, Relation] = {}
        given = {*test.data.metrics, *access.tables} - {"exposures", "events"}
        self._names = ["exposures", "events", *sorted(given)]

    def confine(self, engine: Engine, names: Iterable[str]) -> None:
        """Name to an engine what the sources read, and let it read nothing else.

        What cannot be found is said when the source is opened.
        """
        for name in names:
            source = self.source_of(name)
            if source is None or name in self._access.tables:
                continue
            try:
                for place, key in _places(source):
                    self._files[key] = list(self._paths(source, place))
                self._attach(engine, source)
            except (InvalidInput, NotAllowed, NotFound) as exc:
                self._faults[name] = exc
        engine.confine(path for paths in self._files.values() for path in paths)

    def source_of(self, name: str) -> Source | None:
        """Return the source of a name; that of the events for a metric without one."""
        data = self._test.data
        if name in self._access.tables:
            return data.exposures if name == "exposures" else data.of_metric(name)
        return {"exposures": data.exposures, "events": data.events}.get(name) or data.metrics.get(
            name
        )

    def name_for(self, metric: str) -> str:
        """Return the name of the source of a metric."""
        own = metric in self._access.tables or metric in self._test.data.metrics
        return metric if own else "events"

    def open(self, engine: Engine, name: str) -> Relation:
        """Return the rows of a source.

        Raises:
            NotFound: the test has no such source, or a file is not there.
            InvalidInput: it cannot be read.
            NotAllowed: it is elsewhere, and the caller does not let that be read.
        """
        if name in self._faults:
            raise self._faults[name]
        if name not in self._open:
            self._open[name] = self._opened(engine, name)
        return self._open[name]

    def _opened(self, engine: Engine, name: str) -> Relation:
        source = self.source_of(name)
        if source is None and name not in self._access.tables:
            raise NotFound(
                f"A/B test {self._test.experiment!r} has no data for {name!r}",
                hint="Say where the rows are below `data` in ab-test.yaml.",
            )
        source = source or Source(kind="table")
        view = f"gx_source_{self._names.index(name)}"
        self._view(engine, name, source, view)
        kinds = {column: kind for column, kind, *_ in engine.rows(f"DESCRIBE {view}")}
        title = f"the data of {name!r}"
        if source.where:
            inner = f"{view}_rows"
            chosen = " AND ".join(fits(source.where, kinds, title=title))
            engine.run(f"CREATE TEMP VIEW {inner} AS SELECT * FROM {view} WHERE {chosen}")
            view = inner
        return Relation(
            name=view,
            title=title,
            source=source,
            types=kinds,
            zone=source.timezone or self._test.data.timezone,
            identity=self._identity(name, source),
        )

    def _view(self, engine: Engine, name: str, source: Source, view: str) -> None:
        if name in self._access.tables:
            engine.register(view, self._access.tables[name])
            return
        if source.kind == "runs":
            from gitexp.abtests.data.runs import runs_table

            engine.register(view, runs_table(self._workspace, self._test.experiment, source))
            return
        for alias in (*source.files, *source.attach):
            if alias.lower().startswith("gx_"):
                raise InvalidInput(f"{alias!r} cannot name data: names with gx_ are taken")
        for alias in source.files:
            reading = _reading(self._files[f"{id(source)}:{alias}"], None)
            engine.run(f"CREATE OR REPLACE TEMP VIEW {identifier(alias)} AS {reading}")
        # What has to be parsed is read once, and not once a day.
        made = "TABLE" if self._is_text(source) else "VIEW"
        engine.run(f"CREATE TEMP {made} {view} AS {self._query(engine, source)}")

    def _is_text(self, source: Source) -> bool:
        paths = self._files.get(f"{id(source)}:", [])
        return any((source.format or _format(path)) != "parquet" for path in paths)

    def _query(self, engine: Engine, source: Source) -> str:
        if source.kind == "table":
            return f"SELECT * FROM {'.'.join(map(identifier, source.text.split('.')))}"
        if source.kind == "sql":
            # As a view, whatever the query is, it can only read.
            if engine.statements(source.text) != ["SELECT"]:
                raise InvalidInput("the SQL of a source is one query, and nothing else")
            return source.text.rstrip().rstrip(";")
        return _reading(self._files[f"{id(source)}:"], source.format)

    def _attach(self, engine: Engine, source: Source) -> None:
        for alias, place in source.attach.items():
            if _is_address(place):
                self._require_remote(place)
                engine.attach(alias, place)
            else:
                engine.attach(alias, str(self._file(place)))

    def _paths(self, source: Source, places: Iterable[str]) -> Iterator[Path]:
        for place in places:
            if source.kind == "url":
                yield self._fetched(place)
            elif any(sign in place for sign in "*?["):
                yield from self._matching(place)
            else:
                yield self._file(place)

    def _fetched(self, url: str) -> Path:
        from gitexp.evaluation.datasets.fetching import fetch

        self._require_remote(url)
        return fetch(self._workspace, url)

    def _require_remote(self, place: str) -> None:
        if not self._access.remote:
            raise NotAllowed(
                f"{place} is not in the project, and reading it was not allowed",
                hint="Allow it with `--allow-remote`, once you know what it is.",
            )

    def _file(self, place: str) -> Path:
        found = self._inside(self._directory / place, place)
        if not found.is_file():
            raise NotFound(
                f"{place} does not exist",
                hint=f"Paths of data begin at the project's directory, {self._directory}.",
            )
        return found

    def _matching(self, pattern: str) -> list[Path]:
        if pattern.startswith(("/", "\\")) or ".." in Path(pattern).parts:
            raise InvalidInput(f"{pattern!r} leads out of the project")
        found = sorted(p for p in self._directory.glob(pattern) if p.is_file())
        if not found:
            raise NotFound(f"no file is like {pattern}", hint="Check the pattern and the place.")
        return [self._inside(path, pattern) for path in found]

    def _inside(self, path: Path, place: str) -> Path:
        whole = path.resolve()
        if not whole.is_relative_to(self._directory.resolve()):
            raise InvalidInput(
                f"{place!r} leads out of the project",
                hint="Put the file, not a link to it, below the project's directory.",
            )
        return whole

    @property
    def _directory(self) -> Path:
        directory = self._workspace.directory
        if directory is None:
            raise InvalidInput(
                "the project has no working tree here, so its files of data cannot be read",
                hint="Work in a clone, or give the rows as DataFrames.",
            )
        return directory

    def _identity(self, name: str, source: Source) -> Mapping[str, Any]:
        if name in self._access.tables:
            return {"table": name}
        files = [
            [path.name, path.stat().st_size]
            for _, key in _places(source)
            for path in self._files[key]
        ]
        return {"source": str(digest_of(described(source))), "files": files}


def described(source: Source) -> dict[str, Any]:
    """Return all that decides which rows a source has, as JSON data."""
    return {
        "kind": source.kind,
        "places": list(source.places),
        "text": source.text,
        "experiments": sorted(source.experiments),
        "filter": source.filter,
        "format": source.format,
        "files": {name: list(places) for name, places in source.files.items()},
        "attach": dict(source.attach),
        "columns": {thing: name for thing, name in source.columns.items() if thing != name},
        "where": {column: list(cells) for column, cells in source.where.items()},
        "timezone": source.timezone,
    }


def _places(source: Source) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the files of a source, each with the key under which its paths are kept."""
    if source.kind in ("file", "url"):
        yield source.places, f"{id(source)}:"
    for alias, places in source.files.items():
        yield places, f"{id(source)}:{alias}"


def _reading(paths: list[Path], form: Format | None) -> str:
    forms = {form or _format(path) for path in paths}
    if len(forms) > 1:
        raise InvalidInput(f"one source has files of several formats: {', '.join(sorted(forms))}")
    listed = literals(map(str, paths))
    if forms == {"parquet"}:
        return f"SELECT * FROM read_parquet({listed}, union_by_name = true)"
    if forms == {"jsonl"}:
        return (
            f"SELECT * FROM read_json({listed}, format = 'newline_delimited', "
            "union_by_name = true, sample_size = -1)"
        )
    # As text: what a cell looks like must not decide whether the unit 007 is 7.
    return (
        f"SELECT * FROM read_csv({listed}, header = true, all_varchar = true, union_by_name = true)"
    )


def _format(path: Path) -> Format:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    found = _SUFFIXES.get(suffixes[-1] if suffixes else "")
    if found is None:
        raise InvalidInput(
            f"the name of {path.name} does not say what its rows are",
            hint="Let it end with .csv, .parquet or .jsonl, or give the source a `format`.",
        )
    return found


def _is_address(place: str) -> bool:
    return ":" in place and not Path(place).suffix.startswith(".duckdb")
