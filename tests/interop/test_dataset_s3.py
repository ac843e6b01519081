"""Datasets in an object store: fetched from a real S3 server, and pinned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import DamagedObject, NotFound
from gitexp.evaluation.datasets.collection import Datasets, NewDataset
from tests.interop.test_s3 import BUCKET, endpoint, filesystem
from tests.runs.making import disk_workspace

__all__ = ["endpoint", "filesystem"]

pytestmark = pytest.mark.interop

URL = f"s3://{BUCKET}/corpora/faq.csv"


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    workspace = disk_workspace(tmp_path / "project")
    around = replace(workspace.surroundings, directory=tmp_path / "project")
    return Datasets(replace(workspace, surroundings=around))


def test_a_dataset_is_added_from_s3_and_read_from_its_copy(
    datasets: Datasets, filesystem: Any
) -> None:
    filesystem.pipe(URL, b"input,expected\nwhy,because\n")
    added = datasets.add(NewDataset(name="faq", source=URL))
    assert [(sample.input, sample.expected) for sample in added] == [("why", "because")]
    filesystem.rm(URL)
    assert datasets.get("faq").digest == added.digest


def test_what_was_changed_on_s3_is_refused_until_it_is_pinned_anew(
    datasets: Datasets, filesystem: Any, tmp_path: Path
) -> None:
    filesystem.pipe(URL, b"input\nold\n")
    datasets.add(NewDataset(name="faq", source=URL))
    filesystem.pipe(URL, b"input\nnew\n")
    for copy in (tmp_path / "project/.git/gitexp/datasets").iterdir():
        copy.unlink()
    with pytest.raises(DamagedObject, match="and pinned is sha256:"):
        datasets.get("faq")
    again = datasets.add(NewDataset(name="faq", source=URL, replace=True))
    assert [sample.input for sample in again] == ["new"]


def test_what_is_not_on_s3_is_not_found(datasets: Datasets, filesystem: Any) -> None:
    with pytest.raises(NotFound, match=f"{URL} is not there"):
        datasets.add(NewDataset(name="faq", source=URL))
