"""Where everything stands: every path and every reference, as pure functions.

Paths are relative to the repository and have `/`. The `root` of a project is its directory in the
repository: `""` at the top, `"apps/bot"` in a monorepo.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from gitexp.documents.kinds import DocumentKind
from gitexp.documents.safe_paths import safe_path as safe_path
from gitexp.errors import InvalidInput
from gitexp.ids import ChangeId, Name, ObjectId, RunId

PROJECT_FILE = "gitexp.yaml"
LOCK_FILE = "gitexp.lock"
SIGNERS_FILE = "allowed_signers"
REVOKED_FILE = "revoked_keys"
GPG_KEYS_FILE = "allowed_keys.asc"
HEADER_FILE = "experiment.yaml"
PARAMETERS_FILE = "parameters.yaml"
AB_TEST_FILE = "ab-test.yaml"
BINDING_FILE = "environment.yaml"
RESULTS_FILE = "results.jsonl"
RESULTS_DIR = "results"
SPANS_FILE = "spans.jsonl"
SPANS_DIR = "spans"
METRICS_FILE = "metrics.jsonl"
ARTIFACTS_DIR = "artifacts"
EVENTS_DIR = "events"
PACKAGES_DIR = "packages"
DIFFS_DIR = "diffs"

EXPERIMENTS_DIR = "experiments"
DATASETS_DIR = "datasets"
ENDPOINTS_DIR = "endpoints"
EVALUATORS_DIR = "evaluators"
WORKFLOWS_DIR = "workflows"
ENTRYPOINTS_DIR = "entrypoints"
PROMPTS_DIR = "prompts"
FLAGS_DIR = "flags"
GROUPS_DIR = "groups"
RUNS_DIR = "runs"
CHANGES_DIR = "changes"
ANALYSES_DIR = "analyses"
SETTINGS_FILE = "settings.json"
CHANGE_FILE = "change.yaml"
CLOSING_FILE = "closed.yaml"
RENEWALS_DIR = "renewals"
VOTES_DIR = "votes"

BRANCHES = "refs/heads/"
CHANGE_BRANCHES = f"{BRANCHES}change/"
PINS = "refs/gitexp/pins/"
DATASET_SUFFIXES = (".jsonl", ".csv", ".yaml", ".parquet")
DESCRIPTION_SUFFIX = ".dataset.yaml"

Place = Literal["project", "environment", "runs", "changes", "analyses"]
"""What a tree holds: a project's files, one environment's binding, an experiment's runs, the
change requests of a project, or the days of an A/B test."""


def join(root: str, *parts: str) -> str:
    """Return the path of something in a project."""
    return "/".join(part for part in (root, *parts) if part)


def project_path(root: str) -> str:
    """Return the path of the project's definition."""
    return join(root, PROJECT_FILE)


def lock_path(root: str) -> str:
    """Return the path of the file that pins environments."""
    return join(root, LOCK_FILE)


def experiments_dir(root: str) -> str:
    """Return the directory of all experiments."""
    return join(root, EXPERIMENTS_DIR)


def experiment_dir(root: str, name: Name) -> str:
    """Return the directory of an experiment."""
    return join(root, EXPERIMENTS_DIR, name)


def header_path(root: str, name: Name) -> str:
    """Return the path of an experiment's header."""
    return join(experiment_dir(root, name), HEADER_FILE)


def parameters_path(root: str, name: Name) -> str:
    """Return the path of an experiment's values."""
    return join(experiment_dir(root, name), PARAMETERS_FILE)


def ab_test_path(root: str, name: Name) -> str:
    """Return the path of an experiment's A/B test."""
    return join(experiment_dir(root, name), AB_TEST_FILE)


def dataset_paths(root: str, name: Name) -> tuple[str, ...]:
    """Return the paths at which a dataset may stand: its rows, or what says where they are."""
    suffixes = (*DATASET_SUFFIXES, DESCRIPTION_SUFFIX)
    return tuple(join(root, DATASETS_DIR, name + suffix) for suffix in suffixes)


