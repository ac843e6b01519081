from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gitexp.errors import AlreadyExists, InvalidInput, NotFound, UncommittedWork
from gitexp.experiment import Experiment
from gitexp.repository import Repository
from gitexp.surroundings import Surroundings


def test_init_makes_a_repository_with_one_commit(tmp_path, surroundings, git) -> None:
    repository = Repository.init(tmp_path / "new", surroundings=surroundings)
    assert repository.created
    assert repository.project.id == "new"
    assert git(tmp_path / "new", "log", "--format=%an %s") == "Ada Example gitexp: new project\n"
    assert git(tmp_path / "new", "status", "--porcelain") == ""


def test_init_again_changes_nothing(tmp_path, surroundings, git) -> None:
    Repository.init(tmp_path / "new", surroundings=surroundings)
    before = git(tmp_path / "new", "rev-parse", "HEAD")
    assert not Repository.init(tmp_path / "new", surroundings=surroundings).created
    assert git(tmp_path / "new", "rev-parse", "HEAD") == before


def test_init_in_a_repository_leaves_what_is_there(tmp_path: Path, surroundings, git) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk", "old")
    old = tmp_path / "old"
    (old / "kept.txt").write_text("kept")
    git(old, "add", "kept.txt")
    git(old, "commit", "--quiet", "--message=first")
    (old / "kept.txt").write_text("edited")
    (old / "staged.txt").write_text("staged")
    git(old, "add", "staged.txt")
    repository = Repository.init(old, project="bot", surroundings=surroundings)
    assert git(old, "status", "--porcelain") == " M kept.txt\nA  staged.txt\n"
    assert git(old, "show", "--name-only", "--format=") == "gitexp.yaml\n"
    assert repository.project.trunk == "trunk"


def test_init_in_a_subdirectory_makes_a_project_of_it(tmp_path: Path, surroundings, git) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "mono")
    apps = tmp_path / "mono" / "apps"
    for name in ("web", "bot"):
        Repository.init(apps / name, surroundings=surroundings)
    (apps / "bot" / "deep").mkdir()
    repository = Repository.open(apps / "bot" / "deep", surroundings=surroundings)
    assert (repository.project.id, repository.workspace.root) == ("bot", "apps/bot")
    repository.experiments.create("tuning").commit({})
    assert git(apps, "ls-tree", "-r", "--name-only", "exp/bot/tuning").splitlines() == [
        "bot/experiments/tuning/experiment.yaml",
        "bot/experiments/tuning/parameters.yaml",
        "bot/gitexp.yaml",
        "web/gitexp.yaml",
    ]


def test_init_commits_a_definition_that_was_written_by_hand(tmp_path, surroundings, git) -> None:
    directory = tmp_path / "new"
    directory.mkdir()
    (directory / "gitexp.yaml").write_text("format: 1\nid: mine\n")
    assert Repository.init(directory, surroundings=surroundings).project.id == "mine"
    assert git(directory, "status", "--porcelain") == ""


def test_init_does_not_rename_a_project(project: Path, surroundings) -> None:
    with pytest.raises(AlreadyExists, match="defines project 'bot', not 'other'"):
        Repository.init(project, project="other", surroundings=surroundings)


def test_init_asks_for_an_id_where_the_directory_gives_none(tmp_path, surroundings) -> None:
    with pytest.raises(InvalidInput, match="is not a usable project id"):
        Repository.init(tmp_path / "Ünïcode!", surroundings=surroundings)


def test_nobody_writes_without_an_identity(tmp_path: Path, surroundings: Surroundings) -> None:
    environ = {"PATH": surroundings.environ["PATH"], "HOME": surroundings.environ["HOME"],
               "GIT_CONFIG_NOSYSTEM": "1"}  # fmt: skip
    nobody = replace(surroundings, environ=environ)
    with pytest.raises(InvalidInput) as caught:
        Repository.init(tmp_path / "new", surroundings=nobody)
    assert str(caught.value) == "no identity to record: user.name and user.email are not set"


