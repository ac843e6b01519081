"""Running the `git` program: found without surprises, called without a shell, never left behind."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gitexp.errors import StoreError
from gitexp.store.watching import Watch, end, watching

_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.recurseSubmodules", "no"),
    ("protocol.ext.allow", "never"),
    ("protocol.fd.allow", "never"),
    ("protocol.file.allow", "always"),
    ("safe.bareRepository", "all"),
)
"""What the repository's own configuration must not decide: no hooks, no helpers, no upkeep.

`safe.bareRepository` guards against a bare repository that one walks into; gitexp is in the
repository that its caller named. Who owns it is still checked by git.
"""

_PROGRESS = re.compile(
    r".*% \(|(?:remote: )?(?:Total \d+ \(|[A-Z][A-Za-z ]+: +\d+(?:, done\.|, [\d.]+ \w+.*)?\s*\Z)"
)

_CLEARED = frozenset(
    [
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CEILING_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
        "LANGUAGE",
    ]
)
"""Variables that name another repository than ours, as they stand inside a hook."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a call ended.

    Attributes:
        code: the exit code.
        out: what it wrote on standard output.
        errors: the lines of standard error, progress and blank lines left out.
        gave_up: whether it was ended because nothing was heard of it for too long.
    """

    code: int
    out: str
    errors: tuple[str, ...]
    gave_up: bool = False


@dataclass(frozen=True, kw_only=True)
class GitProgram:
    """The `git` program, in one directory and with one environment.

    Attributes:
        path: the program's file.
        directory: the directory it runs in.
        environ: the user's environment, so that credential helpers, agents and proxies work.
        interactive: whether it may ask the user on the terminal.
        git_dir: the repository, where it is not to be found from the directory.
        settings: more settings, each `KEY=VALUE`, over those of the configuration.
    """

    path: str
    directory: Path
    environ: Mapping[str, str]
    interactive: bool = False
    git_dir: Path | None = None
    settings: tuple[str, ...] = ()

    def run(
        self, *arguments: str, lines: Sequence[str] = (), watch: Watch | None = None
    ) -> Finished:
        """Return how a call ended; `lines` are its standard input.

        There is no limit to how long it takes, only, where one is given, to how long it may be
        silent. Breaking off the call ends the program too.

        Raises:
            StoreError: the program cannot be started.
        """
        # Files and not pipes: a helper that stays behind (a credential cache, an ssh master)
        # keeps a pipe open, and waiting for its end would wait for the helper.
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as errors,
        ):
            given.write("".join(f"{line}\n" for line in lines).encode())
            given.seek(0)
            command = [self.path, *self._options(), *arguments]
            process = self._start(command, given.fileno(), out.fileno(), errors.fileno())
            with watching(watch, process, (out.fileno(), errors.fileno())) as gave_up:
                code = _wait(process)
            out.seek(0)
            errors.seek(0)
            return Finished(
                code=code,
                out=out.read().decode("utf-8", "replace"),
                errors=_error_lines(errors.read().decode("utf-8", "replace")),
                gave_up=gave_up.is_set() and code != 0,
            )

    def _start(
        self, command: list[str], given: int, out: int, errors: int
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment(),
                stdin=given,
                stdout=out,
                stderr=errors,
                # Without a terminal of its own, ssh fails where it would ask.
                start_new_session=not self.interactive,
            )
        except (OSError, ValueError) as exc:
            raise StoreError(
                f"git cannot be run in {self.directory}: {exc}",
                hint="Check the installation with `git --version`.",
            ) from exc

    def _options(self) -> list[str]:
        options = [part for key, value in _SETTINGS for part in ("-c", f"{key}={value}")]
        options += [part for setting in self.settings for part in ("-c", setting)]
        if self.git_dir is not None:
            options.append(f"--git-dir={self.git_dir}")
        return options

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in self.environ.items()
            if name not in _CLEARED and not _is_trace(name, value)
        }
        kept |= {"LC_ALL": "C", "GIT_PROTOCOL_FROM_USER": "0"}
        # A repository that is damaged must not make git find another one above it.
        kept["GIT_CEILING_DIRECTORIES"] = str(self.directory.parent)
        if not self.interactive:
            kept |= {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never"}
        return kept


def find_git(environ: Mapping[str, str]) -> str | None:
    """Return the file of the `git` program on the PATH, or None when it is not installed."""
    return find_program(environ, "git")


def find_program(environ: Mapping[str, str], name: str) -> str | None:
    """Return the file of a program on the PATH, or None when it is not installed."""
    return _find(environ.get("PATH", os.defpath), name)


@lru_cache(maxsize=16)
def _find(path: str, name: str) -> str | None:
    # Not shutil.which: on Windows it looks into the current directory first, which may be
    # a repository that brings its own git.exe.
    file = f"{name}.exe" if os.name == "nt" else name
    for directory in path.split(os.pathsep):
        candidate = os.path.join(directory, file)
        if os.path.isabs(candidate) and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except BaseException:
        end(process)
        raise


def _error_lines(text: str) -> tuple[str, ...]:
    lines = (line.rstrip() for line in text.replace("\r", "\n").split("\n"))
    return tuple(line for line in lines if line and not _PROGRESS.match(line))


def _is_trace(name: str, value: str) -> bool:
    # A trace to a file is the user's; one to standard error would be read as messages.
    return name == "GIT_CURL_VERBOSE" or (name.startswith("GIT_TRACE") and not os.path.isabs(value))
