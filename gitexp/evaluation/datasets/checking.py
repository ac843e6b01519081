"""The first pass over a dataset: every row is held to the schema, every id to the others.

What is learned is small however large the dataset is, and makes the later passes cheap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import BinaryIO

from gitexp.documents import schemas
from gitexp.documents.conformance import Test, quick_test
from gitexp.documents.limits import MAX_PROBLEMS
from gitexp.documents.problems import Problem, place_of, shown
from gitexp.errors import DamagedObject, InvalidDocuments, InvalidInput
from gitexp.evaluation.datasets.content import Content, State, Watch, state_of
from gitexp.evaluation.datasets.identities import ExplicitIds, Numbering, SetDigest
from gitexp.evaluation.datasets.rows import Row
from gitexp.evaluation.datasets.sample import SPLIT, Sample, sample_of, with_split
from gitexp.ids import Digest
from gitexp.store.lfs.streams import hash_file

_HINT = "A sample has an input, and may have id, expected, output, metadata, split and weight."
_IDS_HINT = "Give every sample an id of its own, or leave the ids out."
_MOST_SPLITS = 1000
_MOST_KEPT = 2**20
"""The bytes of a file whose samples are kept; those of a larger one are read again."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the first pass found out.

    Attributes:
        digest: over the samples, in whatever order and however they are written down.
        splits: how many samples each split has; those of no split are not among them.
        sha256: of the bytes.
        state: what changes when the bytes are written to.
        reserved: explicit ids that look like derived ones.
        repeated: derived ids that come more than once, or that an explicit one may take.
        samples: all samples, where they are few enough to be kept.
    """

    count: int
    digest: Digest
    splits: Mapping[str, int]
    sha256: str
    state: State
    reserved: frozenset[str]
    repeated: frozenset[str]
    samples: tuple[Sample, ...] | None = None

    def watch(self, content: Content) -> Watch:
        """Return what notices that the bytes are no longer these."""
        return Watch(content, self.sha256, self.state)

    def numbering(self) -> Numbering:
        """Return what gives the rows of a pass their ids."""
        return Numbering(self.reserved, self.repeated)


def check(content: Content) -> Checked:
    """Return what a pass over a whole dataset finds out.

    Raises:
        InvalidInput: there are no rows, or the bytes cannot be read.
        InvalidDocuments: all that is wrong in the rows, repeated ids too, each with its line.
        DamagedObject: the bytes are not those that were pinned.
    """
    with content.open() as file:
        state = state_of(file)
        sha256, _ = hash_file(file)
        require_pinned(content, sha256)
        file.seek(0)
        first = _Pass(content.title, keeping=_is_kept(content, file))
        first.read(content, file)
        first.raise_if_wrong()
        reserved = frozenset(first.explicit.like_derived) if first.numbering.any else frozenset()
        checked = Checked(
            count=first.digests.count,
            digest=first.digests.digest(),
            splits=dict(first.splits),
            sha256=sha256,
            state=state,
            reserved=reserved,
            repeated=first.numbering.repeated(reserved),
            samples=tuple(first.kept) if first.keeping and not reserved else None,
        )
        checked.watch(content).check(file)
    # The ids were derived without regard to those explicit ones that look like them.
    return _recounted(content, checked) if reserved else checked


def _is_kept(content: Content, file: BinaryIO) -> bool:
    """Return whether samples are few; the size of what is compressed says nothing of them."""
    size = file.seek(0, 2)
    file.seek(0)
    return content.format != "parquet" and size <= _MOST_KEPT


def require_pinned(content: Content, sha256: str) -> None:
    """Check the bytes of a dataset against the digest that was pinned.

    Raises:
        DamagedObject: they are others.
    """
    if content.sha256 is not None and content.sha256 != sha256:
        raise DamagedObject(
            f"{content.title} has the digest sha256:{sha256}, and pinned is "
            f"sha256:{content.sha256}",
            hint="Bring back what was pinned, or pin what is there with "
            "`gitexp dataset add --replace`.",
        )


def samples_of(content: Content, checked: Checked) -> Iterator[Sample]:
    """Yield the samples of a dataset in the order of its file.

    Raises:
        Conflict: the bytes are no longer those that were checked.
        InvalidInput: they cannot be read.
    """
    watch, numbering = checked.watch(content), checked.numbering()
    with content.open() as file:
        watch.check(file)
        if checked.samples is not None:
            yield from checked.samples
            watch.check(file)
            return
        try:
            for row in content.rows(file):
                yield _sample(row, numbering, watch)
        except InvalidDocuments as exc:
            raise watch.changed() from exc
        watch.check(file)


def _sample(row: Row, numbering: Numbering, watch: Watch) -> Sample:
    """Return the sample of a row that was checked in an earlier pass."""
    try:
        value = with_split(row.value)
        return sample_of(value, numbering.id_of(value))
    except (TypeError, ValueError, LookupError, AttributeError) as exc:
        # Such a row would not have passed the check.
        raise watch.changed() from exc


def _recounted(content: Content, checked: Checked) -> Checked:
    digests = SetDigest(sample.digest for sample in samples_of(content, checked))
    return replace(checked, digest=digests.digest())


def problems_of(content: Content) -> list[Problem]:
    """Return everything that is wrong with a dataset, each with its line.

    Raises:
        InvalidInput: it has no rows, or its bytes cannot be read.
        DamagedObject: its bytes are not those that were pinned.
    """
    with content.open() as file:
        if content.sha256 is not None:
            require_pinned(content, hash_file(file)[0])
            file.seek(0)
        found = _Pass(content.title)
        try:
            found.read(content, file)
        except InvalidDocuments as exc:
            return [*found.all_problems(), *exc.problems]
        return found.all_problems()


@dataclass
class _Pass:
    title: str
    keeping: bool = False
    kept: list[Sample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    ids_alone: bool = True
    explicit: ExplicitIds = field(default_factory=ExplicitIds)
    numbering: Numbering = field(default_factory=Numbering)
    digests: SetDigest = field(default_factory=SetDigest)
    splits: Counter[str] = field(default_factory=Counter)

    def read(self, content: Content, file: BinaryIO) -> None:
        """Read all rows; what is wrong in them is gathered."""
        is_right, position = _row_test(), -1
        for position, row in enumerate(content.rows(file)):
            if row.problems:
                self._add([_in_row(problem, position) for problem in row.problems])
            elif is_right(row.value):
                self._take(row, position)
            else:
                self._add(_faults(row, position, self.title))
        if position < 0:
            raise InvalidInput(f"{self.title} has no samples", hint="Add a row with an `input`.")

    def _take(self, row: Row, position: int) -> None:
        value = row.value
        if SPLIT in value:
            if value[SPLIT] != value.get("metadata", {}).get(SPLIT, value[SPLIT]):
                message = "the metadata name another split"
                self._add([_problem(row, (position, SPLIT), message, self.title)])
            value = with_split(value)
        if "id" in value and not self._is_new(row, position):
            return
        if self.problems:
            return
        sample = sample_of(value, self.numbering.id_of(value))
        self.digests.add(sample.digest)
        if self.keeping:
            self.kept.append(sample)
        if sample.split is not None and (
            sample.split in self.splits or len(self.splits) < _MOST_SPLITS
        ):
            self.splits[sample.split] += 1

    def _is_new(self, row: Row, position: int) -> bool:
        sample_id = str(row.value["id"])
        earlier = self.explicit.earlier(sample_id, row.line)
        if earlier is not None:
            message = f"{shown(sample_id)} is the id of the sample in line {earlier} already"
            problem = _problem(row, (position, "id"), message, self.title)
            self._add([problem], of_ids=True)
        return earlier is None

    def _add(self, problems: list[Problem], *, of_ids: bool = False) -> None:
        room = MAX_PROBLEMS - len(self.problems)
        self.problems += problems[:room]
        self.more += len(problems[room:])
        self.ids_alone = self.ids_alone and of_ids

    def all_problems(self) -> list[Problem]:
        """Return the problems, and at the end how many more there are."""
        if not self.more:
            return self.problems
        return [*self.problems, Problem(file=self.title, message=f"and {self.more} more problems")]

    def raise_if_wrong(self) -> None:
        """Raise all problems together."""
        if self.problems:
            hint = _IDS_HINT if self.ids_alone else _HINT
            raise InvalidDocuments(self.all_problems(), hint=hint)


@cache
def _row_test() -> Test:
    return quick_test(schemas.schema_of("sample"), trusted=True)


def _faults(row: Row, position: int, title: str) -> list[Problem]:
    from gitexp.documents.validation import faults_of

    found = faults_of(schemas.schema_of("sample"), row.value)
    return [_problem(row, (position, *fault.path), fault.message, title) for fault in found]


def _problem(row: Row, place: tuple[str | int, ...], message: str, title: str) -> Problem:
    return Problem(file=title, place=place_of(place), message=message, line=row.line)


def _in_row(problem: Problem, position: int) -> Problem:
    """Return a problem of a row as one of its list."""
    place = f"[{position}]"
    if problem.place:
        place += problem.place if problem.place.startswith("[") else f".{problem.place}"
    return replace(problem, place=place)
