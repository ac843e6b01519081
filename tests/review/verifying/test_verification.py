"""What is wrong with a repository is found, and named with its branch, commit and path."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gitexp.documents.canonical import digest_of
from gitexp.documents.json_codec import dump_json
from gitexp.documents.layout import run_path
from gitexp.documents.yaml_writer import dump_yaml
from gitexp.environments.binding import binding_at
from gitexp.errors import InvalidInput
from gitexp.ids import ObjectId
from gitexp.repository import Repository
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import record_of
from gitexp.runs.tallies import Stats
from gitexp.store.transaction import transact
from gitexp.store.trees import blob_at, tree_of, walk_files
from tests.builders import set_branch
from tests.review.verifying.world import ENV, EXP, RUNS, Ground, surroundings
from tests.runs.making import make_row, make_run, run_id

ORIGIN_ENV = f"refs/remotes/origin/{ENV}"


def tip(ground: Ground, ref: str) -> ObjectId:
    found = ground.repository.workspace.store.ref(ref)
    assert found is not None
    return found


def records(ground: Ground) -> list[str]:
    """Return the paths of the records of all runs."""
    store = ground.repository.workspace.store
    tree = tree_of(store, tip(ground, f"refs/heads/{RUNS}"))
    return [path for path, _ in walk_files(store, tree) if path.endswith(".json")]


def record(ground: Ground, path: str) -> dict[str, Any]:
    store = ground.repository.workspace.store
    tree = tree_of(store, tip(ground, f"refs/heads/{RUNS}"))
    document: dict[str, Any] = json.loads(blob_at(store, tree, path) or b"")
    return document


def bind(ground: Ground, *, parents: list[ObjectId] | None = None, **changed: Any) -> ObjectId:
    """Return a commit on production's branch that says something else than the live one."""
    store = ground.repository.workspace.store
    live = binding_at(store, tip(ground, ORIGIN_ENV))
    assert live is not None
    document = {**live.to_dict(), "from": tip(ground, ORIGIN_ENV), **changed}
    files: dict[str, bytes | None] = {"environment.yaml": dump_yaml(document)}
    return ground.put(ENV, files, parents=parents)


def test_a_sound_repository_has_no_problems(ground: Ground) -> None:
    found = ground.verified(full=True)
    assert found.findings == ()
    assert found.sound
    assert found.looked_at["runs"] == 2
    assert found.looked_at["bindings"] == 2
    assert found.looked_at["versions"] == 3


def test_what_was_in_order_is_not_looked_at_again(ground: Ground) -> None:
    assert ground.verified(full=True).looked_at["runs"] == 2
    later = ground.reopened()
    assert "objects" not in later.verified().looked_at
    with later.repository.experiments.get("tone").start_run():
        pass
    looked_at = later.verified().looked_at
    assert looked_at["runs"] == 1
    assert looked_at["commits"] == 1


def test_what_is_wrong_is_found_every_time(ground: Ground) -> None:
    directory = records(ground)[0].rpartition("/")[0]
    ground.put(RUNS, {f"{directory}/stray.txt": b"hello"})
    first = ground.problems("runs")
    assert [found.rpartition(": ")[2] for found in first] == ["it is no part of a run"]
    assert ground.problems("runs") == first


def test_unknown_checks_are_refused(ground: Ground) -> None:
    with pytest.raises(InvalidInput, match="'everything' is nothing that can be verified"):
        ground.verified("everything")


# --- runs -----------------------------------------------------------------------------------


def test_a_record_that_was_changed_is_named_with_whoever_did_it(ground: Ground) -> None:
    path = records(ground)[0]
    document = record(ground, path)
    document["metrics"]["loss"]["value"] = 0.1
    commit = ground.put(RUNS, {path: dump_json(document)})
    (found,) = ground.problems("runs")
    assert found == (
        f"{RUNS}@{commit[:10]}:{path}: run {document['id']} was changed by "
        "Ada Example <ada@example.org> after it was recorded"
    )


def test_a_record_that_was_changed_and_put_back_is_told_of_twice(ground: Ground) -> None:
    path = records(ground)[0]
    document = record(ground, path)
    first = dump_json(document)
    ground.put(RUNS, {path: dump_json({**document, "name": "other"})})
    ground.put(RUNS, {path: first})
    assert len(ground.problems("runs")) == 2


def test_a_run_that_was_removed_is_named(ground: Ground) -> None:
    path = records(ground)[1]
    commit = ground.put(RUNS, {path: None})
    found = ground.problems("runs")
    assert f"{RUNS}@{commit[:10]}:{path}: run {path[-29:-5]} was removed" in found[0]


