"""What the `git` program means when it fails: its lines of standard error as errors of gitexp."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitexp.errors import Conflict, GitexpError, MissingObject, RepositoryBusy, StoreError
from gitexp.store.pushes import unavailable
from gitexp.store.refspecs import not_there
from gitexp.store.urls import sanitize

_BOILERPLATE = re.compile(
    r"fatal: could not read from remote repository|please make sure you have|and the repository "
    r"exists|fatal: the remote end hung up|error: failed to push|warning: |hint: |From |To |remote:"
    r"|error: remote unpack failed",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"authentication failed|permission denied|could not read (?:username|password)|terminal "
    r"prompts|returned error: 40[13]|http resp 40[13]|host key verification"
    r"|access denied(?! or repo)|invalid credentials|logon failed|no supported authentication",
    re.IGNORECASE,
)
_UNREACHED = re.compile(
    r"unable to connect|connection refused|could not resolve|couldn't connect|failed to connect"
    r"|does not appear to be a git repository|repository .* not found|network is unreachable"
    r"|no route to host|repository not exported|transport .* not allowed",
    re.IGNORECASE,
)
_MOVING = (
    r"\A(?!(?:.|\n)*(?:permission denied|read-only|no space left|not a directory"
    r"|unable to resolve))(?:.|\n)*?"
    r"^(?:(?:error|fatal): (?:.*: )?cannot lock ref '| ! .* -> +)([^\s']+)"
    r"(?:'|.*\(unable to update local ref\))"
)
_UNWRITABLE = (
    r"^(?:error|fatal): (?:cannot lock ref|cannot open|unable to create) .*"
    r": (read-only file system|permission denied)$"
)
_DISTURBED = re.compile(
    r"did not send all necessary objects"
    r"|^(?:error|fatal): .*\bobjects/.*: no such file or directory"
    r"|^error: unable to create temporary file: no such file or directory"
    r"|^fatal: (?:bad tree object|object) [0-9a-f]{40,64}(?: not found)?$",
    re.IGNORECASE | re.MULTILINE,
)
_PREFIX = re.compile(r"(?:fatal|error): (?:remote error: )?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Whose failure it is.

    Attributes:
        title: how messages call the remote.
        name: its configured name, or None.
        directory: the local repository.
    """

    title: str
    name: str | None
    directory: Path


def diagnose(lines: Sequence[str], where: Trouble) -> GitexpError:
    """Return the error that a failed call means; when in doubt, the remote is unavailable."""
    text = "\n".join(lines)
    # What the server says is left out of what decides: it may say anything.
    own = "\n".join(line for line in lines if not line.startswith("remote:"))
    for pattern, error in _MEANINGS:
        if found := re.search(pattern, own, re.IGNORECASE | re.MULTILINE):
            return error(found[1] if found.re.groups else "", where)
    line = _telling_line(lines)
    return unavailable(where.title, where.name, line, denied=is_denied(text))


def disturbance(lines: Sequence[str], title: str, directory: Path) -> StoreError | None:
    """Return the error of a fetch whose objects did not arrive whole, or None.

    It happens beside a running `git gc`, and then another attempt succeeds.
    """
    own = [line for line in lines if not line.startswith("remote:")]
    if not _DISTURBED.search("\n".join(own)):
        return None
    return StoreError(
        f"what {title} sent did not arrive whole in {directory}: {sanitize(_telling_line(own))}",
        hint="Run the command again when no `git gc` is at work here; if it stays so, look for "
        "damage with `git fsck`, here and there.",
    )


def is_denied(text: str) -> bool:
    """Return whether a text says that credentials were missing or refused."""
    return bool(_DENIED.search(text))


def absent_object(text: str) -> str | None:
    """Return the object id that a server says it does not have or give, or None."""
    found = re.search(r"(?:not our ref|unadvertised object) ([0-9a-f]{40,64})", text)
    return found[1] if found else None


def never_connected(lines: Sequence[str]) -> bool:
    """Return whether a call failed before anything could have been sent."""
    return any(_DENIED.search(line) or _UNREACHED.search(line) for line in lines)


def server_lines(lines: Sequence[str]) -> list[str]:
    """Return what the server said, out of everything that git wrote."""
    return [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]


