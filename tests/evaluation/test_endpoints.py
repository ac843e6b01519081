"""Endpoints: imported when a run asks, from the files as they are, and never before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.endpoints.functions import Endpoint, imported, load_endpoint


def write(directory: Path, path: str, text: str) -> None:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def endpoint(callable_: str = "probe_app:answer") -> Endpoint:
    return Endpoint(name="bot", digest="", callable=callable_)


@pytest.fixture(autouse=True)
def _no_traces() -> Iterator[None]:
    """Whatever a test imports, nothing of it stays."""
    before, path = set(sys.modules), list(sys.path)
    yield
    assert sys.path == path
    assert {name for name in set(sys.modules) - before if name.startswith("probe_")} == set()


def test_a_description_is_read_and_nothing_is_imported(tmp_path: Path) -> None:
    write(
        tmp_path, "endpoints/bot.yaml", "type: python\ncallable: probe_app:answer\ntimeout: 2.5\n"
    )
    write(tmp_path, "probe_app.py", "raise SystemExit('imported')\n")
    found = load_endpoint(tmp_path, "bot")
    assert (found.name, found.callable, found.timeout) == ("bot", "probe_app:answer", 2.5)
    assert found.reference.digest.startswith("sha256:")


def test_an_absent_endpoint_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        load_endpoint(tmp_path, "bot")
    assert str(caught.value) == "no endpoint 'bot' in the project"
    assert caught.value.hint == "Make the file endpoints/bot.yaml."


@pytest.mark.parametrize(
    "text", ["type: python\n", "type: python\ncallable: os.system\n", "callable: a:b\n", "[]\n"]
)
def test_a_wrong_description_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, "endpoints/bot.yaml", text)
    with pytest.raises(InvalidDocuments, match=r"^endpoints/bot\.yaml"):
        load_endpoint(tmp_path, "bot")


def test_a_function_of_the_project_is_imported(tmp_path: Path) -> None:
    write(tmp_path, "probe_pkg/__init__.py", "")
    write(tmp_path, "probe_pkg/inner.py", "class Bot:\n    ask = staticmethod(lambda x, p: x)\n")
    with imported(endpoint("probe_pkg.inner:Bot.ask"), tmp_path) as function:
        assert function(5, {}) == 5


def test_the_project_comes_before_what_is_installed(tmp_path: Path) -> None:
    write(tmp_path, "colorsys.py", "def answer(x, p): return 'ours'\n")
    import colorsys

    with imported(endpoint("colorsys:answer"), tmp_path) as function:
        assert function(0, {}) == "ours"
    assert sys.modules["colorsys"] is colorsys


def test_a_second_run_sees_edited_code(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write(tmp_path, "probe_part.py", f"WORD = {text!r}\n")
        code = "import probe_part\ndef answer(x, p): return probe_part.WORD\n"
        write(tmp_path, "probe_app.py", code)
        with imported(endpoint(), tmp_path) as function:
            assert function(0, {}) == text


def test_two_projects_may_use_the_same_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "probe_app.py", f"def answer(x, p): return {name!r}\n")
        with imported(endpoint(), tmp_path / name) as function:
            assert function(0, {}) == name


def test_what_the_process_had_imported_comes_back(tmp_path: Path) -> None:
    write(tmp_path, "probe_app.py", "def answer(x, p): return 1\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import probe_app  # type: ignore[import-not-found]

        with imported(endpoint(), tmp_path):
            assert sys.modules["probe_app"] is not probe_app
        assert sys.modules["probe_app"] is probe_app
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("probe_app", None)


def test_importing_writes_nothing_into_the_project(tmp_path: Path) -> None:
    write(tmp_path, "probe_app.py", "def answer(x, p): return 1\n")
    with imported(endpoint(), tmp_path):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["probe_app.py"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "AttributeError: module 'probe_app' has no attribute 'answer'"),
        ("import probe_nowhere\n", "ModuleNotFoundError: No module named 'probe_nowhere'"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_imported_says_why(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "probe_app.py", text)
    with pytest.raises(InvalidInput) as caught, imported(endpoint(), tmp_path):
        pass
    assert str(caught.value) == (f"endpoint 'bot': probe_app:answer cannot be imported: {message}")


def test_what_cannot_be_called_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "probe_app.py", "answer = 5\n")
    with pytest.raises(InvalidInput) as caught, imported(endpoint(), tmp_path):
        pass
    assert str(caught.value) == "endpoint 'bot': probe_app:answer cannot be called"
