"""Verifying a repository: every claim in it is held to what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gitexp.documents import layout
from gitexp.errors import InvalidInput
from gitexp.ids import Name
from gitexp.project.workspace import Workspace
from gitexp.review.verifying.analyses import check_analyses
from gitexp.review.verifying.changes import check_changes
from gitexp.review.verifying.documents import check_documents, check_versions
from gitexp.review.verifying.environments import check_environments
from gitexp.review.verifying.examination import Branch, Examination
from gitexp.review.verifying.findings import CHECKS, Check, Finding, Verification
from gitexp.review.verifying.objects import check_objects
from gitexp.review.verifying.runs import check_runs
from gitexp.review.verifying.signed import check_signatures

_LOOKS: Mapping[Check, Callable[[Examination], None]] = {
    "objects": lambda look: check_objects(look, all_branches(look)),
    "documents": check_documents,
    "versions": check_versions,
    "environments": check_environments,
    "runs": check_runs,
    "analyses": check_analyses,
    "changes": check_changes,
    "signatures": check_signatures,
}


def verify(
    workspace: Workspace,
    checks: Sequence[str] = (),
    *,
    signatures: bool = False,
    full: bool = False,
) -> Verification:
    """Return what is wrong with a repository, as far as it is here; nothing is fetched or changed.

    Args:
        checks: what to look at, of `CHECKS`; of none, everything but signatures.
        signatures: look at the signatures of versions and promotions too.
        full: look again at what an earlier verification found in order.

    Raises:
        InvalidInput: there is no such check.
    """
    chosen = _chosen(checks, signatures=signatures)
    look = Examination(workspace=workspace, full=full)
    for check in chosen:
        with look.reading(check):
            _LOOKS[check](look)
    return Verification(
        findings=_in_order(look.findings), checks=chosen, looked_at=dict(look.looked_at)
    )


def _chosen(checks: Sequence[str], *, signatures: bool) -> tuple[Check, ...]:
    for name in checks:
        if name not in CHECKS:
            raise InvalidInput(
                f"{name!r} is nothing that can be verified",
                hint=f"Name one of {', '.join(CHECKS)}.",
            )
    wanted = set(checks) or set(CHECKS) - {"signatures"}
    if signatures:
        wanted.add("signatures")
    return tuple(check for check in CHECKS if check in wanted)


def _in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    unique = dict.fromkeys(findings)
    return tuple(
        sorted(
            unique,
            key=lambda f: (f.severity != "problem", CHECKS.index(f.check), f.branch, f.path),
        )
    )


def all_branches(look: Examination) -> list[Branch]:
    """Return the branches of the project, its trunk among them."""
    project = Name(look.workspace.project_id)
    starts = (
        layout.experiment_branches(project),
        layout.environment_branches(project),
        layout.runs_branches(project),
        layout.analyses_branches(project),
        layout.change_branches(project),
    )
    single = [look.workspace.trunk_ref, layout.changes_branch(project)]
    return [branch for ref in single for branch in look.branch(ref)] + look.branches(*starts)
