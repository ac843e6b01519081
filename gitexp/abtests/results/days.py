"""The store of days: what each metric was at the end of each day, a file each, in Git.

The files are on the branch `analyses/PROJECT/EXPERIMENT`, under the metric and the fingerprint of
its settings. A file is written once. Two machines that computed the same day have computed the
same thing: of two files the one that was shared first stays. Where that says that it failed, and
the other that it was computed, the other is the next attempt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.abtests.data.sums import Exposures, MetricSums
from gitexp.abtests.results.fingerprints import Fingerprint
from gitexp.documents import layout, schemas
from gitexp.documents.json_codec import dump_json
from gitexp.documents.kinds import DocumentKind
from gitexp.errors import InvalidDocuments, PushRejected, StoreError
from gitexp.experiments.sharing import RefChange
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.history import merge_base
from gitexp.store.model import PushUpdate, TreeEntry, TreeId
from gitexp.store.protocol import Store
from gitexp.store.races import Refusals, back_off
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import list_dir, merge_trees, tree_of

_FILE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([0-9]+))?\.json\Z")
_LARGEST = 2**20


@dataclass(frozen=True, kw_only=True)
class DayRecord:
    """What a metric was at the end of a day.

    Attributes:
        attempt: 1, or more where it was computed again on purpose.
        error: why it could not be computed; None where it could.
    """

    metric: str
    fingerprint: str
    data: str
    day: str
    attempt: int = 1
    until: str
    sums: MetricSums | None = None
    exposures: Exposures | None = None
    error: str | None = None
    source: str = ""
    computed_at: str
    by: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, attempt: int = 1) -> DayRecord:
        """Return the record that a checked document describes."""
        completed = data["status"] == "completed"
        return cls(
            metric=data["metric"],
            fingerprint=data["fingerprint"],
            data=data["data"],
            day=data["day"],
            attempt=attempt,
            until=data["until"],
            sums=MetricSums.from_list(data["statistics"]) if completed else None,
            exposures=Exposures.from_dict(data["exposures"]) if completed else None,
            error=data.get("error"),
            source=data.get("source", ""),
            computed_at=data["computed_at"],
            by=data["by"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return its document."""
        made: dict[str, Any] = {
            "format": 1,
            "metric": self.metric,
            "fingerprint": self.fingerprint,
            "data": self.data,
            "day": self.day,
            "until": self.until,
            "status": "failed" if self.sums is None else "completed",
        }
        if self.error is not None:
            made["error"] = self.error
        if self.exposures is not None:
            made["exposures"] = self.exposures.to_dict()
        if self.sums is not None:
            made["statistics"] = self.sums.to_list()
        if self.source:
            made["source"] = self.source
        return made | {"computed_at": self.computed_at, "by": self.by}

    @property
    def path(self) -> str:
        """Its path on the branch."""
        return layout.analysis_path(self.metric, self.fingerprint, self.day, self.attempt)


# --- writing ----------------------------------------------------------------------------------


def write(
    workspace: Workspace,
    experiment: str,
    records: Sequence[DayRecord],
    fingerprints: Mapping[str, Fingerprint],
) -> ObjectId | None:
    """Return the commit that records days, or None where every one is there already.

    Args:
        fingerprints: by the key of each metric, whose settings are put beside its days.
    """
    branch = layout.analyses_branch(Name(workspace.project_id), Name(experiment))
    contents = {record.path: dump_json(record.to_dict()) for record in records}
    for key in {record.metric for record in records}:
        made = fingerprints[key]
        document = {
            "format": 1,
            "metric": key,
            "fingerprint": made.value,
            "data": made.data,
            "settings": made.settings,
        }
        contents[layout.settings_path(key, made.value)] = dump_json(document)

    def work(tx: Transaction) -> ObjectId | None:
        from gitexp.store.trees import entry_at

        local = tx.ref(branch)
        parent = local or tx.ref(workspace.tracking(branch))
        base = tree_of(tx, parent) if parent else None
        new = {p: c for p, c in contents.items() if base is None or not entry_at(tx, base, p)}
        if not new:
            return None
        commit = tx.commit(
            tree=tx.tree(base, new),
            parents=[parent] if parent else [],
            message=_message(experiment, records),
            author=workspace.signature(),
        )
        tx.set_ref(branch, old=local, new=commit, message="gitexp: record days of an A/B test")
        return commit

    return transact(workspace.store, work)