def _telling_line(lines: Sequence[str]) -> str:
    """Return the line that says why; git's own last words are often the same for everything."""
    telling = [line for line in lines if not _BOILERPLATE.match(line)]
    fatal = [line for line in telling if line.startswith(("fatal:", "ssh:"))]
    said = [line for line in lines if line.startswith(("fatal:", "remote:"))]
    chosen = next(iter([*fatal[-1:], *telling[-1:], *said[-1:], *lines[-1:]]), "git gave no reason")
    if chosen.endswith(":"):
        # `unable to connect to HOST:` is followed by a line for each address that was tried.
        chosen = " ".join(lines[lines.index(chosen) :])
    return _PREFIX.sub("", chosen, count=1)


def _absent(name: str, where: Trouble) -> GitexpError:
    return not_there(sanitize(name), where.title)


def _missing(name: str, where: Trouble) -> GitexpError:
    return MissingObject(
        f"object {sanitize(name)} is not in this repository",
        hint="Run `git fetch --unshallow` when the clone is shallow, or `git fsck` to look for "
        "damage.",
    )


def _rewound(name: str, where: Trouble) -> GitexpError:
    return Conflict(
        f"{sanitize(name)} would lose commits when {where.title} is fetched",
        hint="Join the two lines first, or fetch into another reference.",
    )


def _checked_out(name: str, where: Trouble) -> GitexpError:
    return Conflict(
        f"{sanitize(name)} is checked out and cannot be fetched into",
        hint="Fetch into a tracking reference and merge that.",
    )


def _locked(name: str, where: Trouble) -> GitexpError:
    return RepositoryBusy(
        f"another git process holds {sanitize(name)}",
        hint="Wait until it has finished; when none is running, remove the file.",
    )


def _moving(name: str, where: Trouble) -> GitexpError:
    return RepositoryBusy(
        f"another git process keeps moving {sanitize(name)}",
        hint="Wait until it has finished and run the command again.",
    )


def _full(name: str, where: Trouble) -> GitexpError:
    return StoreError(
        f"no space left on the disk for what {where.title} sends",
        hint="Free some space (`df -h .` shows how much there is) and run the command again.",
    )


def _unwritable(reason: str, where: Trouble) -> GitexpError:
    return StoreError(
        f"git cannot write to the repository in {where.directory}: {reason.lower()}",
        hint="Check the disk and the permissions of the repository, then run the command again.",
    )


def _clash(name: str, where: Trouble) -> GitexpError:
    return Conflict(
        f"a reference cannot be written: {sanitize(name)}",
        hint="Run `git fetch --prune` to remove tracking references of deleted branches.",
    )


def _owned(name: str, where: Trouble) -> GitexpError:
    return StoreError(
        f"git does not read the repository in {where.directory}: it belongs to another user",
        hint=f"Run `git config --global --add safe.directory {where.directory}` if you trust it.",
    )


def _no_repository(name: str, where: Trouble) -> GitexpError:
    return StoreError(
        f"git finds no repository in {where.directory}",
        hint="Look for damage with `git fsck`; a repository needs HEAD, objects and refs.",
    )


def _outdated(name: str, where: Trouble) -> GitexpError:
    return StoreError(
        f"the installed git does not know the option {sanitize(name)}",
        hint="Install Git 2.31 or newer; see `git --version`.",
    )


_MEANINGS: tuple[tuple[str, Callable[[str, Trouble], GitexpError]], ...] = (
    (r"detected dubious ownership()", _owned),
    (r"^(?:error|fatal): .*: no space left on device()", _full),
    (_UNWRITABLE, _unwritable),
    (r"^fatal: not a git repository()", _no_repository),
    (r"couldn't find remote ref (\S+)", _absent),
    (r"remote branch (\S+) not found in upstream", _absent),
    (r"not our ref ([0-9a-f]{40,64})", _absent),
    (r"unadvertised object ([0-9a-f]{40,64})", _absent),
    (r"^fatal: bad object ([0-9a-f]{40,64})", _missing),
    (r"^error: src refspec (\S+) does not match", _missing),
    (r"not a valid (?:object|commit) name '?([0-9a-f]{40,64})", _missing),
    (r"refusing to fetch into (?:current )?branch '?([^\s']+)", _checked_out),
    (r"^ ! \[rejected\].* -> +(\S+) +\(", _rewound),
    (
        r"^(?:error|fatal): (?:cannot lock ref .*: )?unable to create '(.*\.lock)': file exists",
        _locked,
    ),
    (r"^error: cannot lock ref '.*': ('.*' exists; cannot create .*)", _clash),
    (r"^fatal: (shallow file) has changed since we read it", _moving),
    (_MOVING, _moving),
    (r"^error: unknown option `([^']*)'", _outdated),
)
"""Patterns over all lines, in the order of how much they tell; one group names the thing."""
