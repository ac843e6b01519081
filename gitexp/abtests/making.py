"""Making A/B tests: of an experiment that is there, as a new one, and as a copy of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gitexp.abtests.definition import CONTROL, LAUNCHED_FACTS, AbTest, variants_of
from gitexp.abtests.launches import launch_of
from gitexp.abtests.reading import all_tests, document_at
from gitexp.abtests.steps import Document, Outcome, checked, encoded, refuse_malformed, standing_at
from gitexp.abtests.switches import fitted, flag_in, new_flag
from gitexp.documents import layout
from gitexp.errors import AlreadyExists, InvalidInput
from gitexp.experiments.bases import base_of
from gitexp.experiments.headers import header_at
from gitexp.experiments.homes import experiment_names, find_home, get_home
from gitexp.experiments.lifecycle import NewExperiment, create_in
from gitexp.experiments.permissions import require_role
from gitexp.experiments.refusals import refuse_deleted, refuse_former_name
from gitexp.experiments.saving import move_branch
from gitexp.flags.catalog import refuse_wrong
from gitexp.ids import Name, parse_name
from gitexp.project.workspace import Workspace
from gitexp.store.model import Signature, TreeId
from gitexp.store.transaction import Transaction, transact
from gitexp.store.trees import blob_at, tree_of

_FRESH = frozenset(["status", *LAUNCHED_FACTS])
"""What a copy does not take over."""


@dataclass(frozen=True, kw_only=True)
class NewTest:
    """What an A/B test begins with.

    Attributes:
        experiment: the name of the experiment, which is made where there is none.
        flag: the key of its flag, which is made, off, where there is none; empty for the
            experiment's name.
        variants: as the document has them; none for those of the flag.
        settings: the other keys of the document: title, metrics, statistics, data ...
        description, hypothesis: of the experiment, where it is made.
        payloads: what the flag hands out with a variant, where it is made.
    """

    experiment: str
    flag: str = ""
    variants: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    hypothesis: str = ""
    payloads: Mapping[str, Any] = field(default_factory=dict)


def create(workspace: Workspace, new: NewTest) -> Outcome:
    """Make an experiment an A/B test, a draft, in one commit.

    Raises:
        AlreadyExists: the experiment has an A/B test.
        InvalidInput: a name cannot be used, or the flag has other variants.
        InvalidDocuments: the definition is not right.
        Forbidden: whoever makes it has not the role in the group that owns the experiment.
    """
    signature = workspace.signature()
    others = list(all_tests(workspace))  # before anything is locked
    made = transact(workspace.store, lambda tx: create_test_in(tx, workspace, new, signature))
    return replace(made, notes=tuple(_sharing_notes(made.test, others)))


def _sharing_notes(test: AbTest, others: Iterable[AbTest]) -> Iterator[str]:
    users = [other.experiment for other in others if other.flag == test.flag]
    if users:
        yield (
            f"Flag {test.flag} is that of {', '.join(users)} too: of several branches that change "
            "it, the one that is published last counts."
        )


def create_test_in(
    tx: Transaction, workspace: Workspace, new: NewTest, signature: Signature
) -> Outcome:
    """Stage an A/B test; see `create`."""
    parse_name(new.experiment, "experiment name")
    flag = parse_name(new.flag or new.experiment, "flag key")
    if find_home(workspace, new.experiment, reader=tx) is None:
        return _as_new(tx, workspace, new, flag, signature)
    return _added(tx, workspace, new, flag, signature)


def _as_new(
    tx: Transaction, workspace: Workspace, new: NewTest, flag: Name, signature: Signature
) -> Outcome:
    trunk = workspace.trunk_tip(tx)
    tree = tree_of(tx, trunk) if trunk else None
    files = _files(tx, workspace, tree, new, flag, signature) if tree else {}
    started = NewExperiment(
        name=new.experiment,
        description=new.description,
        hypothesis=new.hypothesis,
        files=files,
    )
    _, commit = create_in(tx, workspace, started, signature)
    return _outcome(tx, workspace, tree_of(tx, commit), commit, new.experiment, signature)


def _added(
    tx: Transaction, workspace: Workspace, new: NewTest, flag: Name, signature: Signature
) -> Outcome:
    home = get_home(workspace, new.experiment, reader=tx)
    refuse_former_name(workspace, home, reader=tx)
    refuse_deleted(workspace, home, tx)
    require_role(workspace, home, "make an A/B test of", reader=tx)
    base = base_of(tx, workspace, home)
    if document_at(workspace, base.tree, home.name, reader=tx) is not None:
        raise AlreadyExists(
            f"experiment {home.name!r} has an A/B test already",
            hint=f"Copy it with `gitexp ab duplicate {home.name}`.",
        )
    tree = tx.tree(base.tree, _files(tx, workspace, base.tree, new, flag, signature))
    commit = tx.commit(
        tree=tree,
        parents=base.parents,
        message=f"{home.name}: new A/B test",
        author=signature,
        sign=workspace.commit_sign(),
    )
    move_branch(tx, home, commit, f"gitexp ab create {home.name}")
    return _outcome(tx, workspace, tree, commit, home.name, signature)


def _outcome(
    tx: Transaction,
    workspace: Workspace,
    tree: TreeId,
    commit: Any,
    name: str,
    signature: Signature,
) -> Outcome:
    standing = standing_at(tx, workspace, tree, name, signature)
    return Outcome(test=standing.test, commit=commit)


def _files(
    tx: Transaction,
    workspace: Workspace,
    tree: TreeId,
    new: NewTest,
    flag: Name,
    signature: Signature,
) -> dict[str, bytes]:
    """Return the files of a new test: its own, and that of its flag where there is none."""
    _refuse_begun(new.settings)
    there = flag_in(workspace, tree, flag, reader=tx)
    given = list(new.variants) if isinstance(new.variants, tuple) else new.variants
    given = _variants_of_flag(there, flag) if given in (None, []) else given
    document: Document = {"status": "draft", **new.settings, "flag": flag, "variants": given}
    refuse_malformed(workspace, new.experiment, document)
    variants = _split(_weighted([_normalised(one) for one in given], there))
    document = checked(workspace, new.experiment, {**document, "variants": variants})
    path = layout.ab_test_path(workspace.root, Name(new.experiment))
    files = {path: encoded(tx, tree, path, _ordered(document), "ab-test")}
    if there is not None:
        _refuse_other_variants(there, flag, document)
        return files
    made = new_flag(
        variants_of(document["variants"]),
        description=new.description,
        by=signature.email,
        payloads=new.payloads,
    )
    path = layout.flag_path(workspace.root, flag)
    return files | {path: encoded(tx, tree, path, made, "flag")}


def _refuse_begun(settings: Document) -> None:
    """Raise InvalidInput when a test would begin otherwise than as a draft."""
    begun = [key for key in settings if key in _FRESH and (key, settings[key]) != _DRAFT]
    if begun:
        raise InvalidInput(
            f"an A/B test begins as a draft, without {', '.join(begun)}",
            hint="Leave that out; the steps of its life write it.",
        )


_DRAFT = ("status", "draft")
_ORDER = (
    "title", "status", "flag", "variants", "exposure", "metrics", "statistics", "data", "minimum",
    "planning", "prompt",
)  # fmt: skip


def _ordered(document: Document) -> dict[str, Any]:
    """Return a document with its keys in the order in which people read it."""
    known = {key: document[key] for key in _ORDER if key in document}
    return known | dict(document)


def _normalised(variant: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variant; `Control`, however it is written, is the control."""
    is_control = variant["key"].lower() == CONTROL
    return {**variant, **({"key": CONTROL} if is_control else {})}


