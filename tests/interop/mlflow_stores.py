"""Two stores of MLflow, called alike: gitexp's, and MLflow's own over SQLite.

What they answer is compared field by field. A field is compared unless the table at the top says
otherwise, so a field that a later version of MLflow adds is compared as well.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitexp.integrations.mlflow.plugin import tracking_store
from gitexp.repository import Repository

IGNORED = {
    # Where things stand is each store's own affair; that they are found there is tested apart.
    ("Experiment", "_artifact_location"),
    ("RunInfo", "_artifact_uri"),
    ("LoggedModel", "_artifact_location"),
    ("LoggedModel", "_model_uri"),
    # Moments of their own making; they are compared in order by the tests that sort by them.
    ("Experiment", "_creation_time"),
    ("Experiment", "_last_update_time"),
    ("LoggedModel", "_creation_time"),
    ("LoggedModel", "_last_updated_timestamp"),
}
TYPE_ALONE = {("RunInfo", "_end_time")}

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@contextmanager
def quiet() -> Iterator[None]:
    """Let MLflow and what it uses warn of what they do themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def new_project(directory: Path) -> str:
    """Return the address of a new project."""
    Repository.init(directory).close()
    return f"gitexp:{directory}"


def sqlite_store(path: Path, template: Path) -> Any:
    """Return MLflow's own store over a new database.

    Args:
        template: an empty database, made here when it is not there: that takes seconds.
    """
    with quiet():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        if not template.exists():
            SqlAlchemyStore(f"sqlite:///{template}", str(path.parent))._dispose_engine()
        shutil.copy(template, path)
        return SqlAlchemyStore(f"sqlite:///{path}", str(path.parent / "artifacts"))


@dataclass
class Failed:
    """What a call raised."""

    code: str
    message: str


@dataclass
class Pair:
    """One thing in both stores."""

    ours: Any
    theirs: Any

    def __getattr__(self, name: str) -> Pair:
        return Pair(getattr(self.ours, name), getattr(self.theirs, name))


@dataclass
class Both:
    """Both stores.

    Attributes:
        ids: what an id of one of the two is called in comparisons.
    """

    ours: Any
    theirs: Any
    ids: dict[str, str] = field(default_factory=dict)

    def named(self, name: str, pair: Pair) -> Pair:
        """Return two ids, called by one name from now on."""
        self.ids |= {str(pair.ours): name, str(pair.theirs): name}
        return pair

    def call(self, method: str, *arguments: Any, **named: Any) -> Pair:
        """Return what both stores answer, once it was compared."""
        answers = Pair(
            *(
                _called(getattr(store, method), _side(arguments, side), _side(named, side))
                for side, store in (("ours", self.ours), ("theirs", self.theirs))
            )
        )
        ours, theirs = self.plain(answers.ours), self.plain(answers.theirs)
        assert ours == theirs, f"{method}{arguments} {named}:\n{ours}\n{theirs}"
        return answers

    def plain(self, value: Any) -> Any:
        """Return an answer as plain data that can be compared, ids by their names."""
        if isinstance(value, Failed):
            return {"code": value.code, "message": self._without_ids(value.message)}
        if isinstance(value, float) and value != value:
            return "NaN"
        if isinstance(value, str):
            return self.ids.get(value, value)
        if isinstance(value, dict):
            return {self.plain(k): self.plain(v) for k, v in sorted(value.items())}
        if isinstance(value, (list, tuple)):
            return [self.plain(one) for one in value]
        if type(value).__module__.startswith("mlflow.entities"):
            return self._fields(value)
        return value

    def _fields(self, entity: Any) -> Any:
        kind = type(entity).__name__
        if not hasattr(entity, "__dict__") or isinstance(entity, str):
            return str(entity)
        return {
            "": kind,
            **{
                key: type(value).__name__
                if (kind, key) in TYPE_ALONE
                else _sorted(key, self.plain(value))
                for key, value in sorted(vars(entity).items())
                if (kind, key) not in IGNORED
            },
        }

    def _without_ids(self, message: str) -> str:
        known = "|".join(re.escape(one) for one in sorted(self.ids, key=len, reverse=True))
        pattern = rf"(?<![\w/-])(?:{known})(?![\w-])"
        return re.sub(pattern, lambda found: self.ids[found[0]], message) if known else message


_ANY_ORDER = {"_metric_objs", "_metrics", "_params", "_tags", "tags"}


def _sorted(key: str, value: Any) -> Any:
    """Return a list whose order says nothing in one order."""
    return sorted(value, key=repr) if key in _ANY_ORDER and isinstance(value, list) else value


def _called(method: Callable[..., Any], arguments: Any, named: Any) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        with quiet():
            return method(*arguments, **named)
    except MlflowException as exc:
        return Failed(exc.error_code, exc.message)


def _side(value: Any, side: str) -> Any:
    """Return what one of the stores gets of arguments."""
    if isinstance(value, Pair):
        return getattr(value, side)
    if isinstance(value, dict):
        return {key: _side(one, side) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_side(one, side) for one in value)
    if callable(value):
        return value(side)
    return value


def both_stores(directory: Path, template: Path) -> Both:
    """Return two new stores."""
    with quiet():
        ours = tracking_store(new_project(directory / "bot"), str(directory / "ours"))
    return Both(ours, sqlite_store(directory / "mlflow.db", template))


def python(
    script: str, *arguments: str, environ: dict[str, str], directory: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, as a user's program is."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        env=environ,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
