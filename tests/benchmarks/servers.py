"""Servers: processes that contestants ask, which end with the benchmark that started them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.benchmarks.measuring import CommandFailed
from tests.benchmarks.settings import Setting

_SERVER = Path(__file__).parent / "evaluation_server.py"
_PATIENCE = 10


def started_server(setting: Setting) -> str:
    """Return the address of a new server of this machine.

    It ends with its standard input, and so also when this process is killed.

    Raises:
        CommandFailed: it did not start.
    """
    process = subprocess.Popen(
        [setting.programs.python, _SERVER],
        cwd=setting.directory,
        env=dict(setting.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    setting.closing.callback(_end, process)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        raise CommandFailed(f"{_SERVER.name} did not start")
    return f"http://127.0.0.1:{port}"


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
