"""What scores a run: evaluators, or evaluation workflows, by name or by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gitexp.documents import layout
from gitexp.documents.canonical import digest_of
from gitexp.documents.problems import MISSING, Problem, ProblemCollector
from gitexp.errors import InvalidDocuments, InvalidInput
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.datasets.sample import Sample
from gitexp.evaluation.evaluators.combining import (
    Circumstances,
    Condition,
    EvaluationWorkflow,
    Part,
)
from gitexp.evaluation.evaluators.evaluator import Evaluator
from gitexp.evaluation.evaluators.loading import (
    DEFAULT_EVALUATOR,
    evaluator_names,
    list_evaluators,
    load_evaluators,
)
from gitexp.evaluation.evaluators.types import BUILT_IN
from gitexp.evaluation.evaluators.verdicts import unscored
from gitexp.evaluation.files import read_document
from gitexp.ids import parse_name
from gitexp.runs.references import Reference
from gitexp.runs.rows import Score

SHORTEST_ID = 7
"""The fewest digits of a digest that an evaluator is known by."""

_DIGITS = frozenset("0123456789abcdef")
_SOURCES = ("score", "metadata", "latency", "cost", "tokens")


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Everything that scores a run.

    Attributes:
        evaluators: each once; those that the conditions of others are about come first.
    """

    evaluators: tuple[Evaluator, ...]
    workflows: tuple[EvaluationWorkflow, ...] = ()

    @property
    def combines(self) -> bool:
        """Whether there are scores beside those of the single evaluators."""
        return bool(self.workflows)

    @property
    def references(self) -> tuple[Reference, ...]:
        """What a run records of it: evaluators, then workflows."""
        evaluators = [one.reference for one in self.evaluators]
        return (*evaluators, *(one.reference for one in self.workflows))

    @property
    def deciding(self) -> frozenset[str]:
        """The names of the scores that decide whether a row passes: workflows, where there are."""
        return frozenset(one.name for one in self.workflows or self.evaluators)

    def combine(
        self,
        sample: Sample,
        scores: Mapping[str, Score],
        usage: Usage,
        seconds: float | None,
    ) -> Mapping[str, Score]:
        """Return the scores of the workflows by their names.

        Args:
            scores: those of the single evaluators.
            usage: what the calls used up.
            seconds: how long they took.
        """
        about = Circumstances(sample=sample, scores=scores, usage=usage, seconds=seconds)
        return {workflow.name: workflow.score(about) for workflow in self.workflows}

    @property
    def rounds(self) -> tuple[frozenset[str], ...]:
        """The evaluators' names in rounds; conditions are about scores of earlier rounds alone.

        Raises:
            InvalidInput: several workflows together let evaluators wait for each other.
        """
        left = {one.name: self._awaited(one.name) for one in self.evaluators}
        found: list[frozenset[str]] = []
        while left:
            ready = frozenset(name for name, needs in left.items() if not needs & left.keys())
            if not ready:
                raise _in_circles(left)
            found.append(ready)
            left = {name: needs for name, needs in left.items() if name not in ready}
        return tuple(found)

    def _awaited(self, name: str) -> set[str]:
        conditions = [part.when for part in self._parts(name)]
        if None in conditions:
            return set()
        return {when.key for when in conditions if when is not None and when.source == "score"}

    def _parts(self, name: str) -> list[Part]:
        return [p for w in self.workflows for p in w.parts if p.evaluator.name == name]

    def passed_over(self, name: str, about: Circumstances) -> Score | None:
        """Return the score of an evaluator that need not be asked; None where it must be."""
        parts = self._parts(name)
        if not parts or any(part.when is None or part.when.holds(about) for part in parts):
            return None
        return unscored(f"not asked, since this does not hold: {parts[0].when}")


def _in_circles(names: Iterable[str]) -> InvalidInput:
    return InvalidInput(
        f"the evaluators {', '.join(sorted(names))} wait for each other's scores",
        hint="Give one of the workflows at a time.",
    )


def resolve_evaluators(
    directory: Path,
    *,
    evaluator_ids: Sequence[str] = (),
    evaluator_slugs: Sequence[str] = (),
    evaluator_workflow_ids: Sequence[str] = (),
    root: str = "",
) -> Scoring:
    """Return what scores a run; `exact-match` where nothing is given.

    Args:
        evaluator_ids: names, or the first digits of digests.
        evaluator_slugs: the same by an older name, which counts only without `evaluator_ids`.
        evaluator_workflow_ids: names of evaluation workflows, instead of evaluators.

    Raises:
        InvalidInput: evaluators and workflows are both given, or an id fits several.
        NotFound: there is no such evaluator or workflow.
        InvalidDocuments: everything that is wrong in the files.
    """
    given = evaluator_ids or evaluator_slugs
    if given and evaluator_workflow_ids:
        raise InvalidInput(
            "evaluators and evaluation workflows are both given",
            hint="Score in one way: by evaluators, or by an evaluation workflow.",
        )
    if evaluator_workflow_ids:
        return load_scoring(directory, (), workflows=evaluator_workflow_ids, root=root)
    return load_scoring(directory, given or (DEFAULT_EVALUATOR,), root=root)


