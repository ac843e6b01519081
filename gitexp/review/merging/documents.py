"""Merges of documents as texts: our layout and comments stay, only clashing keys get markers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.documents.problems import place_of, shown
from gitexp.documents.values import Path
from gitexp.documents.yaml_editor import edit_yaml
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.errors import InvalidInput
from gitexp.experiments.changes import same_value
from gitexp.review.merging.values import ABSENT, Clash, Grain, Merged, merge_mappings

MARKER_SIZE = 7

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, kw_only=True)
class MergedDocument:
    """A merged document.

    Attributes:
        text: with markers around the keys that clash.
        clashes: what both sides changed; none for a clean merge.
    """

    text: bytes
    clashes: tuple[Clash, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The keys that clash, such as `temperature` or `environments.production.policies`."""
        return tuple(place_of(clash.path) for clash in self.clashes)


def merge_documents(
    base: bytes,
    ours: bytes,
    theirs: bytes,
    *,
    path: str,
    grain: Grain,
    lines: bytes | None = None,
    marker_size: int = MARKER_SIZE,
) -> MergedDocument:
    """Return the three-way merge of a YAML document, key by key.

    Args:
        path: where it stands in the repository, for messages.
        grain: what is one thing in it.
        lines: a merge of the same texts line by line, where there is one without conflicts. It
            is taken where it says just what the merge by key says, since it has the comments of
            both sides.

    Raises:
        InvalidDocuments: one of the texts cannot be read as YAML.
        InvalidInput: one of them is no mapping.
    """
    before, mine, other = (_mapping(text, path) for text in (base, ours, theirs))
    merged = merge_mappings(before, mine, other, grain=grain)
    if merged.clashes:
        text = _with_markers(ours, merged, path, marker_size)
        return MergedDocument(text=text, clashes=merged.clashes)
    if lines is not None and _says(lines, merged.value, path):
        return MergedDocument(text=lines)
    return MergedDocument(text=_edited(ours, merged.value, path))


def told(clash: Clash) -> str:
    """Return a clash in one line: the key, and what it is on each side."""
    sides = (("base", clash.base), ("ours", clash.ours), ("theirs", clash.theirs))
    said = ", ".join(f"{side} {_short(value)}" for side, value in sides)
    return f"{place_of(clash.path)} ({said})"


def _short(value: Any) -> str:
    return "nothing" if value is ABSENT else shown(value, 40)


def _mapping(text: bytes, path: str) -> Mapping[str, Any]:
    value = parse_yaml(text, file=path).value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{path} is no mapping of keys to values")
    return value


def _says(text: bytes, value: Mapping[str, Any], path: str) -> bool:
    try:
        return same_value(dict(_mapping(text, path)), dict(value))
    except InvalidInput:
        return False


def _edited(text: bytes, value: Mapping[str, Any], path: str) -> bytes:
    return edit_yaml(text, value, file=path) if text.strip() else dump_yaml(value)


# --- markers ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Region:
    """Lines of our text in which some keys clash, and their lines in place of them."""

    start: int
    end: int
    theirs: Sequence[bytes]
    clashes: tuple[Clash, ...]


def _with_markers(ours: bytes, merged: Merged, path: str, size: int) -> bytes:
    """Return our text with all that merged in it, and markers around the keys that clash."""
    text = _ended(_edited(ours, merged.value, path))
    lines = _LINE.findall(text)
    end = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    for region in reversed(_regions(text, merged, path)):
        mine = lines[region.start : region.end]
        lines[region.start : region.end] = [
            b"<" * size + b" ours" + end,
            *mine,
            b"=" * size + end,
            *region.theirs,
            b">" * size + b" theirs" + end,
        ]
    return b"".join(lines)


def _regions(text: bytes, merged: Merged, path: str) -> list[_Region]:
    """Return where keys clash, from top to bottom; keys that share a line share a region.

    Where deciding each by itself could leave no document, all of them share one.
    """
    groups: list[tuple[Clash, ...]] = [(clash,) for clash in merged.clashes]
    while True:
        found = [_region(text, merged.value, group, path) for group in groups]
        found.sort(key=lambda region: (region.start, region.end))
        groups = _groups(found)
        if len(groups) == len(found):
            break
    if _says(_theirs(text, found), _decided(merged.value, merged.clashes), path):
        return found
    return [_region(text, merged.value, merged.clashes, path)]


def _theirs(text: bytes, regions: Sequence[_Region]) -> bytes:
    """Return the text with all regions decided for their side."""
    lines = _LINE.findall(text)
    for region in reversed(regions):
        lines[region.start : region.end] = region.theirs
    return b"".join(lines)


def _decided(value: Mapping[str, Any], clashes: Sequence[Clash]) -> Mapping[str, Any]:
    """Return values with some clashes decided for their side."""
    for clash in clashes:
        value = _put(value, clash.path, clash.theirs)
    return value


def _region(
    text: bytes, value: Mapping[str, Any], clashes: tuple[Clash, ...], path: str
) -> _Region:
    """Return the lines that are others where their values stand in place of ours."""
    wanted = _decided(value, clashes)
    mine, other = _LINE.findall(text), _LINE.findall(_ended(_edited(text, wanted, path)))
    shorter = min(len(mine), len(other))
    first = next((i for i in range(shorter) if mine[i] != other[i]), shorter)
    left = shorter - first
    rest = next((i for i in range(left) if mine[-1 - i] != other[-1 - i]), left)
    return _Region(
        start=first,
        end=len(mine) - rest,
        theirs=other[first : len(other) - rest],
        clashes=clashes,
    )


def _groups(regions: Sequence[_Region]) -> list[tuple[Clash, ...]]:
    """Return the clashes of each region, those of regions that overlap as one."""
    groups: list[tuple[Clash, ...]] = []
    end = -1
    for region in regions:
        if region.start < end:
            groups[-1] += region.clashes
        else:
            groups.append(region.clashes)
        end = max(end, region.end)
    return groups


def _put(value: Mapping[str, Any], path: Path, new: Any) -> dict[str, Any]:
    """Return a mapping with another value at a path, or without the key where that is ABSENT."""
    key, *rest = path
    changed = dict(value)
    if rest:
        inner = changed.get(str(key))
        changed[str(key)] = _put(inner if isinstance(inner, Mapping) else {}, tuple(rest), new)
    elif new is ABSENT:
        changed.pop(str(key), None)
    else:
        changed[str(key)] = new
    return changed


def _ended(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"
