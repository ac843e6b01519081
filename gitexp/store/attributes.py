"""Line endings and filters of files in the working tree, from `.gitattributes` and `core.autocrlf`.

A blob has LF where the working tree may have CRLF. Only that conversion is done here. A file with
a filter is left to Git, except those of Git LFS, whose pointer files are written as they are and
filled by `git lfs pull`; filters and encodings name programs and tables of Git's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

from gitexp.store.files import read_file
from gitexp.store.gitconfig import GitConfig
from gitexp.store.wildmatch import compile_glob

_MACROS = {"binary": ["-diff", "-merge", "-text"]}
_HEURISTIC_BYTES = 8000
_UNSET = "unset"
_SET = "set"


class _Rule(NamedTuple):
    pattern: str
    states: tuple[str, ...]


class Conversion(NamedTuple):
    """What happens to one file between the repository and the working tree.

    Attributes:
        text: `yes`, `no`, or `auto` when the content decides.
        crlf: whether lines of text end with CRLF in the working tree.
        foreign: a filter or encoding that only Git can apply, or None.
    """

    text: str
    crlf: bool
    foreign: str | None

    def to_worktree(self, data: bytes) -> bytes:
        """Return the bytes of a blob as they stand in the working tree."""
        if not self.crlf or not self._is_text(data):
            return data
        if self.text == "auto" and b"\r" in data:
            return data
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def to_blob(self, data: bytes) -> bytes:
        """Return the bytes of a file of the working tree as `git add` would store them."""
        return data.replace(b"\r\n", b"\n") if self._is_text(data) else data

    def _is_text(self, data: bytes) -> bool:
        return self.text == "yes" or (self.text == "auto" and b"\0" not in data[:_HEURISTIC_BYTES])


class Attributes:
    """The attributes of one working tree, as its files say now."""

    def __init__(self, worktree: str, common_dir: str, config: GitConfig) -> None:
        self._worktree = worktree
        self._config = config
        self._info = os.path.join(common_dir, "info", "attributes")
        self._rules: dict[str, list[_Rule]] = {}

    def conversion(self, path: str) -> Conversion:
        """Return what happens to a file."""
        states = self._states(path)
        text, eol = states.get("text", states.get("crlf")), states.get("eol")
        autocrlf = (self._config.get("core.autocrlf") or "false").lower()
        if text is None and eol is None:
            automatic = autocrlf in ("true", "input")
            kind, crlf = ("auto" if automatic else "no"), autocrlf == "true"
        elif text == _UNSET:
            kind, crlf = "no", False
        else:
            kind, crlf = ("auto" if text == "auto" else "yes"), self._ends_with_crlf(eol, autocrlf)
        return Conversion(kind, crlf, _foreign(states))

    def _ends_with_crlf(self, eol: str | None, autocrlf: str) -> bool:
        if eol in ("lf", "crlf"):
            return eol == "crlf"
        if autocrlf in ("true", "input"):
            return autocrlf == "true"
        native = "crlf" if sys.platform == "win32" else "lf"
        configured = (self._config.get("core.eol") or "native").lower()
        return (native if configured == "native" else configured) == "crlf"

    def _states(self, path: str) -> dict[str, str]:
        states: dict[str, str] = {}
        for base, file in self._files(path):
            relative = path[len(base) + 1 :] if base else path
            for rule in self._read(file):
                if _matches(rule.pattern, relative):
                    _assign(rule.states, states)
        return states

    def _files(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield the files that speak about a path, the weakest first."""
        if configured := self._config.get("core.attributesfile"):
            yield "", os.path.expanduser(configured)
        parents = path.split("/")[:-1]
        for depth in range(len(parents) + 1):
            base = "/".join(parents[:depth])
            yield base, os.path.join(self._worktree, *parents[:depth], ".gitattributes")
        yield "", self._info

    def _read(self, file: str) -> list[_Rule]:
        if file not in self._rules:
            try:
                data = read_file(file) or b""
            except OSError:
                data = b""
            lines = data.decode("utf-8", "surrogateescape").splitlines()
            self._rules[file] = [rule for line in lines if (rule := _parse(line))]
        return self._rules[file]


def _parse(line: str) -> _Rule | None:
    fields = line.split()
    if not fields or fields[0].startswith(("#", "!", "[attr]")):
        return None
    return _Rule(fields[0].strip('"'), tuple(fields[1:]))


def _matches(pattern: str, path: str) -> bool:
    if pattern.endswith("/"):
        return False
    if "/" not in pattern:
        return compile_glob(pattern).fullmatch(path.rpartition("/")[2]) is not None
    return compile_glob(pattern.lstrip("/")).fullmatch(path) is not None


def _assign(tokens: tuple[str, ...] | list[str], states: dict[str, str]) -> None:
    for token in tokens:
        name, _, value = token.partition("=")
        if name in _MACROS:
            _assign(_MACROS[name], states)
        elif name.startswith("-"):
            states[name[1:]] = _UNSET
        elif name.startswith("!"):
            states.pop(name[1:], None)
        else:
            states[name] = value or _SET


def _foreign(states: dict[str, str]) -> str | None:
    chosen = states.get("filter", _UNSET)
    if chosen not in (_UNSET, _SET, "lfs"):
        return f"filter={chosen}"
    for name in ("working-tree-encoding", "ident"):
        if states.get(name, _UNSET) != _UNSET:
            return name
    return None
