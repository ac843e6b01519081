"""Evaluating a dataset against a server that answers at once, and against one that takes 50 ms.

The server is a process of its own, which all ask. What counts is the call in a process that did
the same with a few rows before; gitexp keeps every row, its score and its spans, and commits them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.figures import Comparison
from tests.benchmarks.grounds import EXPERIMENT, add_versions, new_project
from tests.benchmarks.measuring import Subject
from tests.benchmarks.peers import interpreter_of
from tests.benchmarks.recipes import NOT_INSTALLED, Command, Contest, Recipe, beside, subject
from tests.benchmarks.servers import started_server
from tests.benchmarks.settings import Setting

_INSTANT, _LATER = "instant", "later"
_NAMES = {_INSTANT: "instant", _LATER: "50 ms"}
_AIMS = {_INSTANT: 1.7, _LATER: 1.05}
_FLAT = 1.2
"""How much more memory many rows may take than a twenty-fifth of them."""

_TURNS = 2
_WARM_UP = 30
_TOO_MANY = "left out: so many rows take it many minutes"
_NO_NODE = "needs Node.js, which is not on the PATH"
_NO_PEAK = "the peak of memory is read from /proc, which is not here"

_HERE = Path(__file__).parent.parent
_WORKERS, _PROMPTFOO = _HERE / "evaluation_workers.py", _HERE / "promptfoo_worker.mjs"

_ENDPOINT = """\
type: http

method: POST

url: {url}

json:
  input: "{{{{ input }}}}"

response:
  extract: /output
"""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A project whose endpoints ask a server.

    Attributes:
        address: of the server, which has a path for every endpoint.
    """

    setting: Setting
    clone: Path
    address: str

    def dataset(self, rows: int) -> Path:
        """Return the file of a dataset of so many rows."""
        return self.clone / "datasets" / f"{_dataset(rows)}.jsonl"

    def url(self, endpoint: str) -> str:
        """Return what an endpoint asks."""
        return f"{self.address}/{endpoint}"

    def worker(self, work: str, *arguments: str | int | Path) -> Command:
        """Return the command line of a worker of gitexp, or of the floor."""
        return [self.setting.programs.python, _WORKERS, work, *map(str, arguments)]


def new_ground(setting: Setting) -> Ground:
    """Return a new project, with a server that ends with the benchmark."""
    address = started_server(setting)
    sizes = (setting.sizes.rows, setting.sizes.many_rows)
    files = {
        **{f"endpoints/{name}.yaml": _ENDPOINT.format(url=f"{address}/{name}") for name in _NAMES},
        **{f"datasets/{_dataset(rows)}.jsonl": _lines(rows) for rows in sizes},
        "datasets/warm-up.jsonl": _lines(_WARM_UP),
    }
    clone = new_project(setting, files=files)
    add_versions(setting, clone, EXPERIMENT, 2)
    return Ground(setting=setting, clone=clone, address=address)


def _dataset(rows: int) -> str:
    return f"rows-{rows}"


def _lines(rows: int) -> str:
    return "".join(json.dumps(_row(number)) + "\n" for number in range(rows))


def _row(number: int) -> dict[str, str]:
    """Return a row; what every tenth expects is wrong."""
    right = 2 * number
    return {
        "id": f"q{number:05}",
        "input": f"What is {number} plus {number}? Answer with the number alone, please.",
        "expected": str(right + 1 if number % 10 == 9 else right),
    }


# --- evaluate -----------------------------------------------------------------------------------


def build(setting: Setting) -> Contest:
    """Return the contest of evaluations of some rows, and of a great many."""
    ground = new_ground(setting)
    few, many = setting.sizes.rows, setting.sizes.many_rows
    fields = (_Field(ground, _INSTANT, few), _Field(ground, _LATER, few))
    large = _Field(ground, _INSTANT, many, many=True)
    memory = (fields[0].memory(), large.memory())
    return Contest(
        subjects=(
            *(each for field in fields for each in field.subjects()),
            *large.subjects(),
            *memory,
        ),
        comparisons=(
            *(each for field in (*fields, large) for each in field.comparisons()),
            *beside(memory[1].name, memory[0].name, at_most=_FLAT),
        ),
    )


