"""The methods agree with other implementations over a grid, each to as many digits as is said."""

from __future__ import annotations

import warnings

import pytest

from tests.stats.references import REFERENCES, Reference, main

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("reference", REFERENCES, ids=[r.method for r in REFERENCES])
def test_the_largest_difference_is_rounding(reference: Reference) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the other implementations
        largest, numbers = reference.largest()
    assert numbers > 3
    assert largest <= reference.most


def test_the_table_names_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    main(REFERENCES[7:9])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [r.method for r in REFERENCES[7:9]]
