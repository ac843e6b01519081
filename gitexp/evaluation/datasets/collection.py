"""The datasets of a project as its users hold them: listed, read, added, checked and compared."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gitexp.documents import layout
from gitexp.documents.problems import Problem
from gitexp.errors import (
    AlreadyExists,
    DamagedObject,
    GitexpError,
    InvalidDocuments,
    InvalidInput,
    NotAllowed,
)
from gitexp.evaluation.datasets.checking import check, problems_of
from gitexp.evaluation.datasets.comparing import DatasetDiff, compare
from gitexp.evaluation.datasets.content import file_content, unreadable_file
from gitexp.evaluation.datasets.descriptions import Description, format_of, read_description
from gitexp.evaluation.datasets.fetching import fetch
from gitexp.evaluation.datasets.fields import Columns
from gitexp.evaluation.datasets.loading import Dataset, dataset_of
from gitexp.evaluation.datasets.places import Place, dataset_name, file_place, find, find_at
from gitexp.evaluation.datasets.rows import Format
from gitexp.evaluation.files import read_project_file
from gitexp.ids import Digest, Name, name_fault
from gitexp.project.workspace import Workspace
from gitexp.store.files import (
    create_file,
    make_directories,
    replace_file,
    write_errors,
)
from gitexp.store.lfs.pointers import POINTER_LIMIT, parse_pointer
from gitexp.store.lfs.streams import pieces_of
from gitexp.store.revisions import resolve_revision

Storage = Literal["file", "lfs", "path", "url"]
"""Where rows are: in the dataset's own file, in one of Git LFS, in another file, or elsewhere."""

_OUTCOME = "no dataset was added"


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """A dataset as it is listed: what can be said of it without reading its rows.

    Attributes:
        path: its file, relative to the repository.
        format: empty where its description is wrong.
        source: the address or the other file that its description names.
        bytes: the size of its rows where they are in the working tree or in Git LFS.
        digest: of the file with the rows, where it is pinned.
        problem: why it cannot be read, where its description is wrong.
    """

    name: str
    path: str
    format: Format | Literal[""]
    storage: Storage
    source: str = ""
    bytes: int | None = None
    digest: str = ""
    description: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class NewDataset:
    """What to add.

    Attributes:
        source: an address, or a file: one of the project is described where it is, any other is
            copied into the project.
        digest: what the file has to have, as `sha256:` and 64 hexadecimal digits.
        replace: whether a description of that name may be written over.
    """

    name: str
    source: str
    description: str = ""
    format: Format | None = None
    fields: Mapping[str, Columns] | None = None
    splits: Mapping[str, str] | None = None
    digest: str | None = None
    replace: bool = False


