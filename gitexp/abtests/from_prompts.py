"""Prompt experiments: A/B tests whose variants are versions of a prompt.

Metrics come from templates, each scoped to the prompt. Their rows are events in the words of
LLM analytics, `$ai_generation` and `$ai_evaluation`, as exports of them have; whoever counts
something else edits the metrics of the draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.abtests.definition import CONTROL
from gitexp.abtests.making import NewTest, create_test_in
from gitexp.abtests.reading import all_tests
from gitexp.abtests.splits import equal_splits
from gitexp.abtests.steps import Outcome
from gitexp.abtests.switches import flag_in
from gitexp.errors import AlreadyExists, InvalidInput, NotFound
from gitexp.experiments.homes import experiment_names
from gitexp.ids import name_fault, parse_name
from gitexp.project.workspace import Workspace
from gitexp.prompts.versions import PromptVersion, prompt_versions
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import tree_of

FEWEST, MOST = 2, 10
"""How many versions a prompt experiment compares."""

_GENERATION, _EVALUATION = "$ai_generation", "$ai_evaluation"
_PROMPT = "$ai_prompt_name"
_LONGEST_NAME = 63

MakeMetric = Callable[[str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    """A metric that versions of any prompt can be compared by.

    Attributes:
        metric: returns the metric of a prompt, as a document of an A/B test has it.
    """

    key: str
    label: str
    description: str
    metric: MakeMetric

    def to_dict(self) -> dict[str, str]:
        """Return key, label and description."""
        return {"key": self.key, "label": self.label, "description": self.description}


def _cost(prompt: str) -> dict[str, Any]:
    return {
        "key": "cost",
        "name": f"Cost of {prompt} per user",
        "type": "mean",
        "goal": "decrease",
        "event": _GENERATION,
        "where": {_PROMPT: prompt},
        "value": "$ai_total_cost_usd",
        "aggregation": "sum",
    }


def _latency(prompt: str) -> dict[str, Any]:
    return {
        "key": "latency",
        "name": f"Response time of {prompt} per user",
        "type": "mean",
        "goal": "decrease",
        "event": _GENERATION,
        "where": {_PROMPT: prompt},
        "value": "$ai_latency",
        "aggregation": "sum",
    }


def _eval_pass_rate(prompt: str) -> dict[str, Any]:
    # What does not apply has no verdict; where nobody says whether it does, it does.
    scope = {_PROMPT: prompt, "$ai_evaluation_applicable": [True, None]}
    return {
        "key": "eval_pass_rate",
        "name": f"Share of evaluations of {prompt} that pass",
        "type": "ratio",
        "goal": "increase",
        "event": _EVALUATION,
        "where": {**scope, "$ai_evaluation_result": True},
        "aggregation": "count",
        "denominator": {
            "event": _EVALUATION,
            "where": {**scope, "$ai_evaluation_result": [True, False]},
            "aggregation": "count",
        },
    }


TEMPLATES: tuple[PromptTemplate, ...] = (
    PromptTemplate(
        key="cost",
        label="Cost",
        description="Compares LLM cost per user across prompt versions.",
        metric=_cost,
    ),
    PromptTemplate(
        key="latency",
        label="Latency",
        description="Compares total LLM response time per user across prompt versions.",
        metric=_latency,
    ),
    PromptTemplate(
        key="eval_pass_rate",
        label="Eval pass rate",
        description="Compares the share of evaluations that pass across prompt versions.",
        metric=_eval_pass_rate,
    ),
)
"""The templates, in the order in which they are listed."""


def prompt_templates() -> list[dict[str, str]]:
    """Return key, label and description of the templates that metrics can be made from."""
    return [template.to_dict() for template in TEMPLATES]


@dataclass(frozen=True, kw_only=True)
class PromptExperiment:
    """What a prompt experiment is asked to be.

    Attributes:
        prompt: the name of the prompt.
        versions: the numbers of its versions, that of the control first.
        templates: the keys of the templates of its metrics, in their order.
        name: its name for people; `PROMPT: v2, v4 (latency, cost)` by default.
        flag: the key of its flag, which must not be taken; one from the name by default.
        experiment: the name of the experiment; one from the name by default.
    """

    prompt: str
    versions: Sequence[int]
    templates: Sequence[str]
    name: str = ""
    flag: str = ""
    description: str = ""
    experiment: str = ""

    @property
    def title(self) -> str:
        """The name for people."""
        versions = ", ".join(f"v{version}" for version in self.versions)
        return self.name or f"{self.prompt}: {versions} ({', '.join(self.templates)})"


def create_from_prompt(workspace: Workspace, asked: PromptExperiment) -> Outcome:
    """Create an experiment that compares versions of a prompt, a draft, in one commit.

    Its variants are `control` and `test`, or `test-1`, `test-2` ..., named after their version and
    sharing equally; its flag is off and hands out name and number of the version.

    Raises:
        InvalidInput: fewer than 2 or more than 10 versions, one of them twice or no number, or
            templates that are unknown, named twice or lacking.
        NotFound: there is no such prompt, or it lacks a version.
        AlreadyExists: the experiment or the flag that was named is there already.
    """
    _check_versions(asked.versions)
    chosen = _templates(asked.templates)
    signature = workspace.signature()

    def work(tx: Transaction) -> Outcome:
        versions = _found(workspace, asked, tx)
        slug = slug_of(asked.title)
        experiment = _experiment_name(workspace, asked, slug, tx)
        flag = _flag_key(workspace, asked, slug, tx)
        return create_test_in(
            tx, workspace, _new_test(asked, versions, chosen, experiment, flag), signature
        )

    return transact(workspace.store, work)


def _new_test(
    asked: PromptExperiment,
    versions: Sequence[PromptVersion],
    templates: Sequence[PromptTemplate],
    experiment: str,
    flag: str,
) -> NewTest:
    keys, splits = variant_keys(len(versions)), equal_splits(len(versions))
    return NewTest(
        experiment=experiment,
        flag=flag,
        description=asked.description,
        variants=[
            {"key": key, "name": f"v{version.number}", "split": split}
            for key, version, split in zip(keys, versions, splits, strict=True)
        ],
        settings={
            "title": asked.title,
            "metrics": {"primary": [template.metric(asked.prompt) for template in templates]},
            "prompt": {
                "name": asked.prompt,
                "versions": list(asked.versions),
                "commits": [version.version for version in versions],
                "templates": list(asked.templates),
            },
        },
        payloads={
            key: {
                "prompt_name": asked.prompt,
                "prompt_version": version.number,
                "prompt_commit": version.version,
            }
            for key, version in zip(keys, versions, strict=True)
        },
    )


def variant_keys(count: int) -> tuple[str, ...]:
    """Return the keys of so many variants: `control`, then `test`, or `test-1`, `test-2` ..."""
    if count == 2:
        return (CONTROL, "test")
    return (CONTROL, *(f"test-{number}" for number in range(1, count)))


def _check_versions(versions: Sequence[int]) -> None:
    if any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in versions):
        raise InvalidInput(
            "versions must be whole numbers of 1 or more",
            hint="`gitexp prompt versions NAME` lists them with their numbers.",
        )
    if not FEWEST <= len(versions) <= MOST:
        raise InvalidInput(
            f"versions must be {FEWEST} to {MOST}, and are {len(versions)}",
            hint="The first one is the control.",
        )
    if len(set(versions)) < len(versions):
        raise InvalidInput("versions must not contain duplicates", hint="Name every version once.")


def _templates(keys: Sequence[str]) -> tuple[PromptTemplate, ...]:
    known = {template.key: template for template in TEMPLATES}
    hint = f"There are {', '.join(known)}."
    if not keys:
        raise InvalidInput("templates must not be empty", hint=hint)
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise InvalidInput(f"unknown templates: {', '.join(unknown)}", hint=hint)
    if len(set(keys)) < len(keys):
        raise InvalidInput("templates must not contain duplicates", hint="Name each once.")
    return tuple(known[key] for key in keys)


def _found(
    workspace: Workspace, asked: PromptExperiment, reader: Store
) -> tuple[PromptVersion, ...]:
    versions = prompt_versions(workspace, asked.prompt, reader=reader)
    missing = [number for number in asked.versions if number > len(versions)]
    if missing:
        raise NotFound(
            f"versions not found for prompt {asked.prompt!r}: {missing}",
            hint=f"It has {len(versions)}: `gitexp prompt versions {asked.prompt}`.",
        )
    found = tuple(versions[number - 1] for number in asked.versions)
    for version in found:
        version.checked()
    return found


def slug_of(text: str) -> str:
    """Return a name of lower-case letters, digits and hyphens that is made of a text."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    if not slug:
        return "prompt"
    return f"prompt-{slug}" if name_fault(slug) else slug


