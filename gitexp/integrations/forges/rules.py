"""Rules for a repository that a forge hosts, as requests to its API, and who owns which files.

A forge runs no hook of ours. Its own rules keep branches from being rewritten, make a pull request
and the check of it necessary where policies ask for something, and count reviews.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitexp.documents import layout
from gitexp.ids import Name
from gitexp.integrations.forges.comments import ForgeName
from gitexp.project.definition import Project
from gitexp.project.groups import Groups, Member, Role
from gitexp.project.policies import Policy

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\Z")
_MAINTAINER = 40
_NOBODY = 0


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A branch, or all that a pattern fits, and what is asked before it moves.

    Attributes:
        name: what people call the rule.
        branch: the short name; `*` fits a name.
        reviewed: whether it moves by pull requests alone.
        approvals: how many reviews a pull request takes.
        owners: whether those who own the files must be among the reviewers.
    """

    name: str
    branch: str
    reviewed: bool = False
    approvals: int = 0
    owners: bool = False


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A request to the API of a forge, below the path of the repository."""

    method: str
    path: str
    body: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the request as JSON data."""
        return {"method": self.method, "path": self.path, "body": dict(self.body)}


def guarded_branches(project: Project) -> list[Guarded]:
    """Return the branches of a project and what is to be asked before they move."""
    identity = Name(project.id)
    found = [
        Guarded(
            name=f"gitexp {identity}: trunk",
            branch=project.trunk,
            reviewed=True,
            approvals=1,
            owners=True,
        )
    ]
    found += [
        _environment(identity, Name(name), declared.policies)
        for name, declared in project.environments.items()
    ]
    for what, ref in (
        ("runs", f"{layout.runs_branches(identity)}*"),
        ("analyses", f"{layout.analyses_branches(identity)}*"),
        ("change requests", layout.changes_branch(identity)),
    ):
        found.append(Guarded(name=f"gitexp {identity}: {what}", branch=layout.branch_name(ref)))
    return found


def _environment(project: Name, name: Name, policies: Sequence[Policy]) -> Guarded:
    counts = [policy.approvals.count for policy in policies if policy.approvals is not None]
    return Guarded(
        name=f"gitexp {project}: environment {name}",
        branch=layout.branch_name(layout.environment_branch(project, name)),
        reviewed=bool(policies),
        # Where a policy may not apply, the check says so; a forge cannot ask under a condition.
        approvals=max(counts, default=0) if all(not policy.when for policy in policies) else 0,
    )


def rules(project: Project, forge: ForgeName, *, check: str) -> list[ApiRequest]:
    """Return the requests that set the rules of a project's branches.

    Args:
        check: the name of the job that runs `gitexp check`.
    """
    branches = guarded_branches(project)
    if forge == "github":
        return [_github(one, check) for one in branches]
    if forge == "gitea":
        return [_gitea(one, check) for one in branches]
    return [*_gitlab_settings(), *(request for one in branches for request in _gitlab(one))]


def _github(guarded: Guarded, check: str) -> ApiRequest:
    asked: list[dict[str, Any]] = [{"type": "deletion"}, {"type": "non_fast_forward"}]
    if guarded.reviewed:
        asked.append({"type": "pull_request", "parameters": _github_review(guarded)})
        asked.append(
            {
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": True,
                    "required_status_checks": [{"context": check}],
                },
            }
        )
    body = {
        "name": guarded.name,
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {
            "ref_name": {"include": [f"{layout.BRANCHES}{guarded.branch}"], "exclude": []}
        },
        "rules": asked,
    }
    return ApiRequest(method="POST", path="/rulesets", body=body)


def _github_review(guarded: Guarded) -> dict[str, Any]:
    return {
        "required_approving_review_count": guarded.approvals,
        "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": guarded.owners,
        "require_last_push_approval": guarded.approvals > 0,
        "required_review_thread_resolution": False,
    }


def _gitea(guarded: Guarded, check: str) -> ApiRequest:
    body: dict[str, Any] = {
        "rule_name": guarded.branch,
        "enable_push": not guarded.reviewed,
        "enable_force_push": False,
        "required_approvals": guarded.approvals,
        "dismiss_stale_approvals": True,
        "block_on_rejected_reviews": guarded.reviewed,
        "block_on_outdated_branch": guarded.reviewed,
        "enable_status_check": guarded.reviewed,
        "status_check_contexts": [check] if guarded.reviewed else [],
    }
    return ApiRequest(method="POST", path="/branch_protections", body=body)