class Datasets:
    """The datasets of a project's working tree."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __iter__(self) -> Iterator[DatasetEntry]:
        return iter(self.list())

    @property
    def _directory(self) -> Path:
        directory = self._workspace.directory
        if directory is None:
            raise NotAllowed(
                "datasets are read from a working tree, and this repository is bare",
                hint="Do it in a clone: `gitexp clone URL`.",
            )
        return directory

    def names(self) -> list[str]:
        """Return the names of all datasets, sorted."""
        return sorted(dict.fromkeys(name for name, _ in self._files()))

    def list(self) -> list[DatasetEntry]:
        """Return all datasets by their names; their rows are not read.

        Raises:
            NotAllowed: the repository has no working tree.
        """
        return [self._entry(name, path) for name, path in sorted(self._files())]

    def get(self, name: str) -> Dataset:
        """Return a dataset, all of its rows checked.

        Args:
            name: that of a dataset; `NAME@REVISION` is the dataset as it was in a revision, and a
                path with a suffix such as `old/questions.csv` is any file.

        Raises:
            NotFound: there is none of that name, or no such revision or file.
            InvalidInput: the name is none, or several files have it.
            InvalidDocuments: everything that is wrong in it, each with its line.
            DamagedObject: its bytes are not those that were pinned.
            RemoteError: it is elsewhere and cannot be brought here.
        """
        place = self._place(name)
        shown = Path(name).stem if _is_file(name) else name.partition("@")[0]
        return dataset_of(place.content, name=shown, path=place.path, named_splits=place.splits)

    def problems(self, name: str) -> tuple[Problem, ...]:
        """Return everything that is wrong with a dataset: its description, bytes and rows.

        Raises:
            NotFound: there is none of that name.
            RemoteError: it is elsewhere and cannot be brought here.
        """
        try:
            return tuple(problems_of(self._place(name).content))
        except InvalidDocuments as exc:
            return exc.problems
        except (DamagedObject, InvalidInput) as exc:
            return (Problem(file=f"{layout.DATASETS_DIR}/{name}", message=exc.message),)

    def diff(self, a: str, b: str) -> DatasetDiff:
        """Return how two datasets differ, sample by sample.

        Args:
            a, b: as `get` takes them.
        """
        return compare(self.get(a), self.get(b), labels=(a, b))

    def add(self, new: NewDataset) -> Dataset:
        """Return a dataset that was added to the project, its rows checked and its bytes pinned.

        Nothing is written where anything is wrong. What was written is not committed.

        Raises:
            AlreadyExists: the project has a dataset of that name.
            InvalidInput: the source cannot be used, or does not say how its rows are written.
            InvalidDocuments: everything that is wrong in its rows.
            NotFound, RemoteError: it is not there, or cannot be brought here.
            DamagedObject: it does not have the digest that was asked for.
        """
        name = self._free_name(new)
        if "://" in new.source:
            self._describe(name, self._fetched(new))
        else:
            self._add_file(name, new)
        return self.get(name)

    # --- adding -----------------------------------------------------------------------------

    def _free_name(self, new: NewDataset) -> Name:
        name = dataset_name(new.name)
        there = [path for known, path in self._files() if known == name]
        if new.replace and all(path.endswith(layout.DESCRIPTION_SUFFIX) for path in there):
            return name
        if there:
            raise AlreadyExists(
                f"there is a dataset {name!r} already: {there[0]}",
                hint="Choose another name; `--replace` writes over a description alone.",
            )
        return name

    def _fetched(self, new: NewDataset) -> Description:
        said = self._said(new, url=new.source)
        expected = new.digest.removeprefix("sha256:") if new.digest else None
        copy = fetch(self._workspace, new.source, expected=expected)
        check(file_content(copy, new.source, _form(said), fields=new.fields))
        return replace(said, digest=f"sha256:{copy.name}")

    def _said(self, new: NewDataset, **place: str) -> Description:
        before = self._description_before(new) if new.replace else None
        said = Description(
            description=new.description or (before.description if before else ""),
            format=new.format or (before.format if before else ""),
            fields=new.fields or (before.fields if before else {}),
            splits=new.splits or (before.splits if before else {}),
            **place,
        )
        # Read back, it is held to everything that a description written by hand is held to.
        data = replace(said, digest=new.digest or _NO_DIGEST).to_yaml()
        read_description(data, file=self._description_path(dataset_name(new.name)))
        return said

    def _description_before(self, new: NewDataset) -> Description | None:
        path = self._description_path(dataset_name(new.name))
        if not (self._directory / path).exists():
            return None
        data = read_project_file(self._directory, [path], what=f"dataset {new.name!r}").data
        return read_description(data, file=path)

    def _description_path(self, name: Name) -> str:
        return layout.dataset_paths("", name)[-1]

    def _describe(self, name: Name, said: Description) -> None:
        self._write(
            self._description_path(name), lambda draft: create_file(draft, [said.to_yaml()])
        )

    def _add_file(self, name: Name, new: NewDataset) -> None:
        file = self._workspace.surroundings.directory / new.source
        place = file_place(self._workspace, file, new.source)
        inside = _inside(self._directory, file)
        if inside is not None:
            said = self._said(new, path=inside)
            self._describe(name, replace(said, digest=self._pinned(file, new, said)))
        elif new.fields or new.splits or new.description or new.format:
            raise InvalidInput(
                f"{new.source} is outside the project, so its columns cannot be described",
                hint="Put it into the project first, or name it as file:///path.",
            )
        else:
            self._pinned(file, new, Description(path=file.name))
            target = f"{layout.DATASETS_DIR}/{name}.{place.content.format}"
            self._write(target, lambda draft: _copy(file, draft))

    def _pinned(self, file: Path, new: NewDataset, said: Description) -> str:
        """Return the digest of a file whose rows were checked."""
        expected = new.digest.removeprefix("sha256:") if new.digest else None
        place = file_place(self._workspace, file, new.source)
        content = replace(place.content, fields=said.fields or None, format=_form(said))
        found = check(replace(content, sha256=expected or content.sha256)).sha256
        return f"sha256:{found}"

    def _write(self, path: str, make: Any) -> None:
        target = self._directory / path
        draft = str(target.with_name(f".{target.name}.{secrets.token_hex(6)}.part"))
        with write_errors(_OUTCOME):
            make_directories(str(target.parent))
            make(draft)
            replace_file(draft, str(target))

    # --- looking ----------------------------------------------------------------------------

    def _place(self, name: str) -> Place:
        workspace = self._workspace
        if _is_file(name):
            return file_place(workspace, workspace.surroundings.directory / name, name)
        own, at, revision = name.partition("@")
        if at:
            commit = resolve_revision(workspace.store, revision)
            return find_at(workspace, own, commit, revision)
        return find(self._directory, name, root=workspace.root, workspace=workspace)

    def _files(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the path in the project of every dataset."""
        folder = self._directory / layout.DATASETS_DIR
        for file in os.listdir(folder) if folder.is_dir() else ():
            suffixes = (layout.DESCRIPTION_SUFFIX, *layout.DATASET_SUFFIXES)
            suffix = next((one for one in suffixes if file.endswith(one)), None)
            if suffix is not None and not name_fault(file.removesuffix(suffix)):
                yield file.removesuffix(suffix), f"{layout.DATASETS_DIR}/{file}"

    def _entry(self, name: str, path: str) -> DatasetEntry:
        whole = layout.join(self._workspace.root, path)
        try:
            if path.endswith(layout.DESCRIPTION_SUFFIX):
                return self._described_entry(name, path, whole)
            storage, size = self._storage(path)
            form = format_of(path) or ""
            return DatasetEntry(name=name, path=whole, format=form, storage=storage, bytes=size)
        except GitexpError as exc:
            problem = exc.message.partition("\n")[0]
            return DatasetEntry(name=name, path=whole, format="", storage="file", problem=problem)

    def _described_entry(self, name: str, path: str, whole: str) -> DatasetEntry:
        data = read_project_file(self._directory, [path], what=f"dataset {name!r}").data
        said = read_description(data, file=whole)
        there = bool(said.path) and (self._directory / said.path).is_file()
        return DatasetEntry(
            name=name,
            path=whole,
            format=said.form or "",
            storage="url" if said.url else "path",
            source=said.source,
            bytes=self._storage(said.path)[1] if there else None,
            digest=said.digest,
            description=said.description,
        )

    def _storage(self, path: str) -> tuple[Storage, int]:
        """Return where the rows of a file are and how many bytes they have."""
        file = self._directory / path
        try:
            size = file.stat().st_size
            pointer = parse_pointer(file.read_bytes()) if size < POINTER_LIMIT else None
        except OSError as exc:
            raise unreadable_file(path, exc) from exc
        return ("lfs", pointer.size) if pointer is not None else ("file", size)


_NO_DIGEST = Digest("sha256:" + "0" * 64)


def _is_file(name: str) -> bool:
    """Return whether what somebody typed is a path and no name."""
    own = name.partition("@")[0]  # a revision may hold slashes too
    return "/" in own or os.sep in own or format_of(name) is not None


def _inside(directory: Path, file: Path) -> str | None:
    """Return the path of a file in the project, or None where it is outside."""
    whole, top = file.resolve(), directory.resolve()
    return whole.relative_to(top).as_posix() if whole.is_relative_to(top) else None


def _form(said: Description) -> Format:
    form = said.form
    assert form is not None, "a description without one is refused when it is read"
    return form


def _copy(file: Path, draft: str) -> None:
    with open(file, "rb") as source:
        create_file(draft, pieces_of(source))
