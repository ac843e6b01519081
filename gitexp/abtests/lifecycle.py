"""The life of an A/B test: draft, running (paused, exposure frozen), stopped, archived.

Every step is one commit on the experiment's branch. A step that the state of a test forbids names
the state that it is in and the one that it would have to be in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitexp.abtests.definition import CONCLUSIONS, LAUNCHED_FACTS, AbTest, Conclusion, Status
from gitexp.abtests.fitting import fit_hint, fitting_flag, gap_notes
from gitexp.abtests.readiness import data_notes, flag_notes, launch_faults, prompt_notes
from gitexp.abtests.reading import all_tests
from gitexp.abtests.steps import Document, Outcome, Plan, Standing, Step, take
from gitexp.abtests.switches import is_for_everybody, mismatches, overrides, shipped, switched
from gitexp.clock import SKEW, iso
from gitexp.errors import InvalidInput, NotAllowed
from gitexp.project.definition import Project
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace

_LIVE: tuple[Status, ...] = ("running", "paused")
_SO_FAR: Mapping[Status, str] = {
    "draft": "has not been launched yet: it is draft",
    "running": "is running",
    "paused": "is paused",
    "stopped": "has ended: it is stopped",
}


def require_status(test: AbTest, *statuses: Status, to: str) -> None:
    """Check that a test is in one of some states.

    Args:
        to: what is wanted, as `be launched`.

    Raises:
        NotAllowed: it is in another one; both are named.
    """
    if test.status not in statuses:
        *others, last = statuses
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise NotAllowed(
            f"the A/B test of {test.experiment!r} {_SO_FAR[test.status]}, and must be {wanted} "
            f"to {to}",
            hint=f"See `gitexp ab show {test.experiment}`.",
        )


def launch(workspace: Workspace, name: str, *, fit_flag: bool = False) -> Outcome:
    """Launch a draft: its clock starts, its variants lock, and its flag is on.

    Args:
        fit_flag: whether the flag gets the variants and splits of the test, where it has others,
            or is made where there is none.

    Raises:
        NotAllowed: it is no draft, or not ready: without a flag that gives its variants, without
            a metric that decides, or with data that cannot be read.
    """

    others = list(all_tests(workspace))  # before anything is locked

    def step(standing: Standing) -> Plan:
        require_status(standing.test, "draft", to="be launched")
        ready = replace(standing, flag=fitting_flag(standing)) if fit_flag else standing
        faults = list(launch_faults(ready))
        if faults:
            raise NotAllowed(
                f"the A/B test of {name!r} is not ready to be launched: {'; '.join(faults)}",
                hint=_what_to_do(standing, faults),
            )
        begun = {**standing.document, "status": "running", "started_at": _now(standing)}
        flag = switched(ready.flag, active=True) if ready.flag else None
        notes = (
            *data_notes(standing),
            *flag_notes(ready, others),
            *prompt_notes(standing),
            *publication(standing, flag),
        )
        return Plan(document=begun, flag=flag, notes=notes)

    return take(workspace, name, step, doing="launch")


def _what_to_do(standing: Standing, faults: list[str]) -> str:
    fit = fit_hint(standing.test, standing.flag)
    if fit and faults == list(mismatches(standing.flag, standing.test)):
        return fit
    return f"Correct that in its ab-test.yaml and in the flag, then launch it again. {fit}".strip()


def pause(workspace: Workspace, name: str) -> Outcome:
    """Pause a running test: its flag is off until it is resumed.

    Raises:
        NotAllowed: it is not running.
    """
    return take(workspace, name, _switching("running", "paused", to="be paused"), doing="pause")


def resume(workspace: Workspace, name: str) -> Outcome:
    """Resume a paused test: its flag is on again.

    Raises:
        NotAllowed: it is not paused.
    """
    return take(workspace, name, _switching("paused", "running", to="be resumed"), doing="resume")


def _switching(old: Status, new: Status, *, to: str) -> Step:
    def step(standing: Standing) -> Plan:
        require_status(standing.test, old, to=to)
        flag = switched(standing.flag, active=new == "running") if standing.flag else None
        document = {**standing.document, "status": new}
        return Plan(document=document, flag=flag, notes=publication(standing, flag))

    return step


def freeze(workspace: Workspace, name: str) -> Outcome:
    """Freeze the exposure of a test: nobody new is taken in, and the metrics go on.

    Raises:
        NotAllowed: it is neither running nor paused, or frozen already.
    """

    def step(standing: Standing) -> Plan:
        require_status(standing.test, *_LIVE, to="be frozen")
        _refuse_if(standing.test.exposure_frozen, name, "is frozen already", "unfreeze")
        frozen = {"exposure_frozen": True, "frozen_at": _since_launch(standing)}
        return Plan(document=standing.document | frozen)

    return take(workspace, name, step, doing="freeze")


def unfreeze(workspace: Workspace, name: str) -> Outcome:
    """Take new units in again.

    Raises:
        NotAllowed: it is neither running nor paused, or its exposure is not frozen.
    """

    def step(standing: Standing) -> Plan:
        require_status(standing.test, *_LIVE, to="be unfrozen")
        _refuse_if(not standing.test.exposure_frozen, name, "is not frozen", "freeze")
        return Plan(document=_without(standing.document, "exposure_frozen", "frozen_at"))

    return take(workspace, name, step, doing="unfreeze")


def _refuse_if(wrong: bool, name: str, state: str, verb: str) -> None:
    if wrong:
        raise NotAllowed(
            f"the exposure of the A/B test of {name!r} {state}",
            hint=f"The other way is `gitexp ab {verb} {name}`.",
        )


def end(
    workspace: Workspace, name: str, *, conclusion: str | None = None, note: str | None = None
) -> Outcome:
    """End a test; its flag stays as it is.

    Args:
        conclusion: won, lost, inconclusive, stopped_early or invalid.

    Raises:
        NotAllowed: it has not been launched, or has ended already.
        InvalidInput: there is no such conclusion.
    """
    concluded = _conclusion(conclusion)

    def step(standing: Standing) -> Plan:
        require_status(standing.test, *_LIVE, to="be ended")
        document = _ended(standing) | concluded | ({"note": note} if note else {})
        notes = (
            (f"The flag {standing.test.flag} is still on: ship a variant, or switch it off.",)
            if standing.flag and standing.flag.get("active")
            else ()
        )
        return Plan(document=document, notes=notes)

    return take(workspace, name, step, doing="end")


def conclude(
    workspace: Workspace, name: str, *, conclusion: str, note: str | None = None
) -> Outcome:
    """Say of a test that is over what came out of it.

    Raises:
        NotAllowed: it is not over.
        InvalidInput: there is no such conclusion.
    """
    concluded = _conclusion(conclusion)

    def step(standing: Standing) -> Plan:
        require_status(standing.test, "stopped", to="have a conclusion")
        noted = {} if note is None else {"note": note}
        return Plan(document=standing.document | concluded | noted)

    return take(workspace, name, step, doing="conclude")


def _conclusion(text: str | None) -> dict[str, Conclusion]:
    if text is None:
        return {}
    for known in CONCLUSIONS:
        if text == known:
            return {"conclusion": known}
    raise InvalidInput(f"{text!r} is not a conclusion", hint=f"One of {', '.join(CONCLUSIONS)}.")


def ship(
    workspace: Workspace,
    name: str,
    variant: str,
    *,
    to_everyone: bool = False,
    conclusion: str | None = None,
    note: str | None = None,
) -> Outcome:
    """Give one variant to all whom the flag reaches; a test that is not over ends with it.

    Args:
        to_everyone: whether the flag is to reach everybody from now on.

    Raises:
        NotAllowed: it has not been launched, or there is no flag.
        InvalidInput: neither the test nor the flag has such a variant.
    """
    concluded = _conclusion(conclusion)

    def step(standing: Standing) -> Plan:
        test = standing.test
        require_status(test, "running", "paused", "stopped", to="be shipped")
        if standing.flag is None:
            raise NotAllowed(
                f"there is no flag {test.flag!r} to ship {variant!r} by",
                hint=f"Bring flags/{test.flag}.yaml back first.",
            )
        _require_variant(standing.flag, test, variant)
        flag = shipped(standing.flag, variant, to_everyone=to_everyone)
        document = standing.document if test.status == "stopped" else _ended(standing)
        document = document | {"shipped": variant} | concluded | ({"note": note} if note else {})
        notes = (*_held_back(flag, variant), *publication(standing, flag))
        return Plan(document=document, flag=flag, notes=notes)

    return take(workspace, name, step, doing=f"ship {variant} of")


def _held_back(flag: Document, variant: str) -> tuple[str, ...]:
    """Return who does not get the variant that was shipped: those whom conditions give another."""
    others = [given for given in overrides(flag) if given != variant]
    if is_for_everybody(flag) or not others:
        return ()
    return (f"Conditions of the flag still give {', '.join(others)} to all who fit them.",)


def _require_variant(flag: Document, test: AbTest, variant: str) -> None:
    known = [one["key"] for one in flag.get("variants", ())]
    if variant not in known or test.variant(variant) is None:
        listed = ", ".join(one.key for one in test.variants)
        raise InvalidInput(
            f"there is no variant {variant!r} on flag {test.flag!r}", hint=f"There are {listed}."
        )


def reset(workspace: Workspace, name: str) -> Outcome:
    """Make a test a draft again, which knows nothing of its launch; its flag stays as it is.

    Raises:
        NotAllowed: it is a draft.
    """

    def step(standing: Standing) -> Plan:
        test = standing.test
        require_status(test, "running", "paused", "stopped", to="be reset")
        document = {**_without(standing.document, *LAUNCHED_FACTS), "status": "draft"}
        notes = []
        if standing.flag and standing.flag.get("active"):
            notes = [f"The flag {test.flag} is still on, as a reset leaves it."]
        after = AbTest.from_dict(name, document)
        return Plan(document=document, notes=(*notes, *gap_notes(after, standing.flag)))

    return take(workspace, name, step, doing="reset")


def archive(workspace: Workspace, name: str) -> Outcome:
    """Hide a test that is over in lists.

    Raises:
        NotAllowed: it is not over, or archived already.
    """

    def step(standing: Standing) -> Plan:
        require_status(standing.test, "stopped", to="be archived")
        if standing.test.archived:
            raise NotAllowed(
                f"the A/B test of {name!r} is archived already",
                hint=f"Show it again with `gitexp ab unarchive {name}`.",
            )
        return Plan(document=standing.document | {"archived": True})

    return take(workspace, name, step, doing="archive")


def unarchive(workspace: Workspace, name: str) -> Outcome:
    """Show an archived test in lists again.

    Raises:
        NotAllowed: it is not archived.
    """

    def step(standing: Standing) -> Plan:
        test = standing.test
        if not test.archived:
            raise NotAllowed(
                f"the A/B test of {name!r} is not archived: it is {test.status}",
                hint=f"See `gitexp ab show {name}`.",
            )
        return Plan(document=_without(standing.document, "archived"))

    return take(workspace, name, step, doing="unarchive")


def publication(standing: Standing, flag: Document | None) -> tuple[str, ...]:
    """Return how what became of a flag reaches applications; nothing where it stayed the same."""
    if flag is None or flag == standing.flag:
        return ()
    environments = list(_project(standing).environments)
    where = environments[0] if len(environments) == 1 else "ENVIRONMENT"
    key, name = standing.test.flag, standing.test.experiment
    command = f"`gitexp flag publish {key} {where} --experiment {name}`"
    return (f"Applications see flag {key} as it is shared and then published: {command}.",)


def _project(standing: Standing) -> Project:
    return project_at(standing.workspace, standing.tree, reader=standing.reader)


def _ended(standing: Standing) -> dict[str, Any]:
    return standing.document | {"status": "stopped", "ended_at": _since_launch(standing)}


def _since_launch(standing: Standing) -> str:
    """Return the moment of a step, and that of the launch where the clocks are a little apart.

    Raises:
        NotAllowed: the launch is still to come.
    """
    now, begun = standing.signature.when, standing.test.started_at
    if begun is None or begun <= now:
        return iso(now)
    if begun - now > SKEW:
        raise NotAllowed(
            f"the A/B test of {standing.test.experiment!r} begins at {iso(begun)}, which is still "
            "to come",
            hint="Correct the clock of this machine, or make it a draft again: "
            f"`gitexp ab reset {standing.test.experiment}`.",
        )
    return iso(begun)


def _now(standing: Standing) -> str:
    return iso(standing.signature.when)


def _without(document: Document, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in keys}
