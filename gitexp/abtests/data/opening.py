"""Opening sources: files of the project, addresses, queries, databases, runs and DataFrames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from gitexp.abtests.data.engine import Engine
from gitexp.abtests.data.files import DataFile, rows_in
from gitexp.abtests.data.quoting import fits, identifier
from gitexp.abtests.data.relations import Relation
from gitexp.abtests.definition import AbTest
from gitexp.abtests.sources import Source
from gitexp.documents.canonical import digest_of
from gitexp.errors import GitexpError, InvalidInput, NotAllowed, NotFound
from gitexp.project.workspace import Workspace

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


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
        self._files: dict[str, list[DataFile]] = {}
        self._attached: dict[str, str] = {}
        self._faults: dict[str, GitexpError] = {}
        self._open: dict[str, Relation] = {}
        self._names = ["exposures", "events", *(metric.key for metric in test.metrics)]
        for name in access.tables:
            if name not in self._names:
                raise InvalidInput(
                    f"there are rows for {name!r}, which the A/B test does not have",
                    hint=f"Give them for one of: {', '.join(self._names)}.",
                )

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
            except GitexpError as exc:
                self._faults[name] = exc
        engine.confine(file.path for files in self._files.values() for file in files)

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
            RemoteError: it is elsewhere, and cannot be fetched.
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
        engine.run(f"CREATE TEMP VIEW {view} AS {self._query(engine, source, view)}")

    def _query(self, engine: Engine, source: Source, view: str) -> str:
        if source.kind == "table":
            return f"SELECT * FROM {'.'.join(map(identifier, source.text.split('.')))}"
        if source.kind != "sql":
            files = self._files[f"{id(source)}:"]
            return rows_in(engine, files, source.format, parsed=f"{view}_parsed")
        # As a view, whatever the query is, it can only read.
        if engine.statements(source.text) != ["SELECT"]:
            raise InvalidInput("the SQL of a source is one query, and nothing else")
        query = f"SELECT * FROM (\n{source.text.rstrip().rstrip(';')}\n)"
        named = [
            f"{identifier(alias)} AS NOT MATERIALIZED ({rows})"
            for alias, rows in self._named(engine, source, view)
        ]
        # A name of a file is one of this query alone: another source may mean another file by it.
        return f"WITH {', '.join(named)} {query}" if named else query

    def _named(self, engine: Engine, source: Source, view: str) -> Iterator[tuple[str, str]]:
        for place, alias in enumerate(source.files):
            files = self._files[f"{id(source)}:{alias}"]
            yield alias, rows_in(engine, files, source.format, parsed=f"{view}_parsed_{place}")

    def _attach(self, engine: Engine, source: Source) -> None:
        for alias, place in source.attach.items():
            database, known = self._database(place), self._attached.get(alias.lower())
            if known is None:
                engine.attach(alias, database)
                self._attached[alias.lower()] = database
            elif known != database:
                raise InvalidInput(
                    f"{alias!r} is the name of two databases",
                    hint="Give each database a name of its own below `attach` in ab-test.yaml.",
                )

    def _database(self, place: str) -> str:
        from gitexp.evaluation.datasets.fetching import SCHEMES

        if not _ADDRESS.match(place):
            return str(self._file(place).path)
        if place.partition("://")[0] in SCHEMES:
            return str(self._fetched(place).path)
        self._require_remote(place)
        return place

    def _paths(self, source: Source, places: Iterable[str]) -> Iterator[DataFile]:
        for place in places:
            if source.kind == "url":
                yield self._fetched(place)
            elif any(sign in place for sign in "*?["):
                yield from self._matching(place)
            else:
                yield self._file(place)

    def _fetched(self, url: str) -> DataFile:
        from gitexp.evaluation.datasets.fetching import fetch

        self._require_remote(url)
        return DataFile(
            path=fetch(self._workspace, url), name=PurePosixPath(urlsplit(url).path).name
        )

    def _require_remote(self, place: str) -> None:
        if not self._access.remote:
            raise NotAllowed(
                f"{place} is not in the project, and reading it was not allowed",
                hint="Allow it with `--allow-remote`, once you know what it is.",
            )

    def _file(self, place: str) -> DataFile:
        found = self._inside(self._directory / place, place)
        if not found.path.is_file():
            raise NotFound(
                f"{place} does not exist",
                hint=f"Paths of data begin at the project's directory, {self._directory}.",
            )
        return found

    def _matching(self, pattern: str) -> list[DataFile]:
        if pattern.startswith(("/", "\\")) or ".." in Path(pattern).parts:
            raise InvalidInput(f"{pattern!r} leads out of the project")
        found = sorted(p for p in self._directory.glob(pattern) if p.is_file())
        if not found:
            raise NotFound(f"no file is like {pattern}", hint="Check the pattern and the place.")
        return [self._inside(path, pattern) for path in found]

    def _inside(self, path: Path, place: str) -> DataFile:
        whole, top = path.resolve(), self._directory.resolve()
        if not whole.is_relative_to(top):
            raise InvalidInput(
                f"{place!r} leads out of the project",
                hint="Put the file, not a link to it, below the project's directory.",
            )
        if ".git" in (part.lower() for part in whole.relative_to(top).parts):
            raise InvalidInput(
                f"{place!r} is a file of Git, and no data of the project",
                hint="Put data beside `.git`, not into it.",
            )
        return DataFile(path=whole, name=path.name)

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
            [file.path.name, file.path.stat().st_size]
            for _, key in _places(source)
            for file in self._files[key]
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
