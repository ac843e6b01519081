"""Two versions of a dataset, compared sample by sample.

Samples are matched by their ids. A derived id follows from what is asked and expected, so samples
without explicit ids are matched by content: one that asks something else is another sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gitexp.documents.values import same
from gitexp.evaluation.datasets.loading import Dataset
from gitexp.evaluation.datasets.sample import Sample
from gitexp.ids import Digest

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, kw_only=True)
class SampleChange:
    """A sample that is not the same in both.

    Attributes:
        fields: which parts changed, such as `expected` or `metadata.lang`; all of an added or a
            removed one are left out.
        before, after: the rows; None for a sample that is not there.
    """

    id: str
    kind: Kind
    fields: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two datasets."""

    label: str
    digest: Digest
    samples: int


@dataclass(frozen=True, kw_only=True)
class DatasetDiff:
    """What became of the samples of one dataset in another.

    Attributes:
        same: how many samples are the same in both.
        changes: the others, by their ids.
    """

    a: Side
    b: Side
    same: int
    changes: tuple[SampleChange, ...]

    def count(self, kind: Kind) -> int:
        """Return how many samples were added, removed or changed."""
        return sum(change.kind == kind for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison with its counts."""
        counts = {kind: self.count(kind) for kind in ("added", "removed", "changed")}
        return {"a": self.a, "b": self.b, **counts, "same": self.same, "changes": self.changes}


def compare(a: Dataset, b: Dataset, *, labels: tuple[str, str] = ("", "")) -> DatasetDiff:
    """Return how two datasets differ; of what is the same in both, only a digest is in memory.

    Args:
        labels: what to call them; their names by default.
    """
    before = {sample.id: sample.digest for sample in a}
    later: dict[str, Sample] = {}
    equal = 0
    for sample in b:
        digest = before.get(sample.id)
        if digest == sample.digest:
            equal += 1
            del before[sample.id]
        else:
            later[sample.id] = sample
    earlier = {sample.id: sample for sample in a if sample.id in before} if before else {}
    changes = tuple(_changes(earlier, later))
    restated = len(earlier.keys() & later.keys()) - sum(c.kind == "changed" for c in changes)
    return DatasetDiff(
        a=_side(a, labels[0]), b=_side(b, labels[1]), same=equal + restated, changes=changes
    )


def _side(dataset: Dataset, label: str) -> Side:
    return Side(label=label or dataset.name, digest=dataset.digest, samples=dataset.count)


def _changes(earlier: Mapping[str, Sample], later: Mapping[str, Sample]) -> Iterator[SampleChange]:
    for sample_id in sorted({*earlier, *later}):
        before, after = earlier.get(sample_id), later.get(sample_id)
        rows = (before.to_dict() if before else None, after.to_dict() if after else None)
        if before is None:
            yield SampleChange(id=sample_id, kind="added", after=rows[1])
        elif after is None:
            yield SampleChange(id=sample_id, kind="removed", before=rows[0])
        elif fields := tuple(_fields(rows[0] or {}, rows[1] or {})):
            # Without any, it is the same sample written down with more or fewer words.
            yield SampleChange(
                id=sample_id, kind="changed", fields=fields, before=rows[0], after=rows[1]
            )


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts that differ; of mappings, the keys."""
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name, {}), after.get(name, {})
        if name in before and name in after and same(one, other):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping) and (one or other):
            yield from (f"{name}.{key}" for key in _keys(one, other))
        else:
            yield name


def _keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys((*one, *other)):
        if key not in one or key not in other or not same(one[key], other[key]):
            yield key