def _message(experiment: str, records: Sequence[DayRecord]) -> str:
    days = sorted({record.day for record in records})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"analyse {experiment}: {when}\n\n" + "\n".join(sorted(r.path for r in records))


# --- reading ----------------------------------------------------------------------------------


def fingerprints_of(workspace: Workspace, experiment: str, metric: str) -> list[str]:
    """Return the first 16 digits of every fingerprint under which a metric has days."""
    found: dict[str, None] = {}
    for tree in _trees(workspace, experiment):
        directory = f"{layout.ANALYSES_DIR}/{metric}"
        found |= {e.name: None for e in list_dir(workspace.store, tree, directory) if e.is_tree}
    return sorted(found)


def settings_of(
    workspace: Workspace, experiment: str, metric: str, fingerprint: str
) -> Mapping[str, Any] | None:
    """Return the settings that a fingerprint was made of, None where it has no days here."""
    for _, entry in _entries(workspace, experiment, metric, fingerprint):
        if entry.name == layout.SETTINGS_FILE:
            path = layout.settings_path(metric, fingerprint)
            document: Mapping[str, Any] = _document(workspace, "fingerprint", entry, path)
            return document
    return None


def days_of_metric(
    workspace: Workspace, experiment: str, metric: str, fingerprint: str
) -> dict[str, DayRecord]:
    """Return the days of a metric under a fingerprint by their dates, the last attempt of each.

    Raises:
        StoreError: a file is damaged; the message names it.
    """
    found: dict[str, tuple[int, TreeEntry]] = {}
    for attempt, entry in _entries(workspace, experiment, metric, fingerprint):
        day = entry.name[:10]
        if attempt and attempt > found.get(day, (0, entry))[0]:
            found[day] = attempt, entry
    directory = layout.analysis_dir(metric, fingerprint)
    return {
        day: DayRecord.from_dict(
            _document(workspace, "analysis", entry, f"{directory}/{entry.name}"), attempt=attempt
        )
        for day, (attempt, entry) in sorted(found.items())
    }


def _entries(
    workspace: Workspace, experiment: str, metric: str, fingerprint: str
) -> Iterator[tuple[int, TreeEntry]]:
    """Yield the files of a metric with the attempt that each is; 0 is its settings."""
    for tree in _trees(workspace, experiment):
        directory = layout.analysis_dir(metric, fingerprint)
        for entry in list_dir(workspace.store, tree, directory):
            match = _FILE.match(entry.name)
            if entry.is_file and (match or entry.name == layout.SETTINGS_FILE):
                yield int(match[2] or 1) if match else 0, entry


def _trees(workspace: Workspace, experiment: str) -> list[Any]:
    branch = layout.analyses_branch(Name(workspace.project_id), Name(experiment))
    store = workspace.store
    tips = dict.fromkeys([store.ref(branch), store.ref(workspace.tracking(branch))])
    return [tree_of(store, tip) for tip in tips if tip is not None]


def _document(workspace: Workspace, kind: DocumentKind, entry: TreeEntry, path: str) -> Any:
    key = f"{kind}/1/{entry.id}"
    known = workspace.cache.get(key)
    if known is None:
        data = workspace.store.read(entry.id, limit=_LARGEST).data
        try:
            known = schemas.load(kind, data, file=path)
        except InvalidDocuments as exc:
            raise StoreError(
                f"the record of a day cannot be read: {exc.problems[0]}",
                hint="Such files are never changed; bring back what Git has of it.",
            ) from exc
        workspace.cache.put(key, known)
    return known


# --- sharing ----------------------------------------------------------------------------------


def fetch(workspace: Workspace) -> None:
    """Bring over the days that others computed."""
    branches = f"{layout.analyses_branches(Name(workspace.project_id))}*"
    workspace.remote().fetch([f"+{branches}:{workspace.tracking(branches)}"], prune=True)


