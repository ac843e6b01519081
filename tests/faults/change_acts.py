"""Steps of change requests that are killed; run as a program of its own, which forks.

Each step is killed right before and right after each of its pushes, and at some of the calls to
the system between. Then somebody looks at what is there, and the step is done again. What came of
it is printed as JSON, to be judged by the test that started this.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gitexp.environments.orders import Order
from gitexp.errors import NotAllowed
from gitexp.experiments.lifecycle import NewExperiment, create
from gitexp.experiments.saving import Edit, save
from gitexp.experiments.sharing import fetch_project, share
from gitexp.opening import open_workspace
from gitexp.project.workspace import Workspace
from gitexp.review.changes.collection import Changes
from gitexp.review.changes.opening import open_change
from gitexp.review.changes.states import STATES
from gitexp.store.protocol import Remote
from gitexp.surroundings import Surroundings
from tests.faults.injection import Fault, injected

DEFINITION = """\
format: 1

id: bot

parameters:
  temperature: {type: number, default: 0.7}

environments:
  production:
    policies:
      - {name: reviewed, approvals: {count: 2}}
"""

Act = Callable[[Workspace, str], object]


@dataclass(frozen=True)
class Place:
    """A directory with a bare shared repository and the clones of people."""

    directory: Path

    def git(self, *arguments: str, cwd: str = ".") -> str:
        """Return what Git prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.directory / cwd,
            env=self.environ("Ada"),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment variables of somebody."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": f"{name.lower()}@example.org",
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": f"{name.lower()}@example.org",
        }

    @contextmanager
    def person(self, name: str) -> Iterator[Workspace]:
        """Give somebody's clone, which is fetched."""
        where = self.directory / name
        around = Surroundings(environ=self.environ(name), directory=where)
        workspace = open_workspace(where, project=None, surroundings=around)
        fetch_project(workspace)
        try:
            yield workspace
        finally:
            workspace.cache.close()
            workspace.store.close()  # type: ignore[attr-defined]


def ask(workspace: Workspace, revision: str) -> object:
    """Ask for a version to be made live."""
    order = Order.of(workspace, "promote", "production", experiment="tone", version=revision)
    return open_change(workspace, order)


ACTS: dict[str, tuple[str, str, Act]] = {
    "open": ("Ada", "", lambda w, _: ask(w, "latest~1")),
    "approve": ("Bob", "half", lambda w, c: Changes(w).approve(c)),
    "apply": ("Cy", "approved", lambda w, c: Changes(w).apply(c)),
    "reject": ("Bob", "fresh", lambda w, c: Changes(w).reject(c, reason="no")),
    "cancel": ("Ada", "fresh", lambda w, c: Changes(w).cancel(c)),
    "renew": ("Ada", "stale", lambda w, c: Changes(w).renew(c)),
}
"""By name: who does it, to a change request in which state, and how."""


def make_template(place: Place) -> dict[str, str]:
    """Make the repositories, and return change requests by what has become of them."""
    place.directory.mkdir(parents=True)
    place.git("init", "-q", "--bare", "-b", "main", "shared.git")
    place.git("init", "-q", "-b", "main", "Ada")
    (place.directory / "Ada" / "gitexp.yaml").write_text(DEFINITION)
    place.git("add", "gitexp.yaml", cwd="Ada")
    place.git("commit", "-q", "-m", "project", cwd="Ada")
    place.git("remote", "add", "origin", str(place.directory / "shared.git"), cwd="Ada")
    place.git("push", "-q", "origin", "main", cwd="Ada")
    for name in ("Bob", "Cy"):
        place.git("clone", "-q", "shared.git", name)
    return _asked_for(place)


def _asked_for(place: Place) -> dict[str, str]:
    found: dict[str, str] = {}
    with place.person("Ada") as ada:
        create(ada, NewExperiment(name="tone"))
        for number, name in enumerate(("", "stale", "live", "fresh", "half", "approved")):
            version = save(ada, "tone", Edit(patch={"temperature": number / 10}))
            share(ada, "tone")
            if name in ("stale", "live"):
                found[name] = ask(ada, version.version).id  # type: ignore[attr-defined]
        with place.person("Bob") as bob, place.person("Cy") as cy:
            for one in (bob, cy):
                Changes(one).approve(found["live"])
            for back, name in ((2, "fresh"), (1, "half"), (0, "approved")):
                found[name] = ask(ada, f"latest~{back}").id  # type: ignore[attr-defined]
            Changes(cy).approve(found["half"])
            for one in (bob, cy):
                Changes(one).approve(found["approved"], apply=False)
    return found


