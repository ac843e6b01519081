"""Paths that mean the same file, inside the repository, on every operating system."""

from __future__ import annotations

import re
import unicodedata

from gitexp.documents.limits import deceptive
from gitexp.documents.problems import shown
from gitexp.errors import InvalidInput

_LONGEST_SEGMENT = 255
_LONGEST_PATH = 4096

# Code points that HFS+ leaves out when it compares names, so that ".g\u200cit" is ".git" there;
# the list is the one that Git itself uses.
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_DIR = re.compile(r"(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.IGNORECASE)
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:[.:].*)?",
    re.IGNORECASE,
)
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]')


def safe_path(path: str) -> str:
    """Return a path that stays inside the repository and is safe on every operating system.

    Raises:
        InvalidInput: it is absolute, leaves its directory, reaches into `.git` in any disguise,
            or cannot be checked out somewhere; the message says which rule it breaks.
    """
    reason = path_fault(path)
    if reason:
        raise InvalidInput(
            f"{shown(path)} is not a usable path: {reason}",
            hint="Use a path relative to the repository, with '/' between names.",
        )
    return path


def path_fault(path: str) -> str | None:
    """Return why a path cannot be used, or None when it can."""
    if not path:
        return "it is empty"
    if "\\" in path:
        return "it has a backslash"
    if deceptive(path):
        return "it has a character that is not printed"
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "it is absolute"
    if len(path.encode("utf-8")) > _LONGEST_PATH:
        return f"it is longer than {_LONGEST_PATH} bytes"
    return next(filter(None, map(_segment_fault, path.split("/"))), None)


def _segment_fault(segment: str) -> str | None:
    if not segment:
        return "it has an empty segment"
    if segment in (".", ".."):
        return f"it has the segment {segment!r}"
    if _GIT_DIR.fullmatch(_HFS_IGNORED.sub("", segment)):
        return "it reaches into a .git directory"
    if segment[-1] in ". ":
        return f"{shown(segment)} ends with a dot or a space, which Windows drops"
    return _portability_fault(segment)


def _portability_fault(segment: str) -> str | None:
    if _DEVICE.fullmatch(segment):
        return f"{shown(segment)} is the name of a device on Windows"
    if _NOT_ON_WINDOWS.search(segment):
        return f"{shown(segment)} has a character that Windows does not allow"
    if _HFS_IGNORED.search(segment):
        return f"{shown(segment)} has a character that is not printed"
    if unicodedata.normalize("NFC", segment) != segment:
        return f"{shown(segment)} is not in the Unicode normal form NFC"
    if len(segment.encode("utf-8")) > _LONGEST_SEGMENT:
        return f"a segment is longer than {_LONGEST_SEGMENT} bytes"
    return None
