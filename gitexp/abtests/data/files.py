"""Files of rows: what each of them is, and how the engine reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitexp.abtests.data.engine import Engine
from gitexp.abtests.data.quoting import literal, literals
from gitexp.abtests.sources import Format
from gitexp.errors import InvalidInput

_SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_GZIP = b"\x1f\x8b"
# What looks like a moment or a UUID in JSON is a text as it stands there, and no other one.
_REWRITTEN = ("UUID", "DATE", "TIME", "JSON")


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file of rows.

    Attributes:
        path: where it can be read.
        name: what it is called where it comes from, which says what its rows are.
    """

    path: Path
    name: str

    @property
    def format(self) -> Format:
        """What its name says that its rows are.

        Raises:
            InvalidInput: it does not say it.
        """
        suffixes = [s.lower() for s in Path(self.name).suffixes if s.lower() != ".gz"]
        found = _SUFFIXES.get(suffixes[-1] if suffixes else "")
        if found is None:
            raise InvalidInput(
                f"the name of {self.name} does not say what its rows are",
                hint="Let it end with .csv, .parquet or .jsonl, or give the source a `format`.",
            )
        return found

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed by gzip, whatever it is called."""
        with open(self.path, "rb") as file:
            return file.read(len(_GZIP)) == _GZIP


def rows_in(engine: Engine, files: Sequence[DataFile], form: Format | None, *, parsed: str) -> str:
    """Return the query for the rows of files.

    What has to be parsed is read once, and not once a day.

    Args:
        form: what all of them are; None goes by their names.
        parsed: the name of the table for rows that had to be parsed.

    Raises:
        InvalidInput: they are of several formats, or cannot be read.
    """
    forms = {form or file.format for file in files}
    if len(forms) > 1:
        raise InvalidInput(f"one source has files of several formats: {', '.join(sorted(forms))}")
    paths = literals(str(file.path) for file in files)
    if forms == {"parquet"}:
        return f"SELECT * FROM read_parquet({paths}, union_by_name = true)"
    packed = "gzip" if all(file.is_packed for file in files) else "auto"
    reading = _json(engine, paths, packed) if forms == {"jsonl"} else _csv(paths, packed)
    engine.run(f"CREATE TEMP TABLE {parsed} AS {reading}")
    return f"SELECT * FROM {parsed}"


def _csv(paths: str, packed: str) -> str:
    # As text: what a cell looks like must not decide whether the unit 007 is 7. And as RFC 4180
    # has it: left to itself, the reader takes a unit such as #1 for a comment.
    return (
        f"SELECT * FROM read_csv({paths}, header = true, all_varchar = true, union_by_name = true, "
        f"quote = '\"', escape = '\"', comment = '', skip = 0, compression = '{packed}')"
    )


def _json(engine: Engine, paths: str, packed: str) -> str:
    options = f"format = 'newline_delimited', union_by_name = true, compression = '{packed}'"
    described = f"DESCRIBE SELECT * FROM read_json({paths}, {options}, sample_size = -1)"
    kinds = {name: kind for name, kind, *_ in engine.rows(described)}
    columns = ", ".join(f"{literal(name)}: {literal(_told(k))}" for name, k in kinds.items())
    return f"SELECT * FROM read_json({paths}, {options}, columns = {{{columns}}})"


def _told(kind: str) -> str:
    return "VARCHAR" if kind.startswith(_REWRITTEN) and not kind.endswith("]") else kind
