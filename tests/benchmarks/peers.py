"""Peers: the programs that gitexp is measured beside, in environments of their own.

`python -m tests.benchmarks.peers` installs them from the package indexes where they are missing.
That it cannot is said, and is no error: the benchmarks then run without them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

PLACE = Path(__file__).parent.parent.parent / ".bench"
REQUIREMENTS: Mapping[str, Mapping[str, str]] = {
    "peers": {"dvc": "dvc>=3.60,<4", "gto": "gto>=1.7,<2"},
    "mlflow": {"mlflow": "mlflow>=3.11,<4"},
    "inspect": {"inspect": "inspect-ai>=0.3.100,<0.4"},
}
"""What pip installs for each program, by the environment that it lives in."""

NODE_REQUIREMENTS: Mapping[str, Mapping[str, str]] = {
    "promptfoo": {"promptfoo": "promptfoo@~0.121.0"},
}
"""What npm installs, likewise."""

_SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
_SUFFIX = ".exe" if sys.platform == "win32" else ""


def find(name: str, place: Path = PLACE) -> Path | None:
    """Return the program of a peer, or None when it is not installed."""
    programs = (
        *(_script(place / each, name) for each in REQUIREMENTS),
        *(_node_script(place / each, name) for each in NODE_REQUIREMENTS),
    )
    return next((program for program in programs if program.exists()), None)


def interpreter_of(program: Path) -> Path:
    """Return the Python that a program was installed for."""
    return program.with_name("python" + _SUFFIX)


def _script(environment: Path, name: str) -> Path:
    return environment / _SCRIPTS / (name + _SUFFIX)


def _node_script(environment: Path, name: str) -> Path:
    suffix = ".cmd" if sys.platform == "win32" else ""
    return environment / "node_modules" / ".bin" / (name + suffix)


def install(place: Path = PLACE) -> list[str]:
    """Install the peers that are missing; returns which could not be and why, a line for each."""
    found = []
    for way, environments in ((_install, REQUIREMENTS), (_install_with_npm, NODE_REQUIREMENTS)):
        for name, requirements in environments.items():
            if all(find(program, place) for program in requirements):
                continue
            if reason := way(place / name, requirements):
                programs = " and ".join(requirements)
                found.append(f"cannot be installed and will be left out: {programs} ({reason})")
    return found


def _install(environment: Path, requirements: Mapping[str, str]) -> str:
    """Make an environment anew; returns why that failed, or an empty text."""
    try:
        venv.create(environment, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        return f"{environment} cannot be made: {exc}"
    pip: list[str | Path] = [_script(environment, "python"), "-m", "pip", "install"]
    options = ["--quiet", "--disable-pip-version-check"]
    return _failure("pip", [*pip, *options, *requirements.values()])


def _install_with_npm(environment: Path, requirements: Mapping[str, str]) -> str:
    """Install with npm; returns why that failed, or an empty text."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not on the PATH"
    try:
        environment.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        return f"{environment} cannot be made: {exc}"
    options: list[str | Path] = [
        "--prefix",
        environment,
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    return _failure("npm", [npm, "install", *options, *requirements.values()])


def _failure(name: str, command: Sequence[str | Path]) -> str:
    """Run an installer; returns how it failed, or an empty text."""
    done = subprocess.run(command, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1:] or [f"{name} wrote nothing"]
    return f"{name} ended with {done.returncode}: {last[0]}" if done.returncode else ""


def main() -> None:
    """Install what is missing, and say so when that cannot be done."""
    for line in install():
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
