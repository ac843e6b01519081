"""Versions of programs, as `semver_` operators compare them: by major, minor and patch alone."""

from __future__ import annotations

import re

Semver = tuple[int, int, int]

_NUMBER = r"(0|[1-9][0-9]{0,17})"
_VERSION = re.compile(rf"\s*[vV]*{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?(?:[-+.].*)?\s*\Z", re.S)
_WILDCARD = re.compile(rf"\s*[vV]*{_NUMBER}(?:\.{_NUMBER})?\.\*(?:\.\*)?\s*\Z")


def semver(text: str) -> Semver | None:
    """Return major, minor and patch of a text such as `v1.2.3-beta`, None where it is none.

    What is not said is 0. What follows the numbers, such as `-beta`, is not looked at.
    """
    found = _VERSION.match(text)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


def bounds(operator: str, text: str) -> tuple[Semver, Semver]:
    """Return the first version of a range, and the first one after it.

    Raises:
        ValueError: the text names no such range.
    """
    if operator == "semver_wildcard":
        return _wildcard(text)
    version = semver(text)
    if version is None:
        raise ValueError(f"{text!r} is no version")
    major, minor, patch = version
    if operator == "semver_tilde":
        return version, (major, minor + 1, 0)
    if major:
        return version, (major + 1, 0, 0)
    return version, (0, minor + 1, 0) if minor else (0, 0, patch + 1)


def _wildcard(text: str) -> tuple[Semver, Semver]:
    found = _WILDCARD.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no version with a wildcard")
    major = int(found.group(1))
    if found.group(2) is None:
        return (major, 0, 0), (major + 1, 0, 0)
    minor = int(found.group(2))
    return (major, minor, 0), (major, minor + 1, 0)
