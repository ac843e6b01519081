"""Tables as files that other programs read: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import json
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


def export(frame: pd.DataFrame, path: Path) -> None:
    """Write a DataFrame to a file, in the form that its suffix names.

    A column of values of several types, lists or objects becomes one of texts, as JSON.

    Raises:
        InvalidInput: the suffix is unknown, or the file cannot be written.
    """
    check_export(path)
    plain = _plain(frame)
    try:
        if path.suffix.lower() == ".csv":
            plain.to_csv(path, index=False)
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
            kinds = {type(value) for value in values if value is not None}
            simple = len(kinds) <= 1 and kinds <= {str, int, float, bool}
            plain[name] = values if simple else [_text(value) for value in values]
    return plain


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
