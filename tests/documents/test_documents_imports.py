"""What a command that saves or looks something up must not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = ["yaml_writer", "canonical", "layout", "json_codec", "schemas", "problems", "yaml_reader"]
HEAVY = ["yaml", "jsonschema", "referencing", "attr", "dulwich", "pandas", "csv", "difflib"]


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_importing_a_codec_loads_no_library(module: str) -> None:
    assert not loaded_after(f"import gitexp.documents.{module}") & set(HEAVY)


def test_a_right_document_is_checked_without_the_validator_library() -> None:
    code = (
        "from gitexp.documents.schemas import load\n"
        "load('project', 'format: 1\\nid: bot\\nparameters: {t: {type: number, minimum: 0}}',"
        " file='gitexp.yaml')"
    )
    assert not loaded_after(code) & {"jsonschema", "referencing", "attr", "csv"}
