"""Whether change requests are what was written down about them, and never changed."""

from __future__ import annotations

from functools import partial

from gitexp.documents import layout
from gitexp.environments.binding import binding_at
from gitexp.errors import InvalidDocuments
from gitexp.ids import Name, ObjectId
from gitexp.review.changes.ledger import read_ledger
from gitexp.review.verifying.examination import Branch, Examination, one_line, shown_with_git
from gitexp.review.verifying.ledgers import check_unchanged


def check_changes(look: Examination) -> None:
    """Note what is wrong with the change requests, and what was changed of them."""
    project = Name(look.workspace.project_id)
    for branch in look.branch(layout.changes_branch(project)):
        look.since_then("changes", branch, partial(_check_ledger, look))
    for branch in look.branches(layout.change_branches(project)):
        look.since_then("changes", branch, partial(_check_proposal, look))


def _check_ledger(look: Examination, branch: Branch, since: ObjectId | None) -> None:
    check_unchanged(look, "changes", branch, since)
    with look.reading("changes", branch=branch.name, commit=branch.tip):
        found = read_ledger(look.store, branch.tip, cache=look.workspace.cache)
        look.looked_at["changes"] += len(found.changes)
        problems = {name: [problem] for name, problem in found.problems.items()}
        problems |= {facts.id: list(facts.problems) for facts in found.changes if facts.problems}
        for name, listed in problems.items():
            for problem in listed:
                path = f"{layout.CHANGES_DIR}/{name}"
                look.add(
                    "changes",
                    problem,
                    f"It counts for nothing; {shown_with_git(branch.name, path)} shows who "
                    "wrote it.",
                    branch=branch.name,
                    commit=branch.tip,
                    path=path,
                )


def _check_proposal(look: Examination, branch: Branch, since: ObjectId | None) -> None:
    """Note a branch of a change request that does not hold the binding that it asks for."""
    change = branch.name.rpartition("/")[2]
    with look.reading("changes", branch=branch.name, commit=branch.tip):
        try:
            binding = binding_at(look.store, branch.tip, cache=look.workspace.cache)
        except InvalidDocuments as exc:
            told: str | None = one_line(exc)
        else:
            told = "it holds no binding" if binding is None else None
            if binding is not None and binding.change != change:
                told = f"it holds a binding for change request {binding.change or 'none'}"
        if told is not None:
            look.add(
                "changes",
                told,
                f"It cannot be applied; ask again with `gitexp change cancel {change}` and "
                "`gitexp change open`.",
                branch=branch.name,
                commit=branch.tip,
            )
