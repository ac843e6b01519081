"""What both kinds of reports begin with: the ends, and whether the head is valid."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gitexp.documents.problems import Problem
from gitexp.environments.binding import Snapshot, snapshot_at
from gitexp.errors import InvalidInput, NotFound
from gitexp.ids import ObjectId
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.review.reporting.points import Points
from gitexp.review.reporting.report import Point, Validity
from gitexp.review.validating import validate
from gitexp.store.trees import tree_of


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a report is asked about.

    Attributes:
        base, head: revisions, also of the shared remote alone.
        trunk: the branch whose definition, policies and groups count; None for the one that the
            base names, where it holds the project, else that of the workspace.
        fetch: whether to fetch first; None for as much as is missing in a shallow clone.
        results: whether to look for results.
        trusts_votes: whether votes on a change request count that nobody signed, since a hook of
            the server looks at who pushes them.
    """

    base: str
    head: str
    trunk: str | None = None
    fetch: bool | None = None
    results: bool = True
    trusts_votes: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """A report that is being made.

    Attributes:
        workspace: the project, with the trunk that counts.
        notes: what is to be said about the report so far.
    """

    workspace: Workspace
    request: Request
    points: Points
    notes: tuple[str, ...] = ()

    @property
    def base(self) -> Point:
        """The end that the change would be merged into."""
        return Point(label=self.request.base, commit=self.points.base)

    @property
    def head(self) -> Point:
        """The end that would be merged."""
        return Point(label=self.request.head, commit=self.points.head)

    def snapshot(self, commit: ObjectId) -> Snapshot | None:
        """Return what a commit of an environment's branch holds; None for one of the project."""
        try:
            project_at(self.workspace, tree_of(self.workspace.store, commit))
        except NotFound:
            return snapshot_at(self.workspace.store, commit, cache=self.workspace.cache)
        except InvalidInput:
            pass
        return None

    def validity(self) -> Validity:
        """Return what is wrong with the head, and how much of it the base has already."""
        head, base = self.points.head, self.points.compared
        found = validate(self.workspace, revision=head)
        problems = [_plain(problem, head) for problem in found.problems]
        if not problems:
            return Validity(files=found.files)
        before = validate(self.workspace, revision=base).problems
        known = {_key(_plain(problem, base)) for problem in before}
        new = tuple(problem for problem in problems if _key(problem) not in known)
        return Validity(files=found.files, problems=new, old=len(problems) - len(new))


def _plain(problem: Problem, commit: ObjectId) -> Problem:
    """Return a problem with the path alone, by which CI finds the line."""
    return replace(problem, file=problem.file.removeprefix(f"{commit}:"))


def _key(problem: Problem) -> tuple[str, str, str]:
    return problem.file, problem.place, problem.message
