"""The sections of a report about what changes: experiments, the definition, documents, datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitexp.review.diffing.model import (
    DatasetDiff,
    DocumentDiff,
    EntryDiff,
    ExperimentDiff,
    ProjectDiff,
)
from gitexp.review.diffing.results import MeasureDiff, ResultsDiff, RunBrief
from gitexp.review.reporting.page import (
    Block,
    Bullets,
    Code,
    Details,
    Line,
    Mark,
    Paragraph,
    Said,
    Section,
    Table,
    Text,
    Tone,
    plural,
    words,
)
from gitexp.review.reporting.report import Evaluated
from gitexp.review.reporting.values import (
    change_tables,
    interval_text,
    kind_counts,
    number_text,
)

_SHORT = 10
_VERDICTS: dict[str, Tone] = {"better": "good", "worse": "bad", "unclear": "unsure"}
_MEASURES = ("measure", "before", "after", "difference", "95 % interval", "")


def experiment_section(
    found: ExperimentDiff, evaluated: Evaluated | None, *, limit: int
) -> Section:
    """Return what changes in one experiment, and how these values did."""
    blocks: list[Block] = []
    if found.former_name:
        blocks.append(Paragraph(words("renamed, before: ", Code(found.former_name))))
    blocks += [Bullets(tuple((Said(text),) for text in found.problems[:limit]))] * bool(
        found.problems
    )
    blocks += change_tables(found.parameters, "parameter", limit=limit)
    blocks += change_tables(found.header, "header", limit=limit)
    for results in found.results:
        blocks += _results(results, limit)
    if evaluated is not None:
        blocks += _runs(evaluated, limit)
    kind = "" if found.kind == "changed" else f" ({found.kind})"
    return Section(heading=words("Experiment ", Code(found.name), kind), blocks=tuple(blocks))


def _results(results: ResultsDiff, limit: int) -> Iterator[Block]:
    """Yield how the newest runs of both sets of values compare."""
    over: Line = words("over ", Code(results.dataset)) if results.dataset else ()
    if results.after is None:
        return
    if results.before is None:
        yield Paragraph(
            words("Results ", *over, ": ", *_run(results.after), "; none with the values before")
        )
    else:
        against = words(": ", *_run(results.after), " against ", *_run(results.before))
        yield Paragraph(words("Results ", *over, *against))
    if results.measures:
        rows = tuple(_measure(measure) for measure in results.measures[:limit])
        yield Table(titles=_MEASURES, rows=rows, more=len(results.measures) - len(rows))
    if results.notes:
        yield Bullets(tuple((Said(note),) for note in results.notes[:limit]))


def _run(run: RunBrief) -> Line:
    return (Code(run.id),)


def _measure(measure: MeasureDiff) -> tuple[Line, ...]:
    difference = "" if measure.difference is None else f"{measure.difference:+.4g}"
    paired = f", {plural(measure.pairs, 'pair')}" if measure.paired else ""
    verdict = measure.verdict or ""
    return (
        (Code(measure.name),),
        (Text(number_text(measure.before)),),
        (Text(number_text(measure.after)),),
        (Text(difference),),
        (
            Text(
                interval_text(measure.interval, signed=True)
                or interval_text(measure.interval_after)
            ),
        ),
        (Mark(_VERDICTS.get(verdict, "")), Text(f" {verdict}{paired}" if verdict else paired[2:])),
    )


def _runs(evaluated: Evaluated, limit: int) -> Iterator[Block]:
    """Yield which runs used exactly these values."""
    if evaluated.problem:
        yield Paragraph(words("Runs could not be looked up: ", Said(evaluated.problem)))
    elif not evaluated.total:
        yield Paragraph(words(Mark("unsure"), " No run used exactly these values."))
    else:
        rows = tuple(_run_row(run) for run in evaluated.runs[:limit])
        table = Table(titles=_RUNS, rows=rows, more=evaluated.total - len(rows))
        count = plural(evaluated.total, "run")
        yield Details(title=f"{count} used exactly these values", blocks=(table,))


_RUNS = ("run", "experiment", "status", "when", "rows", "passed", "failed", "errors")


def _run_row(run: RunBrief) -> tuple[Line, ...]:
    counts = (run.total, run.passed, run.failed, run.errors)
    numbers = tuple((Text(str(count) if run.total else ""),) for count in counts)
    return ((Code(run.id),), (Code(run.experiment),), (Said(run.status),), (Said(run.created_at),),
            *numbers)  # fmt: skip


def definition_sections(diff: ProjectDiff, *, limit: int) -> Iterator[Section]:
    """Yield what changes in the project's definition."""
    if diff.environments:
        yield _entries("Environments and their policies", diff.environments, limit)
    if diff.slots:
        yield _entries("Parameter slots", diff.slots, limit)
    if diff.settings:
        blocks = tuple(change_tables(diff.settings, "setting", limit=limit))
        yield Section(heading=words("Settings of the project"), blocks=blocks)


