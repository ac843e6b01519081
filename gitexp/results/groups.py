"""Which runs used the same values, and which version these are.

A run belongs to the version whose values it used: the one that it names, or, where that was
rewritten since or the run had overrides, the newest version with the same digest. Values that no
version has, which is what overrides usually come to, make a group of their own behind the version
that they started from, and are compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.documents.values import same
from gitexp.experiments.versions import Version
from gitexp.runs.run import Run

Key = tuple["str | None", "str | None"]
"""What names a group: a version, and the digest of values that are not that version's."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The runs that used the same values.

    Attributes:
        version: the version whose values they are, or from which overrides started.
        parent: the key of the group to compare with, which may have no runs; None for none.
        before: the values to compare with; None where there are none.
        overrides: what differs from the version, for values that no version has.
        runs: in the order in which they were given.
    """

    version: str | None
    digest: str | None
    message: str
    parent_version: str | None
    parent: Key | None
    before: Mapping[str, Any] | None
    values: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def finished(self) -> list[Run]:
        """The runs that count in rates."""
        return [run for run in self.runs if run.status == "finished"]

    def changed(self) -> dict[str, dict[str, Any]]:
        """Return the values that differ from those before, None where a side has no such slot."""
        if self.before is None:
            return {}
        before, after = self.before, self.values
        return {
            name: {"before": before.get(name), "after": after.get(name)}
            for name in {**before, **after}
            if not same(before.get(name, MISSING), after.get(name, MISSING))
        }


def grouped(versions: Sequence[Version], runs: Iterable[Run]) -> dict[Key | None, Group]:
    """Return a group for every version, with or without runs, and for all other values.

    Args:
        versions: oldest to newest.

    The newest version comes first, values that started from a version follow it, and what cannot
    be traced to a version of the history comes last.
    """
    known = _Known(versions)
    of_versions: dict[Key | None, Group] = {
        (version.version, None): known.group_of(version) for version in reversed(versions)
    }
    others: dict[Key | None, Group] = {}
    for run in runs:
        key = known.key_of(run)
        if key not in of_versions and key not in others:
            others[key] = known.group_of_values(run)
        (of_versions.get(key) or others[key]).runs.append(run)
    return _in_order(of_versions, others)


def _in_order(
    of_versions: Mapping[Key | None, Group], others: Mapping[Key | None, Group]
) -> dict[Key | None, Group]:
    order: dict[Key | None, Group] = {}
    for key, group in of_versions.items():
        order[key] = group
        order |= {other: found for other, found in others.items() if found.parent == key}
    return order | {key: group for key, group in others.items() if key not in order}


class _Known:
    """The versions of an experiment by their hashes and by their digests."""

    def __init__(self, versions: Sequence[Version]) -> None:
        self._by_hash = {h: version for version in versions for h in _hashes(version)}
        self._by_digest = {v.digest: v for v in versions if v.digest is not None}

    def key_of(self, run: Run) -> Key:
        """Return the key of the group that a run belongs to."""
        named = self._by_hash.get(run.version or "")
        if named is not None and run.digest == named.digest:
            return (named.version, None)
        same_values = self._by_digest.get(run.digest) if run.digest else None  # type: ignore[call-overload]
        if same_values is not None:
            return (same_values.version, None)
        return (named.version if named else run.version, run.digest)

    def group_of(self, version: Version) -> Group:
        """Return the empty group of a version."""
        parent = self._by_hash.get(version.parent_version or "")
        return Group(
            version=version.version,
            digest=version.digest,
            message=version.message,
            parent_version=version.parent_version,
            parent=(parent.version, None) if parent else None,
            before=parent.values if parent else None,
            values=version.values,
        )

    def group_of_values(self, run: Run) -> Group:
        """Return the empty group of values that no version has."""
        started_from = self._by_hash.get(run.version or "")
        return Group(
            version=started_from.version if started_from else run.version,
            digest=run.digest,
            message=started_from.message if started_from else "",
            parent_version=started_from.version if started_from else None,
            parent=(started_from.version, None) if started_from else None,
            before=started_from.values if started_from else None,
            values=run.parameters,
            overrides=run.overrides,
        )


def _hashes(version: Version) -> tuple[str, ...]:
    return (version.version, *version.aliases)