def test_what_stands_beside_a_record_does_not_change_either(ground: Ground) -> None:
    store = ground.repository.workspace.store
    tree = tree_of(store, tip(ground, f"refs/heads/{RUNS}"))
    (path,) = (p for p, _ in walk_files(store, tree) if p.endswith("note.txt"))
    commit = ground.put(RUNS, {path: b"bye\n"})
    (found,) = ground.problems("runs")
    assert found.startswith(f"{RUNS}@{commit[:10]}:{path}: what is recorded beside run ")


def test_tags_deletion_and_going_on_are_no_changes(ground: Ground) -> None:
    run = ground.repository.experiments.get("tone").runs()[0]
    ground.repository.runs.set_tags(run.id, {"checked": "yes"})
    ground.repository.runs.delete(run.id)
    ground.repository.runs.restore(run.id)
    assert ground.problems("runs", full=True) == []


def test_runs_that_two_clones_recorded_are_no_changes(ground: Ground) -> None:
    before = tip(ground, f"refs/heads/{RUNS}")
    with ground.repository.experiments.get("tone").start_run():
        pass
    other = Ground(ground.repository, ground.git, ground.remote)
    document = record(ground, records(ground)[0])
    identifier = "20260102T000000-aaaaaaaa"
    path = f"runs/2026/01/02/0000/{identifier}.json"
    other.git("update-ref", f"refs/remotes/origin/{RUNS}", before)
    store = ground.repository.workspace.store
    local = tip(ground, f"refs/heads/{RUNS}")
    other.git("update-ref", f"refs/heads/{RUNS}", before)
    side = other.put(RUNS, {path: dump_json({**document, "id": identifier})}, remote=False)
    other.git("update-ref", f"refs/heads/{RUNS}", local)
    merged = other.git("merge-tree", "--write-tree", local, side)
    commit = other.git("commit-tree", merged, "-p", local, "-p", side, "-m", "join")
    other.git("update-ref", f"refs/heads/{RUNS}", commit)
    assert store.ref(f"refs/heads/{RUNS}") == commit
    assert ground.problems("runs", full=True) == []


def forged(ground: Ground, **changed: Any) -> str:
    """Return the path of a new run by hand that is like the first one but for some fields."""
    document = record(ground, records(ground)[0])
    document |= {"id": "20260105T000000-aaaaaaaa", **changed}
    path = "runs/2026/01/05/0000/20260105T000000-aaaaaaaa.json"
    ground.put(RUNS, {path: dump_json(document)})
    return path


def test_a_run_whose_values_are_not_those_of_its_digest_is_found(ground: Ground) -> None:
    path = forged(ground, parameters={"model": "small", "temperature": 0.11})
    (found,) = ground.problems("runs")
    assert found.endswith(f":{path}: its values are not those of its digest")


def test_a_run_that_claims_another_version_is_found(ground: Ground) -> None:
    versions = ground.repository.experiments.get("tone").versions()
    path = forged(ground, version=versions[0].version)
    (found,) = ground.problems("runs")
    assert found.endswith(
        f":{path}: it says that it used the values of version {versions[0].version[:10]}, "
        "and used others"
    )


