"""README and docs are true: what they show runs, their links lead somewhere.

Of the pages about parameters and runs, blocks of `sh` and `python` run; those of `console` are
samples.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
DOCS = README.parent / "docs"
COMMANDS = DOCS / "commands.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
TEXT = README.read_text(encoding="utf-8")
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """Return the text between a heading and the next one of its level."""
    start = TEXT.index(f"## {title}\n")
    end = TEXT.find("\n## ", start)
    return TEXT[start : end if end != -1 else None]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which gitexp is found and nothing of the user's is."""
    home = tmp_path / "home"
    home.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        "PATH": path,
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada Example",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }


def commands(block: str) -> Iterator[str]:
    for line in block.splitlines():
        assert line.startswith("$ "), line
        yield line[2:]


def walk(directory: Path, environ: dict[str, str]) -> tuple[Path, list[tuple[str, str]]]:
    """Run the walk-through; returns the project's directory and each command with its output."""
    said = []
    for language, title, block in FENCE.findall(section("Five minutes")):
        if title:
            (directory / title).parent.mkdir(parents=True, exist_ok=True)
            (directory / title).write_text(block, encoding="utf-8")
            continue
        assert language == "console"
        for command in commands(block):
            if command.startswith("cd "):
                directory = directory / command[3:]
                continue
            done = subprocess.run(
                command, shell=True, cwd=directory, env=environ, capture_output=True, text=True,
                timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            said.append((command, done.stdout))
    return directory, said


@pytest.mark.interop
def test_the_walk_through_runs_and_the_python_after_it(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    project, said = walk(tmp_path, environ)
    output = dict(said)
    assert '"max_words": 5' in output["gitexp env get production"]
    assert "MAX_WORDS=5" in output[
        "gitexp env get production --repo ../shared.git --format dotenv"
    ].replace('"', "").replace("'", "")
    assert "Customers complain" in output["gitexp env history production"]
    code = next(
        block for kind, _, block in FENCE.findall(section("From Python")) if kind == "python"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environ, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 of 3" in done.stdout
    assert "Hello 6" in done.stdout
    track(project, environ)
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, env=environ, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert status.stdout.replace("?? __pycache__/\n", "") == ""


def track(project: Path, environ: dict[str, str]) -> None:
    """Run the program and the script that the section on tracking shows."""
    blocks = {kind: block for kind, _, block in FENCE.findall(section("Tracking runs"))}
    for command in ([sys.executable, "-c", blocks["python"]], ["sh", "-e", "-c", blocks["sh"]]):
        done = subprocess.run(
            command, cwd=project, env=environ, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout, done.stderr)
    assert "0.25" in done.stdout
    assert "from-a-script" in done.stdout


def test_the_files_of_the_walk_through_are_valid() -> None:
    from gitexp.documents import layout, schemas

    for _, title, block in FENCE.findall(section("Five minutes")):
        kind = layout.kind_of(title) if title else None
        if kind is not None and title.endswith(".yaml"):
            schemas.load(kind, block.encode(), file=title)


def test_the_command_reference_is_current() -> None:
    """`GITEXP_UPDATE_GOLDEN=1` writes it anew."""
    from gitexp.cli.reference import reference

    text = f"# Commands\n\n{reference().strip()}\n"
    if os.environ.get("GITEXP_UPDATE_GOLDEN") == "1":
        COMMANDS.write_text(text, encoding="utf-8")
    assert COMMANDS.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", text):
        aim = page.parent / target if target else page
        assert aim.exists(), target
        assert not anchor or anchor in anchors(aim), (target, anchor)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    outside = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.fixture
def greeter(tmp_path: Path, environ: dict[str, str]) -> Path:
    """The project of the walk-through as it stands at its end."""
    project = tmp_path / "greeter"
    for _, title, block in FENCE.findall(section("Five minutes")):
        if title:
            (project / title).parent.mkdir(parents=True, exist_ok=True)
            (project / title).write_text(block, encoding="utf-8")
    for command in (
        "git init --quiet --bare --initial-branch=main ../shared.git",
        "git init --quiet --initial-branch=main",
        "git remote add origin ../shared.git",
        "git add --all",
        "git commit --quiet --message 'Slots, endpoint and dataset'",
        "git push --quiet --set-upstream origin main",
    ):
        subprocess.run(command, shell=True, cwd=project, env=environ, timeout=60, check=True)
    done = run([sys.executable, "-c", ENDED], project, environ)
    assert done.returncode == 0, done.stderr
    return project


ENDED = """
import gitexp

tuning = gitexp.Repository.open().experiments.create("tuning", description="How to greet")
for words in (2, 5):
    tuning.commit({"max_words": words})
    tuning.run("people", "greet")
tuning.share()
tuning.promote("staging")
tuning.promote("production")
tuning.commit(patch={"shout": True}, message="Louder")
tuning.share()
tuning.promote("production")
tuning.repository.environments.rollback("production")
"""


def run(
    command: list[str], directory: Path, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Return what a command that has nothing to read said."""
    return subprocess.run(
        command, cwd=directory, env=environ, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.interop
@pytest.mark.parametrize("page", ["parameters.md", "runs.md"])
def test_what_a_page_shows_runs(page: str, greeter: Path, environ: dict[str, str]) -> None:
    ways = {"sh": ["sh", "-e", "-c"], "python": [sys.executable, "-W", "error", "-c"]}
    for kind, _, block in FENCE.findall((DOCS / page).read_text(encoding="utf-8")):
        if kind in ways:
            done = run([*ways[kind], block], greeter, environ)
            assert done.returncode == 0, (block, done.stdout, done.stderr)
            assert done.stdout, block


@pytest.mark.interop
def test_the_demo_runs(tmp_path: Path, environ: dict[str, str]) -> None:
    example = README.parent / "example-repo"
    copy = tmp_path / "example"
    shutil.copytree(example, copy, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, str(copy / "demo.py")], env=environ, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    assert "$ gitexp env rollback production" in done.stdout
    for rate in ("42.5", "68.0"):
        assert rate in done.stdout
