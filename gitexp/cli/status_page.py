"""The page of `gitexp status`: what stands where, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from gitexp.cli.plain import plain
from gitexp.cli.safety import visible
from gitexp.cli.tables import Column, Table

if TYPE_CHECKING:
    from gitexp.environments.states import EnvironmentState
    from gitexp.status import ExperimentStatus, RemoteState, Status

_SECTIONS = (
    ("diverged", "Diverged: saved here and by others", "gitexp pull NAME"),
    ("behind", "Behind: others have saved", "gitexp pull"),
    ("ahead", "Ahead: versions that are not shared yet", "gitexp push"),
    ("private", "Private: not on the shared remote", "gitexp share NAME"),
    ("shared", "Shared, nothing to send or to join", ""),
)

_MOST_FLAGS = 3
"""How many flags of an environment are named; more are counted."""


def status_table(status: Status) -> Table:
    """Return a row for each experiment."""
    shown = (
        Column(key="name", title="experiment", kind="code"),
        Column(key="sharing", title="sharing"),
        Column(key="ahead", title="ahead", kind="number"),
        Column(key="behind", title="behind", kind="number"),
        Column(key="lifecycle", title="lifecycle"),
        Column(key="uncommitted", title="edited", kind="names"),
    )
    return Table(columns=shown, rows=[plain(experiment) for experiment in status.experiments])


def status_page(status: Status) -> str:
    """Return the page as text."""
    parts = [_heading(status)]
    for sharing, title, advice in _SECTIONS:
        experiments = [one for one in status.experiments if one.sharing == sharing]
        parts.append(_section(title, advice, experiments, _counts))
    edited = [experiment for experiment in status.experiments if experiment.uncommitted]
    parts.append(_section("Edited and not saved", "gitexp commit NAME", edited, _edited))
    parts.append(_environments(status.environments))
    parts.append("".join(f"({visible(hint)})\n" for hint in status.hints))
    return "\n".join(part for part in parts if part)


def _heading(status: Status) -> str:
    branch = f"on branch {status.branch}" if status.branch else "on no branch"
    lines = [f"Project {status.project}, {branch}", _remote(status.remote)]
    return "".join(f"{visible(line)}\n" for line in lines)


def _remote(remote: RemoteState) -> str:
    if remote.url is None:
        return "No shared remote"
    return f"Shared remote {remote.name} at {remote.url}" + (
        "" if remote.fetched else ", not fetched"
    )


def _section(
    title: str,
    advice: str,
    experiments: Iterable[ExperimentStatus],
    told: Callable[[ExperimentStatus], str],
) -> str:
    lines = _lines([(experiment.name, told(experiment)) for experiment in experiments])
    use = f" (use `{advice}`)" if advice else ""
    return f"{title}{use}:\n{lines}" if lines else ""


def _lines(told: Sequence[tuple[str, str]]) -> str:
    """Return a line for each name and what is told of it, one below the other."""
    width = max((len(name) for name, _ in told), default=0)
    return "".join(f"  {visible(f'{name:<{width}}  {text}'.rstrip())}\n" for name, text in told)


def _counts(experiment: ExperimentStatus) -> str:
    counts = [f"{n} {what}" for n, what in _counted(experiment) if n]
    if experiment.lifecycle != "active":
        counts.append(experiment.lifecycle)
    return ", ".join(counts)


def _counted(experiment: ExperimentStatus) -> tuple[tuple[int, str], ...]:
    return (experiment.ahead, "ahead"), (experiment.behind, "behind")


def _edited(experiment: ExperimentStatus) -> str:
    return ", ".join(experiment.uncommitted)


def _environments(states: Iterable[EnvironmentState]) -> str:
    lines = _lines([(state.name, _live(state)) for state in states])
    return f"Environments:\n{lines}" if lines else ""


def _live(state: EnvironmentState) -> str:
    if state.problem:
        return f"broken: {state.problem}"
    parts = []
    if state.binding is not None and state.bound:
        parts.append(state.binding.label)
        parts += [f"{state.newer_versions} newer"] if state.newer_versions else []
    if state.binding is not None and state.binding.flags:
        parts.append(_flags(sorted(state.binding.flags)))
    return ", ".join(parts) or "nothing is live"


def _flags(keys: Sequence[str]) -> str:
    if len(keys) > _MOST_FLAGS:
        return f"{len(keys)} flags"
    return f"flag{'s' * (len(keys) > 1)} {', '.join(keys)}"
