"""Making git itself show and merge a project's files: settings of one clone, and attributes.

Both are written on request alone and taken back without a trace. What git calls falls back to
what it would do by itself where gitexp is not installed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from gitexp.documents import layout
from gitexp.errors import InvalidInput, StoreError
from gitexp.project.workspace import Workspace
from gitexp.store.disk import DiskStore
from gitexp.store.git_program import GitProgram, find_git

_BEGIN = "# Written by `gitexp git-setup`; `gitexp git-setup --remove` takes it away."
_END = "# The end of what `gitexp git-setup` wrote."
_BLOCK = re.compile(rf"{re.escape(_BEGIN)}\n.*?{re.escape(_END)}\n", re.DOTALL)
_SECTIONS = ("diff.gitexp", "merge.gitexp")

_BOTH = (
    layout.PROJECT_FILE,
    f"{layout.EXPERIMENTS_DIR}/*/{layout.HEADER_FILE}",
    f"{layout.EXPERIMENTS_DIR}/*/{layout.PARAMETERS_FILE}",
    f"{layout.EXPERIMENTS_DIR}/*/{layout.AB_TEST_FILE}",
    f"{layout.GROUPS_DIR}/*.yaml",
)
_SHOWN = (
    layout.LOCK_FILE,
    *(f"{folder}/*.yaml" for folder in ("endpoints", "evaluators", "workflows", "entrypoints")),
    *(f"{folder}/*.yaml" for folder in ("flags", "prompts")),
    *(f"{layout.DATASETS_DIR}/*{suffix}" for suffix in layout.DATASET_SUFFIXES),
)
_OF_BRANCHES = (
    (layout.BINDING_FILE, "diff=gitexp merge=gitexp"),
    (layout.PARAMETERS_FILE, "diff=gitexp merge=gitexp"),
    (f"{layout.RUNS_DIR}/**/*.json", "diff=gitexp"),
    (f"{layout.RUNS_DIR}/**/*.jsonl", "diff=gitexp"),
)


@dataclass(frozen=True, kw_only=True)
class GitSetup:
    """What was written, or taken away.

    Attributes:
        settings: those of this clone, by their keys; empty when they were taken away.
        attributes: the file that says which files they are for.
        changed: whether anything is other than before.
    """

    settings: Mapping[str, str]
    attributes: Path
    changed: bool


def set_up(workspace: Workspace, *, program: Sequence[str], shared: bool = False) -> GitSetup:
    """Let git show and merge the project's files by what they say, in this clone.

    Args:
        program: the words by which git calls gitexp.
        shared: write which files these are into `.gitattributes`, to be committed, and not for
            this clone alone. The branches of environments and runs have no such file.

    Raises:
        StoreError: git is not installed or refuses, or a file cannot be written.
        InvalidInput: the project is in no clone on disk.
    """
    git, place = _git_and_place(workspace)
    settings = settings_for(program)
    changed = [_set(git, key, value) for key, value in settings.items()]
    root = "" if shared else workspace.root
    file = _shared_file(workspace) if shared else place
    changed.append(_write_block(file, attributes_for(root, branches=not shared)))
    return GitSetup(settings=settings, attributes=file, changed=any(changed))


def take_back(workspace: Workspace) -> GitSetup:
    """Take away what `set_up` wrote, wherever it did.

    Raises:
        StoreError: git is not installed or refuses, or a file cannot be written.
        InvalidInput: the project is in no clone on disk.
    """
    git, place = _git_and_place(workspace)
    known = [section for section in _SECTIONS if _has_section(git, section)]
    for section in known:
        _run(git, "config", "--local", "--remove-section", section)
    files = [place] + ([_shared_file(workspace)] if workspace.directory else [])
    changed = [_write_block(file, ()) for file in files]
    return GitSetup(settings={}, attributes=place, changed=bool(known) or any(changed))


def is_set_up(workspace: Workspace) -> bool:
    """Return whether git shows the project's files by what they say in this clone."""
    return workspace.store.config("diff.gitexp.textconv") is not None