def endpoint_path(root: str, name: Name) -> str:
    """Return the path of an endpoint."""
    return join(root, ENDPOINTS_DIR, f"{name}.yaml")


def evaluator_path(root: str, name: Name) -> str:
    """Return the path of an evaluator."""
    return join(root, EVALUATORS_DIR, f"{name}.yaml")


def workflow_path(root: str, name: Name) -> str:
    """Return the path of a workflow."""
    return join(root, WORKFLOWS_DIR, f"{name}.yaml")


def entrypoint_path(root: str, name: Name) -> str:
    """Return the path of an entrypoint."""
    return join(root, ENTRYPOINTS_DIR, f"{name}.yaml")


def prompt_path(root: str, name: Name) -> str:
    """Return the path of a prompt."""
    return join(root, PROMPTS_DIR, f"{name}.yaml")


def flag_path(root: str, key: Name) -> str:
    """Return the path of a feature flag; on an environment's branch, with an empty root."""
    return join(root, FLAGS_DIR, f"{key}.yaml")


def group_path(root: str, name: Name) -> str:
    """Return the path of a group's file."""
    return join(root, GROUPS_DIR, f"{name}.yaml")


def run_dir(run_id: RunId) -> str:
    """Return the directory, on a runs branch, of what a run has beside its record."""
    return f"{RUNS_DIR}/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id[9:13]}/{run_id}"


def run_path(run_id: RunId) -> str:
    """Return the path of a run's record on a runs branch."""
    return f"{run_dir(run_id)}.json"


def results_path(run_id: RunId) -> str:
    """Return the path, on a runs branch, of a run's results: a line a sample."""
    return f"{run_dir(run_id)}/{RESULTS_FILE}"


def results_part_path(run_id: RunId, segment: str) -> str:
    """Return the path, on a runs branch, of the results that belong to one segment."""
    return f"{run_dir(run_id)}/{RESULTS_DIR}/{segment}.jsonl"


def spans_path(run_id: RunId, segment: str = "") -> str:
    """Return the path, on a runs branch, of a run's spans, or of those of one segment."""
    directory = run_dir(run_id)
    return f"{directory}/{SPANS_DIR}/{segment}.jsonl" if segment else f"{directory}/{SPANS_FILE}"


def metrics_path(run_id: RunId) -> str:
    """Return the path, on a runs branch, of the points of a run's metrics."""
    return f"{run_dir(run_id)}/{METRICS_FILE}"


def events_dir(run_id: RunId) -> str:
    """Return the directory, on a runs branch, of the segments of a run's history."""
    return f"{run_dir(run_id)}/{EVENTS_DIR}"


def segment_path(run_id: RunId, segment: str) -> str:
    """Return the path, on a runs branch, of one segment of a run's history."""
    return f"{events_dir(run_id)}/{segment}.jsonl"


def artifacts_dir(run_id: RunId) -> str:
    """Return the directory, on a runs branch, of the artifacts of a run."""
    return f"{run_dir(run_id)}/{ARTIFACTS_DIR}"


def packages_path(digest: str) -> str:
    """Return the path, on a runs branch, of a list of packages, by its digest."""
    return f"{PACKAGES_DIR}/{digest.removeprefix('sha256:')}.txt"


def diff_path(digest: str) -> str:
    """Return the path, on a runs branch, of a difference of code, by its digest."""
    return f"{DIFFS_DIR}/{digest.removeprefix('sha256:')}.patch"


def change_dir(change: ChangeId) -> str:
    """Return the directory of a change request on the branch that records them."""
    return f"{CHANGES_DIR}/{change}"


def change_path(change: ChangeId) -> str:
    """Return the path of what a change request asks for."""
    return f"{change_dir(change)}/{CHANGE_FILE}"


def renewal_path(change: ChangeId, number: int) -> str:
    """Return the path of the n-th renewal of a change request, from 1."""
    return f"{change_dir(change)}/{RENEWALS_DIR}/{number}.yaml"