def _gitlab_settings() -> Iterator[ApiRequest]:
    yield ApiRequest(
        method="PUT",
        path="",
        body={
            "only_allow_merge_if_pipeline_succeeds": True,
            "allow_merge_on_skipped_pipeline": False,
        },
    )
    yield ApiRequest(
        method="POST",
        path="/approvals",
        body={
            "reset_approvals_on_push": True,
            "merge_requests_author_approval": False,
            "merge_requests_disable_committers_approval": True,
            "disable_overriding_approvers_per_merge_request": True,
        },
    )


def _gitlab(guarded: Guarded) -> Iterator[ApiRequest]:
    yield ApiRequest(
        method="POST",
        path="/protected_branches",
        body={
            "name": guarded.branch,
            "push_access_level": _NOBODY if guarded.reviewed else _MAINTAINER - 10,
            "merge_access_level": _MAINTAINER,
            "allow_force_push": False,
            "code_owner_approval_required": guarded.owners,
        },
    )
    if guarded.approvals:
        body = {
            "name": guarded.name,
            "approvals_required": guarded.approvals,
            "applies_to_all_protected_branches": False,
            "protected_branches": [guarded.branch],
        }
        yield ApiRequest(method="POST", path="/approval_rules", body=body)


# --- who owns what --------------------------------------------------------------------------


def codeowners(
    project: Project,
    groups: Groups,
    owned: Mapping[str, str],
    forge: ForgeName,
    *,
    root: str = "",
) -> str:
    """Return a CODEOWNERS file: who must review a change of which files of the trunk.

    Of several lines that fit a file the last one counts, so what gives rights comes last.

    Args:
        owned: the groups of experiments that have one of their own, by the experiments' names.
        root: the project's directory in the repository.
    """
    lines = ["# Written by `gitexp forge codeowners`, from the groups on the trunk."]
    experiments = f"{layout.EXPERIMENTS_DIR}/"
    if project.group:
        lines += _line(forge, root, experiments, groups, project.group, "approve")
    for name, group in sorted(owned.items()):
        lines += _line(forge, root, f"{experiments}{name}/", groups, group, "approve")
    for path in _RULES if project.group else ():
        lines += _line(forge, root, path, groups, project.group, "admin")
    for path in _OF_CI[forge] if project.group else ():
        lines += _line(forge, "", path, groups, project.group, "admin")
    return "".join(f"{line}\n" for line in lines)


_RULES = (
    layout.PROJECT_FILE,
    f"{layout.GROUPS_DIR}/",
    layout.SIGNERS_FILE,
    layout.REVOKED_FILE,
    layout.GPG_KEYS_FILE,
)

_OF_CI: Mapping[ForgeName, Sequence[str]] = {
    "github": (".github/",),
    "gitlab": (".gitlab-ci.yml", ".gitlab/"),
    "gitea": (".gitea/", ".github/"),
}
"""What says which jobs run, wherever the project is: whoever changes it could skip the check."""


def _line(
    forge: ForgeName, root: str, path: str, groups: Groups, group: str, role: Role
) -> Iterator[str]:
    """Yield the line of a path, or why there is none."""
    there = groups.group(group)
    members = there.having(role) if there is not None else ()
    owners = [owner for member in members if (owner := _owner(member))]
    pattern = _pattern(forge, layout.join(root, path))
    if owners:
        yield f"{pattern} {' '.join(owners)}"
    else:
        yield f"# {pattern} has no owner: nobody in group {group} has the role {role}"


def _pattern(forge: ForgeName, path: str) -> str:
    """Return what fits a file, or a directory that ends with `/`; Gitea takes expressions."""
    if forge != "gitea":
        return f"/{path}"
    return f"{re.escape(path)}.*" if path.endswith("/") else f"{re.escape(path)}$"


def _owner(member: Member) -> str | None:
    """Return how a file of owners names a member: as the forge does, else by address."""
    name = next((name for name in member.usernames if _OWNER.match(name)), None)
    if name is not None:
        return f"@{name}"
    return member.identity if _ADDRESS.match(member.identity) else None