def settings_for(program: Sequence[str]) -> dict[str, str]:
    """Return the settings by which git calls a program, or does without where it is gone."""
    called = " ".join(map(quote, program))
    there = f"command -v {quote(program[0])} >/dev/null 2>&1"
    plain = 'git merge-file --marker-size="$4" "$2" "$1" "$3"'
    return {
        "diff.gitexp.textconv": f'f() {{ {called} textconv "$1" 2>/dev/null || cat "$1"; }}; f',
        "diff.gitexp.xfuncname": "^([^ ].*)$",
        "merge.gitexp.name": "YAML documents of gitexp, key by key",
        "merge.gitexp.driver": f"f() {{ if {there}; then {called} merge-driver "
        f'"$@"; else {plain}; fi; }}; f %O %A %B %L %P',
    }


def attributes_for(root: str, *, branches: bool) -> list[str]:
    """Return the lines that say which files git is to show and merge so.

    Args:
        branches: whether the files of the branches of environments and runs are among them.
    """
    lines = [f"{_pattern(root, path)} diff=gitexp merge=gitexp" for path in _BOTH]
    lines += [f"{_pattern(root, path)} diff=gitexp" for path in _SHOWN]
    return lines + [f"/{path} {said}" for path, said in _OF_BRANCHES if branches]


def _pattern(root: str, path: str) -> str:
    """Return the pattern of files below a directory whose name may hold anything."""
    exact = re.sub(r"([\\*?\[])", r"\\\1", root)
    pattern = "/" + layout.join(exact, path)
    if not re.search(r"[\s\"\\]", pattern):
        return pattern
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _git_and_place(workspace: Workspace) -> tuple[GitProgram, Path]:
    store = workspace.store
    if not isinstance(store, DiskStore):
        raise InvalidInput("this repository is not on disk")
    program = find_git(workspace.surroundings.environ)
    if program is None:
        raise StoreError("git is not installed", hint="Install it, and do this again.")
    directory = store.worktree or store.common_dir
    git = GitProgram(path=program, directory=directory, environ=workspace.surroundings.environ)
    return git, store.common_dir / "info" / "attributes"


def _shared_file(workspace: Workspace) -> Path:
    if workspace.directory is None:
        raise InvalidInput(
            "this repository has no working tree, so there is nothing to commit",
            hint="Leave `--shared` out.",
        )
    return workspace.directory / ".gitattributes"


def _set(git: GitProgram, key: str, value: str) -> bool:
    """Set a value of this clone, and return whether it was another one."""
    known = git.run("config", "--local", "--get", key)
    if known.code == 0 and known.out.removesuffix("\n") == value:
        return False
    _run(git, "config", "--local", key, value)
    return True


def _has_section(git: GitProgram, section: str) -> bool:
    pattern = rf"^{re.escape(section)}\."
    return git.run("config", "--local", "--get-regexp", pattern).code == 0


def _run(git: GitProgram, *arguments: str) -> None:
    done = git.run(*arguments)
    if done.code:
        reason = done.errors[-1] if done.errors else f"exit code {done.code}"
        raise StoreError(f"git {arguments[0]} failed: {reason}")


def _write_block(file: Path, lines: Sequence[str]) -> bool:
    """Put lines between our two into a file, in place of those there; return whether it changed."""
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        after = _with_block(before, list(_framed(lines)))
        if after == before:
            return False
        if not after:
            file.unlink()
        else:
            file.parent.mkdir(exist_ok=True)
            _replace(file, after)
    except (OSError, UnicodeDecodeError) as exc:
        raise StoreError(f"{file} cannot be changed: {exc}") from exc
    return True


def _framed(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from (_BEGIN, *lines, _END)


def _with_block(text: str, lines: Sequence[str]) -> str:
    rest = _BLOCK.sub("", text)
    if lines and rest and not rest.endswith("\n"):
        rest += "\n"
    return rest + "".join(f"{line}\n" for line in lines)


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.gitexp-new")
    draft.write_text(text, encoding="utf-8", newline="\n")
    os.replace(draft, file)