def vote_path(change: ChangeId, subject: str, person: str) -> str:
    """Return the path of a vote: one for each subject and person, both as digests."""
    one, other = (text.removeprefix("sha256:")[:16] for text in (subject, person))
    return f"{change_dir(change)}/{VOTES_DIR}/{one}-{other}.yaml"


def closing_path(change: ChangeId) -> str:
    """Return the path of what says how a change request ended."""
    return f"{change_dir(change)}/{CLOSING_FILE}"


def analysis_dir(metric: str, fingerprint: str) -> str:
    """Return the directory, on a branch of analyses, of a metric under one fingerprint."""
    return f"{ANALYSES_DIR}/{metric}/{fingerprint[:16]}"


def settings_path(metric: str, fingerprint: str) -> str:
    """Return the path of the settings that a fingerprint was made of."""
    return f"{analysis_dir(metric, fingerprint)}/{SETTINGS_FILE}"


def analysis_path(metric: str, fingerprint: str, day: str, attempt: int = 1) -> str:
    """Return the path of what a metric was at the end of a day; attempts count from 1."""
    again = f".{attempt}" if attempt > 1 else ""
    return f"{analysis_dir(metric, fingerprint)}/{day}{again}.json"


def analyses_branches(project: Name) -> str:
    """Return how the references of all branches of analyses of a project begin."""
    return f"{BRANCHES}analyses/{project}/"


def analyses_branch(project: Name, name: Name) -> str:
    """Return the reference of the branch that keeps the days of an experiment's A/B test."""
    return analyses_branches(project) + name


def experiment_branches(project: Name) -> str:
    """Return how the references of all experiment branches of a project begin."""
    return f"{BRANCHES}exp/{project}/"


def environment_branches(project: Name) -> str:
    """Return how the references of all environment branches of a project begin."""
    return f"{BRANCHES}env/{project}/"


def runs_branches(project: Name) -> str:
    """Return how the references of all runs branches of a project begin."""
    return f"{BRANCHES}runs/{project}/"


def experiment_branch(project: Name, name: Name) -> str:
    """Return the reference of an experiment's branch."""
    return experiment_branches(project) + name


def environment_branch(project: Name, environment: Name) -> str:
    """Return the reference of an environment's branch."""
    return environment_branches(project) + environment


def runs_branch(project: Name, name: Name) -> str:
    """Return the reference of the branch that records an experiment's runs."""
    return runs_branches(project) + name


def change_branches(project: Name) -> str:
    """Return how the references of all change requests of a project begin."""
    return f"{CHANGE_BRANCHES}{project}/"


def change_branch(project: Name, change: str) -> str:
    """Return the reference of a change request, one commit ahead of an environment's branch."""
    return change_branches(project) + change


def changes_branch(project: Name) -> str:
    """Return the reference of the branch that records a project's change requests and votes."""
    return f"{BRANCHES}changes/{project}"


def pin_ref(version: ObjectId) -> str:
    """Return the reference that keeps a promoted version from garbage collection."""
    return PINS + version


def tracking(remote: str, branch_ref: str) -> str:
    """Return the reference that remembers where a remote's branch stood.

    Raises:
        InvalidInput: the reference is no branch.
    """
    return f"refs/remotes/{remote}/{branch_name(branch_ref)}"


def tracking_prefix(remote: str) -> str:
    """Return how the references that remember a remote's branches begin."""
    return f"refs/remotes/{remote}/"


def branch_name(ref: str) -> str:
    """Return a branch as people type it: `refs/heads/exp/bot/warm` is `exp/bot/warm`.

    Raises:
        InvalidInput: the reference is no branch.
    """
    if not ref.startswith(BRANCHES) or ref == BRANCHES:
        raise InvalidInput(f"{ref!r} is not a branch", hint="A branch begins with refs/heads/.")
    return ref[len(BRANCHES) :]


