"""Every object of a repository damaged or lost: commands tell the truth, or name the object."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitexp.cli.main import cli
from gitexp.review.verifying.mending.doctor import diagnose
from tests.real_git import Git
from tests.review.verifying.world import ENV, Ground, made_ground, surroundings

pytestmark = pytest.mark.faults

Answer = tuple[int, str, str]
Ask = Callable[..., Answer]


def damages(data: bytes) -> Iterator[bytes | None]:
    """Yield an object's file with a bit flipped at some places, cut, empty and gone."""
    for position in (0, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[position] ^= 0x10
        yield bytes(changed)
    yield data[: len(data) // 2]
    yield b""
    yield None


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A repository whose objects all have a file of their own."""
    made = made_ground(tmp_path_factory.mktemp("ground"))
    made.repository.close()
    objects = made.git.path / ".git" / "objects"
    for pack in (objects / "pack").glob("*.pack"):
        aside = made.git.path.parent / pack.name
        pack.rename(aside)
        pack.with_suffix(".idx").unlink()
        made.git.raw("unpack-objects", "-q", data=aside.read_bytes())
    return made


@pytest.fixture
def ask(ground: Ground, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks the command line as the first process on this machine would, with nothing cached."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITEXP_"))]:
        monkeypatch.delenv(name)
    for name, value in surroundings(ground.git.path.parent).environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITEXP_CACHE", str(ground.git.path.parent / "cache"))
    monkeypatch.chdir(ground.git.path)

    def run(*arguments: str) -> Answer:
        shutil.rmtree(ground.git.path / ".git" / "gitexp", ignore_errors=True)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        capfd.readouterr()
        code = cli.run(list(arguments), "gitexp")
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def object_files(git: Git) -> list[Path]:
    found = sorted((git.path / ".git" / "objects").glob("??/*"))
    for path in found:
        path.chmod(0o644)
    return found


def names(answer: Answer, path: Path) -> bool:
    """Return whether an answer names an object, by its id or by its file."""
    _, out, err = answer
    said = (out + err).replace("\n", "")
    return path.parent.name + path.name in said or f"{path.parent.name}/{path.name}" in said


def is_true(answer: Answer, truth: Answer) -> bool:
    """Return whether an answer says what is so, or of a number that it is not known."""
    lines, right = answer[1].splitlines(), truth[1].splitlines()
    return (
        answer[0] == truth[0]
        and len(lines) == len(right)
        and all(
            line == expected or line.strip() == '"newer_versions": null,'
            for line, expected in zip(lines, right, strict=True)
        )
    )


def tells(answer: tuple[int, str, str]) -> bool:
    """Return whether an answer says itself that something of it could not be read."""
    said = answer[2].startswith("warning: ") or '"problem": "' in answer[1]
    return said or bool(json.loads(answer[1]).get("notes"))


COMMANDS = {
    "versions": ("versions", "tone", "--format", "json"),
    "show": ("show", "tone", "--format", "json"),
    "environment": ("env", "get", "production", "--format", "json"),
    "history": ("env", "history", "production", "--format", "json"),
    "runs": ("runs", "tone", "--format", "json"),
    "search": ("run", "search", "metrics.loss < 1", "--format", "json"),
    "results": ("results", "tone", "--by", "version", "--format", "json"),
    "difference": ("diff", "env:production", "tone@latest~2", "--format", "json"),
    "experiments": ("experiment", "list", "--format", "json"),
    "status": ("status", "--format", "json"),
    "validation": ("validate", "exp/bot/tone"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_a_command_tells_the_truth_or_names_what_is_broken(
    ground: Ground, ask: Ask, command: tuple[str, ...]
) -> None:
    truth = ask(*command)
    assert truth[0] == 0, truth
    for path in object_files(ground.git):
        data = path.read_bytes()
        for damaged in damages(data):
            path.unlink() if damaged is None else path.write_bytes(damaged)
            answer = ask(*command)
            path.write_bytes(data)
            if is_true(answer, truth):
                continue
            assert names(answer, path), (path, damaged, answer)
            assert answer[0] != 0 or tells(answer), (path, damaged, answer)
    assert ask(*command) == truth


def test_the_doctor_lists_everything_that_is_broken(ground: Ground) -> None:
    for number, path in enumerate(object_files(ground.git)):
        data = path.read_bytes()
        damaged = list(damages(data))[number % 6]
        path.unlink() if damaged is None else path.write_bytes(damaged)
        later = ground.reopened()
        told = "\n".join(one.what for one in diagnose(later.repository.workspace).ailments)
        path.write_bytes(data)
        assert path.parent.name + path.name in told


def test_the_doctor_lists_all_of_many_broken_objects_at_once(ground: Ground) -> None:
    paths = object_files(ground.git)
    contents = {path: path.read_bytes() for path in paths}
    for number, path in enumerate(paths):
        path.write_bytes(list(damages(contents[path]))[number % 5] or b"")
    later = ground.reopened()
    told = "\n".join(one.what for one in diagnose(later.repository.workspace).ailments)
    missing = [path for path in paths if path.parent.name + path.name not in told]
    diagnosis = diagnose(ground.reopened().repository.workspace, fix=True)
    for path, data in contents.items():
        path.unlink(missing_ok=True)
        path.write_bytes(data)
    assert missing == []
    assert diagnosis.healthy, diagnosis.remaining
    assert ground.git("rev-parse", f"origin/{ENV}")