def load_scoring(
    directory: Path, evaluators: Iterable[str], *, workflows: Iterable[str] = (), root: str = ""
) -> Scoring:
    """Return the scoring by evaluators, by name or id, and by evaluation workflows.

    The evaluators of the workflows need not be given.

    Raises:
        NotFound, InvalidDocuments, InvalidInput: as `resolve_evaluators` says.
    """
    names = [_name_of(directory, given, root) for given in evaluators]
    found = {one.name: one for one in load_evaluators(directory, names, root=root)}
    loaded = tuple(
        load_evaluation_workflow(directory, name, root=root) for name in dict.fromkeys(workflows)
    )
    for workflow in loaded:
        found |= {part.evaluator.name: part.evaluator for part in workflow.parts}
    for workflow in loaded:
        if workflow.name in found:
            raise InvalidInput(
                f"{workflow.name!r} is the name of a workflow and of an evaluator that it uses",
                hint="Rename one of the two files.",
            )
    scoring = Scoring(evaluators=tuple(found.values()), workflows=loaded)
    order = {name: number for number, names in enumerate(scoring.rounds) for name in names}
    ordered = sorted(scoring.evaluators, key=lambda one: order[one.name])
    return replace(scoring, evaluators=tuple(ordered))


def _name_of(directory: Path, given: str, root: str) -> str:
    """Return the name of the evaluator that is meant by a name or by digits of a digest."""
    digits = given.removeprefix("sha256:")
    is_id = len(digits) >= SHORTEST_ID and set(digits) <= _DIGITS
    if not is_id or given in BUILT_IN or given in evaluator_names(directory):
        return given
    fitting = [
        one.name
        for one in list_evaluators(directory, root=root)
        if one.digest.removeprefix("sha256:").startswith(digits)
    ]
    if len(fitting) > 1:
        raise InvalidInput(
            f"{given} is the id of several evaluators: {', '.join(fitting)}",
            hint="Give a name, or more digits.",
        )
    return fitting[0] if fitting else given


# --- workflows -------------------------------------------------------------------------------


def load_evaluation_workflow(directory: Path, name: str, *, root: str = "") -> EvaluationWorkflow:
    """Return an evaluation workflow of a project, `workflows/NAME.yaml`, with its evaluators.

    Raises:
        NotFound: there is no such workflow, or an evaluator of it.
        InvalidDocuments: everything that is wrong in the files.
        InvalidInput: it is a workflow of tasks, or a library is not installed.
    """
    path = layout.workflow_path("", parse_name(name, "workflow name"))
    file = layout.join(root, path)
    data = read_document(directory, path, "workflow", what=f"workflow {name!r}", file=file)
    if "evaluators" not in data:
        raise InvalidInput(
            f"workflow {name!r} makes outputs and has no evaluators that score them",
            hint=f"Run it: `--workflow {name}`.",
        )
    items = data["evaluators"]
    problems = workflow_problems(data, file)
    if problems:
        raise InvalidDocuments(
            problems, hint="List an evaluator before those whose conditions are about its score."
        )
    loaded = load_evaluators(directory, [item["evaluator"] for item in items], root=root)
    parts = tuple(_part(item, evaluator) for item, evaluator in zip(items, loaded, strict=True))
    return EvaluationWorkflow(
        name=name,
        digest=digest_of({**data, "digests": [one.digest for one in loaded]}),
        parts=parts,
        combine=data.get("combine", "weighted-mean"),
        pass_at=data.get("pass_at"),
    )


def _part(item: Mapping[str, Any], evaluator: Evaluator) -> Part:
    return Part(
        evaluator=evaluator,
        weight=item.get("weight", evaluator.weight),
        when=_condition(item["when"]) if "when" in item else None,
        otherwise=item.get("else", MISSING),
    )


def _condition(data: Mapping[str, Any]) -> Condition:
    source: Any = next(source for source in _SOURCES if source in data)
    key = data[source] if source in ("score", "metadata") else ""
    return Condition(source=source, key=key, operator=data["operator"], value=data["value"])


def workflow_problems(data: Mapping[str, Any], file: str) -> list[Problem]:
    """Return what is wrong with an evaluation workflow whose schema is right.

    Evaluators come once, and conditions are about scores of those before.
    """
    found, before = ProblemCollector(), list[str]()
    for number, item in enumerate(data.get("evaluators", ())):
        place, when = f"evaluators[{number}]", item.get("when", {})
        if item["evaluator"] in before:
            found.add(file, f"{place}.evaluator", f"{item['evaluator']!r} is there already")
        if "score" in when and when["score"] not in before:
            message = f"{when['score']!r} is none of the evaluators before it"
            found.add(file, f"{place}.when.score", message)
        if when.get("operator") == "in" and not isinstance(when["value"], list):
            found.add(file, f"{place}.when.value", "in needs a list of values")
        if "else" in item and "when" not in item:
            found.add(file, f"{place}.else", "it needs a condition, when")
        before.append(item["evaluator"])
    return found.problems
