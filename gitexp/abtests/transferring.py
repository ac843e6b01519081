"""Taking a copy of an A/B test over into another project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.abtests.definition import LAUNCHED_FACTS
from gitexp.abtests.making import Copy, NewTest, create
from gitexp.abtests.reading import read_test
from gitexp.abtests.steps import Outcome
from gitexp.abtests.switches import flag_in
from gitexp.environments.orders import refuse_deleted_experiment
from gitexp.errors import NotAllowed
from gitexp.experiments.headers import header_at
from gitexp.experiments.homes import get_home
from gitexp.project.workspace import Workspace
from gitexp.store.trees import tree_of

_LEFT_BEHIND = frozenset(["status", "flag", "variants", *LAUNCHED_FACTS])


def copy_into(target: Workspace, source: Workspace, name: str, copy: Copy) -> Outcome:
    """Make a copy of an A/B test of one project in another, a draft, in one commit.

    It takes over variants with what the flag hands out with them, metrics, statistics and data.
    Values of the experiment and conditions of the flag belong to the project, and stay there. Name,
    title and flag are those of the test, unless `copy` names others.

    Raises:
        NotFound: there is no such experiment, or it has no A/B test.
        NotAllowed: the experiment is deleted, or compares versions of a prompt of its project.
        AlreadyExists: an experiment of that name has an A/B test in the other project.
        InvalidInput: the other project has a flag of that key with other variants.
        InvalidDocuments, Forbidden: as `create` says.
    """
    home = get_home(source, name)
    header = header_at(source, home.tip, home.name)
    refuse_deleted_experiment(header)
    test = read_test(source, name)
    if test.prompt is not None:
        raise NotAllowed(
            f"the A/B test of {name!r} compares versions of prompt {test.prompt.name!r}, which "
            "stay in its project",
            hint="Make one of the other project's own prompt with `gitexp prompt experiment`.",
        )
    settings = {k: value for k, value in test.document.items() if k not in _LEFT_BEHIND}
    new = NewTest(
        experiment=copy.name or home.name,
        flag=copy.flag or test.flag,
        variants=test.document["variants"],
        settings=settings | ({"title": copy.title} if copy.title else {}),
        description=header.description,
        hypothesis=header.hypothesis,
        payloads=_payloads(flag_in(source, tree_of(source.store, home.tip), test.flag)),
    )
    return create(target, new)


def _payloads(flag: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a flag hands out with its variants, by their keys."""
    given = (flag or {}).get("variants", ())
    return {one["key"]: one["payload"] for one in given if "payload" in one}
