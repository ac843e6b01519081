"""What a process costs before it does anything."""

from __future__ import annotations

from tests.benchmarks.recipes import Contest, Recipe, beside, peer, subject
from tests.benchmarks.settings import Setting


def build(setting: Setting) -> Contest:
    """Return the contest of programs that only say their version."""
    programs = setting.programs
    ours, help_page = "gitexp --version", "gitexp --help"
    return Contest(
        subjects=(
            subject(setting, ours, [programs.gitexp, "--version"]),
            subject(setting, help_page, [programs.gitexp, "--help"]),
            subject(setting, "python -c pass", [programs.python, "-c", "pass"]),
            subject(setting, "git --version", ["git", "--version"]),
            peer(setting, "dvc --version", programs.dvc, ["--version"]),
            peer(setting, "gto --version", programs.gto, ["--version"]),
            peer(setting, "mlflow --version", programs.mlflow, ["--version"], most_rounds=3),
        ),
        comparisons=(
            *beside(ours, "dvc --version", at_most=1),
            *beside(ours, "python -c pass", "git --version", "gto --version", "mlflow --version"),
            *beside(help_page, "dvc --version"),
        ),
    )


RECIPE = Recipe(name="cold-start", about="start a process", rounds=20, build=build)
