"""The A/B test of an experiment as its users hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.abtests.reading import read_test

if TYPE_CHECKING:
    from datetime import datetime

    from gitexp.abtests.data.engine import Limits
    from gitexp.abtests.definition import AbTest
    from gitexp.abtests.launches import Launch, Mark
    from gitexp.abtests.offline import OfflineComparison
    from gitexp.abtests.results.computing import Recalculation
    from gitexp.abtests.results.model import Results
    from gitexp.abtests.results.remaining import Remaining
    from gitexp.abtests.results.timeseries import TimeSeries
    from gitexp.abtests.steps import Outcome
    from gitexp.evaluation.running.progress import Report
    from gitexp.experiment import Experiment
    from gitexp.project.workspace import Workspace


class ExperimentAbTest:
    """The A/B test of an experiment: what it is, its life and its results.

    Every step of its life is one commit on the experiment's branch, and returns an `Outcome`: the
    test after it, the commit, and notes for people. A step that the state of the test forbids
    raises `NotAllowed`, and names both states.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def __repr__(self) -> str:
        return f"ExperimentAbTest({self._experiment.name!r})"

    @property
    def _workspace(self) -> Workspace:
        return self._experiment.repository.workspace

    @property
    def _name(self) -> str:
        return self._experiment.name

    # --- what it is ---------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the experiment has an A/B test."""
        from gitexp.abtests.reading import find_test

        return find_test(self._workspace, self._experiment.home.tip, self._name) is not None

    @property
    def definition(self) -> AbTest:
        """What its `ab-test.yaml` says.

        Raises:
            NotFound: the experiment has no A/B test.
            InvalidDocuments: everything that is wrong with the file.
        """
        return read_test(self._workspace, self._name)

    @property
    def status(self) -> str:
        """`draft`, `running`, `paused` or `stopped`."""
        return self.definition.status

    @property
    def launched(self) -> Launch | None:
        """The commit that launched it and the test as it has it; None for a draft."""
        from gitexp.abtests.launches import launch_of

        return launch_of(self._workspace, self._name, self._experiment.home.tip)

    @property
    def marks(self) -> Mapping[str, Mark]:
        """The metrics that were added or changed after the launch, by key, by Git's history."""
        launched = self.launched
        return launched.marks(self.definition) if launched else {}

    def to_dict(self) -> dict[str, Any]:
        """Return what its file says as JSON data, and its origin, launch and marks by history."""
        from gitexp.abtests.listing import origin

        test, launched = self.definition, self.launched
        return {
            "experiment": self._name,
            "description": self._experiment.description,
            **test.document,
            **origin(self._workspace, self._name, self._experiment.home.tip).to_dict(),
            "launched_in": launched.commit if launched else None,
            "marks": launched.marks(test) if launched else {},
        }

    # --- its life -----------------------------------------------------------------------------

    def create(
        self,
        definition: Mapping[str, Any] | None = None,
        /,
        *,
        flag: str = "",
        variants: Any = (),
        description: str = "",
        **settings: Any,
    ) -> Outcome:
        """Make the experiment an A/B test, a draft; the experiment is made where there is none.

        Args:
            definition: keys of `ab-test.yaml`, which the other arguments come before.
            flag: the key of its flag, which is made, off, where there is none; the experiment's
                name by default.
            variants: the control first, as mappings with `key`, and `split` where they do not
                share equally; those of the flag by default.
            settings: other keys of `ab-test.yaml`: `title`, `metrics`, `statistics`, `data` ...

        Raises:
            AlreadyExists: the experiment has an A/B test.
            InvalidInput: a name cannot be used, or the flag has other variants.
            InvalidDocuments: the definition is not right.
        """
        from gitexp.abtests.making import NewTest, create

        given = {**(definition or {}), **settings}
        stated, named = given.pop("variants", ()), given.pop("flag", "")
        new = NewTest(
            experiment=self._name,
            flag=flag or named,
            variants=variants or stated,
            settings=given,
            description=description,
        )
        return create(self._workspace, new)

    def update(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        patch: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
        **changes: Any,
    ) -> Outcome:
        """Change its `ab-test.yaml`, in one commit.

        Args:
            values, changes: new values of whole keys of the file; None removes one.
            patch: new values by place, such as `statistics.method`, or, by the key of a part of a
                list, `metrics.primary.paid.window`; a part that is not there is added.
            unset: places that are to go.

        Raises:
            NotAllowed: it is launched, and the change is of variants, splits, flag or exposure.
            InvalidInput: a key is one that the steps of its life write, or there is no such place.
            InvalidDocuments: the definition would not be right.
        """
        from gitexp.abtests.editing import Edits, update

        keys = {**(values or {}), **changes}
        edits = Edits(keys=keys, places=patch or {}, removed=tuple(unset))
        return update(self._workspace, self._name, edits)

    def launch(self, *, fit_flag: bool = False) -> Outcome:
        """Launch a draft: its clock starts, its variants lock, and its flag is on.

        Args:
            fit_flag: whether the flag gets the variants and the splits of the test, where it has
                others.
        """
        from gitexp.abtests import lifecycle

        return lifecycle.launch(self._workspace, self._name, fit_flag=fit_flag)

    def pause(self) -> Outcome:
        """Pause it: its flag is off until it is resumed."""
        from gitexp.abtests import lifecycle

        return lifecycle.pause(self._workspace, self._name)

    def resume(self) -> Outcome:
        """Resume it: its flag is on again."""
        from gitexp.abtests import lifecycle

        return lifecycle.resume(self._workspace, self._name)

    def freeze_exposure(self) -> Outcome:
        """Take in nobody new, while the metrics go on."""
        from gitexp.abtests import lifecycle

        return lifecycle.freeze(self._workspace, self._name)

    def unfreeze_exposure(self) -> Outcome:
        """Take new units in again."""
        from gitexp.abtests import lifecycle

        return lifecycle.unfreeze(self._workspace, self._name)

    def end(self, *, conclusion: str | None = None, note: str | None = None) -> Outcome:
        """End it; its flag stays as it is.

        Args:
            conclusion: won, lost, inconclusive, stopped_early or invalid.
        """
        from gitexp.abtests import lifecycle

        return lifecycle.end(self._workspace, self._name, conclusion=conclusion, note=note)

    def conclude(self, conclusion: str, *, note: str | None = None) -> Outcome:
        """Say what came out of it once it is over."""
        from gitexp.abtests import lifecycle

        return lifecycle.conclude(self._workspace, self._name, conclusion=conclusion, note=note)

    def ship_variant(
        self,
        variant: str,
        *,
        to_everyone: bool = False,
        conclusion: str | None = None,
        note: str | None = None,
    ) -> Outcome:
        """Give one variant to all whom the flag reaches; a test that goes on ends with it.

        Args:
            to_everyone: whether the flag is to reach everybody, whatever its conditions say.
        """
        from gitexp.abtests import lifecycle

        return lifecycle.ship(
            self._workspace,
            self._name,
            variant,
            to_everyone=to_everyone,
            conclusion=conclusion,
            note=note,
        )

    def reset(self) -> Outcome:
        """Make it a draft again; its flag stays as it is."""
        from gitexp.abtests import lifecycle

        return lifecycle.reset(self._workspace, self._name)

    def duplicate(self, name: str = "", *, title: str = "", flag: str = "") -> Experiment:
        """Return a new experiment with a copy of it, a draft.

        Args:
            name: of the new experiment; `NAME-copy`, `NAME-copy-1` ... by default.
            title: its name for people; `TITLE (Copy)`, `TITLE (Copy) 1` ... by default.
            flag: the key of its flag; the same one by default.
        """
        from gitexp.abtests.making import Copy, duplicate
        from gitexp.experiment import Experiment

        copy = Copy(name=name, title=title, flag=flag)
        made = duplicate(self._workspace, self._name, copy)
        return Experiment(made.test.experiment, repository=self._experiment.repository)

    def archive(self) -> Outcome:
        """Hide it in lists, once it is over."""
        from gitexp.abtests import lifecycle

        return lifecycle.archive(self._workspace, self._name)

    def unarchive(self) -> Outcome:
        """Show it in lists again; an error when it is not archived."""
        from gitexp.abtests import lifecycle

        return lifecycle.unarchive(self._workspace, self._name)

    # --- its results --------------------------------------------------------------------------

    def results(
        self,
        *,
        as_of: datetime | None = None,
        stored: bool = False,
        data: Mapping[str, Any] | None = None,
        allow_remote: bool = False,
        limits: Limits | None = None,
    ) -> Results:
        """Return what it has come to: every metric judged, checks, and what that speaks for.

        Args:
            as_of: only rows before this moment; now, or the end of the test, by default.
            stored: take the last day that is kept in Git, and read no rows.
            data: DataFrames in place of sources, by `exposures`, `events` or a metric's key.
            allow_remote: whether addresses and databases on other machines may be read.
            limits: what the calculation may take of the machine.

        Raises:
            NotAllowed: it was not launched, or its data is elsewhere and may not be read.
            NotFound: it has no data, or no day is kept.
            InvalidInput: the exposures cannot be read.
        """
        from gitexp.abtests.data.opening import Access
        from gitexp.abtests.results.reading import results

        access = Access(remote=allow_remote, tables=data or {})
        found = results(
            self._workspace, self._name, as_of=as_of, stored=stored, access=access, limits=limits
        )
        self._experiment.repository.flush()
        return found

    def timeseries_results(self, metric: str, fingerprint: str | None = None) -> TimeSeries:
        """Return the cumulative result of a metric for each day, from the days that are kept.

        Args:
            fingerprint: the settings that the results were made with; the present ones by
                default. Results under older ones are marked as history.

        Raises:
            NotAllowed: it was not launched.
            NotFound: there is no such metric, or nothing under this fingerprint.
        """
        from gitexp.abtests.results.timeseries import time_series

        found = time_series(self._workspace, self.definition, metric, fingerprint)
        self._experiment.repository.flush()
        return found

    def recalculate(
        self,
        *,
        metrics: Sequence[str] = (),
        force: bool = False,
        data: Mapping[str, Any] | None = None,
        allow_remote: bool = False,
        limits: Limits | None = None,
    ) -> Recalculation:
        """Compute and keep the days that are over and not kept yet; nothing is computed twice.

        Args:
            metrics: the keys of some; all by default.
            force: compute every day again, beside what is kept.
            data, allow_remote, limits: as for `results`.
        """
        from gitexp.abtests.data.opening import Access
        from gitexp.abtests.results.computing import recalculate

        access = Access(remote=allow_remote, tables=data or {})
        return recalculate(
            self._workspace,
            self.definition,
            metrics=metrics,
            force=force,
            access=access,
            limits=limits,
        )

    def remaining_time(self, *, stored: bool = False, allow_remote: bool = False) -> Remaining:
        """Return how long it has to go on, at the rate at which units came so far.

        Args:
            stored, allow_remote: as for `results`.

        Raises:
            NotFound: nobody planned how many units it takes.
        """
        from gitexp.abtests.results.remaining import remaining

        found = self.results(stored=stored, allow_remote=allow_remote)
        return remaining(self.definition, found)

    # --- prompts offline ----------------------------------------------------------------------

    def evaluate(
        self,
        test_set: str,
        endpoint: str,
        *,
        slot: str = "",
        evaluators: tuple[str, ...] = (),
        progress: Callable[[str], Report] | None = None,
        **more: Any,
    ) -> OfflineComparison:
        """Return a run for each version of the prompt that it compares, paired with the control.

        Args:
            test_set: the name of a dataset of the working tree.
            endpoint: the name of the endpoint that is asked.
            slot: the slot that takes the prompt's text; without one it is rendered for each
                sample.
            more: other fields of an `EvaluationRequest`, such as `repeats`.
        """
        from gitexp.abtests.offline import OfflineRequest, evaluate_variants

        asked = OfflineRequest(
            dataset=test_set, endpoint=endpoint, slot=slot, evaluators=evaluators, more=more
        )
        return evaluate_variants(self._workspace, self._name, asked, progress=progress)