class _Field:
    """Those that evaluate the same dataset against the same endpoint."""

    def __init__(self, ground: Ground, endpoint: str, rows: int, *, many: bool = False) -> None:
        self._ground = ground
        self._endpoint = endpoint
        self._rows = rows
        self._many = many

    def subjects(self) -> tuple[Subject, ...]:
        """Return all of them, gitexp first."""
        return (
            self._gitexp("gitexp", "traced"),
            self._gitexp("gitexp untraced", "untraced"),
            self._floor("aiohttp", "bare"),
            self._floor("aiohttp + uvloop", "bare_uvloop"),
            self._inspect(),
            self._promptfoo(),
        )

    def comparisons(self) -> tuple[Comparison, ...]:
        """Return how gitexp compares with the others, those that are left out apart."""
        named = self._named
        ours, untraced, floor, faster = (
            named(name) for name in ("gitexp", "gitexp untraced", "aiohttp", "aiohttp + uvloop")
        )
        peers = () if self._many else (named("Inspect"), named("promptfoo"))
        return (
            *beside(ours, floor, at_most=_AIMS[self._endpoint]),
            *beside(ours, faster, *peers),
            *beside(untraced, floor),
        )

    def memory(self) -> Subject:
        """Return the peak of memory that gitexp noted in its last turn."""
        command = self._ground.worker("peak", self._peak_file("traced"))
        return subject(
            self._ground.setting,
            f"gitexp's peak of memory, {self._rows:,} rows",
            command,
            times_itself=True,
            unit="bytes",
            most_rounds=_TURNS,
            missing="" if Path("/proc/self/status").exists() else _NO_PEAK,
        )

    def _named(self, name: str) -> str:
        return f"{name}, {_NAMES[self._endpoint]}, {self._rows:,} rows"

    def _peak_file(self, tracing: str) -> Path:
        directory = self._ground.setting.directory
        return directory / f"peak-{self._endpoint}-{self._rows}-{tracing}"

    def _subject(
        self,
        name: str,
        command: Callable[[], Command],
        *,
        most_rounds: int | None = None,
        missing: str = "",
    ) -> Subject:
        return subject(
            self._ground.setting,
            self._named(name),
            lambda number: command(),
            operations=self._rows,
            times_itself=True,
            most_rounds=_TURNS if self._many else most_rounds,
            missing=missing,
        )

    def _gitexp(self, name: str, tracing: str) -> Subject:
        ground, rows = self._ground, self._rows
        arguments = (ground.clone, _dataset(rows), rows, self._endpoint, tracing)
        command = partial(ground.worker, "evaluate", *arguments, self._peak_file(tracing))
        return self._subject(name, command)

    def _floor(self, name: str, work: str) -> Subject:
        ground, rows = self._ground, self._rows
        url = ground.url(self._endpoint)
        return self._subject(name, partial(ground.worker, work, ground.dataset(rows), rows, url))

    def _inspect(self) -> Subject:
        ground, rows = self._ground, self._rows
        program = ground.setting.programs.inspect

        def command() -> Command:
            assert program is not None
            dataset, url = ground.dataset(rows), ground.url(self._endpoint)
            logs = ground.setting.directory / "inspect-logs"
            work: Command = [_WORKERS, "inspect", dataset, str(rows), url, logs]
            return [interpreter_of(program), *work]

        missing = "" if program else NOT_INSTALLED
        return self._peer("Inspect", command, missing)

    def _promptfoo(self) -> Subject:
        ground, rows = self._ground, self._rows
        program, node = ground.setting.programs.promptfoo, shutil.which("node")

        def command() -> Command:
            assert program is not None
            package = program.parent.parent / "promptfoo"
            url = ground.url(self._endpoint)
            return [node or "", _PROMPTFOO, package, ground.dataset(rows), str(rows), url]

        missing = "" if program else NOT_INSTALLED
        return self._peer("promptfoo", command, missing if node else _NO_NODE)

    def _peer(self, name: str, command: Callable[[], Command], missing: str) -> Subject:
        missing = _TOO_MANY if self._many else missing
        return self._subject(name, command, most_rounds=_TURNS, missing=missing)


RECIPE = Recipe(
    name="evaluate", about="ask a server for every row of a dataset", rounds=5, build=build
)
