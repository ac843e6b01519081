"""The spans of runs: how they are kept beside a journal, recorded, and read again.

A recorded file of spans is what OpenTelemetry's collectors write to files: lines of JSON, each a
TracesData of OTLP. Beside a journal, what all spans of a process have in common is kept once: a
line that opens a TracesData, its head, and then a line for each trace with its spans alone. Where
they are recorded, as many traces as fit stand together in a line.

Few spans stand in a file on the runs branch. Many, which would make every clone large, become an
artifact, compressed: like any large artifact they are left out of clones by Git LFS.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import IO, Any

from gitexp.documents import layout
from gitexp.errors import Conflict, StoreError
from gitexp.ids import RunId
from gitexp.project.workspace import Workspace
from gitexp.runs.artifacts.artifact import Artifact
from gitexp.runs.artifacts.paths import Catalogue
from gitexp.runs.journalling.files import paths_of
from gitexp.runs.journalling.side_files import SPANS, Sides
from gitexp.runs.recording import ledger
from gitexp.runs.recording.places import MAX_BESIDE_BYTES, TAMPERED, all_ledgers, find
from gitexp.runs.recording.segments import segments_at
from gitexp.runs.run import Run
from gitexp.store.streamed import StreamedBlob

HEAD = b'{"resourceSpans":'
"""How the line begins that opens a TracesData."""

TAIL = b"]}]}]}"
"""What closes it."""

LARGE = 8 << 20
"""Spans of more bytes become an artifact."""

_SUFFIX = ".jsonl.gz"
_ARCHIVE = re.compile(r"traces(-\d+)?/spans(-[^/]+)?\.jsonl\.gz")
_LINE = 1 << 18
_NO_HEAD = HEAD + b'[{"resource":{},"scopeSpans":[{"scope":{},"spans":['
_LEVEL = 3

Span = dict[str, Any]


# --- recording ------------------------------------------------------------------------------


def span_lines(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file of spans, without their ends, from what a journal kept."""
    head, traces, size = _NO_HEAD, list[bytes](), 0
    for payload in payloads:
        opens = payload.startswith(HEAD)
        if traces and (opens or size > _LINE):
            yield head + b",".join(traces) + TAIL
            traces, size = [], 0
        if opens:
            head = payload
        elif payload.startswith(b'{"traceId":'):
            traces.append(payload)
            size += len(payload)
    if traces:
        yield head + b",".join(traces) + TAIL


def _kept(sides: Sides) -> Iterator[bytes]:
    return span_lines(payload for _, payload in sides.payloads(SPANS))


def recorded_spans(sides: Sides, *, hash_length: int = 40) -> StreamedBlob:
    """Return the spans of a journal as the lines of a file; nothing where they are too many."""
    few = sides.size(SPANS) <= LARGE
    lines = [line + b"\n" for line in _kept(sides)] if few else []
    return StreamedBlob(lambda: lines, hash_length=hash_length)


def archived_spans(
    workspace: Workspace, run: Run, sides: Sides, segment: str = ""
) -> Artifact | None:
    """Return many spans as an artifact whose bytes are safe; None where they are few.

    Equal spans give equal bytes, so that doing it twice changes nothing.

    Args:
        segment: what the spans belong to of a run that went on again.

    Raises:
        StoreError: it cannot be written.
    """
    if sides.size(SPANS) <= LARGE:
        return None
    from gitexp.runs.artifacts.large_files import objects_here
    from gitexp.runs.artifacts.staged import threshold
    from gitexp.runs.artifacts.staging import staging_of

    path = _free_path(run, f"spans{f'-{segment}' if segment else ''}{_SUFFIX}")
    pointer = staging_of(workspace).add(_compressed(line + b"\n" for line in _kept(sides)))
    in_git = objects_here(workspace) is None or pointer.size <= threshold(workspace)
    return Artifact.of(path, pointer.oid, pointer.size, "git" if in_git else "lfs")


def _free_path(run: Run, name: str) -> str:
    """Return a path for an artifact that none of the run's own is in the way of."""
    catalogue = Catalogue(run.artifacts)
    for number in count(1):
        path = f"traces{f'-{number}' if number > 1 else ''}/{name}"
        with contextlib.suppress(Conflict):
            catalogue.check(path)
            if catalogue.get(path) is None:
                return path
    raise AssertionError("numbers never end")


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces as a gzip file without a name and a time."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


# --- reading --------------------------------------------------------------------------------


def trace_lines(workspace: Workspace, run: Run, *, holding: bytes = b"") -> Iterator[bytes]:
    """Yield the lines of all spans of a run, whether it goes on here or is recorded.

    Args:
        holding: leaves out the lines without these bytes.

    Raises:
        StoreError, MissingObject, NotFound, RemoteError: they cannot be read.
    """
    for source in (
        _beside(workspace, run.id),
        _archives(workspace, run),
        _living(workspace, run.id),
    ):
        yield from (line for line in source if line.strip() and holding in line)


def _beside(workspace: Workspace, run_id: RunId) -> Iterator[bytes]:
    places = find(workspace.store, all_ledgers(workspace), run_id)
    if not places:
        return
    yield from ledger.file_beside(workspace, places, layout.SPANS_FILE)[1].splitlines()
    parts = segments_at(workspace.store, places, layout.SPANS_DIR)
    for name in sorted(parts):
        entry = parts[name][1]
        yield from workspace.store.read(entry.id, limit=MAX_BESIDE_BYTES).data.splitlines()


def _archives(workspace: Workspace, run: Run) -> Iterator[bytes]:
    from gitexp.runs.artifacts.kept import open_artifact

    for artifact in sorted(run.artifacts, key=lambda artifact: artifact.path):
        if _ARCHIVE.fullmatch(artifact.path):
            with open_artifact(workspace, run, artifact.path) as file:
                yield from _unpacked(file, artifact.path)


def _unpacked(file: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        with gzip.open(file) as lines:
            yield from lines
    except (OSError, EOFError, zlib.error) as exc:
        raise StoreError(f"artifact {name} is damaged: {exc}", hint=TAMPERED) from exc


def _living(workspace: Workspace, run_id: RunId) -> Iterator[bytes]:
    for path in paths_of(workspace, run_id):
        yield from _kept(Sides(path))


def spans_in(line: bytes) -> Iterator[tuple[Span, Mapping[str, Any]]]:
    """Yield the spans of a line, each with the resource that it belongs to.

    Raises:
        StoreError: it is no TracesData.
    """
    try:
        for part in json.loads(line)["resourceSpans"]:
            for scope in part["scopeSpans"]:
                yield from ((span, part["resource"]) for span in scope["spans"])
    except (ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"a line of spans is damaged: {exc}", hint=TAMPERED) from exc