def _experiment_name(
    workspace: Workspace, asked: PromptExperiment, slug: str, reader: Store
) -> str:
    taken = set(experiment_names(workspace, reader=reader))
    if asked.experiment in taken:
        raise AlreadyExists(
            f"experiment {asked.experiment!r} exists already", hint="Choose another name."
        )
    return asked.experiment or free_name(slug, taken.__contains__)


def _flag_key(workspace: Workspace, asked: PromptExperiment, slug: str, reader: Store) -> str:
    trunk = workspace.trunk_tip(reader)
    tree = tree_of(reader, trunk) if trunk else None
    # A flag may be on the branch of its test alone.
    used = {test.flag for test in all_tests(workspace, deleted=True, reader=reader)}

    def is_taken(key: str) -> bool:
        if key in used:
            return True
        return tree is not None and flag_in(workspace, tree, key, reader=reader) is not None

    if asked.flag and is_taken(parse_name(asked.flag, "flag key")):
        raise AlreadyExists(
            f"there is already a feature flag with this key: {asked.flag!r}",
            hint="Choose another key, or leave it out.",
        )
    return asked.flag or free_name(slug, is_taken)


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return a name, or the first of `NAME-2`, `NAME-3` ... that is not taken."""
    number, found = 1, name
    while is_taken(found):
        number += 1
        tail = f"-{number}"
        found = name[: _LONGEST_NAME - len(tail)] + tail
    return found
