"""Baselines: the run that another one is measured against, found by what somebody calls it."""

from __future__ import annotations

from gitexp.clock import iso
from gitexp.environments.live import bound_snapshot
from gitexp.errors import InvalidInput, NotFound
from gitexp.experiments.versions import resolve_version
from gitexp.ids import parse_name
from gitexp.project.workspace import Workspace
from gitexp.runs.recording.closing import name_now
from gitexp.runs.run import Run
from gitexp.runs.same_values import of_experiment, same_values
from gitexp.runs.searching import RunQuery, find_run, search


def find_baseline(workspace: Workspace, run: Run, text: str) -> Run:
    """Return the run that a text names as the baseline of another.

    Args:
        text: a run id or the beginning of one; `env:NAME` for the newest finished run over the
            same dataset with the values that are live there now; `version:REVISION` for that of
            a version of the run's experiment; `latest` for the newest finished run of the
            experiment over the same dataset before this one.

    Raises:
        NotFound: there is no such run, environment or version.
        InvalidInput: the text is none of these, or names the run itself.
    """
    kind, colon, name = text.partition(":")
    if text == "latest":
        return _newest(
            workspace,
            run,
            f"{of_experiment(run.experiment_id)} AND created_at <= '{iso(run.created_at)}'",
            what=f"earlier run of {run.experiment!r}",
        )
    if colon and kind == "env":
        snapshot = bound_snapshot(workspace, parse_name(name))
        live = same_values(snapshot.subject.experiment_id, snapshot.subject.digest)
        what = f"other run with the values that are live in {name!r} ({snapshot.binding.label})"
        return _newest(workspace, run, live, what=what)
    if colon and kind == "version":
        version = resolve_version(workspace, name_now(workspace, run), name)
        hashes = [version.version, *version.aliases]
        wanted = "(" + " OR ".join(f"version = '{one}'" for one in hashes) + ")"
        wanted += f" AND {of_experiment(run.experiment_id)}"
        if version.digest is not None:
            wanted += f" AND digest = '{version.digest}'"
        return _newest(workspace, run, wanted, what=f"other run of version {version.version[:10]}")
    if colon:
        raise InvalidInput(
            f"{text!r} is no baseline",
            hint="Give a run, `env:NAME`, `version:REVISION` or `latest`.",
        )
    found = find_run(workspace, text)
    if found.id == run.id:
        raise InvalidInput(f"run {run.id} is its own baseline", hint="Name another run.")
    return found


def _newest(workspace: Workspace, run: Run, condition: str, *, what: str) -> Run:
    """Return the newest finished run over the same dataset that a condition fits."""
    conditions = [condition, "status = 'finished'", f"run_id != '{run.id}'"]
    over = ""
    if run.dataset is not None:
        conditions.append(f"datasets.digest = '{run.dataset.digest}'")
        over = f" over the same dataset {run.dataset.name!r}"
    page = search(workspace, RunQuery(filter=" AND ".join(conditions), limit=1))
    if not page.documents:
        raise NotFound(f"there is no finished {what}{over}")
    return page.runs[0]
