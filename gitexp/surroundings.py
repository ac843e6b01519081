"""Everything that a process brings along, as one argument: time, identity, randomness, environment.

The library reads none of these by itself. `Surroundings.of_process()` is the one place that
looks, and the command line, `Repository.open()` and `gitexp.parameters()` call it when they were
given nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitexp.clock import Clock, SystemClock
from gitexp.ids import Randomness, system_bits


def log_notice(text: str) -> None:
    """Log what a person should know although nothing failed."""
    import logging

    logging.getLogger("gitexp").warning("%s", text)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a process brings along.

    Attributes:
        environ: environment variables.
        directory: the directory that relative paths start from.
        cache_root: where copies of environments read from a bare URL are kept.
        clock: the present time and a monotonic one.
        random_bits: a source of random bits for identifiers.
        interactive: whether a person can be asked for credentials.
        argv: the command line, which runs record.
        notice: takes what a person should know although nothing failed; by default it is logged
            by the logger `gitexp`.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path()
    cache_root: Path = Path(".gitexp-cache")
    clock: Clock = field(default_factory=SystemClock)
    random_bits: Randomness = system_bits
    interactive: bool = False
    argv: tuple[str, ...] = ()
    notice: Callable[[str], None] = log_notice

    @classmethod
    def of_process(cls) -> Surroundings:
        """Return the surroundings of this process."""
        environ = dict(os.environ)
        return cls(
            environ=environ,
            directory=Path.cwd(),
            cache_root=cache_root(environ, sys.platform),
            interactive=sys.stdin is not None and sys.stdin.isatty(),
            argv=tuple(sys.argv),
        )


def cache_root(environ: Mapping[str, str], platform: str) -> Path:
    """Return the user's cache directory for gitexp.

    `GITEXP_CACHE` names it outright; otherwise it follows the XDG base directory specification
    on Linux, `~/Library/Caches` on macOS and `%LOCALAPPDATA%` on Windows.
    """
    if explicit := environ.get("GITEXP_CACHE"):
        return Path(explicit)
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if platform == "darwin":
        return home / "Library" / "Caches" / "gitexp"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "gitexp" / "cache"
    xdg = environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if xdg.startswith("/") else home / ".cache") / "gitexp"
