"""A prompt experiment offline: each variant is a run over a dataset, compared pair by pair.

The prompt of a variant reaches the system under test in one of two ways. Without a slot it is
rendered for each sample, from what the sample asks, and what comes of it is what the endpoint is
asked: a text, or the messages of a chat. With a slot, its text stands in that slot as it is, and
the system renders it itself. Model and settings of the prompt go into the slots of their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitexp.abtests.definition import AbTest
from gitexp.abtests.reading import read_test
from gitexp.errors import InvalidInput, NotAllowed
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.versions import latest_version
from gitexp.project.reading import current_project
from gitexp.project.workspace import Workspace
from gitexp.prompts.documents import Prompt
from gitexp.prompts.rendering import over_samples
from gitexp.prompts.versions import resolve_prompt

if TYPE_CHECKING:
    from gitexp.evaluation.running.progress import Report
    from gitexp.evaluation.running.requests import EvaluationRequest
    from gitexp.results.pairings import Pairing
    from gitexp.runs.run import Run

VARIANT_TAG, PROMPT_TAG, VERSION_TAG = "variant", "prompt", "prompt_version"
"""The tags of the run of a variant."""


@dataclass(frozen=True, kw_only=True)
class OfflineRequest:
    """What the variants are evaluated on.

    Attributes:
        dataset: the name of a dataset of the working tree.
        endpoint: the name of the endpoint that is asked.
        slot: the slot that the prompt's text is put into; empty where it is rendered for each
            sample instead.
        evaluators: names; those of the experiment's header by default.
        more: other fields of an `EvaluationRequest`, such as `repeats` and `concurrency`.
    """

    dataset: str
    endpoint: str
    slot: str = ""
    evaluators: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OfflineComparison:
    """The runs of the variants, and each treatment beside the control.

    Attributes:
        runs: by the key of the variant, that of the control first.
        pairings: by the key of the treatment.
        without_slot: settings of the prompts that no slot of the project takes.
    """

    experiment: str
    runs: Mapping[str, Run]
    pairings: Mapping[str, Pairing]
    without_slot: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "experiment": self.experiment,
            "runs": {key: run.id for key, run in self.runs.items()},
            "comparisons": {key: pairing.to_dict() for key, pairing in self.pairings.items()},
            "without_slot": list(self.without_slot),
        }


def evaluate_variants(
    workspace: Workspace,
    name: str,
    asked: OfflineRequest,
    *,
    progress: Callable[[str], Report] | None = None,
) -> OfflineComparison:
    """Return a run for each variant of a prompt experiment, and how they compare with the control.

    An experiment without a version gets one of the project's defaults first.

    Args:
        progress: returns what is called after every row of the run of a variant.

    Raises:
        NotFound: there is no such experiment, dataset or endpoint.
        NotAllowed: the experiment does not compare versions of a prompt.
        InvalidInput: the project lacks the slot, or the runs cannot be compared.
    """
    from gitexp.evaluation.running.runner import evaluate
    from gitexp.results.chosen_runs import pair_runs

    test = read_test(workspace, name)
    prompts = _prompts(workspace, test)
    slots = frozenset(current_project(workspace).slots)
    if asked.slot and asked.slot not in slots:
        raise InvalidInput(
            f"the project has no slot {asked.slot!r} for the text of a prompt",
            hint=f"Its slots are {', '.join(sorted(slots)) or 'none'}.",
        )
    _require_version(workspace, name)
    runs = {}
    for key, prompt in prompts.items():
        request = request_of(test, key, prompt, asked, slots)
        runs[key] = evaluate(workspace, request, progress=progress(key) if progress else None)
    control, *treatments = runs
    return OfflineComparison(
        experiment=name,
        runs=runs,
        pairings={key: pair_runs(workspace, runs[control].id, runs[key].id) for key in treatments},
        without_slot=tuple(dict.fromkeys(_without_slot(prompts, slots))),
    )


def _require_version(workspace: Workspace, name: str) -> None:
    """Save the defaults of the project as the first version, where there is no version to run.

    Raises:
        InvalidDocuments: a slot without a default must have a value.
    """
    if latest_version(workspace, name) is None:
        save(workspace, name, Edit(values={}))


def _prompts(workspace: Workspace, test: AbTest) -> dict[str, Prompt]:
    """Return the version of the prompt that each variant is, found by its commit."""
    compared = test.prompt
    if compared is None:
        raise NotAllowed(
            f"experiment {test.experiment!r} does not compare versions of a prompt",
            hint="Make one that does with `gitexp prompt experiment PROMPT`.",
        )
    named = compared.commits or tuple(map(str, compared.versions))
    return {
        variant.key: resolve_prompt(workspace, compared.name, text).checked()
        for variant, text in zip(test.variants, named, strict=True)
    }


def request_of(
    test: AbTest, key: str, prompt: Prompt, asked: OfflineRequest, slots: frozenset[str]
) -> EvaluationRequest:
    """Return what is asked to be evaluated for one variant."""
    from gitexp.evaluation.running.requests import EvaluationRequest

    assert test.prompt is not None  # whoever asks has its versions
    number = test.prompt.versions[[variant.key for variant in test.variants].index(key)]
    values = {name: value for name, value in settings_of(prompt).items() if name in slots}
    tags = {VARIANT_TAG: key, PROMPT_TAG: prompt.name, VERSION_TAG: str(number)}
    if asked.slot:
        way: dict[str, Any] = {"endpoint": asked.endpoint}
        values[asked.slot] = prompt.text
    else:
        way = {"workflow": _asking(prompt, asked.endpoint)}
    return EvaluationRequest(
        experiment=test.experiment,
        dataset=asked.dataset,
        evaluators=asked.evaluators,
        overrides=values,
        name=f"{prompt.name} v{number} ({key})",
        tags=tags,
        **way,
        **asked.more,
    )


def _asking(prompt: Prompt, endpoint: str) -> tuple[Mapping[str, Any], ...]:
    """Return the tasks that render a prompt for a sample, and ask an endpoint that."""
    return (
        {"type": "transform", "name": "prompt", "template": over_samples(prompt)},
        {"type": "endpoint", "name": endpoint, "endpoint": endpoint},
    )


def settings_of(prompt: Prompt) -> dict[str, Any]:
    """Return the model and the settings of a prompt."""
    return {**prompt.parameters, **({"model": prompt.model} if prompt.model else {})}


def _without_slot(prompts: Mapping[str, Prompt], slots: frozenset[str]) -> list[str]:
    return [name for one in prompts.values() for name in settings_of(one) if name not in slots]
