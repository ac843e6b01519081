"""Evaluations in the background: a process of their own, which outlives the shell."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.errors import GitexpError, NotAllowed, NotFound

if TYPE_CHECKING:
    from gitexp.cli.session import Session
    from gitexp.evaluation.running.requests import EvaluationRequest
    from gitexp.runs.run import Run

_LOOK = 0.05
_NEW_SESSION = sys.platform != "win32"
_GITEXP = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
sys.argv[:2] = ["gitexp"]
from gitexp.cli.main import main
sys.exit(main())
"""


def detached(session: Session, request: EvaluationRequest, *, push: bool) -> Run:
    """Return the run of an evaluation that goes on in the background, as soon as it has begun.

    What it writes is in `.git/gitexp/logs/RUN.log`.

    Raises:
        GitexpError: it did not begin; the message is what it wrote.
        StoreError: its log cannot be written.
    """
    import json

    from gitexp.ids import new_run_id
    from gitexp.store.files import write_errors

    surroundings = session.surroundings
    run_id = new_run_id(surroundings.clock.now(), surroundings.random_bits)
    log = _log_of(session, run_id)
    path = json.dumps([str(place) for place in sys.path])
    command = [sys.executable, "-c", _GITEXP, path]
    command += ["-C", str(session.directory), "run", "evaluate"]
    command += ["--request", "-", "--run-id", run_id, *(["--push"] if push else [])]
    with write_errors("the evaluation did not begin"), log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=_NEW_SESSION,
            env=dict(session.environ),
        )
    assert child.stdin is not None
    # One that is over already says in its log why.
    with contextlib.suppress(BrokenPipeError), child.stdin as given:
        given.write(json.dumps(request.to_dict()).encode("utf-8"))
    return _begun(session, run_id, child, log)


def _begun(session: Session, run_id: str, child: subprocess.Popen[bytes], log: Path) -> Run:
    while True:
        over = child.poll() is not None
        try:
            return session.repository.runs.get(run_id)
        except NotFound as exc:
            if over:
                said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                hints = [line.removeprefix("hint: ") for line in said if line.startswith("hint: ")]
                raise GitexpError(
                    f"the evaluation did not begin: {_message(said)}",
                    hint=" ".join([*hints[-1:], f"All that it wrote is in {log}."]),
                ) from exc
        time.sleep(_LOOK)


def _message(lines: Sequence[str]) -> str:
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it wrote nothing"])[0]


def _log_of(session: Session, run_id: str) -> Path:
    from gitexp.store.files import write_errors

    private = session.repository.workspace.store.private_dir
    if private is None:
        raise NotAllowed("a run in the background needs a repository on disk")
    directory = private / "logs"
    with write_errors("the evaluation did not begin"):
        directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{run_id}.log"
