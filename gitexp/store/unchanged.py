"""Whether a working tree is still as it was when it was looked at, answered without running Git.

What was looked at is remembered by what `lstat` says of every file and directory that matters. A
new file shows in its directory, a changed one in its own times. A thing that changed so shortly
before it was remembered that a further change might leave its times alone is never trusted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from gitexp.store.files import lstat_or_none

MOST_PATHS = 1000
"""How many paths are remembered at most: looking at them again must cost less than Git does."""

_TICK = 20 * 10**6
_COARSE_TICK = 2 * 10**9
_SECOND = 10**9

Stamp = tuple[int, ...] | None

_NEVER: Stamp = ()
"""What is seen of no path, so that nothing is like it."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What was seen of a working tree, by path."""

    stamps: Mapping[str, Stamp]

    def holds(self) -> bool:
        """Return whether everything is still as it was."""
        try:
            return all(_stamp(path) == was for path, was in self.stamps.items())
        except OSError:
            return False


def now() -> int:
    """Return the present time in the nanoseconds in which file systems tell theirs."""
    return time.time_ns()


def sight_of(
    top: str, *, skipped: Collection[str], more: Collection[str] = (), since: int
) -> Sight | None:
    """Return what is seen of a working tree now, or None where there is too much to be seen.

    That is where there are too many paths, a repository in the repository, or a directory that may
    not be read. Where something changed when or shortly before it was looked at, it never holds.

    Args:
        skipped: paths below the top whose content does not matter, such as ignored ones.
        more: further files, by their full paths, there or not.
        since: when the look began that this is to stand for, as `now` told it.
    """
    stamps: dict[str, Stamp] = {}
    try:
        for path in chain(more, [top], _below(top, "", frozenset(skipped))):
            stamps[path] = _stamp(path)
            if len(stamps) > MOST_PATHS:
                return None
    except FileNotFoundError:
        return Sight(stamps={top: _NEVER})
    except (OSError, _NestedRepository):
        return None
    return Sight(stamps=_relied_upon(stamps, since))


def _relied_upon(stamps: Mapping[str, Stamp], since: int) -> dict[str, Stamp]:
    return {path: _NEVER if _is_fresh(stamp, since) else stamp for path, stamp in stamps.items()}


class _NestedRepository(Exception):
    """A directory is a repository of its own."""


def _below(directory: str, name: str, skipped: Collection[str]) -> Iterator[str]:
    """Yield the paths in a directory and below it; `name` is that of the directory from the top."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == ".git":
                if name:
                    raise _NestedRepository
                continue
            path = name + entry.name
            if path in skipped:
                continue
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, f"{path}/", skipped)


def _stamp(path: str) -> Stamp:
    found = lstat_or_none(path)
    if found is None:
        return None
    times = (found.st_mtime_ns, found.st_ctime_ns)
    return (*times, found.st_size, found.st_ino, found.st_mode)


def _is_fresh(stamp: Stamp, since: int) -> bool:
    """Return whether a change after the look could have left the times as they are."""
    if stamp is None:
        return False
    changed = max(stamp[:2])
    # A whole second tells of a file system that keeps no parts of it.
    return changed > since - (_TICK if changed % _SECOND else _COARSE_TICK)
