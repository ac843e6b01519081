"""One step in the life of an A/B test: what it begins from, what it writes, and its one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from gitexp.abtests.definition import AbTest
from gitexp.abtests.launches import locked_changes
from gitexp.abtests.problems import problems_of
from gitexp.abtests.reading import document_at, missing_test
from gitexp.abtests.switches import flag_in
from gitexp.documents import layout, schemas
from gitexp.documents.kinds import DocumentKind
from gitexp.documents.parsed import ParsedDocument
from gitexp.errors import InvalidDocuments, NotAllowed
from gitexp.experiments.bases import base_of
from gitexp.experiments.homes import get_home
from gitexp.experiments.permissions import require_role
from gitexp.experiments.refusals import refuse_deleted, refuse_former_name
from gitexp.experiments.saving import move_branch
from gitexp.ids import Name, ObjectId
from gitexp.project.workspace import Workspace
from gitexp.store.model import Signature, TreeId
from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at

Document = Mapping[str, Any]

_CORRECT = "Correct what is named, then do it again."


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a step begins from.

    Attributes:
        test: the test as it stands.
        flag: the document of its flag; None where there is none.
        signature: who takes the step, and when.
        tree: the tree that the step changes.
        reader: what the tree is read from; it may be staged and nowhere else yet.
    """

    workspace: Workspace
    test: AbTest
    flag: Document | None
    signature: Signature
    tree: TreeId
    reader: Store

    @property
    def document(self) -> dict[str, Any]:
        """All that the file of the test says."""
        return dict(self.test.document)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a step writes.

    Attributes:
        document: the file of the test.
        flag: the file of its flag; None leaves it as it is.
        notes: what a person should know of it.
        about: what is changed, for the commit's message; empty where the step says it.
    """

    document: Document
    flag: Document | None = None
    notes: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step left behind.

    Attributes:
        test: the test after it.
        commit: the commit that took it; None where there was nothing to change.
        notes: what a person should know of it, a sentence each.
    """

    test: AbTest
    commit: ObjectId | None
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON data."""
        return {
            "experiment": self.test.experiment,
            "status": self.test.status,
            "archived": self.test.archived,
            "exposure_frozen": self.test.exposure_frozen,
            "commit": self.commit,
            "notes": list(self.notes),
        }


Step = Callable[[Standing], Plan]


def take(workspace: Workspace, name: str, step: Step, *, doing: str) -> Outcome:
    """Take a step in the life of the A/B test of an experiment, in one commit.

    Of two who take it at once, one does, and the other finds the test as that one left it.

    Args:
        step: works out what to write, or raises; it may be asked several times.
        doing: what is done, as the commit's message and a refusal say it: `launch`.

    Raises:
        NotFound: there is no such experiment, or it has no A/B test.
        NotAllowed: the state of the test forbids it, or the experiment is deleted or renamed.
        InvalidDocuments: what would be written is not right.
        Forbidden: whoever takes it has not the role in the group that owns the experiment.
        UncommittedWork: the branch is checked out and a file of the step was edited.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> Outcome:
        home = get_home(workspace, name, reader=tx)
        refuse_former_name(workspace, home, reader=tx)
        refuse_deleted(workspace, home, tx)
        require_role(workspace, home, f"{doing} the A/B test of", reader=tx)
        base = base_of(tx, workspace, home)
        standing = standing_at(tx, workspace, base.tree, home.name, signature)
        plan = step(standing)
        after = AbTest.from_dict(home.name, checked(workspace, home.name, plan.document))
        refuse_locked(standing.test, after)
        files = _files(tx, standing, plan)
        if not files:
            return Outcome(test=after, commit=None, notes=plan.notes)
        commit = tx.commit(
            tree=tx.tree(base.tree, files),
            parents=base.parents,
            message=f"{home.name}: {doing} A/B test" + (f": {plan.about}" if plan.about else ""),
            author=signature,
            sign=workspace.commit_sign(),
        )
        move_branch(tx, home, commit, f"gitexp ab {doing} {home.name}")
        return Outcome(test=after, commit=commit, notes=plan.notes)

    return transact(workspace.store, work)


def standing_at(
    tx: Transaction, workspace: Workspace, tree: TreeId, name: str, signature: Signature
) -> Standing:
    """Return what a step begins from in a tree.

    Raises:
        NotFound: the experiment has no A/B test there.
    """
    document = document_at(workspace, tree, name, reader=tx)
    if document is None:
        raise missing_test(name)
    test = AbTest.from_dict(name, document)
    return Standing(
        workspace=workspace,
        test=test,
        flag=flag_in(workspace, tree, test.flag, reader=tx),
        signature=signature,
        tree=tree,
        reader=tx,
    )


def checked(workspace: Workspace, name: str, document: Document) -> dict[str, Any]:
    """Return the document of an A/B test.

    Raises:
        InvalidDocuments: everything that is wrong with it.
    """
    refuse_malformed(workspace, name, document)
    file = layout.ab_test_path(workspace.root, Name(name))
    problems = problems_of(ParsedDocument(value=dict(document)), file)
    if problems:
        raise InvalidDocuments(problems, hint=_CORRECT)
    return dict(document)


def refuse_malformed(workspace: Workspace, name: str, document: Document) -> None:
    """Raise InvalidDocuments when a document of an A/B test breaks its schema."""
    file = layout.ab_test_path(workspace.root, Name(name))
    problems = schemas.check("ab-test", ParsedDocument(value=dict(document)), file=file)
    if problems:
        raise InvalidDocuments(problems, hint=_CORRECT)


def refuse_locked(before: AbTest, after: AbTest) -> None:
    """Raise NotAllowed when a test that was launched, and still is, got other variants."""
    if "draft" in (before.status, after.status):
        return
    changed = [f"{place[0]}: {message}" for place, message in locked_changes(before, after)]
    if changed:
        raise NotAllowed(
            f"the A/B test of {after.experiment!r} is {before.status}, and its variants, splits, "
            f"flag and exposure are locked since its launch: {'; '.join(changed)}",
            hint=f"Make another test of it: `gitexp ab duplicate {after.experiment}`.",
        )


def _files(tx: Transaction, standing: Standing, plan: Plan) -> dict[str, bytes]:
    """Return the files that a plan changes, by path."""
    workspace, test = standing.workspace, standing.test
    files = {}
    if dict(plan.document) != dict(test.document):
        path = layout.ab_test_path(workspace.root, Name(test.experiment))
        files[path] = encoded(tx, standing.tree, path, plan.document, "ab-test")
    if plan.flag is not None and plan.flag != standing.flag:
        path = layout.flag_path(workspace.root, Name(test.flag))
        files[path] = encoded(tx, standing.tree, path, plan.flag, "flag")
    return files


def encoded(tx: Transaction, tree: TreeId, path: str, document: Document, kind: str) -> bytes:
    """Return the text of a document, in the layout of the one that it takes the place of."""
    from gitexp.documents.yaml_editor import edit_yaml
    from gitexp.documents.yaml_writer import dump_yaml

    old = blob_at(tx, tree, path)
    if old is None:
        return dump_yaml(document, schema=cast(DocumentKind, kind))
    return edit_yaml(old, document, file=path)
