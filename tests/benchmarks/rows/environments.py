"""Reading what is live in an environment."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.grounds import EXPERIMENT, PROJECT, Import, copied, forget, new_project
from tests.benchmarks.grounds import origin_of as origin
from tests.benchmarks.measuring import Subject
from tests.benchmarks.recipes import Command, Contest, Recipe, beside, peer, subject
from tests.benchmarks.settings import Setting

BRANCH = f"env/{PROJECT}/production"
WARM = "gitexp env get, 1 promotion"
COLD = "gitexp env get, 1 promotion, no cache"
GIT = "git show"
FIRST = "gitexp env get --repo, no copy"
AGAIN = "gitexp env get --repo"
ARCHIVE = "git archive --remote"
GTO = "gto show NAME#prod --version"

_NOISE = 1.05
_MODELS = 10


def build(setting: Setting) -> Contest:
    """Return the contest of readers of an environment, in a clone and from a bare address."""
    few = promoted_once(setting)
    many = copied(few, "many")
    add_promotions(setting, many)
    long = f"gitexp env get, {setting.sizes.promotions:,} promotions"
    long_cold = f"{long}, no cache"
    get: Command = [setting.programs.gitexp, "env", "get", "production"]
    show = ["git", "show", f"origin/{BRANCH}:parameters.yaml"]
    return Contest(
        subjects=(
            subject(setting, COLD, get, directory=few, prepare=_forgets(few)),
            subject(setting, WARM, get, directory=few),
            subject(setting, long_cold, get, directory=many, prepare=_forgets(many)),
            subject(setting, long, get, directory=many),
            subject(setting, GIT, show, directory=few),
            _subject_of_gto(setting),
            *_from_address(setting, origin(few)),
        ),
        comparisons=(
            *beside(WARM, GTO, at_most=1 / 5),
            *beside(COLD, GTO, at_most=1 / 5),
            *beside(long, WARM, at_most=_NOISE),
            *beside(long_cold, COLD, at_most=_NOISE),
            *beside(WARM, GIT),
            *beside(FIRST, ARCHIVE),
            *beside(AGAIN, ARCHIVE),
        ),
    )


def _forgets(clone: Path) -> Callable[[int], None]:
    return lambda number: forget(clone)


def promoted_once(setting: Setting) -> Path:
    """Return a clone of a project with an environment that was promoted to once."""
    clone = new_project(setting, "few")
    setting.gitexp(clone, "experiment", "create", EXPERIMENT)
    setting.gitexp(clone, "commit", EXPERIMENT, "--set", "temperature=0.7")
    setting.gitexp(clone, "share", EXPERIMENT)
    setting.gitexp(clone, "promote", EXPERIMENT, "production")
    return clone


def add_promotions(setting: Setting, clone: Path) -> None:
    """Promote a second version, and then the two in turn, until there are as many as asked for."""
    setting.gitexp(clone, "commit", EXPERIMENT, "--set", "temperature=0.8")
    setting.gitexp(clone, "share", EXPERIMENT)
    setting.gitexp(clone, "promote", EXPERIMENT, "production")
    bare = origin(clone)
    trees = [setting.git(bare, "rev-parse", f"{BRANCH}{up}^{{tree}}") for up in ("~1", "")]
    history = Import()
    for number in range(2, setting.sizes.promotions):
        start = f"refs/heads/{BRANCH}^0" if number == 2 else ""
        history.commit(BRANCH, start=start, tree=trees[number % 2])
    history.run(setting, bare)
    setting.git(clone, "fetch", "--quiet")


def _subject_of_gto(setting: Setting) -> Subject:
    arguments, repository = ["show", "model0#prod", "--version"], tagged(setting)
    return peer(setting, GTO, setting.programs.gto, arguments, directory=repository)


def tagged(setting: Setting) -> Path:
    """Return a repository with versions and stages as gto writes them: annotated tags."""
    repository = setting.directory / "tagged"
    repository.mkdir()
    setting.git(repository, "init", "--quiet")
    history = Import()
    for number in range(setting.sizes.tags // 2):
        model, count = f"model{number % _MODELS}", number // _MODELS + 1
        if number % _MODELS == 0:
            history.commit("main", {"model.txt": f"{count}\n"})
        history.tag(f"{model}@v0.0.{count}", "refs/heads/main", f"Registering artifact {model}")
        history.tag(f"{model}#prod#{count}", "refs/heads/main", f"Assigning stage to {model}")
    history.run(setting, repository)
    return repository


def _from_address(setting: Setting, bare: Path) -> tuple[Subject, Subject, Subject]:
    """Return the readers of a bare repository, which gitexp keeps a small copy of."""
    address = bare.as_uri()
    get: Command = [setting.programs.gitexp, "env", "get", "production", "--repo", address]
    archive = ["git", "archive", f"--remote={address}", BRANCH, "parameters.yaml"]
    cache = Path(setting.environ["GITEXP_CACHE"])
    return (
        subject(
            setting,
            FIRST,
            get,
            prepare=lambda number: shutil.rmtree(cache, ignore_errors=True),
        ),
        subject(setting, AGAIN, get),
        subject(setting, ARCHIVE, archive),
    )


RECIPE = Recipe(name="env-get", about="read what is live in an environment", rounds=12, build=build)
