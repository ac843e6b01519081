"""Tables as files that other programs read: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet", ".csv")


def check_export(path: Path) -> None:
    """Check that a table can be written to a file of this name, before the table is made.

    Raises:
        InvalidInput: the suffix is unknown, or the library that writes it is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInput(
            f"{path.name!r} does not say what to write",
            hint=f"Let the name end with {' or '.join(SUFFIXES)}.",
        )
    if path.suffix.lower() == ".parquet":
        from importlib.util import find_spec

        if find_spec("pyarrow") is None:
            raise InvalidInput(
                "Parquet is written by pyarrow, which is not installed",
                hint="Install it: `pip install 'gitexp[parquet]'`. Or write a .csv file.",
            )


def export(frame: pd.DataFrame, path: Path, *, cell: Callable[[str], str] | None = None) -> None:
    """Write a DataFrame to a file, in the form that its suffix names.

    A column of values of several types, lists, objects or integers of more than 64 bits becomes
    one of texts, as JSON.

    Args:
        cell: what a text becomes in a CSV file, such as one that no spreadsheet calculates.

    Raises:
        InvalidInput: the suffix is unknown, or the file cannot be written.
    """
    check_export(path)
    plain = _plain(frame)
    try:
        if path.suffix.lower() == ".csv":
            (_with_texts(plain, cell) if cell else plain).to_csv(path, index=False)
        else:
            plain.to_parquet(path, index=False, engine="pyarrow")
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInput(
            f"{path} cannot be written: {reason}", hint="Name a file in a directory that exists."
        ) from exc


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    plain: pd.DataFrame = frame.copy()
    for name in plain.columns:
        if plain[name].dtype == object:
            values = [None if _is_missing(value) else value for value in plain[name]]
            plain[name] = values if _is_simple(values) else [_text(value) for value in values]
    return plain


def _is_simple(values: Sequence[Any]) -> bool:
    """Return whether values are of one type that every file has."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return all(value is None or -(2**63) <= value < 2**63 for value in values)
    return len(kinds) <= 1 and kinds <= {str, float, bool}


def _with_texts(frame: pd.DataFrame, cell: Callable[[str], str]) -> pd.DataFrame:
    """Return a table whose texts, its titles among them, became others."""
    changed: pd.DataFrame = frame.rename(columns=cell)
    for name in changed.columns:
        if changed[name].dtype.kind == "O":
            changed[name] = [cell(v) if isinstance(v, str) else v for v in changed[name]]
    return changed


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
