"""The packages that the interpreter of a run can import: `name==version`, a line each, sorted.

Reading the metadata of all packages costs a fifth of a second, so what a directory holds is kept
by its identity: installing a package changes the time of the directory. Each directory is kept for
itself, because that of the script that runs is one of them and changes all the time.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitexp.store.cache import DerivedCache

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_READING = "1"
"""Changes when the same directories may be read as something else."""

_SEPARATORS = re.compile(r"[-_.]+")
_FIELD = re.compile(r"^(Name|Version):[ \t]*(\S+)", re.MULTILINE)
_FILES = ("METADATA", "PKG-INFO")

Identity = tuple[int, ...] | None
Versions = dict[str, str]


def packages_text(cache: DerivedCache, path: Sequence[str] | None = None) -> bytes:
    """Return the list of installed packages, as text.

    Args:
        path: the directories that are looked into; those of this interpreter by default.
    """
    directories = sys.path if path is None else path
    return cache.memo("packages", _Lists).text(cache, tuple(directories))


class _Lists:
    """What was found in each directory, and the last answer."""

    def __init__(self) -> None:
        self._by_directory: dict[str, tuple[Identity, Versions]] = {}
        self._last: tuple[object, bytes] = (None, b"")

    def text(self, cache: DerivedCache, directories: tuple[str, ...]) -> bytes:
        """Return the list of what the directories hold."""
        places = tuple((directory, _identity(directory)) for directory in directories)
        known, text = self._last
        if known != places:
            text = self._make(cache, places)
            self._last = (places, text)
        return text

    def _make(self, cache: DerivedCache, places: Sequence[tuple[str, Identity]]) -> bytes:
        found: Versions = {}
        for directory, identity in reversed(places):
            if identity is not None:
                # Of two packages of one name, the first is the one that is imported.
                found |= self._versions(cache, directory, identity)
        return "".join(f"{name}=={found[name]}\n" for name in sorted(found)).encode("utf-8")

    def _versions(self, cache: DerivedCache, directory: str, identity: Identity) -> Versions:
        known = self._by_directory.get(directory)
        if known is None or known[0] != identity:
            known = identity, _kept(cache, directory, identity)
            self._by_directory[directory] = known
        return known[1]


def _kept(cache: DerivedCache, directory: str, identity: Identity) -> Versions:
    key = f"packages/{_READING}/{os.path.abspath(directory)}"
    known = cache.get(key)
    if isinstance(known, dict) and known["identity"] == list(identity or ()):
        found: Versions = known["versions"]
        return found
    found = _installed(directory)
    # What is being installed meanwhile may have been found or not; then the identity changed.
    if found and _identity(directory) == identity:
        cache.put(key, {"identity": identity, "versions": found})
        cache.flush()
    return found


def _identity(directory: str) -> Identity:
    try:
        found = os.stat(directory or os.curdir)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_dev, found.st_ino


def _installed(directory: str) -> Versions:
    """Return the versions of the packages in a directory, by name in its normal form (PEP 503)."""
    from importlib.metadata import distributions

    found: Versions = {}
    for distribution in distributions(path=[directory]):
        # The library's own reading of the metadata takes twice as long.
        fields = dict(_header(distribution))
        if "Name" in fields and "Version" in fields:
            found.setdefault(_SEPARATORS.sub("-", fields["Name"]).lower(), fields["Version"])
    return found


def _header(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Yield the fields of the header of the metadata; one that is repeated counts once, first."""
    text = next(filter(None, map(distribution.read_text, _FILES)), "")
    header = text.partition("\n\n")[0]
    yield from ((match[1], match[2]) for match in reversed(list(_FIELD.finditer(header))))