def test_outside_of_a_project_nothing_is_opened(tmp_path: Path, surroundings, git) -> None:
    with pytest.raises(NotFound):
        Repository.open(tmp_path, surroundings=surroundings)
    git(tmp_path, "init", "--quiet", "plain")
    with pytest.raises(NotFound, match=r"no gitexp\.yaml in \S+/plain$"):
        Repository.open(tmp_path / "plain", surroundings=surroundings)
    (tmp_path / "plain" / "inside").mkdir()
    with pytest.raises(NotFound, match=r"in \S+/inside or above it, up to \S+/plain$"):
        Repository.open(tmp_path / "plain" / "inside", surroundings=surroundings)


def test_a_bare_repository_is_opened_by_its_trunk(repository: Repository, project: Path) -> None:
    Experiment("tuning", repository=repository).push()
    repository.experiments.get("tuning").commit({"model": "small"})
    repository.experiments.get("tuning").share()
    bare = Repository.open(
        project.parent / "shared.git", surroundings=repository.workspace.surroundings
    )
    assert bare.root_directory is None
    assert bare.experiments.get("tuning").version().values["model"] == "small"


def test_a_save_moves_no_other_branch_and_no_file(repository, project: Path, git) -> None:
    (project / "gitexp.yaml").write_text("edited")
    before = git(project, "rev-parse", "HEAD", "main")
    repository.experiments.create("tuning").commit({"model": "small"})
    assert git(project, "rev-parse", "HEAD", "main") == before
    assert git(project, "status", "--porcelain") == " M gitexp.yaml\n"
    assert git(project, "fsck", "--strict") == ""


def test_a_checked_out_branch_takes_its_files_along(repository, project: Path, git) -> None:
    experiment = repository.experiments.create("tuning")
    experiment.commit({"model": "small"})
    git(project, "switch", "--quiet", "exp/bot/tuning")
    experiment.commit(patch={"model": "large"})
    text = (project / "experiments/tuning/parameters.yaml").read_text()
    assert "model: large" in text
    assert git(project, "status", "--porcelain") == ""


def test_edited_values_are_never_overwritten(repository, project: Path, git) -> None:
    experiment = repository.experiments.create("tuning")
    version = experiment.commit({"model": "small"})
    git(project, "switch", "--quiet", "exp/bot/tuning")
    path = project / "experiments/tuning/parameters.yaml"
    path.write_text("model: edited\n")
    with pytest.raises(UncommittedWork):
        experiment.commit(patch={"model": "large"})
    assert path.read_text() == "model: edited\n"
    assert experiment.latest_version == version.version


def test_edited_values_are_saved_as_they_stand(repository, project: Path, git) -> None:
    experiment = repository.experiments.create("tuning")
    experiment.commit({"model": "small"})
    git(project, "switch", "--quiet", "exp/bot/tuning")
    text = "# by hand\nmodel: edited   # why not\n"
    (project / "experiments/tuning/parameters.yaml").write_text(text)
    version = experiment.commit(message="by hand")
    assert version.values["model"] == "edited"
    assert version.values["temperature"] == 0.7
    assert git(project, "show", "HEAD:experiments/tuning/parameters.yaml") == text
    assert git(project, "status", "--porcelain") == ""


def test_without_values_and_without_a_checkout_there_is_nothing_to_save(repository) -> None:
    experiment = repository.experiments.create("tuning")
    with pytest.raises(InvalidInput) as caught:
        experiment.commit()
    assert str(caught.value) == (
        "nothing to save: no values were given and exp/bot/tuning is not checked out"
    )


def test_the_documented_properties_and_entries(repository: Repository) -> None:
    experiment = repository.experiments.create("tuning", description="prompts")
    assert (experiment.versions_count, experiment.latest_version) == (0, None)
    assert experiment.latest_version_data() is None
    first = experiment.commit({"model": "small"}, message="one")
    second = experiment.commit({"model": "large"}, parent_version=first.version)
    assert (experiment.name, experiment.description) == ("tuning", "prompts")
    assert (experiment.project_id, experiment.visibility) == ("bot", "private")
    assert (experiment.versions_count, experiment.latest_version) == (2, second.version)
    entry = experiment.get_version(first.version[:7])
    assert set(entry) == {
        "version", "digest", "parent_version", "message", "author", "created_at", "values",
        "created",
    }  # fmt: skip
    assert entry["message"] == "one"
    assert entry["author"] == "Ada Example <ada@example.org>"
    assert [e["version"] for e in experiment.list_versions()] == [first.version, second.version]


