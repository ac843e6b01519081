"""Completion for shells: the scripts, and the names that fit at a place in a command line.

Names come from references and directories, so that a key press costs little; only where a project
has groups are headers read. Nothing that goes wrong on the way is ever shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.terminal import write_out

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "gitexp"
VARIABLE = "_GITEXP_COMPLETE"

_GIT_BASH = """
_git_exp() {
    local IFS=$'\\n'
    local response completion type value
    response=$(env COMP_WORDS="gitexp ${words[*]:2}" COMP_CWORD=$((cword - 1)) \\
        _GITEXP_COMPLETE=bash_complete gitexp)
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}
"""
_GIT_ZSH = """
_git-exp() {
    local -a words_before=("${words[@]}")
    words=(gitexp "${words[@]:1}")
    _gitexp_completion
    words=("${words_before[@]}")
}
zstyle ':completion:*:*:git:*' user-commands exp:'experiments in Git'
"""
_GIT_FISH = """
function _git_exp_completion
    set -l typed (commandline -cp | string replace -r '^\\s*git\\s+exp' gitexp)
    set -l response (env _GITEXP_COMPLETE=fish_complete COMP_WORDS=$typed \\
        COMP_CWORD=(commandline -t) gitexp)
    for completion in $response
        set -l metadata (string split ',' $completion)
        if test $metadata[1] = plain
            echo $metadata[2]
        end
    end
end

complete --command git --condition '__fish_seen_subcommand_from exp' \\
    --no-files --arguments '(_git_exp_completion)'
"""
_GIT_PARTS = {"bash": _GIT_BASH, "zsh": _GIT_ZSH, "fish": _GIT_FISH}


def script(shell: str, cli: click.Command) -> str:
    """Return the script that makes a shell complete `gitexp` and `git exp`."""
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None, shell
    made = completer(cli, {}, PROGRAM, VARIABLE)
    # `source()` would start the shell to ask for its version first.
    return made.source_template % made.source_vars() + _GIT_PARTS[shell]


def complete(cli: click.Command, instruction: str) -> int:
    """Answer a shell's question and return the exit code; failures stay silent."""
    from click.shell_completion import get_completion_class

    shell, _, action = instruction.partition("_")
    completer = get_completion_class(shell)
    if completer is None or action != "complete":
        return 1
    try:
        write_out(completer(cli, {}, PROGRAM, VARIABLE).complete() + "\n")
    except Exception:
        # Whatever it is, a person in the middle of typing a line cannot act on it.
        return 1
    return 0


def complete_experiments(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of experiments that begin like this."""
    return _items(_experiment_names(_directory(context)), incomplete)


def complete_environments(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of environments that begin like this."""
    return _items(_environment_names(_directory(context)), incomplete)


def complete_changes(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the ids of change requests with branches that begin like this."""
    return _items(_names_in_refs(_directory(context), "change"), incomplete)


def complete_either(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of experiments and environments that begin like this."""
    directory = _directory(context)
    names = _experiment_names(directory) | _environment_names(directory)
    return _items(names, incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _directory(context: click.Context) -> Path:
    chosen = context.find_root().params.get("directory")
    return Path.cwd() / chosen if chosen else Path.cwd()


def _experiment_names(directory: Path) -> set[str]:
    names = _names_in_refs(directory, "exp") | _names_in_files(directory)
    return names - _hidden_experiments(directory)


def _environment_names(directory: Path) -> set[str]:
    return _names_in_refs(directory, "env") | _declared_environments(directory)


def _names_in_refs(directory: Path, family: str) -> set[str]:
    """Return the last segments of the branches `FAMILY/PROJECT/NAME`, here and on remotes."""
    from gitexp.store.disk import DiskStore

    store = DiskStore.discover(directory)
    branches = store.refs(f"refs/heads/{family}/")
    tracked = [ref for ref in store.refs("refs/remotes/") if ref.split("/")[3:4] == [family]]
    return {ref.rsplit("/", 1)[1] for ref in [*branches, *tracked]}


def _names_in_files(directory: Path) -> set[str]:
    for parent in (directory, *directory.parents):
        if (parent / "gitexp.yaml").is_file():
            headers = parent.glob("experiments/*/experiment.yaml")
            return {header.parent.name for header in headers}
    return set()


def _hidden_experiments(directory: Path) -> set[str]:
    """Return the names of the experiments that others alone may read, as far as that is known."""
    from gitexp.errors import GitexpError
    from gitexp.experiments.namesakes import known_experiments
    from gitexp.experiments.permissions import readable
    from gitexp.opening import open_workspace
    from gitexp.project.groups import current_groups
    from gitexp.surroundings import Surroundings

    around = replace(Surroundings.of_process(), directory=directory)
    try:
        workspace = open_workspace(directory, project=None, surroundings=around, lenient=True)
        if not current_groups(workspace):
            return set()
        is_readable = readable(workspace)
        return {home.name for home, _ in known_experiments(workspace) if not is_readable(home)}
    except GitexpError:
        return set()


def _declared_environments(directory: Path) -> set[str]:
    from gitexp.repository import Repository
    from gitexp.surroundings import Surroundings

    repository = Repository.open(directory, surroundings=Surroundings(directory=directory))
    return set(repository.project.environments)
