"""A pager for output that is longer than the terminal."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping

DEFAULT_PAGER = "less -FRSX"


def pager_command(
    environ: Mapping[str, str], git_config: Callable[[str], str | None]
) -> str | None:
    """Return the pager to run, or None for none.

    `GITEXP_PAGER`, `GIT_PAGER`, Git's `core.pager` and `PAGER` are asked in this order. As for
    Git, an empty answer and `cat` mean no pager.
    """
    for name, ask in (
        ("GITEXP_PAGER", environ.get),
        ("GIT_PAGER", environ.get),
        ("core.pager", git_config),
        ("PAGER", environ.get),
    ):
        command = ask(name)
        if command is not None:
            return None if command.strip() in ("", "cat") else command
    return DEFAULT_PAGER if shutil.which("less", path=environ.get("PATH")) else None


def page(text: str, command: str, environ: Mapping[str, str]) -> bool:
    """Return whether the pager showed the text; False when it could not be started.

    The command goes through the shell, as Git's pager does, since people write options and pipes
    in it.
    """
    surroundings = {"LESS": "FRX", "LV": "-c"} | dict(environ)
    process = subprocess.Popen(
        command, shell=True, stdin=subprocess.PIPE, env=surroundings, encoding="utf-8"
    )
    try:
        process.communicate(text)
    except BrokenPipeError:
        process.wait()
    return process.returncode not in (126, 127)
