"""What may be pushed to the branch of an experiment's runs."""

from __future__ import annotations

import pytest

from tests.review.enforcement.serving import Person, Server

pytestmark = pytest.mark.interop

BRANCH = "runs/bot/tone"


@pytest.fixture
def carol(server: Server) -> Person:
    """Somebody who shared an experiment with one run."""
    carol = server.person("carol")
    experiment = carol.repository.experiments.create("tone")
    experiment.share()
    record(carol)
    carol.repository.push()
    return carol


def record(person: Person) -> None:
    with person.repository.experiments.get("tone").start_run() as run:
        run.log_metric("score", 0.5)


def tamper(person: Person, **files: str | None) -> None:
    """Leave the runs branch checked out, with some files changed by hand."""
    person.git("switch", "--quiet", BRANCH)
    person.git.commit({path.replace("__", "/"): text for path, text in files.items()})


def run_file(person: Person) -> str:
    listed = person.git("ls-tree", "-r", "--name-only", BRANCH).splitlines()
    return next(path for path in listed if path.startswith("runs/") and path.endswith(".json"))


def test_runs_are_added(server: Server, carol: Person) -> None:
    before = server.tip(BRANCH)
    record(carol)
    carol.repository.push()
    assert server.tip(BRANCH) != before


def test_two_people_add_runs(server: Server, carol: Person) -> None:
    bob = server.person("bob")
    bob.repository.fetch()
    record(bob)
    record(carol)
    carol.repository.push()
    bob.repository.push()
    listed = server.git("ls-tree", "-r", "--name-only", BRANCH).splitlines()
    assert sum(path.endswith(".json") and path.startswith("runs/") for path in listed) == 3


def test_tags_and_deletions_of_ended_runs_are_added(server: Server, carol: Person) -> None:
    run = carol.repository.experiments.get("tone").runs()[0]
    carol.repository.runs.set_tags(run.id, {"best": "yes"})
    carol.repository.runs.delete(run.id)
    before = server.tip(BRANCH)
    carol.repository.push()
    assert server.tip(BRANCH) != before


def test_a_run_that_ended_is_never_changed(server: Server, carol: Person) -> None:
    path = run_file(carol)
    text = carol.git("show", f"{BRANCH}:{path}")
    tamper(carol, **{path: text.replace("0.5", "0.9")})
    assert f"what is recorded never changes: {path}" in carol.refused(BRANCH)


def test_a_run_is_never_removed(server: Server, carol: Person) -> None:
    path = run_file(carol)
    tamper(carol, **{path: None})
    assert "what is recorded never changes" in carol.refused(BRANCH)
    assert "cannot be removed while the experiment is there" in carol.refused("--delete", BRANCH)


def test_the_branch_is_not_rewritten(server: Server, carol: Person) -> None:
    record(carol)
    carol.repository.push()
    carol.git("switch", "--quiet", BRANCH)
    carol.git("reset", "--quiet", "--hard", "HEAD~1")
    carol.git("commit", "--quiet", "--allow-empty", "--message", "other")
    assert "would be gone" in carol.refused("--force", BRANCH)


@pytest.mark.parametrize(
    "path", ["gitexp.yaml", "notes.txt", "runs/notes.json", "environment.yaml"]
)
def test_other_files_do_not_belong_there(server: Server, carol: Person, path: str) -> None:
    tamper(carol, **{path: "{}\n"})
    assert "on a branch of runs there is nothing but runs" in carol.refused(BRANCH)


def test_a_record_that_breaks_its_schema_is_refused(server: Server, carol: Person) -> None:
    path = run_file(carol)
    other = path.rsplit("-", 1)[0] + "-aaaaaaaa.json"
    tamper(carol, **{other: '{"format": 1}\n'})
    assert other in carol.refused(BRANCH)


def test_runs_in_the_name_of_another_experiment_are_refused(server: Server, carol: Person) -> None:
    other = carol.repository.experiments.create("other")
    other.share()
    path = run_file(carol)
    text = carol.git("show", f"{BRANCH}:{path}")
    mine = path.rsplit("-", 1)[0] + "-aaaaaaaa"
    forged = text.replace(carol.repository.experiments.get("tone").id, other.id)
    tamper(carol, **{f"{mine}.json": forged.replace(path[-29:-5], mine[-24:])})
    said = carol.refused(BRANCH)
    assert f"{mine}.json is a run of 'other', and stands among those of 'tone'" in said


def test_runs_of_an_experiment_that_is_gone_are_kept(server: Server, carol: Person) -> None:
    path = run_file(carol)
    text = carol.git("show", f"{BRANCH}:{path}")
    mine = path.rsplit("-", 1)[0] + "-aaaaaaaa"
    former = text.replace(carol.repository.experiments.get("tone").id, "x" * 17)
    tamper(carol, **{f"{mine}.json": former.replace(path[-29:-5], mine[-24:])})
    carol.takes(BRANCH)


def test_readers_record_nothing(server: Server, carol: Person) -> None:
    dave = server.person("dave")
    dave.git("fetch", "--quiet")
    path = run_file(carol)
    dave.git("switch", "--quiet", BRANCH)
    text = dave.git("show", f"{BRANCH}:{path}")
    other = path.rsplit("-", 1)[0] + "-aaaaaaaa.json"
    dave.git.commit({other: text})
    assert "dave <dave@example.com> may not record runs of 'tone'" in dave.refused(BRANCH)


def test_purging_takes_the_runs_along(server: Server, carol: Person) -> None:
    carol.repository.experiments.get("tone").delete()
    carol.repository.push()
    carol.repository.experiments.get("tone").purge()
    assert server.tip(BRANCH) is None
    assert server.tip("exp/bot/tone") is None


def test_runs_stay_where_the_experiment_lives_on_the_trunk(server: Server, carol: Person) -> None:
    carol.git("merge", "--quiet", "--squash", "exp/bot/tone")
    carol.git("commit", "--quiet", "--message", "Add tone")
    carol.takes("main")
    carol.takes("--delete", "exp/bot/tone")
    assert "cannot be removed while the experiment is there" in carol.refused("--delete", BRANCH)


def test_runs_of_no_experiment_are_for_an_admin_to_remove(server: Server, carol: Person) -> None:
    carol.takes("--delete", "exp/bot/tone")
    assert "takes the role 'admin'" in carol.refused("--delete", BRANCH)
    server.person("alice").takes("--delete", BRANCH)


ANALYSES = "analyses/bot/tone"
DAY = "analyses/paid/0123456789abcdef/2026-11-21.json"


def test_days_of_an_analysis_are_added_and_stay(server: Server, carol: Person) -> None:
    carol.git("switch", "--quiet", "--orphan", ANALYSES)
    carol.git.commit({"notes.txt": "mine"})
    assert "on a branch of analyses there is nothing but analyses" in carol.refused(ANALYSES)
    carol.git.commit({"notes.txt": None, DAY: "{}\n"})
    assert DAY in carol.refused(ANALYSES)
    assert "cannot be removed while the experiment is there" in carol.refused("--delete", BRANCH)
