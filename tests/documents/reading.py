"""What the tests of readers share: the problems of a text, as they are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitexp.errors import InvalidDocuments


def problems(read: Callable[..., Any], data: bytes | str, file: str = "f.yaml") -> list[str]:
    """Return the lines of the error that a reader raises."""
    with pytest.raises(InvalidDocuments) as caught:
        read(data, file=file)
    return str(caught.value).split("\n")