def _entries(title: str, entries: Sequence[EntryDiff], limit: int) -> Section:
    blocks: list[Block] = [Paragraph(words(kind_counts(entry.kind for entry in entries)))]
    for entry in entries[:limit]:
        blocks.append(Paragraph(words(Code(entry.name), f" {entry.kind}")))
        blocks += change_tables(entry.changes, "place", limit=limit)
    return Section(heading=words(title), blocks=tuple(blocks))


def document_sections(diff: ProjectDiff, *, limit: int) -> Iterator[Section]:
    """Yield what changes in datasets, in other documents, and in files without a meaning."""
    if diff.datasets:
        blocks = [block for found in diff.datasets[:limit] for block in _dataset(found, limit)]
        yield Section(heading=words("Datasets"), blocks=tuple(blocks))
    if diff.documents:
        blocks = [block for found in diff.documents[:limit] for block in _document(found, limit)]
        yield Section(heading=words("Other documents"), blocks=tuple(blocks))
    if diff.files:
        lines = tuple(words(Code(file.path), f" {file.kind}") for file in diff.files[:limit])
        more = len(diff.files) - len(lines)
        left = (words(f"and {more} more"),) if more else ()
        title = f"{plural(len(diff.files), 'file')}: {kind_counts(f.kind for f in diff.files)}"
        details = Details(title=title, blocks=(Bullets((*lines, *left)),))
        yield Section(heading=words("Other files"), blocks=(details,))


def _dataset(found: DatasetDiff, limit: int) -> Iterator[Block]:
    yield Paragraph(words(Code(found.name), f" {found.kind}{_counts(found)}"))
    if found.large:
        yield Paragraph(words("a large file: its digest differs, its samples are not compared"))
    if found.problem:
        yield Paragraph(words("its samples are not compared: ", Said(found.problem)))
    rows = tuple(
        (words(Code(sample.id)), words(sample.kind), words(*_places(sample.changes)))
        for sample in found.samples[:limit]
    )
    more = len(found.samples) - len(rows) + found.left_out
    if rows:
        table = Table(titles=("sample", "", "what differs"), rows=rows, more=more)
        yield Details(title=plural(len(rows) + more, "sample"), blocks=(table,))


def _counts(found: DatasetDiff) -> str:
    counts = [(n, getattr(found, n)) for n in ("added", "removed", "changed", "same")]
    said = [f"{count:,} {name}" for name, count in counts if count]
    return f": {', '.join(said)}" if said else ""


def _places(changes: Sequence[object]) -> Line:
    line: list[Code | Text] = []
    for change in changes[:4]:
        line += [Text(", ")] * bool(line) + [Code(getattr(change, "place", ""))]
    left = len(changes) - 4
    return (*line, Text(f" and {left} more")) if left > 0 else tuple(line)


def _document(found: DocumentDiff, limit: int) -> Iterator[Block]:
    yield Paragraph(words(Said(found.type), " ", Code(found.name), f" {found.kind}"))
    if found.problem:
        yield Paragraph(words("compared as a text: ", Said(found.problem)))
    yield from change_tables(found.changes, "place", limit=limit)
