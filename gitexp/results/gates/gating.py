"""A gate on a recorded run: its numbers are read, a baseline is found, and the rules are judged."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.project.workspace import Workspace
from gitexp.results.chosen_runs import directions_of
from gitexp.results.gates.baselines import find_baseline
from gitexp.results.gates.judging import Evidence, GateReport, judge_all
from gitexp.results.gates.rules import Rule, parse
from gitexp.results.pairing import Side, pair
from gitexp.results.pairings import Pairing
from gitexp.runs.estimates import CONFIDENCE
from gitexp.runs.recording.results import rows_of
from gitexp.runs.run import Run
from gitexp.runs.searching import find_run
from gitexp.runs.tallies import Tally, tally_of


def gate(
    workspace: Workspace,
    run_id: str,
    rules: Sequence[Rule | str],
    *,
    baseline: str | None = None,
    confidence: float = CONFIDENCE,
    use_intervals: bool = False,
) -> GateReport:
    """Return what rules come to for a run.

    Args:
        rules: as values, or as texts such as `min accuracy=0.9`.
        baseline: see `find_baseline`; one that is not found leaves regressions unjudged.
        confidence: of the intervals.
        use_intervals: whether a number passes only where its whole interval does.

    Raises:
        InvalidInput: there is no rule, one is wrong, a regression has no baseline to be measured
            against, or the confidence is not between 0 and 1.
        NotFound: there is no such run.
    """
    asked = [parse(rule) if isinstance(rule, str) else rule for rule in rules]
    _check(asked, baseline, confidence)
    run = find_run(workspace, run_id)
    wanted = confidence if use_intervals else None
    compared = any(rule.kind == "max-regression" for rule in asked)
    evidence = _evidence(workspace, run, baseline if compared else None, wanted)
    return judge_all(asked, evidence, confidence=wanted)


def _check(rules: Sequence[Rule], baseline: str | None, confidence: float) -> None:
    if not rules:
        raise InvalidInput("a gate needs a rule", hint="Give one, such as `min accuracy=0.9`.")
    if not 0 < confidence < 1:
        raise InvalidInput(f"a confidence of {confidence!r} is not between 0 and 1")
    compared = next((rule for rule in rules if rule.kind == "max-regression"), None)
    if compared is not None and baseline is None:
        raise InvalidInput(
            f"{compared.text} needs a baseline",
            hint="Name one: a run, `env:NAME`, `version:REVISION` or `latest`.",
        )


def _evidence(
    workspace: Workspace, run: Run, baseline: str | None, confidence: float | None
) -> Evidence:
    """Return what is known of a run; rows are read only where something is counted over them."""
    other = _baseline(workspace, run, baseline) if baseline is not None else None
    runs = [run, other] if isinstance(other, Run) else [run]
    tallies = [_tally(workspace, one, confidence) for one in runs]
    return Evidence(
        run=run,
        directions=directions_of(workspace, runs),
        tally=tallies[0],
        baseline=other,
        baseline_tally=tallies[-1] if len(runs) > 1 else None,
        pairing=_pairing(workspace, other, run, confidence or CONFIDENCE),
    )


def _baseline(workspace: Workspace, run: Run, text: str) -> Run | GitexpError:
    try:
        return find_baseline(workspace, run, text)
    except (NotFound, InvalidInput) as exc:
        return exc


def _tally(workspace: Workspace, run: Run, confidence: float | None) -> Tally | None:
    if confidence is None:
        return None
    return tally_of(rows_of(workspace, run.id), confidence=confidence)


def _pairing(
    workspace: Workspace, baseline: Run | GitexpError | None, run: Run, confidence: float
) -> Pairing | GitexpError | None:
    if not isinstance(baseline, Run):
        return baseline
    sides = [Side(run=one, rows=rows_of(workspace, one.id)) for one in (baseline, run)]
    directions = directions_of(workspace, [baseline, run])
    try:
        return pair(sides[0], sides[1], directions=directions, confidence=confidence)
    except InvalidInput as exc:
        return exc
