"""Files of a project's working tree, read without being led out of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gitexp.documents import layout, schemas
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.problems import Problem, shown
from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.ids import Name, name_fault, parse_name
from gitexp.store.protocol import MAX_DOCUMENT_BYTES

_YAML = ".yaml"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ProjectFile:
    """A file of the project.

    Attributes:
        path: relative to the project's directory, with '/'.
    """

    path: str
    data: bytes


def find_project_file(directory: Path, candidates: Sequence[str], *, what: str) -> str:
    """Return which one of several files that may exist does, checked but not read.

    Args:
        candidates: paths relative to the project, checked to be usable.
        what: what the file is, for messages, such as `dataset 'questions'`.

    Raises:
        NotFound: none of them exists.
        InvalidInput: several exist, or the one leads out of the project by a symbolic link or is
            no regular file.
    """
    found = [path for path in candidates if (directory / path).exists()]
    if not found:
        raise NotFound(
            f"no {what} in the project",
            hint=f"{_close(directory, candidates)}Make the file {_listed(candidates)}.",
        )
    if len(found) > 1:
        raise InvalidInput(
            f"{what} has several files: {', '.join(found)}", hint="Keep one of them."
        )
    _inside(directory, found[0])
    return found[0]


def read_project_file(
    directory: Path, candidates: Sequence[str], *, what: str, limit: int = MAX_DOCUMENT_BYTES
) -> ProjectFile:
    """Return the one file that exists of several that may.

    Raises:
        NotFound: none of them exists.
        InvalidInput: as `find_project_file` says, or it is larger than `limit` bytes or cannot be
            read.
    """
    path = find_project_file(directory, candidates, what=what)
    return ProjectFile(path=path, data=_read(directory, path, limit))


def names_of_files(directory: Path, folder: str) -> tuple[str, ...]:
    """Return the names of the YAML documents in a folder of the project, sorted; none without it.

    Raises:
        InvalidInput: the folder cannot be read.
    """
    place = directory / folder
    try:
        files = [file.name for file in place.iterdir() if file.suffix == _YAML]
    except FileNotFoundError:
        return ()
    except OSError as exc:
        raise InvalidInput(f"{place} cannot be read: {exc.strerror}") from exc
    return tuple(sorted(file.removesuffix(_YAML) for file in files))


def name_in(directory: Path, folder: str, name: str, *, what: str, root: str = "") -> Name:
    """Return the checked name of a YAML document in a folder of the project.

    Args:
        what: a kind of document, such as `evaluator`.

    Raises:
        InvalidInput: it cannot be one; where a file is called so, that file is named.
    """
    fault = name_fault(name)
    if fault and name in names_of_files(directory, folder):
        file = layout.join(root, f"{folder}/{name}{_YAML}")
        problem = Problem(file=file, message=f"{shown(name)} is not a usable {what} name: {fault}")
        raise InvalidDocuments([problem], hint="Give the file another name, or remove it.")
    return parse_name(name, f"{what} name")


def each(names: Iterable[str], read: Callable[[str], T]) -> tuple[T, ...]:
    """Return what is read by each name.

    Raises:
        InvalidDocuments: everything that is wrong in the files, all of them together.
    """
    found: list[T] = []
    problems: list[Problem] = []
    for name in names:
        try:
            found.append(read(name))
        except InvalidDocuments as exc:
            problems += exc.problems
    if problems:
        raise InvalidDocuments(problems, hint="Correct the files at the places named.")
    return tuple(found)


def read_document(
    directory: Path, path: str, kind: DocumentKind, *, what: str, file: str
) -> Mapping[str, Any]:
    """Return the checked value of a YAML document of the working tree.

    Args:
        file: the document's name in messages.

    Raises:
        NotFound: it does not exist.
        InvalidDocuments: everything that is wrong in it.
        InvalidInput: as `read_project_file` says.
    """
    data = read_project_file(directory, [path], what=what).data
    value: Mapping[str, Any] = schemas.load(kind, data, file=file)
    return value


def _inside(directory: Path, path: str) -> Path:
    target = (directory / path).resolve()
    if not target.is_relative_to(directory.resolve()):
        raise InvalidInput(
            f"{path} leads out of the project, to {target}",
            hint="Put the file itself there instead of a link.",
        )
    if not target.is_file():
        raise InvalidInput(f"{path} is no regular file")
    return target


def _read(directory: Path, path: str, limit: int) -> bytes:
    target = _inside(directory, path)
    size = target.stat().st_size
    if size > limit:
        raise InvalidInput(f"{path} has {size} bytes, more than the {limit} that are read")
    try:
        return target.read_bytes()
    except OSError as exc:
        raise InvalidInput(
            f"{path} cannot be read: {exc.strerror}", hint="Check its permissions with `ls -l`."
        ) from exc


def _close(directory: Path, candidates: Sequence[str]) -> str:
    """Return the question whether a file of nearly that name is meant; empty without one."""
    from difflib import get_close_matches

    folder, name = os.path.split(os.path.splitext(candidates[0])[0])
    suffixes = sorted((path[len(folder) + 1 + len(name) :] for path in candidates), key=len)
    try:
        files = os.listdir(directory / folder)
    except OSError:
        return ""
    endings = ((file, next(filter(file.endswith, suffixes[::-1]), "")) for file in files)
    names = sorted({file.removesuffix(ending) for file, ending in endings if ending})
    close = get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def _listed(candidates: Sequence[str]) -> str:
    *others, last = candidates
    return f"{', '.join(others)} or {last}" if others else last
