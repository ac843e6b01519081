"""What a run records without being asked: the code, the machine, the command."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.project.workspace import Workspace
from gitexp.runs.run import CodeReference, Machine


def code_reference(workspace: Workspace) -> CodeReference:
    """Return the commit that is checked out, and whether the files differ from it.

    New files count as a difference unless they are ignored: the code may have used them.
    """
    commit = workspace.store.head().commit
    return CodeReference(commit=commit, dirty=_is_dirty(workspace) if commit else None)


def _is_dirty(workspace: Workspace) -> bool | None:
    """Return whether `git status` has something to say; None when it cannot be asked."""
    from gitexp.store.git_program import GitProgram, find_git

    environ = workspace.surroundings.environ
    program = find_git(environ)
    if program is None or workspace.directory is None:
        return None
    git = GitProgram(path=program, directory=workspace.directory, environ=environ)
    status = git.run("--no-optional-locks", "status", "--porcelain=v1", "--untracked-files=normal")
    return bool(status.out) if status.code == 0 else None


def machine_of(argv: Sequence[str] = ()) -> Machine:
    """Return the interpreter, the platform and the command line of this process."""
    import platform

    import gitexp

    return Machine(
        argv=tuple(argv),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        gitexp=getattr(gitexp, "__version__", ""),
    )
