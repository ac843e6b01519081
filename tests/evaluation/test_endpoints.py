"""Endpoints: imported when a run asks, from the files as they are, and never before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import InvalidDocuments, InvalidInput, NotFound
from gitexp.evaluation.endpoints.functions import imported_function, project_code
from gitexp.evaluation.endpoints.loading import load_endpoint


def write(directory: Path, path: str, text: str) -> None:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def imported(directory: Path, callable_: str = "probe_app:answer") -> Any:
    return imported_function(callable_, directory, what="endpoint 'bot'")


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
    assert (found.name, found.type, found.timeout) == ("bot", "python", 2.5)
    assert found.options == {"callable": "probe_app:answer"}
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
    with imported(tmp_path, "probe_pkg.inner:Bot.ask") as function:
        assert function(5, {}) == 5


def test_the_project_comes_before_what_is_installed(tmp_path: Path) -> None:
    write(tmp_path, "colorsys.py", "def answer(x, p): return 'ours'\n")
    import colorsys

    with imported(tmp_path, "colorsys:answer") as function:
        assert function(0, {}) == "ours"
    assert sys.modules["colorsys"] is colorsys


def test_a_second_run_sees_edited_code(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write(tmp_path, "probe_part.py", f"WORD = {text!r}\n")
        code = "import probe_part\ndef answer(x, p): return probe_part.WORD\n"
        write(tmp_path, "probe_app.py", code)
        with imported(tmp_path) as function:
            assert function(0, {}) == text


def test_two_projects_may_use_the_same_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "probe_app.py", f"def answer(x, p): return {name!r}\n")
        with imported(tmp_path / name) as function:
            assert function(0, {}) == name


def test_what_the_process_had_imported_comes_back(tmp_path: Path) -> None:
    write(tmp_path, "probe_app.py", "def answer(x, p): return 1\n")
    sys.path.insert(0, str(tmp_path))
    try:
        import probe_app  # type: ignore[import-not-found]

        with imported(tmp_path):
            assert sys.modules["probe_app"] is not probe_app
        assert sys.modules["probe_app"] is probe_app
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("probe_app", None)


def test_importing_writes_nothing_into_the_project(tmp_path: Path) -> None:
    write(tmp_path, "probe_app.py", "def answer(x, p): return 1\n")
    with imported(tmp_path):
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
    with pytest.raises(InvalidInput) as caught, imported(tmp_path):
        pass
    assert str(caught.value) == (f"endpoint 'bot': probe_app:answer cannot be imported: {message}")


def test_what_cannot_be_called_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "probe_app.py", "answer = 5\n")
    with pytest.raises(InvalidInput) as caught, imported(tmp_path):
        pass
    assert str(caught.value) == "endpoint 'bot': probe_app:answer cannot be called"


def test_functions_of_one_block_share_their_modules(tmp_path: Path) -> None:
    write(tmp_path, "probe_state.py", "SEEN = []\n")
    write(tmp_path, "probe_one.py", "import probe_state\nadd = probe_state.SEEN.append\n")
    write(tmp_path, "probe_two.py", "import probe_state\ndef seen(): return probe_state.SEEN\n")
    with (
        project_code(tmp_path),
        imported(tmp_path, "probe_one:add") as add,
        imported(tmp_path, "probe_two:seen") as seen,
    ):
        add(1)
        assert seen() == [1]


def test_what_an_inner_block_hides_comes_back_with_the_outer_one(tmp_path: Path) -> None:
    import colorsys

    write(tmp_path, "probe_app.py", "def answer(x, p): return 1\n")
    write(tmp_path, "colorsys.py", "def answer(x, p): return 'ours'\n")
    with project_code(tmp_path):
        with imported(tmp_path, "colorsys:answer") as function:
            assert function(0, {}) == "ours"
        with imported(tmp_path, "colorsys:answer") as again:
            assert again is function
        assert sys.modules["colorsys"] is not colorsys
    assert sys.modules["colorsys"] is colorsys
