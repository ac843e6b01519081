"""The layers: imports point down, and what touches the outside stands in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gitexp"

LAYERS = [
    {"errors", "ids", "clock", "surroundings"},
    {"documents", "stats"},
    {"store"},
    {"project"},
    {"experiments"},
    {"environments"},
    {"runs"},
    {"results"},
    {"evaluation"},
    {"review", "prompts", "abtests", "flags"},
    {
        "opening",
        "starting",
        "serving",
        "status",
        "validation",
        "experiment",
        "ab_test",
        "environment",
        "repository",
        "project_experiments",
        "tracker",
    },
    {"integrations"},
    {"cli", "__main__"},
]
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}

OUTSIDE = {
    "dulwich": {"store"},
    "click": {"cli"},
    "rich": {"cli"},
    "yaml": {"documents"},
    "jsonschema": {"documents", "project"},
    "pandas": {"results", "runs", "abtests"},
    "subprocess": {"store", "runs", "evaluation", "review", "cli"},
    "sqlite3": {"store", "runs", "integrations"},
    "scipy": {"stats"},
    "matplotlib": {"results", "abtests"},
    "duckdb": {"abtests"},
    "fsspec": {"runs", "evaluation"},
    "mlflow": {"integrations"},
    "aiohttp": {"evaluation"},
    "jinja2": {"evaluation"},
    "jmespath": {"evaluation"},
    "openfeature": {"integrations"},
    "uvloop": {"evaluation"},
    "distributed": {"evaluation"},
    "dask": {"evaluation"},
    "sacrebleu": {"evaluation"},
    "rapidfuzz": {"evaluation"},
}


@cache
def modules() -> list[tuple[str, Path]]:
    """Return every module of the package with the room in which it stands."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in paths]


@cache
def read(path: Path) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the modules that a file imports, at the top or inside functions, and what it calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(_imports(tree)), frozenset(_called(tree))


def imports(path: Path) -> tuple[str, ...]:
    return read(path)[0]


def _imports(tree: ast.Module) -> Iterator[str]:
    skipped = {id(n) for node in ast.walk(tree) if _is_typing_block(node) for n in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _is_typing_block(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def test_imports_point_down() -> None:
    upward = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for room, path in modules()
        for name in imports(path)
        if name.startswith("gitexp.") and room != "__init__"
        if RANK[name.split(".")[1]] > RANK[room]
    ]
    assert upward == []


def test_every_room_has_a_layer() -> None:
    assert {room for room, _ in modules()} - {"__init__"} == set(RANK)


@pytest.mark.parametrize("package", sorted(OUTSIDE))
def test_a_foreign_package_is_imported_in_its_room_alone(package: str) -> None:
    strays = [
        str(path.relative_to(PACKAGE))
        for room, path in modules()
        if room not in OUTSIDE[package]
        for name in imports(path)
        if name.split(".")[0] == package
    ]
    assert strays == []


def _calls(path: Path, names: set[str]) -> bool:
    return bool(read(path)[1] & names)


def _called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_only_the_surroundings_and_the_command_line_read_the_environment() -> None:
    strays = [
        str(path.relative_to(PACKAGE))
        for room, path in modules()
        if room not in {"cli", "surroundings"} and _calls(path, {"os.environ", "os.getenv"})
    ]
    assert strays == []


def test_only_the_command_line_writes_to_the_terminal() -> None:
    talk = {"print", "sys.stdout", "sys.stderr", "input"}
    strays = [
        str(path.relative_to(PACKAGE))
        for room, path in modules()
        if room != "cli" and _calls(path, talk)
    ]
    assert strays == []


def test_only_the_clock_asks_for_the_time() -> None:
    asked = {"datetime.now", "datetime.utcnow", "time.monotonic", "date.today"}
    strays = [
        str(path.relative_to(PACKAGE))
        for room, path in modules()
        if room not in {"clock", "cli", "store"} and _calls(path, asked)
    ]
    assert strays == []


def test_a_file_has_at_most_400_lines() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for _, path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert set(long) <= {"experiment.py"}, long  # one class: the page that users read


def imported_by(statement: str) -> set[str]:
    """Return the top-level packages that a statement loads in a fresh interpreter."""
    return {name.split(".")[0] for name in modules_of(statement)}


def modules_of(statement: str) -> set[str]:
    """Return the modules that a statement loads in a fresh interpreter."""
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


HEAVY = {
    "dulwich", "yaml", "jsonschema", "pandas", "rich", "asyncio", "numpy", "scipy", "matplotlib",
    "fsspec", "mlflow", "sqlite3", "aiohttp", "jinja2", "uvloop", "distributed",
    "duckdb",
}  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "import gitexp",
        "import gitexp.cli.main",
        "import gitexp.repository",
        "import gitexp.experiment",
        "import gitexp.documents.yaml_writer",
    ],
)
def test_starting_loads_nothing_heavy(statement: str) -> None:
    assert imported_by(statement) & HEAVY == set()


def test_starting_a_command_loads_nothing_that_few_projects_or_saves_need() -> None:
    loaded = modules_of("import gitexp.cli.main, gitexp.repository, gitexp.experiment")
    rare = {"html", "gitexp.project.policies", "gitexp.experiments.uniting"}
    assert loaded & rare == set()


def test_opening_a_repository_does_not_load_how_versions_are_saved() -> None:
    assert "gitexp.experiments.saving" not in modules_of("import gitexp.repository")
