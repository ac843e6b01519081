"""Which paths a sparse checkout leaves out of the working tree."""

from __future__ import annotations

import os
from typing import NamedTuple

from gitexp.store.files import read_file
from gitexp.store.gitconfig import GitConfig
from gitexp.store.wildmatch import compile_glob


class _Pattern(NamedTuple):
    glob: str
    negated: bool
    directory: bool
    anchored: bool


class SparseCheckout:
    """The patterns of `info/sparse-checkout`; without them every path is in the working tree.

    The patterns are those of `.gitignore` with the opposite meaning, also in cone mode: the last
    one that matches a path decides, else the last one that matches the nearest directory above.
    """

    def __init__(self, git_dir: str, config: GitConfig) -> None:
        data = b""
        if config.get_bool("core.sparsecheckout", False):
            data = read_file(os.path.join(git_dir, "info", "sparse-checkout")) or b""
        lines = data.decode("utf-8", "surrogateescape").splitlines()
        self._patterns = [_parse(line) for line in lines if line and not line.startswith("#")]

    def leaves_out(self, path: str) -> bool:
        """Return whether a file of that path stays out of the working tree."""
        if not self._patterns:
            return False
        directory = False
        while path:
            for pattern in reversed(self._patterns):
                if _matches(pattern, path, directory=directory):
                    return pattern.negated
            path, directory = path.rpartition("/")[0], True
        return True


def _parse(line: str) -> _Pattern:
    negated = line.startswith("!")
    glob = line[negated:]
    directory = glob.endswith("/")
    glob = glob.rstrip("/") if directory else glob
    return _Pattern(glob.lstrip("/"), negated, directory, "/" in glob)


def _matches(pattern: _Pattern, path: str, *, directory: bool) -> bool:
    if pattern.directory and not directory:
        return False
    subject = path if pattern.anchored else path.rpartition("/")[2]
    return compile_glob(pattern.glob).fullmatch(subject) is not None
