"""What a run records without being asked: the code, the machine, the packages, the command.

The name of the host is left out: it says more about a person's network than about the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitexp.documents import layout
from gitexp.project.workspace import Workspace
from gitexp.runs.code_state import CodeState, code_state
from gitexp.runs.masking import masked_bytes, masked_text
from gitexp.runs.packages import packages_text
from gitexp.runs.references import CodeReference, Machine
from gitexp.runs.texts import digest_of_text


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What surrounds a run.

    Attributes:
        code: the commit, and how the files differed from it.
        machine: the interpreter, the platform, the packages and the command line.
        texts: the texts that both refer to by digest, by their paths on a runs branch.
    """

    code: CodeReference
    machine: Machine
    texts: Mapping[str, bytes]


def circumstances_of(workspace: Workspace, *, secrets: Sequence[str] = ()) -> Circumstances:
    """Return what surrounds a run that starts now; it costs 1 to 3 ms but for the first time.

    Args:
        secrets: texts that must not be recorded; they are masked in the command line and in the
            difference of the code.
    """
    code = _without(code_state(workspace), secrets)
    packages = packages_text(workspace.cache)
    machine = machine_of([masked_text(word, secrets) for word in workspace.surroundings.argv])
    machine = replace(machine, packages=digest_of_text(packages))
    texts = {layout.packages_path(digest_of_text(packages)): packages}
    if code.reference.diff:
        texts[layout.diff_path(code.reference.diff)] = code.diff
    return Circumstances(code=code.reference, machine=machine, texts=texts)


def _without(code: CodeState, secrets: Sequence[str]) -> CodeState:
    """Return the code with every secret in its difference masked."""
    masked = masked_bytes(code.diff, secrets)
    if masked == code.diff:
        return code
    reference = replace(code.reference, diff=digest_of_text(masked))
    return CodeState(reference=reference, diff=masked)


def machine_of(argv: Sequence[str] = ()) -> Machine:
    """Return the interpreter, the platform and the command line of this process."""
    import platform

    import gitexp

    return Machine(
        # A word of the command line may be any bytes, and a record is text in UTF-8.
        argv=tuple(word.encode("utf-8", "backslashreplace").decode("utf-8") for word in argv),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        gitexp=getattr(gitexp, "__version__", ""),
    )