def test_push_creates_updates_and_sends(repository: Repository) -> None:
    experiment = Experiment("tuning", repository=repository, description="first")
    assert experiment.push()["description"] == "first"
    experiment.share()
    again = Experiment("tuning", repository=repository, description="second")
    again.push()
    assert repository.experiments.get("tuning").description == "second"
    assert repository.status().experiments[0].sharing == "shared"


def test_publish_reaches_production_in_one_push(repository: Repository, project, git) -> None:
    experiment = Experiment.publish(
        name="tuning", values={"model": "small"}, environment="production", repository=repository
    )
    assert experiment.visibility == "shared"
    values = repository.environments.read("production")
    assert values["model"] == "small"
    refs = git(project.parent / "shared.git", "for-each-ref", "--format=%(refname)").split()
    assert refs == [
        f"refs/gitexp/pins/{experiment.latest_version}",
        "refs/heads/env/bot/production",
        "refs/heads/exp/bot/tuning",
        "refs/heads/main",
    ]


def test_publish_that_the_server_refuses_leaves_nothing(repository, project, git) -> None:
    hook = project.parent / "shared.git" / "hooks" / "pre-receive"
    hook.parent.mkdir()
    hook.write_text(
        "#!/bin/sh\nwhile read old new ref; do case $ref in *env*) exit 1;; esac; done\n"
    )
    hook.chmod(0o755)
    before = git(project, "for-each-ref")
    from gitexp.errors import PushRejected

    with pytest.raises(PushRejected):
        Experiment.publish(
            name="tuning", values={"model": "small"}, environment="production",
            repository=repository,
        )  # fmt: skip
    assert git(project, "for-each-ref") == before
    assert git(project.parent / "shared.git", "for-each-ref", "refs/heads/exp") == ""


def test_deleting_an_experiment_unbinds_its_environments(repository: Repository) -> None:
    Experiment.publish(
        name="tuning", values={"model": "small"}, environment="production", repository=repository
    )
    experiment = repository.experiments.get("tuning")
    assert experiment.delete()
    assert not repository.environments.get("production").bound
    assert repository.experiments.list().total == 0
    experiment.restore()
    assert repository.experiments.list().total == 1
    assert not repository.environments.get("production").bound


def test_unshare_waits_until_nothing_is_bound(repository: Repository) -> None:
    from gitexp.errors import NotAllowed

    Experiment.publish(
        name="tuning", values={"model": "small"}, environment="production", repository=repository
    )
    experiment = repository.experiments.get("tuning")
    with pytest.raises(NotAllowed, match="experiment 'tuning' is live in production"):
        experiment.unshare()
    repository.environments.unbind("production")
    experiment.unshare()
    assert experiment.visibility == "private"


def test_a_clone_of_a_remote_with_a_dangling_head_says_what_to_do(
    tmp_path: Path, project: Path, surroundings, git
) -> None:
    git(project.parent / "shared.git", "symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(NotFound) as caught:
        Repository.clone(
            str(project.parent / "shared.git"), tmp_path / "clone", surroundings=surroundings
        )
    assert str(caught.value) == (
        f"nothing is checked out in {tmp_path / 'clone'}: HEAD names 'gone', which does not exist"
    )


def test_an_environment_can_be_declared_in_a_new_project(tmp_path, surroundings) -> None:
    repository = Repository.init(tmp_path / "new", surroundings=surroundings)
    repository.environments.create("production", description="live")
    text = (tmp_path / "new" / "gitexp.yaml").read_text()
    assert list(repository.project.environments) == ["production"]
    assert "# The typed parameters of every experiment" in text
