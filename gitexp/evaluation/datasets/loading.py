"""Datasets: the samples of a test set, read one after the other and never held together.

A dataset is `datasets/NAME.jsonl` (a sample a line), `.csv` (a sample a row, its cells text),
`.yaml` (a list of samples), `.parquet`, or `NAME.dataset.yaml`, which says where the rows are and
which column is what. What stands in rows is data: it is never a path, a template or code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitexp.evaluation.datasets.checking import check, samples_of
from gitexp.evaluation.datasets.content import Content
from gitexp.evaluation.datasets.places import find
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.datasets.selecting import Selection, select
from gitexp.ids import Digest
from gitexp.project.workspace import Workspace
from gitexp.runs.references import DatasetReference


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The samples of a test set, all of them checked.

    Iterating yields them in the order of the file, as often as wanted; each time they are read
    again. It raises Conflict where the file was changed in the meantime.

    Attributes:
        path: the file, relative to the repository.
        digest: over the samples, in whatever order and however they are written down.
        count: how many there are.
        splits: how many samples each split has.
        named_splits: filters that the dataset's description gives names to.
    """

    name: str
    path: str
    digest: Digest
    count: int
    splits: Mapping[str, int]
    named_splits: Mapping[str, str] = field(default_factory=dict)
    passing: Callable[[], Iterator[Sample]] = field(compare=False, repr=False)

    def __iter__(self) -> Iterator[Sample]:
        return self.passing()

    def __len__(self) -> int:
        return self.count

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, held in memory together."""
        return tuple(self)

    @property
    def reference(self) -> DatasetReference:
        """What a run records of it."""
        return DatasetReference(
            name=self.name, path=self.path, digest=self.digest, samples=self.count
        )

    def first(self, count: int | None) -> Dataset:
        """Return the dataset of the first samples, which has a digest of its own."""
        return self.select(Selection(limit=count))

    def select(self, selection: Selection) -> Dataset:
        """Return the dataset of the samples that are chosen, which has a digest of its own.

        Raises:
            InvalidInput: the selection cannot be read, or leaves nothing.
        """
        found = select(self, selection)
        if found is None:
            return self
        return Dataset(
            name=self.name,
            path=self.path,
            digest=found.digest,
            count=found.count,
            splits=found.splits,
            named_splits=self.named_splits,
            passing=found.samples,
        )


def load(
    directory: Path, name: str, *, root: str = "", workspace: Workspace | None = None
) -> Dataset:
    """Return a dataset of a project's working tree, all of its rows checked.

    Args:
        directory: the project's directory.
        root: the project's place in its repository, for the dataset's path.
        workspace: where large files and copies of what is elsewhere are kept; without it, only
            what is in the directory itself can be read.

    Raises:
        NotFound: the project has no dataset of that name, or what it points to is nowhere.
        InvalidInput: two files have that name, or the file leads out of the project.
        InvalidDocuments: everything that is wrong in it, each with its line.
        DamagedObject: its bytes are not those that were pinned.
        RemoteError: it is elsewhere and cannot be brought here.
    """
    found = find(directory, name, root=root, workspace=workspace)
    return dataset_of(found.content, name=name, path=found.path, named_splits=found.splits)


def dataset_of(
    content: Content, *, name: str, path: str, named_splits: Mapping[str, str] | None = None
) -> Dataset:
    """Return the dataset whose rows are these, all of them checked.

    Raises:
        As `load` says of rows.
    """
    checked = check(content)
    return Dataset(
        name=name,
        path=path,
        digest=checked.digest,
        count=checked.count,
        splits=checked.splits,
        named_splits=named_splits or {},
        passing=lambda: samples_of(content, checked),
    )
