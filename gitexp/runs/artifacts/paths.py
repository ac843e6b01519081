"""Paths of artifacts: safe on every system, and no two of a run in each other's way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from gitexp.documents.problems import shown
from gitexp.documents.safe_paths import path_fault
from gitexp.errors import Conflict, InvalidInput
from gitexp.runs.artifacts.artifact import Artifact

_MOST_DECODINGS = 5
_READ_BY_GIT = re.compile(r"\.git(?:attributes|modules)|gi[0-9a-z]{1,4}~[0-9]+", re.IGNORECASE)
_HINT = "Use a relative path with '/' between names, such as plots/loss.png."


def artifact_path(*parts: str) -> str:
    """Return the path that parts make up, in the Unicode normal form NFC.

    Raises:
        InvalidInput: it is not safe; the message says which rule it breaks.
    """
    path = unicodedata.normalize("NFC", "/".join(parts))
    fault = artifact_path_fault(path)
    if fault:
        raise InvalidInput(f"{shown(path)} is not a usable artifact path: {fault}", hint=_HINT)
    return path


def artifact_path_fault(path: str) -> str | None:
    """Return why a path cannot be that of an artifact, or None when it can.

    Besides what is unsafe for a file anywhere, that is what becomes unsafe when somebody decodes
    it, and names that Git itself reads in a tree.
    """
    return path_fault(path) or _git_fault(path) or _encoded_fault(path)


def _git_fault(path: str) -> str | None:
    found = next((name for name in path.split("/") if _READ_BY_GIT.fullmatch(name)), None)
    return f"Git gives the name {found} a meaning of its own" if found else None


def _encoded_fault(path: str) -> str | None:
    decoded = path
    for _ in range(_MOST_DECODINGS):
        before, decoded = decoded, unquote(decoded, errors="surrogateescape")
        if decoded == before:
            return None
        fault = path_fault(decoded) or _git_fault(decoded)
        if fault is None and decoded.count("/") != path.count("/"):
            fault = "it has another number of segments"
        if fault:
            return f"with its percent signs decoded, {fault}"
    return "it is encoded over and over"


class Catalogue:
    """The artifacts of one run by path, the way a file system that ignores case sees them."""

    def __init__(self, artifacts: Iterable[Artifact] = ()) -> None:
        self._files: dict[str, Artifact] = {}
        self._directories: dict[str, str] = {}
        for artifact in artifacts:
            self._add(artifact)

    def check(self, path: str) -> None:
        """Refuse a path that is in another artifact's way; the very same path is none.

        Raises:
            Conflict: another artifact has that path but for its case, or one of the two would
                have to be a directory.
        """
        key = _folded(path)
        taken = self._files.get(key)
        if taken is not None and taken.path != path:
            raise _in_the_way(path, taken.path, "differs from it only in upper and lower case")
        if key in self._directories:
            raise _in_the_way(path, self._directories[key], "is below it")
        for parent in _parents(key):
            if parent in self._files:
                raise _in_the_way(path, self._files[parent].path, "is a file")

    def admit(self, artifact: Artifact) -> bool:
        """Return whether an artifact is new; one that is there with the same bytes is not.

        Raises:
            Conflict: as for `check`, or its path is there with other bytes.
        """
        self.check(artifact.path)
        known = self._files.get(_folded(artifact.path))
        if known is None:
            self._add(artifact)
            return True
        if (known.digest, known.size) != (artifact.digest, artifact.size):
            raise Conflict(
                f"the artifact {shown(artifact.path)} is there already with other content",
                hint="Artifacts are never overwritten; log it under another path.",
            )
        return False

    def get(self, path: str) -> Artifact | None:
        """Return the artifact with a path, or None."""
        found = self._files.get(_folded(path))
        return found if found is not None and found.path == path else None

    def _add(self, artifact: Artifact) -> None:
        key = _folded(artifact.path)
        self._files[key] = artifact
        for parent in _parents(key):
            self._directories.setdefault(parent, artifact.path)


def _in_the_way(path: str, other: str, how: str) -> Conflict:
    return Conflict(
        f"the artifact path {shown(path)} cannot be used: {shown(other)} {how}",
        hint="Log it under another path.",
    )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def _parents(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
