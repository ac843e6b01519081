"""Where a repository's directories are: worktree, linked worktree, submodule or bare, as Git does.

Nothing is taken from the environment; who wants `GIT_DIR` to count passes its value.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from gitexp.errors import NotFound, StoreError
from gitexp.store.files import (
    create_file,
    make_directories,
    read_error,
    read_file,
    replace_file,
    sync_directory,
    write_errors,
)
from gitexp.store.gitconfig import Setting, parse_bool, parse_config

_KNOWN_EXTENSIONS = frozenset(
    {"noop", "preciousobjects", "partialclone", "objectformat", "refstorage"}
    | {"worktreeconfig", "relativeworktrees"}
)
_HASH_LENGTHS = {"sha1": 40, "sha256": 64}
_LINK = re.compile(rb"gitdir: (.+?)\s*\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Location:
    """The directories of one repository.

    Attributes:
        git_dir: its own directory; for a linked worktree the one below `worktrees/`.
        common_dir: the directory with objects and shared references.
        worktree: the root of the working tree, or None when there is none.
        hash_length: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.
    """

    git_dir: Path
    common_dir: Path
    worktree: Path | None
    hash_length: int


def locate(path: Path) -> Location:
    """Return the repository that a path is the root, the `.git` or the bare directory of.

    Raises:
        NotFound: there is no repository at that very path.
        StoreError: there is one, and it cannot be read or needs what is not supported.
    """
    found = _at(Path(os.path.abspath(path)))
    if found is None:
        raise NotFound(
            f"{path} is no Git repository",
            hint="`git init` makes one there; `git clone URL` brings one over.",
        )
    return found


def discover(start: Path) -> Location:
    """Return the repository that a path is in, walking up as Git does.

    Raises:
        NotFound: neither the path nor a directory above it is a repository.
        StoreError: as for `locate`.
    """
    begin = Path(os.path.abspath(start))
    for directory in (begin, *begin.parents):
        if found := _at(directory):
            return found
    raise NotFound(
        f"no Git repository in {start} or a directory above it",
        hint="Go to a repository, or make one here with `gitexp init`.",
    )


def _at(directory: Path) -> Location | None:
    dot_git = directory / ".git"
    if dot_git.is_file():
        return _location(_follow_link(dot_git), worktree=directory)
    if _is_git_dir(dot_git):
        return _location(dot_git, worktree=directory)
    if directory.is_file() and directory.name == ".git":
        return _location(_follow_link(directory), worktree=directory.parent)
    return _location(directory, worktree=None) if _is_git_dir(directory) else None


def _is_git_dir(path: Path) -> bool:
    if not (path / "HEAD").is_file() and not os.path.islink(path / "HEAD"):
        return False
    common = _common_dir(path)
    return (common / "objects").is_dir() and (common / "refs").is_dir()


def _follow_link(file: Path) -> Path:
    link = _LINK.match(_content(file))
    target = file.parent / os.fsdecode(link[1]) if link else None
    if target is None or not _is_git_dir(target):
        raise StoreError(
            f"{file} leads to no repository: {target or 'it has no line gitdir: PATH'}",
            hint="If the repository was moved, `git worktree repair` mends the link.",
        )
    return Path(os.path.normpath(target))


def _content(path: Path) -> bytes:
    try:
        return read_file(str(path)) or b""
    except OSError as exc:
        raise read_error(exc, str(path)) from exc


def _common_dir(git_dir: Path) -> Path:
    text = os.fsdecode(_content(git_dir / "commondir").strip())
    return Path(os.path.normpath(git_dir / text)) if text else git_dir


def _location(git_dir: Path, *, worktree: Path | None) -> Location:
    common = _common_dir(git_dir)
    settings = _settings(common)
    check_format(settings)
    linked = common != git_dir
    return Location(
        git_dir=git_dir,
        common_dir=common,
        worktree=linked_worktree(git_dir) if linked else _worktree(git_dir, worktree, settings),
        hash_length=_HASH_LENGTHS[settings.get("extensions.objectformat", "sha1").lower()],
    )


def _settings(common: Path) -> dict[str, str]:
    path = str(common / "config")
    text = _content(common / "config").decode("utf-8", "surrogateescape")
    return {setting.key: setting.value for setting in parse_config(text, path)}


def check_format(settings: dict[str, str]) -> None:
    """Check that a repository's format is one that can be read and written here.

    Raises:
        StoreError: it has a newer format or an extension that is not supported.
    """
    version = settings.get("core.repositoryformatversion", "0")
    if version not in ("0", "1"):
        raise StoreError(
            f"the repository has format version {version}, which is not supported",
            hint="A newer gitexp may read it: `pip install --upgrade gitexp`.",
        )
    if settings.get("extensions.refstorage", "files").lower() != "files":
        raise StoreError(
            f"the repository keeps its references as {settings['extensions.refstorage']!r}, "
            "which is not supported",
            hint="Convert it with `git refs migrate --ref-format=files`.",
        )
    if settings.get("extensions.objectformat", "sha1").lower() not in _HASH_LENGTHS:
        raise StoreError(
            f"the repository hashes with {settings['extensions.objectformat']!r}, "
            "which is not supported",
            hint="SHA-1 and SHA-256 repositories are.",
        )
    names = [key.split(".", 1)[1] for key in settings if key.startswith("extensions.")]
    unknown = sorted(set(names) - _KNOWN_EXTENSIONS)
    if version == "1" and unknown:
        raise StoreError(
            f"the repository needs the extension {unknown[0]!r}, which is not supported",
            hint="`git config --get-regexp extensions` shows what the repository needs.",
        )


def _worktree(git_dir: Path, found: Path | None, settings: dict[str, str]) -> Path | None:
    if configured := settings.get("core.worktree"):
        return Path(os.path.normpath(git_dir / configured))
    if parse_bool(settings.get("core.bare", "false"), False):
        return None
    if found is not None:
        return found
    return git_dir.parent if git_dir.name == ".git" else None


def main_worktree(common_dir: Path) -> Path | None:
    """Return the root of the main working tree, or None when there is none."""
    return _worktree(common_dir, None, _settings(common_dir))


def linked_worktree(git_dir: Path) -> Path | None:
    """Return the root of the linked worktree that a directory below `worktrees/` belongs to."""
    text = os.fsdecode(_content(git_dir / "gitdir").strip())
    return Path(os.path.normpath(git_dir / text)).parent if text else None


def create(path: Path, *, branch: str, bare: bool) -> None:
    """Make an empty repository; what is there already stays as it is.

    `HEAD` is written last, so a directory that was made half is not taken for a repository.

    Raises:
        StoreError: it cannot be written.
    """
    git_dir = Path(os.path.abspath(path)) / ("" if bare else ".git")
    with write_errors("no repository was made"):
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
            make_directories(str(git_dir / name))
        _write_missing(git_dir / "config", _initial_config(bare))
        _write_missing(git_dir / "HEAD", f"ref: refs/heads/{branch}\n")
        sync_directory(str(git_dir))


def _write_missing(path: Path, text: str) -> None:
    if path.exists():
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    create_file(temporary, [text.encode()])
    replace_file(temporary, str(path))


def _initial_config(bare: bool) -> str:
    settings = [
        Setting("repositoryformatversion", "0"),
        Setting("filemode", "false" if sys.platform == "win32" else "true"),
        Setting("bare", "true" if bare else "false"),
    ]
    if not bare:
        settings.append(Setting("logallrefupdates", "true"))
    if sys.platform in ("win32", "darwin"):
        settings.append(Setting("ignorecase", "true"))
    if sys.platform == "win32":
        settings.append(Setting("symlinks", "false"))
    if sys.platform == "darwin":
        settings.append(Setting("precomposeunicode", "true"))
    return "[core]\n" + "".join(f"\t{key} = {value}\n" for key, value in settings)
