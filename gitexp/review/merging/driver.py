"""The merge driver: three files that git hands over, merged in place of ours."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitexp.documents import layout
from gitexp.documents.yaml_reader import parse_yaml
from gitexp.errors import InvalidInput, StoreError
from gitexp.experiments.ab_tests import both_moved
from gitexp.review.merging.documents import MARKER_SIZE, MergedDocument, merge_documents, told
from gitexp.review.merging.values import grain_of
from gitexp.store.git_program import GitProgram, find_git

_LABELS = ("ours", "base", "theirs")
_TWO_MOVES = "where the A/B test stands, or what its launch locks: take one of them as a whole"


@dataclass(frozen=True, kw_only=True)
class MergeFiles:
    """What git hands to a merge driver.

    Attributes:
        base, ours, theirs: files; the merge is written over ours.
        path: where the document stands in the repository.
        directory: the top of the working tree, where git starts the driver.
    """

    base: Path
    ours: Path
    theirs: Path
    path: str
    directory: Path
    environ: Mapping[str, str]
    marker_size: int = MARKER_SIZE


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a merge.

    Attributes:
        clean: whether nothing is left to decide.
        clashes: the keys that both sides changed, each in one line.
        problem: why it was merged line by line instead, in one line; None when it was not.
    """

    clean: bool
    clashes: tuple[str, ...] = ()
    problem: str | None = None


def merge_files(files: MergeFiles) -> Outcome:
    """Merge a document key by key in place of ours; one that cannot be read, line by line.

    Whatever happens, ours holds at least the merge line by line, with its markers.

    Raises:
        StoreError: one of the files cannot be read; nothing was written.
    """
    sides = [_read(file) for file in (files.base, files.ours, files.theirs)]
    lines, clean = _by_line(files, sides)
    files.ours.write_bytes(lines)
    try:
        merged = _by_key(files, sides, lines if clean else None)
    except InvalidInput as exc:
        return Outcome(clean=clean, problem=exc.message.splitlines()[0])
    if not merged.clashes and _are_two_moves(files, sides):
        files.ours.write_bytes(sides[1])
        return Outcome(clean=False, clashes=(_TWO_MOVES,))
    files.ours.write_bytes(merged.text)
    return Outcome(clean=not merged.clashes, clashes=tuple(map(told, merged.clashes)))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise StoreError(f"{file} cannot be read: {reason}") from exc


def _by_key(files: MergeFiles, sides: list[bytes], lines: bytes | None) -> MergedDocument:
    return merge_documents(
        *sides,
        path=files.path,
        grain=grain_of(files.path, of_environment=_is_of_environment(files, sides[1])),
        lines=lines,
        marker_size=files.marker_size,
    )


def _are_two_moves(files: MergeFiles, sides: list[bytes]) -> bool:
    """Return whether both sides moved one A/B test, which never go together key by key."""
    if PurePosixPath(files.path).name != layout.AB_TEST_FILE:
        return False
    before, ours, theirs = (parse_yaml(side, file=files.path).value or {} for side in sides)
    return both_moved(before, ours, theirs)


def _is_of_environment(files: MergeFiles, ours: bytes) -> bool:
    """Return whether a file stands on the branch of an environment, beside or as the binding."""
    if files.path == layout.BINDING_FILE:
        return _is_binding(ours)
    beside = files.directory / layout.BINDING_FILE
    try:
        return _is_binding(beside.read_bytes())
    except OSError:
        return False


def _is_binding(text: bytes) -> bool:
    """Return whether a text is a binding, and not the file of another program."""
    keys = {line.partition(b":")[0] for line in text.splitlines()}
    return {b"project", b"environment", b"action", b"digest"} <= keys


def _by_line(files: MergeFiles, sides: list[bytes]) -> tuple[bytes, bool]:
    """Return what `git merge-file` makes of the three, and whether there was no conflict."""
    program = find_git(files.environ)
    if program is None:
        return _both(sides, files.marker_size), False
    git = GitProgram(path=program, directory=files.directory, environ=files.environ)
    with tempfile.TemporaryDirectory() as room:
        copies = [Path(room) / label for label in _LABELS]
        for file, copy in zip((files.ours, files.base, files.theirs), copies, strict=True):
            shutil.copyfile(file, copy)
        labels = [part for label in _LABELS for part in ("-L", label)]
        size = f"--marker-size={files.marker_size}"
        done = git.run("merge-file", "-q", size, *labels, "--", *map(str, copies))
        if done.code > 127:  # it could not merge at all, as with binary files
            return sides[1], False
        return copies[0].read_bytes(), done.code == 0


def _both(sides: list[bytes], size: int) -> bytes:
    """Return both texts between markers, for a machine without git."""
    _, ours, theirs = (side if side.endswith(b"\n") else side + b"\n" for side in sides)
    head, middle, tail = (sign * size for sign in (b"<", b"=", b">"))
    return b"".join([head, b" ours\n", ours, middle, b"\n", theirs, tail, b" theirs\n"])
