"""Values, figures and tables as the bytes of an artifact, in the format that its name says."""

from __future__ import annotations

import io
import json
from typing import Any

from gitexp.errors import InvalidInput
from gitexp.runs.keys import plain_value


def rendered_value(data: Any, name: str) -> bytes:
    """Return a value as YAML where the name ends so, else as JSON."""
    plain = plain_value(data)
    if name.endswith((".yaml", ".yml")):
        from gitexp.documents.yaml_writer import dump_yaml

        return _encoded(dump_yaml(plain))
    return (json.dumps(plain, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def rendered_figure(figure: Any, name: str) -> bytes:
    """Return a figure of matplotlib or plotly in the format of the name's ending.

    Raises:
        InvalidInput: it is no figure, or the name has no ending.
    """
    kind = _ending(name)
    buffer = io.BytesIO()
    if hasattr(figure, "savefig"):
        figure.savefig(buffer, format=kind)
        return buffer.getvalue()
    if hasattr(figure, "to_html") and kind == "html":
        return _encoded(figure.to_html())
    if hasattr(figure, "to_image"):
        return _encoded(figure.to_image(format=kind))
    raise InvalidInput(
        f"a {type(figure).__name__} is no figure", hint="Log a figure of matplotlib or plotly."
    )


def rendered_table(table: Any, name: str) -> bytes:
    """Return a table as JSON (split orientation), CSV or Parquet, by the name's ending.

    Args:
        table: a DataFrame, or columns by name.

    Raises:
        InvalidInput: the ending is another one.
    """
    if not hasattr(table, "to_csv"):
        import pandas as pd

        table = pd.DataFrame(table)
    kind = _ending(name)
    if kind == "json":
        return _encoded(table.to_json(orient="split", index=False))
    if kind == "csv":
        return _encoded(table.to_csv(index=False))
    if kind == "parquet":
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        return buffer.getvalue()
    raise InvalidInput(
        f"{name!r} has an ending that tables do not have", hint="Use .json, .csv or .parquet."
    )


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if not stem or not dot or "/" in ending:
        raise InvalidInput(f"{name!r} has no ending to tell the format by", hint="Add one: .png")
    return ending.lower()


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8")
