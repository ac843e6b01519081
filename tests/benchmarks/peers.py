"""Peers: the programs that gitexp is measured beside, in a virtual environment of their own.

`python -m tests.benchmarks.peers` installs them from the package index where they are missing. That
it cannot is said, and is no error: the benchmarks then run without them.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PLACE = Path(__file__).parent.parent.parent / ".bench"
REQUIREMENTS = ("dvc>=3.60,<4", "gto>=1.7,<2")

_SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
_SUFFIX = ".exe" if sys.platform == "win32" else ""
_NAMES = ("dvc", "gto")


def find(name: str, place: Path = PLACE) -> Path | None:
    """Return the program of a peer, or None when it is not installed."""
    program = place / "peers" / _SCRIPTS / (name + _SUFFIX)
    return program if program.exists() else None


def install(place: Path = PLACE) -> str:
    """Install the peers that are missing; returns why that failed, or an empty text."""
    if all(find(name, place) for name in _NAMES):
        return ""
    directory = place / "peers"
    try:
        venv.create(directory, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        return f"{directory} cannot be made: {exc}"
    python = directory / _SCRIPTS / ("python" + _SUFFIX)
    options = ["--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [python, "-m", "pip", "install", *options, *REQUIREMENTS], capture_output=True, text=True
    )
    last = done.stderr.strip().splitlines()[-1:] or ["pip wrote nothing"]
    return f"pip ended with {done.returncode}: {last[0]}" if done.returncode else ""


def main() -> None:
    """Install what is missing, and say so when that cannot be done."""
    if reason := install():
        print(f"dvc and gto are not installed, and are left out: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