def push(
    workspace: Workspace,
    names: Sequence[str] | None = None,
    *,
    pause: Callable[[int], None] | None = None,
) -> tuple[RefChange, ...]:
    """Return what was moved on the shared remote to share the days computed here.

    Args:
        names: the experiments whose days are shared; None shares all of them.
        pause: waits before another attempt.

    Raises:
        PushRejected: the remote refuses for another reason than a race.
        RemoteUnavailable: it cannot be reached.
    """
    refusals = Refusals()
    while True:
        updates = _plan(workspace, names)
        if not updates:
            return ()
        try:
            workspace.remote().push(updates)
        except PushRejected as exc:
            (pause or back_off)(refusals.count)
            fetch(workspace)
            tracked = workspace.store.ref
            moved = any(tracked(workspace.tracking(each.ref)) != each.old for each in updates)
            refusals.add(exc, moved=moved)
        else:
            return tuple(RefChange(ref=u.ref, old=u.old, new=u.new) for u in updates)


def _plan(workspace: Workspace, names: Sequence[str] | None) -> list[PushUpdate]:
    prefix = layout.analyses_branches(Name(workspace.project_id))
    here = workspace.store.refs(prefix)
    chosen = here if names is None else here.keys() & {f"{prefix}{name}" for name in names}
    updates = []
    for branch in sorted(chosen):
        theirs = workspace.store.ref(workspace.tracking(branch))
        joined = join(workspace, branch)
        if joined is not None and joined != theirs:
            updates.append(PushUpdate(ref=branch, old=theirs, new=joined))
    return updates


def join(workspace: Workspace, branch: str) -> ObjectId | None:
    """Return the tip of a local branch of analyses, once it holds what is shared as well."""

    def work(tx: Transaction) -> ObjectId | None:
        ours, theirs = tx.ref(branch), tx.ref(workspace.tracking(branch))
        if ours is None or theirs is None or _holds(tx, ours, theirs):
            return ours
        joined = _union(workspace, tx, ours, theirs)
        tx.set_ref(branch, old=ours, new=joined, message="gitexp: join shared days")
        return joined

    return transact(workspace.store, work)


def _holds(store: Store, ours: ObjectId, theirs: ObjectId) -> bool:
    return ours == theirs or merge_base(store, ours, theirs) == theirs


def _union(workspace: Workspace, tx: Transaction, ours: ObjectId, theirs: ObjectId) -> ObjectId:
    """Return a commit with the days of both; it changes nothing of what is shared."""
    base = merge_base(tx, ours, theirs)
    if base == ours:
        return theirs
    attempts: dict[str, bytes] = {}

    def shared_first(
        path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None
    ) -> bytes | None:
        if theirs is None:
            return ours
        if ours is not None and _is_completed(ours) and not _is_completed(theirs):
            attempts[path] = ours
        return theirs

    sides = tree_of(tx, base) if base else None, tree_of(tx, ours), tree_of(tx, theirs)
    merged = merge_trees(tx, *sides, combine=shared_first)
    if merged.tree is None:
        raise StoreError(f"days cannot be joined at {', '.join(merged.conflicts)}")
    tree = merged.tree
    for path, content in attempts.items():
        tree = tx.tree(tree, {_next_attempt(tx, tree, path): content})
    return tx.commit(
        tree=tree,
        parents=[theirs, ours],
        message="join days of an A/B test",
        author=workspace.signature(),
    )


def _is_completed(data: bytes) -> bool:
    try:
        return bool(json.loads(data)["status"] == "completed")
    except (ValueError, KeyError, TypeError):
        return False


def _next_attempt(store: Store, tree: TreeId, path: str) -> str:
    """Return the path of another attempt at the day of a file, after all that there are."""
    directory, _, name = path.rpartition("/")
    attempts = [
        int(match[2] or 1)
        for entry in list_dir(store, tree, directory)
        if (match := _FILE.match(entry.name)) and match[1] == name[:10]
    ]
    return f"{directory}/{name[:10]}.{max(attempts) + 1}.json"
