"""The report of a change of an environment: what its branch would hold after a merge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gitexp.clock import iso
from gitexp.environments.binding import Snapshot
from gitexp.environments.published import changes_text, flag_changes
from gitexp.errors import InvalidInput
from gitexp.experiments.changes import value_changes
from gitexp.flags.documents import Flag
from gitexp.flags.rebucketing import rebucketing
from gitexp.ids import Name
from gitexp.review.diffing.evidence import with_results
from gitexp.review.diffing.experiments import parameter_change
from gitexp.review.diffing.model import ExperimentDiff, ProjectDiff, Side
from gitexp.review.policies.moves import Move
from gitexp.review.reporting.effects import NOBODY, judged, judging_in
from gitexp.review.reporting.evaluations import Wanted, runs_of
from gitexp.review.reporting.report import Asked, Effect, Evaluated, Relation, Report
from gitexp.review.reporting.work import Work
from gitexp.store.trees import read_commit


def of_environment(work: Work, head: Snapshot) -> Report:
    """Return the report of a change whose head is what an environment's branch shall hold.

    Raises:
        InvalidInput: the base is no state of the same environment.
    """
    workspace, points = work.workspace, work.points
    base = work.snapshot(points.base)
    _check_same(work, base, head)
    diff = _values_diff(work, base, head)
    if work.request.results:
        diff = with_results(workspace, diff)
    return Report(
        project=workspace.project_id,
        kind="environment",
        base=work.base,
        head=work.head,
        compared=points.base,
        diff=diff,
        validity=replace(work, points=replace(points, compared=points.base)).validity(),
        evaluated=_evaluated(work, head),
        effects=(_effect(work, base, head),),
        asked=_asked(head),
        notes=(*work.notes, *_stale(work, head), *_of_flags(base, head)),
    )


def _asked(head: Snapshot) -> Asked:
    binding = head.binding
    bypass = binding.bypass
    return Asked(
        action=binding.action,
        live=binding.label if binding.bound else None,
        by=binding.by,
        at=iso(binding.at),
        reason=bypass.reason if bypass is not None else binding.reason,
        change=binding.change,
        passed_over=bypass.policies if bypass is not None else (),
    )


def _check_same(work: Work, base: Snapshot | None, head: Snapshot) -> None:
    """Refuse ends that are not of one environment of this project."""
    ours, project = head.binding, work.workspace.project_id
    if ours.project != project:
        raise InvalidInput(
            f"the head is of project {ours.project!r}, not {project!r}",
            hint="Make the report in the directory of that project.",
        )
    if base is None or base.binding.environment != ours.environment:
        raise InvalidInput(
            f"the head is of environment {ours.environment!r}, and the base is not",
            hint=f"Name its branch as the base: `--base env:{ours.environment}`.",
        )


def _stale(work: Work, head: Snapshot) -> tuple[str, ...]:
    """Return what is to be said where the environment has moved since."""
    points = work.points
    if points.base in (points.head, *read_commit(work.workspace.store, points.head).parents):
        return ()
    name = head.binding.environment
    return (f"environment {name!r} has moved since the change was made; it is to be renewed",)


def _of_flags(base: Snapshot | None, head: Snapshot) -> Iterator[str]:
    """Yield what is done to flags, and whom that moves."""
    before = base.flags if base is not None else {}
    changes = flag_changes(base.binding.flags if base is not None else {}, head.binding.flags)
    if changes:
        yield f"it would {changes_text(changes)}"
    for key in changes:
        if key in before and key in head.flags:
            old, new = (Flag.from_dict(key, found[key]) for found in (before, head.flags))
            yield from (f"flag {key}: {line}" for line in rebucketing(old, new))


def _values_diff(work: Work, base: Snapshot | None, head: Snapshot) -> ProjectDiff:
    before = base.values if base is not None else {}
    types = {**(base.binding.types if base is not None else {}), **head.binding.types}
    changes = value_changes(before, head.values, types)
    old, new = base.binding if base is not None else None, head.binding
    id_before = old.experiment_id if old else None
    found = ExperimentDiff(
        name=new.experiment or (old.experiment if old else None) or "",
        kind="changed" if new.bound else "removed",
        id=new.experiment_id or id_before,
        former_id=id_before if new.bound and id_before != new.experiment_id else None,
        digest_before=old.digest if old else None,
        digest_after=new.digest,
        parameters=tuple(parameter_change(change) for change in changes),
    )
    is_moved = old is None or old.subject != new.subject
    return ProjectDiff(
        a=_side(work.request.base, base),
        b=_side(work.request.head, head),
        experiments=(found,) if is_moved else (),
    )


def _side(label: str, snapshot: Snapshot | None) -> Side:
    if snapshot is None:
        return Side(label=label, kind="environment")
    binding = snapshot.binding
    return Side(
        label=label,
        kind="environment",
        commit=binding.commit,
        experiment=binding.experiment,
        version=binding.version,
        digest=binding.digest,
        environment=binding.environment,
    )


def _evaluated(work: Work, head: Snapshot) -> tuple[Evaluated, ...]:
    binding = head.binding
    if not (work.request.results and binding.bound):
        return ()
    wanted = Wanted(binding.experiment or "", binding.experiment_id, binding.digest)
    return tuple(runs_of(work.workspace, [wanted]))


def _effect(work: Work, base: Snapshot | None, head: Snapshot) -> Effect:
    ours, live = head.binding, base.binding if base is not None else None
    bound = live is not None and live.bound
    same = live is not None and live.subject == ours.subject
    relation: Relation = "same" if same else "other" if bound else "nothing"
    judging = judging_in(work.workspace, trusts_votes=work.request.trusts_votes)
    judgement, problem = judged(judging, _move(work, base, head))
    return Effect(
        environment=ours.environment,
        experiment=ours.experiment or (live.experiment if live else None) or "",
        relation=relation,
        live=live.label if live is not None and bound else None,
        bound=bound,
        verdict=judgement.verdict if judgement is not None else None,
        requirements=judgement.requirements if judgement is not None else (),
        problem=problem,
    )


def _move(work: Work, base: Snapshot | None, head: Snapshot) -> Move:
    return Move(
        project=work.workspace.project_id,
        environment=Name(head.binding.environment),
        before=base,
        after=head.binding,
        values=head.values,
        tip=work.points.base,
        actor=NOBODY,
    )