def _weighted(
    variants: list[dict[str, Any]], flag: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return variants that share as a flag does, where it has them and nobody says otherwise."""
    weights = {one["key"]: one["weight"] for one in (flag or {}).get("variants", ())}
    if any("split" in one for one in variants) or {one["key"] for one in variants} != set(weights):
        return variants
    return [{**one, "split": weights[one["key"]]} for one in variants]


def _split(variants: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return variants with a split each, where none has one: what was meant stays in the file."""
    if any("split" in one for one in variants):
        return [dict(one) for one in variants]
    from gitexp.abtests.splits import equal_splits

    shares = equal_splits(len(variants))
    return [{**one, "split": share} for one, share in zip(variants, shares, strict=True)]


def _variants_of_flag(flag: Mapping[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """Return the variants that a flag has; a control and a test where there is no flag.

    Raises:
        InvalidInput: it has fewer than two, or its first one is no control.
    """
    if flag is None:
        return [{"key": CONTROL}, {"key": "test"}]
    found = flag.get("variants", ())
    if len(found) < 2 or found[0]["key"] != CONTROL:
        raise InvalidInput(
            f"flag {key!r} cannot be tested: it needs two variants or more, `control` first",
            hint="List those that can be with `gitexp flag eligible`.",
        )
    return [{"key": one["key"]} | ({"name": one["name"]} if "name" in one else {}) for one in found]


def _refuse_other_variants(flag: Mapping[str, Any], key: str, document: Document) -> None:
    ours, theirs = ([one["key"] for one in d.get("variants", ())] for d in (document, flag))
    if sorted(ours) != sorted(theirs):
        raise InvalidInput(
            f"flag {key!r} exists and has the variants {', '.join(theirs) or 'none'}, not "
            f"{', '.join(ours)}",
            hint="Leave the variants out to take those of the flag, or choose another key.",
        )


# --- copies -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What a copy of a test is called.

    Attributes:
        name: the new experiment; empty for `NAME-copy`, `NAME-copy-1` ...
        title: its name for people; empty for `TITLE (Copy)`, `TITLE (Copy) 1` ...
        flag: the key of its flag; empty for that of the test it is a copy of.
    """

    name: str = ""
    title: str = ""
    flag: str = ""


def duplicate(workspace: Workspace, name: str, copy: Copy) -> Outcome:
    """Make a copy of an A/B test, a draft, as an experiment of its own, in one commit.

    It takes over variants, metrics, statistics and data, and the values of the experiment.

    Raises:
        NotFound: there is no such experiment, or it has no A/B test.
        AlreadyExists: the new name is taken.
        NotAllowed: the experiment is deleted.
    """
    signature = workspace.signature()

    def work(tx: Transaction) -> Outcome:
        home = get_home(workspace, name, reader=tx)
        refuse_deleted(workspace, home, tx)
        tree = tree_of(tx, home.tip)
        standing = standing_at(tx, workspace, tree, home.name, signature)
        number = _number(workspace, tx, home.name) if not copy.name else 0
        named = copy.name or _numbered(home.name, number)
        parse_name(named, "experiment name")
        header = header_at(workspace, home.tip, home.name, reader=tx)
        document = _fresh(standing.test, copy, number)
        files = _copied_files(tx, workspace, tree, standing.test, named, document, signature)
        new = NewExperiment(
            name=named,
            description=header.description,
            group=header.group,
            hypothesis=header.hypothesis,
            tags=header.tags,
            artifact_location=header.artifact_location,
            entrypoints=header.entrypoints,
            evaluators=header.evaluators,
            metrics=header.metrics,
            files=files,
        )
        _, commit = create_in(tx, workspace, new, signature)
        return _outcome(tx, workspace, tree_of(tx, commit), commit, named, signature)

    return transact(workspace.store, work)


def _number(workspace: Workspace, tx: Transaction, name: str) -> int:
    """Return how many copies of an experiment there are that have the names of copies."""
    taken = set(experiment_names(workspace, reader=tx))
    number = 0
    while _numbered(name, number) in taken:
        number += 1
    return number


def _numbered(name: str, number: int) -> str:
    tail = f"-copy-{number}" if number else "-copy"
    return name[: 63 - len(tail)] + tail


def _fresh(test: AbTest, copy: Copy, number: int) -> dict[str, Any]:
    kept = {key: value for key, value in test.document.items() if key not in _FRESH}
    title = copy.title or f"{test.title[:380]} (Copy)" + (f" {number}" if number else "")
    flag = copy.flag or test.flag
    return _ordered({**kept, "title": title, "status": "draft", "flag": flag})


def _copied_files(
    tx: Transaction,
    workspace: Workspace,
    tree: TreeId,
    test: AbTest,
    named: str,
    document: Document,
    signature: Signature,
) -> dict[str, bytes]:
    """Return the files of a copy: its test, the values, and its flag where the trunk lacks it."""
    name, flag = Name(named), parse_name(document["flag"], "flag key")
    trunk = workspace.trunk_tip(tx)
    start = tree_of(tx, trunk) if trunk else tree
    path = layout.ab_test_path(workspace.root, name)
    checked(workspace, named, document)
    files = {path: encoded(tx, start, path, document, "ab-test")}
    values = blob_at(tx, tree, layout.parameters_path(workspace.root, Name(test.experiment)))
    if values is not None:
        files[layout.parameters_path(workspace.root, name)] = values
    there = flag_in(workspace, start, flag, reader=tx)
    if there is None:
        made = _copied_flag(tx, workspace, tree, test, flag, signature)
        place = layout.flag_path(workspace.root, flag)
        files[place] = encoded(tx, start, place, made, "flag")
    elif flag != test.flag:
        _refuse_other_variants(there, flag, document)
    return files


def _copied_flag(
    tx: Transaction,
    workspace: Workspace,
    tree: TreeId,
    test: AbTest,
    flag: Name,
    signature: Signature,
) -> dict[str, Any]:
    """Return the flag of a copy, off: that of the test, as it was before anything was shipped.

    Raises:
        InvalidDocuments: the flag of the test is not right beside its variants.
        MissingObject: something was shipped, and the launch is not in a shallow clone.
    """
    found = flag_in(workspace, _before_shipping(tx, workspace, tree, test), test.flag, reader=tx)
    if found is None:
        return new_flag(test.variants, description="", by=signature.email, payloads={})
    made = {**fitted(found, test), "active": False, "created_by": signature.email}
    refuse_wrong(made, layout.flag_path(workspace.root, flag))
    return made


def _before_shipping(tx: Transaction, workspace: Workspace, tree: TreeId, test: AbTest) -> TreeId:
    """Return the tree that has the flag of a test as it was before a variant was shipped."""
    if not test.shipped:
        return tree
    home = get_home(workspace, test.experiment, reader=tx)
    launched = launch_of(workspace, test.experiment, home.tip, reader=tx)
    return tree_of(tx, launched.commit) if launched else tree
