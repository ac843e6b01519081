"""What a program that is run as a run is handed: its parameters, and the run to log to.

A parameter is the environment variable `GITEXP_PARAM_` and its slot in capitals: text as it
stands, null as nothing, anything else as JSON. A secret is the secret itself there, and stays the
name of its variable in the file, which outlives a program that is killed. A value that no variable
can hold is in the file alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitexp.documents.json_codec import dump_json
from gitexp.environments.parameters import Parameters
from gitexp.errors import InvalidInput, NotFound
from gitexp.store.files import create_file, write_errors

RUN_VARIABLE = "GITEXP_RUN_ID"
"""Holds the id of the run, so that `gitexp run log` inside the program logs to it."""

FILE_VARIABLE = "GITEXP_PARAMETERS_FILE"
"""Holds the path of a JSON file with all parameters."""

PREFIX = "GITEXP_PARAM_"
"""How the variables of the parameters begin: no program obeys variables of such names."""

MAX_VARIABLE_BYTES = 100 * 2**10
"""The largest value that becomes a variable; Linux refuses to start a program with 128 KiB."""

_FILE = "parameters.json"


@dataclass(frozen=True, kw_only=True)
class Handover:
    """The variables of a program, beside those that it inherits.

    Attributes:
        left_out: why a parameter has no variable, by its slot.
    """

    variables: Mapping[str, str] = field(repr=False)
    left_out: Mapping[str, str]


def handover_of(parameters: Parameters) -> Handover:
    """Return the variables of the parameters.

    Raises:
        InvalidInput: two slots would be the same variable.
    """
    _refuse_same(parameters)
    variables, left_out = {}, {}
    for slot in parameters:
        try:
            variables[PREFIX + slot.upper()] = _variable(parameters, slot)
        except (_Unfit, NotFound) as exc:
            left_out[slot] = str(exc)
    return Handover(variables=variables, left_out=left_out)


class _Unfit(Exception):
    """No environment variable can hold a value."""


def _variable(parameters: Parameters, slot: str) -> str:
    text = parameters.secret(slot) if parameters.is_secret(slot) else _text(parameters[slot])
    if "\0" in text:
        raise _Unfit("no environment variable can hold a NUL")
    if len(text.encode("utf-8", "surrogateescape")) > MAX_VARIABLE_BYTES:
        raise _Unfit(f"it is longer than {MAX_VARIABLE_BYTES} bytes")
    return text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _refuse_same(parameters: Parameters) -> None:
    names: dict[str, str] = {}
    for slot in parameters:
        other = names.setdefault(slot.upper(), slot)
        if other != slot:
            raise InvalidInput(
                f"{other} and {slot} would both be the variable {PREFIX}{slot.upper()}",
                hint="Rename one of the two slots in gitexp.yaml.",
            )


@contextlib.contextmanager
def handed_over(
    handover: Handover, parameters: Parameters, run_id: str, environ: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Yield the environment of the program; the file that it names is gone after the block.

    Variables of parameters that were inherited from a run around this one are left out.

    Raises:
        StoreError: the file cannot be written.
    """
    inherited = {name: text for name, text in environ.items() if not name.startswith(PREFIX)}
    with contextlib.ExitStack() as made:
        with write_errors("the program was not started"):
            directory = tempfile.TemporaryDirectory(
                prefix="gitexp-run-", ignore_cleanup_errors=True
            )
            path = os.path.join(made.enter_context(directory), _FILE)
            create_file(path, [dump_json(parameters.to_dict())], mode=0o600, sync=False)
        own = {RUN_VARIABLE: run_id, FILE_VARIABLE: path}
        yield {**inherited, **handover.variables, **own}
