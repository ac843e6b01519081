"""Names of files that are safe to check out on every file system."""

from __future__ import annotations

import re

_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_DIRECTORY = re.compile(r"(?:\.git|git~1)[ .]*(?:\Z|[\\:])", re.IGNORECASE)


def disguise_fault(name: str) -> str | None:
    """Return why a name leads elsewhere on some file system, or None when it does not.

    macOS ignores some characters in names, Windows ignores dots and spaces at the end, takes
    `git~1` for `.git`, a backslash for a separator and what follows a colon for a stream; the
    rules are those of Git's `core.protectHFS` and `core.protectNTFS`.
    """
    if "\\" in name:
        return "it contains '\\', which separates directories on Windows"
    if _GIT_DIRECTORY.match(_IGNORED_BY_HFS.sub("", name)):
        return "it is another spelling of '.git' on some file systems"
    return None
