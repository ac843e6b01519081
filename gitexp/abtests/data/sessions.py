"""Sessions: the data of a test, open, at any moment that is asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from gitexp.abtests.data.engine import DamagedTotals, Engine, Limits
from gitexp.abtests.data.opening import Access, Sources, described
from gitexp.abtests.data.plans import MetricPlan
from gitexp.abtests.data.relations import Relation, unit_type_of
from gitexp.abtests.data.snapshots import exposures_of, sums_of
from gitexp.abtests.data.state import State
from gitexp.abtests.data.sums import Exposures, MetricSums
from gitexp.abtests.definition import AbTest
from gitexp.abtests.metrics import Metric
from gitexp.abtests.sources import Column
from gitexp.clock import iso
from gitexp.documents.canonical import digest_of
from gitexp.errors import GitexpError, InvalidInput
from gitexp.project.workspace import Workspace
from gitexp.store.filelocks import lock_file

CHANGED = "rows of days that were computed before have come or gone since"

_DIRECTORY = "abtests"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What there is at a moment.

    Attributes:
        sums: by the key of each metric that could be computed.
        faults: by the key of each other one, why not.
        source: what the numbers were computed from, as a digest.
        changed: whether rows came or went of days that were computed before.
        outdated: the moment up to which days that are kept do not agree with the rows any more,
            as far as this machine knows; None where they do.
    """

    as_of: datetime
    exposures: Exposures
    sums: Mapping[str, MetricSums]
    faults: Mapping[str, str]
    source: str
    changed: bool = False
    outdated: datetime | None = None


class Session:
    """The data of a test, open."""

    def __init__(self, state: State, faults: Mapping[str, str], identity: Any) -> None:
        self._state = state
        self._faults = dict(faults)
        self._identity = identity

    @property
    def faults(self) -> Mapping[str, str]:
        """Why metrics cannot be computed, by their keys, as far as that is known by now."""
        return {**self._faults, **self._state.facts.faults}

    @property
    def until(self) -> datetime | None:
        """The moment up to which rows were taken in for good."""
        return self._state.facts.until

    def has_changed(self) -> bool:
        """Return whether rows of the past came or went since they were taken in."""
        return self._state.has_changed()

    @property
    def outdated(self) -> datetime | None:
        """The moment up to which days were kept before rows of theirs came or went."""
        return self._state.facts.outdated

    def reset(self, *, outdated: datetime | None = None) -> None:
        """Begin with the first row again, and remember which days do not agree with it."""
        self._state.reset(outdated=outdated)

    @contextmanager
    def on_to(self, moment: datetime) -> Iterator[None]:
        """Go on to a moment for good, once what happens inside has succeeded."""
        with self._state.engine.transaction():
            self._state.advance(moment)
            yield

    @contextmanager
    def looking_at(self, moment: datetime) -> Iterator[None]:
        """Go on to a moment for as long as the block lasts."""
        with self._state.engine.provisionally():
            self._state.advance(moment)
            yield

    def snapshot(self, metrics: Iterable[str] | None = None) -> Snapshot:
        """Return the sums of all metrics, or of some, where the state stands now."""
        facts = self._state.facts
        as_of = facts.until or self._state.test.started_at
        assert as_of is not None
        wanted = None if metrics is None else set(metrics)
        faults = self.faults
        plans = [
            plan
            for plan in self._state.plans
            if plan.metric.key not in faults and (wanted is None or plan.metric.key in wanted)
        ]
        return Snapshot(
            as_of=as_of,
            exposures=exposures_of(self._state),
            sums=sums_of(self._state, plans, as_of),
            faults={k: v for k, v in faults.items() if wanted is None or k in wanted},
            source=str(digest_of({"sources": self._identity, "rows": dict(facts.past)})),
            outdated=facts.outdated,
        )


def working(
    workspace: Workspace,
    test: AbTest,
    work: Callable[[Session], T],
    *,
    access: Access | None = None,
    limits: Limits | None = None,
) -> T:
    """Return what some work on the data of a test returns.

    The totals that were kept are derived: where they are damaged, the work is done once more,
    from all rows.

    Raises:
        As `session` says.
    """
    try:
        with session(workspace, test, access=access, limits=limits) as data:
            return work(data)
    except DamagedTotals:
        with session(workspace, test, access=access, limits=limits) as data:
            return work(data)


@contextmanager
def session(
    workspace: Workspace,
    test: AbTest,
    *,
    access: Access | None = None,
    limits: Limits | None = None,
    keep: bool = True,
) -> Iterator[Session]:
    """Open the data of a test; what was taken in before is there still.

    Args:
        keep: whether to go on from what was taken in before, and to keep what is taken in now.

    Raises:
        NotFound: the exposures are not there.
        NotAllowed: they are elsewhere, and reading that was not allowed.
        RemoteError: they are elsewhere, and cannot be fetched.
        InvalidInput: they cannot be read. A metric that cannot be read is a fault of its own.
    """
    access, limits = access or Access(), limits or Limits()
    with contextlib.ExitStack() as stack:
        keep = keep and not access.tables
        path = stack.enter_context(_locked(workspace, test)) if keep else None
        scratch = stack.enter_context(_scratch(path))
        engine = _opened(path, limits, scratch)
        stack.callback(engine.close)
        yield _prepared(workspace, test, access, engine)


