"""A composite action as a runner runs it: expressions are filled in, and bash runs each step."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
ACTION = ROOT / "ci" / "github" / "action.yml"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def load(path: Path) -> Any:
    """Return what a YAML file says; `on` stays a word."""
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(loaded, dict) and True in loaded:
        loaded["on"] = loaded.pop(True)
    return loaded


@dataclass
class Outcome:
    """What a step came to."""

    code: int
    out: str
    err: str


@dataclass
class Runner:
    """A runner of jobs.

    Attributes:
        workspace: the checkout.
        temp: `RUNNER_TEMP`.
        event: what happened, as `github.event` has it.
        environ: the variables of the job.
    """

    workspace: Path
    temp: Path
    event: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.temp.mkdir(parents=True, exist_ok=True)
        self.output.touch()
        self.summary.touch()

    @property
    def output(self) -> Path:
        """The file of `GITHUB_OUTPUT`."""
        return self.temp / "output"

    @property
    def summary(self) -> Path:
        """The file of `GITHUB_STEP_SUMMARY`."""
        return self.temp / "summary"

    def install(self) -> None:
        """Stand in for the step that installs: the gitexp under test is the one installed."""
        programs = self.temp / "gitexp" / "bin"
        programs.mkdir(parents=True)
        python = programs / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        (self.temp / "gitexp" / "ready").touch()

    def use(self, **inputs: str) -> Outcome:
        """Return what came of the action's steps, the first that failed or the last."""
        action = load(ACTION)
        given = {name: str(spec.get("default", "")) for name, spec in action["inputs"].items()}
        assert set(inputs) <= set(given)
        given |= inputs
        done = Outcome(code=0, out="", err="")
        for step in action["runs"]["steps"]:
            done = self.step(step, given)
            if done.code:
                break
        return done

    def step(self, step: Mapping[str, Any], inputs: Mapping[str, str]) -> Outcome:
        """Return what came of one step, its script run as it stands."""
        script = self.temp / f"{step['id']}.sh"
        script.write_text(step["run"])
        environ = {k: self.resolved(str(v), inputs) for k, v in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env={
                "PATH": os.environ["PATH"],
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_OUTPUT": str(self.output),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "GITHUB_ACTIONS": "true",
                "CI": "true",
                **self.environ,
                **environ,
            },
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)

    def resolved(self, text: str, inputs: Mapping[str, str]) -> str:
        """Return a text with its expressions filled in, once, as a runner does."""
        return _EXPRESSION.sub(lambda found: self._value(found[1], inputs), text)

    def _value(self, expression: str, inputs: Mapping[str, str]) -> str:
        for term in expression.split("||"):
            value = self._term(term.strip(), inputs)
            if value:
                return value
        return ""

    def _term(self, term: str, inputs: Mapping[str, str]) -> str:
        first, *steps = term.split(".")
        if first == "inputs":
            return inputs[steps[0]]
        assert first == "github", term
        if steps == ["action_path"]:
            return str(ACTION.parent)
        found: Any = {"event": self.event}
        for step in steps:
            found = found.get(step) if isinstance(found, dict) else None
        return "" if found is None else str(found)
