"""Git's configuration: the layers, the includes and the file format, read without running anything.

Layers, weakest first, as `git config --list` shows them: system, XDG and home directory,
repository, worktree, then what the environment carries (`git -c` and `GIT_CONFIG_COUNT`).
The answers are kept until one of the files that were read, or were looked for, changes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gitexp.errors import StoreError
from gitexp.store.files import read_error, read_file

_DEEPEST_INCLUDE = 10
_HEADER = re.compile(r'\[[ \t]*([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?[ \t]*\]')
_VARIABLE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(=)?[ \t]*")
_SKIPPED = re.compile(r"(?:[ \t\r\n]|[#;][^\n]*)*")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0", ""})


class Setting(NamedTuple):
    """One line of configuration: `section.Sub.name` with section and name in lower case."""

    key: str
    value: str


class Place(NamedTuple):
    """What the layers and the conditions of includes depend on.

    Attributes:
        git_dir: the repository's own directory, also of a linked worktree.
        common_dir: the directory that linked worktrees share.
        branch: returns the short name of the branch that is checked out, or None.
    """

    git_dir: str
    common_dir: str
    branch: Callable[[], str | None]


class GitConfig:
    """The configuration as Git would see it in one repository."""

    def __init__(self, place: Place, environ: Mapping[str, str]) -> None:
        self._place = place
        self._environ = environ
        self._settings: dict[str, list[str]] = {}
        self._seen: dict[str, tuple[int, ...] | None] | None = None

    def get(self, key: str) -> str | None:
        """Return the last value of a key, or None; a key without `=` has the value `true`."""
        values = self.get_all(key)
        return values[-1] if values else None

    def get_all(self, key: str) -> list[str]:
        """Return every value of a key, the strongest last."""
        return list(self._current().get(canonical_key(key), ()))

    def get_bool(self, key: str, default: bool) -> bool:
        """Return a key that is a boolean; `default` when it is absent or no boolean."""
        value = self.get(key)
        return default if value is None else parse_bool(value, default)

    def settings(self) -> list[Setting]:
        """Return every setting, keys in the order of their first appearance."""
        return [Setting(key, value) for key, values in self._current().items() for value in values]

    def _current(self) -> dict[str, list[str]]:
        if self._seen is None or any(_signature(path) != was for path, was in self._seen.items()):
            self._load()
        return self._settings

    def _load(self) -> None:
        reader = _Reader(self._place, self._environ)
        settings: dict[str, list[str]] = {}
        for key, value in reader.everything():
            settings.setdefault(key, []).append(value)
        self._settings, self._seen = settings, reader.seen


def canonical_key(key: str) -> str:
    """Return a key with its section and its name in lower case, the subsection as it is."""
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    parts = [section.lower(), subsection, name.lower()]
    return ".".join(part for part in parts if part)


def parse_bool(value: str, default: bool) -> bool:
    """Return what Git takes a text to mean as a boolean."""
    text = value.lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return int(text) != 0 if re.fullmatch(r"[+-]?\d+", text) else default


def parse_config(text: str, path: str) -> Iterator[Setting]:
    """Yield the settings of one file.

    Raises:
        StoreError: a line cannot be understood; the message names file and line.
    """
    section, position = "", int(text.startswith("\ufeff"))
    while position < len(text):
        position = _end_of(_SKIPPED.match(text, position))
        if position >= len(text):
            return
        if header := _HEADER.match(text, position):
            section, position = _section_name(header), header.end()
        elif section and (variable := _VARIABLE.match(text, position)):
            value, position = "true", variable.end()
            if variable[2]:
                value, position = _value(text, position, path)
            elif text[position : position + 1] not in ("", "\n", "\r", "#", ";"):
                raise _damaged(text, position, path)
            yield Setting(f"{section}.{variable[1].lower()}", value)
        else:
            raise _damaged(text, position, path)


def _end_of(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _section_name(header: re.Match[str]) -> str:
    if header[2] is None:
        return header[1].lower()
    subsection = re.sub(r"\\(.)", r"\1", header[2])
    return f"{header[1].lower()}.{subsection}"


def _value(text: str, position: int, path: str) -> tuple[str, int]:
    """Return a value and the position after its line; quotes, escapes and comments are undone."""
    value, kept, quoted = "", 0, False
    while position < len(text) and (text[position] != "\n"):
        char = text[position]
        position += 1
        if char == "\\":
            piece, position = _escape(text, position, path)
        elif char == '"':
            quoted, piece = not quoted, ""
        elif char in "#;" and not quoted:
            end = text.find("\n", position)
            return value[:kept], len(text) if end < 0 else end
        else:
            piece = char
        value += piece
        if quoted or char not in " \t\r":
            kept = len(value)
    if quoted:
        raise _damaged(text, position, path)
    return value[:kept], position


def _escape(text: str, position: int, path: str) -> tuple[str, int]:
    if text.startswith("\r\n", position):
        return "", position + 2
    if text.startswith("\n", position):
        return "", position + 1
    char = text[position : position + 1]
    if char not in _ESCAPES:
        raise _damaged(text, position, path)
    return _ESCAPES[char], position + 1


def _damaged(text: str, position: int, path: str) -> StoreError:
    line = text.count("\n", 0, position) + 1
    return StoreError(
        f"the Git configuration cannot be understood: {path}, line {line}",
        hint="`git config --list --show-origin` shows the same error; correct the file by hand.",
    )


class _Reader:
    """One reading of all layers; remembers which files it depended on."""

    def __init__(
        self, place: Place, environ: Mapping[str, str], *, remote_urls: list[str] | None = None
    ) -> None:
        self.seen: dict[str, tuple[int, ...] | None] = {}
        self._place = place
        self._environ = environ
        self._home = environ.get("HOME") or os.path.expanduser("~")
        self._remote_urls = remote_urls

    def everything(self) -> Iterator[Setting]:
        for path in self._shared_files():
            yield from self._file(path, tolerant=True)
        own = list(self._file(os.path.join(self._place.common_dir, "config")))
        yield from own
        flags = [value for key, value in own if key == "extensions.worktreeconfig"]
        if flags and parse_bool(flags[-1], False):
            yield from self._file(os.path.join(self._place.git_dir, "config.worktree"))
        yield from _environment_settings(self._environ)

    def _shared_files(self) -> Iterator[str]:
        environ = self._environ
        if not parse_bool(environ.get("GIT_CONFIG_NOSYSTEM", "false"), True):
            yield environ.get("GIT_CONFIG_SYSTEM", _system_file(environ))
        if "GIT_CONFIG_GLOBAL" in environ:
            yield environ["GIT_CONFIG_GLOBAL"]
            return
        xdg = environ.get("XDG_CONFIG_HOME") or os.path.join(self._home, ".config")
        yield os.path.join(xdg, "git", "config")
        yield os.path.join(self._home, ".gitconfig")

    def _file(self, path: str, *, depth: int = 0, tolerant: bool = False) -> Iterator[Setting]:
        if not path:
            return
        self.seen[path] = _signature(path)
        text = _text(path, tolerant=tolerant)
        for setting in parse_config(text, path):
            yield setting
            target = self._included(setting, path)
            if target and depth < _DEEPEST_INCLUDE:
                yield from self._file(target, depth=depth + 1, tolerant=tolerant)

    def _included(self, setting: Setting, path: str) -> str | None:
        if setting.key == "include.path":
            return self._resolve(setting.value, path)
        if not (setting.key.startswith("includeif.") and setting.key.endswith(".path")):
            return None
        condition = setting.key[len("includeif.") : -len(".path")]
        kind, _, pattern = condition.partition(":")
        return self._resolve(setting.value, path) if self._holds(kind, pattern, path) else None

    def _resolve(self, target: str, path: str) -> str:
        if target.startswith("~/"):
            return os.path.join(self._home, target[2:])
        return os.path.join(os.path.dirname(path), target)

    def _holds(self, kind: str, pattern: str, path: str) -> bool:
        if kind in ("gitdir", "gitdir/i"):
            return self._is_in(pattern, path, ignore_case=kind.endswith("/i"))
        if kind == "onbranch":
            branch = self._place.branch()
            return branch is not None and _glob(pattern + "**" * pattern.endswith("/"), branch)
        if kind == "hasconfig" and pattern.startswith("remote.*.url:"):
            wanted = pattern[len("remote.*.url:") :]
            return any(_glob(wanted, url) for url in self._urls())
        return False

    def _is_in(self, pattern: str, path: str, *, ignore_case: bool) -> bool:
        if pattern.startswith("~/"):
            pattern = os.path.realpath(self._home) + pattern[1:]
        elif pattern.startswith("./"):
            pattern = os.path.realpath(os.path.dirname(path)) + pattern[1:]
        elif not os.path.isabs(pattern):
            pattern = "**/" + pattern
        pattern = _slashes(pattern) + "**" * pattern.endswith("/")
        absolute = os.path.abspath(self._place.git_dir)
        places = {_slashes(absolute), _slashes(os.path.realpath(absolute))}
        return any(_glob(pattern, place, ignore_case=ignore_case) for place in places)

    def _urls(self) -> list[str]:
        if self._remote_urls is None:
            # Git decides these conditions from the files without what such includes would add.
            reader = _Reader(self._place, self._environ, remote_urls=[])
            self._remote_urls = [
                value
                for key, value in reader.everything()
                if key.startswith("remote.") and key.endswith(".url")
            ]
        return self._remote_urls


def _glob(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    from gitexp.store.wildmatch import compile_glob

    return compile_glob(pattern, ignore_case=ignore_case).fullmatch(text) is not None


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/")


def _text(path: str, *, tolerant: bool) -> str:
    try:
        data = read_file(path)
    except OSError as exc:
        # As in Git, a home directory that may not be read is one without configuration.
        if tolerant and isinstance(exc, PermissionError):
            return ""
        raise read_error(exc, path) from exc
    return (data or b"").decode("utf-8", "surrogateescape")


def _signature(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _system_file(environ: Mapping[str, str]) -> str:
    if sys.platform == "win32":
        return os.path.join(environ.get("PROGRAMDATA", r"C:\ProgramData"), "Git", "config")
    return "/etc/gitconfig"


def _environment_settings(environ: Mapping[str, str]) -> Iterator[Setting]:
    if packed := environ.get("GIT_CONFIG_PARAMETERS"):
        import shlex

        for part in shlex.split(packed):
            name, _, text = part.partition("=")
            yield Setting(canonical_key(name), text if "=" in part else "true")
    count = environ.get("GIT_CONFIG_COUNT", "")
    for number in range(int(count) if count.isdigit() else 0):
        key, value = (
            environ.get(f"GIT_CONFIG_KEY_{number}"),
            environ.get(f"GIT_CONFIG_VALUE_{number}"),
        )
        if key is not None and value is not None:
            yield Setting(canonical_key(key), value)
