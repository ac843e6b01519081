"""What is looked at before an A/B test is launched: its flag, its metrics and its data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from gitexp.abtests.definition import AbTest
from gitexp.abtests.sources import Source
from gitexp.abtests.steps import Standing
from gitexp.abtests.switches import mismatches, overrides
from gitexp.errors import MissingObject, NotFound
from gitexp.prompts.versions import prompt_versions


def launch_faults(standing: Standing) -> Iterator[str]:
    """Yield what keeps a draft from being launched."""
    test = standing.test
    yield from mismatches(standing.flag, test)
    if not test.primary:
        yield "it has no primary metric"
    for metric in test.metrics:
        if test.data.exposures is not None and test.data.of_metric(metric.key) is None:
            yield f"metric {metric.key!r} has no source of data"
    top = standing.workspace.directory
    if top is not None:
        yield from _data_faults(top, test)


def data_notes(standing: Standing) -> tuple[str, ...]:
    """Return what of the data is not there yet, which is no fault before a launch."""
    test, top = standing.test, standing.workspace.directory
    if test.data.exposures is None:
        return ("Results need exposures: name them below `data` in ab-test.yaml.",)
    if top is None:
        return ()
    missing = [place for place in _places(test) if not _exists(top, place)]
    listed = ", ".join(dict.fromkeys(missing))
    return (f"This data is not there yet: {listed}.",) if missing else ()


def flag_notes(standing: Standing, others: Iterable[AbTest]) -> Iterator[str]:
    """Yield what of a flag a person should know before a launch.

    Args:
        others: the other tests of the project.
    """
    test = standing.test
    given = overrides(standing.flag) if standing.flag else ()
    if given:
        yield (
            f"Conditions of flag {test.flag} give {', '.join(given)} to all who fit them: those "
            "are not drawn by lot, so keep them out of the exposures."
        )
    users = [other.experiment for other in others if _uses(other, test)]
    if users:
        yield f"Flag {test.flag} serves {', '.join(users)} too, which goes on."


def prompt_notes(standing: Standing) -> Iterator[str]:
    """Yield which versions of a prompt have other numbers now than the flag hands out."""
    compared = standing.test.prompt
    if compared is None or not compared.commits:
        return
    try:
        known = prompt_versions(standing.workspace, compared.name, reader=standing.reader)
    except (MissingObject, NotFound):
        return  # in a shallow clone, and on another branch, versions have no numbers
    for number, commit in zip(compared.versions, compared.commits, strict=True):
        there = known[number - 1] if number <= len(known) else None
        if there is None or commit not in (there.version, *there.aliases):
            yield (
                f"Version {number} of prompt {compared.name} is another one than {commit[:10]} by "
                "now: applications have to go by the prompt_commit of the payload."
            )


def _uses(other: AbTest, test: AbTest) -> bool:
    is_another = other.experiment != test.experiment
    return is_another and other.flag == test.flag and other.status in ("running", "paused")


def _data_faults(top: Path, test: AbTest) -> Iterator[str]:
    for place in dict.fromkeys(_places(test)):
        fault = place_fault(place)
        if fault is None and _exists(top, place):
            fault = _file_fault(top, place)
        if fault:
            yield f"{place} {fault}"


def place_fault(place: str) -> str | None:
    """Return why a path cannot be one of the project; None where it can."""
    path = PurePosixPath(place)
    if path.is_absolute() or ".." in path.parts or "\\" in place:
        return "leads out of the project"
    return None


def _file_fault(top: Path, place: str) -> str | None:
    """Return why a file that is there cannot be read; None where it can."""
    for file in _matching(top, place):
        if not file.resolve().is_relative_to(top.resolve()):
            return "leads out of the project by a link"
        if not file.is_file():
            return "is no regular file"
        if not os.access(file, os.R_OK):
            return "cannot be read: see its permissions"
    return None


def _exists(top: Path, place: str) -> bool:
    return place_fault(place) is not None or any(True for _ in _matching(top, place))


def _matching(top: Path, place: str) -> Iterator[Path]:
    if any(mark in place for mark in "*?["):
        yield from top.glob(place)
    elif (top / place).exists():
        yield top / place


def _places(test: AbTest) -> Iterator[str]:
    """Yield the files of the project that the data of a test is read from."""
    sources = (test.data.exposures, test.data.events, *test.data.metrics.values())
    for source in sources:
        if source is not None:
            yield from _files_of(source)


def _files_of(source: Source) -> Iterator[str]:
    if source.kind == "file":
        yield from source.places
    for files in source.files.values():
        yield from files
    yield from (place for place in source.attach.values() if "://" not in place)
