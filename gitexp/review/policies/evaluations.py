"""Evaluations as policies ask for them: the newest run of exactly these values, and its gate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from gitexp.clock import SKEW, iso
from gitexp.errors import GitexpError, InvalidInput, NotFound
from gitexp.project.policies import GateRule
from gitexp.project.workspace import Workspace
from gitexp.review.policies.facts import GateFinding
from gitexp.review.policies.moves import Move, values_mark
from gitexp.review.policies.wording import duration_text
from gitexp.runs.run import Run
from gitexp.runs.same_values import same_values

if TYPE_CHECKING:
    from gitexp.results.gates.judging import Verdict

_REGRESSION = "max-regression"
_ENVIRONMENT = "env:"
_PAGE = 50


def gate_finding(
    workspace: Workspace, rule: GateRule, move: Move, now: datetime, *, branch: str
) -> GateFinding:
    """Return what came of a gate for the values of a move.

    The run is the newest one that finished, is not deleted, is on the shared remote, evaluated
    exactly these values of this experiment (by digest and id), over the dataset that the rule
    names, and is not too old.

    Args:
        branch: where the experiment's runs are. A run that another branch holds does not count,
            whatever it says of itself: who may write there may not write here.

    Raises:
        StoreError: the records of runs cannot be read.
    """
    over = f" over {rule.dataset}" if rule.dataset else ""
    run = next(_shared(workspace, branch, _runs(workspace, rule, move, now)), None)
    if run is None:
        age = f" in the last {duration_text(rule.max_age)}" if rule.max_age else ""
        text = f"no shared run evaluated these values{over}{age}"
        return GateFinding(passed=None, text=text)
    return _judged(workspace, rule, move, run, over)


def _runs(workspace: Workspace, rule: GateRule, move: Move, now: datetime) -> Iterator[Run]:
    """Yield the runs that a gate may be judged by, the newest first."""
    from gitexp.runs.searching import RunQuery, search

    experiment_id, digest = move.after.experiment_id, move.after.digest
    assert experiment_id is not None  # gates are asked about what is bound
    assert digest is not None
    wanted = [same_values(experiment_id, digest), "status = 'finished'"]
    wanted += [f"created_at <= '{iso(now + SKEW)}'", f"ended_at <= '{iso(now + SKEW)}'"]
    if rule.dataset:
        wanted.append(f"dataset = '{rule.dataset}'")
    if rule.max_age is not None:
        wanted.append(f"ended_at >= '{iso(now - rule.max_age)}'")
    token: str | None = None
    while True:
        query = RunQuery(filter=" AND ".join(wanted), limit=_PAGE, page_token=token)
        page = search(workspace, query)
        yield from page.runs
        token = page.next_page_token
        if token is None:
            return


def _shared(workspace: Workspace, branch: str, runs: Iterator[Run]) -> Iterator[Run]:
    """Yield the runs that a branch of the shared remote holds: all who judge see them there."""
    from gitexp.documents import layout
    from gitexp.store.trees import entry_at, tree_of

    store = workspace.store
    tip = store.ref(workspace.tracking(branch) if workspace.has_remote else branch)
    if tip is None:
        return
    tree = tree_of(store, tip)
    for run in runs:
        if entry_at(store, tree, layout.run_path(run.id)):
            yield run


def _judged(workspace: Workspace, rule: GateRule, move: Move, run: Run, over: str) -> GateFinding:
    from gitexp.results.gates.gating import gate

    baseline = rule.baseline or f"{_ENVIRONMENT}{move.environment}"
    rules = _comparable(rule, move, baseline)
    if not rules:
        text = f"run {run.id}{over}: nothing is live that it could be worse than"
        return GateFinding(passed=True, text=text, run=run.id)
    try:
        report = gate(
            workspace,
            run.id,
            rules,
            baseline=baseline,
            confidence=rule.confidence,
            use_intervals=rule.use_intervals,
        )
    except (InvalidInput, NotFound) as exc:
        return GateFinding(passed=None, text=f"run {run.id}{over}: {exc.message}", run=run.id)
    passed = {"passed": True, "failed": False, "unjudged": None}[report.outcome]
    said = "; ".join(_said(verdict) for verdict in report.verdicts)
    return GateFinding(passed=passed, text=f"run {run.id}{over}: {said}", run=run.id)


def _comparable(rule: GateRule, move: Move, baseline: str) -> list[str]:
    """Return the rules, without regressions against what is live where that is nothing else."""
    live = values_mark(move.before.binding) if move.before is not None else None
    if live in (None, values_mark(move.after)) and baseline == f"{_ENVIRONMENT}{move.environment}":
        return [text for text in rule.rules if not text.strip().startswith(_REGRESSION)]
    return list(rule.rules)


def _said(verdict: Verdict) -> str:
    value = f" ({verdict.value:.6g})" if verdict.value is not None else ""
    reason = f": {verdict.reason}" if verdict.reason else ""
    return f"{verdict.rule.text} {verdict.outcome}{value}{reason}"


def rule_fault(text: str) -> str | None:
    """Return what is wrong with a gate's rule as a text, or None when nothing is."""
    from gitexp.results.gates.rules import parse

    try:
        parse(text)
    except GitexpError as exc:
        return exc.message
    return None
