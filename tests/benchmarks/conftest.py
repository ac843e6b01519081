"""A setting as benchmarks have it, with small sizes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.settings import QUICK, Programs, Setting, environment, installed_gitexp


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    work = tmp_path / "work"
    work.mkdir()
    return Setting(
        directory=work,
        kept=tmp_path / "kept",
        environ=environment(tmp_path / "home"),
        programs=Programs(gitexp=installed_gitexp(), python=Path(sys.executable)),
        sizes=QUICK,
    )
