"""Policies in force: those that the trunk of the shared remote holds, whatever a branch says."""

from __future__ import annotations

from gitexp.errors import NotFound
from gitexp.ids import ObjectId
from gitexp.project.groups import shared_trunk
from gitexp.project.policies import Policy
from gitexp.project.reading import project_at
from gitexp.project.workspace import Workspace
from gitexp.store.protocol import Store
from gitexp.store.trees import tree_of


def policies_in_force(
    workspace: Workspace, environment: str, *, reader: Store | None = None
) -> tuple[Policy, ...]:
    """Return the policies of an environment on the trunk of the shared remote, as last fetched.

    Raises:
        InvalidDocuments: the definition there is not valid, so what it asks is not known.
    """
    trunk = shared_trunk(workspace, reader=reader)
    return policies_at(workspace, trunk, environment, reader=reader)


def policies_at(
    workspace: Workspace,
    trunk: ObjectId | None,
    environment: str,
    *,
    reader: Store | None = None,
) -> tuple[Policy, ...]:
    """Return the policies of an environment in a commit of the trunk; none without a commit.

    There are none either where that commit does not hold the project, or does not declare the
    environment.

    Raises:
        InvalidDocuments: the definition there is not valid.
    """
    if trunk is None:
        return ()
    store = reader or workspace.store
    try:
        project = project_at(workspace, tree_of(store, trunk), reader=store)
    except NotFound:
        return ()
    declared = project.environments.get(environment)
    return declared.policies if declared is not None else ()
