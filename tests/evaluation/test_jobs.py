"""Jobs: created through entrypoints, taken once, and standing where their runs say."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from gitexp.clock import iso, parse_iso
from gitexp.errors import InvalidDocuments, InvalidInput, NotAllowed, NotFound
from gitexp.evaluation.datasets.loading import load
from gitexp.evaluation.jobs import begun
from gitexp.evaluation.jobs.changing import begin_again_where_workers_died
from gitexp.evaluation.jobs.doing import _dataset
from gitexp.evaluation.jobs.queue import held, waiting, waits_for
from gitexp.evaluation.jobs.states import Job, with_change
from gitexp.runs.recording import ledger
from gitexp.runs.recording.closing import reap
from gitexp.runs.tallies import Stats
from gitexp.runs.tracking.starting import amend, open_run
from tests.builders import commit_files
from tests.evaluation.jobbing import LateClock, create, do, jobs_of, steps, with_entrypoints
from tests.evaluation.projects import Project
from tests.real_git import Git
from tests.runs.making import make_run, run_id

WHO = "Ada Example <ada@example.org>"


@pytest.fixture
def bot(on_disk: Project) -> Project:
    """A project whose experiment declares the entrypoints `ask` and `train`."""
    return with_entrypoints(on_disk)


def later(project: Project, seconds: float) -> None:
    """Move the clock of a project on."""
    clock = project.workspace.surroundings.clock
    assert isinstance(clock, LateClock)
    clock.ahead += timedelta(seconds=seconds)


# --- creating


def test_a_job_stores_every_value_and_what_it_was_made_with(bot: Project) -> None:
    job = create(bot, values={"times": 5})
    assert (job.status, job.queue, job.run.status) == ("queued", "default", "scheduled")
    assert job.values == {"times": 5, "shift": 1}
    assert job.run.parameters == {"shift": 1, "key": "BOT_KEY", "times": 5}
    assert job.run.job["inputs"] == {"dataset": "q"}
    assert job.run.job["entrypoint"]["digest"].startswith("sha256:")
    assert job.run.code.commit == bot.workspace.store.ref("refs/heads/main")
    assert job.timeout == 86400
    assert [(c.status, c.by) for c in job.changes] == [("queued", WHO)]
    assert jobs_of(bot).get(job.id).to_dict() == job.to_dict()


def test_everything_that_is_wrong_with_a_job_is_told_at_once(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", "command: [x]\nparameters: {epochs: {type: integer}}\n")
    with pytest.raises(InvalidDocuments) as caught:
        create(
            bot,
            "train",
            values={"epoch": 3},
            texts={"rate": "high"},
            dataset="q",
            artifacts={"model": "x"},
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "job: epoch: unknown parameter. Did you mean 'epochs'?",
        "job: rate: unknown parameter. There are epochs",
        "job: epochs: required parameter of type integer has no value",
        "job: dataset: entrypoint 'train' takes no dataset",
        "job: artifacts.model: unknown artifact. The entrypoint has none",
    ]
    assert waiting(bot.workspace) == []


def test_values_are_held_to_the_entrypoint_and_to_the_slot_of_the_same_name(bot: Project) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        create(bot, values={"times": 0, "shift": 11}, texts={"note": "x"})
    assert [str(problem) for problem in caught.value.problems] == [
        "job: times: 0 is less than 1",
        "job: shift: 11 is greater than 10",
    ]
    with pytest.raises(InvalidDocuments, match='job: times: "x" is not an integer'):
        create(bot, values={"times": "x"})


def test_a_value_that_nobody_gave_is_left_out_and_never_null(bot: Project) -> None:
    assert "note" not in create(bot).run.parameters
    with pytest.raises(InvalidDocuments, match="job: note: null is not text"):
        create(bot, values={"note": None})


def test_a_parameter_without_a_default_takes_what_the_version_has(bot: Project) -> None:
    bot.write("entrypoints/ask.yaml", "workflow: w\nparameters: {word: {type: string}}\n")
    bot.write("workflows/w.yaml", "tasks: [{type: endpoint, endpoint: bot}]\n")
    with pytest.raises(InvalidDocuments, match="word: required parameter of type string has no"):
        create(bot, dataset="q")
    bot.save("shift: 1\nword: hi\n", "\nentrypoints: [ask]\n")
    job = create(bot, dataset="q")
    assert (job.values, job.run.overrides) == ({"word": "hi"}, {})


def test_an_experiment_declares_its_entrypoints(bot: Project) -> None:
    bot.save("shift: 1\n", "\nentrypoints: [train]\n")
    with pytest.raises(NotAllowed) as caught:
        create(bot, "ask")
    assert str(caught.value) == (
        "experiment 'tone' does not declare entrypoint 'ask': it declares train"
    )
    bot.save("shift: 1\n", "\nentrypoints: [gone]\n")
    with pytest.raises(NotFound, match="no entrypoint 'gone' in the project"):
        create(bot, "gone")


def test_a_job_waits_in_a_queue_of_its_entrypoint(bot: Project) -> None:
    assert create(bot, "train").queue == "gpu"
    assert create(bot, "train", queue="default").queue == "default"
    with pytest.raises(NotAllowed) as caught:
        create(bot, "train", queue="tpu")
    assert str(caught.value) == "entrypoint 'train' has no queue 'tpu'"
    assert caught.value.hint == "Its queues are: gpu, default."


def test_a_dataset_is_needed_where_there_is_a_workflow(bot: Project) -> None:
    bot.write("entrypoints/ask.yaml", "workflow: [{type: endpoint, endpoint: bot}]\n")
    with pytest.raises(InvalidDocuments, match="job: dataset: required, and the entrypoint has no"):
        create(bot)
    with pytest.raises(NotFound, match="no dataset 'other'"):
        create(bot, dataset="other")
    assert create(bot, dataset="q").run.dataset is not None


def test_an_entrypoint_says_how_samples_are_worked_on_and_a_job_otherwise(bot: Project) -> None:
    bot.write(
        "entrypoints/ask.yaml",
        "workflow: [{type: endpoint, endpoint: bot}]\n"
        "inputs: {dataset: {default: q}}\n"
        "selection: {sample: 3}\nrepeats: 2\nseed: 7\nconcurrency: 2\n"
        "limits: {max_errors: 0, max_cost: 5}\n",
    )
    usual = create(bot).run
    assert usual.evaluation == {
        "dataset": "q",
        "workflow": [{"type": "endpoint", "endpoint": "bot"}],
        "selection": {"sample": 3, "seed": 7},
        "repeats": 2,
        "seed": 7,
        "evaluators": ("exact-match",),
        "concurrency": 2,
        "limits": {"max_errors": 0, "max_cost": 5},
        "rows": 6,
    }
    other = create(
        bot,
        evaluation={
            "selection": {"sample": 1, "where": "input > 0"},
            "repeats": 3,
            "seed": 8,
            "limits": {"max_cost": 1.5},
        },
    )
    record = other.run.evaluation
    assert record["selection"] == {"sample": 1, "where": "input > 0", "seed": 8}
    assert record["limits"] == {"max_errors": 0, "max_cost": 1.5}
    assert [do(bot), do(bot)][1] is not None
    done = jobs_of(bot).get(other.id)
    assert done.run.stats.rows == 3
    assert jobs_of(bot).reset(other.id).run.evaluation == done.run.evaluation


def test_how_samples_are_worked_on_is_checked(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", "command: [x]\n")
    with pytest.raises(InvalidDocuments) as caught:
        create(bot, "train", evaluation={"repeats": 3})
    assert [str(problem) for problem in caught.value.problems] == [
        "job: repeats: entrypoint 'train' runs a program, not an evaluation"
    ]
    known = "selection, repeats, seed, limits, concurrency"
    with pytest.raises(InvalidDocuments, match=f"job: workflow: not known; there are {known}"):
        create(bot, evaluation={"workflow": "other"})
    with pytest.raises(InvalidInput, match="a selection has no field 'first'"):
        create(bot, evaluation={"selection": {"first": 3}})
    with pytest.raises(InvalidInput, match="repeats is 0; it must be at least 1"):
        create(bot, evaluation={"repeats": 0})
    assert waiting(bot.workspace) == []


def test_a_queue_needs_a_repository_on_disk(project: Project) -> None:
    with_entrypoints(project)
    with pytest.raises(NotAllowed, match="a queue needs a repository on disk"):
        create(project)


# --- doing


def test_a_job_is_done_as_its_run(bot: Project) -> None:
    bot.write("entrypoints/ask.yaml", "workflow: [{type: endpoint, endpoint: bot}]\n")
    job = create(bot, dataset="q")
    run = do(bot)
    assert run is not None
    assert (run.id, run.status, run.stats) == (job.id, "finished", Stats(passed=4))
    assert bot.runs() == [run]
    assert steps(bot, job) == ["queued", "started", "finished"]
    assert jobs_of(bot).get(job.id).status == "finished"
    assert do(bot) is None


def test_values_of_an_entrypoint_reach_the_system_under_test(bot: Project) -> None:
    bot.code("def answer(given, parameters):\n    return given * parameters['times']\n")
    job = create(bot, values={"times": 3})
    do(bot)
    assert [row.output for row in bot.rows(jobs_of(bot).get(job.id).run)] == [0, 3, 6, 9]


def test_jobs_are_taken_in_the_order_in_which_they_were_created(bot: Project) -> None:
    made = [create(bot).id for _ in range(3)]
    other = create(bot, "train").id
    done = [run.id for run in iter(lambda: do(bot), None)]
    assert done == made
    assert [job.id for job in waiting(bot.workspace)] == [other]


def test_a_program_is_given_values_as_arguments_and_in_its_environment(bot: Project) -> None:
    create(bot, "train", values={"epochs": 4}, queue="default")
    run = do(bot)
    assert run is not None
    assert run.exit is not None
    assert (run.status, run.exit.code, run.exit.output_tail) == ("finished", 0, "4 8\n")


def test_a_value_is_one_argument_whatever_it_holds(bot: Project) -> None:
    bot.write(
        "entrypoints/train.yaml",
        "command: [printf, '<%s>', '{{ parameters.text }}']\n"
        "parameters: {text: {type: text}}\nqueues: [default]\n",
    )
    create(bot, "train", values={"text": "$(id) '; {{ job.id }} \"\n"})
    run = do(bot)
    assert run is not None
    assert run.exit is not None
    assert run.exit.output_tail == "<$(id) '; {{ job.id }} \"\n>"


def test_a_program_that_fails_is_a_failed_job(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", "command: [sh, -c, exit 3]\nqueues: [default]\n")
    job = create(bot, "train")
    do(bot)
    found = jobs_of(bot).get(job.id)
    assert (found.status, found.reason) == ("failed", "the program ended with exit code 3")


def test_a_program_may_use_a_dataset_that_is_elsewhere(bot: Project) -> None:
    rows = bot.directory.parent / "rows.jsonl"
    rows.write_text('{"input": 1}\n{"input": 2}\n')
    digest = hashlib.sha256(rows.read_bytes()).hexdigest()
    bot.write("datasets/far.dataset.yaml", f"url: {rows.as_uri()}\n\ndigest: sha256:{digest}\n")
    bot.write(
        "entrypoints/train.yaml",
        "command: [printf, '%s', '{{ dataset.name }}']\n"
        "inputs: {dataset: {default: far}}\nqueues: [default]\n",
    )
    create(bot, "train")
    run = do(bot)
    assert run is not None
    assert run.dataset is not None
    assert (run.status, run.dataset.name, run.dataset.samples) == ("finished", "far", 2)


@pytest.mark.parametrize("root", ["", "apps/bot"])
def test_a_program_is_told_where_its_dataset_lies(bot: Project, root: str) -> None:
    workspace = replace(bot.workspace, root=root)
    dataset = load(bot.directory, "q", root=root)
    run = make_run(run_id(1), dataset=dataset.reference)
    assert _dataset(workspace, run, bot.directory) == {
        "name": "q",
        "path": str(bot.directory / "datasets/q.jsonl"),
        "digest": dataset.digest,
    }


def test_a_program_is_given_artifacts_as_files(bot: Project) -> None:
    bot.write("entrypoints/train.yaml", "command: ['true']\nqueues: [default]\n")
    create(bot, "train")
    first = do(bot)
    assert first is not None
    from gitexp.runs.tracking.starting import NewRun, start_run

    with start_run(bot.workspace, NewRun(experiment="tone")) as active:
        active.log_text("weights", "model/w.txt")
    bot.write(
        "entrypoints/train.yaml",
        "command: [cat, '{{ artifacts.model }}']\nqueues: [default]\n"
        "inputs: {artifacts: {model: {}}}\n",
    )
    with pytest.raises(InvalidDocuments) as caught:
        create(bot, "train", artifacts={"model": f"{active.id}/w.txt"})
    assert str(caught.value) == f"job: artifacts.model: run {active.id} has no artifact 'w.txt'"
    job = create(bot, "train", artifacts={"model": f"{active.id}/model/w.txt"})
    run = do(bot)
    assert run is not None
    assert run.exit is not None
    assert run.exit.output_tail == "weights"
    assert job.run.job["inputs"]["artifacts"]["model"]["run"] == active.id


# --- what is pinned


def test_a_job_whose_files_changed_fails_and_says_so(bot: Project) -> None:
    job = create(bot)
    bot.write("endpoints/bot.yaml", "type: python\n\ncallable: app:answer\ntimeout: 3\n")
    do(bot)
    found = jobs_of(bot).get(job.id)
    assert found.status == "failed"
    assert found.reason == f"the workflow is not what it was when run {job.id} began"


def test_a_job_keeps_its_values_when_its_entrypoint_changes(bot: Project) -> None:
    job = create(bot)
    bot.write("entrypoints/ask.yaml", "command: ['false']\n")
    run = do(bot)
    assert run is not None
    assert (run.id, run.status, run.stats.passed) == (job.id, "finished", 4)


def test_a_job_is_done_with_the_commit_it_was_created_with(bot: Project) -> None:
    save_everything(bot)
    job = create(bot)
    assert job.run.code.dirty is False
    bot.code("def answer(given, parameters):\n    raise ValueError('newer')\n")
    save_everything(bot)
    run = do(bot)
    assert run is not None
    assert (run.status, run.stats) == ("finished", Stats(passed=4))


def test_a_job_of_code_that_was_not_committed_fails_when_that_is_gone(bot: Project) -> None:
    save_everything(bot)
    bot.code("def answer(given, parameters):\n    return given + 1\n")
    job = create(bot)
    bot.code("def answer(given, parameters):\n    return given + 2\n")
    do(bot)
    found = jobs_of(bot).get(job.id)
    assert (found.status, found.reason) == (
        "failed",
        "the code is not what it was when the job was created, and was not committed then",
    )


def save_everything(project: Project) -> None:
    """Commit the working tree, as `git commit` would."""
    git = Git(project.directory)
    git("add", "-A")
    git("commit", "-q", "-m", "all")


# --- where a job stands


def test_a_reset_job_has_another_attempt_and_keeps_the_first(bot: Project) -> None:
    job = create(bot, values={"times": 7})
    first = do(bot)
    again = jobs_of(bot).reset(job.id, reason="once more")
    assert (again.id, again.status, again.run.attempt) == (job.id, "queued", 2)
    assert again.run.id != job.id
    assert again.values == job.values
    second = do(bot)
    assert second is not None
    assert (second.retry_of, second.attempt, second.stats) == (job.id, 2, Stats(passed=4))
    assert ledger.get(bot.workspace, job.id).stats == (first and first.stats)
    assert steps(bot, job) == [
        *("queued", "started", "finished", "reset"),
        *("queued", "started", "finished"),
    ]
    assert [c.reason for c in jobs_of(bot).history(again.run.id) if c.status == "reset"] == [
        "once more"
    ]
    assert [j.id for j in jobs_of(bot).list()] == [job.id]


def test_an_attempt_that_was_never_made_does_not_count(bot: Project) -> None:
    job = create(bot)
    run = do(bot)
    assert run is not None
    now = bot.workspace.surroundings.clock.now()
    link = with_change(run.job, "reset", at=now, by=WHO, next="20260102T030405-aaaaaaaa")
    amend(bot.workspace, run.id, {"set": {"job": link}})
    assert jobs_of(bot).get(job.id).status == "finished"
    assert jobs_of(bot).reset(job.id).run.attempt == 2


def test_steps_that_a_job_cannot_take_name_both_states(bot: Project) -> None:
    job = create(bot)
    do(bot)
    jobs = jobs_of(bot)
    for refused, wanted in ((jobs.defer, "deferred"), (jobs.cancel, "cancelled")):
        with pytest.raises(NotAllowed) as caught:
            refused(job.id)
        assert str(caught.value) == f"job {job.id} cannot become {wanted}: it is finished"
        assert caught.value.hint == f"Do it again with `gitexp job reset {job.id}`."


def test_a_started_job_cannot_be_reset_or_deferred(bot: Project) -> None:
    job = create(bot)
    with held(bot.workspace, job.run.id) as found:
        assert found is not None
        found.journal.append({"set": {"status": "running"}})
        with pytest.raises(NotAllowed) as caught:
            jobs_of(bot).reset(job.id)
        assert str(caught.value) == f"job {job.id} cannot become reset: it is started"
        assert caught.value.hint == f"Stop it first: `gitexp job cancel {job.id}`."


def test_a_job_that_waits_can_be_given_up(bot: Project) -> None:
    job = create(bot)
    gone = jobs_of(bot).cancel(job.id, reason="wrong dataset")
    assert (gone.status, gone.run.status) == ("failed", "killed")
    assert gone.reason == f"cancelled by {WHO}: wrong dataset"
    assert steps(bot, job) == ["queued", "cancelled", "failed"]
    assert do(bot) is None
    assert jobs_of(bot).reset(job.id).status == "queued"


def test_a_job_that_waits_is_not_ended_as_a_run(bot: Project) -> None:
    job = create(bot)
    with closing(open_run(bot.workspace, job.run.id)) as run, pytest.raises(NotAllowed) as caught:
        run.end()
    assert str(caught.value) == f"run {job.run.id} is a job, which ends by itself"
    assert caught.value.hint == f"Stop it: `gitexp job cancel {job.run.id}`."
    assert jobs_of(bot).get(job.id).status == "queued"


def test_a_job_that_no_process_holds_yet_is_not_taken_for_one_that_died(bot: Project) -> None:
    job = create(bot)
    later(bot, 400 * 86400)
    assert reap(bot.workspace) == []
    assert jobs_of(bot).get(job.id).status == "queued"


def test_a_job_whose_process_died_has_failed(bot: Project) -> None:
    job = create(bot)
    with held(bot.workspace, job.run.id) as found:
        assert found is not None
        found.journal.append({"set": {"status": "running"}})
    assert [run.id for run in reap(bot.workspace)] == [job.id]
    failed = jobs_of(bot).get(job.id)
    assert failed.status == "failed"
    assert failed.reason == ("the process ended without closing the run; what it logged is here")


def test_a_worker_that_dies_before_it_makes_the_next_attempt_loses_no_job(bot: Project) -> None:
    job = create(bot, max_attempts=2)
    with held(bot.workspace, job.run.id) as found:
        assert found is not None
        begun.note(bot.workspace, job.run.id)
        started_at = iso(bot.workspace.surroundings.clock.now())
        found.journal.append({"set": {"status": "running", "started_at": started_at}})
    (run,) = reap(bot.workspace)
    now = bot.workspace.surroundings.clock.now()
    link = with_change(run.job, "reset", at=now, by=WHO, next="20260102T030405-aaaaaaaa")
    amend(bot.workspace, run.id, {"set": {"job": link}})
    (again,) = begin_again_where_workers_died(bot.workspace, "default")
    assert (again.id, again.status, again.run.attempt) == (job.id, "queued", 2)
    assert steps(bot, job) == ["queued", "failed", "reset", "reset", "queued"]
    assert begin_again_where_workers_died(bot.workspace, "default") == []


def test_who_holds_a_job_holds_it_alone(bot: Project) -> None:
    job = create(bot)
    with held(bot.workspace, job.run.id) as first, held(bot.workspace, job.run.id) as second:
        assert first is not None
        assert second is None
        assert do(bot) is None
    assert do(bot) is not None


# --- deferred


def test_a_job_waits_for_its_moment(bot: Project) -> None:
    until = bot.workspace.surroundings.clock.now() + timedelta(hours=1)
    job = create(bot, defer_until=until)
    assert (job.status, job.defer_until) == ("deferred", until)
    assert waits_for(bot.workspace, job).startswith("deferred until 2026-01-02T04:04")
    assert do(bot) is None
    later(bot, 3600)
    run = do(bot)
    assert run is not None
    assert steps(bot, job) == ["queued", "deferred", "started", "finished"]


def test_a_job_waits_until_another_one_has_finished(bot: Project) -> None:
    first = create(bot)
    second = create(bot, after=first.id)
    assert waits_for(bot.workspace, second) == f"waits for job {first.id}, which is queued"
    jobs_of(bot).cancel(first.id)
    assert do(bot) is None
    assert waits_for(bot.workspace, second) == f"waits for job {first.id}, which failed"
    jobs_of(bot).reset(first.id)
    done = [do(bot), do(bot)]
    assert [run.id if run else "" for run in done][1] == second.id
    assert jobs_of(bot).get(first.id).status == "finished"


def test_a_deferred_job_waits_no_longer_when_it_is_reset(bot: Project) -> None:
    job = create(bot)
    moment = parse_iso("2027-01-01T00:00:00Z")
    deferred = jobs_of(bot).defer(job.id, until=moment, reason="at night")
    assert (deferred.status, deferred.reason) == ("deferred", "at night")
    with pytest.raises(NotAllowed, match="cannot become deferred: it is deferred"):
        jobs_of(bot).defer(job.id, until=moment)
    again = jobs_of(bot).reset(job.id)
    assert (again.status, again.defer_until, again.run.id) == ("queued", None, job.id)
    assert steps(bot, job) == ["queued", "deferred", "reset", "queued"]


def test_jobs_that_would_wait_for_each_other_are_refused(bot: Project) -> None:
    first = create(bot)
    second = create(bot, after=first.id)
    with pytest.raises(InvalidInput, match=f"job {first.id} would wait for itself"):
        jobs_of(bot).defer(first.id, after=second.id)
    with pytest.raises(InvalidInput, match="until when"):
        jobs_of(bot).defer(first.id)


# --- reading


def test_a_circle_that_two_people_made_at_once_holds_nobody_up(bot: Project) -> None:
    one, other, third = (create(bot) for _ in range(3))
    for job, after in ((one, other), (other, one)):
        with held(bot.workspace, job.run.id) as found:
            assert found is not None
            now = bot.workspace.surroundings.clock.now()
            record = with_change(job.run.job, "deferred", at=now, by=WHO, after=str(after.id))
            found.journal.append({"set": {"job": record}})
    assert jobs_of(bot).defer(third.id, after=one.id).after == one.id


def test_jobs_are_listed_by_queue_and_status(bot: Project) -> None:
    asked, trained = create(bot), create(bot, "train")
    do(bot)
    jobs = jobs_of(bot)
    assert [job.id for job in jobs.list()] == [trained.id, asked.id]
    assert [job.id for job in jobs.list(queue="gpu")] == [trained.id]
    assert [job.id for job in jobs.list(status="finished")] == [asked.id]
    assert [job.id for job in jobs.list(entrypoint="ask", experiment="tone")] == [asked.id]
    assert jobs.list(experiment="other") == []
    assert [job.id for job in jobs.list(limit=1)] == [trained.id]


def test_a_run_that_is_no_job_is_not_one(bot: Project) -> None:
    run = bot.run()
    with pytest.raises(NotFound, match=f"run {run.id} is no job"):
        jobs_of(bot).get(run.id)
    assert jobs_of(bot).list() == []


def test_a_job_is_plain_data(bot: Project) -> None:
    job = create(bot, name="nightly")
    data = job.to_dict()
    assert (data["id"], data["name"], data["status"]) == (job.id, "nightly", "queued")
    assert data["changes"] == [
        {
            "status": "queued",
            "at": data["changes"][0]["at"],
            "by": WHO,
            "attempt": 1,
            "run": job.run.id,
        }
    ]
    assert isinstance(Job(run=job.run), Job)


def test_an_unrelated_commit_leaves_jobs_as_they_are(bot: Project) -> None:
    save_everything(bot)
    job = create(bot)
    commit_files(bot.workspace.store, {"notes.txt": b"hi\n"})
    run = do(bot)
    assert run is not None
    assert (run.id, run.status) == (job.id, "finished")


def test_a_job_is_found_by_another_name_of_its_experiment(bot: Project) -> None:
    from gitexp.experiments.renaming import rename

    bot.write("entrypoints/ask.yaml", "workflow: [{type: endpoint, endpoint: bot}]\n")
    job = create(bot, dataset="q")
    rename(bot.workspace, "tone", "mood")
    run = do(bot)
    assert run is not None
    assert (run.id, run.status, run.error) == (job.id, "finished", None)


def test_a_run_that_was_cancelled_while_it_waited_does_not_begin(bot: Project) -> None:
    from gitexp.evaluation.running.handles import EvaluationHandle

    job = create(bot)
    EvaluationHandle(bot.workspace, job.run.id).cancel("by its run")
    run = do(bot)
    assert run is not None
    assert (run.status, run.stats.rows) == ("failed", 0)
    assert jobs_of(bot).get(job.id).reason == f"cancelled by {WHO}: by its run"


def test_a_command_that_names_what_the_job_does_not_have_is_refused(bot: Project) -> None:
    bot.write(
        "entrypoints/train.yaml",
        "command: [cat, '{{ artifacts.model }}']\n"
        "inputs: {artifacts: {model: {required: false}}}\n",
    )
    with pytest.raises(InvalidInput) as caught:
        create(bot, "train")
    assert str(caught.value) == (
        "entrypoint 'train': command: [1]: there is no \"model\"; it is empty"
    )
    assert waiting(bot.workspace) == []


def test_what_others_share_as_jobs_is_read_with_care(bot: Project) -> None:
    from gitexp.runs.tracking.starting import amend

    run = bot.run()
    amend(bot.workspace, run.id, {"set": {"job": {"changes": [{"status": "queued"}]}}})
    assert jobs_of(bot).list() == []
    with pytest.raises(NotFound, match=f"run {run.id} is no job"):
        jobs_of(bot).get(run.id)
    job = create(bot)
    do(bot)
    record = {**jobs_of(bot).get(job.id).run.job, "next": job.id}
    amend(bot.workspace, job.run.id, {"set": {"job": record}})
    assert jobs_of(bot).get(job.id).run.attempt == 1


def test_a_moment_without_an_offset_is_refused(bot: Project) -> None:
    job = create(bot)
    moment = parse_iso("2027-01-01T00:00:00Z").replace(tzinfo=None)
    with pytest.raises(InvalidInput, match="2027-01-01T00:00:00 has no offset from UTC"):
        jobs_of(bot).defer(job.id, until=moment)
