"""A report as a page: first what a reviewer decides by, then the details."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gitexp.review.diffing.results import MeasureDiff
from gitexp.review.policies.judgements import Requirement
from gitexp.review.reporting.page import (
    Block,
    Bullets,
    Code,
    Line,
    Mark,
    Page,
    Paragraph,
    Said,
    Section,
    Span,
    Table,
    Text,
    Tone,
    codes,
    listed,
    plural,
    words,
)
from gitexp.review.reporting.report import Effect, Point, Report
from gitexp.review.reporting.sections import (
    definition_sections,
    document_sections,
    experiment_section,
)

LIMIT = 50
"""How many rows a table has at most."""

_NOTES = 20
"""How many notes a report shows."""

_SHORT = 10
_OUTCOMES: dict[str, Tone] = {"met": "good", "missing": "unsure", "refused": "bad"}
_VERDICTS: dict[str, tuple[Tone, str]] = {
    "allowed": ("good", "could be promoted now"),
    "approval_required": ("unsure", "needs approval"),
    "refused": ("bad", "is not allowed now"),
}
_ACTIONS = {"promote": "promoted", "rollback": "rolled back", "unbind": "unbound"}
_KINDS = {"version_signature": "signature of the version", "signed": "signature"}


def page_of(report: Report, *, limit: int = LIMIT) -> Page:
    """Return a report as a page whose tables have at most so many rows."""
    top = Section(heading=_title(report), blocks=tuple(_top(report)), level=2)
    return Page(project=report.project, top=top, sections=tuple(_sections(report, limit)))


def _sections(report: Report, limit: int) -> Iterator[Section]:
    if report.validity.problems:
        yield _problems(report, limit)
    judged = [effect for effect in report.effects if effect.verdict or effect.problem]
    if judged:
        yield _judgements(judged, limit)
    evaluated = {found.experiment: found for found in report.evaluated}
    for found in report.diff.experiments:
        yield experiment_section(found, evaluated.get(found.name), limit=limit)
    yield from definition_sections(report.diff, limit=limit)
    yield from document_sections(report.diff, limit=limit)


# --- what is at the top ---------------------------------------------------------------------


def _title(report: Report) -> Line:
    if report.kind == "environment":
        names = dict.fromkeys(effect.environment for effect in report.effects)
        return words("gitexp: a change of ", *(codes(list(names)) or words("an environment")))
    if report.diff.same:
        return words("gitexp: nothing changes")
    values, experiments = len(report.diff.changes), len(report.diff.experiments)
    of = f" of {plural(experiments, 'experiment')}"
    if values:
        return words(f"gitexp: {plural(values, 'parameter')}{of} {_verb(values)}")
    if experiments:
        return words(f"gitexp: {plural(experiments, 'experiment')} {_verb(experiments)}")
    return words("gitexp: files of the project change")


def _verb(count: int) -> str:
    return "changes" if count == 1 else "change"


def _top(report: Report) -> Iterator[Block]:
    rows = [
        *_asked(report),
        _compared(report),
        _valid(report),
        *_evaluated(report),
        *_compared_results(report),
    ]
    rows += _environments(report)
    yield Table(titles=("", "", ""), rows=tuple(rows))
    if notes := (*report.notes, *report.diff.notes):
        shown = [(Mark("unsure"), Text(" "), Said(note)) for note in notes[:_NOTES]]
        left = len(notes) - len(shown)
        more = [words(f"and {left} more")] if left else []
        yield Bullets((*shown, *more))


def _row(title: str, tone: Tone, *parts: Span | str) -> tuple[Line, ...]:
    return words(title), words(Mark(tone)), words(*parts)


def _asked(report: Report) -> Iterator[tuple[Line, ...]]:
    """Yield what a change of an environment asks for, and who asks."""
    asked = report.asked
    if asked is None:
        return
    what = words("to make ", Code(asked.live), " live") if asked.live else words("to unbind it")
    if asked.action == "flags":
        what = words("to change its flags")
    change = words(", change request ", Code(asked.change)) if asked.change else ()
    why = words(": ", Said(asked.reason)) if asked.reason else ()
    by = words(", ", Text(_ACTIONS.get(asked.action, "asked")), " by ", Code(asked.by))
    yield _row("asked", "", *what, *by, *change, *why)
    if asked.passed_over:
        yield _row("passed over", "bad", *codes(asked.passed_over))


def _compared(report: Report) -> tuple[Line, ...]:
    parted = report.compared != report.base.commit
    since = words(", since ", Code(report.compared[:_SHORT])) if parted else ()
    ends = words(*_point(report.head), " with ", *_point(report.base))
    return _row("compared", "", *ends, *since)


def _point(point: Point) -> Line:
    short = point.commit[:_SHORT]
    if point.label.startswith(short):
        return (Code(short),)
    return words(Code(point.label), " (", Code(short), ")")


def _valid(report: Report) -> tuple[Line, ...]:
    files = plural(report.validity.files, "file")
    old = report.validity.old
    before = f"; the base has {plural(old, 'problem')} already" if old else ""
    if report.validity.valid:
        return _row("valid", "good", f"{files} checked, nothing is wrong{before}")
    count = plural(len(report.validity.problems), "problem")
    return _row("valid", "bad", f"{files} checked, {count}{before}")


def _evaluated(report: Report) -> Iterator[tuple[Line, ...]]:
    """Yield whether the values were evaluated as they stand."""
    if not report.evaluated:
        return
    without = [found.experiment for found in report.evaluated if not found.finished]
    total = len(report.evaluated)
    if not without:
        runs = plural(sum(found.finished for found in report.evaluated), "run")
        yield _row("evaluated", "good", f"{runs} finished with exactly these values")
        return
    what = "no finished run with exactly these values"
    if total == 1:
        yield _row("evaluated", "unsure", what)
    else:
        counted = f"{len(without)} of {total} experiments have {what}: "
        yield _row("evaluated", "unsure", counted, *codes(without))


def _compared_results(report: Report) -> Iterator[tuple[Line, ...]]:
    """Yield which results are better or worse than with the values before."""
    found = [
        (experiment.name, measure)
        for experiment in report.diff.experiments
        for results in experiment.results
        for measure in results.measures
        if measure.difference is not None
    ]
    if not found:
        return
    worse, better = (_with(found, verdict) for verdict in ("worse", "better"))
    said = [words("worse: ", *worse)] * bool(worse) + [words("better: ", *better)] * bool(better)
    tone: Tone = "bad" if worse else "good" if better else "unsure"
    yield _row("results", tone, *(listed(said, "; ") or words("no clear difference")))


def _with(found: Sequence[tuple[str, MeasureDiff]], verdict: str) -> Line:
    names = [f"{name}: {m.name}" for name, m in found if m.verdict == verdict]
    return codes(list(dict.fromkeys(names)), most=5)


def _environments(report: Report) -> Iterator[tuple[Line, ...]]:
    """Yield a row for each environment: what is live there, and who decides."""
    for name in dict.fromkeys(effect.environment for effect in report.effects):
        effects = [effect for effect in report.effects if effect.environment == name]
        yield (
            words("environment ", Code(name)),
            words(Mark(_worst(effects))),
            words(*listed(_effect_lines(effects), "; ")),
        )


def _worst(effects: Sequence[Effect]) -> Tone:
    tones = {_tone(effect) for effect in effects}
    return next((tone for tone in ("bad", "unsure", "good") if tone in tones), "")


def _tone(effect: Effect) -> Tone:
    if effect.problem or effect.relation == "unreadable":
        return "bad"
    return _VERDICTS[effect.verdict][0] if effect.verdict else ""


def _effect_lines(effects: Sequence[Effect]) -> Iterator[Line]:
    yield words(*_live(effects))
    for verdict, (_, said) in _VERDICTS.items():
        names = [effect.experiment for effect in effects if effect.verdict == verdict]
        if names:
            yield words(*codes(names, most=4), f" {said}")
    who = list(dict.fromkeys(w for e in effects for r in _missing(e) for w in r.who))
    if who:
        yield words("who can approve: ", *codes(who))


def _live(effects: Sequence[Effect]) -> Line:
    live = next((effect.live for effect in effects if effect.live), None)
    if any(effect.relation == "unreadable" for effect in effects):
        return words("what is live there cannot be read")
    if live is None:
        return words("nothing is live there")
    same = " (these very values)" if any(e.relation == "same" for e in effects) else ""
    return words("live is ", Code(live), same)


def _missing(effect: Effect) -> list[Requirement]:
    return [asked for asked in effect.requirements if asked.outcome == "missing"]


# --- sections -------------------------------------------------------------------------------


def _problems(report: Report, limit: int) -> Section:
    shown = report.validity.problems[:limit]
    rows = tuple(
        (
            words(Code(p.file if p.line is None else f"{p.file}:{p.line}")),
            words(Code(p.place)),
            words(Said(p.message)),
        )
        for p in shown
    )
    more = len(report.validity.problems) - len(shown)
    table = Table(titles=("file", "place", "what is wrong"), rows=rows, more=more)
    return Section(heading=words("What is wrong"), blocks=(table,))


def _judgements(effects: Sequence[Effect], limit: int) -> Section:
    rows = list(_requirement_rows(effects))
    titles = ("environment", "experiment", "policy", "asks for", "", "what is there")
    table = Table(titles=titles, rows=tuple(rows[:limit]), more=max(len(rows) - limit, 0))
    blocks: Iterable[Block] = (
        [table] if rows else [Paragraph(words("No policy asks for anything."))]
    )
    return Section(heading=words("Gates and approvals"), blocks=tuple(blocks))


def _requirement_rows(effects: Sequence[Effect]) -> Iterator[tuple[Line, ...]]:
    for effect in effects:
        names = words(Code(effect.environment)), words(Code(effect.experiment))
        if effect.problem:
            yield *names, (), (), words(Mark("bad")), words(Said(effect.problem))
        for asked in effect.requirements:
            who = words("; who can give it: ", *codes(asked.who)) if asked.who else ()
            yield (
                *names,
                words(Said(asked.policy)),
                words(_KINDS.get(asked.kind, asked.kind)),
                words(Mark(_OUTCOMES[asked.outcome])),
                words(Said(asked.text), *who),
            )
