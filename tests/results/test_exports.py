"""Tables as files."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from gitexp.errors import InvalidInput
from gitexp.results.exports import check_export, export
from gitexp.results.summaries import by_run
from gitexp.results.tables import results_frame
from tests.runs.making import make_run, run_id


def frame() -> pd.DataFrame:
    runs = [
        make_run(run_id(1), params={"lr": 0.1, "x": 1}, overrides={"a": [1]}, tags={"é": "ü"}),
        make_run(run_id(2), params={"lr": "auto"}),
    ]
    return results_frame(by_run(runs))


def test_a_csv_file_holds_every_column(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    export(frame(), file)
    read = pd.read_csv(file)
    assert read["id"].tolist() == [run_id(1), run_id(2)]
    assert read["params.lr"].tolist() == ["0.1", "auto"]
    assert read["overrides"].tolist() == ['{"a": [1]}', "{}"]
    assert read["tags.é"].iloc[0] == "ü"


def test_a_parquet_file_keeps_the_types(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    file = tmp_path / "runs.PARQUET"
    export(frame(), file)
    read = pd.read_parquet(file)
    assert read["created_at"].iloc[0] == pd.Timestamp("2026-01-02T00:00:01Z")
    assert read["params.x"].iloc[0] == 1
    assert read["params.lr"].tolist() == ["0.1", "auto"]
    assert read["overrides"].tolist() == ['{"a": [1]}', "{}"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_integers_that_no_file_has_become_texts(tmp_path: Path, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet is an extra")
    file = tmp_path / f"runs.{suffix}"
    runs = [make_run(run_id(1), params={"n": 10**30}), make_run(run_id(2), params={"n": 1})]
    export(results_frame(by_run(runs)), file)
    read = pd.read_parquet(file) if suffix == "parquet" else pd.read_csv(file, dtype=str)
    assert read["params.n"].tolist() == ["1" + "0" * 30, "1"]


def test_texts_and_titles_of_a_csv_file_are_made_harmless(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    run = make_run(run_id(1), tags={"=a": "=1+1"}, params={"n": -1})
    export(results_frame(by_run([run])), file, cell=lambda text: text.replace("=", "'="))
    read = pd.read_csv(file)
    assert read["tags.'=a"].tolist() == ["'=1+1"]
    assert read["params.n"].tolist() == [-1]


def test_an_empty_table_is_written(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    export(results_frame([]), file)
    assert file.read_text().startswith("id,status,")


def test_other_files_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_export(tmp_path / "runs.xlsx")
    assert str(caught.value) == "'runs.xlsx' does not say what to write"
    assert caught.value.hint == "Let the name end with .parquet or .csv."


def test_a_missing_library_is_told_by_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(InvalidInput) as caught:
        check_export(tmp_path / "runs.parquet")
    assert "pip install 'gitexp[parquet]'" in (caught.value.hint or "")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"missing.*cannot be written"):
        export(frame(), tmp_path / "missing" / "runs.csv")