def job_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a job that was asked for some values."""
    entrypoint = {"name": "nightly", "digest": digest_of({})}
    asked = {"entrypoint": entrypoint, "queue": "default", "values": values}
    queued = {"status": "queued", "at": "2026-01-05T00:00:00Z", "by": "Ada <ada@example.org>"}
    return {**asked, "timeout": 60.0, "changes": [queued]}


def test_what_a_job_was_given_beside_the_slots_is_no_other_value(ground: Ground) -> None:
    values = record(ground, records(ground)[0])["parameters"] | {"rounds": 5}
    given = {"parameters": values, "digest": digest_of(values)}
    forged(ground, **given, job=job_of({"rounds": 5}))
    assert ground.problems("runs") == []


def test_a_job_that_used_another_value_of_a_slot_is_found(ground: Ground) -> None:
    values = record(ground, records(ground)[0])["parameters"] | {"temperature": 0.11}
    given = {"parameters": values, "digest": digest_of(values)}
    forged(ground, **given, job=job_of({"temperature": 0.11}))
    (found,) = ground.problems("runs")
    assert found.endswith("and used others")


def test_a_run_of_a_version_that_holds_nothing_of_its_experiment_is_found(ground: Ground) -> None:
    trunk = tip(ground, "refs/heads/main")
    forged(ground, version=trunk)
    (found,) = ground.problems("runs")
    assert f"version {trunk[:10]} holds nothing of its experiment" in found


def test_a_version_that_was_rewritten_is_known_by_its_digest(ground: Ground) -> None:
    forged(ground, version="1" * 40)
    assert ground.verified("runs").findings == ()


def test_a_version_that_was_rewritten_is_known_after_a_rename(ground: Ground) -> None:
    forged(ground, version="1" * 40)
    ground.repository.fetch()
    ground.repository.experiments.get("tone").rename("pitch")
    assert ground.verified("runs").findings == ()


def test_a_version_that_is_gone_is_worth_knowing(ground: Ground) -> None:
    values = {"model": "large", "temperature": 5.0}
    forged(ground, version="1" * 40, parameters=values, digest=digest_of(values))
    (found,) = ground.verified("runs").findings
    assert found.severity == "note"
    assert found.message == (
        "its version 1111111111 is not here, and no version of 'tone' here has its values"
    )


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"status": "great"}, "status"),
        ({"project": "other"}, "it is a run of another project, 'other'"),
        ({"id": "20260109T000000-aaaaaaaa"}, "is the record of another run"),
        ({"parent": "20260108T000000-aaaaaaaa"}, None),
        (
            {
                "artifacts": [
                    {"path": "x.bin", "size": 1, "digest": "sha256:" + "0" * 64, "stored": "git"}
                ]
            },
            "its artifact 'x.bin' is not beside it",
        ),
    ],
)
def test_a_record_by_hand_is_held_to_everything(
    ground: Ground, changed: dict[str, Any], expected: str | None
) -> None:
    forged(ground, **changed)
    found = ground.verified("runs").findings
    assert found
    if expected is None:
        assert [one.message for one in found] == [
            "run 20260108T000000-aaaaaaaa, its parent, is not here"
        ]
        assert found[0].severity == "note"
    else:
        assert any(expected in one.message and one.severity == "problem" for one in found)


# --- environments ---------------------------------------------------------------------------


def test_values_that_the_version_never_had_are_found(ground: Ground) -> None:
    values = {"temperature": 9.0, "model": "small"}
    binding = binding_at(ground.repository.workspace.store, tip(ground, ORIGIN_ENV))
    assert binding is not None
    assert binding.version is not None
    document = {**binding.to_dict(), "from": binding.commit, "digest": digest_of(values)}
    files: dict[str, bytes | None] = {
        "environment.yaml": dump_yaml(document),
        "parameters.yaml": dump_yaml(values),
    }
    commit = ground.put(ENV, files)
    (found,) = ground.problems("environments")
    assert found == (
        f"origin/{ENV}@{commit[:10]}: its values are not those of version "
        f"{binding.version[:10]} of tone"
    )


def test_values_that_are_not_those_of_the_digest_are_found(ground: Ground) -> None:
    ground.put(ENV, {"parameters.yaml": b"temperature: 9.0\n\nmodel: small\n"})
    (found,) = ground.problems("environments")
    assert "is not the digest of parameters.yaml" in found


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"environment": "staging"}, '"staging" stands there, but "production" was asked for'),
        ({"project": "shop"}, '"shop" stands there, but "bot" was asked for'),
        ({"from": "1" * 40}, "it says that it follows 1111111111, and it follows "),
        ({"format": 2}, "format"),
    ],
)
def test_a_binding_by_hand_is_held_to_its_branch(
    ground: Ground, changed: dict[str, Any], expected: str
) -> None:
    bind(ground, **changed)
    (found,) = ground.problems("environments")
    assert expected in found


def test_a_version_of_another_experiment_is_found(ground: Ground) -> None:
    bind(ground, version=tip(ground, "refs/heads/main"))
    (found,) = ground.problems("environments")
    assert "holds no experiment x" in found


def test_a_gap_in_the_history_of_an_environment_is_found(ground: Ground) -> None:
    first = ObjectId(ground.git("rev-parse", f"origin/{ENV}~1"))
    bind(ground, parents=[first])
    (found,) = ground.problems("environments")
    assert f"and it follows {first[:10]}" in found


@pytest.mark.parametrize("way", ["merge", "squash", "rebase"])
def test_a_move_that_a_forge_merged_is_in_order(ground: Ground, way: str) -> None:
    versions = ground.repository.experiments.get("tone").versions()
    base = tip(ground, ORIGIN_ENV)
    document = binding_at(ground.repository.workspace.store, base)
    assert document is not None
    values = dict(versions[0].values)
    files: dict[str, bytes | None] = {
        "environment.yaml": dump_yaml(
            {
                **document.to_dict(),
                "from": base,
                "version": versions[0].version,
                "digest": versions[0].digest,
            }
        ),
        "parameters.yaml": dump_yaml(values),
    }
    side = ground.put(ENV, files)
    parents = {"merge": [base, side], "squash": [base], "rebase": [base]}[way]
    ground.put(ENV, {}, parents=parents, message=f"{way}d by a forge")
    assert ground.problems(full=True) == []


def test_a_merge_with_content_of_its_own_is_found(ground: Ground) -> None:
    base = tip(ground, ORIGIN_ENV)
    side = bind(ground, reason="asked for")
    bind(ground, parents=[base, side], reason="changed by the merge", **{"from": base})
    (found,) = ground.problems("environments")
    assert found.endswith("a merge whose content neither side had")


def test_environments_whose_names_begin_alike_are_told_apart(ground: Ground) -> None:
    ground.put("env/bot/prod", {"environment.yaml": b"nonsense"})
    found = ground.problems("environments")
    assert len(found) == 1
    assert found[0].startswith("origin/env/bot/prod@")


# --- versions, documents, objects -----------------------------------------------------------


def test_a_save_by_hand_that_is_not_valid_is_found(ground: Ground) -> None:
    files: dict[str, bytes | None] = {"experiments/tone/parameters.yaml": b"temperature: hot\n"}
    commit = ground.put(EXP, files)
    problems = ground.problems()
    assert any(found.startswith(f"{EXP}@{commit[:10]}") and "hot" in found for found in problems)
    assert {found.check for found in ground.verified().problems} == {"documents", "versions"}


def test_a_document_on_the_trunk_that_is_not_valid_is_found(ground: Ground) -> None:
    commit = ground.put("main", {"endpoints/x.yaml": b"nonsense: 1\n"})
    problems = ground.verified("documents").problems
    assert {found.path for found in problems} == {"endpoints/x.yaml"}
    assert {found.commit for found in problems} == {commit}


def test_a_shallow_clone_is_looked_at_as_far_as_it_goes(ground: Ground) -> None:
    shallow = ground.git.path.parent / "shallow"
    url = f"file://{ground.remote.path}"
    ground.git("clone", "-q", "--depth", "1", "--no-single-branch", url, str(shallow))
    with Repository.open(shallow, surroundings=surroundings(shallow.parent)) as repository:
        found = Ground(repository, ground.git, ground.remote).verified("runs", "environments")
        assert found.problems == ()


# --- totals ---------------------------------------------------------------------------------


def evaluated(ground: Ground, **claimed: Any) -> str:
    """Return the path of a recorded run with three rows, whose record may claim other totals."""
    experiment = ground.repository.experiments.get("tone")
    version = experiment.versions()[-1]
    run = replace(
        make_run(run_id(0)),
        experiment_id=experiment.id,
        version=version.version,
        digest=version.digest,
        parameters=dict(version.values),
    )
    rows = [make_row("a"), make_row("b", "failed"), make_row("c")]
    made = record_of(run, rows)
    made = replace(made, run=replace(made.run, **claimed))
    append(ground.repository.workspace, "tone", [made])
    return run_path(run.id)


def test_totals_that_the_rows_come_to_are_in_order(ground: Ground) -> None:
    evaluated(ground)
    assert ground.problems("runs") == []


def test_a_record_that_another_clone_changed_is_found_beside_the_one_here(ground: Ground) -> None:
    path = evaluated(ground)
    store, shared = ground.repository.workspace.store, f"refs/remotes/origin/{RUNS}"
    mine = tip(ground, f"refs/heads/{RUNS}")
    transact(store, lambda tx: tx.set_ref(shared, old=tx.ref(shared), new=mine))
    document = record(ground, path)
    commit = ground.put(RUNS, {path: dump_json({**document, "name": "forged"})})
    set_branch(store, RUNS, mine)
    found = ground.problems("runs")
    assert [line for line in found if "was changed by" in line] == [
        (
            f"origin/{RUNS}@{commit[:10]}:{path}: run {document['id']} was changed by "
            "Ada Example <ada@example.org> after it was recorded"
        )
    ]
    assert any(line.endswith(f"{RUNS}:{path} are different") for line in found)
    assert ground.repository.doctor().remaining


def test_totals_that_the_rows_do_not_come_to_are_found(ground: Ground) -> None:
    path = evaluated(ground, stats=Stats(passed=3))
    (found,) = ground.problems("runs")
    assert found.endswith(f":{path}: its stats are not what its rows come to")
