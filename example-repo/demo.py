"""Runs the walk-through of README.md on a copy of this project, each command before its output.

Usage: python demo.py [--keep DIR]

The copy, the bare repository that stands for the team's server, and a home of their own lie in a
temporary directory, or in DIR, which then stays. The exit code is that of the first command that
fails, and 0 when all of them succeed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
WALK_THROUGH = re.compile(r"^## Walk-through$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^(?:### (?P<title>.+)|\$ (?P<command>.+))$", re.MULTILINE)
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".git")
COMMAND_NOT_FOUND = 127


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code of the first command that fails, or 0."""
    parser = argparse.ArgumentParser(description="Run the walk-through of README.md on a copy.")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="a new or empty directory to use")
    keep = parser.parse_args(arguments).keep
    if keep and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        parser.error(f"{keep} is not an empty directory")
    with workplace(keep) as top:
        project = top / "project"
        shutil.copytree(HERE, project, ignore=LEFT_BEHIND)
        code = run_all(project, surroundings(top / "home"))
    if keep and not code:
        print(f"\nThe project is in {project}.")
    return code


@contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """Return the directory to work in: `keep`, or a temporary one that is removed at the end."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="gitexp-demo-", ignore_cleanup_errors=True) as new:
        yield Path(new).resolve()


def surroundings(home: Path) -> dict[str, str]:
    """Return environment variables under which nobody's own settings of Git are read or changed."""
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "GITEXP_"))}
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada Example",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "PYTHONIOENCODING": "utf-8",
    }


def run_all(project: Path, environment: dict[str, str]) -> int:
    """Run the walk-through in `project`; return the first exit code that is not 0, or 0."""
    where = project
    for title, command in steps((HERE / "README.md").read_text(encoding="utf-8")):
        if title:
            print(f"\n--- {title} ---", flush=True)
            continue
        print(f"\n$ {command}", flush=True)
        words = shlex.split(command)
        if words[0] == "cd":
            where = (where / words[1]).resolve()
            continue
        code = run(words, where, environment)
        if code:
            print(f"demo: `{command}` ended with exit code {code}", file=sys.stderr)
            return code
    return 0


def steps(text: str) -> Iterator[tuple[str | None, str | None]]:
    """Return the titles and the commands of the walk-through in order, one of each pair None."""
    section = WALK_THROUGH.search(text)
    if not section:
        raise SystemExit("demo: README.md has no section 'Walk-through'")
    for line in LINE.finditer(section.group(1)):
        yield line["title"], line["command"]


def run(words: list[str], where: Path, environment: dict[str, str]) -> int:
    """Return the exit code of a command whose output goes straight to ours."""
    program = shutil.which(words[0], path=environment["PATH"])
    if program is None:
        print(f"demo: {words[0]} is not installed", file=sys.stderr)
        return COMMAND_NOT_FOUND
    code = subprocess.run([program, *words[1:]], cwd=where, env=environment, check=False).returncode
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main())
