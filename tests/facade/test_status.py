from __future__ import annotations

from pathlib import Path

from gitexp.repository import Repository


def test_a_new_project_is_told_what_comes_next(tmp_path: Path, surroundings) -> None:
    repository = Repository.init(tmp_path / "new", surroundings=surroundings)
    status = repository.status()
    assert (status.project, status.branch, status.remote.url) == ("new", "main", None)
    assert status.hints == (
        "there is no shared remote: `git remote add origin URL`",
        "there is no experiment yet: `gitexp experiment create NAME`",
    )


def test_each_experiment_says_what_to_do_next(repository: Repository) -> None:
    for name in ("mine", "ours", "newer"):
        repository.experiments.create(name).commit({"model": "small"})
    repository.experiments.get("ours").share()
    repository.experiments.get("newer").share()
    repository.experiments.get("newer").commit(patch={"model": "large"})
    found = {e.name: (e.sharing, e.hint) for e in repository.status().experiments}
    assert found == {
        "mine": ("private", "share it: `gitexp share mine`"),
        "newer": ("ahead", "send the new versions: `gitexp share newer`"),
        "ours": ("shared", None),
    }


def test_edited_files_are_told(repository: Repository, project: Path, git) -> None:
    repository.experiments.create("tuning").commit({"model": "small"})
    git(project, "switch", "--quiet", "exp/bot/tuning")
    (project / "experiments/tuning/parameters.yaml").write_text("model: edited\n")
    (project / "gitexp.yaml").write_text("edited\n")
    status = repository.status()
    assert status.experiments[0].uncommitted == ("experiments/tuning/parameters.yaml",)
    assert status.experiments[0].hint == "save the edited values: `gitexp commit tuning`"
    assert status.hints == (
        (
            "gitexp.yaml was edited: saves use it once it is committed on main: "
            "`git commit gitexp.yaml`"
        ),
    )


def test_the_environments_say_what_is_live(repository: Repository) -> None:
    repository.experiments.create("tuning").commit({"model": "small"})
    repository.experiments.get("tuning").share()
    repository.experiments.get("tuning").promote("production")
    states = {s.name: s.bound for s in repository.status().environments}
    assert states == {"default": False, "staging": False, "production": True}
