"""What users import, and what they may rely on."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator

import pytest

import gitexp
from gitexp import errors
from gitexp.documents.problems import Problem
from gitexp.errors import Diverged, GitexpError, InvalidDocuments, PushRejected


def test_the_package_names_what_it_offers() -> None:
    assert sorted(gitexp.__all__) == [
        "Experiment", "GitexpError", "Parameters", "Repository", "__version__", "active_run",
        "calculate_running_time", "end_run", "feature_flags", "log_artifact", "log_artifacts",
        "log_batch", "log_figure", "log_metric", "log_metrics", "log_param", "log_params",
        "log_table", "log_text", "parameters", "set_tags", "start_run",
    ]  # fmt: skip
    for name in gitexp.__all__:
        assert getattr(gitexp, name) is not None
    with pytest.raises(AttributeError):
        gitexp.nothing  # noqa: B018


def test_an_experiment_has_the_documented_methods() -> None:
    documented = {
        "id", "name", "description", "project_id", "visibility", "versions_count",
        "latest_version", "push", "pull", "delete", "commit", "list_versions",
        "latest_version_data", "get_version", "share", "unshare", "promote", "run", "results",
        "publish", "archive", "unarchive", "restore", "purge", "rename", "tags",
    }  # fmt: skip
    assert documented <= set(dir(gitexp.Experiment))


def classes() -> Iterator[type[GitexpError]]:
    for _, found in inspect.getmembers(errors, inspect.isclass):
        if issubclass(found, GitexpError):
            yield found


def test_every_error_has_one_root() -> None:
    assert all(issubclass(found, gitexp.GitexpError) for found in classes())


@pytest.mark.parametrize(
    "error",
    [
        GitexpError("what", hint="do this"),
        InvalidDocuments([Problem(file="f", message="m")], hint="h"),
        Diverged("d", parameters={"a": (1, 2, 3)}),
        PushRejected("p", refs={"refs/heads/a": "no"}, hint="h"),
    ],
)
def test_an_error_survives_pickling(error: GitexpError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_every_public_function_and_class_is_documented() -> None:
    missing = []
    for module in (gitexp, gitexp.Experiment, gitexp.Repository):
        for name, member in inspect.getmembers(module):
            public = not name.startswith("_") and (callable(member) or isinstance(member, property))
            if public and not inspect.getdoc(member):
                missing.append(name)
    assert missing == []