_NAME = r"[a-z0-9][a-z0-9._-]{0,62}"
_RUN = r"runs/\d{4}/\d{2}/\d{2}/\d{4}/\d{8}T\d{6}-[a-z2-7]{8}"
_CHANGE = rf"{CHANGES_DIR}/\d{{8}}-[a-z2-7]{{8}}"
_ANALYSIS = rf"{ANALYSES_DIR}/{_NAME}/[0-9a-f]{{16}}"
_KINDS: dict[Place, tuple[tuple[str, DocumentKind], ...]] = {
    "project": (
        (re.escape(PROJECT_FILE), "project"),
        (re.escape(LOCK_FILE), "lock"),
        (rf"{EXPERIMENTS_DIR}/{_NAME}/{re.escape(HEADER_FILE)}", "experiment"),
        (rf"{EXPERIMENTS_DIR}/{_NAME}/{re.escape(PARAMETERS_FILE)}", "parameters"),
        (rf"{EXPERIMENTS_DIR}/{_NAME}/{re.escape(AB_TEST_FILE)}", "ab-test"),
        (rf"{DATASETS_DIR}/{_NAME}{re.escape(DESCRIPTION_SUFFIX)}", "dataset"),
        (rf"{DATASETS_DIR}/{_NAME}\.(?:jsonl|csv|yaml|parquet)", "sample"),
        (rf"{ENDPOINTS_DIR}/{_NAME}\.yaml", "endpoint"),
        (rf"{EVALUATORS_DIR}/{_NAME}\.yaml", "evaluator"),
        (rf"{WORKFLOWS_DIR}/{_NAME}\.yaml", "workflow"),
        (rf"{ENTRYPOINTS_DIR}/{_NAME}\.yaml", "entrypoint"),
        (rf"{PROMPTS_DIR}/{_NAME}\.yaml", "prompt"),
        (rf"{FLAGS_DIR}/{_NAME}\.yaml", "flag"),
        (rf"{GROUPS_DIR}/{_NAME}\.yaml", "group"),
    ),
    "environment": (
        (re.escape(BINDING_FILE), "environment"),
        (re.escape(PARAMETERS_FILE), "parameters"),
        (rf"{FLAGS_DIR}/{_NAME}\.yaml", "flag"),
    ),
    "runs": (
        (rf"{_RUN}\.json", "run"),
        (rf"{_RUN}/{re.escape(RESULTS_FILE)}", "result"),
        (rf"{_RUN}/{RESULTS_DIR}/[a-zA-Z0-9-]+\.jsonl", "result"),
        (rf"{_RUN}/{re.escape(METRICS_FILE)}", "metric"),
        (rf"{_RUN}/{EVENTS_DIR}/[a-zA-Z0-9-]+\.jsonl", "event"),
    ),
    "changes": (
        (rf"{_CHANGE}/{re.escape(CHANGE_FILE)}", "change"),
        (rf"{_CHANGE}/{RENEWALS_DIR}/[1-9][0-9]{{0,8}}\.yaml", "renewal"),
        (rf"{_CHANGE}/{VOTES_DIR}/[0-9a-f]{{16}}-[0-9a-f]{{16}}\.yaml", "vote"),
        (rf"{_CHANGE}/{re.escape(CLOSING_FILE)}", "closing"),
    ),
    "analyses": (
        (rf"{_ANALYSIS}/{re.escape(SETTINGS_FILE)}", "fingerprint"),
        (rf"{_ANALYSIS}/\d{{4}}-\d{{2}}-\d{{2}}(?:\.[2-9]|\.[1-9]\d{{1,3}})?\.json", "analysis"),
    ),
}


def kind_of(path_in_project: str, *, place: Place = "project") -> DocumentKind | None:
    """Return what a file is, by where it stands, or None when gitexp gives it no meaning.

    `place` says what kind of branch the file is on: an `environment.yaml` at the top of a
    project is somebody else's file.
    """
    found = _pattern_of(place).fullmatch(path_in_project)
    return _KINDS[place][found.lastindex - 1][1] if found and found.lastindex else None


@cache
def _pattern_of(place: Place) -> re.Pattern[str]:
    """Return one pattern with a group for each kind of file, compiled once."""
    return re.compile("|".join(f"({pattern})" for pattern, _ in _KINDS[place]))
