"""Choosing samples: by split, by a filter, at random by a seed, and by number."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol

from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput, NotFound
from gitexp.evaluation.datasets.conditions import fits, parse_where
from gitexp.evaluation.datasets.identities import SetDigest
from gitexp.evaluation.datasets.sample import Sample
from gitexp.ids import Digest

Step = Callable[[Iterable[Sample]], Iterator[Sample]]
"""Leaves some of the samples out."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which samples of a dataset are wanted; each part narrows what the parts before it left.

    Attributes:
        split: those of this split.
        where: those that fit a filter over `id`, `input`, `expected`, `output`, `split`, `weight`
            and `input.KEY`, `expected.KEY`, `output.KEY`, `metadata.KEY`.
        sample: so many at random; whatever the order of the rows is, the same seed takes the same.
        seed: for `sample`; any text.
        limit: the first so many.
    """

    split: str | None = None
    where: str | None = None
    limit: int | None = None
    sample: int | None = None
    seed: int | str = 0

    def __post_init__(self) -> None:
        for name in ("limit", "sample"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InvalidInput(f"{name} is {number}; it must be at least 1")

    @property
    def is_everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not (self.split or self.where or self.limit or self.sample)


class Selectable(Protocol):
    """What samples are chosen of: a dataset."""

    @property
    def name(self) -> str: ...

    @property
    def splits(self) -> Mapping[str, int]: ...

    @property
    def named_splits(self) -> Mapping[str, str]: ...

    def __iter__(self) -> Iterator[Sample]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Selected:
    """The chosen samples: how many, their digest, their splits, and a way to go through them."""

    count: int
    digest: Digest
    splits: Mapping[str, int]
    samples: Callable[[], Iterator[Sample]]


def select(dataset: Selectable, selection: Selection) -> Selected | None:
    """Return the samples that are chosen, or None where that is all of them.

    Raises:
        NotFound: there is no such split.
        InvalidInput: the filter cannot be read, or no sample is left.
    """
    steps = _steps(dataset, selection)
    if not steps:
        return None
    samples = partial(_through, dataset, steps)
    digests, splits = SetDigest(), Counter[str]()
    for sample in samples():
        digests.add(sample.digest)
        if sample.split is not None:
            splits[sample.split] += 1
    if not digests.count:
        raise InvalidInput(
            f"no sample of {dataset.name!r} fits {shown(_wanted(dataset, selection))}",
            hint=f"`gitexp dataset show {dataset.name} --samples` shows what there is.",
        )
    return Selected(
        count=digests.count, digest=digests.digest(), splits=dict(splits), samples=samples
    )


def _wanted(dataset: Selectable, selection: Selection) -> str:
    """Return the filters of a selection, for a message."""
    named = dataset.named_splits.get(selection.split or "")
    return " AND ".join(filter(None, (named, selection.where)))


def _steps(dataset: Selectable, selection: Selection) -> list[Step]:
    steps: list[Step] = []
    if selection.split:
        steps.append(_in_split(dataset, selection.split))
    if selection.where:
        steps.append(_fitting(selection.where))
    if selection.sample is not None and (steps or selection.sample < len(dataset)):
        chosen = _through(dataset, steps)
        steps.append(_drawn(chosen, selection.sample, str(selection.seed)))
    if selection.limit is not None and (steps or selection.limit < len(dataset)):
        steps.append(partial(_first, selection.limit))
    return steps


def _through(samples: Iterable[Sample], steps: Iterable[Step]) -> Iterator[Sample]:
    for step in steps:
        samples = step(samples)
    return iter(samples)


def _first(count: int, samples: Iterable[Sample]) -> Iterator[Sample]:
    return islice(samples, count)


def _in_split(dataset: Selectable, split: str) -> Step:
    if split in dataset.named_splits:
        return _fitting(dataset.named_splits[split])
    if split not in dataset.splits:
        known = sorted({*dataset.splits, *dataset.named_splits})
        raise NotFound(
            f"{dataset.name!r} has no split {split!r}",
            hint=f"There are {', '.join(known)}." if known else _NO_SPLITS,
        )
    return lambda samples: (sample for sample in samples if sample.split == split)


_NO_SPLITS = "Give samples a `split`, or name filters under `splits` in the dataset's description."


def _fitting(where: str) -> Step:
    condition = parse_where(where)
    return lambda samples: (sample for sample in samples if fits(condition, sample))


def _drawn(samples: Iterable[Sample], count: int, seed: str) -> Step:
    """Return what keeps the samples whose ranks, which follow from seed and id, are lowest."""
    import heapq

    lowest = heapq.nsmallest(count, (_rank(seed, sample) for sample in samples))
    last = lowest[-1] if lowest else b""
    return lambda later: (sample for sample in later if _rank(seed, sample) <= last)


def _rank(seed: str, sample: Sample) -> bytes:
    return hashlib.sha256(f"{seed}\0{sample.id}".encode("utf-8", "surrogatepass")).digest()
