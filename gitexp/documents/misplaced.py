"""Files that look like documents and have no meaning where they stand: misnamed, or a level off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath

from gitexp.documents import layout
from gitexp.documents.problems import shown
from gitexp.ids import name_fault

_OWN_FILES = (layout.HEADER_FILE, layout.PARAMETERS_FILE, layout.AB_TEST_FILE)
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    layout.DATASETS_DIR: layout.DATASET_SUFFIXES,
    layout.ENDPOINTS_DIR: (".yaml",),
    layout.EVALUATORS_DIR: (".yaml",),
    layout.WORKFLOWS_DIR: (".yaml",),
    layout.ENTRYPOINTS_DIR: (".yaml",),
    layout.PROMPTS_DIR: (".yaml",),
    layout.FLAGS_DIR: (".yaml",),
    layout.GROUPS_DIR: (".yaml",),
}
_NEAR = 0.8
_LENGTHS_APART = 4

FOLDERS = (layout.EXPERIMENTS_DIR, *_SUFFIXES)
"""The directories of a project that belong to gitexp."""


def misplaced(path: str) -> str | None:
    """Return what is wrong with where a file of a project stands, or None where nothing is."""
    folder, *rest = path.split("/")
    if folder == layout.EXPERIMENTS_DIR:
        return _in_experiments(rest)
    if folder in _SUFFIXES and len(rest) == 1:
        return _in_folder(folder, PurePosixPath(rest[0]))
    return None


def _in_experiments(rest: list[str]) -> str | None:
    if len(rest) == 1 and rest[0] in _OWN_FILES:
        return f"it must be in the directory of an experiment: experiments/NAME/{rest[0]}"
    if len(rest) != 2:
        return None
    name, file = rest
    meant = _meant(file)
    if meant is None:
        return None
    if fault := name_fault(name):
        return f"{shown(name)} is not a usable experiment name: {fault}"
    return None if meant == file else f"unknown file; did you mean {shown(meant)}?"


def _meant(file: str) -> str | None:
    """Return the file of an experiment that a name is, or is a slip of; None for anything else."""
    path = PurePosixPath(file.lower())
    if path.suffix not in (".yaml", ".yml", ".json"):
        return None
    spelled = f"{path.stem}.yaml"
    if any(re.match(rf"{re.escape(own[:-5])}[._-]", spelled[:-5]) for own in _OWN_FILES):
        return None  # such as parameters-old.yaml, which is meant to be something else
    near = [own for own in _OWN_FILES if abs(len(own) - len(spelled)) <= _LENGTHS_APART]
    return next(iter(get_close_matches(spelled, near, n=1, cutoff=_NEAR)), None)


def _in_folder(folder: str, file: PurePosixPath) -> str | None:
    if file.suffix == ".yml":
        return f"unknown file; did you mean {shown(file.stem + '.yaml')}?"
    if file.suffix.lower() not in _SUFFIXES[folder]:
        return None
    if file.suffix not in _SUFFIXES[folder]:
        return f"unknown file; did you mean {shown(file.stem + file.suffix.lower())}?"
    fault = name_fault(file.stem)
    return fault and f"{shown(file.stem)} is not a usable name in {folder}: {fault}"
