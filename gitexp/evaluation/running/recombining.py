"""What evaluation workflows make of recorded rows whose scores have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gitexp.errors import GitexpError
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.combining import EvaluationWorkflow
from gitexp.evaluation.evaluators.scoring import Scoring, load_evaluation_workflow
from gitexp.evaluation.running.planning import project_directory
from gitexp.project.workspace import Workspace
from gitexp.runs.rows import ResultRow, Score
from gitexp.runs.run import Run


def sample_of(row: ResultRow) -> Sample:
    """Return the sample whose row it is."""
    return Sample(
        id=row.sample,
        input=row.input,
        expected=row.expected,
        metadata=row.metadata,
        weight=row.weight,
    )


def combined(
    workflows: Scoring, row: ResultRow, scores: Mapping[str, Score]
) -> Mapping[str, Score]:
    """Return the scores of workflows by their names, given all other scores of a row."""
    usage = Usage.from_dict(row.usage)
    return workflows.combine(sample_of(row), scores, usage, row.duration_seconds)


def recombining(workspace: Workspace, run: Run) -> Callable[[ResultRow], Mapping[str, Score]]:
    """Return what gives the scores of a row by the workflows that scored it already.

    It is for runs that were scored in two clones. Those workflows count whose files are what they
    were when they scored the run; the scores of the others stay as they are, with a notice.
    """
    known = {one.name: one.digest for one in run.evaluators}
    found, others = list[EvaluationWorkflow](), list[str]()
    for name in run.evaluation.get("evaluator_workflows", ()):
        workflow = _workflow(workspace, name)
        if workflow is not None and workflow.digest == known.get(name):
            found.append(workflow)
        else:
            others.append(name)
    if others:
        workspace.surroundings.notice(
            f"run {run.id} was scored in two clones, and what {', '.join(others)} makes of that is "
            "not worked out, because the files here are not those that scored it: do it with "
            f"`gitexp score {run.id} --evaluator NAME`, for an evaluator of the workflow"
        )
    scoring = Scoring(evaluators=(), workflows=tuple(found))

    def again(row: ResultRow) -> Mapping[str, Score]:
        every = combined(scoring, row, row.scores)
        return {name: score for name, score in every.items() if name in row.scores}

    return again


def _workflow(workspace: Workspace, name: str) -> EvaluationWorkflow | None:
    """Return an evaluation workflow of the working tree; None where it cannot be read."""
    try:
        return load_evaluation_workflow(project_directory(workspace), name, root=workspace.root)
    except GitexpError:
        return None
