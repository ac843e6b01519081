"""How the datasets of two states of a project differ, sample by sample.

Samples are matched by their ids. Of the samples of a dataset, an id and two hashes are in memory,
and the rows of those few alone that are shown. Large files are compared by the digests of their
bytes: they are neither fetched nor read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import canonical_plain_json
from gitexp.errors import GitexpError, InvalidDocuments, InvalidInput
from gitexp.evaluation.datasets.content import bytes_content
from gitexp.evaluation.datasets.descriptions import Description, read_description
from gitexp.evaluation.datasets.loading import Dataset, dataset_of
from gitexp.evaluation.datasets.sample import Sample
from gitexp.ids import Name, name_fault
from gitexp.review.diffing.contents import MAX_ROWS_BYTES, Contents
from gitexp.review.diffing.model import ChangeKind, DatasetDiff, SampleDiff
from gitexp.review.diffing.paths import path_changes
from gitexp.store.lfs.pointers import parse_pointer

MOST_SAMPLES = 100
"""How many samples that differ are shown of a dataset."""


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A dataset in one state.

    Attributes:
        digest: over the samples; of a large file, over its bytes.
        bytes_digest: over the bytes of the file that is there.
        dataset: None where its samples cannot be read, or are not looked at.
        problem: why they cannot be read.
    """

    path: str
    digest: str | None = None
    bytes_digest: str | None = None
    dataset: Dataset | None = None
    large: bool = False
    problem: str | None = None


def dataset_names(contents: Contents, changed: Iterable[str]) -> set[str]:
    """Return the datasets whose rows or descriptions are among files that changed."""
    changed = set(changed)
    names = {name for path in changed if (name := _name_of(path))}
    for file in contents.names(layout.DATASETS_DIR):
        path = f"{layout.DATASETS_DIR}/{file}"
        if file.endswith(layout.DESCRIPTION_SUFFIX) and path not in changed:
            said = _description(contents, path)
            if said is not None and said.path in changed:
                names.add(file.removesuffix(layout.DESCRIPTION_SUFFIX))
    return names


def _name_of(path: str) -> str | None:
    folder, _, file = path.partition("/")
    if folder != layout.DATASETS_DIR or "/" in file:
        return None
    suffixes = (layout.DESCRIPTION_SUFFIX, *layout.DATASET_SUFFIXES)
    suffix = next((suffix for suffix in suffixes if file.endswith(suffix)), None)
    name = file.removesuffix(suffix) if suffix else ""
    return None if not name or name_fault(name) else name


def _description(contents: Contents, path: str) -> Description | None:
    try:
        return read_description(contents.read(path) or b"", file=path)
    except InvalidInput:
        return None


def dataset_diff(before: Contents, after: Contents, name: str) -> DatasetDiff | None:
    """Return how a dataset differs, or None where its samples are the same."""
    old, new = _side(before, name), _side(after, name)
    present = new or old
    if present is None or (old and new and _is_same(old, new)):
        return None
    found = DatasetDiff(
        name=name,
        path=present.path,
        kind="changed" if old and new else "added" if new else "removed",
        digest_before=old.digest if old else None,
        digest_after=new.digest if new else None,
        samples_before=old.dataset.count if old and old.dataset else None,
        samples_after=new.dataset.count if new and new.dataset else None,
        large=any(side.large for side in (old, new) if side),
        problem=next((side.problem for side in (new, old) if side and side.problem), None),
    )
    if any(side and side.dataset is None for side in (old, new)):
        return found
    return _Comparison(_samples(old), _samples(new)).told(found)


def _samples(side: _Side | None) -> Iterable[Sample]:
    return side.dataset if side and side.dataset else ()


def _is_same(old: _Side, new: _Side) -> bool:
    """Return whether two sides hold the same samples, or the same bytes."""
    if old.problem or new.problem:
        return old.bytes_digest == new.bytes_digest and old.path == new.path
    if old.digest == new.digest:
        return True
    return old.bytes_digest is not None and old.bytes_digest == new.bytes_digest


