"""The experiments of a repository as its users hold them: made, found and listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.experiments.permissions import find_visible, get_visible

if TYPE_CHECKING:
    from gitexp.abtests.listing import AbTestCounts, AbTestPage
    from gitexp.experiment import Experiment
    from gitexp.experiments.catalog import LifecycleFilter, Page
    from gitexp.experiments.headers import Direction
    from gitexp.experiments.sharing import Visibility
    from gitexp.flags.selecting import FlagPage
    from gitexp.project.workspace import Workspace
    from gitexp.repository import Repository
    from gitexp.stats.planning.outcomes import MetricType
    from gitexp.stats.planning.running_time import RunningTime


class Experiments:
    """The experiments of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @property
    def _workspace(self) -> Workspace:
        return self._repository.workspace

    def _held(self, name: str) -> Experiment:
        # What only exchanges, lists or reads environments does not load how versions are saved.
        from gitexp.experiment import Experiment

        return Experiment(name, repository=self._repository)

    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        group: str | None = None,
        hypothesis: str | None = None,
        tags: Mapping[str, str] | None = None,
        artifact_location: str | None = None,
        metrics: Mapping[str, Direction] | None = None,
    ) -> Experiment:
        """Return a new experiment, on a branch of its own that begins at the trunk.

        Args:
            group: the group that owns it; the project's by default.
            artifact_location: where its runs keep their artifacts, such as `s3://bucket/path`;
                in Git, and large ones as Git LFS objects, by default.
            metrics: `minimize` or `maximize` for each metric, so that runs can be compared.

        Raises:
            InvalidInput: the name is not usable.
            AlreadyExists: the project has an experiment of that name.
            Forbidden: whoever creates it has not the role in the group that is to own it.
        """
        from gitexp.experiments.lifecycle import NewExperiment, create

        new = NewExperiment(
            name=name,
            description=description or "",
            group=group or "",
            hypothesis=hypothesis or "",
            tags=tags,
            artifact_location=artifact_location or "",
            metrics=metrics,
        )
        create(self._workspace, new)
        return self._held(name)

    def get(self, name: str) -> Experiment:
        """Return an experiment.

        Raises:
            NotFound: there is no such experiment, or none that whoever asks may read.
        """
        get_visible(self._workspace, name)
        return self._held(name)

    def exists(self, name: str) -> bool:
        """Return whether there is an experiment of that name."""
        return find_visible(self._workspace, name) is not None

    def names(self) -> list[str]:
        """Return the names of all experiments that are not deleted, sorted."""
        from gitexp.experiments.catalog import visible_experiments

        known = visible_experiments(self._workspace)
        return [
            home.name
            for home, header in known
            if header.lifecycle != "deleted" and header.problem is None
        ]

    # --- A/B tests ------------------------------------------------------------------------------

    def create_from_prompt(
        self,
        prompt_name: str,
        versions: Sequence[int],
        templates: Sequence[str],
        *,
        name: str | None = None,
        feature_flag_key: str | None = None,
        description: str | None = None,
        experiment: str | None = None,
    ) -> Experiment:
        """Return a new experiment that compares versions of a prompt: an A/B test, a draft.

        Args:
            versions: 2 to 10 numbers of versions, that of the control first.
            templates: `cost`, `latency` and `eval_pass_rate`: a metric is made of each.
            name: its name for people; `PROMPT: v2, v4 (latency, cost)` by default.
            feature_flag_key: the key of its flag, which must be free; made of the name by default.
            experiment: the name of the experiment; made of the name for people by default.

        Raises:
            InvalidInput: versions or templates are too few, too many, doubled or unknown.
            NotFound: there is no such prompt, or it lacks a version.
            AlreadyExists: the experiment or the flag that was named is there already.
        """
        from gitexp.abtests.from_prompts import PromptExperiment, create_from_prompt

        asked = PromptExperiment(
            prompt=prompt_name,
            versions=tuple(versions),
            templates=tuple(templates),
            name=name or "",
            flag=feature_flag_key or "",
            description=description or "",
            experiment=experiment or "",
        )
        made = create_from_prompt(self._workspace, asked)
        return self._held(made.test.experiment)

    def copy_ab_test(
        self, experiment: Experiment, name: str = "", *, title: str = "", flag: str = ""
    ) -> Experiment:
        """Return an experiment here with a copy of the A/B test of one elsewhere, a draft.

        Elsewhere is another project, of this repository or any other; `duplicate` makes a copy in
        its own. Values, and conditions of the flag, stay where they are.

        Args:
            name: of the experiment here, which is made where there is none; its name there by
                default, and so with title and flag.

        Raises:
            NotFound: it has no A/B test.
            NotAllowed: it compares versions of a prompt of its project, or is deleted.
            AlreadyExists: an experiment of that name has an A/B test here.
            InvalidInput: the flag is here with other variants.
        """
        from gitexp.abtests.making import Copy
        from gitexp.abtests.transferring import copy_into

        copy, there = Copy(name=name, title=title, flag=flag), experiment.repository.workspace
        made = copy_into(self._workspace, there, experiment.name, copy)
        return self._held(made.test.experiment)

    def prompt_templates(self) -> list[dict[str, str]]:
        """Return key, label and description of what `create_from_prompt` makes metrics of."""
        from gitexp.abtests.from_prompts import prompt_templates

        return prompt_templates()

    def ab_tests(
        self,
        *,
        status: str = "all",
        archived: bool | None = False,
        flag: str = "",
        created_by: Sequence[str] = (),
        search: str = "",
        prompt_name: str = "",
        event: str = "",
        order: str = "-created_at",
        limit: int = 100,
        offset: int = 0,
    ) -> AbTestPage:
        """Return one page of the A/B tests that fit.

        Args:
            status: `draft`, `running`, `paused`, `stopped` or `complete`, or `all`.
            archived: only archived ones or only others; None for both.
            created_by: only those whose maker has one of these addresses.
            search: a text that name, title or description contain, in any case.
            event: only those that count this event.
            order: `name`, `created_at`, `started_at`, `duration` ...; with `-` in front, the other
                way round.

        Raises:
            InvalidInput: there is no such status or order.
        """
        from gitexp.abtests.listing import AbTestSelection, list_tests

        selection = AbTestSelection(
            status=status,
            archived=archived,
            flag=flag,
            created_by=tuple(created_by),
            search=search,
            prompt=prompt_name,
            event=event,
            order=order,
            limit=limit,
            offset=offset,
        )
        page = list_tests(self._workspace, selection)
        self._repository.flush()
        return page

    def calculate_running_time(
        self,
        metric_type: MetricType,
        minimum_detectable_effect: float,
        number_of_variants: int | None = None,
        **settings: Any,
    ) -> RunningTime:
        """Return how many units an A/B test takes, and in how many days they come.

        It is `gitexp.calculate_running_time`, which lists the settings and needs no repository.

        Raises:
            InvalidInput: the request is refused.
        """
        from gitexp.stats.planning.running_time import calculate_running_time

        return calculate_running_time(
            metric_type, minimum_detectable_effect, number_of_variants, **settings
        )

    def eligible_feature_flags(
        self,
        *,
        search: str = "",
        active: bool | None = None,
        created_by: Sequence[str] = (),
        order: str = "-created_at",
        limit: int = 20,
        offset: int = 0,
    ) -> FlagPage:
        """Return one page of the flags that an A/B test may use: `results` and `count`.

        They have two variants or more, and the first is `control`.

        Args:
            search: a text that key or description contain, in any case.
            active: only those that are on, or only those that are off; None for both.
            created_by: only those whose maker has one of these addresses.
            order: `key`, `created_at`, `created_by` or `active`; with `-` in front, the other
                way round.
            limit: how many, at most 100.

        Raises:
            InvalidInput: limit or offset is no number that can be one, or the order is unknown.
        """
        return self._repository.flags.eligible(
            search=search,
            active=active,
            created_by=created_by,
            order=order,
            limit=limit,
            offset=offset,
        )

    def stats(self) -> AbTestCounts:
        """Return how many A/B tests were launched and completed lately, and are active."""
        from gitexp.abtests.listing import count_tests

        counts = count_tests(self._workspace)
        self._repository.flush()
        return counts

    def list(
        self,
        *,
        search: str | None = None,
        lifecycle: LifecycleFilter = "active",
        visibility: Visibility | None = None,
        tags: Mapping[str, str] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Page:
        """Return one page of the experiments that fit, sorted by name.

        Args:
            search: a text that name or description contain, in any case.
        """
        from gitexp.environments.live import environments_by_experiment
        from gitexp.experiments.catalog import Selection, list_experiments

        selection = Selection(
            search=search,
            lifecycle=lifecycle,
            visibility=visibility,
            tags=tags or {},
            limit=limit,
            offset=offset,
        )
        bound = environments_by_experiment(self._workspace)
        page = list_experiments(self._workspace, selection, bound=bound)
        self._repository.flush()
        return page