class Killing:
    """A remote at whose n-th push the process dies: right before it, or right after it."""

    def __init__(self, real: Remote, at: int, *, after: bool) -> None:
        self._real, self._at, self._after = real, at, after
        self.pushes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def push(self, updates: Any) -> None:
        """Push, or die."""
        self.pushes += 1
        if self.pushes == self._at and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        self._real.push(updates)
        if self.pushes == self._at and self._after:
            os.kill(os.getpid(), signal.SIGKILL)


def at_push(number: int, *, after: bool) -> Callable[[Place, str, str], bool]:
    """Return what does a step and dies at a push; it returns False where it got that far."""

    def killed(place: Place, act: str, change: str) -> bool:
        name, _, do = ACTS[act]
        with place.person(name) as workspace:
            remote = Killing(workspace.remote(), number, after=after)
            do(replace(workspace, open_remote=lambda _: remote), change)
        return remote.pushes >= number

    return killed


def at_call(number: int) -> Callable[[Place, str, str], bool]:
    """Return what does a step and dies at a call to the system, in the same way."""

    def killed(place: Place, act: str, change: str) -> bool:
        name, _, do = ACTS[act]
        with place.person(name) as workspace, injected(Fault(at=number, code=None, kills=True)):
            do(workspace, change)
        return False

    return killed


def _dies(work: Callable[[], bool]) -> bool:
    """Return whether a piece of work, done in a process group of its own, was killed."""
    child = os.fork()
    if child == 0:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it had started goes with it
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def state(place: Place, change: str | None) -> dict[str, Any]:
    """Return what anybody sees: the references, and the change request."""
    assert place.git("fsck", "--no-dangling", cwd="shared.git") == ""
    refs = place.git("for-each-ref", "--format=%(refname:lstrip=2)", cwd="shared.git").split()
    moves = place.git("rev-list", "--count", "env/bot/production", cwd="shared.git")
    with place.person("Cy") as workspace:
        known = Changes(workspace).list(states=STATES)
        found = [one for one in known if one.id == change] if change else []
        entry = found[0].to_dict() if found else {}
        opened = [one.id for one in known]
    return {"refs": refs, "moves": int(moves), "change": entry, "opened": opened}


def scenario(directory: Path, act: str, points: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was there after each kill, and after the step was done again."""
    place = Place(directory / "work")
    changes = make_template(place)
    shutil.copytree(place.directory, directory / "template", symlinks=True)
    name, which, do = ACTS[act]
    change = changes.get(which, "")
    outcomes = []
    for point in points:
        shutil.rmtree(place.directory)
        shutil.copytree(directory / "template", place.directory, symlinks=True)
        kind, _, number = point.partition(":")
        work = at_call(int(number)) if kind == "call" else at_push(
            int(number), after=kind == "after")  # fmt: skip
        died = _dies(lambda work=work: work(place, act, change))  # type: ignore[misc]
        killed = state(place, change)
        with place.person(name) as workspace:
            said = _said(lambda w=workspace: do(w, change))  # type: ignore[misc]
        again = state(place, change)
        outcomes.append({"point": point, "died": died, "killed": killed, "said": said,
                         "again": again, "before": len(changes)})  # fmt: skip
    return outcomes


def racing(directory: Path, *names: str) -> list[dict[str, Any]]:
    """Return what is there after people voted at the same time, each from a process of their own.

    Whoever is named twice votes twice at once; a name that ends in `-` rejects.
    """
    place = Place(directory / "work")
    changes = make_template(place)
    for number, name in enumerate(names):
        place.git("clone", "-q", "shared.git", f"voter{number}")
        place.git("config", "user.name", name.strip("-"), cwd=f"voter{number}")
    children = [_voting(place, n, name, changes["fresh"]) for n, name in enumerate(names)]
    for child in children:
        os.waitpid(child, 0)
    return [state(place, changes["fresh"])]


def _voting(place: Place, number: int, name: str, change: str) -> int:
    """Return the process in which somebody votes."""
    child = os.fork()
    if child:
        return child
    try:
        around = Surroundings(
            environ=place.environ(name.strip("-")), directory=place.directory / f"voter{number}"
        )
        changes = Changes(open_workspace(around.directory, project=None, surroundings=around))
        if name.endswith("-"):
            changes.reject(change, reason="no")
        else:
            changes.approve(change)
    finally:
        os._exit(0)


def _said(work: Callable[[], object]) -> str:
    try:
        work()
    except NotAllowed as exc:
        return exc.message
    return ""


def main(arguments: Sequence[str]) -> None:
    """Run a scenario and print what came of it."""
    directory, act, *points = arguments
    if act == "race":
        print(json.dumps(racing(Path(directory), *points)))
    else:
        print(json.dumps(scenario(Path(directory), act, points)))


if __name__ == "__main__":
    main(sys.argv[1:])