def _side(contents: Contents, name: str) -> _Side | None:
    for path in layout.dataset_paths("", Name(name)):
        if contents.id(path) is not None:
            try:
                return _loaded(contents, name, path)
            except GitexpError as exc:
                return _Side(path=path, bytes_digest=contents.id(path), problem=_line(exc))
    return None


def _line(error: GitexpError) -> str:
    if isinstance(error, InvalidDocuments) and len(error.problems) > 1:
        return f"{error.problems[0]} (and {len(error.problems) - 1} more)"
    return error.message


def _loaded(contents: Contents, name: str, path: str) -> _Side:
    said = Description(path=path)
    if path.endswith(layout.DESCRIPTION_SUFFIX):
        said = read_description(contents.read(path) or b"", file=path)
    if said.url:
        return _Side(path=path, digest=said.digest, bytes_digest=said.digest, large=True)
    data = contents.read(said.path, limit=MAX_ROWS_BYTES)
    if data is None:
        raise InvalidInput(f"{path} names {said.path}, which is not there")
    pointer = parse_pointer(data)
    if pointer is not None:
        oid = f"sha256:{pointer.oid}"
        return _Side(path=path, digest=oid, bytes_digest=oid, large=True)
    if said.form is None:
        raise InvalidInput(f"{said.source} does not say how its rows are written down")
    content = bytes_content(
        data, said.path, said.form, fields=said.fields or None, sha256=said.sha256
    )
    dataset = dataset_of(content, name=name, path=path)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return _Side(path=path, digest=dataset.digest, bytes_digest=digest, dataset=dataset)


class _Comparison:
    """Two datasets gone through side by side, at most three times each."""

    def __init__(self, before: Iterable[Sample], after: Iterable[Sample]) -> None:
        self._before = before
        self._after = after
        self._gone = {sample.id: sample.digest for sample in before}
        self._added: dict[str, None] = {}
        self._changed: dict[str, bytes] = {}
        self._same = 0
        for sample in after:
            self._look_at(sample)
        self._restate()

    def _look_at(self, sample: Sample) -> None:
        digest = self._gone.pop(sample.id, None)
        if digest is None:
            self._added[sample.id] = None
        elif digest == sample.digest:
            self._same += 1
        else:
            self._changed[sample.id] = _meaning(sample)

    def _restate(self) -> None:
        """Take those for the same that are only written down with more or fewer words."""
        for sample in self._before if self._changed else ():
            if self._changed.get(sample.id) == _meaning(sample):
                del self._changed[sample.id]
                self._same += 1

    def told(self, found: DatasetDiff) -> DatasetDiff:
        """Return what is known of a dataset with how many samples differ, and the first of them."""
        every = [*self._changed, *self._added, *self._gone]
        first = every[:MOST_SAMPLES]
        old, new = (_rows(side, set(first)) for side in (self._before, self._after))
        return replace(
            found,
            added=len(self._added),
            removed=len(self._gone),
            changed=len(self._changed),
            same=self._same,
            samples=tuple(_diffs(first, old, new)),
            left_out=len(every) - len(first),
        )


def _rows(samples: Iterable[Sample], wanted: set[str]) -> dict[str, Any]:
    return {s.id: s.to_dict() for s in samples if s.id in wanted} if wanted else {}


def _meaning(sample: Sample) -> bytes:
    return hashlib.sha256(canonical_plain_json(sample.to_dict())).digest()


def _diffs(
    ids: Iterable[str], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[SampleDiff]:
    for sample in ids:
        old, new = before.get(sample), after.get(sample)
        kind: ChangeKind = "changed" if old and new else "added" if new else "removed"
        yield SampleDiff(id=sample, kind=kind, changes=path_changes(_fields(old), _fields(new)))


def _fields(row: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (row or {}).items() if key != "id"}
