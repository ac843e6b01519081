"""Which runs used the same values, and which version these are.

A run belongs to the version whose values it used: the one that it names, or, where that was
rewritten since or the run had overrides, the newest version with the same digest. Values that no
version has, which is what overrides usually come to, make a group of their own behind the version
that they started from, and are compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.problems import MISSING
from gitexp.documents.values import same
from gitexp.experiments.versions import Version
from gitexp.runs.aggregating import Brief, Subject, Tally

Key = tuple["str | None", "str | None"]
"""What names a group: a version, and the digest of values that are not that version's."""

Documents = Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
"""Returns the documents of runs by their ids."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The runs that used the same values.

    Attributes:
        version: the version whose values they are, or from which overrides started.
        parent: the key of the group to compare with, which may have no runs; None for none.
        before: the values to compare with; None where there are none.
        overrides: what differs from the version, for values that no version has.
        tallies: what the runs add up to.
        briefs: some of them, the newest first.
    """

    version: str | None
    digest: str | None
    message: str
    parent_version: str | None
    parent: Key | None
    before: Mapping[str, Any] | None
    values: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    tallies: list[Tally] = field(default_factory=list)
    briefs: list[Brief] = field(default_factory=list)

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


def grouped(
    versions: Sequence[Version],
    tallies: Iterable[Tally],
    briefs: Iterable[Brief] = (),
    *,
    documents: Documents,
) -> dict[Key | None, Group]:
    """Return a group for every version, with or without runs, and for all other values.

    Args:
        versions: oldest to newest.
        documents: asked for one run of each of the other values, all at once.

    The newest version comes first, values that started from a version follow it, and what cannot
    be traced to a version of the history comes last.
    """
    known = _Known(versions)
    of_versions: dict[Key | None, Group] = {
        (version.version, None): known.group_of(version) for version in reversed(versions)
    }
    by_key: dict[Key, list[Tally]] = {}
    for tally in tallies:
        by_key.setdefault(known.key_of(tally.subject), []).append(tally)
    others = _others(known, {k: t for k, t in by_key.items() if k not in of_versions}, documents)
    for key, found in by_key.items():
        (of_versions.get(key) or others[key]).tallies.extend(found)
    for brief in briefs:
        key = known.key_of(brief.subject)
        (of_versions.get(key) or others[key]).briefs.append(brief)
    return _in_order(of_versions, others)


def _others(
    known: _Known, tallies: Mapping[Key, list[Tally]], documents: Documents
) -> dict[Key | None, Group]:
    if not tallies:
        return {}
    examples = documents([found[0].example for found in tallies.values()])
    return {
        key: known.group_of_values(found[0].subject, examples.get(found[0].example, {}))
        for key, found in tallies.items()
    }


def _in_order(
    of_versions: Mapping[Key | None, Group], others: Mapping[Key | None, Group]
) -> dict[Key | None, Group]:
    behind: dict[Key | None, list[Key | None]] = {}
    for key, group in others.items():
        behind.setdefault(group.parent, []).append(key)
    order: dict[Key | None, Group] = {}
    for key, group in of_versions.items():
        order[key] = group
        order |= {other: others[other] for other in behind.get(key, ())}
    return order | {key: group for key, group in others.items() if key not in order}


class _Known:
    """The versions of an experiment by their hashes and by their digests."""

    def __init__(self, versions: Sequence[Version]) -> None:
        self._by_hash = {h: version for version in versions for h in _hashes(version)}
        self._by_digest = {v.digest: v for v in versions if v.digest is not None}

    def key_of(self, subject: Subject) -> Key:
        """Return the key of the group that runs belong to."""
        named = self._by_hash.get(subject.version or "")
        if named is not None and subject.digest == named.digest:
            return (named.version, None)
        same_values = self._by_digest.get(subject.digest) if subject.digest else None  # type: ignore[call-overload]
        if same_values is not None:
            return (same_values.version, None)
        return (named.version if named else subject.version, subject.digest)

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

    def group_of_values(self, subject: Subject, example: Mapping[str, Any]) -> Group:
        """Return the empty group of values that no version has, as one of its runs holds them."""
        started_from = self._by_hash.get(subject.version or "")
        return Group(
            version=started_from.version if started_from else subject.version,
            digest=subject.digest,
            message=started_from.message if started_from else "",
            parent_version=started_from.version if started_from else None,
            parent=(started_from.version, None) if started_from else None,
            before=started_from.values if started_from else None,
            values=example.get("parameters", {}),
            overrides=example.get("overrides", {}),
        )


def _hashes(version: Version) -> tuple[str, ...]:
    return (version.version, *version.aliases)
