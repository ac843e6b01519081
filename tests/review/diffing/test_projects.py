"""A whole project in two states: its definition, experiments, documents, datasets and files."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.errors import InvalidInput, NotFound
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.comparing import compare
from gitexp.review.diffing.model import ProjectDiff
from gitexp.store.memory import MemoryStore
from tests.builders import Files, commit_files
from tests.runs.making import IDENTITY, workspace_on

DEFINITION = """\
format: 1
id: bot
parameters:
  temperature: {type: number, default: 0.7}
  prompt: {type: text, default: Be kind.}
  tools: {type: list, default: []}
  api_key: {type: secret, default: BOT_KEY}
environments:
  production:
    policies:
      - name: reviewed
        approvals: {count: 1}
"""
HEADER = "id: xaaaaaaaaaaaaaaaa\nname: tone\ndescription: How it sounds\n"
PARAMETERS = "temperature: 0.5\n"


@pytest.fixture
def workspace() -> Workspace:
    """A project with one experiment, in memory."""
    made = workspace_on(MemoryStore(config=IDENTITY))
    commit_files(
        made.store,
        {
            "gitexp.yaml": DEFINITION.encode(),
            "experiments/tone/experiment.yaml": HEADER.encode(),
            "experiments/tone/parameters.yaml": PARAMETERS.encode(),
        },
    )
    return made


def changed(workspace: Workspace, files: Files, **options: Any) -> ProjectDiff:
    """Return what a commit with these files changes."""
    commit_files(workspace.store, files)
    return compare(workspace, "main~1", "main", **options)


def text(old: str, new: str, document: str = DEFINITION) -> bytes:
    assert old in document
    return document.replace(old, new).encode()


def test_the_same_state_does_not_differ(workspace: Workspace) -> None:
    found = compare(workspace, "main", "main")
    assert found.same
    assert found.to_dict() == {
        "a": found.a.to_dict(),
        "b": found.b.to_dict(),
        "base": None,
        "same": True,
        "experiments": [],
        "settings": [],
        "slots": [],
        "environments": [],
        "documents": [],
        "datasets": [],
        "files": [],
        "notes": [],
    }


def test_parameters_differ_value_by_value(workspace: Workspace) -> None:
    found = changed(
        workspace,
        {
            "experiments/tone/parameters.yaml": b"tools: [{name: mail}]\ntemperature: 0.6\n",
        },
    )
    [experiment] = found.experiments
    assert (experiment.name, experiment.kind, experiment.id) == (
        "tone",
        "changed",
        "xaaaaaaaaaaaaaaaa",
    )
    assert experiment.digest_before != experiment.digest_after
    assert [(c.name, c.type, c.before, c.after) for c in experiment.parameters] == [
        ("temperature", "number", 0.5, 0.6),
        ("tools", "list", [], [{"name": "mail"}]),
    ]
    assert [(p.place, p.kind) for p in experiment.parameters[1].places] == [("[0]", "added")]
    assert not found.same


def test_other_words_for_the_same_values_are_no_difference(workspace: Workspace) -> None:
    found = changed(
        workspace,
        {
            "experiments/tone/parameters.yaml": b'# warm\n"temperature": 5e-1\nprompt: Be kind.\n',
            "experiments/tone/experiment.yaml": b"# header\n" + HEADER.encode(),
        },
    )
    assert found.same


def test_another_default_changes_every_experiment_that_relies_on_it(workspace: Workspace) -> None:
    found = changed(workspace, {"gitexp.yaml": text("Be kind.", "Be brief.")})
    assert [(s.name, s.kind, s.changes[0].place) for s in found.slots] == [
        ("prompt", "changed", "default")
    ]
    [change] = found.changes
    assert (change.name, change.after, change.by_default) == ("prompt", "Be brief.", True)


def test_secrets_are_masked_wherever_they_stand(workspace: Workspace) -> None:
    found = changed(
        workspace,
        {
            "gitexp.yaml": text("BOT_KEY", "NEW_KEY"),
            "experiments/tone/parameters.yaml": b"temperature: 0.5\napi_key: MINE\n",
        },
    )
    [change] = found.changes
    assert change.to_dict() == {
        "name": "api_key",
        "kind": "changed",
        "type": "secret",
        "before": "<secret>",
        "after": "<secret>",
        "places": [],
        "by_default": False,
        "secret": True,
    }
    for name in ("BOT_KEY", "NEW_KEY", "MINE"):
        assert name not in str(found.to_dict())


def test_headers_differ_by_place(workspace: Workspace) -> None:
    header = (HEADER + "tags: {team: a}\n").replace("sounds", "speaks").encode()
    found = changed(workspace, {"experiments/tone/experiment.yaml": header})
    assert [(c.place, c.kind) for c in found.experiments[0].header] == [
        ("description", "changed"),
        ("tags", "added"),
    ]
    assert found.changes == ()


def test_an_experiment_that_was_renamed_is_one_experiment(workspace: Workspace) -> None:
    found = changed(
        workspace,
        {
            "experiments/tone": None,
            "experiments/voice/experiment.yaml": text("tone", "voice", HEADER),
            "experiments/voice/parameters.yaml": b"temperature: 0.1\n",
        },
    )
    [experiment] = found.experiments
    assert (experiment.name, experiment.former_name, experiment.kind) == (
        "voice",
        "tone",
        "changed",
    )
    assert [(c.name, c.before, c.after) for c in experiment.parameters] == [
        ("temperature", 0.5, 0.1)
    ]


def test_experiments_come_and_go(workspace: Workspace) -> None:
    found = changed(
        workspace,
        {
            "experiments/tone": None,
            "experiments/new/experiment.yaml": b"id: xbbbbbbbbbbbbbbbb\nname: new\n",
            "experiments/new/parameters.yaml": b"{}\n",
        },
    )
    assert [(e.name, e.kind) for e in found.experiments] == [("new", "added"), ("tone", "removed")]
    added, removed = found.experiments
    assert {c.kind for c in added.parameters} == {"added"}
    assert {c.kind for c in removed.parameters} == {"removed"}
    assert (added.digest_before, removed.digest_after) == (None, None)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"temperature: 0.5\ntemperature: 0.6\n", "repeated"),
        (b"temperature: hot\n", "temperature"),
        (b"nonsense: 1\n", "unknown parameter"),
    ],
)
def test_values_that_are_not_valid_are_never_no_difference(
    workspace: Workspace, content: bytes, problem: str
) -> None:
    found = changed(workspace, {"experiments/tone/parameters.yaml": content})
    [experiment] = found.experiments
    assert problem in "".join(experiment.problems)
    assert experiment.digest_after is None
    assert not found.same


def test_policies_differ_by_place(workspace: Workspace) -> None:
    definition = text("{count: 1}", "{count: 2, groups: [leads]}")
    found = changed(workspace, {"gitexp.yaml": definition.replace(b"id: bot", b"id: bot\nname: B")})
    assert [(c.place, c.before, c.after) for c in found.environments[0].changes] == [
        ("policies[0].approvals.count", 1, 2),
        ("policies[0].approvals.groups", None, ["leads"]),
    ]
    assert [(c.place, c.kind, c.after) for c in found.settings] == [("name", "added", "B")]


def test_environments_and_slots_come_and_go(workspace: Workspace) -> None:
    definition = text("production:", "live:").replace(b"  tools: {type: list, default: []}\n", b"")
    found = changed(workspace, {"gitexp.yaml": definition})
    assert [(e.name, e.kind) for e in found.environments] == [
        ("production", "removed"),
        ("live", "added"),
    ]
    assert [(s.name, s.kind) for s in found.slots] == [("tools", "removed")]


def test_a_definition_that_cannot_be_read_is_compared_as_a_text(workspace: Workspace) -> None:
    found = changed(workspace, {"gitexp.yaml": b"format: 1\nid: [\n"})
    [document] = found.documents
    assert (document.type, document.path, document.kind) == ("project", "gitexp.yaml", "changed")
    assert document.problem is not None
    assert document.changes[0].before == DEFINITION


@pytest.mark.parametrize(
    "path, type, name",
    [
        ("endpoints/llm.yaml", "endpoint", "llm"),
        ("evaluators/exact.yaml", "evaluator", "exact"),
        ("workflows/w.yaml", "workflow", "w"),
        ("entrypoints/nightly.yaml", "entrypoint", "nightly"),
        ("groups/leads.yaml", "group", "leads"),
        ("flags/new-ui.yaml", "flag", "new-ui"),
        ("prompts/greeting.yaml", "prompt", "greeting"),
        ("datasets/golden.dataset.yaml", "dataset", "golden"),
        ("gitexp.lock", "lock", "gitexp.lock"),
    ],
)
def test_documents_of_any_kind_differ_by_place(
    workspace: Workspace, path: str, type: str, name: str
) -> None:
    commit_files(workspace.store, {path: b"a: {b: [1, 2]}\nc: x\n"})
    found = changed(workspace, {path: b"a: {b: [1, 3]}\n"})
    [document] = found.documents
    assert (document.type, document.name, document.kind) == (type, name, "changed")
    assert [(c.place, c.kind) for c in document.changes] == [
        ("a.b[1]", "changed"),
        ("c", "removed"),
    ]


def test_signers_are_compared_as_a_text(workspace: Workspace) -> None:
    found = changed(workspace, {"allowed_signers": b"ada@example.org ssh-ed25519 AAAA\n"})
    [document] = found.documents
    assert (document.type, document.name, document.kind) == ("signers", "allowed_signers", "added")
    assert document.changes[0].after == "ada@example.org ssh-ed25519 AAAA\n"


def test_a_document_that_cannot_be_read_says_why(workspace: Workspace) -> None:
    commit_files(workspace.store, {"endpoints/llm.yaml": b"url: x\n"})
    found = changed(workspace, {"endpoints/llm.yaml": b"url: &a x\n"})
    [document] = found.documents
    assert document.problem is not None
    assert "anchor" in document.problem
    assert (document.changes[0].before, document.changes[0].after) == ("url: x\n", "url: &a x\n")


@pytest.mark.parametrize(
    "old, new, fault",
    [
        ("default: 0.7", "default: hot", "parameters.temperature.default"),
        ("type: number, default: 0.7", "default: 0.7", "gitexp.yaml breaks its schema"),
    ],
)
def test_a_definition_that_is_not_valid_is_told(
    workspace: Workspace, old: str, new: str, fault: str
) -> None:
    found = changed(workspace, {"gitexp.yaml": text(old, new)})
    [note] = found.notes
    assert note.startswith("main: values are compared without defaults, since the definition is ")
    assert fault in note
    assert [slot.name for slot in found.slots] == ["temperature"]


def test_other_files_are_named(workspace: Workspace) -> None:
    found = changed(workspace, {"src/app.py": b"x", "experiments/tone/notes.md": b"n"})
    assert [(f.path, f.kind) for f in found.files] == [
        ("experiments/tone/notes.md", "added"),
        ("src/app.py", "added"),
    ]
    assert found.experiments == ()


def test_a_project_in_a_directory_is_compared_alone() -> None:
    made = workspace_on(MemoryStore(config=IDENTITY))
    inside = Workspace(
        store=made.store, root="apps/bot", project_id=made.project_id, open_remote=made.open_remote
    )
    commit_files(inside.store, {"apps/bot/gitexp.yaml": DEFINITION.encode(), "x": b"1"})
    commit_files(inside.store, {"apps/bot/flags/f.yaml": b"a: 1\n", "x": b"2"})
    found = compare(inside, "main~1", "main")
    assert [d.path for d in found.documents] == ["flags/f.yaml"]
    assert found.files == ()


def test_a_merge_base_shows_what_a_branch_changed(workspace: Workspace) -> None:
    main = workspace.store.ref("refs/heads/main")
    from tests.builders import set_branch

    set_branch(workspace.store, "side", main)
    path = "experiments/tone/parameters.yaml"
    commit_files(workspace.store, {path: b"temperature: 0.1\n"}, branch="main")
    commit_files(workspace.store, {path: b"temperature: 0.9\n"}, branch="side")
    for found in (
        compare(workspace, "main...side"),
        compare(workspace, "main", "side", merge_base=True),
    ):
        assert found.base == found.a.commit == main
        assert [(c.before, c.after) for c in found.changes] == [(0.5, 0.9)]
    assert [(c.before, c.after) for c in compare(workspace, "main..side").changes] == [(0.1, 0.9)]


def test_unrelated_revisions_have_no_merge_base(workspace: Workspace) -> None:
    commit_files(workspace.store, {"a": b"1"}, branch="other")
    with pytest.raises(NotFound, match="have no common ancestor"):
        compare(workspace, "main...other")
    assert not compare(workspace, "main", "other").same


def test_without_a_working_tree_the_other_side_is_head(workspace: Workspace) -> None:
    commit_files(workspace.store, {"experiments/tone/parameters.yaml": b"temperature: 0.6\n"})
    found = compare(workspace, "main~1")
    assert (found.b.label, found.b.kind) == ("HEAD", "revision")
    assert [(c.before, c.after) for c in found.changes] == [(0.5, 0.6)]


def test_a_side_without_the_project_is_told_and_two_are_an_error(workspace: Workspace) -> None:
    commit_files(workspace.store, {"runs/x.json": b"{}"}, branch="runs/bot/tone")
    commit_files(workspace.store, {"runs/y.json": b"{}"}, branch="runs/bot/tone")
    found = compare(workspace, "main", "runs/bot/tone")
    assert found.notes == ("runs/bot/tone does not hold the project",)
    assert [(e.name, e.kind) for e in found.experiments] == [("tone", "removed")]
    with pytest.raises(NotFound, match="neither runs/bot/tone~1 nor runs/bot/tone holds"):
        compare(workspace, "runs/bot/tone~1", "runs/bot/tone")


def test_values_have_no_merge_base(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="is a set of values, and only revisions have a merge"):
        compare(workspace, "main...tone")


def test_a_file_of_the_project_named_like_a_binding_is_no_binding(workspace: Workspace) -> None:
    found = changed(workspace, {"environment.yaml": b"name: conda\ndependencies: []\n"})
    assert [f.path for f in found.files] == ["environment.yaml"]


def test_a_symbolic_link_is_never_followed(workspace: Workspace) -> None:
    from gitexp.store.model import MODE_LINK, TreeEntry
    from gitexp.store.transaction import transact
    from gitexp.store.trees import tree_of
    from tests.builders import signature

    def work(tx: Any) -> None:
        tip = tx.ref("refs/heads/main")
        blob = tx.blob(b"/etc/passwd")
        link = TreeEntry(name="llm.yaml", mode=MODE_LINK, id=blob)
        tree = tx.tree(tree_of(tx, tip), {"endpoints/llm.yaml": link})
        commit = tx.commit(tree=tree, parents=[tip], message="link", author=signature())
        tx.set_ref("refs/heads/main", old=tip, new=commit)

    transact(workspace.store, work)
    [document] = compare(workspace, "main~1", "main").documents
    assert document.problem is not None
    assert "symbolic link" in document.problem
    assert "root:" not in str(document.to_dict())


def test_two_commits_of_one_environment(workspace: Workspace) -> None:
    with pytest.raises((NotFound, InvalidInput)):
        compare(workspace, "env:production", "main")


def test_an_ab_test_differs_place_by_place(workspace: Workspace) -> None:
    path = "experiments/tone/ab-test.yaml"
    draft = "flag: f\nvariants:\n- {key: control, split: 50}\n- {key: test, split: 50}\n"
    made = changed(workspace, {path: draft.encode()})
    assert [(one.type, one.name, one.kind) for one in made.documents] == [
        ("ab-test", "tone", "added")
    ]
    later = changed(workspace, {path: draft.replace("test, split: 50", "b, split: 50").encode()})
    (document,) = later.documents
    assert (document.path, document.kind) == (path, "changed")
    assert {change.place for change in document.changes} == {"variants[1]"}
    assert later.experiments == ()
