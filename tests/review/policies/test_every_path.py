"""Every path that moves an environment asks the guard: in the code, and by trying them all."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gitexp
from gitexp.errors import ApprovalRequired, GitexpError
from gitexp.experiment import Experiment
from gitexp.repository import Repository
from tests.review.policies.conftest import Team

PACKAGE = Path(gitexp.__file__).parent
APPROVED = "policies:\n  - {name: reviewed, approvals: {count: 1}}\n"

NAMING = {"branch_of", "environment_branch", "environment_branches"}
"""What names the branch of an environment."""

WITHOUT_THE_GUARD = {
    "opening.py": "wires the guard",
    "review/checking/remotes.py": "reads a hosted repository, and pushes nothing",
    "review/changes/opening.py": "pushes to the branch of a change request instead",
    "review/changes/renewing.py": "pushes to the branch of a change request instead",
    "review/policies/checking.py": "pushes nothing",
}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def called(node: ast.AST) -> set[str]:
    """Return the names of what is called below a node."""
    found = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            name = call.func
            found.add(name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", ""))
    return found


def modules(word: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield every module of the package in whose text a word stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if word in (text := path.read_text(encoding="utf-8")):
            yield path.relative_to(PACKAGE).as_posix(), ast.parse(text)


def test_one_function_makes_pushes_to_the_branches_of_environments_and_it_asks_the_guard() -> None:
    makers = [
        (path, function)
        for path, module in modules("PushUpdate")
        for function in functions(module)
        if "PushUpdate" in (names := called(function)) and names & NAMING
    ]
    assert [(path, function.name) for path, function in makers] == [
        ("environments/planning.py", "_staged")
    ]
    assert "guard" in called(makers[0][1])


def test_the_guard_is_replaced_only_where_nothing_is_moved() -> None:
    found = {
        path
        for path, module in modules("guard")
        for node in ast.walk(module)
        if isinstance(node, ast.keyword) and node.arg == "guard"
    }
    assert found == set(WITHOUT_THE_GUARD)


def test_nothing_spells_out_the_branch_of_an_environment() -> None:
    spelled = {
        path
        for path, module in modules("heads")
        for node in ast.walk(module)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "heads/env/" in node.value
        and not node.value.strip().endswith(".")
    }
    assert spelled <= {"documents/layout.py"}


def publish(repository: Repository) -> None:
    Experiment.publish(
        name="tone", values={"temperature": 0.9}, environment="production", repository=repository
    )


MOVES: dict[str, Callable[[Repository], object]] = {
    "promote": lambda r: r.environments.promote("tone", "production"),
    "promote an older version": lambda r: r.environments.promote(
        "tone", "production", version="latest~2"
    ),
    "promote an experiment": lambda r: r.experiments.get("tone").promote("production"),
    "roll back": lambda r: r.environments.rollback("production"),
    "roll back to": lambda r: r.environments.rollback(
        "production", to=r.environments.history("production")[-1].commit
    ),
    "unbind": lambda r: r.environments.unbind("production"),
    "publish": publish,
    "delete": lambda r: r.experiments.get("tone").delete(),
    "apply": lambda r: r.changes.apply(r.changes.open("production", experiment="tone").id),
}


@pytest.fixture(scope="module")
def made_live(made_team: Team, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team that is only ever copied."""
    made = made_team.copied(tmp_path_factory.mktemp("live"))
    for temperature in (0.1, 0.2, 0.3):
        made.shared(temperature=temperature)
        if temperature < 0.3:
            made.person("Ada").environments.promote("tone", "production")
    made.define(APPROVED)
    return made


@pytest.fixture
def live(made_live: Team, tmp_path: Path) -> Team:
    """A team with two promotions to production, a newer version, and a policy since then."""
    return made_live.copied(tmp_path)


@pytest.mark.parametrize("name", MOVES)
def test_no_path_moves_a_protected_environment(live: Team, name: str) -> None:
    before = live.tip()
    with pytest.raises(ApprovalRequired) as caught:
        MOVES[name](live.person("Ada"))
    assert caught.value.change is not None
    assert live.tip() == before


def test_sharing_pushing_and_purging_leave_environments_alone(live: Team) -> None:
    before, ada = live.tip(), live.person("Ada")
    ada.experiments.get("tone").commit({"temperature": 0.8})
    ada.experiments.get("tone").share()
    ada.push()
    for refused in (ada.experiments.get("tone").unshare, ada.experiments.get("tone").purge):
        with pytest.raises(GitexpError):
            refused()
    ada.experiments.get("tone").rename("voice")
    ada.experiments.get("voice").share()
    assert live.tip() == before