def _prepared(workspace: Workspace, test: AbTest, access: Access, engine: Engine) -> Session:
    sources = Sources(workspace, test, access)
    names = {metric.key: sources.name_for(metric.key) for metric in test.metrics}
    sources.confine(engine, dict.fromkeys(["exposures", *names.values()]))
    exposures = sources.open(engine, "exposures")
    needs: tuple[Column, ...] = ("unit", "time", "variant")
    for needed in needs:
        exposures.column(needed)
    _check_times(engine, exposures)
    plans: list[MetricPlan] = []
    faults: dict[str, str] = {}
    for place, metric in enumerate(test.metrics):
        try:
            relation = sources.open(engine, names[metric.key])
            plans.append(MetricPlan.of(f"m{place}", metric, relation, exposures))
            relation.unit_type  # noqa: B018  it says what is wrong with it
            _check_times(engine, relation)
        except GitexpError as exc:
            faults[metric.key] = exc.message
    plans = [plan for plan in plans if plan.metric.key not in faults]
    relations = [exposures, *(plan.relation for plan in plans)]
    state = State(engine, test, exposures, plans, unit_type=unit_type_of(relations))
    identity = {each.name: dict(each.identity) for each in relations}
    return Session(state, faults, identity)


def _check_times(engine: Engine, relation: Relation) -> None:
    """Check that every moment of some rows can be read.

    Raises:
        InvalidInput: one cannot.
    """
    query = relation.unreadable_time()
    for (cell,) in engine.rows(query) if query else ():
        raise InvalidInput(
            f"column {relation.column('time')!r} of {relation.title} holds {cell!r}, "
            "which is no moment",
            hint="Write moments as ISO-8601, such as 2026-11-21T13:15:02Z.",
        )


# --- where the state is -----------------------------------------------------------------------


@contextmanager
def _locked(workspace: Workspace, test: AbTest) -> Iterator[Path | None]:
    """Yield the file of a test's state, which nobody else has meanwhile; None in memory."""
    private = workspace.store.private_dir
    if private is None:
        yield None
        return
    directory = private / _DIRECTORY / test.experiment
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    path = directory / f"{_key(test)}.duckdb"
    try:
        lock_file(descriptor)
        _clear(directory, path)
        yield path
    except DamagedTotals:
        _remove(path)
        raise
    finally:
        os.close(descriptor)


def _key(test: AbTest) -> str:
    """Return what tells the state of a test from that of another definition of it."""
    data = test.data
    sources = {"exposures": data.exposures, "events": data.events, **data.metrics}
    rule = test.exposure
    made = {
        "started_at": iso(test.started_at) if test.started_at else None,
        "frozen_at": iso(test.frozen_at) if test.frozen_at else None,
        "variants": [variant.key for variant in test.variants],
        "exposure": [rule.event, {k: list(v) for k, v in rule.where.items()}],
        "metrics": [repr(_counted(metric)) for metric in test.metrics],
        "sources": {name: described(each) for name, each in sources.items() if each},
        "timezone": data.timezone,
    }
    return str(digest_of(made)).removeprefix("sha256:")[:16]


def _counted(metric: Metric) -> Metric:
    """Return a metric without what is looked at when its totals are there."""
    words = replace(metric, name="", description="", role="primary")
    judged = replace(words, goal="increase", guardrail=None)
    return replace(judged, outliers=None, level=None, threshold=None)


def _clear(directory: Path, path: Path) -> None:
    """Remove states of former definitions."""
    for other in directory.glob("*.duckdb*"):
        if not other.name.startswith(path.name):
            with contextlib.suppress(OSError):
                other.unlink()


@contextmanager
def _scratch(path: Path | None) -> Iterator[Path]:
    """Yield an empty directory for what does not fit into memory."""
    if path is None:
        with tempfile.TemporaryDirectory(prefix="gitexp-") as directory:
            yield Path(directory)
        return
    scratch = path.parent / "scratch"
    # What a process left that was killed; whoever holds the lock is alone here.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _opened(path: Path | None, limits: Limits, scratch: Path) -> Engine:
    if path is None or not path.exists():
        return Engine.open(path, limits=limits, scratch=scratch)
    try:
        return Engine.open(path, limits=limits, scratch=scratch)
    except InvalidInput:
        # It is derived: what cannot be opened is made again.
        _remove(path)
        return Engine.open(path, limits=limits, scratch=scratch)


def _remove(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
